"""The ASiC-E container: a zip whose manifest lists digests, and one CAdES signature over that manifest.

    mimetype                        first, stored
    release.json, release.pdf       what is released, in this order
    META-INF/ASiCManifest.xml       the digest of each of them
    META-INF/signature.p7s          the operator's signature over the manifest, not over the files
    META-INF/padding                zero bytes that bring the container to its size

Padding is not in the manifest because it takes up what the signature's own length leaves; readers accept
nothing but zeros there, so it can carry nothing. All entries are stored, never compressed: sizes stay
predictable, and no entry can be larger than the file. A reader writes the zip again and compares, so that
data between the entries or a second entry of one name cannot hide. Source: ETSI EN 319 162-1.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.crypto import suites
from broker.release.errors import DigestError, PackageError, ReleaseContentError

MIMETYPE = "application/vnd.etsi.asic-e+zip"
MANIFEST = "META-INF/ASiCManifest.xml"
SIGNATURE = "META-INF/signature.p7s"
PADDING = "META-INF/padding"
# ASiC reserves the zip's comment for this; sealing adds blanks to it (envelope.py).
COMMENT = f"mimetype={MIMETYPE}".encode("ascii")

_MIME_TYPES = {"release.json": "application/json", "release.pdf": "application/pdf"}
_SHA256_URI = "http://www.w3.org/2001/04/xmlenc#sha256"
_MANIFEST_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" '
    'xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
    f'<asic:SigReference URI="{SIGNATURE}" MimeType="application/pkcs7-signature"/>\n'
)
_MANIFEST_TAIL = "</asic:ASiCManifest>\n"
_REFERENCE = (
    '<asic:DataObjectReference URI="{name}" MimeType="{mime_type}">\n'
    f'<ds:DigestMethod Algorithm="{_SHA256_URI}"/>\n'
    "<ds:DigestValue>{digest}</ds:DigestValue>\n"
    "</asic:DataObjectReference>\n"
)
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Container:
    """What a container holds, its form checked and nothing else: neither signature nor digests."""

    files: Mapping[str, bytes]
    manifest: bytes
    signature: bytes


def write_container(files: Mapping[str, bytes], sign: Callable[[bytes], bytes], *, size: int) -> bytes:
    """Build a container of exactly `size` bytes; `sign` makes the detached signature over the manifest.

    Raises ReleaseContentError if the files do not fit.
    """
    manifest = write_manifest(files)
    entries = {
        "mimetype": MIMETYPE.encode("ascii"),
        **files,
        MANIFEST: manifest,
        SIGNATURE: sign(manifest),
        PADDING: b"",
    }
    missing = size - len(_write_zip(entries))
    if missing < 0:
        raise ReleaseContentError(f"The release is {-missing} bytes larger than a package of its kind may be.")
    return _write_zip(entries | {PADDING: bytes(missing)})


def read_container(package: bytes) -> Container:
    """Take a container apart; raise PackageError unless it is built exactly as ours are."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != zipfile.ZIP_STORED or info.file_size > len(package) for info in infos):
                raise PackageError("The container has compressed entries; ours never do.")
            entries = {info.filename: archive.read(info) for info in infos}
            comment = archive.comment
    # NotImplementedError is what zipfile raises for archive features it does not know, which ours never use.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, UnicodeDecodeError) as error:
        raise PackageError("The opened file is no zip container, or is damaged.") from error
    expected = ["mimetype", *_MIME_TYPES, MANIFEST, SIGNATURE, PADDING]
    if [info.filename for info in infos] != expected:
        raise PackageError(f"The container's entries are not exactly these, in this order: {', '.join(expected)}.")
    if entries["mimetype"] != MIMETYPE.encode("ascii"):
        raise PackageError("The container's mimetype is not that of an ASiC-E container.")
    if entries[PADDING].strip(b"\0"):
        raise PackageError("The container's padding holds something; ours is nothing but zero bytes.")
    if comment.rstrip(b" ") != COMMENT or with_comment(_write_zip(entries), comment) != package:
        raise PackageError("The container holds bytes that belong to no entry, or was written by another program.")
    return Container({name: entries[name] for name in _MIME_TYPES}, entries[MANIFEST], entries[SIGNATURE])


def write_manifest(files: Mapping[str, bytes]) -> bytes:
    """Write the manifest: always the same lines for the same files, so that a shell script can read it."""
    references = (
        _REFERENCE.format(name=name, mime_type=_MIME_TYPES[name], digest=_digest(data)) for name, data in files.items()
    )
    return (_MANIFEST_HEAD + "".join(references) + _MANIFEST_TAIL).encode("ascii")


def check_digests(container: Container) -> None:
    """Compare each file with the manifest, whose signature the caller has checked.

    Raises DigestError naming the first file that differs, PackageError if the manifest has another form.
    """
    for name, data in container.files.items():
        pattern = f'URI="{re.escape(name)}" .*\n.*\n<ds:DigestValue>(.*)</ds:DigestValue>\n'
        found = re.findall(pattern, container.manifest.decode("ascii", "replace"))
        if len(found) != 1:
            raise PackageError(f"The manifest does not list {name} exactly once.")
        if found[0] != _digest(data):
            raise DigestError(f"{name} is not the file that was signed. Do not use it; ask the operator.")
    if container.manifest != write_manifest(container.files):
        raise PackageError("The manifest lists something else than the files of this container.")


def without_ending(package: bytes) -> bytes:
    """Return a container as written here, without its ending: the comment's length and the comment."""
    return package[: -2 - len(COMMENT)]


def comment_of_length(count: int) -> bytes:
    """Return the container's ending of `count` bytes: the comment's length, the comment, blanks."""
    blanks = count - 2 - len(COMMENT)
    if not 0 <= blanks <= 0xFFFF - len(COMMENT):
        raise ReleaseContentError(f"A container's ending cannot have {count} bytes.")
    return struct.pack("<H", count - 2) + COMMENT + b" " * blanks


def with_comment(package: bytes, comment: bytes) -> bytes:
    """Return a container as written here, with another comment."""
    return without_ending(package) + struct.pack("<H", len(comment)) + comment


def _write_zip(entries: Mapping[str, bytes]) -> bytes:
    """Write a zip in which nothing depends on the day or the machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.create_system = 3
            info.external_attr = 0o100600 << 16
            archive.writestr(info, data)
        archive.comment = COMMENT
    return out.getvalue()


def _digest(data: bytes) -> str:
    return base64.b64encode(suites.sha256(data)).decode("ascii")

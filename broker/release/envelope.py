"""The release package: built, signed, padded, sealed to its recipient; and opened again.

1. release.json and release.pdf say the same thing, one to machines, one to people.
2. They go into an ASiC-E container signed by the operator (container.py). The recipient's key is named
   inside, so a recipient who seals the contents to somebody else cannot hide to whom they were given.
3. The container is padded and sealed with age to exactly `padded_size` bytes (sizes.py). Signed first, then
   sealed: who cannot open it cannot even see who signed.

Everything here is pure: no database, no clock. open_release.sh does what open_package does, with age, unzip
and openssl.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.crypto import age
from broker.crypto.cades import sign_detached, verify_detached
from broker.crypto.errors import SignatureError
from broker.crypto.seal_certificate import SealSigner, load_seal_certificate
from broker.release import sizes
from broker.release.container import (
    Container,
    check_digests,
    comment_of_length,
    read_container,
    without_ending,
    write_container,
)
from broker.release.content import FORMAT, VERSIONS, ReleaseContent
from broker.release.document import document_within
from broker.release.errors import (
    ForeignSealError,
    PackageError,
    ReleaseContentError,
    SealExpiredError,
    WrongRecipientError,
)


@dataclass(frozen=True)
class OpenedRelease:
    """A package that opened and passed every check; `release` is release.json as parsed."""

    release: Mapping[str, Any] = field(repr=False)
    document: bytes = field(repr=False)
    container: Container = field(repr=False)


def seal_release(content: ReleaseContent, signer: SealSigner, recipient: str) -> bytes:
    """Set, build, sign, pad and seal one release; the result has `padded_size` bytes.

    recipient: the age public key frozen at approval; its fingerprint must be the one in `content`.

    Raises ReleaseContentError if the content breaks a limit or names another key, SealCertificateError if the
    operator's seal is not valid at `content.issued_at`, RecipientKeyError for a bad key.
    """
    if age.recipient_fingerprint(recipient) != content.recipient.key_fingerprint:
        raise ReleaseContentError(
            f"Release {content.release_id} names another recipient key than the one it would be sealed to."
        )
    counts = len(content.lines), len(content.requested)
    document = document_within(content, limit=sizes.document_limit(*counts))
    package = build_package(content, document, signer, target_size=sizes.package_size(*counts))
    return seal_package(package, recipient, size=sizes.padded_size(*counts))


def build_package(content: ReleaseContent, document_pdf: bytes, signer: SealSigner, *, target_size: int) -> bytes:
    """Build the signed container of exactly `target_size` bytes.

    Raises ReleaseContentError if it does not fit, SealCertificateError if the seal is not valid at that time.
    """
    return write_container(
        {"release.json": content.to_json(), "release.pdf": document_pdf},
        lambda manifest: sign_detached(manifest, signer, signed_at=content.issued_at),
        size=target_size,
    )


def seal_package(package: bytes, recipient: str, *, size: int) -> bytes:
    """Seal a container so that the age file has exactly `size` bytes.

    age adds some random bytes to its header; blanks at the end of the container's comment make up for them.

    Raises SealError if that size cannot be met; RecipientKeyError for a bad key.
    """
    return age.seal_to_size(recipient, without_ending(package), size=size, ending=comment_of_length)


def open_package(sealed: bytes, identity: str, *, operator_certificate: bytes) -> OpenedRelease:
    """Open a package as its recipient and check all that can be checked without the operator.

    identity: the recipient's age secret key. operator_certificate: the operator's seal certificate, PEM,
    which the recipient got over another channel.

    Raises UnsealError (another key, cut short, altered), PackageError (not built as ours), ForeignSealError
    (not signed by that certificate), DigestError (a file is not the signed one), WrongRecipientError
    (addressed to another key), SealExpiredError (issued outside the certificate's validity).
    """
    container = read_container(age.unseal_with(identity, sealed))
    try:
        verify_detached(container.manifest, container.signature, certificate_pem=operator_certificate)
    except SignatureError as error:
        raise ForeignSealError(f"The package was not signed by this operator: {error}") from error
    check_digests(container)
    release = _read_release(container.files["release.json"])
    try:
        named, issued_at = (
            release["recipient"]["key_fingerprint"],
            datetime.fromisoformat(release["issued_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PackageError("release.json lacks the recipient's key or the time of issue.") from error
    if named != age.recipient_fingerprint(age.public_key_of(identity)):
        raise WrongRecipientError(
            "This release is addressed to another key: it was opened by its recipient and passed on. "
            "Its use by anybody else is not covered by the order."
        )
    certificate = load_seal_certificate(operator_certificate)
    if not certificate.not_valid_before_utc <= issued_at <= certificate.not_valid_after_utc:
        raise SealExpiredError("The operator's seal certificate was not valid when this release says it was issued.")
    return OpenedRelease(release, container.files["release.pdf"], container)


def _read_release(data: bytes) -> Mapping[str, Any]:
    try:
        release = json.loads(data)
    except ValueError:
        # The cause is dropped on purpose: it quotes the document.
        raise PackageError("release.json is not JSON.") from None
    if not isinstance(release, dict) or release.get("format") != FORMAT or release.get("version") not in VERSIONS:
        raise PackageError(f"release.json is not a {FORMAT} of version 1 to {VERSIONS[-1]}; use a newer opener.")
    return release

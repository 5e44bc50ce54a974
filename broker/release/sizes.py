"""How large a package is: a matter of how much was asked, never of what was found.

An answer, a miss and a late refusal with the same number of lines and requested categories have the same
size to the byte, in steps of 4 KiB. Each part therefore has an upper bound that its longest possible content
fits in; tests hold the bounds against such content. Source: security.md 6, row 17.
"""

from __future__ import annotations

from broker.crypto import age
from broker.release.content import MAX_CATEGORIES, MAX_FIELD_BYTES, MAX_LINES
from broker.release.errors import ReleaseContentError

STEP_BYTES = 4096
# More lines than this are only in release.json: nobody reads them on paper, and the size stays bounded.
MAX_DOCUMENT_LINES = 200

_JSON_FIXED = 12 * 1024
_JSON_LINE = 1168
_JSON_CATEGORY = MAX_FIELD_BYTES + 96
# Measured with text of as many different glyphs as fit: an outline costs more than its place on a page.
_DOCUMENT_FIXED = 144 * 1024
_DOCUMENT_LINE = 3 * 1024
_DOCUMENT_CATEGORY = 7 * 512
_SIGNATURE = 16 * 1024
_CONTAINER = 4 * 1024
_COMMENT = 128


def document_limit(line_count: int, category_count: int) -> int:
    """Return the most bytes release.pdf may have."""
    lines = min(line_count, MAX_DOCUMENT_LINES)
    return _DOCUMENT_FIXED + lines * (_DOCUMENT_LINE + category_count * _DOCUMENT_CATEGORY)


def json_limit(line_count: int, category_count: int) -> int:
    """Return the most bytes release.json can have."""
    return _JSON_FIXED + line_count * (_JSON_LINE + category_count * _JSON_CATEGORY)


def package_size(line_count: int, category_count: int) -> int:
    """Return the bytes of the padded container, before it is sealed."""
    _check(line_count, category_count)
    parts = json_limit(line_count, category_count) + document_limit(line_count, category_count)
    return _round_up(parts + _SIGNATURE + _CONTAINER)


def padded_size(line_count: int, category_count: int) -> int:
    """Return the bytes of the sealed package: a multiple of 4096.

    line_count: lines in the release, 1 to MAX_LINES. category_count: categories requested, 1 to
    MAX_CATEGORIES.

    Raises ReleaseContentError outside these ranges.
    """
    package = package_size(line_count, category_count)
    room = age.MAXIMUM_HEADER_BYTES + _COMMENT
    size = _round_up(age.sealed_length(room, package))
    # An age file cannot have every length: one byte more of plaintext can cost a whole chunk's tag as well.
    # Keep away from these steps for every length that the header may have.
    while (size - age.PAYLOAD_NONCE_BYTES) % age.SEALED_CHUNK_BYTES <= room:
        size += STEP_BYTES
    return size


def _check(line_count: int, category_count: int) -> None:
    if not (1 <= line_count <= MAX_LINES and 1 <= category_count <= MAX_CATEGORIES):
        raise ReleaseContentError(
            f"No package holds {line_count} lines of {category_count} categories; split the tranche into "
            f"packages of at most {MAX_LINES} lines and {MAX_CATEGORIES} categories."
        )


def _round_up(count: int) -> int:
    return -(-count // STEP_BYTES) * STEP_BYTES

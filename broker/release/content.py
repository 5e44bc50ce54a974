"""What a release says: the dataclasses behind release.json, their limits, and its one way of being written.

Everything has an upper bound, because a package's size must not tell an answer from a refusal (sizes.py).
The form is versioned; readers refuse a version they do not know. Not here: the PDF (document.py), the
container, sealing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from broker.identities.sites import CONTRACT
from broker.intake.observation import PROTOCOLS
from broker.release.errors import ReleaseContentError
from broker.release.which_address import SENTENCES, WhichAddress

FORMAT = "disclosure-release"
# Since 2 every postal address says which one it is. Openers read all of these.
VERSION = 2
VERSIONS = (1, 2)
MAX_LINES = 10_000
MAX_CATEGORIES = 16
# Counted as JSON writes the text in UTF-8, quotes included. Importers of subscribers hold to the same limit.
MAX_FIELD_BYTES = 512
MAX_EXPLANATION_BYTES = 256
MAX_CODE_BYTES = 64
MAX_TEXT_BYTES = 512
MAX_TERMS_BYTES = 1024

NOTICE = (
    "Where a line names somebody, that is the holder of the connection to whom the address was assigned at the time "
    "given. It does not say who used the connection, and it is no finding that this person did anything."
)

_CODE = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class LineOutcome(StrEnum):
    """Whether a line is answered with a name or with a reason why there is none."""

    IDENTIFIED = "identified"
    NOT_IDENTIFIED = "not-identified"


@dataclass(frozen=True)
class ReleaseOrder:
    """The order a release rests on; `sha256` is of the document as received, in hexadecimal."""

    court: str
    file_number: str
    sha256: str
    issued_on: date
    legal_basis: str


@dataclass(frozen=True)
class ReleaseRecipient:
    """Who may read the release; the fingerprint is `recipient_fingerprint` of the key frozen at approval."""

    organisation: str
    key_fingerprint: str


@dataclass(frozen=True)
class ReleaseTerms:
    """What the recipient may do with the data and how long to keep it; empty: as the order says."""

    use: str
    retention: str


@dataclass(frozen=True)
class ReleasePack:
    """The rule pack that the last assessment used, by its two digests. review: who of its place reviewed it, if so."""

    id: str
    text_hash: str
    meaning_hash: str
    review: str


@dataclass(frozen=True)
class ReleaseLine:
    """The answer to one line of the request.

    protocol: of the port, "" where the order names none. observed_at: aware. window: [from, until) the address had to
    be held by one subscriber, aware, or None.
    reason: a code, e.g. `ambiguous`; required when nobody is identified. explanation: the same for a reader.
    subscriber: category -> value, granted categories only; empty when nobody is identified. address_is: what the postal
    address among them is; None exactly where there is none.
    """

    line: int
    address: str
    source_port: int | None
    observed_at: datetime
    outcome: LineOutcome
    reason: str
    window: tuple[datetime, datetime] | None = None
    explanation: str = ""
    subscriber: Mapping[str, str] = field(default_factory=dict, repr=False)
    address_is: WhichAddress | None = None
    protocol: str = ""


@dataclass(frozen=True)
class ReleaseContent:
    """A whole release; `requested` are the categories asked for, whose number decides the package's size."""

    release_id: UUID
    request_reference: str
    operator: str
    order: ReleaseOrder
    recipient: ReleaseRecipient
    issued_at: datetime
    requested: tuple[str, ...]
    terms: ReleaseTerms
    pack: ReleasePack
    lines: tuple[ReleaseLine, ...] = field(repr=False)

    def to_json(self) -> bytes:
        """Write release.json: UTF-8, one key to a line, the same bytes for the same content.

        Raises ReleaseContentError if a field is missing, too long or not allowed; it names the field only.
        """
        check_content(self)
        return (json.dumps(self.as_dict(), ensure_ascii=False, indent=1) + "\n").encode("utf-8")

    def as_dict(self) -> dict[str, object]:
        """Return what release.json holds, in its order; times are UTC with a Z."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "release_id": str(self.release_id),
            "request_reference": self.request_reference,
            "operator": self.operator,
            "issued_at": _instant(self.issued_at),
            "order": {
                "court": self.order.court,
                "file_number": self.order.file_number,
                "sha256": self.order.sha256,
                "issued_on": self.order.issued_on.isoformat(),
                "legal_basis": self.order.legal_basis,
            },
            "recipient": {
                "organisation": self.recipient.organisation,
                "key_fingerprint": self.recipient.key_fingerprint,
            },
            "notice": NOTICE,
            "terms": {"use": self.terms.use, "retention": self.terms.retention},
            "pack": {
                "id": self.pack.id,
                "text_hash": self.pack.text_hash,
                "meaning_hash": self.pack.meaning_hash,
                "review": self.pack.review,
            },
            "requested": sorted(self.requested),
            "lines": [_line_as_dict(line) for line in self.lines],
        }


def field_problem(value: str, *, limit: int = MAX_FIELD_BYTES) -> str | None:
    """Say why a text cannot be part of a release, or None. Importers ask this before they seal a record."""
    if not value.strip():
        return "is empty"
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n" for sign in value):
        return "contains control characters"
    if _encoded_bytes(value) > limit:
        return f"is longer than {limit} bytes"
    return None


def check_content(content: ReleaseContent) -> None:
    """Raise ReleaseContentError for the first thing a release may not hold. Values are never quoted."""
    _check_code("pack.id", content.pack.id)
    _check_text("request_reference", content.request_reference, MAX_TEXT_BYTES)
    _check_text("operator", content.operator, MAX_TEXT_BYTES)
    _check_text("order.court", content.order.court, MAX_TEXT_BYTES)
    _check_text("order.file_number", content.order.file_number, MAX_TEXT_BYTES)
    _check_text("order.legal_basis", content.order.legal_basis, MAX_TEXT_BYTES)
    _check_text("recipient.organisation", content.recipient.organisation, MAX_TEXT_BYTES)
    if content.terms.use:
        _check_text("terms.use", content.terms.use, MAX_TERMS_BYTES)
    if content.terms.retention:
        _check_text("terms.retention", content.terms.retention, MAX_TERMS_BYTES)
    _check_digest("order.sha256", content.order.sha256)
    _check_digest("recipient.key_fingerprint", content.recipient.key_fingerprint)
    _check_digest("pack.text_hash", content.pack.text_hash)
    _check_digest("pack.meaning_hash", content.pack.meaning_hash)
    _check_text("pack.review", content.pack.review, MAX_TERMS_BYTES)
    _check_aware("issued_at", content.issued_at)
    if not 1 <= len(content.requested) <= MAX_CATEGORIES or len(set(content.requested)) != len(content.requested):
        raise ReleaseContentError(f"requested: expected 1 to {MAX_CATEGORIES} different categories.")
    for category in content.requested:
        _check_code("requested", category)
    if not 1 <= len(content.lines) <= MAX_LINES:
        raise ReleaseContentError(f"lines: expected 1 to {MAX_LINES}, got {len(content.lines)}.")
    if len({line.line for line in content.lines}) != len(content.lines):
        raise ReleaseContentError("lines: a line number occurs twice.")
    for line in content.lines:
        _check_line(line, content.requested)


def _check_line(line: ReleaseLine, requested: tuple[str, ...]) -> None:
    where = f"lines[{line.line}]"
    if not 1 <= line.line <= 999_999_999:
        raise ReleaseContentError("lines: line numbers run from 1 to 999999999.")
    if not re.fullmatch(r"[0-9a-f.:]{2,45}", line.address):
        raise ReleaseContentError(f"{where}.address: expected an address in its normal form.")
    if line.source_port is not None and not 0 < line.source_port < 65536:
        raise ReleaseContentError(f"{where}.source_port: expected 1 to 65535.")
    if line.protocol not in ("", *PROTOCOLS):
        raise ReleaseContentError(f"{where}.protocol: expected one of {', '.join(PROTOCOLS)}, or none.")
    _check_aware(f"{where}.observed_at", line.observed_at)
    for instant in line.window or ():
        _check_aware(f"{where}.window", instant)
    if line.explanation:
        _check_text(f"{where}.explanation", line.explanation, MAX_EXPLANATION_BYTES)
    _check_code(f"{where}.reason", line.reason)
    if (line.outcome is LineOutcome.IDENTIFIED) != bool(line.subscriber):
        raise ReleaseContentError(f"{where}: subscriber data belongs to identified lines, all of them and only them.")
    if (CONTRACT in line.subscriber) != (line.address_is is not None):
        raise ReleaseContentError(f"{where}: a postal address, and nothing else, says which address it is.")
    for category, value in line.subscriber.items():
        if category not in requested:
            raise ReleaseContentError(f"{where}: a category was not requested and must not be released.")
        _check_text(f"{where}.subscriber.{category}", value, MAX_FIELD_BYTES)


def _line_as_dict(line: ReleaseLine) -> dict[str, object]:
    return {
        "line": line.line,
        "address": line.address,
        "source_port": line.source_port,
        "protocol": line.protocol or None,
        "observed_at": _instant(line.observed_at),
        "outcome": str(line.outcome),
        "reason": line.reason,
        "explanation": line.explanation,
        "window": line.window and {"from": _instant(line.window[0]), "until": _instant(line.window[1])},
        "subscriber": {category: line.subscriber[category] for category in sorted(line.subscriber)},
        "address_is": None if line.address_is is None else str(line.address_is),
        "address_note": "" if line.address_is is None else SENTENCES[line.address_is],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _encoded_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _check_text(where: str, text: str, limit: int) -> None:
    problem = field_problem(text, limit=limit)
    if problem:
        raise ReleaseContentError(f"{where}: {problem}.")


def _check_code(where: str, code: str) -> None:
    if len(code) > MAX_CODE_BYTES or not _CODE.fullmatch(code):
        raise ReleaseContentError(f"{where}: expected a code of small letters, digits, hyphens and dots.")


def _check_digest(where: str, digest: str) -> None:
    if not _SHA256.fullmatch(digest):
        raise ReleaseContentError(f"{where}: expected a SHA-256 as 64 hexadecimal digits.")


def _check_aware(where: str, at: datetime) -> None:
    if at.tzinfo is None:
        raise ReleaseContentError(f"{where}: expected a time with its offset.")

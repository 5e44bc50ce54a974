"""Read a file of subscribers: CSV rows to identities, every defect located by line and never quoted. Pure.

Not here: sealing and storing them (`broker.identities.services`).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from broker.csv_rows import CsvRow, Problems
from broker.identities import sites

REFERENCE_COLUMN = "subscriber"
COLUMNS = (REFERENCE_COLUMN, "name", "postal-address", "email", "phone", "account-id")
# Further data categories of the rule packs that describe a person. Traffic, location and content are not
# among them: they have no place in an identity, and no column here can bring them in.
# The postal address is the contract's, where its bills go; where the connection is installed stands by itself.
FURTHER_COLUMNS = frozenset({"billing", "contract-meta", "device-ids", "id-document"}) | sites.COLUMNS

# Counted as a release counts it: as JSON writes the value in UTF-8, quotes included.
MAX_VALUE_BYTES = 512

_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Marks that turn the direction of the text after them: with these a document could show another name than the
# one that is stored. Names in scripts written from right to left do not need them.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One line: an opaque reference, and the identity by data category, without those that have no value.

    Beside the address of the installation stand the times for which it counts; they are no category.
    """

    line: int
    reference: str
    identity: Mapping[str, str] = field(repr=False)

    def plaintext(self) -> bytes:
        """Write the identity as canonical JSON: sorted keys, no spaces, UTF-8."""
        return canonical(self.identity)


def canonical(identity: Mapping[str, str]) -> bytes:
    """Write an identity in its one form."""
    text = json.dumps(identity, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def read_subscribers(rows: Iterable[CsvRow], problems: Problems, now: datetime) -> Iterator[Subscriber]:
    """Yield the rows that are right; what is wrong with the others goes to `problems`. now: aware.

    A reference given twice is reported with both lines: which of them is the person is not ours to say.
    """
    first_lines: dict[str, int] = {}
    for row in rows:
        before = problems.count
        reference = row.values[REFERENCE_COLUMN]
        if not _REFERENCE.fullmatch(reference):
            problems.add(
                "subscriber.reference",
                REFERENCE_COLUMN,
                "Expected 1 to 64 letters, digits, dots, underscores or hyphens that name nobody.",
                row.line,
            )
        elif (first := first_lines.setdefault(reference, row.line)) != row.line:
            problems.add(
                "subscriber.duplicate",
                REFERENCE_COLUMN,
                f"This reference is also on line {first}. Keep one of the two lines.",
                row.line,
            )
        identity = {category: value for category, value in row.values.items() if category != REFERENCE_COLUMN and value}
        for category, value in identity.items():
            if defect := value_problem(value):
                problems.add("subscriber.value", category, defect, row.line)
        if "name" not in identity:
            problems.add("subscriber.name", "name", "A subscriber needs a name.", row.line)
        identity |= sites.check_site(identity, row.line, now, problems)
        if problems.count == before:
            yield Subscriber(row.line, reference, identity)


def value_problem(value: str) -> str | None:
    """Say why a value cannot be part of an identity, or None. Everything else is kept as it was received."""
    if not value.strip():
        return "The value is only white space. Leave it empty if there is none."
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n" for sign in value):
        return "The value contains control characters. Remove them; a new line is written as LF alone."
    if not _DIRECTION_MARKS.isdisjoint(value):
        return "The value contains marks that turn the direction of text. Remove them."
    if len(json.dumps(value, ensure_ascii=False).encode("utf-8")) > MAX_VALUE_BYTES:
        return f"The value is longer than {MAX_VALUE_BYTES} bytes."
    return None

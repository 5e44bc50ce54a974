"""The lines of a request as they are sent: read strictly, every defect named with its line, nothing mended."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

from broker.csv_rows import CsvFile, Problems
from broker.errors import Problem
from broker.intake.observation import ObservationError, parse_address, parse_instant, parse_port, parse_protocol

CSV_HEADER = ("address", "source_port", "observed_at", "evidence")
# What may follow.
CSV_FURTHER = ("protocol",)

# The law is asked once for each day, with and without a port, in about 30 ms, and all of it within one task.
MOST_DAYS = 750

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as it was read: address normalised, instant in UTC, granularity in seconds."""

    address: str
    source_port: int | None
    protocol: str
    observed_at: datetime
    observed_text: str
    unit_seconds: Decimal
    evidence: str


def read_csv(content: bytes) -> list[dict[str, str]]:
    """Read lines from a CSV file into the shape of `file_request`; what the values mean is checked there.

    content: UTF-8 (a byte order mark is fine), commas, the header CSV_HEADER, which CSV_FURTHER may follow. Raises
    InputError for another encoding, delimiter, header or number of values, each with its line.
    """
    problems = Problems()
    rows = [row.values for row in CsvFile(io.BytesIO(content), CSV_HEADER, CSV_FURTHER).rows(problems)]
    problems.refuse()
    return rows


def read_lines(value: object, problems: list[Problem]) -> list[NewLine]:
    """Read the lines of a request strictly; every defect is reported with its line number, none is mended."""
    limit = settings.REQUEST_MAX_LINES
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        problems.append(Problem("lines.count", "lines", f"Give 1 to {limit:,} lines."))
        return []
    now = timezone.now()
    lines: list[NewLine] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, item in enumerate(value, start=1):
        line = _read_line(item, number, now, problems)
        if line is None:
            continue
        key = (line.address, line.source_port, line.protocol, line.observed_at)
        if key in seen:
            problems.append(
                Problem("line.duplicate", "lines", f"The same as line {seen[key]}. Remove one of them.", number)
            )
        seen.setdefault(key, number)
        lines.append(line)
    days = {line.observed_at.date() for line in lines}
    if len(days) > MOST_DAYS:
        problems.append(
            Problem(
                "lines.days",
                "lines",
                f"The lines fall on {len(days):,} different days in UTC, and a request may have {MOST_DAYS:,}. File "
                "them as several requests, each for a part of the time.",
            )
        )
    return lines


def _read_line(item: object, number: int, now: datetime, problems: list[Problem]) -> NewLine | None:
    known = (*CSV_HEADER, *CSV_FURTHER)
    if not isinstance(item, Mapping) or set(item) - set(known):
        problems.append(
            Problem("line.shape", "lines", f"A line has the fields {', '.join(known)} and no others.", number)
        )
        return None
    before = len(problems)

    def read(field: str, parse: Any) -> Any:
        try:
            return parse()
        except ObservationError as error:
            problems.append(Problem(error.code, field, str(error), number))
            return None

    def text(field: str) -> str:
        value = item.get(field)
        return "" if value is None else str(value).strip()

    address = read(
        "address",
        lambda: parse_address(text("address"), allow_documentation=settings.ALLOW_DOCUMENTATION_ADDRESSES),
    )
    port = read("source_port", lambda: parse_port(text("source_port")) if text("source_port") else None)
    protocol = read("protocol", lambda: parse_protocol(text("protocol")))
    instant = read("observed_at", lambda: parse_instant(text("observed_at"), now))
    evidence = text("evidence")
    if not evidence.isprintable() or not 1 <= len(evidence) <= 200:
        problems.append(
            Problem("evidence.text", "evidence", "Name the evidence in 1 to 200 characters, such as A-17.", number)
        )
    if len(problems) > before:
        return None
    return NewLine(
        address=str(address),
        source_port=port,
        protocol=protocol,
        observed_at=instant.value,
        observed_text=text("observed_at"),
        unit_seconds=Decimal(str(instant.unit)),
        evidence=evidence,
    )

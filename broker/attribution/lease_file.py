"""Read a file of leases: CSV rows to typed rows, every defect located. Pure.

Not here: storing them (`broker.attribution.lease_import`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from broker.attribution.verdict import Provenance
from broker.csv_rows import CsvRow, Problems
from broker.intake.observation import ObservationError, parse_address, parse_instant
from broker.leases.rows import LONGEST

COLUMNS = ("address", "port_from", "port_to", "valid_from", "valid_to", "subscriber", "provenance")

_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
_PROVENANCES = frozenset(Provenance)


class LeaseRow(NamedTuple):
    """One line: address in its normal form, ports both or none, [valid_from, valid_to) in UTC.

    valid_to None: the lease was still open when the file was written.
    """

    line: int
    address: str
    port_from: int | None
    port_to: int | None
    valid_from: datetime
    valid_to: datetime | None
    subscriber: str
    provenance: str


def read_leases(rows: Iterable[CsvRow], now: datetime, problems: Problems) -> Iterator[LeaseRow]:
    """Yield the rows that are right; what is wrong with the others goes to `problems`.

    now: aware; a lease that begins later is refused, one that ends later is a lease with its expiry. Neither end may
        lie further from now than the store goes.
    """
    for row in rows:
        before = problems.count
        lease = _read(row, now, problems)
        if problems.count == before and lease is not None:
            yield lease


def _read(row: CsvRow, now: datetime, problems: Problems) -> LeaseRow | None:
    """Check every column of one row, so that all its defects are named at once."""
    values, line = row.values, row.line
    address: str | None = None
    try:
        address = _address(values["address"])
    except ObservationError as error:
        problems.append(error.problem("address", line))
    ports = _ports(values["port_from"], values["port_to"], line, problems)
    valid_from = _instant("valid_from", values, line, now, problems)
    if valid_from is not None and valid_from < now - LONGEST:
        problems.add(
            "lease.too-old",
            "valid_from",
            "The lease began more than 19 years ago. Mend the date, or leave the row out: nothing so old is kept.",
            line,
        )
    valid_to = None
    if values["valid_to"]:
        # A lease may expire in the future; `datetime.max` therefore stands in for now.
        valid_to = _instant("valid_to", values, line, datetime.max.replace(tzinfo=now.tzinfo), problems)
        if valid_from is not None and valid_to is not None and valid_to <= valid_from:
            problems.add(
                "lease.interval",
                "valid_to",
                "The lease ends before or when it begins. Leave valid_to empty if it is still open.",
                line,
            )
        if valid_to is not None and valid_to > now + LONGEST:
            problems.add(
                "lease.too-far",
                "valid_to",
                "The lease would end more than 19 years from now. Mend the date, or leave it empty if it has no end.",
                line,
            )
    if not _REFERENCE.fullmatch(values["subscriber"]):
        problems.add(
            "subscriber.reference",
            "subscriber",
            "Expected 1 to 64 letters, digits, dots, underscores or hyphens that name nobody.",
            line,
        )
    if values["provenance"] not in _PROVENANCES:
        problems.add("lease.provenance", "provenance", f"Expected one of: {', '.join(Provenance)}.", line)
    if address is None or valid_from is None:
        return None
    return LeaseRow(line, address, *ports, valid_from, valid_to, values["subscriber"], values["provenance"])


@lru_cache(maxsize=65_536)
def _address(text: str) -> str:
    """Give the normal form; logs repeat their addresses, so each is parsed once."""
    # The documentation ranges are no defect of a log: the demo and every test lab use them.
    return str(parse_address(text, allow_documentation=True))


def _ports(first: str, last: str, line: int, problems: Problems) -> tuple[int | None, int | None]:
    if not first and not last:
        return None, None
    if _PORT.fullmatch(first) and _PORT.fullmatch(last) and int(first) <= int(last) <= 65535:
        return int(first), int(last)
    problems.add(
        "lease.ports",
        "port_from" if not _PORT.fullmatch(first) else "port_to",
        "Expected the first and the last port of the block, 0 to 65535 in this order, or both empty.",
        line,
    )
    return None, None


def _instant(column: str, values: dict[str, str], line: int, now: datetime, problems: Problems) -> datetime | None:
    try:
        return parse_instant(values[column], now).value
    except ObservationError as error:
        problems.append(error.problem(column, line))
        return None

"""Lease files for tests, in memory."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from broker.attribution.lease_file import COLUMNS
from broker.attribution.lease_import import LeaseImportReport, import_leases
from broker.leases.models import AddressPlan

HEADER = ",".join(COLUMNS)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def lease_file(*rows: str) -> io.BytesIO:
    """Give a file with the header and these rows."""
    return io.BytesIO("\n".join([HEADER, *rows, ""]).encode("utf-8"))


def plan(*rows: tuple[str, str], since: datetime = datetime(2020, 1, 1, tzinfo=UTC)) -> None:
    """Say that these prefixes are the operator's: (prefix, sharing), until further notice."""
    AddressPlan.objects.bulk_create(
        AddressPlan(prefix=prefix, from_at=since, to_at=None, sharing=sharing) for prefix, sharing in rows
    )


OURS = tuple((prefix, "dedicated") for prefix in ("198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))


def store(
    *rows: str,
    source: str = "default",
    complete_from: datetime | None = datetime(2026, 1, 1, tzinfo=UTC),
    complete_until: datetime | None = NOW,
) -> LeaseImportReport:
    """Import these rows as a file that is complete for the year so far, unless told otherwise.

    Without an address plan, the documentation ranges become the operator's, one subscriber for each address.
    """
    if not AddressPlan.objects.exists():
        plan(*OURS)
    return import_leases(
        lease_file(*rows),
        source=source,
        now=NOW,
        complete_from=complete_from,
        complete_until=complete_until,
    )

"""Lease files for tests, in memory."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from broker.attribution.lease_file import COLUMNS
from broker.attribution.lease_import import LeaseImportReport, import_leases

HEADER = ",".join(COLUMNS)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def lease_file(*rows: str) -> io.BytesIO:
    """Give a file with the header and these rows."""
    return io.BytesIO("\n".join([HEADER, *rows, ""]).encode("utf-8"))


def store(
    *rows: str,
    source: str = "default",
    complete_from: datetime | None = datetime(2026, 1, 1, tzinfo=UTC),
    complete_until: datetime | None = NOW,
) -> LeaseImportReport:
    """Import these rows as a file that is complete for the year so far, unless told otherwise."""
    return import_leases(
        lease_file(*rows),
        source=source,
        now=NOW,
        complete_from=complete_from,
        complete_until=complete_until,
    )

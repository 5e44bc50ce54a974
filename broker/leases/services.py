"""Store one file of leases, whole or not at all.

Not here: what a file looks like, and the event that says it was imported (`broker.attribution.lease_import`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from broker.leases import queries
from broker.leases.models import LeaseImport
from broker.leases.overlaps import Held, overlapping_lines

STORE = "leases"
# Any number that nothing else in this database locks: imports run one after the other, so that each sees the
# rows of the one before when it looks for overlaps.
_IMPORT_LOCK = 7_301_001
_FETCH = 5_000


@dataclass(frozen=True, slots=True)
class StagedLeases:
    """What a file holds, before it is stored: rows, and the first and last of its stamps, in UTC."""

    row_count: int
    first_at: datetime
    last_at: datetime


def find_import(sha256: str) -> LeaseImport | None:
    """Find the import of a file with these very bytes."""
    return LeaseImport.objects.using(STORE).filter(sha256=sha256).first()


def lock_imports() -> None:
    """Wait until no other import is running; held to the end of the transaction."""
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])


def stage_leases(rows: Iterable[tuple[Any, ...]], now: datetime) -> StagedLeases | None:
    """Copy rows into a table of this transaction only; None if there were none.

    rows: (line, address, port_from, port_to, valid_from, valid_to, subscriber, provenance).
    """
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.STAGE)
        count = 0
        with cursor.copy(queries.COPY_STAGED) as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        cursor.execute(queries.STAGED_SPAN, {"now": now})
        first_at, last_at = cursor.fetchone()
    return StagedLeases(count, first_at, last_at) if count else None


def store_staged(
    *,
    sha256: str,
    source: str,
    staged: StagedLeases,
    complete_from: datetime,
    complete_until: datetime,
    started_at: datetime,
    finished_at: datetime,
) -> tuple[LeaseImport, list[int]]:
    """Store what was staged; give the import and the lines that overlap rows of other subscribers.

    Overlapping rows are stored like all others: only who asks for an instant can tell what they mean for it.
    """
    import_id = uuid.uuid4()
    parameters: dict[str, Any] = {
        "import_id": import_id,
        "source": source,
        "now": started_at,
        "complete_until": complete_until,
    }
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.STORE_STAGED, parameters)
        if cursor.rowcount != staged.row_count:
            # Lost rows would turn into wrong answers; count in must be count out at every stage.
            raise RuntimeError(f"{staged.row_count} rows staged, {cursor.rowcount} stored")
    # Without this the planner still thinks that both tables are empty.
    with connections[STORE].cursor() as cursor:
        cursor.execute("ANALYZE lease_staging")
    overlaps = sorted(overlapping_lines(_neighbourhood(import_id)))
    with connections[STORE].cursor() as cursor:
        # Gone at commit in any case; a caller with several imports in one transaction needs it gone now.
        cursor.execute("DROP TABLE lease_staging")
    stored = LeaseImport.objects.using(STORE).create(
        id=import_id,
        source=source,
        sha256=sha256,
        row_count=staged.row_count,
        overlap_count=len(overlaps),
        complete_from=complete_from,
        complete_until=complete_until,
        started_at=started_at,
        finished_at=finished_at,
    )
    return stored, overlaps


def _neighbourhood(import_id: uuid.UUID) -> Iterator[Held]:
    with connections[STORE].chunked_cursor() as cursor:
        cursor.execute(queries.NEIGHBOURHOOD, {"import_id": import_id})
        while rows := cursor.fetchmany(_FETCH):
            for address, valid_from, valid_to, port_from, port_to, subscriber, pos in rows:
                ports = None if port_from is None else (port_from, port_to)
                yield Held(address, valid_from, valid_to, ports, subscriber, pos)

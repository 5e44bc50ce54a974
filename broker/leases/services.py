"""Store evidence: months for it to stand in, rows, what is complete, and what expires.

Not here: what a file looks like, and the event that says it was imported (`broker.attribution`).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.models import Max

from broker.leases import hold_queries, queries
from broker.leases.models import REFERENCE, LeaseImport, LeaseSource
from broker.leases.rows import LONGEST, NewRow

STORE = "leases"
# Any number that nothing else in this database locks: imports run one after the other, so that each sees the
# rows of the one before when it looks for overlaps.
_IMPORT_LOCK = 7_301_001
# Translation inside translation has not been seen in a provider's network; a loop must end.
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class StagedLeases:
    """What a file holds, before it is stored: rows, and the first and last of its stamps, in UTC."""

    row_count: int
    first_at: datetime
    last_at: datetime


def is_reference(text: str) -> bool:
    """Tell whether a text has the form of an opaque reference."""
    return re.fullmatch(REFERENCE, text) is not None


def find_import(sha256: str) -> LeaseImport | None:
    """Find the import of a file with these very bytes."""
    return LeaseImport.objects.using(STORE).select_related("source").filter(sha256=sha256).first()


def lock_imports() -> None:
    """Wait until no other import is running; held to the end of the transaction."""
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])


def source_named(name: str) -> LeaseSource:
    """Find a source, or make it: one nobody has described yet serves always and is as exact as its stamps."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO lease_source (name, realm, worst_offset, derived, coverage, clocks, serial)
            VALUES (%s, '', interval '1 second', false, '{}', '{}', 0) ON CONFLICT (name) DO NOTHING
            """,
            [name],
        )
    return LeaseSource.objects.using(STORE).get(name=name)


def stage(rows: Iterable[NewRow], now: datetime) -> StagedLeases | None:
    """Copy rows into a table of this transaction only; None if there were none."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.STAGE)
        count = 0
        with cursor.copy(queries.COPY_STAGED) as copy:
            copy.set_types(queries.STAGE_TYPES)
            write = copy.write_row
            for row in rows:
                write(row)
                count += 1
        cursor.execute(queries.STAGED_SPAN, {"now": now})
        first_at, last_at = cursor.fetchone()
    return StagedLeases(count, first_at or now, last_at or now) if count else None


def store_file(
    *,
    sha256: str,
    source: LeaseSource,
    staged: StagedLeases,
    complete_from: datetime,
    complete_until: datetime,
    stated: bool,
    started_at: datetime,
    finished_at: datetime,
) -> tuple[LeaseImport, list[int]]:
    """Store what was staged as one whole file; give the import and the lines that overlap rows of other holders.

    stated: somebody says that it holds everything in its span; otherwise its silence proves nothing.
    Overlapping rows are stored like all others: only who asks for an instant can tell what they mean for it.
    """
    imported = LeaseImport.objects.using(STORE).create(
        source=source,
        sha256=sha256,
        row_count=staged.row_count,
        complete_from=complete_from,
        complete_until=complete_until,
        started_at=started_at,
        finished_at=finished_at,
    )
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.LIMIT_OPEN, {"complete_until": complete_until, "now": started_at})
    store_staged(source.pk, imported.pk, staged, now=started_at)
    overlaps = staged_overlaps()
    cover(source.pk, complete_from, complete_until, stated=stated)
    drop_staged()
    # Last: what this file says of a lease counts for more than the expiry an earlier one gave.
    move_expired(source.pk, complete_until, now=started_at)
    return imported, overlaps


def store_staged(source_id: int, import_id: int, staged: StagedLeases, *, now: datetime) -> None:
    """Store what was staged: closed intervals as evidence, cut at month ends, the others as open leases.

    Raises RuntimeError when rows are lost: they would turn into wrong answers.
    """
    parameters: dict[str, Any] = {"source_id": source_id, "import_id": import_id, "now": now}
    with connections[STORE].cursor() as cursor:
        # Without this the planner thinks that the table is empty.
        cursor.execute("ANALYZE lease_staging")
        cursor.execute("SELECT make_lease_months(%s, %s)", [staged.first_at, max(staged.first_at, staged.last_at)])
        for statement in (queries.NEW_HOLDERS, queries.NEW_WIDTHS, queries.NEW_SHAPES, queries.CLOSE_OPEN):
            cursor.execute(statement, parameters)
        stored = 0
        for statement in (queries.STORE_LEASES, queries.STORE_BLOCKS, queries.STORE_ODD_BLOCKS):
            cursor.execute(statement, parameters)
            stored += cursor.rowcount
        cursor.execute(queries.STORE_OPEN, parameters)
        cursor.execute(queries.STORE_HOLDINGS, parameters)
        cursor.execute(queries.EXPECTED, parameters)
        rows, parts = cursor.fetchone()
    if (rows, parts) != (staged.row_count, stored):
        # Count in must be count out at every stage.
        raise RuntimeError(f"{staged.row_count} rows staged and {rows} known; {parts} parts expected, {stored} stored")


def move_expired(source_id: int, until: datetime, *, now: datetime) -> int:
    """Move what files of a source left open into the evidence, if it expired by `until`; gives how many leases.

    until: how far the source has delivered. Raises RuntimeError when one is lost on the way.
    """
    parameters: dict[str, Any] = {"source_id": source_id, "until": until, "oldest": now - LONGEST}
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.EXPIRED_SPAN, parameters)
        count, first, last = cursor.fetchone()
        if not count:
            return 0
        cursor.execute("SELECT make_lease_months(%s, %s)", [first, max(first, last)])
        stored = 0
        for statement in (queries.MOVE_LEASES, queries.MOVE_BLOCKS, queries.MOVE_ODD_BLOCKS):
            cursor.execute(statement, parameters)
            stored += cursor.rowcount
        cursor.execute(queries.EXPIRED_PARTS, parameters)
        (expected,) = cursor.fetchone()
        cursor.execute(queries.FORGET_EXPIRED, parameters)
        if (stored, cursor.rowcount) != (expected, count):
            raise RuntimeError(f"{count} expired: {cursor.rowcount} removed, {stored} of {expected} parts stored")
    return int(count)


def staged_overlaps() -> list[int]:
    """Give the positions of staged rows that overlap rows of other holders, among them and in the store."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.OVERLAPS, {})
        return [position for (position,) in cursor.fetchall()]


def drop_staged() -> None:
    """Drop the staging table now; it would go at commit, but a transaction may hold several imports."""
    with connections[STORE].cursor() as cursor:
        cursor.execute("DROP TABLE lease_staging")


def cover(source_id: int, first: datetime, last: datetime, *, stated: bool) -> None:
    """Note that a source has delivered everything it saw in [first, last); stated: that this is all there was."""
    span: dict[str, Any] = {"first": first, "last": last, "stated": stated, "logged": False}
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.EXTEND_COVERAGE, {"source_id": source_id, **span})


def drop_expired(keep_from: datetime) -> list[tuple[str, int]]:
    """Drop the months that end before `keep_from` (aware); gives (part, rows) of each.

    Rows under a live hold were copied when it was made, so they stay. Fails where a long query or import is in the way:
    whoever asks next must not queue behind a deletion that waits.
    """
    with connections[STORE].cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("SELECT part, row_count FROM drop_lease_months(%s)", [keep_from])
        return list(cursor.fetchall())


def drop_lapsed_holds() -> int:
    """Remove the holds that have lapsed, with what they kept; gives how many holds they were."""
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT drop_lapsed_holds()")
        return int(cursor.fetchone()[0])


def live_holds(case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """Say until when each of these cases has its rows kept; cases without a live hold are left out."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(hold_queries.LIVE_HOLDS, {"cases": list(case_ids)})
        return dict(cursor.fetchall())


def move_lapses(lapses: Mapping[uuid.UUID, datetime]) -> None:
    """Have the live holds of each case lapse at another instant (aware); one that has passed ends them at once."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(hold_queries.MOVE_LAPSES, {"cases": list(lapses), "lapses": list(lapses.values())})


def largest_offset() -> timedelta:
    """How wrong the clock of any source may be on a day without a measurement."""
    found = LeaseSource.objects.using(STORE).aggregate(worst=Max("worst_offset"))["worst"]
    return found or timedelta()


def hold_leases(
    case_id: uuid.UUID,
    address: str,
    port: int | None,
    lo: datetime,
    hi: datetime,
    *,
    lapses_at: datetime,
    keep_from: datetime,
    around: timedelta,
    settled: Sequence[tuple[datetime, datetime]],
    shown: Sequence[tuple[datetime, datetime]],
    shared: bool,
    behind: Sequence[str] = (),
) -> None:
    """Keep the rows of one address in [lo, hi] from expiring until `lapses_at`; nobody is looked up.

    port: as asked. shared: the address is, whatever its rows say; without that, or a port, rows of all ports are kept,
    because they show that it was shared. keep_from: what has expired by now is not held. around: how far beyond the
    window rows count as in reach of it. Times are aware.
    Gives nothing back: whether there was a row must not be seen by whoever asked. Where a row names an inner address,
    that address is held over the same window and `around` more, since an answer would have to follow it; so are those
    that no row names and a configuration leads to (behind). settled: for what time all logs that an answer would rest
    on are complete by now: for no other will these rows be believed. shown: for what time those of this address show
    everybody by now: for no other will it be believed that there was nobody.
    """
    lo = max(lo, keep_from)
    if lo >= hi:
        return
    with transaction.atomic(using=STORE):
        spans = multirange(settled), multirange(shown)
        _hold(case_id, address, port, lo, hi, lapses_at, keep_from, around, spans, shared, 0, behind)


def _hold(
    case_id: uuid.UUID,
    address: str,
    port: int | None,
    lo: datetime,
    hi: datetime,
    lapses_at: datetime,
    keep_from: datetime,
    around: timedelta,
    spans: tuple[str, str],
    shared: bool,
    depth: int,
    behind: Sequence[str] = (),
) -> None:
    made: dict[str, Any] = {
        "case_id": case_id,
        "address": address,
        "port": port,
        "lo": lo,
        "hi": hi,
        "lapses_at": lapses_at,
        "settled": spans[0],
        "shown": spans[1],
    }
    with connections[STORE].cursor() as cursor:
        cursor.execute(hold_queries.HOLD, made)
        (hold,) = cursor.fetchone()
        reach = {"hold": hold, "address": address, "port": port, "lo": lo - around, "hi": hi + around}
        cursor.execute(hold_queries.HOLD_ROWS, {**reach, "beside": port is None or not shared})
        cursor.execute(hold_queries.HELD_INNER, {"hold": hold, "port": port})
        # One that a row names too is held once.
        inner = sorted({*behind, *(found for (found,) in cursor.fetchall())})
    if depth < MAX_DEPTH:
        for found in inner:
            _hold(
                case_id,
                found,
                None,
                max(lo - around, keep_from),
                hi + around,
                lapses_at,
                keep_from,
                around,
                spans,
                False,
                depth + 1,
            )


class InPlace(NamedTuple):
    """The one source that is asked where it is: its number, and when it has anything to say; None: always."""

    number: int
    serves_from: datetime | None
    serves_until: datetime | None


def source_in_place() -> InPlace | None:
    """Find the source that is a database of the operator, if there is one."""
    found = LeaseSource.objects.using(STORE).exclude(in_place="").first()
    return None if found is None else InPlace(found.pk, found.serves_from, found.serves_until)


def holds_without_sessions(case_ids: Sequence[uuid.UUID]) -> list[tuple[int, str, datetime, datetime]]:
    """List the live holds of these cases for which no RADIUS database was asked: (hold, address, from, to)."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(hold_queries.HOLDS_WITHOUT_SESSIONS, {"cases": list(case_ids)})
        return list(cursor.fetchall())


def hold_sessions(
    holds: Sequence[int], rows: Iterable[Sequence[Any]], settled: Sequence[tuple[datetime, datetime]]
) -> None:
    """Keep rows of the RADIUS database under these holds. rows: each begins with its hold; settled: aware."""
    with transaction.atomic(using=STORE), connections[STORE].cursor() as cursor:
        cursor.executemany(hold_queries.HOLD_SESSIONS, list(rows))
        cursor.execute(hold_queries.SETTLE_SESSIONS, {"settled": multirange(settled), "holds": list(holds)})


def multirange(spans: Sequence[tuple[datetime, datetime]]) -> str:
    """Write spans of aware times as the database reads a tstzmultirange."""
    return "{" + ",".join(f'["{lo.isoformat()}","{hi.isoformat()}")' for lo, hi in spans) + "}"

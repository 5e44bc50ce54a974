"""Gather what the store can tell of the quality of its sources, month by month. Not here: how it is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connections

from broker.leases import report_queries
from broker.leases.quality import Span, days_without_afternoon, gaps
from broker.leases.services import STORE


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One source over the months asked for. Rows are parts of holdings, cut where a month ends.

    overlaps: stretches of time, cut like rows, in which two holders had one address, or one block of ports; places of
    the first ten as import:position. offsets: day, largest offset of the clock, how often measured. lags: day, largest
    offset that logs show between a device and its collector, unless somebody has accepted it. drift: days that look
    like a clock of twelve hours, whether or not somebody has looked at them. doubted_from: nothing is answered from
    this moment on, because the running day may be one of them. rejects: by code, of all its logs.
    """

    name: str
    rows: int
    holdings: int
    lost_starts: int
    lost_stops: int
    contradicted: int
    unplanned: int
    blocks_on_dedicated: int
    rejects: dict[str, int]
    covered: list[Span]
    gaps: list[Span]
    overlaps: int
    overlap_places: list[str]
    offsets: list[tuple[date, timedelta, int]]
    lags: list[tuple[date, timedelta]]
    drift: list[date]
    doubted_from: datetime | None

    def bad_clock_days(self, limit: timedelta) -> list[date]:
        """Name the days on which the clock was more wrong than the limit."""
        return [day for day, offset, _ in self.offsets if offset > limit]


def report_sources(name: str | None, first: datetime, until: datetime) -> list[SourceReport]:
    """Report on one source, or on all, by what begins in [first, until); aware."""
    return [
        _report(number, source, list(zip(lowers, uppers, strict=True)), doubted, first, until)
        for number, source, lowers, uppers, doubted in _fetch(report_queries.SOURCES, {"name": name})
    ]


def _report(
    number: int, name: str, covered: list[Span], doubted: datetime | None, first: datetime, until: datetime
) -> SourceReport:
    counts = [0] * 7
    overlaps, places = 0, set[tuple[int, int]]()
    for part in _months(number, first, until):
        (found,) = _fetch(report_queries.COUNTS, part)
        counts = [known + more for known, more in zip(counts, found, strict=True)]
        conflicts = _fetch(report_queries.OVERLAPS, part)
        overlaps += conflicts[0][0] if conflicts else 0
        places.update((imported, position) for _, (imported, position) in conflicts)
    rows, holdings, lost_starts, lost_stops, contradicted, unplanned, blocks_on_dedicated = counts
    parameters = {"source": number, "first": first, "until": until}
    return SourceReport(
        name,
        rows=rows,
        holdings=holdings,
        lost_starts=lost_starts,
        lost_stops=lost_stops,
        contradicted=contradicted,
        unplanned=unplanned,
        blocks_on_dedicated=blocks_on_dedicated,
        rejects=dict(_fetch(report_queries.REJECTS, parameters)),
        covered=covered,
        gaps=gaps(covered),
        overlaps=overlaps,
        overlap_places=[f"{imported}:{position}" for imported, position in sorted(places)[:10]],
        offsets=_fetch(report_queries.OFFSETS, parameters),
        lags=_fetch(report_queries.LAGS, parameters),
        drift=days_without_afternoon(begun(number, first, until), covered),
        doubted_from=doubted,
    )


def _months(source: int, first: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Give the parameters of a statement for each month (UTC) of [first, until)."""
    at, end = first.astimezone(UTC), until.astimezone(UTC)
    while at < end:
        following = (at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
        before = (at.replace(day=1) - timedelta(days=1)).replace(day=1)
        yield {"source": source, "first": at, "until": min(following, end), "before": before, "at_start": at == first}
        at = following


def begun(source: int, first: datetime, until: datetime) -> dict[date, dict[int, int]]:
    """Count the rows of a source that begin in [first, until), by day and hour (UTC)."""
    hours: dict[date, dict[int, int]] = defaultdict(dict)
    for part in _months(source, first, until):
        for day, hour, count in _fetch(report_queries.HOURS, part):
            hours[day][hour] = count
    return hours


def _fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connections[STORE].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())

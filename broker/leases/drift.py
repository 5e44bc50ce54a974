"""Which days of a source look like a clock of twelve hours, and what is on record of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from broker.leases.models import DriftedDay, LeaseSource
from broker.leases.quality import Span, doubted_day, judge_days
from broker.leases.report import begun
from broker.leases.services import STORE

_DAY = timedelta(days=1)
# Days before the first that is judged: enough to show what is usual, with some that were not delivered.
_BEFORE = 10 * _DAY
# How far back a source is judged that never was before; the report looks at all of it.
_AT_FIRST = 60 * _DAY


class Look(NamedTuple):
    """What a look at a source found: days that drifted, the last day judged, and the day that is doubted so far.

    judged is None if there was no day to judge.
    """

    found: list[date]
    judged: date | None
    doubted: date | None


def look(source: LeaseSource, *, at_running: bool) -> Look:
    """Judge the days that delivery is past since the last look, and what there is of the one after them.

    What is usual is taken from before the days on record, so that a drift that lasts does not become usual itself.
    at_running: look at the running day even if no other has to be judged; else only if it was doubted before.
    """
    covered: Sequence[Span] = [(r.lower, r.upper) for r in source.coverage if r.lower and r.upper]
    last = max((upper for _, upper in covered), default=None)
    if last is None:
        return Look([], None, None)
    until = _start(last.astimezone(UTC).date())
    checked = source.drift_checked_on
    first = until - _AT_FIRST if checked is None else _start(checked) + _DAY
    if first >= until and not at_running and source.doubted_from is None:
        return Look([], None, None)
    known = set(on_record(source, in_effect=True))
    before = first = min(first, until)
    while (before - _DAY).date() in known:
        before -= _DAY
    hours = begun(source.pk, before - _BEFORE, until + _DAY)
    found, usual = judge_days(hours, covered)
    doubted = doubted_day(hours, covered, usual)
    return Look(
        [day for day in found if first <= _start(day) < until],
        max((until - _DAY).date(), checked or date.min),
        None if doubted is None or not unknown(source, [doubted]) else doubted,
    )


def on_record(source: LeaseSource, *, in_effect: bool) -> list[date]:
    """Give the days that were found; in_effect: only those that nobody has taken back."""
    days = DriftedDay.objects.using(STORE).filter(source=source).order_by("day")
    return list((days.filter(cleared_at=None) if in_effect else days).values_list("day", flat=True))


def unknown(source: LeaseSource, days: Iterable[date]) -> list[date]:
    """Give those of the days that are not on record."""
    return sorted(set(days) - set(on_record(source, in_effect=False)))


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

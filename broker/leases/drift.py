"""Which days of a source look like a clock of twelve hours, and what is on record of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from broker.leases.models import DriftedDay, LeaseSource
from broker.leases.quality import Span, days_without_afternoon
from broker.leases.report import begun
from broker.leases.services import STORE

_DAY = timedelta(days=1)
# Days before the first that is judged: enough to show what is usual, with some that were not delivered whole.
_BEFORE = 10 * _DAY
# How far back a source is judged that never was before; the report looks at all of it.
_AT_FIRST = 60 * _DAY


def look(source: LeaseSource) -> tuple[list[date], date | None]:
    """Judge the days that were delivered whole since the last look: (days that drifted, last day judged).

    The day is None if there is none to judge. What is usual is taken from before the days on record, so that a drift
    that lasts does not become usual itself.
    """
    covered: Sequence[Span] = [(r.lower, r.upper) for r in source.coverage if r.lower and r.upper]
    last = max((upper for _, upper in covered), default=None)
    if last is None:
        return [], None
    until = _start(last.astimezone(UTC).date())
    checked = source.drift_checked_on
    first = until - _AT_FIRST if checked is None else _start(checked) + _DAY
    if first >= until:
        return [], None
    known = set(on_record(source, in_effect=True))
    before = first
    while (before - _DAY).date() in known:
        before -= _DAY
    hours = begun(source.pk, before - _BEFORE, until)
    found = days_without_afternoon(hours, covered)
    return [day for day in found if _start(day) >= first], (until - _DAY).date()


def on_record(source: LeaseSource, *, in_effect: bool) -> list[date]:
    """Give the days that were found; in_effect: only those that nobody has taken back."""
    days = DriftedDay.objects.using(STORE).filter(source=source).order_by("day")
    return list((days.filter(cleared_at=None) if in_effect else days).values_list("day", flat=True))


def unknown(source: LeaseSource, days: Iterable[date]) -> list[date]:
    """Give those of the days that are not on record."""
    return sorted(set(days) - set(on_record(source, in_effect=False)))


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

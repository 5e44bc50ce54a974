"""What the times of a source tell about its collection. Pure: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

Span = tuple[datetime, datetime]
# How unlikely an afternoon without rows has to be before it is held against a clock.
_CHANCE = 1e-6
# The days before that show what is usual.
_USUAL_DAYS = 7


def gaps(covered: Iterable[Span]) -> list[Span]:
    """Give what lies between spans (aware, half-open, in any order)."""
    found: list[Span] = []
    reached: datetime | None = None
    for first, last in sorted(covered):
        if reached is not None and first > reached:
            found.append((reached, first))
        reached = last if reached is None else max(reached, last)
    return found


def days_without_afternoon(hours: Mapping[date, Mapping[int, int]], covered: Sequence[Span]) -> list[date]:
    """Name the days on which no row begins between 12:00 and 24:00 UTC although the days before have many.

    A source that changed from a clock of 24 hours to one of 12 without AM and PM looks like this: its rows of the
    afternoon are stamped as of the morning. hours: rows by the hour of their beginning, for each day (UTC). covered:
    only days that were delivered whole are judged. Days that are named do not count as usual.

    Source: attribution.md 3.9, report of the UK's commissioner for 2017.
    """
    found: list[date] = []
    usual: list[tuple[int, int]] = []
    for day in sorted(hours):
        start = datetime.combine(day, time(), UTC)
        if not any(first <= start and start + timedelta(days=1) <= last for first, last in covered):
            continue
        rows = sum(hours[day].values())
        late = sum(count for hour, count in hours[day].items() if hour >= 12)
        before = sum(total for total, _ in usual)
        share = sum(afternoon for _, afternoon in usual) / before if before else 0.0
        if rows and not late and (1 - share) ** rows < _CHANCE:
            found.append(day)
        else:
            usual = [*usual, (rows, late)][-_USUAL_DAYS:]
    return found

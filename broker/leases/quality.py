"""What the times of a source tell about its collection. Pure: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import log

Span = tuple[datetime, datetime]
# How unlikely an empty half of a day has to be before it is held against a clock, how many of a day's rows are usual
# there, and how many of those may still be there: begins that are computed lie where no stamp does.
_CHANCE = 1e-6
_SHARE = 0.2
_LEFT = 0.1
_HALF = 12
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
    """Name the days on which hardly a row begins in twelve hours on end although the days before have many there.

    A source that changed from a clock of 24 hours to one of 12 without AM and PM looks like this: its rows of the
    afternoon are stamped as of the morning. Which hours (UTC) are its afternoon depends on its zone, so all are tried,
    also over midnight. hours: rows by the hour of their beginning, for each day (UTC). covered: only days that were
    delivered whole are judged. Days that are named do not count as usual.

    Source: attribution.md 3.9, report of the UK's commissioner for 2017.
    """
    found: list[date] = []
    usual: list[Mapping[int, int]] = []
    for day in sorted(hours):
        start = datetime.combine(day, time(), UTC)
        if not any(first <= start and start + timedelta(days=1) <= last for first, last in covered):
            continue
        if any(_is_unlikely(hours[day], usual, begin) for begin in range(24)):
            found.append(day)
        else:
            usual = [*usual, hours[day]][-_USUAL_DAYS:]
    return found


def _is_unlikely(day: Mapping[int, int], usual: Sequence[Mapping[int, int]], begin: int) -> bool:
    """Tell whether the half of a day that begins at this hour is empty and should not be."""
    half = [hour % 24 for hour in range(begin, begin + _HALF)]
    rows, before = sum(day.values()), sum(sum(other.values()) for other in usual)
    if not rows or not before:
        return False
    # As if two rows more had been seen elsewhere: few rows do not show what is usual.
    share = sum(other.get(hour, 0) for other in usual for hour in half) / (before + 2)
    left = sum(day.get(hour, 0) for hour in half) / rows
    if share < _SHARE or left > share * _LEFT:
        return False
    # Chernoff's bound of the chance that so few or fewer are left; exact if none is.
    distance = (left * log(left / share) if left else 0.0) + (1 - left) * log((1 - left) / (1 - share))
    return rows * distance > -log(_CHANCE)

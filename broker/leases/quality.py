"""What the times of a source tell about its collection. Pure: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from math import log

Span = tuple[datetime, datetime]
# How unlikely an empty half of a day has to be before it is held against a clock, how many of a day's rows are usual
# there, and how many of those may still be there: begins that are computed lie where no stamp does.
_CHANCE = 1e-6
_SHARE = 0.2
_LEFT = 0.1
# A day that is not over is doubted sooner, since that costs no more than waiting for the rest of it.
_DOUBT = 1e-2
_HALF = 12
# The days before that show what is usual.
_USUAL_DAYS = 7
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


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
    return judge_days(hours, covered)[0]


def doubted_day(
    hours: Mapping[date, Mapping[int, int]], covered: Sequence[Span], usual: Sequence[Mapping[int, int]]
) -> date | None:
    """Name the day (UTC) in which delivery has ended if it may be one of `days_without_afternoon`, as far as it goes.

    Hardly a row begins in up to twelve of the hours that were delivered, as may be chance: its rest will tell. A day on
    which usually few rows begin is not doubted. usual: from `judge_days`.
    """
    last = max((upper for _, upper in covered), default=None)
    day = None if last is None else last.astimezone(UTC).date()
    if day is None or day not in hours:
        return None
    heard = {hour for hour in range(24) if _covers(covered, (start := _start(day) + hour * _HOUR), start + _HOUR)}
    parts = (heard & set(range(begin, begin + _HALF)) for begin in range(1 - _HALF, 24))
    doubts = (_is_unlikely(hours[day], usual, part, heard, share=0.0, chance=_DOUBT) for part in parts)
    return day if len(heard) < 24 and any(doubts) else None


def judge_days(
    hours: Mapping[date, Mapping[int, int]], covered: Sequence[Span]
) -> tuple[list[date], Sequence[Mapping[int, int]]]:
    """Give the days without afternoon as `days_without_afternoon` does, and rows by hour of the last that are usual."""
    found: list[date] = []
    usual: list[Mapping[int, int]] = []
    whole = set(range(24))
    halves = [{hour % 24 for hour in range(begin, begin + _HALF)} for begin in whole]
    for day in sorted(hours):
        if not _covers(covered, _start(day), _start(day) + _DAY):
            continue
        if any(_is_unlikely(hours[day], usual, half, whole, share=_SHARE, chance=_CHANCE) for half in halves):
            found.append(day)
        else:
            usual = [*usual, hours[day]][-_USUAL_DAYS:]
    return found, usual


def _is_unlikely(
    day: Mapping[int, int],
    usual: Sequence[Mapping[int, int]],
    part: Set[int],
    heard: Set[int],
    *,
    share: float,
    chance: float,
) -> bool:
    """Tell whether some of the hours of a day that were heard are empty and should not be.

    share: of all rows, how many are usual there at least.
    """
    rows, before = _count(day, heard), sum(_count(other, heard) for other in usual)
    if not rows or not before:
        return False
    # As if two rows more had been seen elsewhere: few rows do not show what is usual.
    expected = sum(_count(other, part) for other in usual) / (before + 2)
    left = _count(day, part) / rows
    if not expected or expected < share or left > expected * _LEFT:
        return False
    # Chernoff's bound of the chance that so few or fewer are left; exact if none is.
    distance = (left * log(left / expected) if left else 0.0) + (1 - left) * log((1 - left) / (1 - expected))
    return rows * distance > -log(chance)


def _count(day: Mapping[int, int], hours: Set[int]) -> int:
    return sum(rows for hour, rows in day.items() if hour in hours)


def _covers(covered: Sequence[Span], lo: datetime, hi: datetime) -> bool:
    return any(first <= lo and hi <= last for first, last in covered)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

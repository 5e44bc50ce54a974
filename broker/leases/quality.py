"""What the times of a source tell about its collection. Pure: values in, findings out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from math import log
from statistics import fmean

Span = tuple[datetime, datetime]
# The rows of a day by the hour of their beginning, and its hours that were heard.
Day = tuple[Mapping[int, int], Set[int]]
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
_NONE, _HOUR, _DAY = timedelta(), timedelta(hours=1), timedelta(days=1)


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
    also over midnight. hours: rows by the hour of their beginning, for each day (UTC). covered: disjoint; a day is
    judged when delivery has gone beyond it, by those hours that were heard: half of one has to be delivered, since
    records are lost most of all when a clock is changed. Days that are named do not count as usual.

    Source: attribution.md 3.9, report of the UK's commissioner for 2017.
    """
    return judge_days(hours, covered)[0]


def doubted_day(hours: Mapping[date, Mapping[int, int]], covered: Sequence[Span], usual: Sequence[Day]) -> date | None:
    """Name the day (UTC) in which delivery has ended if it may be one of `days_without_afternoon`, as far as it goes.

    Hardly a row begins in up to twelve of the hours that were heard, as may be chance: its rest will tell. A day on
    which usually few rows begin is not doubted. usual: from `judge_days`.
    """
    last = max((upper for _, upper in covered), default=None)
    day = None if last is None else last.astimezone(UTC).date()
    if day is None or day not in hours:
        return None
    running = hours[day], _heard([day], covered)[day]
    parts = (set(range(begin, begin + _HALF)) for begin in range(1 - _HALF, 24))
    return day if any(_is_unlikely(running, usual, part, share=0.0, chance=_DOUBT) for part in parts) else None


def judge_days(hours: Mapping[date, Mapping[int, int]], covered: Sequence[Span]) -> tuple[list[date], list[Day]]:
    """Give the days without afternoon as `days_without_afternoon` does, and the last that are usual."""
    found: list[date] = []
    usual: list[Day] = []
    halves = [{hour % 24 for hour in range(begin, begin + _HALF)} for begin in range(24)]
    last = max((upper for _, upper in covered), default=None)
    over = [] if last is None else [day for day in sorted(hours) if _start(day) + _DAY <= last]
    for day, heard in _heard(over, covered).items():
        judged = hours[day], heard
        if any(_is_unlikely(judged, usual, half, share=_SHARE, chance=_CHANCE) for half in halves):
            found.append(day)
        elif len(heard) >= _HALF:
            usual = [*usual, judged][-_USUAL_DAYS:]
    return found, usual


def _heard(days: Sequence[date], covered: Iterable[Span]) -> dict[date, set[int]]:
    """Give the hours of each of these days (UTC, ascending) of which at least half was delivered."""
    delivered: dict[datetime, timedelta] = defaultdict(timedelta)
    for lo, hi in covered if days else ():
        at, hi = max(lo.astimezone(UTC), _start(days[0])), min(hi, _start(days[-1]) + _DAY)
        while at < hi:
            hour = at.replace(minute=0, second=0, microsecond=0)
            delivered[hour] += min(hour + _HOUR, hi) - at
            at = hour + _HOUR
    return {day: {n for n in range(24) if delivered.get(_start(day) + n * _HOUR, _NONE) * 2 >= _HOUR} for day in days}


def _is_unlikely(day: Day, usual: Sequence[Day], part: Set[int], *, share: float, chance: float) -> bool:
    """Tell whether some of the hours of a day that were heard are empty and should not be.

    share: of all rows, how many are usual there at least. What is usual in an hour is known from days that heard it.
    """
    of_day, heard = day
    known = {n: [other.get(n, 0) for other, there in usual if n in there] for n in heard}
    rates = {n: fmean(rows) for n, rows in known.items() if rows}
    rows, before = _count(of_day, rates.keys()), sum(map(sum, known.values()))
    if not rows or not before:
        return False
    part = part & rates.keys()
    # As if two rows more had been seen elsewhere: few rows do not show what is usual.
    expected = sum(rates[n] for n in part) / sum(rates.values()) * before / (before + 2)
    left = _count(of_day, part) / rows
    if not expected or expected < share or left > expected * _LEFT:
        return False
    # Chernoff's bound of the chance that so few or fewer are left; exact if none is.
    distance = (left * log(left / expected) if left else 0.0) + (1 - left) * log((1 - left) / (1 - expected))
    return rows * distance > -log(chance)


def _count(day: Mapping[int, int], hours: Set[int]) -> int:
    return sum(rows for hour, rows in day.items() if hour in hours)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

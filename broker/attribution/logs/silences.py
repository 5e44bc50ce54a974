"""Where records of holdings are missing, so that who held a key before and after may not have held it between. Pure.

Two things show it: a gap that is known, because records were lost or refused, and the rhythm of a device. One that
shows what is held again and again at one distance, as RADIUS does by interims and DHCP by renewals, leaves a longer
silence only if records of it were lost. What goes on across all of that is what the device itself counts from before
it: its session time, or the moment of an allocation. Names show less: session ids and leases are used again.
Not here: what becomes of the holding (`holdings`), which gaps there are (the reader of the log).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import Holding, Policy
from broker.attribution.spans import Span, merge

# What is held was to be shown again after 1; later than this, a record is missing.
PATIENCE = 1.5
# Two distances that differ by less than this part are one.
_ALIKE = 0.1
# No device shows what is held more often; it is a flow that changes its state.
_LEAST = timedelta(seconds=50)
# How many sights a new rhythm of a device needs at most until it has outvoted the old one.
_VOTES = 32


class Rhythm(NamedTuple):
    """How far apart sights of one holding are: in seconds, or of a lease in parts of its length. votes: how surely."""

    step: float
    votes: int = 0


class Silences:
    """What is known of one source. rhythms: of each device, by its name and whether its holdings expire."""

    def __init__(self, policy: Policy, rhythms: Mapping[str, Rhythm]) -> None:
        self._policy = policy
        self.rhythms = dict(rhythms)
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []

    def know(self, gaps: Iterable[Span]) -> None:
        """Take these times, [from, to) in UTC, and no others for those of which records may be missing."""
        found = merge(gaps)
        self._starts, self._ends = [lo for lo, _ in found], [hi for _, hi in found]

    def add(self, gaps: Iterable[Span]) -> None:
        """Take these times for such as well."""
        for lo, hi in gaps:
            first, behind = bisect_left(self._ends, lo), bisect_right(self._starts, hi)
            if first < behind:
                lo, hi = min(lo, self._starts[first]), max(hi, self._ends[behind - 1])
            self._starts[first:behind], self._ends[first:behind] = [lo], [hi]

    def before(self, event: Event, holding: Holding) -> Span | None:
        """Give the time between the last sight of a holding and this one of which records are missing; None: of none.

        event: later than the holding's last sight, and of the holding by all that it says.
        """
        if event.since is not None and event.since - holding.last <= self._policy.slack + holding.unit:
            return None
        if holding.expires is not None and self._policy.expiry_is_certain:
            # Such a source loses no record of a lease.
            return None
        gap = self.between(holding.last, event.at)
        if not self._policy.rhythmic:
            return gap
        step = holding.step or self._of(holding).step
        if step and _distance(event.at, holding) > PATIENCE * step:
            return holding.last, event.at
        return gap

    def between(self, lo: datetime, hi: datetime) -> Span | None:
        """Give the time from the first gap that meets (lo, hi) to the end of the last one."""
        first, behind = bisect_right(self._ends, lo), bisect_left(self._starts, hi)
        return (self._starts[first], self._ends[behind - 1]) if first < behind else None

    def hear(self, event: Event, holding: Holding) -> None:
        """Learn from a further sight of a holding how far apart they are: twice the same distance is a rhythm."""
        if not self._policy.rhythmic or event.at - holding.last < _LEAST:
            return
        step, last = _distance(event.at, holding), holding.distance
        holding.distance = step
        if not last or abs(step - last) > _ALIKE * last:
            return
        holding.step = max(step, last)
        name, known = _name(holding), self._of(holding)
        if abs(step - known.step) <= _ALIKE * known.step:
            self.rhythms[name] = known._replace(votes=min(known.votes + 1, _VOTES))
        elif known.votes > 0:
            self.rhythms[name] = known._replace(votes=known.votes - 1)
        else:
            self.rhythms[name] = Rhythm(holding.step, 1)

    def missed(self, holding: Holding, lo: datetime, hi: datetime) -> bool:
        """Tell whether a holding that goes on was to be shown in (lo, hi), in which its device wrote nothing.

        A lease is not: that its client renews no more is no loss.
        """
        if not holding.step or holding.expires is not None:
            return False
        return _distance(lo, holding) < (1 - _ALIKE) * holding.step and _distance(hi, holding) > PATIENCE * holding.step

    def _of(self, holding: Holding) -> Rhythm:
        return self.rhythms.get(_name(holding), _UNKNOWN)


_UNKNOWN = Rhythm(0.0)


def _name(holding: Holding) -> str:
    # A device name holds no line end.
    return holding.device if holding.expires is None else f"{holding.device}\nlease"


def _distance(at: datetime, holding: Holding) -> float:
    """Say how long after the last sight of a holding a moment is: in seconds, or in parts of its lease."""
    distance = (at - holding.last).total_seconds()
    if holding.expires is None:
        return distance
    return distance / max((holding.expires - holding.last).total_seconds(), 1.0)

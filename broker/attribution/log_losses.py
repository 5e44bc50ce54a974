"""When the records of a log were written of which nothing can be used: for that time nobody vouches. Pure.

A record that cannot be read, or does not say whom or what it is about, may have been the begin or the end of anything.
It was written between the records beside it that can be dated: from the last stamp before it to the first after it.
Not here: what that does to a holding (`logs.silences`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.attribution.logs.events import Event
from broker.attribution.spans import Span, merge

# How long before its first stamp a log may have been begun, if no other log ended before it.
BEFORE = timedelta(hours=1)
# Between two losses that are nearer no window of an answer has room; so their number stays bounded.
NEAR = timedelta(minutes=1)
# Of so many devices a log says when it first heard them: enough to know by which logs go on with it.
_DEVICES = 64
# Two records of one second may have a third between them.
_LEAST = timedelta(seconds=1)


@dataclass(slots=True)
class Losses:
    """Where a log lost something, as far as it was read. Spans are [from, to) in UTC.

    last: earliest and latest stamp of the last record that has one; of a log that is in no order of time, of all.
    open: the time in which a record was lost after which none has come yet that tells its end; until then that is when
        the log was read. Of a log in no order of time it stays open. from >= to if nothing tells since when.
    begins: the stamps of the first record of each device, of the first devices of a log in the order of time.
    """

    last: Span | None = None
    open: Span | None = None
    begins: dict[str, Span] = field(default_factory=dict)

    def follow(
        self,
        events: Sequence[Event],
        places: Iterable[int],
        *,
        ordered: bool,
        read_at: datetime,
        after: Span | None,
        others: Sequence[Losses],
    ) -> list[Span]:
        """Go on with the next events of the log; gives the time of what was lost and has an end now.

        places: before which of them, by number, something was lost, ascending. ordered: the log is in the order of
        time. read_at: when this was read; later stamps are of a wrong clock. after: the clock of the slowest device
        and that of the fastest when the log was begun. others: the other logs of the source.
        """
        found: list[Span] = []
        taken = 0
        began = None
        if self.last is None:
            first = next(((event.device, s[0]) for event in events if (s := _stamps(event, read_at))), None)
            began = None if first is None else _began(*first, after, others)
        if ordered:
            self._hear(events, read_at)
        for place in places:
            self._pass(events[taken:place], ordered, read_at, began, found)
            taken = place
            if self.last is not None:
                lo = self.last[0]
            else:
                lo = read_at if after is None else after[0]
            self.open = (lo, read_at) if self.open is None else (min(self.open[0], lo), max(self.open[1], read_at))
        if self.open is None and self.last is not None and ordered:
            # Nothing is lost, which is the rule: only where this ends matters.
            self.last = next((s for event in reversed(events) if (s := _stamps(event, read_at))), self.last)
        else:
            self._pass(events[taken:], ordered, read_at, began, found)
        return found

    def _hear(self, events: Sequence[Event], read_at: datetime) -> None:
        # Of a log that was begun when this was not kept, nobody knows any more.
        if self.last is not None and not self.begins:
            return
        for event in events:
            if len(self.begins) == _DEVICES:
                return
            if event.device not in self.begins and (stamps := _stamps(event, read_at)) is not None:
                self.begins[event.device] = stamps

    def _pass(
        self,
        events: Sequence[Event],
        ordered: bool,
        read_at: datetime,
        began: datetime | None,
        found: list[Span],
    ) -> None:
        for event in events:
            if (stamps := _stamps(event, read_at)) is None:
                continue
            before = self.last
            if self.open is not None:
                lo, hi = self.open
                lo = min(began if before is None and began is not None else lo, stamps[0])
                self.open = lo, hi
                if ordered and (before is None or stamps[1] >= before[1]):
                    found.append((lo, max(stamps[1], lo + _LEAST)))
                    self.open = None
                elif before is not None:
                    # One that is late does not tell the end, nor where the next loss begins.
                    stamps = min(before[0], stamps[0]), max(before[1], stamps[1])
            elif before is not None and not ordered:
                stamps = min(before[0], stamps[0]), max(before[1], stamps[1])
            self.last = stamps


def _began(device: str, at: datetime, after: Span | None, others: Sequence[Losses]) -> datetime:
    """Say since when a log may have been written whose first record is of this device and moment.

    It goes on where the last log with this device ended, and with a new one where all others did. But they may have
    gone on beside it; then they do not tell.
    """
    ends = [other.last[0] for other in others if other.last is not None and device in other.begins]
    if after is not None:
        ends = ends or [after[1]]
    return max((end for end in ends if end <= at), default=at - BEFORE)


def lost_at_end(log: Losses, others: Sequence[Losses]) -> Span | None:
    """Give the time of what a log lost at its present end; None if it lost nothing there.

    It is over where another log goes on with a device of this one. A log that shows no device may be of any that had
    written before: it is over when all of those that go on have done so. If none goes on, the time is as in `open`.
    """
    if log.open is None:
        return None
    lo, hi = log.open
    devices, went_on = set(log.begins), dict[str, datetime]()
    for other in others:
        if not other.begins:
            continue
        if min(other.begins.values())[0] < lo:
            # It is one of the same time.
            devices |= set() if log.begins else other.begins.keys()
            continue
        for device, (_, heard_at) in other.begins.items():
            went_on[device] = min(heard_at, went_on.get(device, heard_at))
    if ends := [went_on[device] for device in devices & went_on.keys()]:
        hi = max(min(ends) if log.begins else max(ends), lo + _LEAST)
    return lo, hi


def joined(spans: Iterable[Span]) -> list[Span]:
    """Merge spans, and those with less than NEAR between them."""
    merged: list[Span] = []
    for lo, hi in merge(spans):
        if merged and lo - merged[-1][1] < NEAR:
            merged[-1] = merged[-1][0], hi
        else:
            merged.append((lo, hi))
    return merged


def _stamps(event: Event, read_at: datetime) -> Span | None:
    """Give when a record was written by its device and received, the earlier first; None if that cannot be."""
    at, received_at = event.at, event.received_at or event.at
    if at > read_at or received_at > read_at:
        return None
    return (at, received_at) if at <= received_at else (received_at, at)

"""When the records of a log were written of which nothing can be used: for that time nobody vouches. Pure.

A record that cannot be read, or does not say whom or what it is about, may have been the begin or the end of anything.
It was written between the records beside it that can be dated: from the last stamp before it to the first after it.
Not here: what that does to a holding (`logs.silences`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.attribution.logs.events import Event
from broker.attribution.spans import Span, merge

# How long before its first stamp a log may have been begun, if no other log ended before it.
BEFORE = timedelta(hours=1)
# Between two losses that are nearer no window of an answer has room; so their number stays bounded.
NEAR = timedelta(minutes=1)
# Two records of one second may have a third between them.
_LEAST = timedelta(seconds=1)


@dataclass(slots=True)
class Losses:
    """Where a log lost something, as far as it was read. Spans are [from, to) in UTC.

    last: earliest and latest stamp of the last record that has one; of a log that is in no order of time, of all.
    open: the time in which a record was lost after which none has come yet that tells its end; until then that is when
        the log was read. Of a log in no order of time it stays open. from >= to if nothing tells since when.
    first: the stamps of the log's first record that has one; only known to the reading that saw it.
    """

    last: Span | None = None
    open: Span | None = None
    first: Span | None = None

    def follow(
        self,
        events: Sequence[Event],
        places: Iterable[int],
        *,
        ordered: bool,
        read_at: datetime,
        after: datetime | None,
    ) -> list[Span]:
        """Go on with the next events of the log; gives the time of what was lost and has an end now.

        places: before which of them, by number, something was lost, ascending. ordered: the log is in the order of
        time. read_at: when this was read; later stamps are of a wrong clock. after: the latest stamp of the logs
        before, of a log of which nothing was read yet.
        """
        found: list[Span] = []
        taken = 0
        for place in places:
            self._pass(events[taken:place], ordered, read_at, found)
            taken = place
            lo = self.last[0] if self.last is not None else after or read_at
            self.open = (lo, read_at) if self.open is None else (min(self.open[0], lo), max(self.open[1], read_at))
        if self.open is None and self.last is not None and ordered:
            # Nothing is lost, which is the rule: only where this ends matters.
            self.last = next((s for event in reversed(events) if (s := _stamps(event, read_at))), self.last)
        else:
            self._pass(events[taken:], ordered, read_at, found)
        return found

    def _pass(self, events: Sequence[Event], ordered: bool, read_at: datetime, found: list[Span]) -> None:
        for event in events:
            if (stamps := _stamps(event, read_at)) is None:
                continue
            before, self.first = self.last, self.first or (stamps if self.last is None else None)
            if self.open is not None:
                lo, hi = self.open
                if before is None:
                    # The logs before it may have gone on beside it; then they do not tell where it began.
                    lo = lo if lo <= stamps[0] else stamps[0] - BEFORE
                lo = min(lo, stamps[0])
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


def follows(log: Losses, first: Span) -> bool:
    """Tell whether a log that begins with these stamps goes on where another one ended, so that it ends its loss."""
    return log.open is not None and log.open[0] <= first[0]


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

"""What became of the records of a log, as it is kept with the place up to which the log was read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from broker.attribution.log_losses import Losses
from broker.attribution.logs.accounting import Late
from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import Holding
from broker.attribution.logs.silences import Rhythm
from broker.attribution.spans import Span, merge

_COUNTED = ("records", "ignored", "events", "duplicates", "intervals", "told")
_TIMED = ("first_at", "last_at", "covered_to", "latest_at")
_OF_HOLDING = ("first", "last", "due", "began", "since", "floor", "expires", "ended_min", "ended_max", "bound")


@dataclass(slots=True)
class PutBack:
    """The clock of a device that went back from `clock`.

    owed: by how much it has to go on at once to be as right as before; nothing where it had been ahead. heard: its last
    stamp since.
    """

    clock: datetime
    owed: timedelta
    heard: datetime

    @property
    def is_wrong(self) -> bool:
        """Whether it may be wrong, or what it stamped while it was ahead still lies before it."""
        return self.owed > timedelta() or self.heard <= self.clock

    def hear(self, at: datetime, far: timedelta, read_at: datetime | None) -> bool:
        """Note the next stamp; steps of more than `far` are no time that went by. Tells whether it went back again.

        read_at: when it was read; a stamp of just then is not behind.
        """
        step, self.heard = at - self.heard, at
        if abs(step) > far:
            self.owed -= step
        if read_at is not None and at > read_at - far:
            self.owed = min(self.owed, timedelta())
        return step < -far

    def to_row(self) -> list[Any]:
        """Give what JSON can keep."""
        return [self.clock.isoformat(), self.owed.total_seconds(), self.heard.isoformat()]

    @classmethod
    def from_row(cls, row: list[Any]) -> PutBack:
        """Take back what `to_row` gave."""
        clock, owed, heard = row
        return cls(datetime.fromisoformat(clock), timedelta(seconds=owed), datetime.fromisoformat(heard))


@dataclass(slots=True)
class LogReport:
    """What became of a log since its beginning, this reading included. records = used + ignored + rejected records.

    rejected: by code, records that cannot be read and events that contradict others. first_at, last_at: of the events
    that were used. unread: the time of which not every record can be read or believed: one could not be, or a clock in
    local time showed it twice, or had been wrong. ahead: by device, its clock since when its records are refused as of
    the future. back: by device, a clock that was put back and may be wrong since. leaps: as of the fold.
    longest: for how long a lease is given at most.
    losses: where records are that say nothing of when they were. waiting: the time of those that cannot be read yet,
    because what explains them has not come. rhythms: of the devices of the source (`silences`). tail: the last bytes
    that were read, how many and their digest.
    read: records of this reading. unfinished: the log ends within a record, which is read once it is whole. covered_to,
    latest_at: what the logs before it had covered when it was begun, and their latest stamp. told: how many of its
    records an event speaks of.
    """

    records: int = 0
    ignored: int = 0
    events: int = 0
    duplicates: int = 0
    intervals: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unread: list[Span] = field(default_factory=list)
    ahead: dict[str, datetime] = field(default_factory=dict)
    back: dict[str, PutBack] = field(default_factory=dict)
    leaps: dict[str, list[Span]] = field(default_factory=dict)
    longest: timedelta = timedelta()
    losses: Losses = field(default_factory=Losses)
    waiting: list[Span] = field(default_factory=list)
    rhythms: dict[str, Rhythm] = field(default_factory=dict)
    tail: tuple[int, str] | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    covered_to: datetime | None = None
    latest_at: datetime | None = None
    told: int = 0
    read: int = 0
    open: int = 0
    offset: int = 0
    unfinished: bool = False

    @classmethod
    def from_counts(cls, counts: dict[str, Any]) -> LogReport:
        """Take back what `as_counts` gave."""
        report = cls(rejected=Counter(counts.get("rejected", {})))
        for name in _COUNTED:
            setattr(report, name, counts.get(name, 0))
        for name in _TIMED:
            setattr(report, name, time_of(counts.get(name)))
        report.unread = unread_of(counts)
        report.ahead, report.leaps = clocks_of(counts, "ahead"), leaps_of(counts)
        report.back, report.losses = put_back_of(counts), losses_of(counts)
        report.longest = timedelta(seconds=counts.get("longest", 0))
        report.rhythms, report.waiting = rhythms_of(counts), waiting_of(counts)
        if (tail := counts.get("tail")) is not None:
            report.tail = (tail[0], tail[1])
        return report

    def extend(
        self,
        events: Iterable[Event],
        unused: Container[int],
        late: Iterable[Late],
        far: timedelta,
        read_at: datetime | None = None,
    ) -> list[Late]:
        """Note the times of events in their order. A time of which all was refused was not delivered.

        unused: positions of those that were refused. late: those behind the clock of their device. Where this very log
        was `far` beyond them before, a clock was wrong: before, and it is right again, or from now on until it goes on
        at once by as much, or `read_at`, when these were read, shows it right. Nothing of that time is believed, and no
        lease that was given then. Gives the others: they are behind what other logs said.
        """
        others: list[Late] = []
        left = {id(found.event): found for found in late}
        for event in events:
            at, last = event.at, self.last_at
            if event.expires_at is not None:
                self.longest = max(self.longest, event.expires_at - at)
            back = self.back.get(event.device) if self.back else None
            went_back = back is None or self._hear_again(back, at, far, read_at)
            if left and (found := left.get(id(event))) is not None:
                if last is not None and last - at > far:
                    self.unread.append((found.since, found.clock + self.longest))
                    if went_back:
                        self._put_back(found)
                else:
                    others.append(found)
            if event.pos in unused:
                continue
            if last is None or at > last:
                self.last_at = at
            if self.first_at is None or at < self.first_at:
                self.first_at = at
        self.unread = merge(self.unread)
        return others

    def _hear_again(self, back: PutBack, at: datetime, far: timedelta, read_at: datetime | None) -> bool:
        """Note the stamp of a device whose clock went back, which may still be wrong; tells whether it did again."""
        if back.is_wrong and at > back.clock:
            self.unread.append((back.clock, at + self.longest))
        return back.hear(at, far, read_at)

    def _put_back(self, found: Late) -> None:
        device, at, clock = found.event.device, found.event.at, found.clock
        back = self.back.setdefault(device, PutBack(clock, timedelta(), at))
        back.clock = clock
        if not found.set_right:
            back.owed = max(back.owed, clock - at)

    def as_counts(self) -> dict[str, Any]:
        """Give what is kept with the place of the log."""
        times = {name: text_of(getattr(self, name)) for name in _TIMED}
        unread, waiting = (
            [[lo.isoformat(), hi.isoformat()] for lo, hi in spans] for spans in (self.unread, self.waiting)
        )
        counted: dict[str, Any] = {name: getattr(self, name) for name in _COUNTED}
        counted |= {"rejected": dict(self.rejected), "unread": unread, "waiting": waiting}
        counted["ahead"] = {device: clock.isoformat() for device, clock in self.ahead.items()}
        counted["back"] = {device: back.to_row() for device, back in self.back.items()}
        counted["longest"] = self.longest.total_seconds()
        counted["leaps"] = {
            device: [[lo.isoformat(), hi.isoformat()] for lo, hi in spans] for device, spans in self.leaps.items()
        }
        counted["rhythms"] = {name: list(rhythm) for name, rhythm in self.rhythms.items()}
        counted["tail"] = self.tail
        return counted | times | losses_as_counts(self.losses)


def unread_of(counts: dict[str, Any]) -> list[Span]:
    """Take back the unread time of a log from what `as_counts` gave."""
    return _spans(counts.get("unread", []))


def waiting_of(counts: dict[str, Any]) -> list[Span]:
    """Take back the time of what cannot be read yet from what `as_counts` gave."""
    return _spans(counts.get("waiting", []))


def clocks_of(counts: dict[str, Any], name: str) -> dict[str, datetime]:
    """Take back clocks of devices from what `as_counts` gave."""
    return {device: datetime.fromisoformat(clock) for device, clock in counts.get(name, {}).items()}


def put_back_of(counts: dict[str, Any]) -> dict[str, PutBack]:
    """Take back the clocks that went back from what `as_counts` gave."""
    return {device: PutBack.from_row(row) for device, row in counts.get("back", {}).items()}


def leaps_of(counts: dict[str, Any]) -> dict[str, list[Span]]:
    """Take back where the stamps of each device went on at once from what `as_counts` gave."""
    return {device: _spans(spans) for device, spans in counts.get("leaps", {}).items()}


def losses_of(counts: dict[str, Any]) -> Losses:
    """Take back where a log lost something from what `as_counts` gave."""
    last, lost = (_spans([found])[0] if (found := counts.get(name)) else None for name in ("last", "lost"))
    begins = {device: _spans([stamps])[0] for device, stamps in counts.get("begins", {}).items()}
    return Losses(last, lost, begins)


def losses_as_counts(losses: Losses) -> dict[str, Any]:
    """Give that as it is kept with the place of the log."""
    found = (("last", losses.last), ("lost", losses.open))
    counted: dict[str, Any] = {
        name: None if span is None else [span[0].isoformat(), span[1].isoformat()] for name, span in found
    }
    counted["begins"] = {device: [lo.isoformat(), hi.isoformat()] for device, (lo, hi) in losses.begins.items()}
    return counted


def rhythms_of(counts: dict[str, Any]) -> dict[str, Rhythm]:
    """Take back the rhythms of devices from what `as_counts` gave."""
    return {name: Rhythm(*rhythm) for name, rhythm in counts.get("rhythms", {}).items()}


def plain_holding(holding: Holding) -> dict[str, Any]:
    """Give a holding as JSON knows it: times as text, the unit in seconds."""
    row = holding.to_row()
    row |= {name: text_of(row[name]) for name in _OF_HOLDING}
    return row | {"unit": row["unit"].total_seconds()}


def holding_of(state: dict[str, Any]) -> Holding:
    """Take back what `plain_holding` gave."""
    times = {name: time_of(state[name]) for name in _OF_HOLDING}
    return Holding.from_row(state | times | {"unit": timedelta(seconds=state["unit"])})


def _spans(texts: list[list[str]]) -> list[Span]:
    return [(datetime.fromisoformat(lo), datetime.fromisoformat(hi)) for lo, hi in texts]


def text_of(time: datetime | None) -> str | None:
    """Write a time as JSON keeps it."""
    return None if time is None else time.isoformat()


def time_of(text: str | None) -> datetime | None:
    """Take back what `text_of` gave."""
    return None if text is None else datetime.fromisoformat(text)

"""What the stamps of a source's devices tell of their clocks, and which time is not to be believed for it. Pure.

A clock that runs ahead shows it when it falls back, and so does one that is put back: the two look alike until it goes
on at once by what it fell, or its records are read within an hour of their stamps. Whatever could have been stamped by
a wrong clock is not believed, and no lease that was given then. Steps of less than `Policy.settle` are not seen: by so
much a record may be late.
Not here: what the events say (`intervals`), by how much a clock is wrong that the collector measures (`clock_lag`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from broker.attribution.logs.accounting import Late
from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import Policy
from broker.attribution.spans import EVER, Span, covers


class Writer(Protocol):
    """A device. clock: the latest stamp that it has written."""

    clock: datetime


@dataclass(slots=True)
class PutBack:
    """The clock of a device that went back from `clock`.

    heard: its last stamp since. owed: by how much it went back each time, until it goes on at once by as much; nothing
    where it had been ahead.
    """

    clock: datetime
    heard: datetime
    owed: list[timedelta]

    @property
    def is_wrong(self) -> bool:
        """Whether it may be wrong, or what it stamped while it was ahead still lies before it."""
        return bool(self.owed) or self.heard <= self.clock

    def hear(self, at: datetime, far: timedelta, read_at: datetime | None) -> timedelta:
        """Note the next stamp; steps of more than `far` are no time that went by. Gives how far it went on besides.

        read_at: when it was read; a stamp of just then is not behind.
        """
        step, self.heard = at - self.heard, at
        # Each at once and not in parts: every part could be a time in which the device had nothing to write.
        while step > far and (paid := max((owed for owed in self.owed if owed <= step), default=None)):
            self.owed.remove(paid)
            step -= paid
        if read_at is not None and at > read_at - far:
            self.owed.clear()
        return step

    def to_row(self) -> list[Any]:
        """Give what JSON can keep."""
        return [self.clock.isoformat(), self.heard.isoformat(), [owed.total_seconds() for owed in self.owed]]

    @classmethod
    def from_row(cls, row: list[Any]) -> PutBack:
        """Take back what `to_row` gave."""
        clock, heard, owed = row
        moment = datetime.fromisoformat
        return cls(moment(clock), moment(heard), [timedelta(seconds=seconds) for seconds in owed])


@dataclass(slots=True)
class ClockState:
    """What is remembered of the clocks of a source, by device, between two chunks of its logs.

    ahead: its clock since when its records are refused as of the future. leaps: where its stamps lately went on at once
    by more than `Policy.settle`; ascending, apart. back: its clock that was put back and may be wrong since.
    longest: for how long a lease is given at most, of all devices.
    """

    ahead: dict[str, datetime] = field(default_factory=dict)
    leaps: dict[str, list[Span]] = field(default_factory=dict)
    back: dict[str, PutBack] = field(default_factory=dict)
    longest: timedelta = timedelta()

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can keep."""
        leaps = {name: [[lo.isoformat(), hi.isoformat()] for lo, hi in own] for name, own in self.leaps.items()}
        return {
            "ahead": {name: clock.isoformat() for name, clock in self.ahead.items()},
            "leaps": leaps,
            "back": {name: back.to_row() for name, back in self.back.items()},
            "longest": self.longest.total_seconds(),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> ClockState:
        """Take back what `to_json` gave; of nothing, what is known before the first record."""
        moment = datetime.fromisoformat
        return cls(
            {name: moment(clock) for name, clock in kept.get("ahead", {}).items()},
            {name: [(moment(lo), moment(hi)) for lo, hi in own] for name, own in kept.get("leaps", {}).items()},
            {name: PutBack.from_row(row) for name, row in kept.get("back", {}).items()},
            timedelta(seconds=kept.get("longest", 0)),
        )


class Clocks:
    """Hears the stamps of one log in their order.

    state: as the logs of the source have left it; it is changed. newest: the latest stamp of this log that was used.
    vouched: for which time the source has said that everything of it is in.
    """

    def __init__(self, policy: Policy, state: ClockState, *, vouched: Sequence[Span] = ()) -> None:
        self._policy, self.state, self._vouched = policy, state, vouched
        self.newest: datetime | None = None
        # Of this chunk: where to note times that are not believed, and events behind what other logs said.
        self._unread: list[Span] = []
        self.others: list[Late] = []
        self._not_after: datetime | None = None
        # The last stamp of the device of the event that is heard, before it.
        self._heard = EVER

    def begin(self, unread: list[Span], not_after: datetime | None) -> None:
        """Begin a chunk. unread: where to note times that are not believed. not_after: as of the fold."""
        self._unread, self.others, self._not_after = unread, [], not_after

    def is_of_the_future(self, event: Event) -> bool:
        """Tell whether an event is stamped later than it was received or read."""
        at, received_at = event.at, event.received_at
        if received_at is not None and at - received_at > self._policy.ahead:
            return True
        return self._not_after is not None and at > self._not_after

    def refuse(self, event: Event, clocks: Iterable[datetime]) -> None:
        """Note since when nothing is known of the device of an event that is refused as of the future.

        clocks: its own; of all devices if it has none. Before any device had written, the source vouched for nothing.
        """
        self._note_lease(event)
        if (since := min(clocks, default=None)) is not None:
            self.state.ahead.setdefault(event.device, since)

    def hear(self, event: Event, devices: Mapping[str, Writer]) -> Late | None:
        """Note the stamp of an event that is not of the future; gives it if it shows that a clock may be wrong.

        devices: of the source, by name, as they were before it.
        """
        state, policy, name, at = self.state, self._policy, event.device, event.at
        self._note_lease(event)
        clock = device.clock if (device := devices.get(name)) is not None else None
        if state.ahead and (clock is None or at > clock) and (since := state.ahead.pop(name, None)) is not None:
            # What it wrote in between is refused and belongs there, and so do the leases that it gave then.
            self._unread.append((since, at + state.longest))
        if clock is None:
            return None
        back = state.back.get(name) if state.back else None
        heard = self._heard = clock if back is None else back.heard
        step = at - heard
        if back is not None:
            if back.is_wrong and at > back.clock:
                self._unread.append((back.clock, at + state.longest))
            step = back.hear(at, policy.settle, self._read_at)
        if step > policy.settle:
            self._leap(name, heard, at)
        fall = clock - at
        # Where records come in no order, a late one tells nothing of a clock unless it is too late to be used.
        if fall > policy.settle and (policy.in_order or fall > policy.memory):
            return self._behind(event, clock, [other.clock for n, other in devices.items() if n != name])
        return None

    def _note_lease(self, event: Event) -> None:
        if event.expires_at is not None and event.expires_at - event.at > self.state.longest:
            self.state.longest = event.expires_at - event.at

    @property
    def _read_at(self) -> datetime | None:
        return None if self._not_after is None else self._not_after - self._policy.ahead

    def doubts(self, device: str, late: Late | None) -> bool:
        """Tell whether the clock of a device is behind as far as is known, so that it was another time for it.

        late: what its event has shown that was just heard.
        """
        if late is not None and late.fell > self._policy.settle and not late.set_right:
            return True
        return bool(self.state.back) and (back := self.state.back.get(device)) is not None and bool(back.owed)

    def take(self, event: Event, late: Late | None, *, used: bool, repeated: bool) -> None:
        """Draw the conclusions from an event that was heard.

        used: it was not refused. repeated: it says nothing new, so that it may be of a copy of another log.
        """
        at, newest = event.at, self.newest
        if late is not None:
            if newest is not None and newest - at > self._policy.settle:
                self._unread.append((late.since, late.clock + self.state.longest))
                self.put_back(late)
            else:
                self._behind_others(late, repeated=repeated)
        if used and (newest is None or at > newest):
            self.newest = at

    def _behind_others(self, late: Late, *, repeated: bool) -> None:
        """Draw the conclusions from an event that is behind what other logs said, and not behind its own."""
        at, back = late.event.at, self.state.back.get(late.event.device)
        if not repeated:
            self.others.append(late)
        if back is not None and late.fell <= self._policy.settle:
            # It goes on where that clock was.
            return
        # A log of a time of which nothing was known may come late; from a clock that was wrong before, it does not.
        if not (repeated or late.refused) and (back is not None or covers(self._vouched, at, at)):
            self.put_back(late)
        elif back is not None:
            back.heard = self._heard

    def put_back(self, late: Late) -> None:
        """Note that the clock of a device was put back, or had run ahead before."""
        back = self.state.back.get(late.event.device)
        if back is None:
            back = self.state.back[late.event.device] = PutBack(late.clock, late.event.at, [])
        if late.fell > self._policy.settle:
            back.clock = late.clock
            if not late.set_right:
                back.owed.append(late.fell)

    def _leap(self, name: str, heard: datetime, at: datetime) -> None:
        leaps = [leap for leap in self.state.leaps.get(name, ()) if at - leap[1] <= self._policy.cap]
        lo, hi = heard, at
        while leaps and leaps[-1][1] > lo:
            # Of a clock that goes to and fro, one leap stands for all.
            last = leaps.pop()
            lo, hi = min(lo, last[0]), max(hi, last[1])
        self.state.leaps[name] = [*leaps, (lo, hi)]

    def _behind(self, event: Event, clock: datetime, others: Collection[datetime]) -> Late:
        """Say since when the clock of a device may have been wrong that has written later stamps than this.

        others: the clocks of the other devices.
        """
        at, far, policy = event.at, self._policy.settle, self._policy
        fall, fell = clock - at, self._heard - at
        # It may have been ahead for two reasons, and fall for one of them only.
        least = fell if fell > far else fall
        found = [leap for leap in self.state.leaps.get(event.device, ()) if at - leap[1] <= policy.cap]
        # A clock that was ahead had gone on at once by what it is put back, and what was not written at both ends.
        leaps = [(lo, hi) for lo, hi in found if hi - lo >= least or lo <= at < hi]
        # But so it seems where the device had nothing to write for as long; then it is far from the others now.
        same = [(lo, hi) for lo, hi in leaps if fell <= hi - lo <= fell + far]
        set_right = bool(same) and (
            abs(max(others) - at) <= far if others else any(self._heard - hi <= fell for _, hi in same)
        )
        since = min((lo for lo, _ in leaps), default=at)
        return Late(event, since, clock, fell, fall > policy.memory, set_right)

"""What the stamps of a source's devices tell of their clocks, and which time is not to be believed for it. Pure.

A clock that runs ahead shows it when it falls back, and so does one that is put back: the two look alike until it goes
on at once by what it fell, or its records are read within an hour of their stamps. A time with nothing to write looks
like such a step, so the other devices of the source are asked, if it has any. Whatever could have been stamped by
a wrong clock is not believed, and no lease that was given then. Steps of less than `Policy.settle` are not seen: by so
much a record may be late.
Not here: what the events say (`event_rules`), by how much a clock is wrong that the collector measures (`clock_lag`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from broker.attribution.logs.accounting import Late
from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import Policy
from broker.attribution.spans import EVER, Span, covers


class Writer(Protocol):
    """A device. clock: the latest stamp that it has written."""

    clock: datetime


# More is owed by a clock that goes to and fro, and paid at once or not at all.
_MOST_OWED = 16


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

    def owe(self, fell: timedelta) -> None:
        """Note that it went back by as much."""
        self.owed.append(fell)
        if len(self.owed) > _MOST_OWED:
            self.owed = [sum(self.owed, timedelta())]

    def pay(self, step: timedelta) -> timedelta:
        """Take a step for that of a clock that is put right, if it is wide enough. Gives how far it went on besides."""
        # Each at once and not in parts: every part could be a time in which the device had nothing to write.
        while paid := max((owed for owed in self.owed if owed <= step), default=None):
            self.owed.remove(paid)
            step -= paid
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


class Beyond(NamedTuple):
    """How a device goes on whose records are refused as of the future: see `ClockState`."""

    last: datetime
    gone_on: timedelta
    live: bool


@dataclass(slots=True)
class ClockState:
    """What is remembered of the clocks of a source, by device, between two chunks of its logs.

    ahead: its clock since when its records are refused as of the future. beyond: the last stamp of those, by how much
    they have gone on and back at once since then, and whether that was when they were read. leaps: where its stamps
    lately went on at once by more than `Policy.settle`; ascending, apart. back: its clock that was put back and may be
    wrong since. longest: for how long a lease is given at most, of all devices.
    """

    ahead: dict[str, datetime] = field(default_factory=dict)
    beyond: dict[str, Beyond] = field(default_factory=dict)
    leaps: dict[str, list[Span]] = field(default_factory=dict)
    back: dict[str, PutBack] = field(default_factory=dict)
    longest: timedelta = timedelta()

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can keep."""
        leaps = {name: [[lo.isoformat(), hi.isoformat()] for lo, hi in own] for name, own in self.leaps.items()}
        return {
            "ahead": {name: clock.isoformat() for name, clock in self.ahead.items()},
            "beyond": {
                name: [b.last.isoformat(), b.gone_on.total_seconds(), b.live] for name, b in self.beyond.items()
            },
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
            {
                n: Beyond(moment(at), timedelta(seconds=by), live)
                for n, (at, by, live) in kept.get("beyond", {}).items()
            },
            {name: [(moment(lo), moment(hi)) for lo, hi in own] for name, own in kept.get("leaps", {}).items()},
            {name: PutBack.from_row(row) for name, row in kept.get("back", {}).items()},
            timedelta(seconds=kept.get("longest", 0)),
        )


class Clocks:
    """Hears the stamps of one log in their order.

    state: as the logs of the source have left it; it is changed. newest: the latest stamp of this log that was used.
    read_before: the time of which logs of the source were read before.
    """

    def __init__(self, policy: Policy, state: ClockState, *, read_before: Sequence[Span] = ()) -> None:
        self._policy, self.state, self._read_before = policy, state, read_before
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
            since = self.state.ahead.setdefault(event.device, since)
            self.state.beyond[event.device] = self._beyond(event, since)

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
            beyond = self._beyond(event, since)
            state.beyond.pop(name, None)
            if not self._is_of_now(event) and (beyond.live or beyond.gone_on < -policy.settle):
                # It has gone back by more than it had run ahead, or nobody knows by how much.
                state.back[name] = PutBack(at, at, [policy.cap if beyond.live else -beyond.gone_on])
        if clock is None:
            return None
        back = state.back.get(name) if state.back else None
        heard = self._heard = clock if back is None else back.heard
        step, fall = at - heard, clock - at
        # Where records come in no order, a late one tells nothing of a clock unless it is too late to be used.
        is_late = fall > policy.settle and (policy.in_order or fall > policy.memory)
        if not (back or is_late or step > policy.settle):
            return None
        others = [other.clock for n, other in devices.items() if n != name]
        if back is not None:
            if back.is_wrong and at > back.clock:
                self._unread.append((back.clock, at + state.longest))
            back.heard = at
            if back.owed and step > policy.settle and self._proves(back, name, at, others):
                step = back.pay(step)
            if self._is_of_now(event):
                back.owed.clear()
        # Where it is when the others are, it had nothing to write.
        if step > policy.settle and not (others and abs(max(others) - at) <= policy.settle):
            self._leap(name, heard, at)
        return self._behind(event, clock, others) if is_late else None

    def _beyond(self, event: Event, since: datetime) -> Beyond:
        """Say how a device has gone on, up to this event, since its records are refused."""
        found = self.state.beyond.get(event.device) or Beyond(since, timedelta(), self._is_read(since))
        step = event.at - found.last
        gone_on = found.gone_on + step if abs(step) > self._policy.settle else found.gone_on
        return Beyond(event.at, gone_on, found.live)

    def _proves(self, back: PutBack, name: str, at: datetime, others: Collection[datetime]) -> bool:
        """Tell whether a step may be that of a clock which is put right, and not of a time with nothing to write."""
        if others:
            return max(others) - at <= self._policy.settle
        return not any(hi - lo >= min(back.owed) for lo, hi in self._leaps(name, at))

    def _leaps(self, name: str, at: datetime) -> list[Span]:
        """Give where the stamps of a device lately went on at once."""
        return [leap for leap in self.state.leaps.get(name, ()) if at - leap[1] <= self._policy.cap]

    def _is_of_now(self, event: Event) -> bool:
        """Tell whether an event was received or read within `Policy.settle` of its stamp."""
        at, heard, policy = event.at, event.received_at, self._policy
        if heard is not None and not event.reckoned and at > heard - policy.settle:
            return True
        return self._is_read(at)

    def _is_read(self, at: datetime) -> bool:
        """Tell whether this chunk is read within `Policy.settle` of a moment."""
        policy = self._policy
        return self._not_after is not None and at > self._not_after - policy.ahead - policy.settle

    def _note_lease(self, event: Event) -> None:
        if event.expires_at is not None and event.expires_at - event.at > self.state.longest:
            # What is in no record for longer is over in any case.
            self.state.longest = min(event.expires_at - event.at, self._policy.cap)

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
        if not (repeated or late.refused) and (back is not None or covers(self._read_before, at, at)):
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
            if late.set_right:
                # What explains this explains nothing else.
                far, leaps = self._policy.settle, self.state.leaps[late.event.device]
                leaps[:] = [(lo, hi) for lo, hi in leaps if not late.fell <= hi - lo <= late.fell + far]
            else:
                back.owe(late.fell)

    def _leap(self, name: str, heard: datetime, at: datetime) -> None:
        leaps, lo, hi = self._leaps(name, at), heard, at
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
        found = self._leaps(event.device, at)
        # A clock that was ahead had gone on at once by what it is put back, and what was not written at both ends.
        leaps = [(lo, hi) for lo, hi in found if hi - lo >= least or lo <= at < hi]
        # But so it seems where the device had nothing to write for as long; then it is far from the others now.
        same = [(lo, hi) for lo, hi in found if fell <= hi - lo <= fell + far]
        if others:
            set_right = bool(same) and abs(max(others) - at) <= far
        else:
            # Nor was it silent for as long at another time, or for long before it fell.
            once = sum(hi - lo >= fell for lo, hi in found) == 1
            set_right = bool(same) and once and self._heard - same[0][1] <= fell
        since = min((lo for lo, _ in leaps), default=at)
        return Late(event, since, clock, fell, fall > policy.memory, set_right)

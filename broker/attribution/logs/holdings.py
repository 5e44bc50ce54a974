"""The holdings that are remembered between events: found by name and by key, bounding each other, given out when over.

Not here: what an event says of which holding (`event_rules`), what one holding proves (`holding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple

from broker.attribution.logs.events import Event, Kind, Ports
from broker.attribution.logs.holding import Flag, Holding, LogInterval, Policy, overlap
from broker.attribution.spans import FOREVER, Span

# Holdings of one address are found by stretches of this many ports, so that a begin looks at its neighbours only.
_STRETCH = 128
# Stands for all ports.
_WHOLE = -1


class State(NamedTuple):
    """What one chunk leaves to the next. clocks: the latest moment each device has written."""

    clocks: dict[str, datetime] = {}
    holdings: tuple[Holding, ...] = ()
    serial: int = 0


Name = str | tuple[str, Ports | None, int | None, str]


class Device:
    """One writer of the log: its clock, its holdings by name, and when to look at them again.

    doubted: its clock may be wrong just now, and what it says of how long a session has lasted is not believed.
    """

    __slots__ = ("clock", "doubted", "due", "sessions")

    def __init__(self, clock: datetime) -> None:
        self.clock = clock
        self.doubted = False
        self.sessions: dict[Name, Holding] = {}
        self.due: list[tuple[datetime, int, Holding]] = []


class Holdings:
    """Everything remembered of one source. opened: how many were begun. closed: given out and not yet taken away."""

    def __init__(self, policy: Policy, state: State) -> None:
        self.policy = policy
        self.devices = {name: Device(clock) for name, clock in state.clocks.items()}
        self.opened = 0
        self.closed: list[LogInterval] = []
        self._serial = state.serial
        self._by_key: dict[str, dict[int, list[Holding]]] = {}
        for holding in sorted(state.holdings, key=lambda h: h.serial):
            self._keep(holding, self.devices[holding.device])

    def state(self) -> State:
        """Give what the next chunk needs."""
        entries = (entry for device in self.devices.values() for entry in device.due)
        found = {serial: holding for due, serial, holding in entries if due == holding.due}
        clocks = {name: device.clock for name, device in self.devices.items()}
        return State(clocks, tuple(found[serial] for serial in sorted(found)), self._serial)

    def open(self, event: Event, device: Device, *, current: bool = True, contested: bool = False) -> Holding:
        """Begin a holding that this event is the first to show.

        current: further events of its name are about it; False if a later one of that name is known already.
        contested: the event is not believed, so nothing is certain of the holding, and it bounds no other.
        """
        at, since = event.at, None if device.doubted else event.since
        self._serial += 1
        self.opened += 1
        holding = Holding(
            self._serial,
            event.pos,
            event.device,
            event.session,
            event.address or "",
            event.ports,
            event.protocol,
            event.holder,
            event.unit,
            at,
            at,
            at,
            since=since,
            expires=event.expires_at,
            current=current,
        )
        if event.kind is Kind.BEGIN:
            holding.began = at
        elif event.kind is Kind.END:
            holding.ended_min = holding.ended_max = at
            # The count of a session says nothing of when it got this address.
            if since is not None and event.session is None:
                holding.flags = Flag.DERIVED
        holding.due = holding.deadline(self.policy)
        if contested:
            holding.flags |= Flag.CONTESTED | Flag.CONTRADICTED
        else:
            self.link(holding)
        self._keep(holding, device)
        return holding

    def see(self, event: Event, holding: Holding) -> None:
        """Note a sight of a holding that goes on."""
        if event.at >= holding.last:
            holding.last = event.at
            if event.expires_at is not None:
                sooner = holding.expires is None or event.expires_at < holding.expires
                holding.expires = event.expires_at
                if sooner:
                    self.look_again(holding)
        earlier = event.since is not None and (holding.since is None or event.since < holding.since)
        if earlier and not self.devices[event.device].doubted:
            holding.since = event.since
        if event.unit > holding.unit:
            holding.unit = event.unit
        if event.holder and not holding.holder:
            holding.holder = event.holder

    def succeed(self, event: Event, device: Device, old: Holding, *, changed: bool) -> Holding:
        """Begin another holding of the same name. The old one was over by this event, the new one may be older."""
        current, old.current = old.current, False
        if not old.emitted and old.ended_max is None and event.at > old.last:
            limit = old.limit()
            if limit is None or event.at < limit:
                old.bound, old.foreign = event.at, changed
                if changed:
                    old.flags |= Flag.ADDRESS_CHANGED
            self.look_again(old)
        new = self.open(event, device, current=current)
        if new.began is None:
            new.floor = max(old.shown, new.floor or old.shown)
        if changed:
            # How long the session has lasted by its own count says nothing of this address.
            new.flags = new.flags & ~Flag.DERIVED | Flag.ADDRESS_CHANGED
        return new

    def part(self, old: Holding, device: Device, event: Event, silence: Span) -> Holding:
        """Begin a holding anew with an event that comes after a time of which records are missing.

        It may have been somebody else's meanwhile. Up to that time and from its end on it was not: that would have been
        recorded. But if it was seen with somebody else since, only the event itself is believed.
        """
        lo, hi = silence
        others = (o for o in self.neighbours(old.address, old.ports) if o is not old and overlap(o, old))
        alone = not any(other.last > old.last for other in others)
        new = self.succeed(event._replace(holder=event.holder or old.holder), device, old, changed=False)
        new.distance, new.step = old.distance, old.step
        if alone:
            old.last = max(old.last, min(lo, event.at))
            if hi < event.at:
                new.first = new.floor = max(hi, old.last)
                self.link(new)
        return new

    def split(self, old: Holding, device: Device, event: Event) -> Holding:
        """Make two of a holding that was seen before and after an event that ends the earlier one."""
        at, seen, current = event.at, old.last, old.current
        old.current = False
        sight = event._replace(address=old.address, ports=old.ports, protocol=old.protocol, holder=old.holder)
        sight = sight._replace(session=old.session, since=None, expires_at=None, kind=Kind.ALIVE)
        new = self.open(sight, device, current=current)
        new.first = new.last = seen if seen > at else old.ended_min or at
        new.floor, new.expires = at, old.expires
        new.ended_min, new.ended_max = old.ended_min, old.ended_max
        new.flags |= Flag.CONTRADICTED
        # Whether the earlier one was seen again between its first sight and the event is not known any more.
        old.last = seen if seen <= at else old.first
        old.bound, old.foreign = at, True
        old.since = old.expires = old.ended_min = old.ended_max = None
        old.flags |= Flag.CONTRADICTED
        for holding in (old, new):
            self.look_again(holding)
        return new

    def link(self, new: Holding) -> None:
        """Let what else is known of the key bound a holding, and the holding bound it."""
        for other in self.neighbours(new.address, new.ports):
            if other is new or not overlap(new, other):
                continue
            if other.first < new.first:
                if new.began is None and other.shown <= new.first:
                    new.floor = max(other.shown, new.floor or other.shown)
                # An end of which no begin was seen does not say that the key was somebody else's before.
                shows = new.began is not None or new.ended_max is None
                if shows and other.ended_max is None and not other.emitted and other.last <= new.first:
                    self._bound(other, new)
            elif new.first < other.first and new.last <= other.first and new.ended_max is None:
                self._bound(new, other)

    def _bound(self, earlier: Holding, later: Holding) -> None:
        limit = earlier.bound
        if limit is None or limit < earlier.last or later.first < limit:
            earlier.bound = later.first
            earlier.foreign = not later.holder or earlier.holder != later.holder
            self.look_again(earlier)
        elif later.first == limit and earlier.holder != later.holder:
            earlier.foreign = True

    def _keep(self, holding: Holding, device: Device) -> None:
        if holding.current:
            device.sessions[name_of(holding)] = holding
        heappush(device.due, (holding.due, holding.serial, holding))
        stretches = self._by_key.setdefault(holding.address, {})
        for stretch in _stretches(holding):
            stretches.setdefault(stretch, []).append(holding)

    def neighbours(self, address: str, ports: Ports | None) -> list[Holding]:
        """Give all remembered holdings of an address that can share a port with these."""
        stretches = self._by_key.get(address)
        if stretches is None:
            return []
        if ports is None:
            lists = list(stretches.values())
        else:
            lists = [stretches[s] for s in (_WHOLE, *_range(ports)) if s in stretches]
        if len(lists) == 1:
            return list(lists[0])
        return list({h.serial: h for found in lists for h in found}.values())

    def look_again(self, holding: Holding) -> None:
        """Look at a holding earlier than planned if it is over earlier; what is over later is seen at the old look."""
        due = holding.deadline(self.policy)
        if due < holding.due:
            holding.due = due
            heappush(self.devices[holding.device].due, (due, holding.serial, holding))

    def settle(self, device: Device) -> None:
        """Give out what is over long enough, and forget what was given out long ago."""
        heap, clock, policy = device.due, device.clock, self.policy
        while heap and heap[0][0] <= clock:
            due, _, holding = heappop(heap)
            if due != holding.due:
                continue  # A newer entry stands for it.
            holding.due = holding.deadline(policy)
            if holding.due <= clock:
                if holding.emitted:
                    until = holding.over_at(policy) + policy.cap
                    self._drop_name(holding, device)
                    if until <= clock or not self._is_latest(holding):
                        self._forget(holding)
                        continue
                    # The next holder of the key, should its begin be lost, cannot be older than this one's end.
                    holding.due = until
                    heappush(heap, (until, holding.serial, holding))
                    continue
                self.closed.append(holding.interval(policy))
                holding.emitted = True
                holding.due = holding.deadline(policy)
            heappush(heap, (holding.due, holding.serial, holding))

    def _drop_name(self, holding: Holding, device: Device) -> None:
        if holding.current:
            holding.current = False
            del device.sessions[name_of(holding)]

    def _is_latest(self, holding: Holding) -> bool:
        key = (holding.address, holding.ports, holding.protocol)
        stretch = _stretches(holding)[0]
        return not any(
            other.first >= holding.first
            and other is not holding
            and (other.address, other.ports, other.protocol) == key
            for other in self._by_key[holding.address][stretch]
        )

    def _forget(self, holding: Holding) -> None:
        # Its older entries, which may be of the same moment, stand for nothing any more.
        holding.due = FOREVER
        stretches = self._by_key[holding.address]
        for stretch in _stretches(holding):
            stretches[stretch].remove(holding)
            if not stretches[stretch]:
                del stretches[stretch]
        if not stretches:
            del self._by_key[holding.address]


def name_of(thing: Event | Holding) -> Name:
    """Name a holding as its device does, or by what it is."""
    return thing.session or (thing.address or "", thing.ports, thing.protocol, thing.holder)


def differs(event: Event, holding: Holding) -> bool:
    """Tell whether an event shows another key or holder than its session had; saying nobody is no difference."""
    return (
        event.address != holding.address
        or event.ports != holding.ports
        or event.protocol != holding.protocol
        or (event.holder != holding.holder and bool(event.holder) and bool(holding.holder))
    )


def counts_anew(event: Event, holding: Holding, policy: Policy) -> bool:
    """Tell whether the device counts from a moment after the last sight: the name is used for another holding."""
    return event.since is not None and event.since - holding.last > policy.slack + holding.unit


def counts_longer(event: Event, holding: Holding, policy: Policy) -> bool:
    """Tell whether the device counts from a moment before the begin that is known: one of the two stamps is wrong."""
    begun = holding.since if holding.since is not None else holding.began
    return event.since is not None and begun is not None and begun - event.since > policy.slack + 2 * holding.unit


def _stretches(holding: Holding) -> Sequence[int]:
    return (_WHOLE,) if holding.ports is None else _range(holding.ports)


def _range(ports: Ports) -> Sequence[int]:
    return range(ports.first // _STRETCH, ports.last // _STRETCH + 1)

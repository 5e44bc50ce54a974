"""Invented truth: who really held which key when, and what devices would write of it, with faults on request.

Times of the truth are exact; stamps are cut or rounded to the second by the device and wrong by its drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import NamedTuple

from broker.attribution.logs.events import Event, Kind, Ports

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stay(NamedTuple):
    """One holder had one key over [start, end) in truth."""

    holder: str
    address: str
    ports: Ports | None
    start: datetime
    end: datetime
    device: str
    session: str | None


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong; the first six are probabilities, drift is the largest clock error of a device in seconds.

    jumps: how often the clock of a device is wrong by hours or days, for few records or up to a day, and right again.
    outages: how often everything that a device writes is lost for some hours.
    """

    lost_begin: float = 0
    lost_alive: float = 0
    lost_end: float = 0
    lost_restart: float = 0
    doubled: float = 0
    late: float = 0
    drift: float = 0
    restarts: int = 0
    changes: float = 0
    jumps: int = 0
    outages: int = 0

    @property
    def lossless(self) -> bool:
        return not (self.lost_begin or self.lost_alive or self.lost_end or self.lost_restart or self.outages)


CAUSES = {
    "nothing": Faults(),
    "begin lost": Faults(lost_begin=0.2),
    "end lost": Faults(lost_end=0.2),
    "interim lost": Faults(lost_alive=0.3),
    "records doubled": Faults(doubled=0.2),
    "records late": Faults(late=0.2),
    "clock drift": Faults(drift=3),
    "device restarts": Faults(restarts=6),
    "address changes": Faults(changes=0.2),
    "clock jumps": Faults(jumps=1),
    "clock jumps twice": Faults(jumps=2),
    "clock jumps, ends lost": Faults(lost_end=0.2, jumps=1),
    "outage": Faults(outages=1),
    "all of it": Faults(0.05, 0.05, 0.05, 0.3, 0.1, 0.1, 3, 6, 0.1),
}


class _Writer:
    """One device: how it writes, and what it writes."""

    def __init__(self, name: str, random: Random, drift: float) -> None:
        self.name = name
        self.random = random
        self._drift = timedelta(seconds=random.uniform(-drift, drift))
        self._rounds = random.random() < 0.5
        # It says how long sessions have lasted: by a count of its own, or by its clock.
        self.counts = random.random() < 0.5
        self.by_clock = random.random() < 0.5
        self.events: list[tuple[datetime, Event]] = []
        # From when to when its clock is how far ahead, or behind.
        self.ahead: list[tuple[datetime, datetime, timedelta]] = []
        # When nothing that it writes arrives.
        self.silent: list[tuple[datetime, datetime]] = []

    def stamp(self, moment: datetime) -> datetime:
        moment += sum((by for lo, hi, by in self.ahead if lo <= moment < hi), timedelta())
        moment = moment + self._drift + (SECOND / 2 if self._rounds else timedelta())
        return moment.replace(microsecond=0)

    def write(
        self,
        kind: Kind,
        moment: datetime,
        stay: Stay | None = None,
        lease: timedelta | None = None,
        begun: datetime | None = None,
    ) -> None:
        """Write of a stay; begun: of a session that has lasted since then, if this device counts its time."""
        at = self.stamp(moment)
        event = Event(0, kind, at, self.name)
        if stay is not None:
            event = event._replace(
                address=stay.address,
                ports=stay.ports,
                holder=stay.holder,
                session=stay.session,
                expires_at=None if lease is None or kind is Kind.END else at + lease,
                since=self._since(moment, begun),
            )
        self.events.append((moment, event))

    def _since(self, moment: datetime, begun: datetime | None) -> datetime | None:
        if begun is None or not self.counts:
            return None
        at = self.stamp(moment)
        since = self.stamp(begun) if self.by_clock else at - (moment - begun) // SECOND * SECOND
        return since if since <= at else None


class History:
    """A source of one kind ("radius", "prefix", "dhcp" or "cgn"), its truth and its log."""

    def __init__(
        self,
        kind: str,
        seed: int,
        faults: Faults,
        days: int = 3,
        keys: int = 24,
        *,
        start: datetime = DAY,
        holders: int = 40,
    ) -> None:
        self.kind, self.faults, self.start, self._holders = kind, faults, start, holders
        self._random = Random(f"{kind} {seed} {faults} {start}")
        self.end = start + timedelta(days=days)
        self._sessions = count(1)
        self._devices = [_Writer(f"device-{n}", self._random, faults.drift) for n in range(1 if kind == "dhcp" else 2)]
        restarts = faults.restarts if kind != "dhcp" else 0
        self._restarts = {
            d.name: sorted(start + self._random.random() * (self.end - start) for _ in range(restarts))
            for d in self._devices
        }
        for device in self._devices:
            for _ in range(faults.jumps):
                lo = start + self._random.uniform(0.1, 0.6) * (self.end - start)
                length = self._random.choice((timedelta(minutes=10), timedelta(hours=5), timedelta(hours=26)))
                by = self._random.choice((3, 20, 48, -3, -20, -48)) * timedelta(hours=1)
                device.ahead.append((lo, lo + length, by))
            for _ in range(faults.outages):
                lo = start + self._random.uniform(0.1, 0.9) * (self.end - start)
                device.silent.append((lo, lo + self._random.choice((1, 2, 4, 8, 16)) * timedelta(hours=1)))
        self.stays: list[Stay] = []
        self._spare_from = dict.fromkeys((self._address(n) for n in range(200, 200 + keys // 4)), start)
        for number in range(keys):
            self._live(number)
        self._visible: dict[tuple[str, Ports | None], list[tuple[datetime, datetime, str]]] = {}
        self.by_key: dict[tuple[str, Ports | None], list[Stay]] = defaultdict(list)
        for stay in sorted(self.stays, key=lambda s: s.start):
            self.by_key[stay.address, stay.ports].append(stay)
        for device in self._devices:
            for moment in self._restarts[device.name]:
                device.write(Kind.RESTART, moment)
        arrived = list(self._log())
        # When each event arrived, beside it.
        self.arrived_at, self.events = [at for at, _ in arrived], [event for _, event in arrived]
        # What tells when a holding began or ended, by device.
        self._turns: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.kind is not Kind.ALIVE:
                self._turns[event.device].append(event)

    def _address(self, number: int) -> str:
        if self.kind == "prefix":
            return f"2001:db8:{number + 1:x}00::/56"
        return f"192.0.2.{number // 8 if self.kind == 'cgn' else number}"

    def _live(self, number: int) -> None:
        """Let one key pass from holder to holder."""
        random = self._random
        ports = Ports(1024 + number % 8 * 512, 1535 + number % 8 * 512) if self.kind == "cgn" else None
        now, holder = self.start + random.random() * timedelta(hours=3), 0
        while now < self.end:
            # Some reconnect, most are followed by somebody else.
            holder = holder if random.random() < 0.2 else random.randrange(1, self._holders)
            device = random.choice(self._devices)
            session: str | None = f"s{next(self._sessions)}" if self.kind in ("radius", "prefix") else None
            name = f"inner:100.64.0.{holder}" if self.kind == "cgn" else f"user:line-{holder}"
            length = timedelta(seconds=min(random.lognormvariate(8.5, 1.2), 200_000))
            stay = Stay(name, self._address(number), ports, now, now + length, device.name, session)
            now = (self._lease if self.kind == "dhcp" else self._session)(device, stay)
            if random.random() < 0.7:
                now += timedelta(seconds=random.lognormvariate(4, 2))

    def _session(self, device: _Writer, stay: Stay) -> datetime:
        """Let a stay run to its end, or to the restart of its device, or on to another address on the way."""
        random = self._random
        restart = next((r for r in self._restarts[device.name] if stay.start < r < stay.end), None)
        if restart is not None:
            stay = stay._replace(end=restart)
        spare = next((a for a, free in self._spare_from.items() if free <= stay.start), None)
        if stay.session and spare and random.random() < self.faults.changes:
            moved = stay.start + random.random() * (stay.end - stay.start)
            device.write(Kind.BEGIN, stay.start, stay)
            self._alive(device, stay._replace(end=moved), stay.start)
            second = stay._replace(address=spare, start=moved)
            self._alive(device, second, stay.start)
            self.stays += [stay._replace(end=moved), second]
            self._spare_from[spare] = stay.end
            if restart is None:
                device.write(Kind.END, stay.end, second, begun=stay.start)
            return moved
        self.stays.append(stay)
        device.write(Kind.BEGIN, stay.start, stay)
        begun = stay.start if stay.session else None
        self._alive(device, stay, begun)
        if restart is None:
            device.write(Kind.END, stay.end, stay, begun=begun)
        return stay.end

    def _alive(self, device: _Writer, stay: Stay, begun: datetime | None) -> None:
        moment = stay.start + timedelta(seconds=self._random.uniform(1, 900))
        while moment < stay.end:
            device.write(Kind.ALIVE, moment, stay, begun=begun)
            moment += timedelta(seconds=900)

    def _lease(self, device: _Writer, stay: Stay) -> datetime:
        """Let a lease be renewed until it is released, or until its client has left and it expires."""
        stay = stay._replace(session=f"{stay.holder}@{stay.address}")
        lease = timedelta(seconds=self._random.choice((600, 3600, 7200)))
        device.write(Kind.BEGIN, stay.start, stay, lease)
        renewed = stay.start
        while renewed + lease / 2 < stay.end:
            renewed += lease / 2
            device.write(Kind.ALIVE, renewed, stay, lease)
        if self._random.random() < 0.5:
            stay = stay._replace(end=renewed + lease)
        else:
            device.write(Kind.END, stay.end, stay)
        self.stays.append(stay)
        return stay.end

    def _log(self) -> Iterator[tuple[datetime, Event]]:
        """Give what arrives of what was written, in the order of its arrival."""
        random, faults = self._random, self.faults
        lost = {
            Kind.BEGIN: faults.lost_begin,
            Kind.ALIVE: faults.lost_alive,
            Kind.END: faults.lost_end,
            Kind.RESTART: faults.lost_restart,
        }
        arrived: list[tuple[datetime, int, Event]] = []
        number = count()
        for device in self._devices:
            for moment, event in device.events:
                if random.random() < lost[event.kind] or any(lo <= moment < hi for lo, hi in device.silent):
                    continue
                while True:
                    late = timedelta(seconds=random.expovariate(1 / 300)) if random.random() < faults.late else SECOND
                    arrived.append((moment + late, next(number), event))
                    if random.random() >= faults.doubled:
                        break
        for pos, (at, _, event) in enumerate(sorted(arrived, key=lambda a: a[:2])):
            yield at, event._replace(pos=pos)

    def written(self) -> list[Event]:
        """Give what the devices wrote, whatever became of it."""
        return [event for device in self._devices for _, event in device.events]

    def held_by(self, address: str, ports: Ports | None, lo: datetime, hi: datetime) -> set[str]:
        """Give everybody who held the key at a moment of [lo, hi), as far as any log could tell; "" stands for nobody.

        Nothing tells that one holder was away, if clocks or stamps hide it, or if his going and his coming back were
        both lost. That it was another holder is never forgiven.
        """
        found, reached = set(), lo
        for start, end, holder in self._merged(address, ports):
            if end > lo and start < hi:
                found |= {holder} if start <= reached else {holder, ""}
                reached = max(reached, end)
        return found | ({""} if reached < hi else set())

    def _merged(self, address: str, ports: Ports | None) -> list[tuple[datetime, datetime, str]]:
        if (address, ports) not in self._visible:
            spans: list[tuple[datetime, datetime, str]] = []
            last: Stay | None = None
            for stay in self.by_key[address, ports]:
                start = stay.start
                if last and last.holder == stay.holder and not self._told_apart(last, stay):
                    start = spans.pop()[0]
                spans.append((start, stay.end, stay.holder))
                last = stay
            self._visible[address, ports] = spans
        return self._visible[address, ports]

    def _told_apart(self, first: Stay, second: Stay) -> bool:
        """Tell whether a log can show that a holder was away between two stays."""
        # Two clocks are wrong by the drift each, and one may cut its stamps where the other rounds them.
        hidden = timedelta(seconds=2 * self.faults.drift) + SECOND
        if second.start - first.end <= hidden:
            return False
        if first.device != second.device or self.kind in ("radius", "prefix"):
            return True
        return any(
            event.kind is Kind.RESTART or (event.address, event.ports, event.holder) == (*first[1:3], first.holder)
            for event in self._turns[first.device]
            if first.end - hidden <= event.at <= second.start + hidden
        )

"""One holding of an address, prefix or port set, as far as the events seen so far show it, and what that proves. Pure.

Not here: which event belongs to which holding (`event_rules`).

A stamp `s` of unit `u` stands for a moment in [s - u/2, s + u), because it is not known whether it was cut or rounded.
What a holder possibly has is therefore wider than its stamps by that much, what it certainly has is narrower. A renewal
extends its holding and begins none, so that no seam arises between two renewals.
Source: attribution.md 2.1 and 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import IntFlag
from math import gcd
from typing import Any, NamedTuple

from broker.attribution.logs.events import Ports
from broker.leases.rows import LONGEST_SILENCE


class Flag(IntFlag):
    """How an interval came about; stored as a number, so values are never changed."""

    LOST_START = 1  # its begin was not seen
    LOST_STOP = 2  # its end was not seen
    DERIVED = 4  # its begin is computed from its end and its length
    CLOSED_BY_NEXT = 8  # it possibly lasted until the next certain holder of the key
    CLOSED_BY_RESTART = 16  # it possibly lasted until the device forgot its holdings
    ADDRESS_CHANGED = 32  # its session went on with another address or holder, or had another one before
    EXPIRED = 64  # it ended by itself
    CONTRADICTED = 128  # events contradict each other about it: less is certain, more is possible
    CONTESTED = 256  # two events name two holders for it at one time: nothing is certain


NO_FLAG = Flag(0)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is known of one source.

    settle: a closed holding is given out this long after its end by the device's clock, so that late records still
        count. memory: it is forgotten this long after its end; records older than that are refused.
    cap: no holding without an expiry lasts longer than this beyond the last sight of it.
    slack: how far a device's count of a session's length may be wrong.
    ahead: how far a device's clock may run before the collector's.
    in_order: the log has its records in the order in which they were written or received. One that was heard long
        before what stands before it then shows that a clock was wrong, not that the record is late.
    rhythmic: a device that shows what is held again and again at one distance does so as long as it is held. Not of
        flows, which show themselves when their state changes, nor of tables.
    expiry_is_certain: a lease that nobody ended or replaced was held until its expiry. To be denied to logs that can
        lose a release, such as syslog over UDP: a lease is then certain until its last renewal only.
    """

    settle: timedelta = timedelta(hours=1)
    memory: timedelta = timedelta(hours=24)
    cap: timedelta = LONGEST_SILENCE
    slack: timedelta = timedelta(seconds=2)
    ahead: timedelta = timedelta(minutes=5)
    in_order: bool = True
    rhythmic: bool = True
    expiry_is_certain: bool = True

    def __post_init__(self) -> None:
        zero = timedelta()
        if not (zero <= self.settle <= self.memory and self.cap > zero and self.slack >= zero and self.ahead >= zero):
            raise ValueError("spans must not be negative, and memory not shorter than settle")


class LogInterval(NamedTuple):
    """What the log proves: [certain_from, certain_to) inside [possible_from, possible_to), in UTC.

    holder: the identity as the log has it; empty if it names nobody, and then nothing is certain.
    pos: of the event that began it or first showed it.
    """

    address: str
    ports: Ports | None
    protocol: int | None
    holder: str
    possible_from: datetime
    possible_to: datetime
    certain_from: datetime
    certain_to: datetime
    pos: int
    flags: Flag


@dataclass(slots=True, eq=False)
class Holding:
    """What is known of one holding; every time is a stamp as the log has it, not yet widened by its unit.

    began: None if that was not seen. first, last: the first and the last moment at which it was positively shown.
    since: the earliest begin by the device's own count. floor: the last moment at which the key was certainly
        somebody else's. expires: as the newest record says. ended_min, ended_max: two records may differ.
    bound: it was over by then, because the key was another holding's, the device had restarted, or the session had
        another address; it does not count once the holding is seen after it. foreign: not the same holder's.
    current: events of its session are about this holding, not about a later one.
    emitted: given out already; only kept to recognise late records. due: when to look at it again.
    distance, step: how far apart the last two sights were, and at which distance it is shown again and again; in
        seconds, of a lease in parts of its length; 0 where that is not known.
    """

    serial: int
    pos: int
    device: str
    session: str | None
    address: str
    ports: Ports | None
    protocol: int | None
    holder: str
    unit: timedelta
    first: datetime
    last: datetime
    due: datetime
    began: datetime | None = None
    since: datetime | None = None
    floor: datetime | None = None
    expires: datetime | None = None
    ended_min: datetime | None = None
    ended_max: datetime | None = None
    bound: datetime | None = None
    foreign: bool = False
    current: bool = True
    emitted: bool = False
    flags: Flag = NO_FLAG
    distance: float = 0.0
    step: float = 0.0

    def to_row(self) -> dict[str, Any]:
        """Give the fields, as plain values and times, to be stored between two chunks."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        return row | {"ports": None if self.ports is None else list(self.ports), "flags": int(self.flags)}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Holding:
        """Take back what `to_row` gave."""
        ports = row["ports"]
        return cls(**row | {"ports": None if ports is None else Ports(*ports), "flags": Flag(row["flags"])})

    @property
    def key(self) -> tuple[str, Ports | None, int | None]:
        """What is held."""
        return self.address, self.ports, self.protocol

    @property
    def shown(self) -> datetime:
        """The last moment at which the key was positively this holding's; an expiry is no such sight."""
        return self.last if self.ended_min is None else self.ended_min

    def limit(self) -> datetime | None:
        """Give the moment by which it is over for another reason than its recorded end, if there is one."""
        bound = self.bound if self.bound is not None and self.bound >= self.last else None
        if bound is None or (self.expires is not None and self.expires < bound):
            return self.expires
        return bound

    def over_at(self, policy: Policy) -> datetime:
        """Give the moment at which it is over: by its end, its limit, or the cap."""
        if self.ended_max is not None:
            return max(self.ended_max, self.last)
        return self.limit() or self.last + policy.cap

    def deadline(self, policy: Policy) -> datetime:
        """Give the moment by the device's clock at which to give it out or, after that, to forget it."""
        return self.over_at(policy) + (policy.memory if self.emitted else policy.settle)

    def interval(self, policy: Policy) -> LogInterval:
        """Say what the events prove, if no further one comes."""
        unit, half, flags = self.unit, self.unit / 2, self.flags
        # 1. The start.
        certain_from = self.first + unit
        if self.began is not None:
            possible_from = self.began
            if self.since is not None and self.since < self.began - policy.slack - unit:
                # Its own count says that it is older than its begin.
                possible_from, flags = self.since - policy.slack, flags | Flag.CONTRADICTED
        else:
            flags |= Flag.LOST_START
            possible_from = self.first - policy.cap if self.since is None else self.since - policy.slack
            if self.floor is not None:
                possible_from = max(possible_from, self.floor)
            if self.since is not None and flags & Flag.DERIVED:
                certain_from = self.since + policy.slack + unit
        possible_from = min(possible_from, self.first) - half
        # 2. The end.
        possible_to = self.over_at(policy) + unit
        bound = self.bound if self.bound is not None and self.bound >= self.last else None
        if self.ended_min is not None:
            limit = self.limit()
            certain_to = (self.ended_min if limit is None else min(self.ended_min, limit)) - half
        elif self.expires is not None and (bound is None or self.expires < bound):
            flags |= Flag.EXPIRED
            certain_to = (self.expires if policy.expiry_is_certain else self.last) - half
        else:
            flags |= Flag.LOST_STOP
            own = Flag.CLOSED_BY_RESTART | Flag.ADDRESS_CHANGED
            if bound is not None and not flags & own:
                flags |= Flag.CLOSED_BY_NEXT
            certain_to = self.last - half
            if self.expires is not None and not self.foreign and policy.expiry_is_certain:
                # The same holder got it again, surely before the expiry: the lease never left it.
                again_before = possible_to <= self.expires - half
                certain_to = possible_to if again_before else min(possible_to, self.expires) - half
        # 3. The certain part lies inside the possible one, and belongs to somebody.
        certain_from = min(max(certain_from, possible_from), possible_to)
        named = self.holder and not flags & Flag.CONTESTED
        certain_to = min(max(certain_to, certain_from), possible_to) if named else certain_from
        return LogInterval(
            self.address,
            self.ports,
            self.protocol,
            self.holder,
            possible_from,
            possible_to,
            certain_from,
            certain_to,
            self.pos,
            flags,
        )


def overlap(one: Holding, other: Holding) -> bool:
    """Tell whether two holdings of one address can be about the same packet."""
    if one.protocol is not None and other.protocol is not None and one.protocol != other.protocol:
        return False
    if one.ports is None or other.ports is None:
        return True
    return ports_overlap(one.ports, other.ports)


def ports_overlap(one: Ports, other: Ports) -> bool:
    """Tell whether two port sets share a port, steps included."""
    low, high = max(one.first, other.first), min(one.last, other.last)
    if low > high:
        return False
    if one.step == other.step == 1:
        return True
    # The common members repeat with the least common multiple of the steps, if there are any.
    common = gcd(one.step, other.step)
    if (one.first - other.first) % common:
        return False
    if one.step < other.step:
        one, other = other, one
    start = low + (one.first - low) % one.step
    return any((port - other.first) % other.step == 0 for port in range(start, high + 1, one.step))

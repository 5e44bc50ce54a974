"""From the events of one source to evidence: who held which key, from when to when, and how surely. Pure.

The rule of the whole module: certain is only what the source positively shows, possible is everything it allows. A
record that is refused is counted and counts as lost. Where records are missing, by a known gap or against the rhythm of
their device, a holding is certain on both sides and not between (`silences`). What no record shows is not known here:
where begins and ends of one key are lost together, within the rhythm of its device or of one that has none, its holder
before and after is taken for the one between. Events may
come late, twice and out of order: a holding is given out only `Policy.settle` after its end, by the clock of its own
device, and recognised until `Policy.memory` after it.
Not here: what is remembered (`holdings`), what one holding proves (`holding`), reading (`LogFormat`), storing.
Source: attribution.md 2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from broker.attribution.logs.accounting import Counts, Late, Refusal, Reject
from broker.attribution.logs.clocks import Clocks, ClockState
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import Flag, Holding, LogInterval, Policy
from broker.attribution.logs.holdings import Device, Holdings, State, differs, name_of
from broker.attribution.logs.silences import Rhythm, Silences
from broker.attribution.spans import Span

_SHORTEST_SILENCE = timedelta(minutes=1)


class Fold:
    """Takes the events of one source in the order of its log, chunk after chunk.

    state: what the chunk before left. clocks: as the fold before left them; they are changed. rhythms: as well
    (`silences`). vouched: for which time the source has said before that everything of it is in.
    not_after: when the next chunk was read, by the collector's clock; an event after it is refused.
    """

    def __init__(
        self,
        policy: Policy,
        state: State | None = None,
        *,
        not_after: datetime | None = None,
        clocks: ClockState | None = None,
        rhythms: Mapping[str, Rhythm] | None = None,
        vouched: Sequence[Span] = (),
    ) -> None:
        self.policy, self.counts = policy, Counts()
        self.not_after = not_after
        # What records are missing by; `know` tells it of gaps that are known from elsewhere.
        self.silences = Silences(policy, rhythms or {})
        self.clocks = Clocks(policy, clocks or ClockState(), vouched=vouched)
        # Of the last chunk: the time of which not every record can be used or believed.
        self.unread: list[Span] = []
        self._known = 0
        self._late: Late | None = None
        self._doubts: list[LogInterval] = []
        self._holdings = Holdings(policy, state or State())
        self.counts.taken_over = self.counts.open = len(self._unsettled())

    def feed(self, events: Iterable[Event]) -> tuple[list[LogInterval], list[Reject]]:
        """Take a chunk; give the intervals that it closes and the events that are not used.

        An event that contradicts an interval given out before adds one of nobody over the same time: nothing that is
        stored changes, and no window there has one holder any more.
        """
        counts, rejects = self.counts, []
        self.unread, self._known, self._doubts = [], 0, []
        self.clocks.begin(self.unread, self.not_after)
        for event in events:
            counts.events += 1
            refusal, repeated = self._take(event), False
            if refusal is None:
                counts.applied += 1
            elif repeated := refusal is Refusal.REPEATED:
                counts.duplicates += 1
            else:
                rejects.append(Reject(event.pos, refusal))
                counts.rejected[refusal] += 1
            if refusal is not Refusal.FUTURE:
                self.clocks.take(event, self._late, used=refusal is None or repeated, repeated=repeated)
        closed, self._holdings.closed = self._holdings.closed, []
        counts.opened, counts.closed = self._holdings.opened, counts.closed + len(closed)
        counts.open = len(self._unsettled())
        counts.doubts += len(self._doubts)
        counts.check()
        return closed + self._doubts, rejects

    def evidence(self) -> list[LogInterval]:
        """Say what is shown so far of the holdings not given out; true up to `settled_until` of their device."""
        return [holding.interval(self.policy) for holding in self._unsettled()]

    def settled_until(self, device: str) -> datetime:
        """Give the moment up to which late records of a device no longer change anything but by being refused."""
        return self._holdings.devices[device].clock - self.policy.settle

    def state(self) -> State:
        """Give what the next chunk needs. The holdings are shared: store them before this fold goes on."""
        return self._holdings.state()

    def _unsettled(self) -> list[Holding]:
        return [holding for holding in self._holdings.state().holdings if not holding.emitted]

    # Every event.

    def _take(self, event: Event) -> Refusal | None:
        """Use one event. Gives why not, None if it was used."""
        at, devices = event.at, self._holdings.devices
        device = devices.get(event.device)
        if self.clocks.is_of_the_future(event):
            self.clocks.refuse(event.device, [one.clock for one in ([device] if device else devices.values())])
            return Refusal.FUTURE
        late = self._late = self.clocks.hear(event, devices)
        if device is None:
            device = devices[event.device] = Device(at)
        elif at > device.clock:
            if at - device.clock > _SHORTEST_SILENCE and self._fell_silent(device, at):
                self.unread.append((device.clock, at))
            device.clock = at
            if device.due and device.due[0][0] <= at:
                self._holdings.settle(device)
        if late is not None and late.refused:
            return Refusal.TOO_LATE
        device.doubted = late is not None or self.clocks.is_wrong(event.device)
        if len(self.unread) > self._known:
            # Before the event is used that has shown it.
            self.silences.add(self.unread[self._known :])
            self._known = len(self.unread)
        kind = event.kind
        if kind is Kind.RESTART:
            return self._restart(event, device)
        if event.address is None or (event.expires_at is not None and event.expires_at <= at):
            # Whose key it was about from then on is lost with it.
            self.unread.append((at, at + event.unit))
            return Refusal.NO_ADDRESS if event.address is None else Refusal.EXPIRY
        name = name_of(event)
        holding = device.sessions.get(name)
        if holding is not None and at <= holding.first:
            earlier = self._earlier(event, holding)
            # At one second, an end is that of the one before, unless that has ended.
            if at < holding.first or (kind is Kind.END and earlier.ended_max is None and holding.ended_max != at):
                holding = earlier
        if kind is Kind.ALIVE:
            return self._alive(event, device, holding)
        if kind is Kind.BEGIN:
            return self._begin(event, device, holding)
        if event.session is None and not event.holder:
            return self._end_of_whoever(event)
        return self._end(event, device, holding)

    def _earlier(self, event: Event, current: Holding) -> Holding:
        """Find which holding of a name an event is about that is older than the current one's first sight.

        Names are used again, by DHCP with every lease, so a late record may be about the one before.
        """
        name = name_of(current) if event.session else name_of(event)
        found = current
        for other in self._holdings.neighbours(event.address or "", event.ports):
            if other.device == event.device and other.first <= event.at and not differs(event, other):
                older = found is current or other.first > found.first
                if older and other is not current and name_of(other) == name:
                    found = other
        return found

    def _alive(self, event: Event, device: Device, holding: Holding | None) -> Refusal | None:
        """Use a sight: it extends its holding, shows another one, or the first that is seen of it."""
        if holding is None:
            self._holdings.open(event, device)
            return None
        at, policy = event.at, self.policy
        over, ended = holding.over_at(policy), holding.ended_max is not None
        counted_anew = _counts_anew(event, holding, policy)
        if at > over or counted_anew:
            if ended and at <= over:
                return Refusal.CLOSED
            if ended and event.session and event.expires_at is None and not counted_anew:
                # Interims that arrive after the end, with a stamp after it, are seen in the field; they reopen nothing.
                return Refusal.ALIVE_AFTER_END
            self._holdings.succeed(event, device, holding, changed=False)
            return None
        if differs(event, holding):
            if at <= holding.last or ended or holding.emitted:
                return self._contest(event, holding, Refusal.LATE_CHANGE)
            self._holdings.succeed(event, device, holding, changed=True)
            return None
        seen = holding.first <= at <= (over if ended else holding.last) and event.expires_at in (None, holding.expires)
        if seen and not _counts_longer(event, holding, policy):
            return Refusal.REPEATED
        if holding.emitted:
            if holding.first <= at < holding.last:
                # A renewal before the last one, read again, is nothing new.
                return Refusal.REPEATED
            if at > holding.last and event.expires_at is not None:
                # What was given out ends too early: beside it stands that it was possibly held on.
                self._holdings.see(event, holding)
                found = holding.interval(policy)
                self._doubts.append(found._replace(certain_to=found.certain_from, pos=event.pos))
            return Refusal.CLOSED
        if at < holding.first:
            if holding.began is not None or self.silences.between(at, holding.first):
                self._holdings.open(event, device, current=False)
                return None
            holding.first = at
            self._holdings.link(holding)
        elif at > holding.last and not ended:
            silence = self._silence(event, holding)
            self.silences.hear(event, holding)
            if silence is not None:
                self._holdings.part(holding, device, event, silence)
                return None
        self._holdings.see(event, holding)
        return None

    def _begin(self, event: Event, device: Device, holding: Holding | None) -> Refusal | None:
        """Use a begin: of something new, of what was seen already, or of the same thing again."""
        if holding is None:
            self._holdings.open(event, device)
            return None
        at, began = event.at, holding.began
        ended = holding.ended_max is not None
        changed = differs(event, holding)
        if not changed and began is not None and abs(at - began) <= 2 * holding.unit:
            # A repetition; its stamp may be computed anew, so the begin is only known to lie between the two.
            if not holding.emitted and at != began:
                holding.began, holding.first = min(at, began), max(at, holding.first)
                holding.last = max(holding.last, holding.first)
            return Refusal.REPEATED
        if began is not None and at < began:
            self._holdings.open(event, device, current=False)
            return None
        again = holding.ended_min is not None and at >= holding.ended_min
        if again or at > holding.over_at(self.policy) or (at > holding.last and not ended):
            self._holdings.succeed(event, device, holding, changed=changed and not ended)
            return None
        if changed:
            return self._contest(event, holding, Refusal.LATE_CHANGE)
        if holding.emitted:
            return self._contest(event, holding, Refusal.CLOSED)
        if began is None and at <= holding.first:
            if at < holding.first and self.silences.between(at, holding.first):
                self._holdings.open(event, device, current=False)
                return None
            holding.began = holding.first = at
            holding.flags &= ~Flag.DERIVED
            self._holdings.link(holding)
            self._holdings.see(event, holding)
            return None
        self._holdings.split(holding, device, event).began = at
        return None

    def _end(self, event: Event, device: Device, holding: Holding | None) -> Refusal | None:
        """Use an end: of its holding, or of one of which nothing else was seen."""
        if holding is None:
            self._holdings.open(event, device)
            return None
        at, policy, grace = event.at, self.policy, 2 * holding.unit
        if event.holder and holding.holder and event.holder != holding.holder:
            return self._contest(event, holding, Refusal.HOLDER_DIFFERS)
        ended = holding.ended_max
        if ended is not None and not differs(event, holding):
            return self._end_again(event, device, holding)
        # After the expiry, an end belongs to a renewal that is late or lost; after another holder it contradicts.
        bound = holding.bound if holding.bound is not None and holding.bound >= holding.last else None
        beyond = bound is not None and at > bound + policy.slack + grace
        unknown = holding.emitted and at > holding.over_at(policy) + grace
        anew = _counts_anew(event, holding, policy)
        if beyond or unknown or anew:
            # A session that goes on elsewhere counts from before it came there.
            new = self._holdings.succeed(event, device, holding, changed=not anew and differs(event, holding))
            if beyond:
                holding.flags |= Flag.CONTRADICTED
                new.flags |= Flag.CONTRADICTED
            return None
        if differs(event, holding):
            if at <= holding.last or ended is not None or holding.emitted:
                return self._contest(event, holding, Refusal.LATE_CHANGE)
            self._holdings.succeed(event, device, holding, changed=True)
            return None
        if holding.emitted:
            return self._contest(event, holding, Refusal.CLOSED)
        if at < holding.first - grace:
            self._holdings.open(event, device, current=False)
            return None
        if at > holding.last and (silence := self._silence(event, holding)) is not None:
            self._holdings.part(holding, device, event, silence)
            return None
        holding.ended_min = holding.ended_max = at
        if at < holding.last:
            holding.flags |= Flag.CONTRADICTED
        holding.unit = max(holding.unit, event.unit)
        self._holdings.look_again(holding)
        return None

    def _end_again(self, event: Event, device: Device, holding: Holding) -> Refusal | None:
        """Use a further end of what has ended: the retransmission of the first, or a contradiction."""
        at, first, last = event.at, holding.ended_min, holding.ended_max
        if first is None or last is None or first <= at <= last:
            return Refusal.REPEATED
        if _counts_anew(event, holding, self.policy) or (holding.emitted and at > last + 2 * holding.unit):
            self._holdings.succeed(event, device, holding, changed=False)
            return None
        if holding.emitted:
            return self._contest(event, holding, Refusal.END_AGAIN)
        if at < holding.first:
            self._holdings.open(event, device, current=False)
            return None
        holding.ended_min, holding.ended_max = min(first, at), max(last, at)
        holding.flags |= Flag.CONTRADICTED
        self._holdings.look_again(holding)
        return None

    def _end_of_whoever(self, event: Event) -> Refusal | None:
        """End every holding of exactly this key, because the record says that nobody has it any more."""
        at, found = event.at, False
        for holding in self._holdings.neighbours(event.address or "", event.ports):
            same = (holding.address, holding.ports, holding.protocol) == (event.address, event.ports, event.protocol)
            over = holding.ended_max or holding.limit()
            if same and holding.emitted and holding.first <= event.at:
                self._contest(event, holding, Refusal.END_UNKNOWN)
            elif same and holding.first <= event.at and (over is None or event.at <= over):
                found = True
                if at > holding.last and holding.ended_max is None and (silence := self._silence(event, holding)):
                    named = event._replace(holder=holding.holder, session=holding.session)
                    self._holdings.part(holding, self._holdings.devices[holding.device], named, silence)
                    continue
                holding.ended_max = max(event.at, holding.ended_max or event.at)
                holding.ended_min = min(event.at, holding.ended_min or event.at)
                if event.at < holding.last:
                    holding.flags |= Flag.CONTRADICTED
                self._holdings.look_again(holding)
        return None if found else Refusal.END_UNKNOWN

    def _restart(self, event: Event, device: Device) -> Refusal | None:
        """Bound all holdings of the device."""
        at = event.at
        holdings = sorted(device.sessions.values(), key=lambda h: h.serial)
        for holding in holdings:
            over = holding.over_at(self.policy)
            if holding.first >= at or over <= at:
                continue
            if holding.emitted:
                self._contest(event, holding, Refusal.CLOSED)
                continue
            late_end = holding.ended_max is not None and over > at + self.policy.slack + 2 * holding.unit
            if late_end or holding.last > at:
                # Seen before and after it: a session of the same name, or no restart. Nothing between is certain.
                self._holdings.split(holding, device, event)
            else:
                holding.bound, holding.foreign = at, True
                holding.flags |= Flag.CLOSED_BY_RESTART
                self._holdings.look_again(holding)
        return None

    def _silence(self, event: Event, holding: Holding) -> Span | None:
        counts = not self._holdings.devices[event.device].doubted
        return self.silences.before(event if counts else event._replace(since=None), holding)

    def _fell_silent(self, device: Device, at: datetime) -> bool:
        """Tell whether a device that writes again did not show meanwhile what it shows at a rhythm."""
        return self.policy.rhythmic and any(
            holding.ended_max is None and holding.bound is None and self.silences.missed(holding, device.clock, at)
            for holding in device.sessions.values()
        )

    def _contest(self, event: Event, holding: Holding, refusal: Refusal) -> Refusal:
        """Note on a holding what a refused event says against it: which of the two is right, nothing says.

        What is given out already stays as it is; beside it stands, once, that somebody else may have had the key. If
        the event is about another key, its holder may have had that, whoever else is shown there.
        """
        if event.address and (event.address, event.ports, event.protocol) != holding.key:
            others = self._holdings.neighbours(event.address, event.ports)
            if not any(
                event.holder == o.holder and o.first <= event.at <= o.over_at(self.policy) and not o.emitted
                for o in others
            ):
                self._holdings.open(event, self._holdings.devices[event.device], current=False, contested=True)
        if holding.flags & Flag.CONTESTED or not _contradicts(event, holding, self.policy):
            return refusal
        holding.flags |= Flag.CONTESTED | Flag.CONTRADICTED
        if holding.emitted:
            found = holding.interval(self.policy)
            self._doubts.append(found._replace(holder="", certain_to=found.certain_from, pos=event.pos))
        return refusal


def _counts_anew(event: Event, holding: Holding, policy: Policy) -> bool:
    """Tell whether the device counts from a moment after the last sight: the name is used for another holding."""
    return event.since is not None and event.since - holding.last > policy.slack + holding.unit


def _counts_longer(event: Event, holding: Holding, policy: Policy) -> bool:
    """Tell whether the device counts from a moment before the begin that is known: one of the two stamps is wrong."""
    begun = holding.since if holding.since is not None else holding.began
    return event.since is not None and begun is not None and begun - event.since > policy.slack + 2 * holding.unit


def _contradicts(event: Event, holding: Holding, policy: Policy) -> bool:
    """Tell whether an event that is not used says otherwise than its holding does."""
    slack = policy.slack + 2 * max(holding.unit, event.unit)
    if holding.emitted and event.at > holding.over_at(policy) + slack:
        return False
    if event.kind is not Kind.RESTART and differs(event, holding):
        return True
    if not holding.emitted or event.kind is Kind.ALIVE:
        return False
    found = holding.interval(policy)
    if event.kind is Kind.BEGIN:
        return found.certain_from + slack < event.at
    return event.at + slack < found.certain_to

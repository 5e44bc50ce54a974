"""From the events of one source to evidence: who held which key, from when to when, and how surely. Pure.

The rule of all of it: certain is only what the source positively shows, possible is everything it allows. A record that
does not say whom or what it is about counts as lost. Where records are missing, by a known gap or against the rhythm of
their device, a holding is certain on both sides and not between (`silences`). What no record shows is not known here:
where begins and ends of one key are lost together, within the rhythm of its device or of one that has none, its holder
before and after is taken for the one between. Events may come late, twice and out of order: a holding is given out only
`Policy.settle` after its end, by the clock of its own device, and recognised until `Policy.memory` after it.
Not here: what an event does to which holding (`event_rules`), whose clock is believed (`clocks`), what is remembered
(`holdings`), what one holding proves (`holding`), reading (`LogFormat`), storing.
Source: attribution.md 2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from broker.attribution.logs.accounting import Counts, Late, Refusal, Reject
from broker.attribution.logs.clocks import Clocks, ClockState
from broker.attribution.logs.contradictions import Contradictions
from broker.attribution.logs.event_rules import EventRules
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import Holding, LogInterval, Policy
from broker.attribution.logs.holdings import Device, Holdings, State
from broker.attribution.logs.silences import Rhythm, Silences
from broker.attribution.spans import Span

_SHORTEST_SILENCE = timedelta(minutes=1)


class Fold:
    """Takes the events of one source in the order of its log, chunk after chunk.

    state: what the chunk before left. clocks: as the fold before left them; they are changed. rhythms: as well
    (`silences`). read_before: the time of which logs of the source were read before.
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
        read_before: Sequence[Span] = (),
    ) -> None:
        self.policy, self.counts = policy, Counts()
        self.not_after = not_after
        # What records are missing by; `know` tells it of gaps that are known from elsewhere.
        self.silences = Silences(policy, rhythms or {})
        self.clocks = Clocks(policy, clocks or ClockState(), read_before=read_before)
        # Of the last chunk: the time of which not every record can be used or believed.
        self.unread: list[Span] = []
        self._known = 0
        self._late: Late | None = None
        self._holdings = Holdings(policy, state or State())
        self._contradictions = Contradictions(policy, self._holdings)
        self._rules = EventRules(policy, self._holdings, self.silences, self._contradictions)
        self.counts.taken_over = self.counts.open = len(self._unsettled())

    def feed(self, events: Iterable[Event]) -> tuple[list[LogInterval], list[Reject]]:
        """Take a chunk; give the intervals that it closes and the events that are not used.

        An event that contradicts an interval given out before adds one of nobody over the same time: nothing that is
        stored changes, and no window there has one holder any more.
        """
        counts, rejects = self.counts, []
        self.unread, self._known = [], 0
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
        doubts = self._contradictions.taken()
        counts.doubts += len(doubts)
        counts.check()
        return closed + doubts, rejects

    def evidence(self) -> list[LogInterval]:
        """Say what is shown so far of the holdings that are not given out."""
        return [holding.interval(self.policy) for holding in self._unsettled()]

    def clock_of(self, device: str) -> datetime:
        """Give the latest stamp of a device that has written."""
        return self._holdings.devices[device].clock

    def state(self) -> State:
        """Give what the next chunk needs. The holdings are shared: store them before this fold goes on."""
        return self._holdings.state()

    def _unsettled(self) -> list[Holding]:
        return [holding for holding in self._holdings.state().holdings if not holding.emitted]

    def _take(self, event: Event) -> Refusal | None:
        """Use one event. Gives why not, None if it was used."""
        at, devices = event.at, self._holdings.devices
        device = devices.get(event.device)
        if self.clocks.is_of_the_future(event):
            self.clocks.refuse(event, [one.clock for one in ([device] if device else devices.values())])
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
        device.doubted = self.clocks.doubts(event.device, late)
        if len(self.unread) > self._known:
            # Before the event is used that has shown it.
            self.silences.add(self.unread[self._known :])
            self._known = len(self.unread)
        if event.kind is Kind.RESTART:
            return self._rules.restart(event, device)
        if event.address is None or (event.expires_at is not None and event.expires_at <= at):
            # Whose key it was about from then on is lost with it.
            self.unread.append((at, at + event.unit))
            return Refusal.NO_ADDRESS if event.address is None else Refusal.EXPIRY
        return self._rules.use(event, device)

    def _fell_silent(self, device: Device, at: datetime) -> bool:
        """Tell whether a device that writes again did not show meanwhile what it shows at a rhythm."""
        return self.policy.rhythmic and any(
            holding.ended_max is None and holding.bound is None and self.silences.missed(holding, device.clock, at)
            for holding in device.sessions.values()
        )

"""What each kind of event does to the holdings that are known: it begins one, extends it, ends it or is refused. Pure.

Not here: whether an event is believed at all (`intervals`), what one that is refused says against a holding
(`contradictions`).
Source: attribution.md 2.3.
"""

from __future__ import annotations

from broker.attribution.logs.accounting import Refusal
from broker.attribution.logs.contradictions import Contradictions
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import Flag, Holding, Policy
from broker.attribution.logs.holdings import Device, Holdings, counts_anew, counts_longer, differs, name_of
from broker.attribution.logs.silences import Silences
from broker.attribution.spans import Span


class EventRules:
    """Uses the events of one source, each as its kind wants."""

    def __init__(self, policy: Policy, holdings: Holdings, silences: Silences, contradictions: Contradictions) -> None:
        self._policy, self._holdings = policy, holdings
        self._silences, self._contradictions = silences, contradictions

    def use(self, event: Event, device: Device) -> Refusal | None:
        """Use an event that is about an address. Gives why not, None if it was used."""
        at, kind = event.at, event.kind
        name = name_of(event)
        holding = device.sessions.get(name)
        if holding is not None and at <= holding.first:
            earlier = self._earlier(event, holding)
            # At one second, an end is that of the one before, unless that has ended.
            if at < holding.first or (kind is Kind.END and earlier.ended_max is None and holding.ended_max != at):
                holding = earlier
        if kind is Kind.END and event.session is None and not event.holder:
            return self._end_of_whoever(event)
        if holding is None:
            # It is the first that shows it.
            self._holdings.open(event, device)
            return None
        if kind is Kind.ALIVE:
            return self._alive(event, device, holding)
        if kind is Kind.BEGIN:
            return self._begin(event, device, holding)
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

    def _alive(self, event: Event, device: Device, holding: Holding) -> Refusal | None:
        """Use a sight: it extends its holding or shows another one."""
        at, policy = event.at, self._policy
        over, ended = holding.over_at(policy), holding.ended_max is not None
        counted_anew = counts_anew(event, holding, policy)
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
                return self._contradictions.note(event, holding, Refusal.LATE_CHANGE)
            self._holdings.succeed(event, device, holding, changed=True)
            return None
        seen = holding.first <= at <= (over if ended else holding.last) and event.expires_at in (None, holding.expires)
        if seen and not counts_longer(event, holding, policy):
            return Refusal.REPEATED
        if holding.emitted:
            if holding.first <= at < holding.last:
                # A renewal before the last one, read again, is nothing new.
                return Refusal.REPEATED
            if at > holding.last and event.expires_at is not None:
                self._contradictions.went_on(event, holding)
            return Refusal.CLOSED
        if at < holding.first:
            if holding.began is not None or self._silences.between(at, holding.first):
                self._holdings.open(event, device, current=False)
                return None
            holding.first = at
            self._holdings.link(holding)
        elif at > holding.last and not ended:
            silence = self._silence(event, holding)
            self._silences.hear(event, holding)
            if silence is not None:
                self._holdings.part(holding, device, event, silence)
                return None
        self._holdings.see(event, holding)
        return None

    def _begin(self, event: Event, device: Device, holding: Holding) -> Refusal | None:
        """Use a begin: of what was seen already, or of the same thing again."""
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
        if again or at > holding.over_at(self._policy) or (at > holding.last and not ended):
            self._holdings.succeed(event, device, holding, changed=changed and not ended)
            return None
        if changed:
            return self._contradictions.note(event, holding, Refusal.LATE_CHANGE)
        if holding.emitted:
            return self._contradictions.note(event, holding, Refusal.CLOSED)
        if began is None and at <= holding.first:
            if at < holding.first and self._silences.between(at, holding.first):
                self._holdings.open(event, device, current=False)
                return None
            holding.began = holding.first = at
            holding.flags &= ~Flag.DERIVED
            self._holdings.link(holding)
            self._holdings.see(event, holding)
            return None
        self._holdings.split(holding, device, event).began = at
        return None

    def _end(self, event: Event, device: Device, holding: Holding) -> Refusal | None:
        """Use an end: of its holding, or of another one."""
        at, policy, grace = event.at, self._policy, 2 * holding.unit
        if event.holder and holding.holder and event.holder != holding.holder:
            return self._contradictions.note(event, holding, Refusal.HOLDER_DIFFERS)
        ended = holding.ended_max
        if ended is not None and not differs(event, holding):
            return self._end_again(event, device, holding)
        # After the expiry, an end belongs to a renewal that is late or lost; after another holder it contradicts.
        bound = holding.bound if holding.bound is not None and holding.bound >= holding.last else None
        beyond = bound is not None and at > bound + policy.slack + grace
        unknown = holding.emitted and at > holding.over_at(policy) + grace
        anew = counts_anew(event, holding, policy)
        if beyond or unknown or anew:
            # A session that goes on elsewhere counts from before it came there.
            new = self._holdings.succeed(event, device, holding, changed=not anew and differs(event, holding))
            if beyond:
                holding.flags |= Flag.CONTRADICTED
                new.flags |= Flag.CONTRADICTED
            return None
        if differs(event, holding):
            if at <= holding.last or ended is not None or holding.emitted:
                return self._contradictions.note(event, holding, Refusal.LATE_CHANGE)
            self._holdings.succeed(event, device, holding, changed=True)
            return None
        if holding.emitted:
            return self._contradictions.note(event, holding, Refusal.CLOSED)
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
        if counts_anew(event, holding, self._policy) or (holding.emitted and at > last + 2 * holding.unit):
            self._holdings.succeed(event, device, holding, changed=False)
            return None
        if holding.emitted:
            return self._contradictions.note(event, holding, Refusal.END_AGAIN)
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
                self._contradictions.note(event, holding, Refusal.END_UNKNOWN)
            elif same and holding.first <= event.at and (over is None or event.at <= over):
                found = True
                if at > holding.last and holding.ended_max is None and (silence := self._silence(event, holding)):
                    # If it was over by then, another one stands for its end already.
                    if holding.bound != at:
                        named = event._replace(holder=holding.holder, session=holding.session)
                        self._holdings.part(holding, self._holdings.devices[holding.device], named, silence)
                    continue
                holding.ended_max = max(event.at, holding.ended_max or event.at)
                holding.ended_min = min(event.at, holding.ended_min or event.at)
                if event.at < holding.last:
                    holding.flags |= Flag.CONTRADICTED
                self._holdings.look_again(holding)
        return None if found else Refusal.END_UNKNOWN

    def restart(self, event: Event, device: Device) -> Refusal | None:
        """Bound all holdings of the device."""
        at = event.at
        holdings = sorted(device.sessions.values(), key=lambda h: h.serial)
        for holding in holdings:
            over = holding.over_at(self._policy)
            if holding.first >= at or over <= at:
                continue
            if holding.emitted:
                self._contradictions.note(event, holding, Refusal.CLOSED)
                continue
            late_end = holding.ended_max is not None and over > at + self._policy.slack + 2 * holding.unit
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
        return self._silences.before(event if counts else event._replace(since=None), holding)

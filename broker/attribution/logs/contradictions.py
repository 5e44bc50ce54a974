"""What events that are not used say against the holdings that are known: less is certain of them. Pure."""

from __future__ import annotations

from broker.attribution.logs.accounting import Refusal
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import Flag, Holding, LogInterval, Policy
from broker.attribution.logs.holdings import Holdings, differs


class Contradictions:
    """Of one source. Intervals that stand as doubts beside what was given out are kept until they are taken."""

    def __init__(self, policy: Policy, holdings: Holdings) -> None:
        self._policy, self._holdings = policy, holdings
        self._doubts: list[LogInterval] = []

    def taken(self) -> list[LogInterval]:
        """Give the doubts, once."""
        doubts, self._doubts = self._doubts, []
        return doubts

    def note(self, event: Event, holding: Holding, refusal: Refusal) -> Refusal:
        """Note on a holding what a refused event says against it: which of the two is right, nothing says.

        What is given out already stays as it is; beside it stands, once, that somebody else may have had the key. If
        the event is about another key, its holder may have had that, whoever else is shown there.
        """
        if event.address and (event.address, event.ports, event.protocol) != holding.key:
            others = self._holdings.neighbours(event.address, event.ports)
            if not any(
                event.holder == o.holder and o.first <= event.at <= o.over_at(self._policy) and not o.emitted
                for o in others
            ):
                self._holdings.open(event, self._holdings.devices[event.device], current=False, contested=True)
        if holding.flags & Flag.CONTESTED or not _contradicts(event, holding, self._policy):
            return refusal
        holding.flags |= Flag.CONTESTED | Flag.CONTRADICTED
        if holding.emitted:
            found = holding.interval(self._policy)
            self._doubts.append(found._replace(holder="", certain_to=found.certain_from, pos=event.pos))
        return refusal

    def went_on(self, event: Event, holding: Holding) -> None:
        """Note that a lease given out goes on after all: beside it stands that it was possibly held on."""
        self._holdings.see(event, holding)
        found = holding.interval(self._policy)
        self._doubts.append(found._replace(certain_to=found.certain_from, pos=event.pos))


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

"""What configurations compute of an address and port, as evidence beside that of logs. Pure.

1. Where the plan says that a rule tells, the configurations that are known for that time are what is settled.
2. What a configuration computes is certain then: the inside, or that the port was nobody's.
3. Ports that it leaves to a pool are as settled as the logs that tell of them, and those logs show the holder.
So a window across two configurations is judged by both, and one that reaches beyond what is known has a gap.

Not here: who had the inside address or prefix, which `follow` finds over the same window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from broker.attribution.ground import ByRule
from broker.attribution.holders import Inner
from broker.attribution.mappings.history import Epoch, Inside, Told, told_of
from broker.attribution.resolve import Ground, Interval
from broker.attribution.spans import common, merge, without

# Rows of evidence that no log has written.
SOURCE = "mapping:"


class Rules:
    """The configurations that a batch needs, found by outside address."""

    def __init__(self, epochs: Iterable[Epoch]) -> None:
        # Shift -> network -> epochs; one look-up for each width that occurs finds all of an address.
        self._epochs: dict[int, dict[int, list[Epoch]]] = {}
        for epoch in epochs:
            for prefix in epoch.outside:
                shift = 32 - prefix.prefixlen
                by_network = self._epochs.setdefault(shift, {})
                by_network.setdefault(int(prefix.network_address) >> shift, []).append(epoch)

    def told(self, value: int, port: int) -> Told:
        """Say what they tell of an outside address, given as a number, and a port."""
        epochs = [epoch for shift, by_network in self._epochs.items() for epoch in by_network.get(value >> shift, ())]
        return told_of(epochs, IPv4Address(value), port)


def apply_rule(ground: Ground, rule: ByRule, told: Told) -> tuple[Ground, tuple[Interval, ...]]:
    """Give the ground of an address and port once configurations are heard, and what they are evidence of."""
    # A port that two configurations give to an inside and to a pool waits for the logs of the pool.
    known = without(told.known(), common(merge(told.pool), rule.pool_unsettled))
    silent = without(rule.spans, known)
    heard = replace(
        ground,
        settled=tuple(without(ground.ours, merge([*rule.elsewhere, *silent]))),
        suspect=tuple(merge([*ground.suspect, *common(merge(told.pool), rule.pool_suspect)])),
        unused=tuple(merge([*ground.unused, *common(rule.spans, merge(told.nobody))])),
    )
    return heard, tuple(row for found in told.insides for row in _rows(found, rule))


def _rows(found: Inside, rule: ByRule) -> Iterable[Interval]:
    """Give what one epoch is evidence of: certain where the plan says that rules tell, possible as long as it lasts."""
    who = Inner(found.epoch.realm, str(found.inside)).key()
    lo, hi = found.epoch.possible
    sure = common([found.epoch.known], rule.spans)
    source = SOURCE + found.epoch.name
    if sure != [(lo, hi)]:
        yield Interval(who, lo, hi, lo, lo, found.ports, source=source)
    for start, end in sure:
        yield Interval(who, start, end, start, end, found.ports, source=source)

"""Which configuration was in force when, and what all those in force over a window say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address
from itertools import pairwise
from typing import NamedTuple

from broker.attribution.mappings.answers import Why
from broker.attribution.mappings.deterministic_nat import DeterministicNat
from broker.attribution.mappings.map_e import MapRule
from broker.attribution.verdict import Resolution


@dataclass(frozen=True, slots=True)
class Epoch:
    """One mapping as it was configured for a time.

    name: of the NAT or rule; its epochs do not overlap. from_at, to_at: half-open, aware; None: until further notice.
    """

    name: str
    mapping: DeterministicNat | MapRule
    from_at: datetime
    to_at: datetime | None = None

    def __post_init__(self) -> None:
        if any(time is not None and time.utcoffset() is None for time in (self.from_at, self.to_at)):
            raise ValueError("epoch times must be aware")
        if self.to_at is not None and self.from_at >= self.to_at:
            raise ValueError("an epoch must end after it begins")

    def meets(self, lo: datetime, hi: datetime) -> bool:
        """Tell whether the epoch shares a moment with [lo, hi)."""
        return self.from_at < hi and (self.to_at is None or lo < self.to_at)


class Inside(NamedTuple):
    """What lies behind an outside address and port over a window.

    outcome: UNIQUE (one inside; who holds it is another question), AMBIGUOUS, INCOMPLETE or INSUFFICIENT.
    inside: address or delegated prefix in normal form, with UNIQUE only. reasons: empty with UNIQUE.
    """

    outcome: Resolution
    inside: str | None
    reasons: frozenset[Why]


# What each reason means for the whole window; a higher outcome hides a lower one (attribution.md 2.4).
_INSUFFICIENT = {Why.NOT_OUR_ADDRESS, Why.PORT_OUT_OF_RANGE}
_INCOMPLETE = {Why.PORT_IN_DYNAMIC_RANGE, Why.COLLECTION_GAP}


def inside_of(epochs: Sequence[Epoch], outside: IPv4Address, port: int, lo: datetime, hi: datetime) -> Inside:
    """Say which inside an outside address and port led to over all of [lo, hi), or why that cannot be said.

    1. Cut the window where an epoch begins or ends. 2. Ask every epoch of each piece. 3. Join the pieces: the same
    inside everywhere is the answer, two insides are AMBIGUOUS, and a reason in any piece is one for the window.

    Widening the window never gives a lower outcome. Raises ValueError for naive times, lo >= hi and what is no port.
    Source: attribution.md 2.4 and 3.7.
    """
    if lo.utcoffset() is None or hi.utcoffset() is None or lo >= hi:
        raise ValueError("a window is aware and ends after it begins")
    said = [(epoch, epoch.mapping.backwards(outside, port)) for epoch in epochs]
    # A mapping that ever knew the address has to account for it in every piece.
    owners = {epoch.name for epoch, answer in said if answer is not Why.NOT_OUR_ADDRESS}
    edges = {lo, hi} | {t for e in epochs for t in (e.from_at, e.to_at) if t is not None and lo < t < hi}
    cuts = sorted(edges)
    insides: set[str] = set()
    reasons: set[Why] = set()
    for start, end in pairwise(cuts):
        here = [(epoch, answer) for epoch, answer in said if epoch.meets(start, end)]
        ours = {answer for _, answer in here if answer is not Why.NOT_OUR_ADDRESS}
        reasons |= {answer for answer in ours if isinstance(answer, Why)}
        found = {str(answer) for answer in ours if not isinstance(answer, Why)}
        if len(found) > 1:
            reasons.add(Why.CONFLICT)
        insides |= found
        if not ours:
            known = not owners or any(epoch.name in owners for epoch, _ in here)
            reasons.add(Why.NOT_OUR_ADDRESS if known else Why.COLLECTION_GAP)
    if len(insides) > 1:
        reasons.add(Why.CHANGE_IN_WINDOW)
    if not reasons:
        # Every piece without a reason gave an inside.
        return Inside(Resolution.UNIQUE, insides.pop(), frozenset())
    outcome = Resolution.AMBIGUOUS
    if reasons & _INCOMPLETE:
        outcome = Resolution.INCOMPLETE
    if reasons & _INSUFFICIENT:
        outcome = Resolution.INSUFFICIENT
    return Inside(outcome, None, frozenset(reasons))

"""The answer to "who held this address over this window", and how partial answers are joined.

Six outcomes in an order: INSUFFICIENT > OUTSIDE_RETENTION > INCOMPLETE > AMBIGUOUS > {UNIQUE, NONE}. Only
UNIQUE names a subscriber. Not here: how a verdict is reached (`resolve`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Resolution(StrEnum):
    """What can be said of a window; apart from UNIQUE nobody is named."""

    UNIQUE = "unique"
    NONE = "none"
    AMBIGUOUS = "ambiguous"
    INCOMPLETE = "incomplete"
    OUTSIDE_RETENTION = "outside-retention"
    INSUFFICIENT = "insufficient"


# UNIQUE and NONE stand side by side: neither outranks the other, and together they are AMBIGUOUS.
_RANK = {
    Resolution.UNIQUE: 0,
    Resolution.NONE: 0,
    Resolution.AMBIGUOUS: 1,
    Resolution.INCOMPLETE: 2,
    Resolution.OUTSIDE_RETENTION: 3,
    Resolution.INSUFFICIENT: 4,
}


class Reason(StrEnum):
    """Why a window has no unique holder; the codes are published and never renamed."""

    NOT_OUR_ADDRESS = "NOT_OUR_ADDRESS"  # for part of the window the address is in no prefix of the operator's plan
    PORT_REQUIRED = "PORT_REQUIRED"  # the address was shared and no source port is given
    PORT_OUT_OF_RANGE = "PORT_OUT_OF_RANGE"  # the address was shared, and its rule or pool gave this port to nobody
    OUTSIDE_RETENTION = "OUTSIDE_RETENTION"  # part of the window is older than what may be kept
    NOT_SETTLED = "NOT_SETTLED"  # part of the window is newer than what the sources have delivered
    COLLECTION_GAP = "COLLECTION_GAP"  # part of the window is before the sources began to deliver
    CLOCK_SUSPECT = "CLOCK_SUSPECT"  # a clock that was wrong beyond the limit may have moved the window's records
    LINE_UNKNOWN = "LINE_UNKNOWN"  # the log names a connection, and whose it was is not on record
    NO_HOLDER = "NO_HOLDER"  # complete evidence, and nobody in it
    CHANGE_IN_WINDOW = "CHANGE_IN_WINDOW"  # more than one subscriber may have held it in the window
    PARTIAL_COVER = "PARTIAL_COVER"  # for part of the window there is no evidence of anybody
    NOT_SHOWN = "NOT_SHOWN"  # nobody is shown, and the sources may lack somebody who had it since before they began
    UNCERTAIN_EDGE = "UNCERTAIN_EDGE"  # for part of the window somebody possibly held it, not certainly
    NESTED_PREFIX = "NESTED_PREFIX"  # bindings of different prefix lengths name different subscribers
    ENDPOINT_REUSE = "ENDPOINT_REUSE"  # one port served several subscribers at once, towards different destinations
    CONFLICT = "CONFLICT"  # two subscribers certainly held it at one moment: the evidence is faulty


class Provenance(StrEnum):
    """Why the operator has the row at all; what may be done with it depends on that."""

    BUSINESS = "business"
    STATUTORY_RETENTION = "statutory-retention"
    PRESERVED = "preserved"


@dataclass(slots=True)  # Not frozen for the reason that `resolve.Window` is not.
class Verdict:
    """Who held an address over [from_at, until_at), or why that cannot be said.

    holders: opaque references of all subscribers that may have held it; never shown, only counted.
    provenances: of the rows a unique answer rests on; empty for every other outcome.
    shared: the address was shared in the window, as far as evidence and address plan tell.
    derived: a row that a unique answer rests on is a conclusion of another system; False for every other outcome.
    margin: how much wider the window could be at both ends with the same unique answer, at most `REACH` of
        `resolve`; None for every other outcome.
    """

    outcome: Resolution
    from_at: datetime
    until_at: datetime
    reasons: frozenset[Reason] = frozenset()
    holders: frozenset[str] = field(default=frozenset(), repr=False)
    provenances: frozenset[Provenance] = frozenset()
    shared: bool = False
    margin: timedelta | None = None
    derived: bool = False

    @property
    def subscriber(self) -> str | None:
        """The one holder's opaque reference; None unless the outcome is UNIQUE."""
        if self.outcome is not Resolution.UNIQUE:
            return None
        (holder,) = self.holders
        return holder

    @property
    def provenance(self) -> Provenance | None:
        """The one provenance a unique answer rests on; None if it rests on several, or is not unique.

        Rules depend on provenance, so a mixed answer is an unknown fact to them and must not be narrowed.
        """
        return next(iter(self.provenances)) if len(self.provenances) == 1 else None

    @property
    def holder_count(self) -> int:
        """How many subscribers may have held it."""
        return len(self.holders)


def join(left: Verdict, right: Verdict) -> Verdict:
    """Combine the answers to two readings of one question (two instants, protocols or sources).

    The outcome is the higher of the two, except that two different answers, or an answer and NONE, make
    AMBIGUOUS. Commutative, associative and idempotent.
    Source: attribution.md 2.4.
    """
    holders = left.holders | right.holders
    outcome = max(left.outcome, right.outcome, key=_RANK.__getitem__)
    if _RANK[outcome] == 0 and (left.outcome, left.holders) != (right.outcome, right.holders):
        outcome = Resolution.AMBIGUOUS
    reasons = left.reasons | right.reasons
    if len(holders) > 1:
        reasons |= {Reason.CHANGE_IN_WINDOW}
    margins = [verdict.margin for verdict in (left, right) if verdict.margin is not None]
    unique = outcome is Resolution.UNIQUE
    return Verdict(
        outcome=outcome,
        from_at=min(left.from_at, right.from_at),
        until_at=max(left.until_at, right.until_at),
        reasons=reasons,
        holders=holders,
        provenances=left.provenances | right.provenances if unique else frozenset(),
        shared=left.shared or right.shared,
        margin=min(margins) if unique and margins else None,
        derived=unique and (left.derived or right.derived),
    )

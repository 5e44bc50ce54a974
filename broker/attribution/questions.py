"""What is asked of a source of evidence: one address over one window, on the ground that is known of it."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from broker.attribution.ground import Grounds
from broker.attribution.holders import Inner
from broker.attribution.resolve import Ground, Interval, Window
from broker.attribution.spans import ALWAYS
from broker.leases.services import MAX_DEPTH


class Question(NamedTuple):
    """One address and window to look up: lo, hi with all tolerances. value: the address as a number.

    tellers: the sources that have to be complete for an answer. sources: whose rows are about this address; None: any.
    The same inner address is somebody else's in another realm. width: of the prefix that is asked about, where it is
    more than the address; whoever holds less of it is doubtful. computed: what rules are evidence of.
    case: whose holds may be answered from. protocol: of the port; None where it is not known.
    """

    address: str
    version: int
    value: int
    port: int | None
    lo: datetime
    hi: datetime
    ground: Ground
    tellers: frozenset[int]
    sources: frozenset[int] | None = None
    width: int | None = None
    computed: tuple[Interval, ...] = ()
    case: uuid.UUID | None = None
    protocol: int | None = None

    def window(self) -> Window:
        """Give the window to be resolved, on the ground that is known before any evidence."""
        return Window(self.lo, self.hi, self.port, self.ground, self.protocol)


class Prospect(NamedTuple):
    """What an answer will rest on, as far as it can be said without evidence.

    window: on its ground; behind: those of what lies behind the address, or may. away: a database of the operator that
    may have to be asked does not answer.
    """

    window: Window
    behind: list[Window]
    away: bool


def inner_question(
    grounds: Grounds, inner: Inner, lo: datetime, hi: datetime, case: uuid.UUID | None = None
) -> Question:
    """Ask who had an inside address or delegated prefix over [lo, hi), widened by the clocks of those who tell.

    A delegated prefix is the operator's by its address plan, like any address that is seen from outside; `grounds` has
    to know that plan. Inside addresses belong to a realm.
    """
    address, slash, width = inner.address.partition("/")
    version, value = number_of(address)
    ground, tellers, _ = grounds.of(version, value) if slash else grounds.of_inner(inner.realm)
    error = grounds.tolerance(tellers, lo, hi)
    sources, part = (None, int(width)) if slash else (tellers, None)
    at = address, version, value, None, lo - error, hi + error
    return Question._make((*at, ground, tellers, sources, part, (), case, None))


def translated(grounds: Grounds, question: Question) -> list[Window]:
    """Give a window for each source that the translation of an address could lead to, as wide as it would be asked."""
    numbers = grounds.behind(question.version, question.value, question.lo, question.hi)
    # Translation inside translation is asked with the clock error of each log on the way.
    error = grounds.tolerance(numbers, question.lo, question.hi) * MAX_DEPTH
    lo, hi = question.lo - error, question.hi + error
    return [Window(lo, hi, ground=Ground(ours=ALWAYS, settled=grounds.sources[n].settled)) for n in sorted(numbers)]


def delegated(inners: Sequence[Inner]) -> list[str]:
    """List the addresses whose plan `inner_question` needs."""
    return sorted({inner.address.partition("/")[0] for inner in inners if inner.delegated})


def number_of(address: str) -> tuple[int, int]:
    """Read an address in its normal form: family and value."""
    if ":" in address:
        return 6, int.from_bytes(socket.inet_pton(socket.AF_INET6, address))
    return 4, int.from_bytes(socket.inet_aton(address))

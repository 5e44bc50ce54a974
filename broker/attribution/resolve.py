"""Decide from evidence who held an address, and its port, over a whole window of time. Pure.

Nobody is named unless one subscriber, and no other, is shown for every moment of the window; everything else
is a reason. Not here: where evidence comes from (`sources`), or who the subscriber is (`broker.identities`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce

from broker.attribution.spans import EVER, FOREVER, Span, Spans, common, covers, meets, merge, without
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict, join

# The stamp unit of every source so far: a renewal may leave a gap of this length that is no gap.
SEAM = timedelta(seconds=1)
# Evidence is read this far around a window, so that a margin can be stated; larger ones are not.
REACH = timedelta(hours=1)
# Transport protocols whose ports somebody may have been seen with: TCP and UDP (IANA numbers).
PROTOCOLS = (6, 17)
_NO_TIME = timedelta()

__all__ = ["FOREVER", "PROTOCOLS", "REACH", "SEAM", "Ground", "Interval", "Window", "resolve"]


@dataclass(frozen=True)
class Ground:
    """What is known of an address apart from who held it; the spans are sorted, disjoint, UTC.

    ours: when it was the operator's by its address plan. shared: when several subscribers were behind it, or nobody
    knows. settled: when every source that could show its holder has delivered everything. suspect: when the clock
    of such a source was wrong beyond the limit. retained_from: nothing before it may be answered; None: no limit.
    unshown: when somebody may have held it of whom no source has a record, so that silence proves nothing.
    unused: when the configuration of the address gave the port that is asked about to nobody.
    By default nothing is known, so nothing is answered.
    """

    ours: Spans = ()
    shared: Spans = ()
    settled: Spans = ()
    suspect: Spans = ()
    retained_from: datetime | None = None
    unused: Spans = ()
    unshown: Spans = ()

    # One ground is asked for every address that stands on it.
    @cached_property
    def calm(self) -> Spans:
        """When nothing but evidence is missing for an answer, if it does not matter whether the address is shared."""
        kept = common(common(self.ours, self.settled), [(self.retained_from or EVER, FOREVER)])
        return tuple(without(kept, [*self.suspect, *self.unused]))

    @cached_property
    def calm_unshared(self) -> Spans:
        """When nothing but evidence is missing for an answer, and nobody shares the address."""
        return tuple(without(self.calm, self.shared))


# Windows, intervals and verdicts are made by the ten thousand, and nobody changes them once they are handed on. Frozen
# they would each take six times as long to make.
@dataclass(slots=True)
class Window:
    """What is asked: [lo, hi) in UTC, the clock tolerance of request and source already added.

    port: source port as observed, None if it was not logged. protocol: IANA number, None if it was not logged.
    """

    lo: datetime
    hi: datetime
    port: int | None = None
    ground: Ground = Ground()
    protocol: int | None = None

    def __post_init__(self) -> None:
        if self.lo.utcoffset() is None or self.hi.utcoffset() is None:
            raise ValueError("window times must be aware")
        if self.lo >= self.hi:
            raise ValueError("a window must end after it begins")

    def widened(self, by: timedelta) -> Window:
        """Give the same question with `by` more at both ends."""
        return Window(self.lo - by, self.hi + by, self.port, self.ground, self.protocol)


@dataclass(slots=True)
class Interval:
    """One row of evidence: a subscriber held an address, or a port block of it.

    possible: [possible_from, possible_to), the widest the row allows; certain: the part of it the source
        positively shows, empty if both ends are equal. UTC.
    subscriber: opaque reference. ports: first and last port, None if the row says nothing of ports; step: only every
        so manyeth port from the first. protocol: IANA number, None if the row holds for all. width: prefix length of
        the binding, None where it is not known. derived: a conclusion of another system, not what a device wrote.
    source: what it comes from where that is not our own store.
    """

    subscriber: str = field(repr=False)
    possible_from: datetime
    possible_to: datetime
    certain_from: datetime
    certain_to: datetime
    ports: tuple[int, int] | None = None
    provenance: Provenance = Provenance.BUSINESS
    source: str = ""
    step: int = 1
    protocol: int | None = None
    width: int | None = None
    derived: bool = False

    def __post_init__(self) -> None:
        # Comparing a naive with an aware time raises, so one check of each kind is enough.
        if self.possible_from.utcoffset() is None:
            raise ValueError("interval times must be aware")
        if not self.possible_from <= self.certain_from <= self.certain_to <= self.possible_to:
            raise ValueError("the certain part of an interval must lie inside its possible part")

    def possibly_meets(self, lo: datetime, hi: datetime) -> bool:
        """Tell whether the possible part shares a moment with [lo, hi)."""
        return self.possible_from < hi and lo < self.possible_to


def resolve(window: Window, evidence: Sequence[Interval]) -> Verdict:
    """Say who held an address over a whole window of time, or why that cannot be said.

    evidence: all intervals of that address which touch the window or lie within REACH of it, any order;
        intervals of other port blocks may be left out if `window.ground.shared` accounts for them.

    1. Set aside rows of other ports and protocols: they only tell that the address is shared. 2. Join each subscriber's
    rows, seams closed. 3. Judge the window. 4. If one subscriber is left, find which rows the answer rests on and how
    much wider it would hold.
    Where rows tell protocols apart and the question does not, each protocol is answered and the answers are joined.

    Returns UNIQUE with the subscriber reference and the margin, or AMBIGUOUS, INCOMPLETE, NONE,
    OUTSIDE_RETENTION or INSUFFICIENT with reasons; two candidates are never narrowed by guesswork.
    Widening the window never turns another answer into UNIQUE or NONE, nor one of these into the other.
    Source: attribution.md 2.3 to 2.5; RFC 6302 (BCP 162).
    """
    if len(evidence) == 1:
        (row,) = evidence
        if row.protocol is None and _is_about(row, window.port):
            verdict = by_one_row(
                window.lo,
                window.hi,
                window.ground,
                row.subscriber,
                row.certain_from,
                row.certain_to,
                row.provenance,
                row.derived,
                shared=row.ports is not None,
            )
            if verdict is not None:
                return verdict
    if window.protocol is None and any(row.protocol is not None for row in evidence):
        return reduce(join, (_resolve_protocol(window, evidence, protocol) for protocol in PROTOCOLS))
    return _resolve_protocol(window, evidence, window.protocol)


def by_one_row(
    lo: datetime,
    hi: datetime,
    ground: Ground,
    subscriber: str,
    certain_from: datetime,
    certain_to: datetime,
    provenance: Provenance,
    derived: bool,
    *,
    shared: bool,
) -> Verdict | None:
    """Answer what nearly all questions are: one row, which certainly holds all of the window [lo, hi).

    It must be the only row, of all protocols. shared: whether it is of a block with the port: then the address is
    shared, by that row; without a block nobody may share it. None where it is not so simple: `resolve` it. The general
    way finds the same answer with more labour; tests compare the two.
    """
    if certain_from <= lo and hi <= certain_to:
        for start, end in ground.calm if shared else ground.calm_unshared:
            if start <= lo and hi <= end:
                margin = min(REACH, lo - max(start, certain_from), min(end, certain_to) - hi)
                holders = frozenset((subscriber,))
                return Verdict(_UNIQUE, lo, hi, _NO_REASONS, holders, _ALONE[provenance], shared, margin, derived)
    return None


_UNIQUE = Resolution.UNIQUE
_NO_REASONS: frozenset[Reason] = frozenset()
_ALONE = {provenance: frozenset((provenance,)) for provenance in Provenance}


def _resolve_protocol(window: Window, evidence: Sequence[Interval], protocol: int | None) -> Verdict:
    # 1. and 2. do not depend on where the window ends, only on its port: the law of widening rests on that.
    case = _Case(window.port, protocol, evidence)
    verdict = case.judge(window)
    if verdict.outcome is not Resolution.UNIQUE:
        return verdict
    (subscriber,) = verdict.holders
    rows = case.rests_on(subscriber, window)
    verdict.margin = case.margin(subscriber, window)
    verdict.provenances = frozenset(row.provenance for row in rows)
    verdict.derived = any(row.derived for row in rows)
    return verdict


class _Case:
    """The evidence on one address, port and protocol, arranged by subscriber.

    blocks: those of all ports and protocols, for an address is shared at a time, whatever is asked of it.
    """

    def __init__(self, port: int | None, protocol: int | None, evidence: Sequence[Interval]) -> None:
        self.port = port
        self.blocks = [row for row in evidence if row.ports is not None]
        self.rows = [row for row in evidence if row.protocol in (None, protocol) and _is_about(row, port)]
        self.by_subscriber: dict[str, list[Interval]] = {}
        for row in self.rows:
            self.by_subscriber.setdefault(row.subscriber, []).append(row)
        self.possible: dict[str, list[Span]] = {}
        self.certain: dict[str, list[Span]] = {}
        self.certain_by_block: dict[str, list[Span]] = {}
        for subscriber, own in self.by_subscriber.items():
            certain = self._closed(subscriber, own)
            self.certain[subscriber] = certain
            self.possible[subscriber] = merge([*((row.possible_from, row.possible_to) for row in own), *certain])
            blocks = [row for row in own if row.ports]
            self.certain_by_block[subscriber] = certain if len(blocks) == len(own) else self._closed(subscriber, blocks)

    def _closed(self, subscriber: str, own: Iterable[Interval]) -> list[Span]:
        """Join the certain parts of one subscriber's rows, seams included.

        Two parts count as continuous when the gap is at most SEAM and nobody else possibly meets it.
        """
        spans = merge((row.certain_from, row.certain_to) for row in own)
        closed = spans[:1]
        for lo, hi in spans[1:]:
            last_lo, last_hi = closed[-1]
            if lo - last_hi <= SEAM and not self._foreign(subscriber, last_hi, lo):
                closed[-1] = (last_lo, hi)
            else:
                closed.append((lo, hi))
        return closed

    def _foreign(self, subscriber: str, lo: datetime, hi: datetime) -> bool:
        return any(row.subscriber != subscriber and row.possibly_meets(lo, hi) for row in self.rows)

    def shared(self, ground: Ground, lo: datetime, hi: datetime) -> bool:
        """Tell whether the address was shared at any moment of [lo, hi)."""
        return meets(ground.shared, lo, hi) or any(row.possibly_meets(lo, hi) for row in self.blocks)

    def _holders(self, lo: datetime, hi: datetime) -> list[str]:
        return [who for who, spans in self.possible.items() if meets(spans, lo, hi)]

    def _shown(self, shared: bool) -> dict[str, list[Span]]:
        # Under sharing a row that says nothing of ports shows nobody's port for certain.
        return self.certain_by_block if shared else self.certain

    def judge(self, window: Window) -> Verdict:
        """Decide the window, without margin and provenance."""
        ground = window.ground
        shared = self.shared(ground, window.lo, window.hi)

        def answer(outcome: Resolution, reasons: Iterable[Reason] = (), who: Iterable[str] = ()) -> Verdict:
            return Verdict(outcome, window.lo, window.hi, frozenset(reasons), frozenset(who), shared=shared)

        # The order of these checks is the order of the outcomes: a higher one hides the lower.
        insufficient = set()
        if not covers(ground.ours, window.lo, window.hi):
            insufficient.add(Reason.NOT_OUR_ADDRESS)
        if shared and window.port is None:
            # Also with a single holder in the log: with lost lines "only one" cannot be proven.
            insufficient.add(Reason.PORT_REQUIRED)
        if meets(ground.unused, window.lo, window.hi):
            insufficient.add(Reason.PORT_OUT_OF_RANGE)
        if insufficient:
            return answer(Resolution.INSUFFICIENT, insufficient)
        if ground.retained_from is not None and window.lo < ground.retained_from:
            return answer(Resolution.OUTSIDE_RETENTION, [Reason.OUTSIDE_RETENTION])
        if gaps := set(_gaps(window)):
            return answer(Resolution.INCOMPLETE, gaps)
        holders = self._holders(window.lo, window.hi)
        if not holders and meets(ground.unshown, window.lo, window.hi):
            # No gap, for records are here: a wider window in which somebody is shown must not weigh less.
            return answer(Resolution.AMBIGUOUS, [Reason.NOT_SHOWN])
        if not holders:
            return answer(Resolution.NONE, [Reason.NO_HOLDER])
        if len(holders) == 1 and covers(self._shown(shared)[holders[0]], window.lo, window.hi):
            return answer(Resolution.UNIQUE, (), holders)
        return answer(Resolution.AMBIGUOUS, self._doubts(window, holders, self._shown(shared)), holders)

    def _doubts(self, window: Window, holders: list[str], certain: dict[str, list[Span]]) -> Iterable[Reason]:
        lo, hi = window.lo, window.hi
        if len(holders) > 1:
            yield Reason.CHANGE_IN_WINDOW
        if not covers(merge(span for who in holders for span in self.possible[who]), lo, hi):
            yield Reason.PARTIAL_COVER
        if any(
            not covers(certain[who], max(lo, start), min(hi, end))
            for who in holders
            for start, end in self.possible[who]
            if start < hi and lo < end
        ):
            yield Reason.UNCERTAIN_EDGE
        near = [row for row in self.rows if row.possibly_meets(lo, hi)]
        if len(holders) > 1 and len({row.width for row in near}) > 1:
            yield Reason.NESTED_PREFIX
        if self._conflict(lo, hi):
            # Towards different destinations one port may serve several at once; a block of ports may not.
            flows = all(row.ports is not None and row.ports[0] == row.ports[1] for row in near)
            yield Reason.ENDPOINT_REUSE if flows else Reason.CONFLICT

    def _conflict(self, lo: datetime, hi: datetime) -> bool:
        """Tell whether two subscribers certainly held it at one moment of [lo, hi)."""
        spans = sorted(
            (max(lo, row.certain_from), min(hi, row.certain_to), row.subscriber)
            for row in self.rows
            if max(lo, row.certain_from) < min(hi, row.certain_to)
        )
        ends: dict[str, datetime] = {}
        for start, end, who in spans:
            if any(other != who and start < other_end for other, other_end in ends.items()):
                return True
            ends[who] = max(end, ends.get(who, end))
        return False

    def margin(self, subscriber: str, window: Window) -> timedelta:
        """Find the largest widening, at most REACH, under which a unique answer stays unique.

        That is how far the nearest moment is at which something would change: by the law of widening nothing changes
        back beyond it.
        """
        ground, lo, hi = window.ground, window.lo, window.hi
        others = [span for who, spans in self.possible.items() if who != subscriber for span in spans]
        sharing = [*ground.shared, *((row.possible_from, row.possible_to) for row in self.blocks)]
        alone = _apart(sharing, lo, hi)
        within = min(REACH, _room(ground.calm, lo, hi), _apart(others, lo, hi))
        by_block = _room(self.certain_by_block[subscriber], lo, hi)
        if alone < _NO_TIME:
            return min(within, by_block)
        within = min(within, _room(self.certain[subscriber], lo, hi))
        # Where others begin to share the address, only a row of the port still shows whose it is.
        return min(within, alone if self.port is None else max(alone, by_block))

    def rests_on(self, subscriber: str, window: Window) -> list[Interval]:
        """Give the rows a unique answer rests on.

        Those of one provenance alone, if they cover the window; the operator's own business records come first, because
        the other rows then add no fact. Otherwise all rows that are needed together.
        """
        shared = self.shared(window.ground, window.lo, window.hi)
        rows = [row for row in self.by_subscriber[subscriber] if row.ports is not None or not shared]
        lo, hi = window.lo - SEAM, window.hi + SEAM
        near = [row for row in rows if row.possibly_meets(lo, hi)]
        if len({row.provenance for row in near}) == 1:
            return near
        for provenance in (Provenance.BUSINESS, Provenance.PRESERVED, Provenance.STATUTORY_RETENTION):
            own = [row for row in rows if row.provenance is provenance]
            if own and covers(self._closed(subscriber, own), window.lo, window.hi):
                return [row for row in near if row.provenance is provenance]
        return near


def _gaps(window: Window) -> Iterable[Reason]:
    """Say why the sources cannot speak about the whole window."""
    lo, hi, ground = window.lo, window.hi, window.ground
    settled = ground.settled
    if not covers(settled, lo, hi):
        last = settled[-1][1] if settled else None
        if last is None or last < hi:
            yield Reason.NOT_SETTLED
        if last is None or (lo < last and not covers(settled, lo, min(hi, last))):
            yield Reason.COLLECTION_GAP
    if meets(ground.suspect, lo, hi):
        yield Reason.CLOCK_SUSPECT


def _room(spans: Sequence[Span], lo: datetime, hi: datetime) -> timedelta:
    """Say how much wider [lo, hi) may become at both ends and stay inside the set; nothing if it is not inside now."""
    return max((min(lo - start, end - hi) for start, end in spans if start <= lo and hi <= end), default=_NO_TIME)


def _apart(spans: Sequence[Span], lo: datetime, hi: datetime) -> timedelta:
    """Say how much wider [lo, hi) may become at both ends without meeting the set; below zero if it meets it now."""
    return min((max(lo - end, start - hi) for start, end in spans), default=REACH)


def _is_about(row: Interval, port: int | None) -> bool:
    return row.ports is None or in_block(port, *row.ports, row.step)


def in_block(port: int | None, first: int, last: int, step: int) -> bool:
    """Tell whether a port is one of every `step` from the first to the last."""
    return port is not None and first <= port <= last and (port - first) % step == 0

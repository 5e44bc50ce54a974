"""Decide from evidence who held an address, and its port, over a whole window of time. Pure.

Nobody is named unless one subscriber, and no other, is shown for every moment of the window; everything else
is a reason. Not here: where evidence comes from (`sources`), or who the subscriber is (`broker.identities`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict

# The stamp unit of every source so far: a renewal may leave a gap of this length that is no gap.
SEAM = timedelta(seconds=1)
# Evidence is read this far around a window, so that a margin can be stated; larger ones are not.
REACH = timedelta(hours=1)
FOREVER = datetime.max.replace(tzinfo=UTC)

# Half-open [from, to) in UTC.
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Window:
    """What is asked: [lo, hi) in UTC, the clock tolerance of request and source already added.

    port: source port as observed, None if it was not logged.
    retained_from: nothing before it may be answered; None: no limit.
    collected_from, settled_until: the sources have delivered everything in between; None: nothing at all.
    sharing_gap: time between the window and the nearest moment at which the address is known to be shared (by
        address plan, or by port blocks that are not among the evidence); negative if the window meets such
        a moment; None if there is none within REACH.
    """

    lo: datetime
    hi: datetime
    port: int | None = None
    retained_from: datetime | None = None
    collected_from: datetime | None = None
    settled_until: datetime | None = None
    sharing_gap: timedelta | None = None

    def __post_init__(self) -> None:
        times = (self.lo, self.hi, self.retained_from, self.collected_from, self.settled_until)
        if any(time is not None and time.utcoffset() is None for time in times):
            raise ValueError("window times must be aware")
        if self.lo >= self.hi:
            raise ValueError("a window must end after it begins")

    def widened(self, by: timedelta) -> Window:
        """Give the same question with `by` more at both ends."""
        gap = None if self.sharing_gap is None else self.sharing_gap - by
        return replace(self, lo=self.lo - by, hi=self.hi + by, sharing_gap=gap)


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of evidence: a subscriber held an address, or a port block of it.

    possible: [possible_from, possible_to), the widest the row allows; certain: the part of it the source
        positively shows, empty if both ends are equal. UTC.
    subscriber: opaque reference. ports: first and last port, None if the row says nothing of ports.
    source: where the row is found again, for the record. derived: concluded from a table of states that are
        overwritten, not from a record of what happened.
    """

    subscriber: str = field(repr=False)
    possible_from: datetime
    possible_to: datetime
    certain_from: datetime
    certain_to: datetime
    ports: tuple[int, int] | None = None
    provenance: Provenance = Provenance.BUSINESS
    source: str = ""
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
        intervals of other port blocks may be left out if `window.sharing_gap` accounts for them.

    1. Set aside rows of other ports. 2. Join each subscriber's rows, seams closed. 3. Judge the window.
    4. If one subscriber is left, find which rows the answer rests on and how much wider it would hold.

    Returns UNIQUE with the subscriber reference and the margin, or AMBIGUOUS, INCOMPLETE, NONE,
    OUTSIDE_RETENTION or INSUFFICIENT with reasons; two candidates are never narrowed by guesswork.
    Widening the window never turns another answer into UNIQUE or NONE, nor one of these into the other.
    Source: attribution.md 2.3 to 2.5; RFC 6302 (BCP 162).
    """
    # 1. and 2. do not depend on where the window ends, only on its port: the law of widening rests on that.
    case = _Case(window.port, evidence)
    verdict = case.judge(window)
    if verdict.subscriber is None:
        return verdict
    margin = case.margin(window)
    return replace(
        verdict,
        margin=margin,
        provenances=case.rests_on(verdict.subscriber, window),
        derived=case.derived(verdict.subscriber, window),
    )


class _Case:
    """The evidence on one address and port, arranged by subscriber."""

    def __init__(self, port: int | None, evidence: Iterable[Interval]) -> None:
        rows = list(evidence)
        self.blocks = [row for row in rows if row.ports is not None]
        self.rows = [row for row in rows if _is_about(row, port)]
        self.by_subscriber: dict[str, list[Interval]] = {}
        for row in self.rows:
            self.by_subscriber.setdefault(row.subscriber, []).append(row)
        self.possible: dict[str, list[Span]] = {}
        self.certain: dict[str, list[Span]] = {}
        self.certain_by_block: dict[str, list[Span]] = {}
        for subscriber, own in self.by_subscriber.items():
            certain = self._closed(subscriber, own)
            self.certain[subscriber] = certain
            self.possible[subscriber] = _merge([*((row.possible_from, row.possible_to) for row in own), *certain])
            self.certain_by_block[subscriber] = self._closed(subscriber, [r for r in own if r.ports])

    def _closed(self, subscriber: str, own: Iterable[Interval]) -> list[Span]:
        """Join the certain parts of one subscriber's rows, seams included.

        Two parts count as continuous when the gap is at most SEAM and nobody else possibly meets it.
        """
        spans = _merge((row.certain_from, row.certain_to) for row in own)
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

    def shared(self, window: Window) -> bool:
        """Tell whether the address was shared at any moment of the window."""
        if window.sharing_gap is not None and window.sharing_gap < timedelta():
            return True
        return any(row.possibly_meets(window.lo, window.hi) for row in self.blocks)

    def judge(self, window: Window) -> Verdict:
        """Decide the window, without margin and provenance."""
        shared = self.shared(window)

        def answer(outcome: Resolution, reasons: Iterable[Reason] = (), who: Iterable[str] = ()) -> Verdict:
            return Verdict(outcome, window.lo, window.hi, frozenset(reasons), frozenset(who), shared=shared)

        # The order of these checks is the order of the outcomes: a higher one hides the lower.
        if shared and window.port is None:
            # Also with a single holder in the log: with lost lines "only one" cannot be proven.
            return answer(Resolution.INSUFFICIENT, [Reason.PORT_REQUIRED])
        if window.retained_from is not None and window.lo < window.retained_from:
            return answer(Resolution.OUTSIDE_RETENTION, [Reason.OUTSIDE_RETENTION])
        gaps = set()
        if window.settled_until is None or window.settled_until < window.hi:
            gaps.add(Reason.NOT_SETTLED)
        if window.collected_from is None or window.lo < window.collected_from:
            gaps.add(Reason.COLLECTION_GAP)
        if gaps:
            return answer(Resolution.INCOMPLETE, gaps)
        holders = [who for who, spans in self.possible.items() if _meets(spans, window.lo, window.hi)]
        if not holders:
            return answer(Resolution.NONE, [Reason.NO_HOLDER])
        # Under sharing a row that says nothing of ports shows nobody's port for certain.
        certain = self.certain_by_block if shared else self.certain
        if len(holders) == 1 and _covers(certain[holders[0]], window.lo, window.hi):
            return answer(Resolution.UNIQUE, (), holders)
        return answer(Resolution.AMBIGUOUS, self._doubts(window, holders, certain), holders)

    def _doubts(self, window: Window, holders: list[str], certain: dict[str, list[Span]]) -> Iterable[Reason]:
        lo, hi = window.lo, window.hi
        if len(holders) > 1:
            yield Reason.CHANGE_IN_WINDOW
        if not _covers(_merge(span for who in holders for span in self.possible[who]), lo, hi):
            yield Reason.PARTIAL_COVER
        if any(
            not _covers(certain[who], max(lo, start), min(hi, end))
            for who in holders
            for start, end in self.possible[who]
            if start < hi and lo < end
        ):
            yield Reason.UNCERTAIN_EDGE
        if self._conflict(lo, hi):
            yield Reason.CONFLICT

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

    def margin(self, window: Window) -> timedelta:
        """Find the largest widening, at most REACH, under which a unique answer stays unique.

        By the law of widening the answer can only change once, and only where something begins or ends; so
        the moments where it could are tried by bisection.
        """
        edges = [window.retained_from, window.collected_from, window.settled_until]
        for row in (*self.rows, *self.blocks):
            edges += [row.possible_from, row.possible_to, row.certain_from, row.certain_to]
        distances = {timedelta(), REACH}
        for edge in edges:
            if edge is not None:
                distances |= {window.lo - edge, edge - window.hi}
        if window.sharing_gap is not None:
            distances.add(window.sharing_gap)
        steps = sorted(d for d in distances if timedelta() <= d <= REACH)
        first_bad = bisect_right(
            steps, False, key=lambda d: self.judge(window.widened(d)).outcome is not Resolution.UNIQUE
        )
        return steps[first_bad - 1]

    def rests_on(self, subscriber: str, window: Window) -> frozenset[Provenance]:
        """Say whose kind of rows a unique answer rests on.

        One kind alone, if its rows cover the window; the operator's own business records come first, because
        the other rows then add no fact. Otherwise all kinds that are needed together.
        """
        shared = self.shared(window)
        rows = [row for row in self.by_subscriber[subscriber] if row.ports is not None or not shared]
        for provenance in (Provenance.BUSINESS, Provenance.PRESERVED, Provenance.STATUTORY_RETENTION):
            spans = self._closed(subscriber, [row for row in rows if row.provenance is provenance])
            if _covers(spans, window.lo, window.hi):
                return frozenset({provenance})
        lo, hi = window.lo - SEAM, window.hi + SEAM
        return frozenset(row.provenance for row in rows if row.possibly_meets(lo, hi))

    def derived(self, subscriber: str, window: Window) -> bool:
        """Tell whether a unique answer rests on a derived row: any of the holder's in the window counts."""
        lo, hi = window.lo - SEAM, window.hi + SEAM
        return any(row.derived and row.possibly_meets(lo, hi) for row in self.by_subscriber[subscriber])


def _is_about(row: Interval, port: int | None) -> bool:
    return row.ports is None or (port is not None and row.ports[0] <= port <= row.ports[1])


def _merge(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and join those that overlap or touch; empty ones vanish."""
    merged: list[Span] = []
    for lo, hi in sorted(spans):
        if lo == hi:
            continue
        if merged and lo <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
        else:
            merged.append((lo, hi))
    return merged


def _covers(spans: list[Span], lo: datetime, hi: datetime) -> bool:
    return any(start <= lo and hi <= end for start, end in spans)


def _meets(spans: list[Span], lo: datetime, hi: datetime) -> bool:
    return any(start < hi and lo < end for start, end in spans)

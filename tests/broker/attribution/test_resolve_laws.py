"""The laws of attribution.md 2.4, and the same answers as an oracle that looks at every half second."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.resolve import PROTOCOLS, SEAM, Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict, join

DAY = datetime(2026, 9, 14, tzinfo=UTC)
# Times are ticks of half a seam, so that seams of both lengths, and gaps just too long, occur often.
TICK = SEAM / 2
SEAM_TICKS = 2
LAST = 24
BLOCKS = ((1024, 2047), (2048, 3071), None)
PORTS = (1500, 2500, None)
asked_protocols = st.sampled_from((None, *PROTOCOLS))


def at(tick: int) -> datetime:
    return DAY + tick * TICK


# Holder, the ends of what is possible with those of what is certain between them, ports, protocol.
Row = tuple[str, int, int, int, int, tuple[int, int] | None, int | None]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    start, sure_start, sure_end, end = sorted(draw(st.lists(st.integers(0, LAST), min_size=4, max_size=4)))
    if draw(st.booleans()):
        sure_start, sure_end = start, end
    ports = draw(st.sampled_from(BLOCKS))
    protocol = draw(st.sampled_from((None, None, *PROTOCOLS))) if ports else None
    return draw(st.sampled_from("abc")), start, sure_start, sure_end, end, ports, protocol


@st.composite
def dedicated_rows(draw: st.DrawFn) -> Row:
    return (*draw(rows())[:5], None, None)


histories = st.one_of(st.lists(dedicated_rows(), max_size=6), st.lists(rows(), max_size=6))


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int]:
    lo = draw(st.integers(0, LAST - 1))
    return lo, draw(st.integers(lo + 1, LAST))


def interval(row: Row) -> Interval:
    who, start, sure_start, sure_end, end, ports, protocol = row
    return Interval(who, at(start), at(end), at(sure_start), at(sure_end), ports=ports, protocol=protocol)


GROUND = Ground(ours=ALWAYS, settled=((at(3), at(LAST - 2)),), retained_from=at(2))


@st.composite
def grounds(draw: st.DrawFn) -> Ground:
    """Each kind of span at most once, where the windows are."""
    shared, suspect, unused, unshown = (
        ((at(start), at(end)),) if start < end else ()
        for start, end in (draw(st.tuples(st.integers(0, LAST), st.integers(0, LAST))) for _ in range(4))
    )
    return replace(GROUND, shared=shared, suspect=suspect, unused=unused, unshown=unshown)


def ask(
    span: tuple[int, int],
    history: list[Row],
    port: int | None = None,
    plan: bool = False,
    ground: Ground = GROUND,
    protocol: int | None = None,
) -> Verdict:
    if plan:
        ground = replace(ground, shared=ALWAYS)
    window = Window(at(span[0]), at(span[1]), port, ground, protocol)
    return resolve(window, [interval(row) for row in history])


def oracle(
    span: tuple[int, int], history: list[Row], port: int | None, plan: bool, protocol: int | None
) -> tuple[Resolution, set[Reason], set[str]]:
    """Answer the same question tick by tick, from the words of the design alone."""
    if protocol is None and any(row[6] for row in history):
        each = (oracle(span, history, port, plan, number) for number in PROTOCOLS)
        tcp, udp = (Verdict(o, at(0), at(1), frozenset(why), frozenset(who)) for o, why, who in each)
        both = join(tcp, udp)
        return both.outcome, set(both.reasons), set(both.holders)
    lo, hi = span
    ticks = range(lo, hi)
    shared = plan or any(row[5] and any(row[1] <= t < row[4] for t in ticks) for row in history)
    if shared and port is None:
        return Resolution.INSUFFICIENT, {Reason.PORT_REQUIRED}, set()
    if lo < 2:
        return Resolution.OUTSIDE_RETENTION, {Reason.OUTSIDE_RETENTION}, set()
    gaps = {Reason.COLLECTION_GAP} if lo < 3 else set()
    gaps |= {Reason.NOT_SETTLED} if hi > LAST - 2 else set()
    if gaps:
        return Resolution.INCOMPLETE, gaps, set()
    told = [r for r in history if r[6] in (None, protocol)]
    about = [r for r in told if r[5] is None or (port is not None and r[5][0] <= port <= r[5][1])]
    people = {r[0] for r in about}
    possible = {t: {r[0] for r in about if r[1] <= t < r[4]} for t in range(LAST)}
    sure = {t: {r[0] for r in about if r[2] <= t < r[3]} for t in range(LAST)}
    counted = {t: {r[0] for r in about if r[2] <= t < r[3] and (r[5] or not shared)} for t in range(LAST)}
    for who in people:
        # A gap belongs to its neighbour if that row's other side is the same subscriber's, the gap is no
        # longer than a seam, and nobody else is possible anywhere in it.
        raw, kept = _bridged(who, sure, possible), _bridged(who, counted, possible)
        for t in raw:
            possible[t].add(who)
        for t in kept:
            counted[t].add(who)
    holders = {who for who in people if any(who in possible[t] for t in ticks)}
    if not holders:
        return Resolution.NONE, {Reason.NO_HOLDER}, set()
    if len(holders) == 1 and all(holders <= counted[t] for t in ticks):
        return Resolution.UNIQUE, set(), holders
    reasons = set()
    if len(holders) > 1:
        reasons.add(Reason.CHANGE_IN_WINDOW)
    if any(not possible[t] for t in ticks):
        reasons.add(Reason.PARTIAL_COVER)
    if any(possible[t] - counted[t] for t in ticks):
        reasons.add(Reason.UNCERTAIN_EDGE)
    if any(len(sure[t]) > 1 for t in ticks):
        reasons.add(Reason.CONFLICT)
    return Resolution.AMBIGUOUS, reasons, holders


def _bridged(who: str, sure: dict[int, set[str]], possible: dict[int, set[str]]) -> list[int]:
    found: list[int] = []
    for start in range(1, LAST):
        for length in range(1, SEAM_TICKS + 1):
            gap = range(start, start + length)
            if gap.stop >= LAST or who not in sure[start - 1] or who not in sure[gap.stop]:
                continue
            if all(who not in sure[t] and not possible[t] - {who} for t in gap):
                found += gap
    return found


@settings(max_examples=1000)
@given(windows(), histories, st.sampled_from(PORTS), st.booleans(), asked_protocols)
def test_agrees_with_an_oracle_that_looks_at_every_half_second(
    span: tuple[int, int], history: list[Row], port: int | None, plan: bool, protocol: int | None
) -> None:
    verdict = ask(span, history, port, plan, protocol=protocol)
    assert (verdict.outcome, set(verdict.reasons), set(verdict.holders)) == oracle(span, history, port, plan, protocol)


@settings(max_examples=400)
@given(windows(), histories, st.sampled_from(PORTS), st.sampled_from(PROTOCOLS))
def test_naming_a_protocol_makes_no_shared_address_one_persons(
    span: tuple[int, int], history: list[Row], port: int | None, protocol: int
) -> None:
    """Sharing is a property of address and time, whatever is asked of it."""
    named, unnamed = (ask(span, history, port, protocol=number) for number in (protocol, None))
    assert named.shared is unnamed.shared
    if named.subscriber is not None and unnamed.shared:
        blocks = [row for row in history if row[5] is not None and row[6] in (None, protocol)]
        assert ask(span, blocks, port, protocol=protocol).subscriber == named.subscriber


@settings(max_examples=400)
@given(
    windows(),
    histories,
    st.sampled_from(PORTS),
    st.integers(0, 6),
    st.integers(0, 6),
    st.one_of(st.just(GROUND), grounds()),
    asked_protocols,
)
def test_widening_a_window_only_moves_the_answer_upwards(
    span: tuple[int, int],
    history: list[Row],
    port: int | None,
    before: int,
    after: int,
    ground: Ground,
    protocol: int | None,
) -> None:
    narrow = ask(span, history, port, ground=ground, protocol=protocol)
    wider = max(0, span[0] - before), min(LAST, span[1] + after)
    wide = ask(wider, history, port, ground=ground, protocol=protocol)
    assert join(narrow, wide).outcome is wide.outcome
    if wide.subscriber is not None:
        assert narrow.subscriber == wide.subscriber


@settings(max_examples=400)
@given(windows(), histories, st.sampled_from(PORTS), asked_protocols, st.data())
def test_evidence_that_is_less_certain_or_possible_for_longer_names_nobody_new(
    span: tuple[int, int], history: list[Row], port: int | None, protocol: int | None, data: st.DataObject
) -> None:
    """Whoever builds rows may always answer a doubt by making less certain and more possible."""
    less = st.integers(0, 3)
    doubtful: list[Row] = []
    for who, start, sure_start, sure_end, end, ports, of in history:
        begin = min(sure_start + data.draw(less), sure_end)
        stop = max(sure_end - data.draw(less), begin)
        first, last = max(0, start - data.draw(less)), min(LAST, end + data.draw(less))
        doubtful.append((who, first, begin, stop, last, ports, of))
    named = ask(span, doubtful, port, protocol=protocol).subscriber
    if named is not None:
        assert ask(span, history, port, protocol=protocol).subscriber == named


@settings(max_examples=500)
@given(windows(), histories, st.sampled_from(PORTS), st.one_of(st.just(GROUND), grounds()), asked_protocols)
def test_the_margin_is_the_largest_widening_that_stays_unique(
    span: tuple[int, int], history: list[Row], port: int | None, ground: Ground, protocol: int | None
) -> None:
    verdict = ask(span, history, port, ground=ground, protocol=protocol)
    assert (verdict.margin is None) == (verdict.subscriber is None)
    if verdict.margin is not None:
        steps = round(verdict.margin / TICK)
        wider = ask((span[0] - steps, span[1] + steps), history, port, ground=ground, protocol=protocol)
        assert wider.subscriber == verdict.subscriber
        more = ask((span[0] - steps - 1, span[1] + steps + 1), history, port, ground=ground, protocol=protocol)
        assert more.subscriber is None


@settings(max_examples=300)
@given(windows(), histories, st.sampled_from(PORTS), asked_protocols, st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_repetition_of_evidence_matters(
    span: tuple[int, int], history: list[Row], port: int | None, protocol: int | None, random: object
) -> None:
    shuffled = [*history, *history[:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object here
    assert ask(span, shuffled, port, protocol=protocol) == ask(span, history, port, protocol=protocol)


@settings(max_examples=300)
@given(windows(), histories, st.sampled_from(PORTS))
def test_rows_far_from_the_window_do_not_matter(span: tuple[int, int], history: list[Row], port: int | None) -> None:
    near = [r for r in history if r[1] <= span[1] + SEAM_TICKS and span[0] - SEAM_TICKS <= r[4]]
    here, there = ask(span, near, port), ask(span, history, port)
    assert (here.outcome, here.reasons, here.holders) == (there.outcome, there.reasons, there.holders)


@settings(max_examples=400)
@given(
    windows(),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", None])), max_size=8),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3), st.integers(0, 3))),
    st.data(),
)
def test_never_names_the_wrong_subscriber_when_rows_are_truthful_but_lost(
    span: tuple[int, int],
    truth: list[tuple[int, str | None]],
    slack: list[tuple[int, int, int, int]],
    data: st.DataObject,
) -> None:
    """Rows show certainly at most what was true, possibly at least that; any of them may be lost.

    With lost rows the seam rule can bridge over a stay of at most one seam, so the truth is checked outside
    of seams only.
    """
    held: dict[int, str | None] = {}
    history: list[Row] = []
    tick = 0
    for number, (length, who) in enumerate(truth):
        start, end = tick, min(LAST, tick + length)
        tick = end
        held |= dict.fromkeys(range(start, end), who)
        if who is None or start == end:
            continue
        later, earlier, before, after = slack[number] if number < len(slack) else (0, 0, 0, 0)
        sure_start, sure_end = min(start + later, end), max(end - earlier, start)
        sure_end = max(sure_start, sure_end)
        history.append((who, max(0, start - before), sure_start, sure_end, min(LAST, end + after), None, None))
    kept = [r for r in history if data.draw(st.booleans())]
    verdict = ask(span, kept)
    if verdict.subscriber is not None:
        shown = [t for t in range(*span) if any(r[2] <= t < r[3] for r in kept)]
        assert all(held[t] == verdict.subscriber for t in shown)
        assert len(range(*span)) - len(shown) <= SEAM_TICKS * len(kept)


subscribers = st.sampled_from("abc")


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    lo, hi = draw(windows())
    outcome = draw(st.sampled_from(Resolution))
    if outcome is Resolution.UNIQUE:
        return Verdict(
            outcome,
            at(lo),
            at(hi),
            holders=frozenset(draw(subscribers)),
            provenances=draw(st.frozensets(st.sampled_from(Provenance), min_size=1)),
            shared=draw(st.booleans()),
            margin=timedelta(seconds=draw(st.integers(0, 9))),
        )
    holders = draw(st.frozensets(subscribers)) if outcome is not Resolution.NONE else frozenset()
    reasons = draw(st.frozensets(st.sampled_from(Reason))) - {Reason.CHANGE_IN_WINDOW}
    if len(holders) > 1:
        reasons |= {Reason.CHANGE_IN_WINDOW}
    if outcome is Resolution.NONE:
        reasons = frozenset({Reason.NO_HOLDER})
    return Verdict(outcome, at(lo), at(hi), reasons, holders, shared=draw(st.booleans()))


@settings(max_examples=200)
@given(verdicts(), verdicts(), verdicts())
def test_join_is_commutative_associative_and_idempotent(a: Verdict, b: Verdict, c: Verdict) -> None:
    assert join(a, a) == a
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))


@given(verdicts(), verdicts())
def test_join_of_two_answers_names_somebody_only_if_both_name_the_same(a: Verdict, b: Verdict) -> None:
    joined = join(a, b)
    if joined.subscriber is not None:
        assert a.subscriber == b.subscriber == joined.subscriber
    if a.subscriber != b.subscriber and a.outcome is b.outcome is Resolution.UNIQUE:
        assert joined.outcome is Resolution.AMBIGUOUS
        assert Reason.CHANGE_IN_WINDOW in joined.reasons


def test_join_of_an_answer_and_nobody_is_ambiguous() -> None:
    somebody = Verdict(Resolution.UNIQUE, at(0), at(1), holders=frozenset("a"), margin=timedelta())
    nobody = Verdict(Resolution.NONE, at(0), at(1), frozenset({Reason.NO_HOLDER}))
    joined = join(somebody, nobody)
    assert (joined.outcome, set(joined.reasons)) == (Resolution.AMBIGUOUS, {Reason.NO_HOLDER})
    assert joined.margin is None


def test_join_of_two_different_answers_names_neither() -> None:
    one = Verdict(Resolution.UNIQUE, at(0), at(1), holders=frozenset("a"), margin=timedelta())
    other = Verdict(Resolution.UNIQUE, at(0), at(1), holders=frozenset("b"), margin=timedelta())
    joined = join(one, other)
    assert (joined.outcome, joined.subscriber) == (Resolution.AMBIGUOUS, None)
    assert joined.reasons == {Reason.CHANGE_IN_WINDOW}

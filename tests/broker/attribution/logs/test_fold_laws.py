"""What must hold for every log, however garbled: cutting it anywhere changes nothing, nor does repeating a record."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.accounting import Reject
from broker.attribution.logs.clocks import ClockState
from broker.attribution.logs.events import Event, Kind, Ports
from broker.attribution.logs.holding import Holding, LogInterval, Policy, ports_overlap
from broker.attribution.logs.holdings import State
from broker.attribution.logs.intervals import Fold
from broker.attribution.spans import Span
from broker.attribution.verdict import Resolution
from tests.broker.attribution.test_resolve_laws import LAST, TICK, Row, ask, oracle

DAY = datetime(2026, 9, 14, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# So short that everything happens within a few seconds: closing, late records, forgetting.
POLICY = Policy(settle=2 * SECOND, memory=4 * SECOND, cap=5 * SECOND, slack=SECOND)
BLOCKS = (None, Ports(1024, 1535), Ports(1280, 2047), Ports(1025, 2047, 4))


@st.composite
def events(draw: st.DrawFn, until: int = 30) -> Event:
    """One record of a small world, in which everything meets everything."""
    kind = draw(st.sampled_from((Kind.BEGIN, Kind.ALIVE, Kind.ALIVE, Kind.END, Kind.END, Kind.RESTART)))
    at = DAY + draw(st.integers(0, until)) * SECOND
    device = draw(st.sampled_from(("device-1", "device-2")))
    if kind is Kind.RESTART:
        return Event(0, kind, at, device)
    session = draw(st.sampled_from((None, "s1", "s2")))
    return Event(
        0,
        kind,
        at,
        device,
        draw(st.sampled_from(("192.0.2.1", "192.0.2.2", None))) if session else "192.0.2.1",
        draw(st.sampled_from(BLOCKS)),
        draw(st.sampled_from((None, 6, 17))),
        draw(st.sampled_from(("user:a", "user:b", ""))),
        session,
        at - draw(st.integers(0, 4)) * SECOND if draw(st.booleans()) else None,
        at + draw(st.integers(-1, 4)) * SECOND if kind is not Kind.END and draw(st.booleans()) else None,
        draw(st.sampled_from((SECOND, SECOND, 2 * SECOND))),
    )


def numbered(log: list[Event]) -> list[Event]:
    return [event._replace(pos=pos) for pos, event in enumerate(log)]


nearly_ordered = st.lists(events(), max_size=40).map(
    lambda log: numbered([e for _, e in sorted(enumerate(log), key=lambda p: p[1].at + p[0] % 4 * SECOND)])
)


def stored(state: State) -> State:
    """Put a state through JSON, as a store would."""

    def load(row: dict[str, Any]) -> dict[str, Any]:
        times = {"first", "last", "due", "began", "since", "floor", "expires", "ended_min", "ended_max", "bound"}
        row = {k: datetime.fromisoformat(v) if k in times and v is not None else v for k, v in row.items()}
        return row | {"unit": timedelta(seconds=row["unit"])}

    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value.total_seconds()

    text = json.dumps([state.clocks, [h.to_row() for h in state.holdings], state.serial], default=plain)
    clocks, holdings, serial = json.loads(text)
    return State(
        {name: datetime.fromisoformat(clock) for name, clock in clocks.items()},
        tuple(Holding.from_row(load(row)) for row in reversed(holdings)),
        serial,
    )


def fold(log: list[Event], cuts: frozenset[int] = frozenset()) -> tuple[list[LogInterval], list[Reject], Fold]:
    """Fold a log in chunks that end at the cuts."""
    current, closed, rejects = Fold(POLICY), [], []
    unread: list[Span] = []
    start = 0
    for cut in [*sorted(c for c in cuts if c < len(log)), len(log)]:
        more, refused = current.feed(log[start:cut])
        closed += more
        rejects += refused
        unread += current.unread
        start = cut
        if cut < len(log):
            newest = current.clocks.newest
            clocks = ClockState.from_json(json.loads(json.dumps(current.clocks.state.to_json())))
            current = Fold(POLICY, stored(current.state()), clocks=clocks, rhythms=current.silences.rhythms)
            current.clocks.newest = newest
            current.silences.know(unread)
    return closed, rejects, current


@settings(max_examples=300)
@given(nearly_ordered, st.frozensets(st.integers(0, 40)))
def test_a_log_cut_anywhere_gives_the_same(log: list[Event], cuts: frozenset[int]) -> None:
    whole, pieces = fold(log), fold(log, cuts)
    # Only their order differs: each chunk gives its doubts last.
    assert Counter(whole[0]) == Counter(pieces[0])
    assert whole[1] == pieces[1]
    assert whole[2].evidence() == pieces[2].evidence()
    assert [h.to_row() for h in whole[2].state().holdings] == [h.to_row() for h in pieces[2].state().holdings]
    assert whole[2].state().clocks == pieces[2].state().clocks


def test_an_end_that_names_nobody_says_nothing_new_when_it_comes_twice_after_a_gap() -> None:
    begin = Event(0, Kind.BEGIN, DAY, "device-1", address="192.0.2.1", holder="user:a")
    end = Event(0, Kind.END, DAY + 2 * SECOND, "device-1", address="192.0.2.1")
    log = [begin, begin._replace(address=None, session="s1"), end]
    assert fold([*log, end])[2].evidence() == fold(log)[2].evidence()


@settings(max_examples=300)
@given(nearly_ordered)
def test_a_record_that_comes_twice_says_nothing_new(log: list[Event]) -> None:
    twice = [event for event in log for _ in range(2)]
    once, doubled = fold(log), fold(twice)
    assert doubled[0] == once[0]
    assert doubled[2].evidence() == once[2].evidence()
    assert set(doubled[1]) >= set(once[1])


@settings(max_examples=300)
@given(nearly_ordered)
def test_every_event_and_every_holding_is_accounted_for(log: list[Event]) -> None:
    closed, rejects, folded = fold(log)
    counts = folded.counts
    assert counts.events == len(log) == counts.applied + counts.duplicates + len(rejects)
    assert counts.rejected == Counter(r.code for r in rejects)
    assert counts.closed + counts.doubts == len(closed)
    assert counts.opened == counts.closed + len(folded.evidence())


@settings(max_examples=300)
@given(nearly_ordered)
def test_what_is_certain_lies_inside_what_is_possible_and_names_somebody(log: list[Event]) -> None:
    closed, _, folded = fold(log)
    positions = {e.pos for e in log}
    for i in [*closed, *folded.evidence()]:
        assert i.possible_from <= i.certain_from <= i.certain_to <= i.possible_to
        assert i.holder or i.certain_from == i.certain_to
        assert i.pos in positions


@settings(max_examples=200)
@given(nearly_ordered)
def test_nothing_is_remembered_beyond_memory_and_cap(log: list[Event]) -> None:
    later = Event(99, Kind.RESTART, DAY + timedelta(seconds=100), "device-1")
    _, _, folded = fold([*log, later, later._replace(device="device-2")])
    assert folded.state().holdings == ()


def ticks(interval: LogInterval) -> Row:
    moments = (interval.possible_from, interval.certain_from, interval.certain_to, interval.possible_to)
    start, sure_start, sure_end, end = (min(max(round((m - DAY) / TICK), 0), LAST) for m in moments)
    ports = None if interval.ports is None else (interval.ports.first, interval.ports.last)
    return interval.holder, start, sure_start, sure_end, end, ports, interval.protocol


@settings(max_examples=300)
@given(
    st.lists(events(LAST // 2), max_size=12),
    st.integers(0, LAST - 1),
    st.integers(1, 6),
    st.sampled_from((1500, 1100, None)),
)
def test_what_the_fold_proves_is_answered_as_by_the_oracle_that_looks_at_every_half_second(
    log: list[Event], lo: int, length: int, port: int | None
) -> None:
    closed, _, folded = fold(numbered(log))
    history = [ticks(i) for i in [*closed, *folded.evidence()] if i.address == "192.0.2.1"]
    span = (lo, min(LAST, lo + length))
    verdict = ask(span, history, port)
    assert (verdict.outcome, set(verdict.reasons), set(verdict.holders)) == oracle(span, history, port, False, None)
    assert verdict.outcome is not Resolution.UNIQUE or verdict.subscriber


port_sets = st.builds(
    lambda first, length, step: Ports(first, first + length, step),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(1, 6),
)


@given(port_sets, port_sets)
def test_port_sets_overlap_if_they_share_a_port(one: Ports, other: Ports) -> None:
    def members(ports: Ports) -> set[int]:
        return set(range(ports.first, ports.last + 1, ports.step))

    assert ports_overlap(one, other) == bool(members(one) & members(other)) == ports_overlap(other, one)

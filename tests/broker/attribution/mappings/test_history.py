"""A configuration counts for its own time; a window across a change asks both."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.range import Range

from broker.attribution.computed import Rules, apply_rule
from broker.attribution.ground import Grounds
from broker.attribution.holders import inner_of
from broker.attribution.mappings import mapping_file
from broker.attribution.mappings.deterministic_nat import DeterministicNat
from broker.attribution.mappings.history import Epoch
from broker.attribution.mappings.map_e import MapRule
from broker.attribution.mappings.mapping_file import kind_of, mapping_of, read_mappings, written
from broker.attribution.resolve import Window, resolve
from broker.attribution.verdict import Reason, Resolution, Verdict, join
from broker.errors import InputError, Problem

# As the store gives it, of the plan or of a source.
Row = tuple[Any, ...]

CHANGE = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OUTSIDE = IPv4Address("203.0.113.1")
# What the log of the pool has delivered.
DELIVERED = (CHANGE - 400 * HOUR, CHANGE + 50 * HOUR)
POOL_LOG: Row = (
    *(7, "", timedelta(seconds=1), False, [Range(*DELIVERED)], None, None, None, [], ""),
    *([Range(*DELIVERED)], [], timedelta(), [], [], [], []),
)


def nat(dynamic_factor: int = 0, inside: str = "100.64.0.0/28") -> DeterministicNat:
    return DeterministicNat(
        (IPv4Network(inside),), (IPv4Network("203.0.113.1/32"),), True, "sequential", 16, dynamic_factor
    )


def two_epochs() -> list[Epoch]:
    return [
        Epoch("cgn", nat(), CHANGE - 100 * HOUR, CHANGE),
        Epoch("cgn", nat(dynamic_factor=2), CHANGE, CHANGE + 100 * HOUR),
    ]


def ask(epochs: list[Epoch], port: int, at: datetime, around: timedelta = HOUR, to: datetime | None = None) -> Verdict:
    """Resolve a window on an address that the plan says to be computed; one log tells of ports given out as needed."""
    grounds = Grounds([(str(OUTSIDE), 32, CHANGE - 500 * HOUR, None, "deterministic", 7)], [POOL_LOG], None)
    ground, _, rule = grounds.of(4, int(OUTSIDE))
    assert rule is not None
    ground, rows = apply_rule(ground, rule, Rules(epochs).told(int(OUTSIDE), port))
    return resolve(Window(at - around, to or at + around, port, ground), rows)


def inside(verdict: Verdict) -> str | None:
    found = inner_of(verdict.subscriber or "")
    return found.address if found else None


def test_each_moment_is_answered_by_the_configuration_of_that_moment() -> None:
    # Blocks of 4032 ports before the change and of 3584 after it.
    assert inside(ask(two_epochs(), 5000, CHANGE - 2 * HOUR)) == "100.64.0.0"
    assert inside(ask(two_epochs(), 5000, CHANGE + 2 * HOUR)) == "100.64.0.1"
    assert ask(two_epochs(), 5000, CHANGE + 1.5 * HOUR).margin == HOUR / 2


def test_a_window_across_a_change_is_answered_when_both_configurations_agree() -> None:
    assert inside(ask(two_epochs(), 2000, CHANGE)) == "100.64.0.0"


def test_a_window_across_a_change_of_inside_is_ambiguous() -> None:
    verdict = ask(two_epochs(), 5000, CHANGE)
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.CHANGE_IN_WINDOW})


def test_a_port_of_the_pool_waits_for_the_logs_and_is_theirs_to_tell() -> None:
    # Given to an inside before the change, left to a pool after it, of which the log tells for some days.
    across = ask(two_epochs(), 60000, CHANGE)
    assert (across.outcome, set(across.reasons)) == (Resolution.AMBIGUOUS, {Reason.PARTIAL_COVER})
    assert ask(two_epochs(), 60000, CHANGE + 10 * HOUR).outcome is Resolution.NONE
    late = ask(two_epochs(), 60000, DELIVERED[1])
    assert (late.outcome, set(late.reasons)) == (Resolution.INCOMPLETE, {Reason.NOT_SETTLED})
    # No log is needed for a port that is computed.
    assert inside(ask(two_epochs(), 2000, DELIVERED[1])) == "100.64.0.0"


def test_epochs_end_before_their_end_and_what_lies_beyond_is_a_gap() -> None:
    epochs = two_epochs()
    assert inside(ask(epochs, 5000, CHANGE, to=CHANGE)) == "100.64.0.0"
    for at, reasons in (
        (CHANGE - 100 * HOUR, {Reason.COLLECTION_GAP}),
        (CHANGE + 100 * HOUR, {Reason.NOT_SETTLED}),
        (CHANGE + 200 * HOUR, {Reason.NOT_SETTLED}),
    ):
        verdict = ask(epochs, 2000, at)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, reasons)


def test_an_open_epoch_is_believed_as_far_as_it_was_last_stated() -> None:
    epochs = [Epoch("cgn", nat(), CHANGE, None, stated_at=CHANGE + 10 * HOUR)]
    assert inside(ask(epochs, 2000, CHANGE + 9 * HOUR)) == "100.64.0.0"
    for port in (2000, 100):
        assert ask(epochs, port, CHANGE + 12 * HOUR).reasons == {Reason.NOT_SETTLED}


@pytest.mark.parametrize("port", [0, 1023, 65535])
def test_a_port_that_is_given_to_nobody_is_insufficient_for_any_window_it_touches(port: int) -> None:
    # Fifteen insides leave the last block of the address to nobody; the lowest ports are reserved.
    smaller = DeterministicNat(
        (IPv4Network("100.64.0.0/28"),), (IPv4Network("203.0.113.1/32"),), False, "sequential", 16
    )
    for at in (CHANGE + 2 * HOUR, CHANGE):
        verdict = ask([Epoch("cgn", smaller, CHANGE)], port, at)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.PORT_OUT_OF_RANGE})


def test_an_address_that_no_configuration_knows_is_a_gap_and_never_nobodys() -> None:
    moved = DeterministicNat((IPv4Network("100.64.0.0/28"),), (IPv4Network("203.0.113.9/32"),), True, "sequential", 16)
    assert ask([Epoch("cgn", moved, CHANGE)], 2000, CHANGE + 2 * HOUR).outcome is Resolution.INCOMPLETE
    across = ask([two_epochs()[0], Epoch("cgn", moved, CHANGE)], 2000, CHANGE)
    assert (across.outcome, across.subscriber) == (Resolution.INCOMPLETE, None)


def test_two_configurations_of_one_moment_that_differ_are_a_conflict() -> None:
    other = Epoch("cgn-2", nat(inside="100.64.7.0/28"), CHANGE - 100 * HOUR)
    found = ask([two_epochs()[0], other], 2000, CHANGE - 50 * HOUR)
    assert found.outcome is Resolution.AMBIGUOUS
    assert Reason.CONFLICT in found.reasons


def test_a_configuration_that_the_plan_does_not_know_of_is_never_certain() -> None:
    plan: list[Row] = [(str(OUTSIDE), 32, CHANGE - 500 * HOUR, CHANGE, "cgn-block", 7)]
    plan += [(str(OUTSIDE), 32, CHANGE, None, "deterministic", 7)]
    grounds = Grounds(plan, [POOL_LOG], None)
    known, _, rule = grounds.of(4, int(OUTSIDE))
    assert rule is not None
    ground, rows = apply_rule(known, rule, Rules(two_epochs()).told(int(OUTSIDE), 2000))
    before = resolve(Window(CHANGE - 2 * HOUR, CHANGE - HOUR, 2000, ground), rows)
    assert before.reasons == {Reason.UNCERTAIN_EDGE}
    assert inside(resolve(Window(CHANGE + HOUR, CHANGE + 2 * HOUR, 2000, ground), rows)) == "100.64.0.0"


def test_a_configuration_that_may_still_be_in_force_leaves_nothing_certain_that_it_does_not_say() -> None:
    # The other one, to which the port is nobody's or the pool's, was last stated when it began, and never ended.
    certain = Epoch("cgn", nat(), CHANGE, stated_at=CHANGE + 10 * HOUR)
    for other, port in ((nat(inside="100.64.0.2/31"), 9088), (nat(dynamic_factor=2), 60000)):
        assert inside(ask([certain], port, CHANGE + 2 * HOUR)) is not None
        verdict = ask([certain, Epoch("cgn-2", other, CHANGE, stated_at=CHANGE)], port, CHANGE + 2 * HOUR)
        assert (verdict.outcome, verdict.subscriber) == (Resolution.INCOMPLETE, None)


def test_refuses_naive_times() -> None:
    for times in ((CHANGE.replace(tzinfo=None),), (CHANGE, CHANGE.replace(tzinfo=None))):
        with pytest.raises(ValueError, match="aware"):
            Epoch("cgn", nat(), *times)


@given(st.integers(0, 65535), st.integers(-120, 120), st.integers(1, 48), st.integers(0, 48), st.integers(0, 48))
def test_widening_a_window_never_gives_a_better_answer(port: int, at: int, long: int, before: int, after: int) -> None:
    lo = CHANGE + at * HOUR
    narrow = ask(two_epochs(), port, lo, timedelta(), lo + long * HOUR)
    wide = ask(two_epochs(), port, lo, before * HOUR, lo + (long + after) * HOUR)
    assert join(narrow, wide).outcome is wide.outcome
    if wide.subscriber is not None:
        assert narrow.subscriber == wide.subscriber


NATS = [nat(), nat(2), nat(inside="100.64.0.2/31"), nat(inside="100.64.7.0/28")]


@st.composite
def epochs(draw: st.DrawFn) -> Epoch:
    start = draw(st.integers(0, 9))
    end = draw(st.one_of(st.none(), st.integers(start + 1, 10)))
    return Epoch(
        "cgn",
        draw(st.sampled_from(NATS)),
        CHANGE + start * HOUR,
        None if end is None else CHANGE + end * HOUR,
        stated_at=CHANGE + draw(st.integers(start, 12)) * HOUR,
    )


@settings(max_examples=400)
@given(st.lists(epochs(), max_size=4), st.integers(0, 65535), st.integers(0, 10), st.integers(1, 5))
def test_names_an_inside_only_if_every_configuration_of_every_hour_says_so(
    history: list[Epoch], port: int, at: int, long: int
) -> None:
    verdict = ask(history, port, CHANGE + at * HOUR, timedelta(), CHANGE + (at + long) * HOUR)
    said: list[set[object]] = []
    stated: list[set[object]] = []
    for hour in (CHANGE + (at + n) * HOUR for n in range(long)):
        there = [e for e in history if e.from_at <= hour and (e.to_at is None or hour < e.to_at)]
        said.append({str(e.mapping.backwards(OUTSIDE, port)) for e in there})
        stated.append({str(e.mapping.backwards(OUTSIDE, port)) for e in there if hour < e.stated_at})
    agreed = set().union(*said)
    certain = len(agreed) == 1 and all(stated) and "PORT" not in str(agreed)
    assert inside(verdict) == (str(agreed.pop()) if certain else None)
    # That nobody had it can only be what the log of the pool shows.
    if verdict.outcome is Resolution.NONE:
        assert all(one == {"PORT_IN_DYNAMIC_RANGE"} for one in stated)


HISTORY = b"""# All configurations of the CGN and of MAP.
[[epoch]]
name = "cgn"
kind = "deterministic-nat"
from = 2026-01-01T00:00:00Z
to = 2026-06-01T02:00:00+02:00
inside = ["100.64.0.0/28"]
outside = ["203.0.113.1/32"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16

[[epoch]]
name = "map"
kind = "map"
from = 2026-01-01T00:00:00Z
ipv6-prefix = "2001:db8::/40"
ipv4-prefix = "192.0.2.0/24"
ea-bits = 16
"""


def test_reads_a_history_from_toml() -> None:
    (_, first), (line, second) = read_mappings(HISTORY)
    assert line == 13
    assert first == Epoch("cgn", nat(), datetime(2026, 1, 1, tzinfo=UTC), CHANGE)
    assert second == Epoch(
        "map",
        MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16),
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_example_in_the_description_of_the_file_can_be_read() -> None:
    text = str(mapping_file.__doc__).partition("\n\n")[2].rpartition("\n\n")[0]
    assert [epoch.name for _, epoch in read_mappings(text.encode())] == ["cgn-1", "map-north"]


def test_a_configuration_is_the_same_after_it_was_written_and_read_again() -> None:
    text = str(mapping_file.__doc__).partition("\n\n")[2].rpartition("\n\n")[0]
    for _, epoch in [*read_mappings(text.encode()), *read_mappings(HISTORY)]:
        stored = json.loads(json.dumps(written(epoch.mapping)))
        assert mapping_of(kind_of(epoch.mapping), stored) == epoch.mapping


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b'order = "sequential"', b'order = "random"', ("mapping.order", "order", 10)),
        (b'order = "sequential"', b"", ("mapping.missing", "order", 2)),
        (b"sharing-ratio = 16", b"sharing-ratio = true", ("mapping.value", "sharing-ratio", 11)),
        (b"sharing-ratio = 16", b"sharing-ratio = 15", ("mapping.ratio", "sharing-ratio", 11)),
        (b"00:00:00Z\nto", b"00:00:00\nto", ("mapping.value", "from", 5)),
        (b"to = 2026-06", b"to = 2025-06", ("mapping.time", "to", 6)),
        (b'"100.64.0.0/28"', b'"100.64.0.1/28"', ("mapping.value", "inside", 7)),
        (b"ea-bits = 16", b"ea-bits = 16\ncolour = 3", ("mapping.key", "colour", 20)),
        (b"ea-bits = 16", b"ea-bits = 16\nrealm = 'north'", ("mapping.key", "realm", 20)),
        (b"sharing-ratio = 16", b"sharing-ratio = 16\nrealm = 'a b'", ("mapping.value", "realm", 12)),
        (b"ea-bits = 16", b"ea-bits = 30", ("mapping.bits", "ea-bits", 19)),
        (b'kind = "map"', b'kind = "nat"', ("mapping.value", "kind", 15)),
        (b'name = "map"\nkind = "map"', b'name = "cgn"\nkind = "map"', ("mapping.epochs-overlap", "from", 13)),
        (b"ea-bits = 16", b"ea-bits = ", ("mapping.not-toml", "", 19)),
        (b"# All", b"\xff", ("mapping.not-utf-8", "", 1)),
        (b"# All", b"colour = 3 #", ("mapping.key", "colour", 1)),
    ],
)
def test_says_line_key_and_code_of_what_is_wrong(old: bytes, new: bytes, expected: tuple[str, str, int]) -> None:
    assert old in HISTORY
    with pytest.raises(InputError) as refused:
        read_mappings(HISTORY.replace(old, new, 1))
    assert [(p.code, p.field, p.line) for p in refused.value.problems] == [expected]


def test_a_file_without_an_epoch_is_refused() -> None:
    for content in (b"", b"epoch = []", b"epoch = [1]", b"epoch = [{name = 'a'}]"):
        with pytest.raises(InputError) as refused:
            read_mappings(content)
        assert all(isinstance(problem, Problem) for problem in refused.value.problems)

"""A configuration counts for its own time; a window across a change asks both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.attribution.mappings import mapping_file
from broker.attribution.mappings.answers import Why
from broker.attribution.mappings.deterministic_nat import DeterministicNat
from broker.attribution.mappings.history import Epoch, Inside, inside_of
from broker.attribution.mappings.map_e import MapRule
from broker.attribution.mappings.mapping_file import read_mappings
from broker.attribution.verdict import Resolution
from broker.errors import InputError, Problem

CHANGE = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
OUTSIDE = IPv4Address("203.0.113.1")


def nat(dynamic_factor: int = 0, inside: str = "100.64.0.0/28") -> DeterministicNat:
    return DeterministicNat(
        (IPv4Network(inside),), (IPv4Network("203.0.113.1/32"),), True, "sequential", 16, dynamic_factor
    )


def two_epochs() -> list[Epoch]:
    return [
        Epoch("cgn", nat(), CHANGE - 100 * HOUR, CHANGE),
        Epoch("cgn", nat(dynamic_factor=2), CHANGE, CHANGE + 100 * HOUR),
    ]


def ask(epochs: list[Epoch], port: int, at: datetime, around: timedelta = HOUR) -> Inside:
    return inside_of(epochs, OUTSIDE, port, at - around, at + around)


def test_each_moment_is_answered_by_the_configuration_of_that_moment() -> None:
    # Blocks of 4032 ports before the change and of 3584 after it.
    assert ask(two_epochs(), 5000, CHANGE - 2 * HOUR) == (Resolution.UNIQUE, "100.64.0.0", frozenset())
    assert ask(two_epochs(), 5000, CHANGE + 2 * HOUR) == (Resolution.UNIQUE, "100.64.0.1", frozenset())


def test_a_window_across_a_change_is_answered_when_both_configurations_agree() -> None:
    assert ask(two_epochs(), 2000, CHANGE) == (Resolution.UNIQUE, "100.64.0.0", frozenset())


def test_a_window_across_a_change_of_inside_is_ambiguous() -> None:
    assert ask(two_epochs(), 5000, CHANGE) == (Resolution.AMBIGUOUS, None, frozenset({Why.CHANGE_IN_WINDOW}))


def test_a_port_of_the_pool_in_part_of_the_window_is_left_to_the_logs() -> None:
    assert ask(two_epochs(), 60000, CHANGE) == (Resolution.INCOMPLETE, None, frozenset({Why.PORT_IN_DYNAMIC_RANGE}))


def test_epochs_end_before_their_end_and_what_lies_beyond_is_a_gap() -> None:
    epochs = two_epochs()
    assert inside_of(epochs, OUTSIDE, 5000, CHANGE - HOUR, CHANGE).inside == "100.64.0.0"
    for at in (CHANGE - 100 * HOUR, CHANGE + 100 * HOUR, CHANGE + 200 * HOUR):
        assert ask(epochs, 2000, at) == (Resolution.INCOMPLETE, None, frozenset({Why.COLLECTION_GAP}))


def test_an_address_that_no_configuration_knows_is_not_ours() -> None:
    found = inside_of(two_epochs(), IPv4Address("203.0.113.2"), 2000, CHANGE - HOUR, CHANGE + HOUR)
    assert found == (Resolution.INSUFFICIENT, None, frozenset({Why.NOT_OUR_ADDRESS}))


def test_an_address_that_the_next_configuration_gave_up_is_not_ours_from_then_on() -> None:
    moved = DeterministicNat((IPv4Network("100.64.0.0/28"),), (IPv4Network("203.0.113.9/32"),), True, "sequential", 16)
    epochs = [two_epochs()[0], Epoch("cgn", moved, CHANGE)]
    assert ask(epochs, 2000, CHANGE).outcome is Resolution.INSUFFICIENT
    assert ask(epochs, 2000, CHANGE).reasons == {Why.NOT_OUR_ADDRESS}


def test_two_configurations_of_one_moment_that_differ_are_a_conflict() -> None:
    other = Epoch("cgn-2", nat(inside="100.64.7.0/28"), CHANGE - 100 * HOUR)
    found = ask([two_epochs()[0], other], 2000, CHANGE - 50 * HOUR)
    assert found.outcome is Resolution.AMBIGUOUS
    assert Why.CONFLICT in found.reasons


def test_refuses_naive_times() -> None:
    with pytest.raises(ValueError, match="aware"):
        inside_of([], OUTSIDE, 2000, CHANGE.replace(tzinfo=None), CHANGE)
    with pytest.raises(ValueError, match="aware"):
        Epoch("cgn", nat(), CHANGE.replace(tzinfo=None))


RANK = [Resolution.UNIQUE, Resolution.AMBIGUOUS, Resolution.INCOMPLETE, Resolution.INSUFFICIENT]


@given(st.integers(0, 65535), st.integers(-120, 120), st.integers(1, 48), st.integers(0, 48), st.integers(0, 48))
def test_widening_a_window_never_gives_a_better_answer(port: int, at: int, long: int, before: int, after: int) -> None:
    lo = CHANGE + at * HOUR
    narrow = inside_of(two_epochs(), OUTSIDE, port, lo, lo + long * HOUR)
    wide = inside_of(two_epochs(), OUTSIDE, port, lo - before * HOUR, lo + (long + after) * HOUR)
    assert RANK.index(narrow.outcome) <= RANK.index(wide.outcome)
    if wide.outcome is Resolution.UNIQUE:
        assert wide == narrow


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
    first, second = read_mappings(HISTORY)
    assert first == Epoch("cgn", nat(), datetime(2026, 1, 1, tzinfo=UTC), CHANGE)
    assert second == Epoch(
        "map",
        MapRule(IPv6Network("2001:db8::/40"), IPv4Network("192.0.2.0/24"), 16),
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_example_in_the_description_of_the_file_can_be_read() -> None:
    text = str(mapping_file.__doc__).partition("\n\n")[2].rpartition("\n\n")[0]
    assert [epoch.name for epoch in read_mappings(text.encode())] == ["cgn-1", "map-north"]


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

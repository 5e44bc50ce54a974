"""Overlaps of different subscribers are found, all of them and only them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.leases.overlaps import Held, overlapping_lines

DAY = datetime(2026, 9, 14, tzinfo=UTC)


def at(hour: int) -> datetime:
    return DAY + timedelta(hours=hour)


def held(
    address: str, start: int, end: int | None, who: str, pos: int | None, ports: tuple[int, int] | None = None
) -> Held:
    return Held(address, at(start), None if end is None else at(end), ports, who, pos)


def test_rows_that_only_touch_do_not_overlap() -> None:
    assert list(overlapping_lines([held("a", 0, 5, "x", 2), held("a", 5, 9, "y", 3)])) == []


def test_an_overlap_with_a_stored_row_names_the_new_one_only() -> None:
    assert list(overlapping_lines([held("a", 0, 5, "x", None), held("a", 4, 9, "y", 3)])) == [3]


def test_an_open_row_overlaps_everything_after_it() -> None:
    assert set(overlapping_lines([held("a", 0, None, "x", 2), held("a", 90, 91, "y", 3)])) == {2, 3}


def test_a_row_without_ports_overlaps_every_block() -> None:
    rows = [
        held("a", 0, 5, "x", 2, (1024, 2047)),
        held("a", 0, 5, "y", 3, (2048, 3071)),
        held("a", 1, 5, "z", 4),
    ]
    assert list(overlapping_lines(rows[:2])) == []
    assert set(overlapping_lines(rows)) == {2, 3, 4}


@st.composite
def histories(draw: st.DrawFn) -> list[Held]:
    rows = []
    for pos in range(draw(st.integers(0, 9))):
        start = draw(st.integers(0, 12))
        end = draw(st.one_of(st.none(), st.integers(start + 1, 14)))
        ports = draw(st.sampled_from([None, (1, 10), (5, 20), (11, 30)]))
        who, address = draw(st.sampled_from("xyz")), draw(st.sampled_from("ab"))
        rows.append(held(address, start, end, who, pos if draw(st.booleans()) else None, ports))
    return sorted(rows, key=lambda row: (row.address, row.valid_from))


@settings(max_examples=200, deadline=None)
@given(histories())
def test_finds_what_comparing_all_pairs_finds(rows: list[Held]) -> None:
    expected = set()
    for one in rows:
        for other in rows:
            ports = (
                one.ports is None
                or other.ports is None
                or (one.ports[0] <= other.ports[1] and other.ports[0] <= one.ports[1])
            )
            early = other.valid_to is None or one.valid_from < other.valid_to
            late = one.valid_to is None or other.valid_from < one.valid_to
            if one.address == other.address and one.subscriber != other.subscriber and ports and early and late:
                expected |= {row.pos for row in (one, other) if row.pos is not None}
    found = list(overlapping_lines(rows))
    assert set(found) == expected
    assert len(found) == len(expected)

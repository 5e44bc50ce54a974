"""The connection table tells who had a port, if the lines of its flows can be told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.codes import CODES
from broker.attribution.logs.conntrack import Conntrack
from broker.attribution.logs.events import Kind, Ports
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

FILES = FIXTURES / "conntrack"
GOOD = (FILES / "good.log").read_bytes()

DEFECTS: dict[str, list[str]] = {
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "nul-bytes": ["RECORD_NUL"],
    "over-long": ["RECORD_TOO_LONG"] * 2,
    "cut-in-the-record": ["RECORD_SYNTAX", "RECORD_MAYBE_CUT", "RECORD_SYNTAX"],
    "maybe-cut": ["RECORD_MAYBE_CUT"] * 2,
    "id-lost": ["RECORD_MAYBE_CUT"] * 2,
    "unknown-event": ["EVENT_UNKNOWN"],
    "unknown-key": ["FIELD_UNKNOWN"],
    "id-twice": ["ATTRIBUTE_SEVERAL"],
    "without-stamp": ["TIME_MISSING"],
    "events-lost": ["EVENTS_LOST"],
    "port-zero": ["PORTS_RANGE"],
    "clock-not-set": ["TIME_IMPLAUSIBLE"],
    "lives-longer-than-time": ["NUMBER_SYNTAX"],
    "second-tuple-lost": ["RECORD_SYNTAX"],
}


def make() -> Conntrack:
    return Conntrack("gw1")


def at(second: int, micros: int) -> datetime:
    return datetime(2026, 3, 1, 6, 30, second, micros, tzinfo=UTC)


def test_each_event_of_a_translated_flow_is_one_of_ours() -> None:
    found = [(e.kind, e.at, e.since, e.protocol, e.holder, e.session) for e in events(make(), "conntrack/good.log")]
    assert found == [
        (Kind.BEGIN, at(11, 204_113), None, 6, "inner:100.64.3.9", None),
        (Kind.BEGIN, at(11, 204_113), None, 6, "inner:100.64.3.9", "3735928559"),
        (Kind.ALIVE, at(11, 4_113), None, 6, "inner:100.64.3.9", "3735928559"),
        (Kind.END, at(43, 5), at(11, 5), 6, "inner:100.64.3.9", "3735928559"),
        (Kind.BEGIN, at(11, 204_113), None, 17, "inner:100.64.3.9@zone5", "7"),
    ]
    keys = {(e.device, e.address, e.ports) for e in events(make(), "conntrack/good.log")}
    assert keys == {("gw1", "203.0.113.7", Ports(20480, 20480))}


def test_microseconds_are_a_number_and_no_fraction() -> None:
    # The tool writes them without leading zeros: .4113 is four thousandths of a second and no four tenths.
    assert events(make(), "conntrack/good.log")[2].at.microsecond == 4_113


def test_destinations_never_leave_the_parser() -> None:
    assert "198.51.100.80" not in repr(events(make(), "conntrack/good.log"))


def test_the_end_of_a_flow_that_cannot_be_told_from_others_ends_nothing() -> None:
    line = GOOD.splitlines(keepends=True)[3].replace(b" id=3735928559", b"")
    (said,) = [said for _, said in play(make(), line)]
    assert isinstance(said, list)
    assert [(e.kind, e.at, e.session) for e in said] == [(Kind.ALIVE, at(43, 5), None)]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"conntrack/{defect}.log") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried() -> None:
    assert {file.stem for file in FILES.iterdir()} == {"good", *DEFECTS}


@settings(max_examples=100)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_is_taken_up_again_after_each_record() -> None:
    check_every_stop(make, (FILES / "over-long.log").read_bytes())
    check_every_stop(make, GOOD)

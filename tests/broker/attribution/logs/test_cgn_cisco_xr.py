"""IOS XR writes several groups into one datagram: all of them count, or none."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.cgn_cisco_xr import CgnCiscoXr
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Kind, Ports
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events

FILES = FIXTURES / "cgn_cisco_xr"
GOOD = (FILES / "good.log").read_bytes()
AT = datetime(2026, 3, 1, 6, 30, 11, tzinfo=UTC)

DEFECTS: dict[str, list[str]] = {
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "nul-bytes": ["RECORD_NUL"],
    "over-long": ["RECORD_TOO_LONG"] * 2,
    "cut-in-the-record": ["RECORD_SYNTAX"] * 3,
    "unknown-event": ["EVENT_UNKNOWN"],
    "field-too-few": ["RECORD_SYNTAX"],
    "two-ports-of-a-session": ["RECORD_CONTRADICTS"],
    "ports-reversed": ["PORTS_RANGE"],
    "ports-missing": ["NUMBER_SYNTAX"],
    "holder-missing": ["HOLDER_MISSING"],
    "text-between-groups": ["RECORD_SYNTAX"],
    "repeated-hour": ["TIME_FOLD"],
    "skipped-hour": ["TIME_NONEXISTENT"],
    "without-stamp": ["DEVICE_MISSING"],
    "stranger-writes-a-record": ["RECORD_SYNTAX"] * 2,
}


def make() -> CgnCiscoXr:
    return CgnCiscoXr(ZoneInfo("Europe/Madrid"))


def test_each_group_gives_its_event() -> None:
    found = [(e.pos, e.kind, e.address, e.ports, e.protocol, e.holder) for e in events(make(), "cgn_cisco_xr/good.log")]
    lines = GOOD.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    assert found == [
        (starts[0], Kind.BEGIN, "203.0.113.7", Ports(20480, 20991), None, "inner:100.64.3.9@ivrf"),
        (starts[0], Kind.END, "203.0.113.7", Ports(20992, 21503), None, "inner:100.64.3.10@ivrf"),
        (starts[1], Kind.BEGIN, "203.0.113.7", Ports(21504, 21504), 6, "inner:100.64.3.9"),
        # That the ports of somebody else ran out is in the same datagram and says nothing.
        (starts[2], Kind.END, "203.0.113.7", Ports(21505, 21505), 17, "inner:100.64.3.9@ivrf"),
        # The inner IPv4 address is the same in every home with DS-Lite.
        (starts[4], Kind.BEGIN, "203.0.113.8", Ports(1024, 2047), None, "inner:2001:db8:64::9"),
        (starts[5], Kind.BEGIN, "203.0.113.9", Ports(1024, 2047), None, "inner:100.64.3.9@ivrf"),
    ]
    assert {e.at for e in events(make(), "cgn_cisco_xr/good.log")} == {AT}
    assert {e.device for e in events(make(), "cgn_cisco_xr/good.log")} == {"192.0.2.1"}


def test_destinations_never_leave_the_parser() -> None:
    assert "198.51.100.80" not in repr(events(make(), "cgn_cisco_xr/good.log"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"cgn_cisco_xr/{defect}.log") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried() -> None:
    assert {file.stem for file in FILES.iterdir()} == {"good", *DEFECTS}


def test_a_stamp_without_a_zone_is_not_guessed() -> None:
    assert set(codes(CgnCiscoXr(), "cgn_cisco_xr/good.log")) == {"ZONE_MISSING"}


def test_one_bad_group_refuses_its_whole_datagram() -> None:
    assert events(make(), "cgn_cisco_xr/unknown-event.log") == []


@settings(max_examples=100)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_is_taken_up_again_after_each_record() -> None:
    check_every_stop(make, (FILES / "over-long.log").read_bytes())
    check_every_stop(make, GOOD)

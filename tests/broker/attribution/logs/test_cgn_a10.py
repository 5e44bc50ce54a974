"""A10 tells of single ports and of fixed blocks; what is not in the one form that can be read is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.cgn_a10 import CgnA10
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Kind, Ports
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events

FILES = FIXTURES / "cgn_a10"
GOOD = (FILES / "good.log").read_bytes()

DEFECTS: dict[str, list[str]] = {
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "nul-bytes": ["RECORD_NUL"],
    "over-long": ["RECORD_TOO_LONG"] * 2,
    "cut-in-the-record": ["RECORD_SYNTAX"] * 3,
    "maybe-cut": ["RECORD_MAYBE_CUT"] * 3,
    "other-letter": ["EVENT_UNKNOWN"] * 2,
    "other-protocol": ["EVENT_UNKNOWN"],
    "compact": ["FORM_UNSUPPORTED"],
    "binary": ["FORM_UNSUPPORTED"],
    "cef": ["FORM_UNSUPPORTED"],
    "session-form": ["FORM_UNSUPPORTED"],
    "two-in-a-line": ["RECORD_SYNTAX"],
    "port-zero": ["PORTS_RANGE"],
    "port-too-high": ["PORTS_RANGE"],
    "ports-reversed": ["PORTS_RANGE"],
    "year-missing": ["YEAR_MISSING"],
    "year-not-near": ["YEAR_MISSING"],
    "without-stamp": ["TIME_MISSING"],
    "stranger-writes-a-record": ["RECORD_SYNTAX"],
    "no-frame": ["RECORD_SYNTAX"],
}


def make() -> CgnA10:
    return CgnA10(ZoneInfo("Europe/Madrid"), "ax9")


def at(minute: int, second: int) -> datetime:
    return datetime(2026, 3, 1, 6, minute, second, tzinfo=UTC)


def test_each_record_of_a_port_gives_its_event() -> None:
    found = [(e.kind, e.at, e.address, e.ports, e.protocol, e.holder) for e in events(make(), "cgn_a10/good.log")]
    assert found == [
        (Kind.BEGIN, at(30, 11), "203.0.113.7", Ports(20480, 20480), 6, "inner:100.64.3.9"),
        (Kind.END, at(30, 59), "203.0.113.7", Ports(20480, 20480), 6, "inner:100.64.3.9"),
        (Kind.BEGIN, at(31, 0), "203.0.113.7", Ports(20481, 20481), 17, "inner:100.64.3.9"),
        (Kind.BEGIN, at(31, 0), "203.0.113.7", Ports(20482, 20482), 6, "inner:2001:db8:64::9"),
        # A fixed block was configured before; its line shows who has it.
        (Kind.ALIVE, at(30, 11), "203.0.113.8", Ports(30000, 31000), None, "inner:100.64.3.9"),
    ]


def test_destinations_never_leave_the_parser() -> None:
    assert "198.51.100.80" not in repr(events(make(), "cgn_a10/good.log"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"cgn_a10/{defect}.log") == DEFECTS[defect]
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

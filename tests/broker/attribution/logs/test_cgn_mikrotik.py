"""MikroTik logs the first packet of a flow: a beginning and never an end."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.cgn_mikrotik import CgnMikrotik
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Kind, Ports
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events

FILES = FIXTURES / "cgn_mikrotik"
GOOD = (FILES / "good.log").read_bytes()
AT = datetime(2026, 3, 1, 6, 30, 11, tzinfo=UTC)

DEFECTS: dict[str, list[str]] = {
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "nul-bytes": ["RECORD_NUL"],
    "over-long": ["RECORD_TOO_LONG"] * 2,
    "cut-in-the-record": ["RECORD_SYNTAX"] * 4,
    "other-source": ["RECORD_CONTRADICTS"],
    "other-destination": ["RECORD_CONTRADICTS"],
    "later-packet": ["EVENT_UNKNOWN"],
    "mark-says-new": ["EVENT_UNKNOWN"],
    # As RouterOS writes the chain srcnat: before the packet is translated.
    "translation-missing": ["FIELD_MISSING"] * 3,
    "other-chain": ["EVENT_UNKNOWN"] * 4,
    "translated-twice": ["RECORD_SYNTAX"],
    "port-missing": ["RECORD_SYNTAX"],
    "port-too-high": ["PORTS_RANGE"],
    "year-missing": ["YEAR_MISSING"],
    "without-stamp": ["TIME_MISSING"],
    "own-file": [],
    "stranger-writes-a-record": ["RECORD_SYNTAX"] * 2,
}


def make() -> CgnMikrotik:
    return CgnMikrotik(ZoneInfo("Europe/Madrid"), "r9")


def test_each_translated_first_packet_gives_a_beginning() -> None:
    found = [(e.kind, e.at, e.device, e.ports, e.protocol) for e in events(make(), "cgn_mikrotik/good.log")]
    assert found == [
        (Kind.BEGIN, AT, "r1", Ports(20480, 20480), 6),
        (Kind.BEGIN, AT, "r1", Ports(20480, 20480), 17),
        (Kind.BEGIN, AT, "r1", Ports(20481, 20481), 6),
    ]
    assert {(e.address, e.holder) for e in events(make(), "cgn_mikrotik/good.log")} == {
        ("203.0.113.7", "inner:100.64.3.9")
    }


def test_destinations_never_leave_the_parser() -> None:
    assert "198.51.100.80" not in repr(events(make(), "cgn_mikrotik/good.log"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"cgn_mikrotik/{defect}.log") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried() -> None:
    assert {file.stem for file in FILES.iterdir()} == {"good", *DEFECTS}


def test_a_stamp_without_a_zone_is_not_guessed() -> None:
    assert codes(CgnMikrotik(), "cgn_mikrotik/duplicated.log") == ["ZONE_MISSING"] * 2


@settings(max_examples=100)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_is_taken_up_again_after_each_record() -> None:
    check_every_stop(make, (FILES / "over-long.log").read_bytes())
    check_every_stop(make, GOOD)

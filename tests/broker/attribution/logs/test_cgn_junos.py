"""Junos tells who got a block of ports, when he was still seen to hold it and when it was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.cgn_junos import CgnJunos
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Event, Kind, Ports
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

FILES = FIXTURES / "cgn_junos"
GOOD = (FILES / "good.log").read_bytes()
MADRID = ZoneInfo("Europe/Madrid")

DEFECTS: dict[str, list[str]] = {
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "cut-in-the-record": ["RECORD_SYNTAX"] * 4,
    "nul-bytes": ["RECORD_NUL"],
    "over-long": ["RECORD_TOO_LONG"] * 2,
    "unknown-event": ["EVENT_UNKNOWN"] * 2,
    "attribute-twice": ["ATTRIBUTE_SEVERAL"],
    "attribute-unknown": ["FIELD_UNKNOWN"],
    "attribute-missing": ["FIELD_MISSING"],
    "text-between-attributes": ["RECORD_SYNTAX"],
    "ports-reversed": ["PORTS_RANGE"] * 3,
    "clock-not-set": ["TIME_IMPLAUSIBLE"],
    "epoch-in-decimal": ["TIME_FORMAT"],
    "interim-before-allocation": ["TIME_ORDER"] * 2,
    "unstructured": ["FORM_UNSUPPORTED"],
    "holder-is-no-address": ["ADDRESS_SYNTAX"],
    "stranger-writes-a-record": ["RECORD_SYNTAX"] * 2,
    "no-frame": ["RECORD_SYNTAX"],
}


def make() -> CgnJunos:
    return CgnJunos(MADRID, "cgn9")


def at(hour: int, minute: int, second: int, micros: int = 0) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, micros, tzinfo=UTC)


def test_each_record_of_a_block_gives_its_event() -> None:
    found = [
        (e.kind, e.at, e.since, e.device, e.address, e.ports, e.holder) for e in events(make(), "cgn_junos/good.log")
    ]
    first, second = Ports(20480, 20991), Ports(1024, 1151)
    granted = at(6, 30, 11)
    assert found == [
        (Kind.BEGIN, granted, None, "srx1", "203.0.113.7", first, "inner:100.64.3.9"),
        # The epoch of an interim record is that of the allocation; the stamp before it is its own.
        (Kind.ALIVE, at(7, 0, 11), granted, "srx1", "203.0.113.7", first, "inner:100.64.3.9"),
        # The epoch of a release is that of the release.
        (Kind.END, at(7, 30, 12), None, "srx1", "203.0.113.7", first, "inner:100.64.3.9"),
        (Kind.BEGIN, granted, None, "srx1", "203.0.113.7", first, "inner:100.64.3.9@set1/3"),
        (Kind.BEGIN, granted, None, "cgn9", "203.0.113.8", second, "inner:100.64.3.9@set1"),
        (Kind.ALIVE, at(7, 0, 11), granted, "mx1", "203.0.113.8", second, "inner:100.64.3.9@set1"),
        # Here a release has the epoch of the allocation.
        (Kind.END, at(7, 30, 12), granted, "mx1", "203.0.113.8", second, "inner:100.64.3.9@set1"),
        (Kind.BEGIN, granted, None, "cgn9", "203.0.113.8", second, "inner:2001:db8:64::9@set1"),
    ]


def test_the_header_of_a_record_with_an_epoch_is_when_it_was_received() -> None:
    found = events(make(), "cgn_junos/good.log")
    assert [e.received_at for e in found[:3]] == [at(6, 30, 11, 250_000), None, at(7, 30, 13)]
    assert found[4].received_at == at(6, 30, 13, 500_000)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"cgn_junos/{defect}.log") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried() -> None:
    assert {file.stem for file in FILES.iterdir()} == {"good", *DEFECTS}


def test_without_a_zone_only_moments_in_the_epoch_are_known() -> None:
    said = [said if isinstance(said, str) else len(said) for _, said in play(CgnJunos(None, "cgn9"), GOOD)]
    assert said == [1, 0, 1, 1, 1, 1, "ZONE_MISSING", "ZONE_MISSING", 1, 0]


def test_an_allocation_shows_a_zone_that_is_configured_wrongly() -> None:
    # The zone of the fixture is Madrid's; in Lisbon the same stamp is an hour away from the epoch.
    assert codes(CgnJunos(ZoneInfo("Europe/Lisbon"), "cgn9"), "cgn_junos/good.log")[0] == "ZONE_CONFLICT"


def test_the_epoch_dates_an_allocation_in_the_hour_that_autumn_repeats_and_no_other_record() -> None:
    second = datetime(2026, 10, 25, 1, 30, 11, tzinfo=UTC)
    line = (
        f"mx1 2026-10-25 02:30:11: {{set1}}[jservices-nat]: JSERVICES_NAT_PORT_BLOCK_%s: 100.64.3.9 -> "
        f"203.0.113.8:1024-1151 0x{int(second.timestamp()):x}\n"
    )
    ((_, said),) = play(CgnJunos(MADRID, "mx1"), f"2026-10-25T01:30:12Z {line % 'ALLOC'}".encode())
    assert isinstance(said, list)
    assert [e.at for e in said] == [second]
    ((_, said),) = play(CgnJunos(MADRID, "mx1"), f"2026-10-25T01:30:12Z {line % 'ACTIVE'}".encode())
    assert said == "TIME_FOLD"
    ((_, said),) = play(
        CgnJunos(MADRID, "mx1"), f"2026-10-25T01:30:12Z {line % 'ALLOC'}".replace("02:3", "03:3").encode()
    )
    assert said == "ZONE_CONFLICT"


def test_a_line_that_names_no_device_is_refused_unless_one_is_configured() -> None:
    assert "DEVICE_MISSING" in codes(CgnJunos(MADRID), "cgn_junos/good.log")


def test_an_interim_record_with_its_own_moment_says_nothing_of_the_beginning() -> None:
    line = GOOD.splitlines(keepends=True)[2].replace(b"07:00:11.000Z", b"06:30:12.000Z")
    (said,) = [said for _, said in play(make(), line)]
    assert isinstance(said, list)
    event: Event = said[0]
    assert (event.kind, event.at, event.since, event.unit) == (
        Kind.ALIVE,
        at(6, 30, 12),
        None,
        timedelta(milliseconds=1),
    )


@settings(max_examples=100)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_is_taken_up_again_after_each_record() -> None:
    check_every_stop(make, (FILES / "over-long.log").read_bytes())
    check_every_stop(make, GOOD)

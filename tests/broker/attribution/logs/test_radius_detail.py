"""A detail file says who began, held and ended which address, by the clock of the device."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.radius_detail import RadiusDetail
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

GOOD = (FIXTURES / "radius_detail" / "good.detail").read_bytes()


def at(hour: int, minute: int = 30, second: int = 11) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def test_a_session_is_told_of_each_address_it_has() -> None:
    def event(pos: int, kind: Kind, moment: datetime, address: str, suffix: str, **more: object) -> Event:
        event = Event(pos, kind, moment, "192.0.2.9", address, holder="user:line-48113", session=f"0A31/{suffix}")
        return event._replace(**more)  # type: ignore[arg-type]  # the fields are named by each call

    assert events(RadiusDetail(), "radius_detail/good.detail") == [
        # The server received it three seconds after the device began to send it; there is no clock to compare with.
        event(0, Kind.BEGIN, at(6), "203.0.113.7", "4", received_at=at(6, 30, 14), reckoned=True),
        event(0, Kind.BEGIN, at(6), "2001:db8:7:1::/64", "6p", received_at=at(6, 30, 14), reckoned=True),
        event(0, Kind.BEGIN, at(6), "2001:db8:7700::/56", "6d", received_at=at(6, 30, 14), reckoned=True),
        event(407, Kind.ALIVE, at(7), "203.0.113.7", "4", since=at(6), received_at=at(7, 30, 12)),
        event(407, Kind.ALIVE, at(7), "2001:db8:7:1::5", "6a", since=at(6), received_at=at(7, 30, 12)),
        event(742, Kind.END, at(8), "203.0.113.7", "4", since=at(6), received_at=at(8), reckoned=True),
        Event(993, Kind.RESTART, at(9, 0, 0), "192.0.2.9", received_at=at(9, 0, 0), reckoned=True),
    ]


@pytest.mark.parametrize(
    ("attribute", "holder"),
    [
        ("User-Name", "user:line-48113"),
        ("Calling-Station-Id", "calling:02-00-5E-10-00-01"),
        ("ADSL-Agent-Circuit-Id", "circuit:657468300122"),
    ],
)
def test_the_attribute_that_names_the_holder_is_configured(attribute: str, holder: str) -> None:
    assert events(RadiusDetail(attribute), "radius_detail/good.detail")[0].holder == holder


def test_bytes_in_another_encoding_do_not_lose_the_record() -> None:
    found = events(RadiusDetail(), "radius_detail/latin-1.detail")
    assert [e.holder for e in found] == ["user-hex:6dfc6c6c6572"] * 3


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("cut-short", ["RECORD_INCOMPLETE"]),
        ("run-together", ["RECORD_SYNTAX"]),
        ("header-lost", ["RECORD_SYNTAX"]),
        ("nul-bytes", ["RECORD_NUL"]),
        ("two-addresses", ["ATTRIBUTE_SEVERAL"]),
        ("status-missing", ["STATUS_MISSING"]),
        ("stop-without-address", ["ADDRESS_MISSING"]),
        ("holder-missing", ["HOLDER_MISSING"]),
        ("device-missing", ["DEVICE_MISSING"]),
        # A session that begins before its address is known.
        ("address-zero", []),
        ("twelve-hours", ["TIME_FORMAT"]),
        ("local-time-only", ["ZONE_MISSING"]),
        ("repeated-hour", ["ZONE_MISSING"]),
        ("clock-not-set", ["TIME_IMPLAUSIBLE"]),
        ("duplicated", []),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_with_its_reason(defect: str, expected: list[str]) -> None:
    assert codes(RadiusDetail(), f"radius_detail/{defect}.detail") == expected


def test_a_local_time_is_read_in_the_zone_of_the_server_and_never_guessed() -> None:
    log = RadiusDetail(zone=ZoneInfo("Europe/Madrid"))
    assert [e.at for e in events(log, "radius_detail/local-time-only.detail")] == [at(5, 30, 14)]
    assert codes(log, "radius_detail/repeated-hour.detail") == ["TIME_FOLD"]


def test_a_record_said_twice_is_said_twice_at_its_own_offsets() -> None:
    found = events(RadiusDetail(), "radius_detail/duplicated.detail")
    assert [e.pos for e in found] == [0, 0, 0, 407, 407, 407]


@settings(max_examples=150)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(RadiusDetail, damaged(GOOD, data), data)


def test_a_record_that_is_too_long_gives_nothing_and_takes_no_memory() -> None:
    long = GOOD[:406] + b"\tX = y\n" * 30_000 + b"\n"
    outcomes = play(RadiusDetail(), long + GOOD[:407])
    # One of the cuts falls before a line end, which then looks like an empty line; what follows has no header.
    refused = ["RECORD_TOO_LONG"] * 4 + ["RECORD_SYNTAX"]
    assert [said if isinstance(said, str) else len(said) for _, said in outcomes] == [*refused, 3]
    assert max(len(record.data) for record, _ in outcomes) == 65_536


def test_line_ends_of_another_system_are_read_alike() -> None:
    found = [said for _, said in play(RadiusDetail(), GOOD.replace(b"\n", b"\r\n"))]
    assert [len(said) for said in found] == [3, 2, 1, 1, 0, 0]


def test_reading_goes_on_inside_a_record_that_is_too_long() -> None:
    check_every_stop(RadiusDetail, GOOD[:406] + b"\tX = y\n" * 30_000 + b"\n" + GOOD)


def test_a_file_of_many_reads_is_split_like_a_short_one() -> None:
    outcomes = play(RadiusDetail(), GOOD * 200)
    assert [len(said) for _, said in outcomes] == [3, 2, 1, 1, 0, 0] * 200


def test_a_day_of_the_week_that_is_not_the_one_of_its_date_is_a_contradiction() -> None:
    packet = (FIXTURES / "radius_detail" / "local-time-only.detail").read_bytes().replace(b"Sun Mar", b"Mon Mar")
    ((_, said),) = play(RadiusDetail(zone=ZoneInfo("Europe/Madrid")), packet)
    assert said == "RECORD_CONTRADICTS"

"""Kea's forensic log says who was given which address and until when, and a client cannot write into it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.events import Kind
from broker.attribution.logs.kea_forensic import KeaForensic
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

GOOD = (FIXTURES / "kea_forensic" / "good.txt").read_bytes()
CLIENT = "client:0102005e100001"
DUID = "duid:0003000102005e100001"


def make() -> KeaForensic:
    return KeaForensic("dhcp-1", "remote-id")


def at(hour: int, minute: int, second: int, day: int = 1) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


def test_each_line_gives_its_event() -> None:
    found = [(e.kind, e.at, e.address, e.holder, e.expires_at) for e in events(make(), "kea_forensic/good.txt")]
    assert found == [
        # Whether it begins or goes on does not show: what is renewed is called assigned as well.
        (Kind.ALIVE, at(6, 30, 11), "203.0.113.7", "remote:4c31", at(7, 30, 11)),
        # A client renews without its relay: the session says who it is.
        (Kind.ALIVE, at(7, 0, 11), "203.0.113.7", "", at(7, 30, 16, day=2)),
        # Here the server kept what the relay had said.
        (Kind.ALIVE, at(7, 5, 11), "203.0.113.7", "remote:4c31", at(8, 5, 11)),
        (Kind.END, at(7, 10, 0), "203.0.113.7", "remote:4c31", None),
        (Kind.ALIVE, at(6, 30, 12), "2001:db8:7::1", "remote:676530", at(7, 20, 12)),
        (Kind.ALIVE, at(6, 30, 13), "2001:db8:7700::/56", "", None),
        (Kind.ALIVE, at(6, 40, 0), "203.0.113.9", "", at(6, 40, 0, day=2)),
        (Kind.ALIVE, at(6, 41, 0), "2001:db8:7::2", "", at(7, 47, 40)),
        (Kind.END, at(6, 42, 0), "203.0.113.9", "", None),
    ]


def test_the_session_names_client_and_address_on_every_line_of_a_lease() -> None:
    found = events(make(), "kea_forensic/good.txt")
    assert [e.session for e in found[:6]] == [f"{CLIENT}@203.0.113.7"] * 4 + [
        f"{DUID}@2001:db8:7::1",
        f"{DUID}@2001:db8:7700::/56",
    ]


@pytest.mark.parametrize(
    ("wanted", "holder"),
    [("circuit-id", "circuit:65746830"), ("remote-id", "remote:4c31"), ("subscriber-id", ""), ("client", CLIENT)],
)
def test_what_names_the_line_is_configured(wanted: str, holder: str) -> None:
    assert events(KeaForensic("dhcp-1", wanted), "kea_forensic/duplicated.txt")[0].holder == holder


def test_a_client_that_calls_itself_like_the_rest_of_a_line_changes_nothing() -> None:
    (event,) = events(make(), "kea_forensic/client-id-looks-like-relay.txt")
    assert event.holder == "remote:4c31"


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("cut-short", ["RECORD_INCOMPLETE"]),
        ("nul-bytes", ["RECORD_NUL"]),
        ("over-long", ["RECORD_TOO_LONG"] * 2),
        ("client-writes-a-line", ["ENTRY_CUSTOM"]),
        ("twelve-hours", ["TIME_FORMAT"]),
        ("zone-abbreviation", ["ZONE_AMBIGUOUS"]),
        ("custom-format", ["ENTRY_CUSTOM"] * 2),
        ("deleted-by-client", ["ADDRESS_MISSING"]),
        ("wrong-encoding", ["RECORD_NUL", "RECORD_INCOMPLETE"]),
        ("duplicated", []),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_with_its_reason(defect: str, expected: list[str]) -> None:
    assert codes(make(), f"kea_forensic/{defect}.txt") == expected


@pytest.mark.parametrize(
    ("defect", "code"),
    [("repeated-hour", "TIME_FOLD"), ("skipped-hour", "TIME_NONEXISTENT"), ("zone-abbreviation", "")],
)
def test_a_local_time_is_never_guessed(defect: str, code: str) -> None:
    log = KeaForensic("dhcp-1", "remote-id", zone=ZoneInfo("Europe/Madrid"))
    assert codes(log, f"kea_forensic/{defect}.txt") == ([code] if code else [])


def test_microseconds_in_two_groups_are_read() -> None:
    line = GOOD.split(b"\n")[0].replace(b"06:30:11 UTC", b"06:30:11.123.456 +0000") + b"\n"
    (said,) = [said for _, said in play(make(), line)]
    assert not isinstance(said, str)
    assert said[0].at == datetime(2026, 3, 1, 6, 30, 11, 123456, tzinfo=UTC)


@settings(max_examples=150)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_goes_on_inside_a_line_that_is_too_long() -> None:
    check_every_stop(make, (FIXTURES / "kea_forensic" / "over-long.txt").read_bytes())
    check_every_stop(make, GOOD)

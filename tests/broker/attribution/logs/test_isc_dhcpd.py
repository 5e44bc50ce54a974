"""Each block of dhcpd.leases says what the lease is from then on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.events import Kind
from broker.attribution.logs.isc_dhcpd import IscDhcpd
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

GOOD = (FIXTURES / "isc_dhcpd" / "good-v4.leases").read_bytes()
CLIENT = "client:0102005e100001@203.0.113.7"


def make() -> IscDhcpd:
    return IscDhcpd("dhcp-1", "circuit-id")


def at(hour: int, minute: int = 30, second: int = 11) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def test_a_lease_is_given_renewed_and_released() -> None:
    found = events(make(), "isc_dhcpd/good-v4.leases")
    assert [(e.kind, e.at, e.holder, e.session, e.since, e.expires_at) for e in found] == [
        (Kind.BEGIN, at(6), "circuit:65746830", CLIENT, None, at(7)),
        # Seconds since 1970, no end, and the client id as a list of octets without leading zeros.
        (Kind.ALIVE, at(7, 0), "", CLIENT, at(6), None),
        (Kind.END, at(7, 10, 0), "circuit:65746830", CLIENT, None, None),
    ]


def test_an_association_tells_of_each_address_and_prefix() -> None:
    found = events(IscDhcpd("dhcp-1", "client"), "isc_dhcpd/good-v6.leases")
    duid = "duid:0003000102005e100001"
    assert [(e.kind, e.at, e.address, e.holder, e.expires_at) for e in found] == [
        (Kind.ALIVE, at(6, 30, 12), "2001:db8:7::1", duid, at(7, 30, 12)),
        (Kind.END, at(7, 30, 12), "2001:db8:7700::/56", duid, None),
    ]


@pytest.mark.parametrize(
    ("wanted", "holder"), [("circuit-id", "circuit:65746830"), ("remote-id", "remote:4c31"), ("client", CLIENT[:21])]
)
def test_what_names_the_line_is_configured(wanted: str, holder: str) -> None:
    assert events(IscDhcpd("dhcp-1", wanted), "isc_dhcpd/duplicated.leases")[0].holder == holder


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("cut-short", ["RECORD_INCOMPLETE"]),
        ("brace-lost", ["RECORD_SYNTAX"]),
        ("quote-lost", ["RECORD_SYNTAX"]),
        ("twelve-hours", ["TIME_FORMAT"]),
        ("two-ends", ["ATTRIBUTE_SEVERAL"]),
        ("unknown-state", ["RECORD_SYNTAX"]),
        ("nul-bytes", ["RECORD_NUL"]),
        ("duplicated", []),
    ],
)
def test_a_block_that_cannot_be_read_is_refused_with_its_reason(defect: str, expected: list[str]) -> None:
    assert codes(make(), f"isc_dhcpd/{defect}.leases") == expected


def test_a_block_that_is_too_long_gives_nothing_and_the_next_one_is_read() -> None:
    assert set(codes(make(), "isc_dhcpd/over-long.leases")) == {"RECORD_TOO_LONG", "RECORD_SYNTAX"}
    assert len(events(make(), "isc_dhcpd/over-long.leases")) == 1


def test_braces_that_nest_without_end_are_refused() -> None:
    assert [said for _, said in play(make(), b"lease 203.0.113.7 " + b"{a " * 9000 + b"}" * 9000 + b"\n")] == [
        "RECORD_SYNTAX"
    ]


@settings(max_examples=150)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)


def test_reading_goes_on_inside_a_block_that_is_too_long() -> None:
    check_every_stop(make, (FIXTURES / "isc_dhcpd" / "over-long.leases").read_bytes())
    check_every_stop(make, GOOD)


def test_a_day_of_the_week_that_is_not_the_one_of_its_date_is_a_contradiction() -> None:
    block = GOOD.replace(b"ends 0 2026/03/01 07:10:00", b"ends 6 2026/03/01 07:10:00")
    assert [said for _, said in play(IscDhcpd("dhcp1", "client"), block) if isinstance(said, str)] == [
        "RECORD_CONTRADICTS"
    ]

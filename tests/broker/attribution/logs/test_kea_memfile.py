"""Each row of Kea's lease file shows a holder from the last grant to the expiry, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.events import Kind
from broker.attribution.logs.kea_memfile import KeaMemfile
from tests.support.logs import FIXTURES, check_cuts, codes, damaged, events

GOOD = (FIXTURES / "kea_memfile" / "good-v4.csv").read_bytes()


def make() -> KeaMemfile:
    return KeaMemfile("dhcp-1", "circuit-id")


def at(hour: int, minute: int = 30, second: int = 11) -> datetime:
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def test_the_last_grant_is_the_expiry_less_the_lifetime() -> None:
    found = [(e.kind, e.at, e.address, e.holder, e.expires_at) for e in events(make(), "kea_memfile/good-v4.csv")]
    assert found == [
        (Kind.ALIVE, at(6), "203.0.113.7", "circuit:65746830", at(7)),
        # A lease without end.
        (Kind.ALIVE, at(6, 23, 31), "203.0.113.8", "", None),
        # Reclaimed; declined. The deletion between them says not when it was, so it says nothing.
        (Kind.END, at(7), "203.0.113.7", "circuit:65746830", None),
        (Kind.END, at(6), "203.0.113.9", "", None),
    ]


def test_an_address_and_a_prefix_of_one_client_are_two_holdings() -> None:
    found = events(KeaMemfile("dhcp-1", "client"), "kea_memfile/good-v6.csv")
    duid = "duid:0003000102005e100001"
    assert [(e.address, e.holder, e.session) for e in found] == [
        ("2001:db8:7::1", duid, f"{duid}@2001:db8:7::1"),
        ("2001:db8:7700::/56", duid, f"{duid}@2001:db8:7700::/56"),
    ]


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("header-missing", ["HEADER_UNKNOWN"]),
        ("column-lost", ["RECORD_SYNTAX"]),
        ("cut-short", ["RECORD_INCOMPLETE"]),
        ("nul-bytes", ["RECORD_NUL"]),
        ("negative-number", ["NUMBER_SYNTAX"]),
        ("unknown-state", ["RECORD_SYNTAX"]),
        ("duplicated", []),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_reason(defect: str, expected: list[str]) -> None:
    assert codes(make(), f"kea_memfile/{defect}.csv") == expected


@settings(max_examples=150)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(make, damaged(GOOD, data), data)

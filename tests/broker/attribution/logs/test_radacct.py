"""An export of radacct says what the table still knows, and nothing that it has overwritten."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.events import Kind, RecordError
from broker.attribution.logs.radacct import Radacct
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events

GOOD = (FIXTURES / "radacct" / "good.csv").read_bytes()
START = datetime(2026, 3, 1, 6, 30, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


def of_row(number: int) -> list[tuple[Kind, datetime, datetime | None]]:
    """Give kind, moment and beginning of what a row of the good export says of its IPv4 address."""
    found = events(Radacct(), "radacct/good.csv")
    return [(e.kind, e.at, e.since) for e in found if e.session == f"u{number}/4"]


def test_the_table_is_marked_as_derived() -> None:
    assert Radacct.DERIVED


def test_a_closed_session_begins_and_ends_for_each_of_its_addresses() -> None:
    assert of_row(1) == [(Kind.BEGIN, START, None), (Kind.END, START + 2 * HOUR, START)]
    found = events(Radacct(), "radacct/good.csv")
    assert {e.address for e in found if str(e.session).startswith("u1/")} == {"203.0.113.7", "2001:db8:7700::/56"}


def test_an_open_session_is_certain_to_its_last_update_only() -> None:
    assert of_row(2) == [(Kind.BEGIN, START, None), (Kind.ALIVE, START + HOUR, START)]


def test_a_session_closed_by_a_restart_has_no_end_of_its_own() -> None:
    assert of_row(3) == [(Kind.BEGIN, START, None), (Kind.ALIVE, START + HOUR, START)]
    (restart,) = [e for e in events(Radacct(), "radacct/good.csv") if e.kind is Kind.RESTART]
    assert (restart.device, restart.at, restart.address) == ("192.0.2.9", START + 2 * HOUR, None)


def test_a_session_that_lost_its_carrier_is_certain_to_its_last_update_only() -> None:
    assert of_row(5) == [(Kind.BEGIN, START, None), (Kind.ALIVE, START + HOUR, START)]


def test_a_lost_start_shows_in_the_seconds_of_the_session() -> None:
    began = datetime(2026, 3, 1, 6, 0, 11, 500000, tzinfo=UTC)
    last = START + 2 * HOUR + timedelta(milliseconds=500)
    assert of_row(4) == [(Kind.ALIVE, START, began), (Kind.END, last, began)]


def test_a_line_end_in_a_name_does_not_end_the_row() -> None:
    (holder,) = {e.holder for e in events(Radacct(), "radacct/good.csv") if e.session == "u6/4"}
    assert holder == "user-hex:" + b'line\n7,,"x"'.hex()


def test_a_session_without_address_says_nothing() -> None:
    assert of_row(7) == []


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("header-missing", ["HEADER_UNKNOWN"] * 2),
        ("cut-short", ["RECORD_INCOMPLETE"]),
        ("without-offset", ["ZONE_MISSING"]),
        ("ends-before-it-begins", ["TIME_ORDER"]),
        ("nul-bytes", ["RECORD_NUL"]),
        ("holder-missing", ["HOLDER_MISSING"]),
        ("latin-1", []),
        ("duplicated", []),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_reason(defect: str, expected: list[str]) -> None:
    assert codes(Radacct(), f"radacct/{defect}.csv") == expected


def test_nothing_is_read_after_a_quote_that_is_never_closed() -> None:
    assert set(codes(Radacct(), "radacct/quote-never-closed.csv")) == {"RECORD_TOO_LONG"}
    assert {e.session for e in events(Radacct(), "radacct/quote-never-closed.csv")} == {"u1/4", "u1/6d"}


def test_stamps_without_offset_are_read_in_the_zone_given() -> None:
    found = events(Radacct(zone=ZoneInfo("Europe/Madrid")), "radacct/without-offset.csv")
    assert {e.at for e in found} == {START - HOUR}


def test_a_session_with_a_stamp_that_happened_twice_leaves_all_its_time_unread() -> None:
    data = (FIXTURES / "radacct" / "without-offset.csv").read_bytes()
    data = data.replace(b"2026-03-01 06:30:11,,,", b"2026-10-24 20:00:00,,2026-10-25 02:30:00,")
    log = Radacct(zone=ZoneInfo("Europe/Madrid"))
    header, row = log.records(io.BytesIO(data), 0)
    assert log.read(header) == ()
    with pytest.raises(RecordError, match="TIME_FOLD") as refused:
        log.read(row)
    assert refused.value.unread == (datetime(2026, 10, 24, 18, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC))


@settings(max_examples=150)
@given(st.data())
def test_reads_and_interruptions_change_nothing(data: st.DataObject) -> None:
    check_cuts(Radacct, damaged(GOOD, data), data)


def test_nothing_is_read_after_an_open_quote_by_the_one_who_goes_on_either() -> None:
    data = (FIXTURES / "radacct" / "quote-never-closed.csv").read_bytes()
    check_every_stop(Radacct, data[:70_000] + b"\n" + data.splitlines(keepends=True)[1])
    check_every_stop(Radacct, GOOD)

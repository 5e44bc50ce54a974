"""What stands before a message says when and who, or says that it does not; nothing is guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.attribution.logs.events import RecordError
from broker.attribution.logs.syslog import Header, header, is_framed

MADRID = ZoneInfo("Europe/Madrid")
NOTHING = re.compile("")
AT = datetime(2026, 3, 1, 6, 30, 11, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 1, 6, 30, 12, tzinfo=UTC)


def read(head: str, zone: ZoneInfo | None = MADRID) -> Header:
    return header(head, NOTHING, zone)


@pytest.mark.parametrize(
    ("head", "at", "received_at", "device"),
    [
        ("<134>1 2026-03-01T06:30:11Z cgn1 ", AT, None, "cgn1"),
        ("1 2026-03-01T07:30:11+01:00 cgn1 ", AT, None, "cgn1"),
        ("<134>1 2026-03-01T06:30:11Z - ", AT, None, ""),
        ("2026-03-01T06:30:11Z cgn1 ", AT, None, "cgn1"),
        ("2026-03-01T06:30:11Z <134>", AT, None, ""),
        ("2026-03-01T06:30:12Z <134>1 2026-03-01T06:30:11Z cgn1 ", AT, RECEIVED, "cgn1"),
        ("2026-03-01T06:30:12Z relay1 <134>Mar  1 07:30:11 cgn1 ", AT, RECEIVED, "cgn1"),
        ("2026-03-01T06:30:12Z Mar 01 07:30:11 192.0.2.1 ", AT, RECEIVED, "192.0.2.1"),
        ("<134>2026 Mar 01 07:30:11 2001:db8::9 ", AT, None, "2001:db8::9"),
        ("<134>Mar 01 2026 07:30:11 cgn1 ", AT, None, "cgn1"),
        ("2026-03-01 07:30:11 cgn1 ", AT, None, "cgn1"),
    ],
)
def test_reads_what_relays_write(head: str, at: datetime, received_at: datetime | None, device: str) -> None:
    found = read(head)
    assert (found.moment(), found.received_at, found.device, found.unit) == (at, received_at, device, timedelta(0, 1))


@pytest.mark.parametrize(
    ("head", "zone", "code"),
    [
        ("", MADRID, "TIME_MISSING"),
        ("<134>", MADRID, "TIME_MISSING"),
        ("<134>1 - cgn1 ", MADRID, "TIME_MISSING"),
        ("<134>Mar  1 07:30:11 cgn1 ", MADRID, "YEAR_MISSING"),
        ("2026-09-01T06:30:12Z <134>Mar  1 07:30:11 cgn1 ", MADRID, "YEAR_MISSING"),
        ("2026-04-15T06:30:12Z <134>Mar  1 07:30:11 cgn1 ", MADRID, "YEAR_MISSING"),
        ("2026-03-01T06:30:12Z <134>Mar  1 07:30:11 cgn1 ", None, "ZONE_MISSING"),
        ("2026-03-01 07:30:11 cgn1 ", None, "ZONE_MISSING"),
        ("<134>2026 Mar 01 07:30:11 cgn1 ", None, "ZONE_MISSING"),
        ("<134>2026 Oct 25 02:30:11 cgn1 ", MADRID, "TIME_FOLD"),
        ("<134>2026 Mar 29 02:30:11 cgn1 ", MADRID, "TIME_NONEXISTENT"),
        ("<134>2026 Feb 30 02:30:11 cgn1 ", MADRID, "TIME_FORMAT"),
        ("<134>1 2026-03-01T25:30:11Z cgn1 ", MADRID, "TIME_FORMAT"),
    ],
)
def test_a_moment_that_is_not_told_is_refused_only_when_it_is_needed(
    head: str, zone: ZoneInfo | None, code: str
) -> None:
    found = read(head, zone)
    with pytest.raises(RecordError) as caught:
        found.moment()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("received", "stamp", "expected"),
    [
        ("2027-01-01T00:00:05Z", "Dec 31 23:59:59", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        # A clock that is ahead of the collector's.
        ("2026-12-31T23:59:59Z", "Jan  1 00:00:05", datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC)),
        ("2028-03-01T00:00:05Z", "Feb 29 23:59:59", datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_year_is_that_of_the_collector_also_at_its_turn(received: str, stamp: str, expected: datetime) -> None:
    assert read(f"{received} <134>{stamp} cgn1 ", ZoneInfo("UTC")).moment() == expected


def test_there_is_no_last_of_february_in_a_common_year() -> None:
    assert read("2026-03-01T00:00:05Z <134>Feb 29 23:59:59 cgn1 ").missing == "YEAR_MISSING"


@pytest.mark.parametrize("head", ["<134>1 2026-03-01T06:30:11Z cgn1 sshd: ", "Invalid user ", "<134> ", "<1340>"])
def test_nothing_else_may_stand_before_a_message(head: str) -> None:
    with pytest.raises(RecordError) as caught:
        read(head)
    assert caught.value.code == "RECORD_SYNTAX"


def test_a_line_of_a_syslog_file_begins_with_a_priority_or_a_stamp() -> None:
    assert is_framed("<38>whatever")
    assert is_framed("Mar  1 08:31:00 mx1 sshd[4711]: closed")
    assert is_framed("2026-03-01T06:30:11Z mx1 sshd[4711]: closed")
    assert not is_framed("what is this line")

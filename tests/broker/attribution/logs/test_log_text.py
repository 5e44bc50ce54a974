"""Lines, stamps, addresses and identities of logs are read in one way or not at all."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import broker.attribution.logs as package
from broker.attribution.logs import text
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import RecordError

MADRID = ZoneInfo("Europe/Madrid")


def refused(function: object, *args: object) -> str:
    assert callable(function)
    with pytest.raises(RecordError) as caught:
        function(*args)
    return caught.value.code


def test_every_code_in_use_is_published_and_every_published_code_is_in_use() -> None:
    used: set[str] = set()
    for file in Path(package.__path__[0]).glob("*.py"):
        if file.name != "codes.py":
            used |= set(re.findall(r'"([A-Z]+_[A-Z_]+)"', file.read_text()))
    vendors_words = {"RT_SRC_NAT_PBA", "JSERVICES_NAT_PORT_BLOCK"}
    assert used - vendors_words == set(CODES)


@pytest.mark.parametrize(
    ("stamp", "zone", "hour", "unit"),
    [
        ("2026-03-01 06:30:11 UTC", None, 6, 1000),
        ("2026-03-01T06:30:11Z", None, 6, 1000),
        ("2026/03/01 06:30:11 GMT", MADRID, 6, 1000),
        ("2026-03-01 06:30:11+05", None, 1, 1000),
        ("2026-03-01 06:30:11 -0330", None, 10, 1000),
        ("2026-03-01 06:30:11.25", MADRID, 5, 10),
        ("2026-03-01 06:30:11.123456789 CET", MADRID, 5, 1),
        ("2026-03-01 06:29:60", MADRID, 5, 1000),
    ],
)
def test_a_stamp_is_given_in_utc_with_its_unit(stamp: str, zone: ZoneInfo | None, hour: int, unit: int) -> None:
    at, found = text.stamp(stamp, zone)
    assert (at.tzinfo, at.hour, found) == (UTC, hour, timedelta(milliseconds=unit))


@pytest.mark.parametrize(
    ("stamp", "zone", "code"),
    [
        ("2026-03-01 06:30:11", None, "ZONE_MISSING"),
        ("2026-03-01 06:30:11 -00:00", None, "ZONE_MISSING"),
        ("2026-03-01 06:30:11 CET", None, "ZONE_AMBIGUOUS"),
        ("2026-07-01 06:30:11 CET", MADRID, "ZONE_CONFLICT"),
        ("2026-10-25 02:30:11 CEST", MADRID, "TIME_FOLD"),
        ("2026-03-29 02:30:11", MADRID, "TIME_NONEXISTENT"),
        ("2026-03-01 06:30:11 PM", MADRID, "TIME_FORMAT"),
        ("2026-03-01 24:30:11 UTC", None, "TIME_FORMAT"),
        ("2026-02-30 06:30:11 UTC", None, "TIME_FORMAT"),
        ("01/03/2026 06:30:11 UTC", None, "TIME_FORMAT"),
        ("2026-03-01 06:30:11+15", None, "TIME_FORMAT"),
        ("1970-01-01 00:00:11 UTC", None, "TIME_IMPLAUSIBLE"),
    ],
)
def test_a_stamp_that_reads_in_two_ways_or_none_is_refused(stamp: str, zone: ZoneInfo | None, code: str) -> None:
    assert refused(text.stamp, stamp, zone) == code


def test_every_local_time_of_a_year_is_exact_or_refused() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    refusals = {"TIME_FOLD": 0}
    while at.year == 2026:
        try:
            assert text.stamp(at.astimezone(MADRID).strftime("%Y-%m-%d %H:%M:%S"), MADRID)[0] == at
        except RecordError as error:
            refusals[error.code] += 1
        at += timedelta(minutes=30)
    # The repeated hour, both times it happened, and nothing else.
    assert refusals == {"TIME_FOLD": 4}


@pytest.mark.parametrize(
    ("written", "normal"),
    [("203.0.113.7", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"), ("2001:DB8:0::7", "2001:db8::7")]
    + [(inner, inner) for inner in ("10.0.0.1", "100.64.3.9", "192.168.1.1", "fd00::1")],
)
def test_an_address_has_one_form_and_inner_ones_are_allowed(written: str, normal: str) -> None:
    assert text.address(written) == normal


@pytest.mark.parametrize(
    ("written", "code"),
    [("203.0.113.07", "ADDRESS_SYNTAX"), ("203.0.113.7/32", "ADDRESS_SYNTAX"), ("2001:db8::1%eth0", "ADDRESS_SYNTAX")]
    + [
        (none, "ADDRESS_UNUSABLE") for none in ("255.255.255.254", "127.0.0.1", "fe80::1", "ff02::1", "::", "224.0.0.1")
    ],
)
def test_what_nobody_can_hold_is_no_address(written: str, code: str) -> None:
    assert refused(text.address, written) == code


def test_a_prefix_has_no_bits_outside_its_length_and_a_full_one_is_an_address() -> None:
    assert text.prefix("2001:DB8:7700::/56") == "2001:db8:7700::/56"
    assert text.prefix("2001:db8::1/128") == "2001:db8::1"
    assert refused(text.prefix, "2001:db8::1/56") == "ADDRESS_SYNTAX"
    assert refused(text.prefix, "2001:db8::/056") == "ADDRESS_SYNTAX"
    assert refused(text.prefix, "::/0") == "ADDRESS_UNUSABLE"


def test_what_is_all_zeros_was_not_filled_in_unless_others_addresses_are_in_it() -> None:
    for unfilled in ("0.0.0.0", "0.0.0.0/0", "::", "::/0", "::/64", "::/128"):  # noqa: S104 - no socket is bound
        assert text.is_unfilled(unfilled)
    for other in ("0.0.0.0/1", "::/3", "0.0.0.1", "::1", "255.255.255.254", "2001:db8::/56", "0.0.0", ""):
        assert not text.is_unfilled(other)


def test_two_names_are_equal_exactly_if_their_bytes_are() -> None:
    names = [b"a", b"A", b"a ", "ü".encode(), b"\xfc", rb"\xfc", b"hex:fc", b"a\n", b"a\x00"]
    assert len({text.name("user", name) for name in names}) == len(names)
    assert text.name("user", b"\xfc") == "user-hex:fc"
    assert refused(text.name, "user", b"") == refused(text.name, "user", b"x" * 256) == "IDENTITY_SYNTAX"


def test_opaque_bytes_have_one_form_and_are_never_made_text() -> None:
    assert text.octets("circuit", "65:74:68:30") == text.octets("circuit", "65-74-68-30") == "circuit:65746830"
    assert text.octets("hw", "02005E100001") == "hw:02005e100001"
    for wrong in ("", "6", "65:7", "eth0", "65::74"):
        assert refused(text.octets, "circuit", wrong) == "IDENTITY_SYNTAX"


def test_a_string_in_quotes_gives_its_bytes() -> None:
    assert text.unquote(r'"eth0\001\"\\\n\377"') == b'eth0\x01"\\\n\xff'
    for wrong in ('"open', '"a"b"', r'"\9"', r'"\777"', "bare"):
        assert refused(text.unquote, wrong) == "RECORD_SYNTAX"


def test_no_piece_of_a_line_that_is_too_long_is_read_and_no_memory_is_spent_on_it() -> None:
    data = b"x" * 25 + b"looks good\n" + b"good\n"
    whole = text.Whole()
    said: list[str] = []
    for record in text.lines(io.BytesIO(data), 0, limit=10):
        assert len(record.data) <= 10
        try:
            whole.check(record)
            said.append("read")
        except RecordError as error:
            said.append(error.code)
    assert said == ["RECORD_TOO_LONG"] * 4 + ["read"]

"""Addresses, instants and ports are read strictly: what can be read in two ways is refused."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.intake.observation import ObservationError, parse_address, parse_instant, parse_port

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def refusal(text: str) -> ObservationError:
    with pytest.raises(ObservationError) as caught:
        parse_instant(text, NOW)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected", "unit"),
    [
        ("2026-09-14T21:17:03+02:00", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2026-09-14T19:17:03Z", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2026-09-14 19:17:03 UTC", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2026-09-14T21:17+02:00", datetime(2026, 9, 14, 19, 17, tzinfo=UTC), 60),
        ("2026-09-14T19:17:03.25Z", datetime(2026, 9, 14, 19, 17, 3, 250_000, tzinfo=UTC), Decimal("0.01")),
        (
            "2026-09-14T19:17:03.123456Z",
            datetime(2026, 9, 14, 19, 17, 3, 123_456, tzinfo=UTC),
            Decimal("0.001"),
        ),
        ("2026-09-13T23:30:00-09:30", datetime(2026, 9, 14, 9, 0, tzinfo=UTC), 1),
        ("2026-09-14T21:17:03[Europe/Madrid]", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2026-09-14 21:17:03 Europe/Madrid", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2026-09-14T21:17:03+02:00[Europe/Madrid]", datetime(2026, 9, 14, 19, 17, 3, tzinfo=UTC), 1),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC), 1),
    ],
)
def test_reads_an_instant_with_its_offset(text: str, expected: datetime, unit: Decimal) -> None:
    instant = parse_instant(text, NOW)
    assert (instant.value, instant.unit) == (expected, unit)
    assert instant.value.tzinfo is UTC


def test_reads_a_leap_second_as_the_second_after_it() -> None:
    assert parse_instant("2016-12-31T23:59:60Z", NOW).value == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-09-14T21:17:03", "2026-09-14 21:17", "2026-09-14T21:17:03-00:00"])
def test_refuses_an_instant_without_an_offset(text: str) -> None:
    assert refusal(text).code == "ZONE_MISSING"


def test_refuses_an_instant_in_the_future() -> None:
    assert refusal("2026-11-21T12:00:01Z").code == "TIME_FUTURE"
    assert parse_instant("2026-11-21T12:00:00Z", NOW).value == NOW


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-29T02:30:00[Europe/Madrid]",
        "2026-03-29T02:00:00 Europe/Madrid",
        "2026-03-29T02:59:59+01:00[Europe/Madrid]",
        "2026-03-29T02:30:00+02:00[Europe/Madrid]",
    ],
)
def test_refuses_a_local_time_that_the_spring_change_skipped(text: str) -> None:
    assert refusal(text).code == "TIME_NONEXISTENT"


def test_refuses_a_local_time_that_happened_twice_and_names_both_offsets() -> None:
    error = refusal("2026-10-25T02:30:00[Europe/Madrid]")
    assert error.code == "DST_FOLD"
    assert "+02:00 and +01:00" in error.message


@pytest.mark.parametrize(("offset", "hour"), [("+02:00", 0), ("+01:00", 1)])
def test_an_offset_says_which_of_the_two_autumn_hours_is_meant(offset: str, hour: int) -> None:
    instant = parse_instant(f"2026-10-25T02:30:00{offset}[Europe/Madrid]", NOW)
    assert instant.value == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_the_hours_beside_a_clock_change_are_read() -> None:
    for local, hour in (("2026-03-29T01:59:59", 0), ("2026-03-29T03:00:00", 1)):
        assert parse_instant(f"{local}[Europe/Madrid]", NOW).value.hour == hour
    for local, hour in (("2026-10-25T01:59:59", 23), ("2026-10-25T03:00:00", 2)):
        assert parse_instant(f"{local}[Europe/Madrid]", NOW).value.hour == hour


def test_refuses_an_offset_that_contradicts_the_zone() -> None:
    assert refusal("2026-09-14T21:17:03+01:00[Europe/Madrid]").code == "ZONE_CONFLICT"


@pytest.mark.parametrize("zone", ["IST", "CST", "BST", "CET", "GMT", "XYZ"])
def test_refuses_abbreviations_of_zones(zone: str) -> None:
    assert refusal(f"2026-09-14 21:17:03 {zone}").code == "ZONE_AMBIGUOUS"


@pytest.mark.parametrize("zone", ["Etc/GMT+2", "Etc/GMT-2", "etc/gmt+10", "UTC+2", "GMT-05:00", "GMT+0200", "CET-1"])
@pytest.mark.parametrize("shape", ["2026-09-14T21:17:03 {}", "2026-09-14T21:17:03[{}]"])
def test_refuses_a_name_with_a_number_whose_sign_reads_in_two_ways(zone: str, shape: str) -> None:
    error = refusal(shape.format(zone))
    assert error.code == "ZONE_AMBIGUOUS"
    assert "offset" in error.message


@pytest.mark.parametrize("zone", ["Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0", "Etc/UTC"])
def test_reads_the_names_of_utc_itself(zone: str) -> None:
    assert parse_instant(f"2026-09-14T21:17:03[{zone}]", NOW).value == datetime(2026, 9, 14, 21, 17, 3, tzinfo=UTC)


def test_an_offset_beside_a_zone_says_which_sign_is_meant() -> None:
    assert parse_instant("2026-09-14T21:17:03-02:00[Etc/GMT+2]", NOW).value.hour == 23
    assert refusal("2026-09-14T21:17:03+02:00[Etc/GMT+2]").code == "ZONE_CONFLICT"


def test_lists_the_meanings_of_a_well_known_abbreviation() -> None:
    assert "Israel" in refusal("2026-09-14 21:17:03 IST").message


@pytest.mark.parametrize(
    "zone", ["Europe/Atlantis", "Europe/..", "America/Argentina", "Etc/" + "x" * 40, "Europe/madrid-"]
)
def test_refuses_zones_that_do_not_exist(zone: str) -> None:
    assert refusal(f"2026-09-14T21:17:03[{zone}]").code in ("ZONE_UNKNOWN", "TIME_FORMAT")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "26-09-14T21:17:03Z",
        "14/09/2026 21:17:03 +02:00",
        "09/14/2026 21:17",
        "2026-09-14T09:17:03 PM",
        "2026-09-14T09:17:03 am",
        "2026-09-14T9:17:03Z",
        "2026-09-14",
        "2026-09-14T24:00:00Z",
        "2026-09-14T21:60:00Z",
        "2026-09-14T21:17:61Z",
        "2026-02-29T00:00:00Z",
        "2026-09-14T21:17:03+0200",
        "2026-09-14T21:17:03+02",
        "2026-09-14T21:17:03+15:00",
        "2026-09-14T21:17:03+02:60",
        "2026-09-14T21:17:03,5Z",
        "2026-09-14T21:17:03.1234567Z",
        "2026-09-14T21:17:03Zulu",
        "2026-09-14T21:17:03Z ",
        " 2026-09-14T21:17:03Z",
        "2026-09-14t21:17:03z",
        "2026-W38-1T21:17:03Z",
        "1772346611",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-05:00",
        "٢٠٢٦-09-14T21:17:03Z",
        "2026-09-14T21:17:03" + "0" * 100 + "Z",
    ],
)
def test_refuses_what_is_no_date_and_time_in_one_reading(text: str) -> None:
    assert refusal(text).code == "TIME_FORMAT"


def test_messages_say_what_to_do_and_never_repeat_the_value() -> None:
    for text in ("2026-09-14T21:17:03", "14/09/2026 21:17", "2026-10-25T02:30:00[Europe/Madrid]"):
        error = refusal(text)
        assert text not in str(error)
        assert any(word in error.message for word in ("Write", "Add"))
    with pytest.raises(ObservationError) as caught:
        parse_address("10.11.12.13")
    assert "10.11.12.13" not in str(caught.value)


def test_refuses_a_naive_now_as_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        parse_instant("2026-09-14T21:17:03Z", datetime(2026, 11, 21))  # noqa: DTZ001 - the defect under test


@settings(max_examples=300)
@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 20)),  # noqa: DTZ001 - local times
    st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_a_named_zone_gives_the_only_instant_with_that_local_time_or_none(local: datetime, name: str) -> None:
    local = local.replace(microsecond=0)
    zone = ZoneInfo(name)
    candidates = {
        utc
        for minutes in range(-14 * 60, 14 * 60 + 1, 30)
        if (utc := (local - timedelta(minutes=minutes)).replace(tzinfo=UTC)).astimezone(zone).replace(tzinfo=None)
        == local
    }
    text = f"{local.isoformat()}[{name}]"
    if len(candidates) == 1:
        assert {parse_instant(text, NOW).value} == candidates
    else:
        assert refusal(text).code == ("DST_FOLD" if candidates else "TIME_NONEXISTENT")


@given(st.text(max_size=90))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_address, parse_port, lambda t: parse_instant(t, NOW)):
        with contextlib.suppress(ObservationError):
            assert read(text) is not None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("::FFFF:0808:0808", "8.8.8.8"),
        ("2A00:1450:4003:080a:0:0:0:200e", "2a00:1450:4003:80a::200e"),
    ],
)
def test_reads_an_address_into_its_normal_form(text: str, normal: str) -> None:
    assert str(parse_address(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8.8.8",
        "8.8.8.08",
        "8.8.8.256",
        "08.8.8.8",
        "8.8.8.8 ",
        " 8.8.8.8",
        "8.8.8.8:443",
        "134744072",
        "0x08080808",
        "8.8.8.0/24",
        "8.8.8.8/32",
        "2a00:1450::/32",
        "2a00:1450::1%eth0",
        "fe80::1%25eth0",
        "[2a00:1450::1]",
        "2a00:1450:::1",
        "٨.8.8.8",
        "example.org",
    ],
)
def test_refuses_what_is_no_single_address(text: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_address(text)
    assert caught.value.code == "ADDRESS_SYNTAX"


@pytest.mark.parametrize(
    "text",
    ["64:ff9b::808:808", "64:ff9b:1::808:808", "2002:808:808::1", "2001:0:808:808::1", "::ffff:0:8.8.8.8"],
)
def test_refuses_addresses_made_by_translators(text: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_address(text)
    assert caught.value.code == "ADDRESS_TRANSLATED"


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.254",
        "127.0.0.1",
        "169.254.7.7",
        "0.0.0.0",  # noqa: S104 - nothing is bound, it is an address to refuse
        "224.0.0.251",
        "255.255.255.255",
        "198.18.0.1",
        "::ffff:10.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::fb",
        "::8.8.8.8",
        "100::1",
        "2001:20::1",
    ],
)
def test_refuses_addresses_that_no_server_on_the_internet_sees(text: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_address(text, allow_documentation=True)
    assert caught.value.code == "ADDRESS_NOT_PUBLIC"


@pytest.mark.parametrize("text", ["172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "11.0.0.1", "2600::"])
def test_accepts_addresses_beside_the_reserved_ranges(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["192.0.2.1", "198.51.100.23", "203.0.113.7", "2001:db8:41:7::5c", "3fff::1"])
def test_accepts_documentation_addresses_only_when_asked_to(text: str) -> None:
    assert str(parse_address(text, allow_documentation=True)) == text
    with pytest.raises(ObservationError) as caught:
        parse_address(text)
    assert caught.value.code == "ADDRESS_NOT_PUBLIC"


@pytest.mark.parametrize("port", [1, 123, 1024, 8080, 65535])
def test_reads_a_source_port(port: int) -> None:
    assert parse_port(str(port)) == port


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "+1", "01", "1.0", "1e3", " 1024", "١٢٣", "99999999999"])
def test_refuses_what_is_no_port(text: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_port(text)
    assert caught.value.code == "PORT_SYNTAX"


@pytest.mark.parametrize("text", ["80", "443"])
def test_refuses_the_port_of_the_server(text: str) -> None:
    with pytest.raises(ObservationError) as caught:
        parse_port(text)
    assert caught.value.code == "PORT_LOOKS_LIKE_DESTINATION"


def test_a_refusal_becomes_an_entry_of_the_list_of_defects() -> None:
    entry = refusal("2026-09-14T21:17:03").problem("observed_at", 7).as_dict()
    assert (entry["line"], entry["field"], entry["code"]) == (7, "observed_at", "ZONE_MISSING")

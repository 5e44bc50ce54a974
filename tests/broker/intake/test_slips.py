"""A slip of the hand in a typed line is found in the evidence; what stands in the evidence is never questioned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Network, IPv6Address, ip_network
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.errors import InputError
from broker.intake import slips
from broker.intake.evidence_file import Sighting, read_evidence
from broker.intake.slips import FINDINGS, Finding, Typed, compare, outside
from tests.support.evidence import NOW, codes, read, typed

FIXTURES = Path(settings.BASE_DIR) / "fixtures" / "evidence"
offsets = st.sampled_from([-300, 0, 60, 120, 330]).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.builds(
    lambda seconds, zone: (datetime(2021, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone),
    st.integers(0, 5 * 365 * 86_400 - 200_000),
    offsets,
)
addresses = st.builds("{}.{}".format, st.sampled_from(["198.51.100", "203.0.113"]), st.integers(1, 254))
ports = st.integers(1024, 65535)


def typed_at(at: datetime, address: str, port: int | None = None) -> Typed:
    return typed(at.isoformat(), address, port)


def log(*rows: tuple[datetime, str, int | None]) -> list[Sighting]:
    return read("\n".join(f"{at.isoformat()} {address}" + (f":{port}" if port else "") for at, address, port in rows))


def fixture(name: str, zone: str = "") -> list[Sighting]:
    return read_evidence((FIXTURES / name).read_bytes(), zone, NOW, max_bytes=2**20, allow_documentation=True)


@pytest.mark.parametrize(
    ("file", "line", "code"),
    [
        # A day of the month mistyped, as the United Kingdom's commissioner reports.
        ("day-of-month-typo.log", typed("2026-09-14T21:05:09+02:00"), "DAY_OFF"),
        # Eircom: the hour of the autumn change taken in the offset of the summer.
        ("autumn-hour.csv", typed("2026-10-25T02:30:00+02:00"), "HOUR_OFF_BY_ZONE"),
        ("autumn-hour-without-offset.csv", typed("2026-10-25T02:30:00+02:00"), "DST_FOLD_IN_EVIDENCE"),
        # IPCO 2017: a log that changed from a clock of 24 hours to one of 12.
        ("clock-of-twelve-hours.log", typed("2026-09-14T21:05:09+02:00"), "TWELVE_HOURS_OFF"),
        ("half-of-the-day-in-letters.log", typed("2026-09-14T21:05:09+02:00"), "TIME_FORMAT_IN_EVIDENCE"),
        # Long v. Insight: .170 answered as .70.
        ("address-ends-in-170.log", typed("2026-09-14T21:05:09+02:00", "198.51.100.70"), "DIGIT_MISSING"),
        ("no-zone.log", typed("2026-09-14T21:05:09+02:00"), "ZONE_MISSING_IN_EVIDENCE"),
        ("day-and-month-as-numbers.csv", typed("2026-09-14T21:05:09+02:00"), "TIME_FORMAT_IN_EVIDENCE"),
    ],
)
def test_finds_the_documented_slips_and_points_to_their_line(file: str, line: Typed, code: str) -> None:
    evidence = fixture(file)
    (finding,) = compare([line], evidence)
    assert finding.code == code
    assert finding.evidence_line in {sighting.line for sighting in evidence}
    assert f"ine {finding.evidence_line} " in finding.says


def test_asks_nothing_of_lines_that_stand_in_the_documented_files() -> None:
    assert compare([typed("2026-10-25T02:30:00+01:00")], fixture("autumn-hour.csv")) == []
    right = typed("2026-09-14T21:05:09+02:00", "198.51.100.170")
    assert compare([right], fixture("address-ends-in-170.log")) == []
    assert compare([typed("2026-09-14T19:05:09Z")], fixture("no-zone.log", "Europe/Madrid")) == []


@given(moments, addresses, st.none() | ports, offsets, st.sampled_from(["{a}:{p} {t}", "{t},{a},{p}", "{a} {t} x {p}"]))
def test_never_questions_a_line_that_stands_in_the_evidence(
    at: datetime, address: str, port: int | None, other: timezone, shape: str
) -> None:
    shown = shape.format(a=address, p=port or 50_000, t=at.astimezone(other).isoformat())
    noise = f"{(at + timedelta(days=1)).isoformat()} {address}:1234\n"
    found = codes(typed_at(at, address, port), read(noise + shown))
    # A port that the evidence has and nobody typed is worth a question; nothing else is.
    assert found == ["PORT_LEFT_OUT"] if port is None and ":{p}" in shape else found == []


@given(moments, addresses)
def test_finds_day_and_month_exchanged(at: datetime, address: str) -> None:
    assume(at.day <= 12 and at.day != at.month)
    slipped = at.replace(day=at.month, month=at.day)
    assert codes(typed_at(slipped, address), log((at, address, None))) == ["DAY_MONTH_SWAPPED"]


@given(moments, addresses, st.sampled_from([-1, 1]))
def test_finds_a_year_off_by_one(at: datetime, address: str, years: int) -> None:
    assume((at.month, at.day) != (2, 29) and at.year + years < 2026)
    slipped = at.replace(year=at.year + years)
    assert codes(typed_at(slipped, address), log((at, address, None))) == ["YEAR_OFF_BY_ONE"]


@given(moments, addresses, st.integers(1, 28))
def test_finds_another_day_of_the_month(at: datetime, address: str, day: int) -> None:
    slipped = at.replace(day=day)
    assume(day != at.day and not (slipped.day == at.month and slipped.month == at.day))
    assert codes(typed_at(slipped, address), log((at, address, None))) == ["DAY_OFF"]


@given(moments, addresses, st.integers(1, 56).filter(lambda n: n != 48), st.sampled_from([-1, 1]), offsets)
def test_finds_hours_apart_as_a_zone_puts_them(
    at: datetime, address: str, quarters: int, sign: int, written: timezone
) -> None:
    slipped = at + sign * quarters * timedelta(minutes=15)
    found = codes(typed_at(slipped, address), log((at.astimezone(written), address, None)))
    # Seen from another zone the same slip may leave the time of day as it was and change the day.
    assert found in (["HOUR_OFF_BY_ZONE"], ["DAY_OFF"])
    if written.utcoffset(None) == at.utcoffset():
        assert found == ["HOUR_OFF_BY_ZONE"]


@given(moments, addresses)
def test_finds_a_clock_of_twelve_hours(at: datetime, address: str) -> None:
    assert codes(typed_at(at + timedelta(hours=12), address), log((at, address, None))) == ["TWELVE_HOURS_OFF"]


@given(moments, addresses, st.sampled_from(["minute", "second"]))
def test_finds_neighbouring_digits_of_the_time_exchanged(at: datetime, address: str, field: str) -> None:
    value = getattr(at, field)
    swapped = int(f"{value:02}"[::-1])
    assume(swapped != value and swapped < 60)
    slipped = at.replace(minute=swapped) if field == "minute" else at.replace(second=swapped)
    found = codes(typed_at(slipped, address), log((at, address, None)))
    # 45 minutes more or less is also what a zone can make of it, and that is looked at first.
    assert found in (["DIGITS_TRANSPOSED"], ["HOUR_OFF_BY_ZONE"])


@given(moments, addresses, st.data())
def test_finds_neighbouring_digits_of_the_address_exchanged(at: datetime, address: str, data: st.DataObject) -> None:
    last = address.rindex(".") + 1
    places = [i for i in range(last, len(address) - 1) if address[i] != address[i + 1]]
    assume(places)
    i = data.draw(st.sampled_from(places))
    slipped = address[:i] + address[i + 1] + address[i] + address[i + 2 :]
    assume(slipped[last] != "0" and int(slipped[last:]) < 255)
    assert codes(typed_at(at, slipped), log((at, address, None))) == ["DIGITS_TRANSPOSED"]


@given(moments, addresses, st.data())
def test_finds_a_digit_of_the_address_left_out_or_added(at: datetime, address: str, data: st.DataObject) -> None:
    last = address.rindex(".") + 1
    i = data.draw(st.integers(last, len(address) - 1))
    short = address[:i] + address[i + 1 :]
    assume(short[last:] and short[last] != "0")
    assert codes(typed_at(at, short), log((at, address, None))) == ["DIGIT_MISSING"]
    assert codes(typed_at(at, address), log((at, short, None))) == ["DIGIT_ADDED"]


@given(moments, addresses, ports, ports)
def test_finds_another_port_and_one_that_was_left_out(at: datetime, address: str, port: int, other: int) -> None:
    assume(port != other)
    assert codes(typed_at(at, address, other), log((at, address, port))) == ["PORT_DIFFERS"]
    assert codes(typed_at(at, address, None), log((at, address, port))) == ["PORT_LEFT_OUT"]


@given(moments, addresses, ports)
def test_finds_another_address_with_the_same_moment_and_port(at: datetime, address: str, port: int) -> None:
    assert codes(typed_at(at, "192.0.2.200", port), log((at, address, port))) == ["ADDRESS_DIFFERS"]
    assert codes(typed_at(at, "192.0.2.200"), log((at, address, port))) == ["NOT_IN_EVIDENCE"]


@given(moments, addresses, st.lists(st.tuples(moments, addresses, st.none() | ports), min_size=1, max_size=6))
def test_whatever_is_not_in_the_evidence_is_questioned_and_no_value_is_proposed(
    at: datetime, address: str, rows: list[tuple[datetime, str, int | None]]
) -> None:
    evidence = log(*rows)
    assume(not any(s.at == at and s.address == address for s in evidence))
    (finding,) = compare([typed_at(at, address)], evidence)
    # A question holds a code and the number of a line, and its sentence nothing else: no value of the evidence.
    assert finding.says == FINDINGS[finding.code].format(line=finding.evidence_line)
    assert (finding.evidence_line is None) == (finding.code == "NOT_IN_EVIDENCE")
    assert not any(s.address in finding.says for s in evidence)


def test_puts_the_question_also_where_there_is_no_room_to_look_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips, "_MOST_COMPARED", 0)
    at = datetime(2025, 9, 14, 21, 5, 9, tzinfo=UTC)
    evidence = log((at, "203.0.113.7", None))
    assert codes(typed_at(at + timedelta(days=1), "203.0.113.7"), evidence) == ["TIME_NOT_IN_EVIDENCE"]
    assert codes(typed_at(at, "203.0.113.70"), evidence) == ["NOT_IN_EVIDENCE"]
    assert codes(typed_at(at, "203.0.113.7"), evidence) == []


def test_refuses_evidence_that_would_take_too_long_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips, "_MOST_AT_MOMENT", 2)
    at = datetime(2025, 9, 14, 21, 5, 9, tzinfo=UTC)
    with pytest.raises(InputError, match=r"evidence\.too-many"):
        codes(typed_at(at, "203.0.113.7"), log(*[(at, "203.0.113.7", 2000 + n) for n in range(3)]))


def test_questions_addresses_outside_the_operators_ranges_where_it_has_named_them() -> None:
    line = typed("2026-09-14T21:05:09+02:00")
    assert outside([line], []) == []
    assert outside([line], [IPv4Network("198.51.100.0/24"), ip_network("2001:db8::/32")]) == []
    assert outside([line], [ip_network("2001:db8::/32")]) == [Finding(1, "ADDRESS_NOT_OURS", None)]


def test_the_port_of_the_server_typed_for_that_of_the_client_is_found_in_a_table_that_names_both() -> None:
    evidence = read("client_ip,client_port,server_port,time\n198.51.100.23,50001,8080,2026-09-14T19:05:09Z\n")
    assert codes(typed("2026-09-14T19:05:09Z", port=8080), evidence) == ["PORT_DIFFERS"]
    assert codes(typed("2026-09-14T19:05:09Z", port=50001), evidence) == []
    assert codes(typed("2026-09-14T19:05:09Z", port=None), evidence) == ["PORT_LEFT_OUT"]


TWO_CLOCKS = "2026-09-14T19:05:09Z accept src=198.51.100.23:50001 local time 2026-09-14 21:05:09 at the desk\n"


def test_a_time_read_in_the_zone_of_the_file_is_questioned_beside_one_that_says_its_own() -> None:
    evidence = read(TWO_CLOCKS, "Z")
    assert codes(typed("2026-09-14T21:05:09Z"), evidence) == ["TIME_ONE_OF_SEVERAL"]
    assert codes(typed("2026-09-14T19:05:09Z"), evidence) == []
    assert codes(typed("2026-09-14T21:05:09+02:00"), evidence) == []
    # In the zone it is in, the line says one moment twice.
    assert codes(typed("2026-09-14T19:05:09Z"), read(TWO_CLOCKS, "Europe/Madrid")) == []


@pytest.mark.parametrize("at", ["2026-09-14T19:05:09Z", "2026-10-30T08:00:00Z"])
def test_one_of_several_times_of_a_line_is_questioned(at: str) -> None:
    evidence = read("2026-09-14T19:05:09Z,198.51.100.23,2026-10-30T08:00:00Z\n")
    (finding,) = compare([typed(at, port=None)], evidence)
    assert (finding.code, finding.evidence_line) == ("TIME_ONE_OF_SEVERAL", 1)


@pytest.mark.parametrize(
    "line",
    [
        "2026-09-14T19:05:09Z 2026-09-14T21:05:09+02:00 198.51.100.23",
        # A collector's stamp and a device's: apart by less than the tolerance every window has.
        "2026-09-14T19:05:10.250Z gw: 2026-09-14 19:05:09 UTC 198.51.100.23",
        # The end of a certificate lies in the future, so nobody can have meant it.
        "2026-09-14T19:05:09Z 198.51.100.23 until 2027-09-14T00:00:00Z",
    ],
)
def test_several_times_of_a_line_that_leave_one_moment_are_not_questioned(line: str) -> None:
    assert codes(typed("2026-09-14T19:05:09Z", port=None), read(line)) == []


def test_one_of_several_times_is_not_questioned_where_another_line_has_it_alone() -> None:
    evidence = read("2026-09-14T19:05:09Z 198.51.100.23 2026-10-30T08:00:00Z\n2026-09-14T19:05:09Z 198.51.100.23\n")
    assert codes(typed("2026-09-14T19:05:09Z", port=None), evidence) == []


@pytest.mark.parametrize(
    ("header", "typed_at", "code"),
    [
        ("time,client,printed", "2026-10-30T08:00:00Z", "TIME_NOT_IN_EVIDENCE"),
        ("time,source,printed", "2026-10-30T08:00:00Z", "TIME_NOT_IN_EVIDENCE"),
        ("utc,client,printed", "2026-10-30T08:00:00Z", "TIME_NOT_IN_EVIDENCE"),
        ("seen,client,printed", "2026-10-30T08:00:00Z", "TIME_ONE_OF_SEVERAL"),
    ],
)
def test_the_time_of_a_print_out_is_questioned_also_in_a_table(header: str, typed_at: str, code: str) -> None:
    evidence = read(f"{header}\n2026-09-14T19:05:09Z,198.51.100.23,2026-10-30T08:00:00Z\n")
    assert codes(typed(typed_at, port=None), evidence) == [code]


def test_a_local_time_beside_a_column_of_utc_is_questioned() -> None:
    evidence = read("utc,local,ip\n2026-09-14 19:05:09,2026-09-14 21:05:09,198.51.100.23\n", "Z")
    assert codes(typed("2026-09-14T21:05:09Z", port=None), evidence) == ["HOUR_OFF_BY_ZONE"]
    assert codes(typed("2026-09-14T19:05:09Z", port=None), evidence) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-09-14T19:05:09Z 198.51.100.23 -> 203.0.113.200 GET /x",
        "2026-09-14T19:05:09Z 198.51.100.23:50001 --> 203.0.113.200:8443",
        "2026-09-14T19:05:09Z src=198.51.100.23 dst=203.0.113.200",
        "2026-09-14T19:05:09Z dst=203.0.113.200 src=198.51.100.23",
        '{"at":"2026-09-14T19:05:09Z","src_ip":"198.51.100.23","dest_ip":"203.0.113.200"}',
        "2026-09-14T19:05:09Z from 198.51.100.23 to 203.0.113.200",
        "2026-09-14T19:05:09Z [error] client: 198.51.100.23, server: 203.0.113.200, x",
        "2026-09-14T19:05:09Z 198.51.100.23 upstream 203.0.113.200",
        "2026-09-14T19:05:09Z Source Address: 198.51.100.23 Destination Address: 203.0.113.200",
    ],
)
def test_the_other_end_of_a_connection_typed_for_its_source_is_questioned(line: str) -> None:
    evidence = read(line)
    (finding,) = compare([typed("2026-09-14T19:05:09Z", "203.0.113.200", None)], evidence)
    assert (finding.code, finding.evidence_line) == ("ADDRESS_OTHER_END", 1)
    assert set(codes(typed("2026-09-14T19:05:09Z", port=None), evidence)) <= {"PORT_LEFT_OUT"}


@pytest.mark.parametrize("address", ["198.51.100.23", "203.0.113.200"])
@pytest.mark.parametrize(
    "line", ["2026-09-14T19:05:09Z {0} {1} accept", "{0},{1},2026-09-14T19:05:09Z", "2026-09-14T19:05:09Z {0}<->{1}"]
)
def test_one_of_several_addresses_of_a_line_is_questioned_where_nothing_says_which_end_it_is(
    line: str, address: str
) -> None:
    evidence = read(line.format("198.51.100.23", "203.0.113.200"))
    assert codes(typed("2026-09-14T19:05:09Z", address, None), evidence) == ["ADDRESS_ONE_OF_SEVERAL"]


def test_a_port_and_an_end_of_the_connection_are_two_questions() -> None:
    evidence = read("2026-09-14T19:05:09Z src=198.51.100.23 dst=203.0.113.200 spt=50001")
    found = codes(typed("2026-09-14T19:05:09Z", "203.0.113.200", None), evidence)
    assert sorted(found) == ["ADDRESS_OTHER_END", "PORT_LEFT_OUT"]


def test_a_port_a_protocol_and_an_end_of_the_connection_are_three_questions() -> None:
    evidence = read("2026-09-14T19:05:09Z tcp src=198.51.100.23:50001 dst=203.0.113.200:8443")
    found = codes(replace(typed("2026-09-14T19:05:09Z", "203.0.113.200", 8443), protocol="udp"), evidence)
    assert sorted(found) == ["ADDRESS_OTHER_END", "PORT_DIFFERS", "PROTOCOL_DIFFERS"]


@pytest.mark.parametrize(
    ("slipped", "seen", "code"),
    [
        ("2001:db8::2:1", "2001:db8::1:2", "DIGITS_TRANSPOSED"),
        ("2001:db8:41::13:24", "2001:db8:41::12:34", "DIGITS_TRANSPOSED"),
        ("2001:db8:1:1:1:1:1:1", "2001:db8:10:1:1:1:1:1", "DIGITS_TRANSPOSED"),
        ("2001:db8:41:0:1200::7", "2001:db8:41:0:2100::7", "DIGITS_TRANSPOSED"),
        ("2001:db8:5678:1234::7", "2001:db8:1234:5678::7", "GROUPS_TRANSPOSED"),
        ("198.51.23.100", "198.51.100.23", "GROUPS_TRANSPOSED"),
        ("2001:db8:41::8", "2001:db8:41::7", "DIGIT_DIFFERS"),
        ("2001:db8:41::17", "2001:db8:41::7", "DIGIT_ADDED"),
        # Written out, one digit is another.
        ("2001:db8:41::7", "2001:db8:41:0:1::7", "DIGIT_DIFFERS"),
        ("2001:db8:41::7", "2001:db8:41:0:11::7", "NOT_IN_EVIDENCE"),
    ],
)
def test_finds_what_is_exchanged_in_an_address_however_it_is_shortened(slipped: str, seen: str, code: str) -> None:
    evidence = read(f"2026-09-14T19:05:09Z {seen}")
    assert codes(typed("2026-09-14T19:05:09Z", slipped, None), evidence) == [code]


networks_v6 = st.lists(st.integers(0, 0xFFFF), min_size=6, max_size=6)


@given(networks_v6, st.data())
def test_finds_neighbouring_digits_exchanged_anywhere_in_an_address_of_version_6(
    groups: list[int], data: st.DataObject
) -> None:
    digits = "20010db8" + "".join(f"{group:04x}" for group in groups)
    places = [i for i in range(8, 31) if digits[i] != digits[i + 1]]
    assume(places)
    i = data.draw(st.sampled_from(places))
    slipped = digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :]
    address, other = (str(IPv6Address(int(text, 16))) for text in (digits, slipped))
    at = datetime(2025, 9, 14, 21, 5, 9, tzinfo=UTC)
    assert codes(typed_at(at, other), log((at, address, None))) == ["DIGITS_TRANSPOSED"]


@pytest.mark.parametrize(
    ("line", "protocol"),
    [
        ("2026-09-14T19:05:09Z TCP src=198.51.100.23:50001", "tcp"),
        ("2026-09-14T19:05:09Z src=198.51.100.23 spt=50001 proto=17", "udp"),
        ("2026-09-14T19:05:09Z protocol: udp 198.51.100.23:50001", "udp"),
        ("2026-09-14T19:05:09Z 198.51.100.23:50001 tcp or udp", ""),
        ("2026-09-14T19:05:09Z 198.51.100.23:50001 code 6", ""),
    ],
)
def test_another_protocol_than_that_of_the_evidence_is_questioned(line: str, protocol: str) -> None:
    evidence = read(line)
    assert {sighting.protocol for sighting in evidence} == {protocol}
    for said in ("tcp", "udp", ""):
        expected = ["PROTOCOL_DIFFERS"] if said and protocol and said != protocol else []
        assert codes(replace(typed("2026-09-14T19:05:09Z"), protocol=said), evidence) == expected


def test_a_table_says_the_protocol_by_name_or_number() -> None:
    table = "time,ip,port,proto\n2026-09-14T19:05:09Z,198.51.100.23,50001,{}\n"
    for cell, protocol in (("6", "tcp"), ("UDP", "udp"), ("", ""), ("1", "")):
        assert [sighting.protocol for sighting in read(table.format(cell))] == [protocol]

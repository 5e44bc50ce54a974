"""Evidence is read by its lines, strictly: what reads in two ways is no time, and what is no log is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from django.conf import settings

from broker.errors import InputError
from broker.intake.evidence_file import Sighting, kind_of, read_evidence

FIXTURES = Path(settings.BASE_DIR) / "fixtures" / "evidence"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SEEN_AT = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)


def read(text: str | bytes, zone: str = "", max_bytes: int = 2**20) -> list[Sighting]:
    content = text.encode() if isinstance(text, str) else text
    return read_evidence(content, zone, NOW, max_bytes=max_bytes, allow_documentation=True)


def refusal(text: str | bytes, **given: object) -> tuple[str, int | None]:
    with pytest.raises(InputError) as error:
        read(text, **given)  # type: ignore[arg-type]  # a test passes what read takes
    (problem,) = error.value.problems
    return problem.code, problem.line


@pytest.mark.parametrize(
    "line",
    [
        '198.51.100.23 - - [14/Sep/2026:21:05:09 +0200] "GET / HTTP/1.1" 200 512',
        "2026-09-14T19:05:09Z 198.51.100.23",
        "2026-09-14 19:05:09 UTC peer=198.51.100.23: hello",
        "2026-09-14 21:05:09+02 client: 198.51.100.23, server: example",
        "2026/09/14 21:05:09 +0200 [error] client: 198.51.100.23,",
        "Mon, 14 Sep 2026 21:05:09 +0200 from [198.51.100.23]",
        "2026-09-14 21:05:09 Europe/Madrid 198.51.100.23",
        "2026-09-14 19:05:09 (UTC) 198.51.100.23",
        "2026-09-14T21:05:09+02:00[Europe/Madrid];198.51.100.23",
        '"198.51.100.23","2026-09-14","21:05:09","+02:00"',
        "198.51.100.23,2026-09-14 21:05:09,Europe/Madrid,A-1",
        "::ffff:198.51.100.23 2026-09-14T21:05:09,000+02:00",
    ],
)
def test_reads_the_documented_shapes_of_time_and_address(line: str) -> None:
    assert [(s.address, s.at, s.defect) for s in read(line)] == [("198.51.100.23", SEEN_AT, "")]


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("198.51.100.23:50001 2026-09-14T19:05:09Z", {50001}),
        ("[2001:db8:41::7]:50001 2026-09-14T19:05:09Z", {50001}),
        ("2026-09-14T19:05:09Z 198.51.100.23 sport=50001 dport=443", {50001}),
        ("2026-09-14T19:05:09Z 198.51.100.23 source_port: 50001", {50001}),
        ("2026-09-14T19:05:09Z 198.51.100.23 GET", set()),
    ],
)
def test_takes_for_a_source_port_what_is_named_as_one(line: str, ports: set[int]) -> None:
    (sighting,) = read(line)
    assert sighting.ports == ports


@pytest.mark.parametrize(
    ("stamp", "defect"),
    [
        ("2026-09-14 21:05:09", "ZONE_MISSING"),
        ("2026-09-14 21:05:09 CST", "ZONE_AMBIGUOUS"),
        # A name with a number: ahead of UTC to people, behind it to the rules of POSIX.
        ("2026-09-14 21:05:09 UTC+2", "ZONE_AMBIGUOUS"),
        ("2026-09-14 21:05:09 (UTC+02:00)", "ZONE_AMBIGUOUS"),
        ("2026-09-14 21:05:09 GMT-0500", "ZONE_AMBIGUOUS"),
        ("2026-09-14 21:05:09 Etc/GMT+2", "ZONE_AMBIGUOUS"),
        ("2026-09-14 09:05:09 PM", "TIME_FORMAT"),
        ("2026-09-14 09:05:09 p.m.", "TIME_FORMAT"),
        ("14/09/2026 21:05:09", "TIME_FORMAT"),
        ("09-14-26, 21:05", "TIME_FORMAT"),
        ("Sep 14 21:05:09", "TIME_FORMAT"),
        ("2026-13-14T21:05:09Z", "TIME_FORMAT"),
        ("2026-10-25 02:30:00 Europe/Madrid", "DST_FOLD"),
        ("2026-03-29 02:30:00 Europe/Madrid", "TIME_NONEXISTENT"),
        ("2026-12-14T21:05:09Z", "TIME_FUTURE"),
        ("yesterday", "TIME_MISSING"),
    ],
)
def test_gives_the_reason_where_a_time_does_not_read_in_one_way(stamp: str, defect: str) -> None:
    (sighting,) = read(f"{stamp} 198.51.100.23")
    assert (sighting.at, sighting.local, sighting.defect) == (None, None, defect)


@pytest.mark.parametrize("zone", ["Europe/Madrid", "+02:00"])
def test_reads_times_without_a_zone_in_the_declared_one_and_others_in_their_own(zone: str) -> None:
    found = read("2026-09-14 21:05:09 198.51.100.23\n2026-09-14T19:05:09Z 198.51.100.24\n", zone)
    assert [s.at for s in found] == [SEEN_AT, SEEN_AT]
    assert [s.line for s in found] == [1, 2]


@pytest.mark.parametrize("zone", ["CET", "Etc/GMT+2", "Madrid", "2", "+2", "nonsense/place", "\x00"])
def test_refuses_a_declared_zone_that_reads_in_two_ways(zone: str) -> None:
    assert refusal("2026-09-14 21:05:09 198.51.100.23", zone=zone) == ("evidence.zone", None)


def test_leaves_out_addresses_that_nobody_could_ask_about() -> None:
    line = "2026-09-14T19:05:09Z 10.0.0.7 02:00:5e:10:00:01 fe80::1 198.51.100.300 version 1.2.3.4.5 198.51.100.23"
    assert [s.address for s in read(line)] == ["198.51.100.23"]


def test_refuses_what_is_no_log_with_one_sentence_and_its_line() -> None:
    assert refusal((FIXTURES / "not-utf-8.log").read_bytes()) == ("evidence.encoding", 1)
    assert refusal((FIXTURES / "without-addresses.log").read_bytes()) == ("evidence.nothing-found", None)
    assert refusal("x" * 70_000) == ("evidence.line", 1)
    assert refusal("ok\n" + " ".join(f"198.51.100.{n}" for n in range(1, 30))) == ("evidence.line", 2)
    assert refusal("198.51.100.23", max_bytes=5) == ("evidence.too-large", None)


def test_knows_documents_that_are_not_read_and_refuses_other_binaries() -> None:
    assert kind_of((FIXTURES / "exhibit.pdf").read_bytes()) == "pdf"
    assert kind_of(b"PK\x03\x04...") == "office"
    assert kind_of(b"2026-09-14T19:05:09Z 198.51.100.23") == "text"
    for content in (b"", (FIXTURES / "with-nul-bytes.log").read_bytes()):
        with pytest.raises(InputError):
            kind_of(content)


def test_says_nothing_of_what_the_file_holds() -> None:
    with pytest.raises(InputError) as error:
        read(b"secret.person@example.org 198.51.100.23 \xff")
    assert "secret" not in error.value.problems[0].message + str(error.value)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "client_ip,client_port,server_ip,server_port,time",
            "198.51.100.23,50001,203.0.113.9,443,2026-09-14T19:05:09Z",
        ),
        ("Time (UTC);Source IP;Source Port;Bytes", "2026-09-14 19:05:09;198.51.100.23;50001;4711"),
        ("date\ttime\ttz\taddress\tport", "2026-09-14\t21:05:09\t+02:00\t198.51.100.23\t50001"),
        (
            '"src_ip","src_port","dst_ip","timestamp"',
            '"198.51.100.23","50001","203.0.113.9","2026-09-14 21:05:09 +0200"',
        ),
        ("received_at,remote_addr,observed_at,sport", "2026-09-15T08:00:00Z,198.51.100.23,2026-09-14T19:05:09Z,50001"),
        ("\ufeffip,port,date_time,zone", "198.51.100.23,50001,2026-09-14 21:05:09,Europe/Madrid"),
    ],
)
def test_a_table_is_read_by_the_names_of_its_columns(header: str, row: str) -> None:
    (sighting,) = read(f"{header}\r\n{row}\r\n")
    assert (sighting.address, sighting.at) == ("198.51.100.23", SEEN_AT)
    assert sighting.ports == {50001}
    assert not sighting.numbers


@pytest.mark.parametrize(
    ("header", "row", "defect"),
    [
        # No name of a column says which of the two numbers is the day.
        ("address,port,date,time", "198.51.100.23,50001,09/10/2026,21:05:09", "TIME_FORMAT"),
        ("address,port,time_utc", "198.51.100.23,50001,09/10/2026 21:05:09", "TIME_FORMAT"),
        ("address,port,time_utc", "198.51.100.23,50001,2026-09-14 09:05:09 PM", "TIME_FORMAT"),
        ("address,port,time", "198.51.100.23,50001,2026-09-14 21:05:09", "ZONE_MISSING"),
        ("address,port,time,zone", "198.51.100.23,50001,2026-10-25 02:30:00,Europe/Madrid", "DST_FOLD"),
        ("address,port,date", "198.51.100.23,50001,2026-09-14", "TIME_MISSING"),
        # The time of another column is not that of the observation.
        ("address,time,printed", "198.51.100.23,,2026-09-14T19:05:09Z", "TIME_MISSING"),
    ],
)
def test_a_header_changes_nothing_of_how_a_time_is_read(header: str, row: str, defect: str) -> None:
    (sighting,) = read(f"{header}\n{row}\n")
    assert (sighting.at, sighting.defect) == (None, defect)


@pytest.mark.parametrize(
    "header",
    [
        "ip,source_ip,time,port",  # which of the two was seen is not said
        "address,time,timestamp,port",
        "address,bytes,kind,port",
        "a,b,c,d",
        "2026-09-14T19:05:09Z 198.51.100.24 x",
    ],
)
def test_a_header_that_says_it_in_two_ways_is_no_header(header: str) -> None:
    found = read(f"{header}\n198.51.100.23,203.0.113.9,2026-09-14T19:05:09Z,50001\n")
    assert {s.address for s in found} >= {"198.51.100.23", "203.0.113.9"}
    assert all(s.ports == frozenset() and 50001 in s.numbers for s in found if s.address == "198.51.100.23")


def test_a_row_with_other_cells_than_the_header_is_read_as_a_line() -> None:
    found = read('address,time,port\n198.51.100.23,2026-09-14T19:05:09Z\n198.51.100.23,"2026-09-14T19:05:09Z,50001\n')
    assert [(s.address, s.at, s.ports) for s in found] == [("198.51.100.23", SEEN_AT, frozenset())] * 2


def test_the_port_of_the_other_end_is_no_source_port() -> None:
    (sighting,) = read("client_ip,client_port,server_port,time\n198.51.100.23,,443,2026-09-14T19:05:09Z\n")
    assert (sighting.ports, sighting.numbers) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("header", "row", "seen"),
    [
        ("time,client,printed", "2026-09-14T19:05:09Z,198.51.100.23,2026-10-30T08:00:00Z", [SEEN_AT]),
        ("utc,local,ip", "2026-09-14 19:05:09,2026-09-14 21:05:09,198.51.100.23", [SEEN_AT]),
        # `source` is a sensor here, and `utc` an offset.
        ("time,source,ip", "2026-09-14T19:05:09Z,fw.example,198.51.100.23", [SEEN_AT]),
        ("time,source,text", "2026-09-14T19:05:09Z,fw.example,seen 198.51.100.23", [SEEN_AT]),
        ("time,utc,ip", "2026-09-14T21:05:09+02:00,+2,198.51.100.23", [SEEN_AT]),
    ],
)
def test_a_name_that_may_mean_something_else_counts_where_no_other_column_has_its_part(
    header: str, row: str, seen: list[datetime]
) -> None:
    assert [(s.address, s.at) for s in read(f"{header}\n{row}\n")] == [("198.51.100.23", at) for at in seen]


@pytest.mark.parametrize("name", ["ip", "client"])
def test_an_address_cell_left_empty_lends_no_other_cell_its_part(name: str) -> None:
    table = f"{name},dst_ip,time\n198.51.100.23,203.0.113.9,2026-09-14T19:05:09Z\n,203.0.113.9,2026-09-14T19:05:09Z\n"
    assert [s.address for s in read(table)] == ["198.51.100.23"]


@pytest.mark.parametrize("zone", ["", "Z"])
@pytest.mark.parametrize(
    "text",
    [
        "2026-09-14 07:05:09,PM,198.51.100.23,50001",
        '"2026-09-14","07:05:09","+02:00","p.m.","198.51.100.23"',
        "2026-09-14 07:05:09;198.51.100.23;pm",
        "2026-09-14 07:05:09\tPM\t198.51.100.23",
        "2026-09-14T07:05:09,123 PM 198.51.100.23",
        "2026-09-14 07:05:09  PM 198.51.100.23",
        "2026-09-14 07:05:09 p. m. 198.51.100.23",
        "2026-09-14 07:05:09 p.\u00a0m. 198.51.100.23",
        "date,time,half,address\n2026-09-14,07:05:09,PM,198.51.100.23",
        "time_utc,address,ampm\n2026-09-14 07:05:09,198.51.100.23,a.m.",
    ],
)
def test_the_half_of_the_day_in_a_cell_of_its_own_makes_a_clock_of_twelve_hours(text: str, zone: str) -> None:
    assert [(s.at, s.defect) for s in read(text, zone)] == [(None, "TIME_FORMAT")]


def test_two_letters_beside_a_clock_of_twenty_four_hours_change_nothing() -> None:
    # Armenia, by its code.
    (sighting,) = read("time,address,country\n2026-09-14T19:05:09Z,198.51.100.23,AM\n")
    assert sighting.at == SEEN_AT


@pytest.mark.parametrize(
    "line",
    [
        "2026-09-14 19:05:09,198.51.100.23,50001",
        "2026-09-14T19:05:09,50001,198.51.100.23",
        "198.51.100.23,2026-09-14T19:05:09,50001",
        "2026-09-14 19:05:09,50001,UTC,198.51.100.23",
        '"2026-09-14 19:05:09","50001","198.51.100.23"',
    ],
)
def test_a_cell_after_the_seconds_is_no_fraction_of_them(line: str) -> None:
    (sighting,) = read(line, "Z")
    assert (sighting.address, sighting.at) == ("198.51.100.23", SEEN_AT)
    assert 50001 in sighting.numbers


@pytest.mark.parametrize(
    "written", ["19:05:09,123 INFO", "19:05:09.123Z", "19:05:09,123Z", "21:05:09,123 +0200", "19:05:09,123 (UTC)"]
)
def test_a_fraction_of_a_second_leaves_the_moment_as_it_is(written: str) -> None:
    (sighting,) = read(f"2026-09-14 {written} 198.51.100.23", "Z")
    assert sighting.at is not None
    assert sighting.at <= SEEN_AT.replace(microsecond=123_000) < sighting.at + sighting.unit


@pytest.mark.parametrize(
    ("words", "protocol"),
    [
        ("GET /docs/udp", ""),
        ('"GET /udp?x=udp HTTP/1.1" "https://example.org/udp"', ""),
        ("udp://tracker.example.org/announce", ""),
        ("TCP GET /docs/udp", "tcp"),
        ("www.udp.example.org tcp", "tcp"),
        ("TCP: SYN", "tcp"),
        ("proto=UDP", "udp"),
        ("[tcp]", "tcp"),
        ("40112/udp", "udp"),
        ("udp/40112", "udp"),
        ("over udp.", "udp"),
        ('"transport":"tcp"', "tcp"),
        ("tcp or udp", ""),
    ],
)
def test_a_protocol_is_a_word_of_the_line_and_no_part_of_a_path(words: str, protocol: str) -> None:
    (sighting,) = read(f"2026-09-14T19:05:09Z 198.51.100.23 {words}")
    assert sighting.protocol == protocol


def test_long_lines_of_one_character_are_read_in_a_moment() -> None:
    started = process_time()
    for character in 'a,\t /:."-0=pP+':
        read(f"198.51.100.23 {character * 65_000}\n" * 2)
    read(f"time{' ' * 60_000},client_ip,{'_' * 5_000}\n198.51.100.23")
    for piece in ("10.0.0.1 ", "port 5 ", "2026-09-14 ", "19:05:09,1", "a-port=", "+01,", "http://"):
        read(f"198.51.100.23 {piece * (65_000 // len(piece))}\n")
    assert process_time() - started < 20

"""What a table says of the zone of its times is never passed over: it is read, or asked about."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.evidence import codes, read, typed

# 20:15:30 in Madrid on that day.
SEEN_AT = datetime(2026, 3, 1, 19, 15, 30, tzinfo=UTC)
RIGHT, WRONG = "2026-03-01T19:15:30Z", "2026-03-01T20:15:30Z"


def questions(moment: str, text: str, zone: str = "") -> list[str]:
    return codes(typed(moment, "203.0.113.7", None), read(text, zone))


@pytest.mark.parametrize("zone", ["", "Z", "America/New_York"])
@pytest.mark.parametrize("column", ["timezone", "utc_offset"])
@pytest.mark.parametrize(
    "cell", ["+01:00", "+0100", "+01", "+1", "+1:00", '"+01:00"', "Europe/Madrid", "[Europe/Madrid]"]
)
def test_a_zone_in_a_cell_of_its_own_is_the_zone_of_its_row(column: str, cell: str, zone: str) -> None:
    table = f"time,{column},client_ip,url\n2026-03-01 20:15:30,{cell},203.0.113.7,/\n"
    assert [s.at for s in read(table, zone)] == [SEEN_AT]
    assert questions(RIGHT, table, zone) == []
    assert questions(WRONG, table, zone) == ["HOUR_OFF_BY_ZONE"]


@pytest.mark.parametrize("cell", ["utc", "UTC", "Z", "z", "+00:00", "+0"])
def test_a_cell_may_say_utc(cell: str) -> None:
    table = f"time,timezone,client_ip\n2026-03-01 19:15:30,{cell},203.0.113.7\n"
    assert [s.at for s in read(table, "Europe/Madrid")] == [SEEN_AT]


@pytest.mark.parametrize("zone", ["", "Z", "+01:00", "Europe/Madrid"])
@pytest.mark.parametrize(
    ("cell", "defect"),
    [
        ("CET", "ZONE_AMBIGUOUS"),
        ("GMT+1", "ZONE_AMBIGUOUS"),
        ("UTC+01:00", "ZONE_AMBIGUOUS"),
        ("Etc/GMT-1", "ZONE_AMBIGUOUS"),
        ("Europe/Madird", "ZONE_UNKNOWN"),
        ("-00:00", "ZONE_MISSING"),
        ("+25:00", "ZONE_UNKNOWN"),
        ("+130", "ZONE_UNKNOWN"),
        ("3600", "ZONE_UNKNOWN"),
        ("01:00", "ZONE_UNKNOWN"),
        ("Romance Standard Time", "ZONE_UNKNOWN"),
        ("-", "ZONE_UNKNOWN"),
        ("x" * 200, "ZONE_UNKNOWN"),
    ],
)
def test_a_zone_that_cannot_be_read_leaves_its_time_unread(cell: str, defect: str, zone: str) -> None:
    table = f"time,timezone,client_ip,client_port\n2026-03-01 20:15:30,{cell},203.0.113.7,40112\n"
    assert [(s.at, s.defect) for s in read(table, zone)] == [(None, defect)]
    for moment in (RIGHT, WRONG):
        (code,) = codes(typed(moment, "203.0.113.7", 40112), read(table, zone))
        assert code.endswith("_IN_EVIDENCE")


def test_a_clock_that_cannot_be_read_is_not_blamed_on_its_zone() -> None:
    table = "time,timezone,client_ip\n2026-03-01 25:15:30,{},203.0.113.7\n"
    for cell in ("Europe/Madrid", "3600"):
        assert [s.defect for s in read(table.format(cell))] == ["TIME_FORMAT"]


def test_a_row_whose_zone_is_left_empty_is_read_in_the_zone_of_the_file() -> None:
    table = "time,timezone,client_ip\n2026-03-01 20:15:30,,203.0.113.7\n"
    assert [s.at for s in read(table, "Europe/Madrid")] == [SEEN_AT]
    assert [s.defect for s in read(table)] == ["ZONE_MISSING"]


def test_a_time_that_says_its_own_offset_needs_no_other() -> None:
    table = "time,timezone,client_ip\n2026-03-01T20:15:30+01:00,{},203.0.113.7\n"
    for cell in ("CET", "", "+0100", "Europe/Madrid"):
        assert questions(RIGHT, table.format(cell), "Z") == []


@pytest.mark.parametrize("zone", ["", "Z", "Europe/Madrid"])
@pytest.mark.parametrize(
    "table",
    [
        "timestamp_utc,timezone,client_ip\n2026-03-01 19:15:30,Europe/Madrid,203.0.113.7\n",
        "Time (UTC);Offset;Client\n2026-03-01 19:15:30;+01;203.0.113.7\n",
        "time,timezone,client_ip\n2026-03-01T19:15:30Z,Europe/Madrid,203.0.113.7\n",
        "time_utc,client_ip\n2026-03-01 19:15:30+01:00,203.0.113.7\n",
    ],
)
def test_two_zones_that_a_row_gives_one_time_are_asked_about(table: str, zone: str) -> None:
    for moment in (RIGHT, "2026-03-01T18:15:30Z"):
        assert questions(moment, table, zone) == ["TIME_ONE_OF_SEVERAL"]


def test_two_zones_that_give_one_moment_are_not_asked_about() -> None:
    for table in (
        "timestamp_utc,timezone,client_ip\n2026-03-01 19:15:30,Africa/Abidjan,203.0.113.7\n",
        "timestamp_utc,timezone,client_ip\n2026-03-01 19:15:30,UTC,203.0.113.7\n",
        "time,offset,client_ip\n2026-03-01T20:15:30+01:00,+0100,203.0.113.7\n",
    ):
        assert [s.at for s in read(table, "America/New_York")] == [SEEN_AT]
        assert questions(RIGHT, table, "America/New_York") == []


def test_a_zone_of_the_header_and_a_cell_that_cannot_be_read_leave_the_time_unread() -> None:
    table = "time_utc,timezone,client_ip\n2026-03-01 19:15:30,CET,203.0.113.7\n"
    assert questions(RIGHT, table) == ["ZONE_AMBIGUOUS_IN_EVIDENCE"]


def test_a_day_in_utc_beside_a_time_without_a_zone_is_asked_about() -> None:
    table = "date_utc,time,client_ip\n2026-03-01,19:15:30,203.0.113.7\n"
    for moment in (RIGHT, "2026-03-01T18:15:30Z"):
        assert questions(moment, table, "Europe/Madrid") == ["TIME_ONE_OF_SEVERAL"]
    assert questions(RIGHT, table, "Z") == []
    assert questions(RIGHT, table) == ["ZONE_MISSING_IN_EVIDENCE"]
    assert questions(RIGHT, "date_utc,time_utc,client_ip\n2026-03-01,19:15:30,203.0.113.7\n", "Europe/Madrid") == []


def test_a_moment_under_the_name_of_a_day_in_utc_is_in_utc() -> None:
    table = "date_utc,client_ip\n2026-03-01 19:15:30,203.0.113.7\n"
    assert [s.at for s in read(table, "Europe/Madrid")] == [SEEN_AT]


def test_an_offset_under_the_name_utc_is_not_passed_over() -> None:
    table = "utc,time,client_ip\n+02:00,2026-03-01 20:15:30,203.0.113.7\n"
    for moment in (WRONG, "2026-03-01T18:15:30Z"):
        assert questions(moment, table, "Z") == ["TIME_ONE_OF_SEVERAL"]
    assert questions("2026-03-01T18:15:30Z", table, "+02:00") == []
    assert questions(WRONG, table, "+02:00") == ["HOUR_OFF_BY_ZONE"]
    assert questions(WRONG, table) == ["ZONE_MISSING_IN_EVIDENCE"]


def test_a_moment_under_the_name_utc_beside_a_local_one_counts_too() -> None:
    table = "time,utc,client_ip\n2026-03-01 20:15:30,2026-03-01 19:15:30,203.0.113.7\n"
    for zone in ("", "Z", "Europe/Madrid"):
        assert questions(RIGHT, table, zone) == []
    assert questions(WRONG, table, "Z") == ["TIME_ONE_OF_SEVERAL"]


@pytest.mark.parametrize("cell", ["1 hour", "1772392530", "19:15:30"])
def test_what_stands_under_the_name_utc_and_cannot_be_read_leaves_the_time_unread(cell: str) -> None:
    table = f"time,utc,client_ip\n2026-03-01 20:15:30,{cell},203.0.113.7\n"
    for moment in (RIGHT, WRONG):
        assert questions(moment, table, "Z") == ["TIME_UNREADABLE_IN_EVIDENCE"]
    assert questions(RIGHT, table.replace("20:15:30", "20:15:30+01:00"), "Z") == []


@pytest.mark.parametrize("row", ["203.0.113.7,2026-03-01 19:15:30,/a,b", "203.0.113.7,2026-03-01 19:15:30"])
def test_a_row_that_does_not_fit_its_table_keeps_the_zone_of_the_header(row: str) -> None:
    table = f"client_ip,time_utc,url\n{row}\n"
    assert [s.at for s in read(table, "Europe/Madrid")] == [SEEN_AT]
    assert questions("2026-03-01T18:15:30Z", table, "Europe/Madrid") == ["HOUR_OFF_BY_ZONE"]


def test_a_row_that_does_not_fit_its_table_is_not_read_in_the_zone_of_the_file_where_a_cell_should_say_it() -> None:
    table = "time,timezone,client_ip,url\n2026-03-01 20:15:30,{},203.0.113.7,/a,b\n"
    for cell, found in (
        ("CET", "ZONE_AMBIGUOUS"),
        ("+1", "ZONE_MISSING"),
        ("3600", "ZONE_MISSING"),
        ("", "ZONE_MISSING"),
    ):
        assert [s.defect for s in read(table.format(cell), "Z")] == [found]
    assert [s.at for s in read(table.format("Europe/Madrid"), "Z")] == [SEEN_AT]


@pytest.mark.parametrize("cell", ["CET", " CET", '"CET"'])
def test_an_abbreviation_in_a_cell_leaves_the_time_unread_also_without_a_header(cell: str) -> None:
    line = f"2026-03-01 20:15:30,{cell},203.0.113.7,40112\n"
    assert questions(WRONG, line, "Z") == ["ZONE_AMBIGUOUS_IN_EVIDENCE"]
    assert questions(WRONG, line.replace("20:15:30", "20:15:30Z"), "Z") == []


@pytest.mark.parametrize("cell", ["+0100", "+01", " +0100", '"+01"', "+01:00"])
def test_an_offset_in_a_cell_is_read_also_without_a_header(cell: str) -> None:
    line = f"2026-03-01 20:15:30,{cell},203.0.113.7,40112\n"
    for zone in ("", "Z", "+01:00"):
        assert questions(RIGHT, line, zone) == []
        assert questions(WRONG, line, zone) == ["HOUR_OFF_BY_ZONE"]


@pytest.mark.parametrize("cell", ["-10", "-1000"])
def test_a_number_that_may_be_an_offset_is_one_of_two_zones_where_no_header_says_what_it_is(cell: str) -> None:
    line = f"2026-03-01 19:15:30,203.0.113.7,{cell}\n"
    for moment in (RIGHT, "2026-03-02T05:15:30Z"):
        assert questions(moment, line, "Z") == ["TIME_ONE_OF_SEVERAL"]
    assert questions(RIGHT, line) == ["ZONE_MISSING_IN_EVIDENCE"]
    assert questions("2026-03-02T05:15:30Z", line, "Pacific/Honolulu") == []
    assert questions(RIGHT, line.replace("19:15:30", "19:15:30Z")) == []


@pytest.mark.parametrize("cell", ["-1", "-17", "-1099", "+100", "+4900", "01"])
def test_a_number_that_no_zone_has_is_none(cell: str) -> None:
    assert questions(RIGHT, f"2026-03-01 19:15:30,203.0.113.7,{cell}\n", "Z") == []


def test_two_zones_in_the_cells_of_a_line_are_asked_about() -> None:
    line = "2026-03-01 20:15:30,Europe/Madrid,203.0.113.7,UTC\n"
    for moment in (RIGHT, WRONG):
        assert questions(moment, line, "Z") == ["TIME_ONE_OF_SEVERAL"]


def test_a_cell_with_spaces_before_it_gives_its_zone() -> None:
    assert [s.at for s in read("2026-03-01 20:15:30, +01:00, 203.0.113.7\n", "Z")] == [SEEN_AT]


@pytest.mark.parametrize(
    ("name", "defect"),
    [
        ("Time (CET)", "ZONE_AMBIGUOUS"),
        ("time_cest", "ZONE_AMBIGUOUS"),
        ("Timestamp [UTC+1]", "ZONE_AMBIGUOUS"),
        ("time-GMT +01:00", "ZONE_UNKNOWN"),
        ("Time (Europe/Madird)", "ZONE_UNKNOWN"),
    ],
)
def test_a_zone_of_the_header_that_cannot_be_read_leaves_all_times_unread(name: str, defect: str) -> None:
    table = f"{name},client_ip,client_port\n2026-03-01 20:15:30,203.0.113.7,40112\n"
    for zone in ("", "Z", "Europe/Madrid"):
        (sighting,) = read(table, zone)
        assert (sighting.at, sighting.defect) == (None, defect)
        assert sighting.ports == {40112}
    assert questions(WRONG, table.replace("40112\n", "40112,/a,b\n"), "Z") != []


def test_a_zone_of_the_header_is_the_zone_of_all_times() -> None:
    table = "Time (Europe/Madrid),client_ip\n2026-03-01 20:15:30,203.0.113.7\n"
    for zone in ("", "Z"):
        assert questions(RIGHT, table, zone) == []
        assert questions(WRONG, table, zone) == ["HOUR_OFF_BY_ZONE"]
    assert questions(RIGHT, "date_utc,time_cet,client_ip\n2026-03-01,20:15:30,203.0.113.7\n") == [
        "ZONE_AMBIGUOUS_IN_EVIDENCE"
    ]


@pytest.mark.parametrize("written", ["19:15:30z", "19:15:30 utc", "20:15:30 +01", "14:15:30 -05", "19:15:30,utc"])
def test_a_zone_written_in_another_way_is_not_passed_over(written: str) -> None:
    assert [s.at for s in read(f"2026-03-01 {written}, 203.0.113.7\n", "Asia/Tokyo")] == [SEEN_AT]


def test_the_german_names_of_the_zone_are_as_ambiguous_as_the_others() -> None:
    for name in ("MEZ", "MESZ", "CET"):
        assert questions(WRONG, f"2026-03-01 20:15:30 {name} 203.0.113.7\n", "Z") == ["ZONE_AMBIGUOUS_IN_EVIDENCE"]


def test_a_dash_and_a_number_after_a_time_are_no_zone() -> None:
    assert questions(RIGHT, "2026-03-01 19:15:30 -10 203.0.113.7\n", "Z") == []

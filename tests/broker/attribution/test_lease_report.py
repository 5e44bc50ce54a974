"""The report on the leases says what is missing or doubtful in them, and names no address."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from broker.leases.models import LeaseSource, SourceDay
from broker.leases.quality import days_without_afternoon, gaps
from tests.support.lease_files import plan, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

DAY = datetime(2026, 9, 14, tzinfo=UTC)
FROM, UNTIL = "2026-09-01T00:00:00Z", "2026-11-01T00:00:00Z"


def row(address: str, start: datetime, hours: float, who: str, ports: str = ",") -> str:
    end = start + timedelta(hours=hours)
    return f"{address},{ports},{start:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ},{who},business"


def report(*options: str, code: int = 0) -> str:
    out = StringIO()
    ends = pytest.raises(SystemExit, match=f"^{code}$") if code else nullcontext()
    with ends:
        call_command("lease_report", "--from", FROM, "--until", UNTIL, *options, stdout=out)
    return out.getvalue()


def test_gaps_lie_between_spans_and_not_around_them() -> None:
    at = [DAY + timedelta(hours=n) for n in range(6)]
    assert gaps([(at[3], at[4]), (at[0], at[1]), (at[1], at[2])]) == [(at[2], at[3])]
    assert gaps([]) == []


def whole_days(first: int, last: int, hours: range) -> dict[date, dict[int, int]]:
    return {date(2026, 9, day): dict.fromkeys(hours, 3) for day in range(first, last)}


SEPTEMBER = [(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))]


def test_a_clock_that_loses_its_afternoons_is_named_from_its_first_day_to_its_last() -> None:
    hours = whole_days(1, 10, range(24)) | whole_days(10, 25, range(12)) | whole_days(25, 28, range(24))
    assert days_without_afternoon(hours, SEPTEMBER) == [date(2026, 9, day) for day in range(10, 25)]


def test_a_source_that_never_had_afternoons_or_has_few_rows_is_not_accused() -> None:
    assert days_without_afternoon(whole_days(1, 20, range(12)), SEPTEMBER) == []
    quiet = whole_days(1, 10, range(24)) | {date(2026, 9, 10): {3: 2}}
    assert days_without_afternoon(quiet, SEPTEMBER) == []


def test_a_day_that_was_not_delivered_whole_is_not_judged() -> None:
    hours = whole_days(1, 10, range(24)) | whole_days(10, 11, range(12))
    assert days_without_afternoon(hours, [(SEPTEMBER[0][0], datetime(2026, 9, 10, 12, tzinfo=UTC))]) == []


def test_a_sound_source_is_described_and_the_exit_code_is_zero() -> None:
    store(row("198.51.100.7", DAY, 3, "s-1"), row("198.51.100.7", DAY + timedelta(hours=3), 3, "s-2"))
    said = report()
    assert "Source default: 2 rows of 2 holdings." in said
    assert "Complete from 2026-01-01T00:00:00Z until 2026-11-01T00:00:00Z." in said
    assert "!" not in said


def test_overlaps_of_two_holders_are_counted_once_and_shown_by_their_place_without_the_address() -> None:
    store(
        row("198.51.100.7", DAY, 10, "s-1"),
        row("198.51.100.7", DAY + timedelta(hours=1), 1, "s-1"),
        row("198.51.100.7", DAY + timedelta(hours=4), 1, "s-2"),
        row("198.51.100.8", DAY, 10, "s-1"),
        row("198.51.100.8", DAY + timedelta(hours=1), 1, "s-1"),
    )
    said = report(code=1)
    assert "1 times two holders had one address" in said
    assert ":2." in said
    assert "198.51" not in said


def test_gaps_bad_clocks_unknown_space_and_blocks_on_dedicated_addresses_are_named(tmp_path: Path) -> None:
    plan(("198.51.100.0/24", "dedicated"))
    store(
        row("198.51.100.7", DAY, 3, "s-1", ports="1024,2047"),
        row("203.0.113.9", DAY, 3, "s-1"),
        complete_until=datetime(2026, 10, 1, tzinfo=UTC),
    )
    store(
        row("198.51.100.9", datetime(2026, 10, 6, tzinfo=UTC), 3, "s-1"),
        complete_from=datetime(2026, 10, 5, tzinfo=UTC),
    )
    source = LeaseSource.objects.get()
    for day, seconds in ((14, 9), (15, 2)):
        offset = timedelta(seconds=seconds)
        SourceDay.objects.create(source=source, day=date(2026, 9, day), largest_offset=offset, measured_count=4)
    said = report("--json", str(tmp_path / "report.json"), code=1)
    assert "! Nothing was delivered from 2026-10-01T00:00:00Z until 2026-10-05T00:00:00Z." in said
    assert "! On 2026-09-14 the clock was more than 5 s wrong." in said
    assert "! On 2026-09-15" not in said
    assert "1 rows are about unknown address space" in said
    assert "1 blocks of ports are on addresses that the plan calls dedicated" in said
    (written,) = json.loads((tmp_path / "report.json").read_text())
    assert (written["rows"], written["unplanned"], written["blocks_on_dedicated"]) == (3, 1, 1)


def test_a_source_that_changed_to_a_clock_of_twelve_hours_is_found_in_its_rows() -> None:
    rows = [
        row("198.51.100.7", DAY + timedelta(days=day, hours=hour % (24 if day < 5 else 12), minutes=hour), 0.01, "s-1")
        for day in range(8)
        for hour in range(24)
    ]
    said = report(code=1) if store(*rows) else ""
    assert [day for day in range(14, 23) if f"On 2026-09-{day} nothing begins" in said] == [19, 20, 21]


def test_a_source_that_is_not_there_is_said_so() -> None:
    with pytest.raises(CommandError, match="no source of this name"):
        report("--source", "nothing")

"""A day that looks like a clock of twelve hours is answered by nobody until somebody has looked at the source."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases.models import AddressPlan, DriftedDay, LeaseSource
from broker.leases.quality import days_without_afternoon, doubted_day, judge_days
from tests.support.detail_log import log, read
from tests.support.lease_files import NOW, OURS, plan, store
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

START = datetime(2026, 9, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
# From here on the source writes twelve hours.
CHANGED = date(2026, 9, 19)


def moments(first: int, last: int, *, zone: int = 0) -> list[datetime]:
    """When something begins, as it is stamped: every hour, in twelve of a clock of the zone from CHANGED on."""
    found = []
    for hour in range(first * 24, last * 24):
        at = START + hour * HOUR
        local = at + zone * HOUR
        if local.date() >= CHANGED and local.hour >= 12:
            at -= 12 * HOUR
        found.append(at + timedelta(minutes=1 + hour % 58))
    return found


def rows(first: int, last: int) -> list[str]:
    form = "%Y-%m-%dT%H:%M:%SZ"
    return [
        f"198.51.100.{n % 200},,,{at:{form}},{at + timedelta(seconds=30):{form}},s-1,business"
        for n, at in enumerate(moments(first, last))
    ]


def ask(day: int, hour: int = 6, address: str = "198.51.100.250") -> Verdict:
    at = datetime(2026, 9, day, hour, 30, tzinfo=UTC)
    return attribute([Observation("q", address, None, at)], tolerance=timedelta(seconds=60), now=NOW)["q"]


def outcomes(days: range) -> dict[int, set[str]]:
    return {day: {*map(str, ask(day).reasons)} for day in days}


def run(command: str, *arguments: object) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def report() -> str:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("lease_report", "--from", "2026-01-01T00:00:00Z", stdout=out)
    return out.getvalue()


def test_an_import_finds_the_days_and_windows_that_touch_them_get_no_answer() -> None:
    store(*rows(0, 8))
    assert list(DriftedDay.objects.values_list("day__day", flat=True)) == [19, 20, 21]
    assert outcomes(range(18, 24)) == {
        18: {"NO_HOLDER"},
        19: {"CLOCK_SUSPECT"},
        20: {"CLOCK_SUSPECT"},
        21: {"CLOCK_SUSPECT"},
        # In a zone behind UTC these are hours of the day before, which have their stamps there.
        22: {"CLOCK_SUSPECT"},
        23: {"NO_HOLDER"},
    }
    assert ask(18, 11).reasons == {Reason.NO_HOLDER}
    assert ask(18, 12).reasons == {Reason.CLOCK_SUSPECT}
    verdict = ask(19)
    assert (verdict.outcome, verdict.subscriber) == (Resolution.INCOMPLETE, None)
    event = Event.objects.get(kind="lease-source:clock-drifted")
    assert event.body["days"] == ["2026-09-19", "2026-09-20", "2026-09-21"]


def test_a_drift_that_lasts_does_not_become_what_is_usual() -> None:
    for first in range(0, 30, 2):
        until = START + (first + 2) * 24 * HOUR
        store(*rows(first, first + 2), complete_from=until - 48 * HOUR, complete_until=until)
    found = list(DriftedDay.objects.order_by("day").values_list("day", flat=True))
    assert found == [CHANGED + timedelta(days=n) for n in range(25)]


def test_a_day_is_judged_once_it_is_delivered_whole_and_once_only() -> None:
    store(*rows(0, 5), complete_until=START + 5 * 24 * HOUR)
    store(*rows(5, 6), complete_until=START + 5 * 24 * HOUR + 23 * HOUR)
    assert not DriftedDay.objects.exists()
    assert ask(19).reasons == {Reason.NOT_SETTLED}
    store(*rows(6, 7), complete_until=START + 7 * 24 * HOUR)
    assert list(DriftedDay.objects.values_list("day__day", flat=True)) == [19, 20]


def part_of_a_day(hours: float, shift: float = 0, step: float = 1) -> datetime:
    """A file of the days before CHANGED and of that day until that hour, its afternoon stamped `shift` hours before."""
    start, form = datetime(2026, 9, 19, tzinfo=UTC), "%Y-%m-%dT%H:%M:%SZ"
    stamps, at = [], 0.0
    while at < hours:
        stamps.append(start + (at - (shift if at >= 12 else 0)) * HOUR + timedelta(minutes=1))
        at += step
    today = [f"198.51.100.9,,,{at:{form}},{at + timedelta(seconds=30):{form}},s-1,business" for at in stamps]
    until = start + hours * HOUR
    store(*rows(0, 5), *today, complete_until=until)
    return until


def test_a_running_day_that_may_be_one_of_twelve_hours_waits_for_its_rest() -> None:
    part_of_a_day(18, shift=12)
    verdicts = {(day, hour): ask(day, hour) for day, hour in ((18, 11), (18, 13), (19, 3), (19, 15))}
    assert {at: set(map(str, verdict.reasons)) for at, verdict in verdicts.items()} == {
        (18, 11): {"NO_HOLDER"},
        (18, 13): {"NOT_SETTLED"},
        (19, 3): {"NOT_SETTLED"},
        (19, 15): {"NOT_SETTLED"},
    }
    assert not DriftedDay.objects.exists()
    said = report()
    assert "Nothing is answered from 2026-09-18T12:00:00Z on" in said
    assert "clear_drift default 2026-09-19" in said


def test_a_running_day_that_is_like_others_is_answered() -> None:
    until = part_of_a_day(18)
    assert ask(19, 16).outcome is Resolution.NONE
    assert ask(19, 3).outcome is Resolution.NONE
    assert ask(19, until.hour).reasons == {Reason.NOT_SETTLED}


@pytest.mark.parametrize(
    ("zone", "found"),
    # Of the first afternoon of a zone well behind UTC too few hours are of that day in UTC.
    [(0, True), (2, True), (9, True), (-5, False)],
)
def test_what_is_doubted_is_judged_when_the_day_is_over(zone: int, found: bool) -> None:
    end = START + 6 * 24 * HOUR
    stamps = [at for at in moments(0, 6, zone=zone) * 2 if at < end - 3 * HOUR]
    form = "%Y-%m-%dT%H:%M:%SZ"
    texts = [
        f"198.51.100.{n % 200},,,{at:{form}},{at + timedelta(seconds=30):{form}},s-1,business"
        for n, at in enumerate(stamps)
    ]
    store(*texts, complete_until=end - 3 * HOUR)
    assert ask(19).reasons == {Reason.NOT_SETTLED}
    store(*rows(5, 6)[12:13], complete_until=end)
    assert LeaseSource.objects.get().doubted_from is None
    assert list(DriftedDay.objects.values_list("day", flat=True)) == ([CHANGED] if found else [])
    assert ask(19).reasons == {Reason.CLOCK_SUSPECT if found else Reason.NO_HOLDER}


@pytest.mark.parametrize(
    ("until", "step", "reason"),
    [(12.25, 0.02, Reason.NO_HOLDER), (12.5, 0.02, Reason.NOT_SETTLED), (15, 1, Reason.NO_HOLDER)],
)
def test_a_busy_source_is_doubted_after_half_an_empty_hour_and_a_quiet_one_not_after_three(
    until: float, step: float, reason: Reason
) -> None:
    part_of_a_day(until, shift=12, step=step)
    assert ask(19, 2).reasons == {reason}


def test_a_running_day_is_doubted_no_longer_when_its_afternoon_comes() -> None:
    part_of_a_day(18, shift=12)
    assert LeaseSource.objects.get().doubted_from is not None
    late = [f"198.51.100.8,,,2026-09-19T{h}:10:00Z,2026-09-19T{h}:20:00Z,s-2,business" for h in range(12, 20)]
    store(*late, complete_until=datetime(2026, 9, 19, 20, tzinfo=UTC))
    assert LeaseSource.objects.get().doubted_from is None
    assert ask(19, 3).outcome is Resolution.NONE


def test_a_running_day_that_somebody_has_checked_is_answered_and_not_doubted_again() -> None:
    part_of_a_day(18, shift=12)
    with pytest.raises(InputError):
        run("clear_drift", "default", "2026-09-18")
    run("clear_drift", "default", "2026-09-19")
    assert ask(19, 3).outcome is Resolution.NONE
    store("198.51.100.8,,,2026-09-19T03:10:00Z,2026-09-19T03:20:00Z,s-2,business", complete_until=START + 139 * HOUR)
    assert LeaseSource.objects.get().doubted_from is None
    assert Event.objects.get(kind="lease-source:drift-cleared").body["days"] == ["2026-09-19"]


def test_another_source_of_the_same_addresses_makes_no_difference_and_one_of_others_is_answered() -> None:
    plan(("198.51.100.0/24", "dedicated"))
    store(*rows(0, 8), source="drifts")
    store("203.0.113.9,,,2026-09-01T00:00:00Z,2026-09-30T00:00:00Z,s-9,business", source="sound")
    sound = LeaseSource.objects.get(name="sound")
    AddressPlan.objects.create(prefix="203.0.113.0/24", from_at=START - 900 * HOUR, sharing="dedicated", source=sound)
    assert ask(19, address="203.0.113.9").subscriber == "s-9"
    assert ask(19).reasons == {Reason.CLOCK_SUSPECT}


def test_what_somebody_has_checked_is_answered_again_and_not_found_again() -> None:
    store(*rows(0, 8))
    assert "clear_drift default 2026-09-20" in report()
    run("clear_drift", "default", "2026-09-19")
    assert outcomes(range(19, 22)) == {19: {"NO_HOLDER"}, 20: {"CLOCK_SUSPECT"}, 21: {"CLOCK_SUSPECT"}}
    assert ask(19, 12).reasons == {Reason.CLOCK_SUSPECT}
    assert Event.objects.get(kind="lease-source:drift-cleared").body["days"] == ["2026-09-19"]
    said = report()
    assert "clear_drift default 2026-09-20" in said
    assert "2026-09-19" not in said
    assert ask(19).outcome is Resolution.NONE
    for source, day in (("default", "2026-09-19"), ("default", "2026-09-01"), ("nobody", "2026-09-20")):
        with pytest.raises(InputError):
            run("clear_drift", source, day)
    assert Event.objects.filter(kind="lease-source:drift-cleared").count() == 1


def test_the_report_puts_days_on_record_that_no_import_looked_at() -> None:
    store(*rows(0, 8))
    DriftedDay.objects.all().delete()
    assert ask(20).outcome is Resolution.NONE
    report()
    assert ask(20).reasons == {Reason.CLOCK_SUSPECT}


def read_log(stamps: list[datetime]) -> None:
    plan(*OURS)
    records = [packet(at, "Start", f"s{n}", "line-1", f"198.51.100.{n % 200}") for n, at in enumerate(stamps)]
    assert read(log(*records), chunk_records=50).records == len(records)


def test_a_log_is_judged_too() -> None:
    # Merged with others by its stamps.
    read_log(sorted(moments(0, 9)))
    assert set(DriftedDay.objects.values_list("day__day", flat=True)) >= {19, 20, 21}
    assert ask(20).reasons == {Reason.CLOCK_SUSPECT}
    assert ask(17).reasons != {Reason.CLOCK_SUSPECT}


def test_a_log_that_tells_its_afternoon_as_of_the_morning_says_nothing_of_such_days() -> None:
    # In the order in which it was written its stamps go back each noon.
    read_log(moments(0, 9))
    assert {day: ask(day).outcome for day in range(17, 22)} == {
        17: Resolution.NONE,
        18: Resolution.NONE,
        **dict.fromkeys((19, 20, 21), Resolution.INCOMPLETE),
    }


@pytest.mark.parametrize("zone", [0, 1, 2, -5, 9])
def test_the_afternoon_is_that_of_the_zone_of_the_source(zone: int) -> None:
    hours: dict[date, dict[int, int]] = {}
    for at in moments(0, 14, zone=zone) * 3:
        day = hours.setdefault(at.date(), {})
        day[at.hour] = day.get(at.hour, 0) + 1
    found = days_without_afternoon(hours, [(START, START + 14 * 24 * HOUR)])
    # On its first and last day in UTC a zone may still be on the other clock.
    assert set(found) >= {CHANGED + timedelta(days=n) for n in range(1, 7)}
    assert min(found) >= CHANGED - timedelta(days=1)


def test_a_few_rows_that_lie_elsewhere_hide_no_drift() -> None:
    hours = {date(2026, 9, day): dict.fromkeys(range(24), 40) for day in range(1, 10)}
    hours[CHANGED] = dict.fromkeys(range(12), 80) | {23: 3}
    assert days_without_afternoon(hours, [(START - 900 * HOUR, START + 900 * HOUR)]) == [CHANGED]
    hours[CHANGED] = dict.fromkeys(range(12), 60) | dict.fromkeys(range(12, 24), 20)
    assert days_without_afternoon(hours, [(START - 900 * HOUR, START + 900 * HOUR)]) == []


def test_a_few_rows_do_not_show_what_is_usual() -> None:
    hours = {date(2026, 9, 10): {0: 1}, date(2026, 9, 18): {7: 2, 6: 1}, date(2026, 9, 19): {20: 9}}
    assert days_without_afternoon(hours, [(START - 900 * HOUR, START + 900 * HOUR)]) == []


def busy(hour: int) -> int:
    return 6 if 8 <= hour < 22 else 0


@pytest.mark.parametrize("shape", [busy, lambda hour: 3 if hour < 12 else 1, lambda hour: 1 + hour % 5])
def test_a_source_that_sleeps_at_night_or_is_uneven_is_not_accused(shape: Callable[[int], int]) -> None:
    hours = {date(2026, 9, day): {hour: shape(hour) for hour in range(24) if shape(hour)} for day in range(1, 20)}
    assert days_without_afternoon(hours, [(START - 900 * HOUR, START + 900 * HOUR)]) == []


def test_every_command_runs_as_the_process_its_help_names() -> None:
    processes = importlib.import_module("manage").COMMAND_PROCESS
    folder = Path(__file__).resolve().parents[3] / "broker" / "management" / "commands"
    for file in folder.glob("[a-z]*.py"):
        found = re.search(r"\(process: (\w+)\)", file.read_text())
        if found:
            assert processes.get(file.stem) == found[1], file.stem


def ten_usual_days_and_three_of_twelve_hours() -> dict[date, dict[int, int]]:
    days = {date(2026, 9, day): dict.fromkeys(range(24), 50) for day in range(1, 11)}
    return days | {date(2026, 9, day): dict.fromkeys(range(12), 100) for day in range(11, 14)}


def delivered(missing: Callable[[datetime], timedelta], last: int = 15) -> list[tuple[datetime, datetime]]:
    """All hours from the first of the month until the beginning of that day, but for what is missing of each."""
    hours = [datetime(2026, 9, 1, tzinfo=UTC) + n * HOUR for n in range((last - 1) * 24)]
    return [(at, at + HOUR - missing(at)) for at in hours if missing(at) < HOUR]


@pytest.mark.parametrize(
    "missing",
    [
        lambda at: timedelta(seconds=at.day > 10 and at.hour == 9),
        lambda at: timedelta(seconds=1),
        lambda at: timedelta(minutes=25),
        # What is not heard is not usual there either: every night, or another hour of each day.
        lambda at: HOUR if at.hour >= 22 else timedelta(),
        lambda at: HOUR if at.hour == at.day * 5 % 24 else timedelta(),
        lambda at: HOUR if 3 < at.day < 11 else timedelta(),
    ],
    ids=["a second a day", "a second an hour", "25 minutes an hour", "each night", "an hour a day", "the week before"],
)
def test_what_is_missing_of_a_day_does_not_hide_its_drift(missing: Callable[[datetime], timedelta]) -> None:
    found = days_without_afternoon(ten_usual_days_and_three_of_twelve_hours(), delivered(missing))
    assert found == [date(2026, 9, 11), date(2026, 9, 12), date(2026, 9, 13)]


@pytest.mark.parametrize("night", [True, False])
def test_hours_that_were_not_delivered_are_not_held_against_a_day(night: bool) -> None:
    days = {date(2026, 9, day): dict.fromkeys(range(24), 50) for day in range(1, 14)}
    for day in (11, 12, 13):
        days[date(2026, 9, day)] = dict.fromkeys(range(12), 50) if day > 11 else dict.fromkeys(range(18), 50)
    lost = {11: range(18, 24), 12: range(12, 24), 13: range(12, 24)}
    if night:
        # Nor is it usual that nothing comes where the usual days were not heard.
        for day in range(1, 11):
            days[date(2026, 9, day)] = dict.fromkeys(range(4, 24), 50)
            lost[day] = range(4)
    covered = delivered(lambda at: HOUR if at.hour in lost.get(at.day, ()) else timedelta())
    assert days_without_afternoon(days, covered) == []


def test_a_day_that_is_not_over_is_not_judged_by_the_hours_there_are() -> None:
    days = ten_usual_days_and_three_of_twelve_hours()
    until = datetime(2026, 9, 13, 23, 59, tzinfo=UTC)
    found = days_without_afternoon(days, [(START - 900 * HOUR, until)])
    assert found == [date(2026, 9, 11), date(2026, 9, 12)]


def test_a_running_day_is_doubted_though_a_second_of_each_hour_is_missing() -> None:
    days = ten_usual_days_and_three_of_twelve_hours()
    running = {day: days[day] for day in sorted(days)[:11]}
    covered = [*delivered(lambda at: timedelta(seconds=1), last=11)]
    covered += [(lo, hi) for lo, hi in delivered(lambda at: timedelta(seconds=1), last=12)[240:] if lo.hour < 20]
    assert doubted_day(running, covered, judge_days(running, covered)[1]) == date(2026, 9, 11)

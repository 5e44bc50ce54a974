"""A wrong clock that every record shows is found by the import, and nobody is named whom it may have moved there."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from broker.attribution.clock_lag import FEWEST, STRETCH, Lags
from broker.attribution.describe import describe_source, set_clock
from broker.attribution.ground import CLOCK_LIMIT
from broker.attribution.logs.accounting import Refusal, Reject
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.formats import Told
from broker.attribution.sources import SOURCE_TOLERANCE
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.audit.models import Event as Said
from broker.errors import InputError
from broker.leases import log_store
from broker.leases.models import LeaseSource, LogProgress, SourceDay
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import NOW, OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ADDRESS = "198.51.100.7"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
NOTHING = timedelta()


def two_lines() -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def sight(heard: datetime, lag: timedelta = NOTHING, nas: str = "192.0.2.9") -> str:
    """Some other session is seen; lag: how long before it was heard it is stamped."""
    name = f"o{heard:%d%H%M%S}"
    return packet(heard, "Interim-Update", name, "line-9", "198.51.100.200", 60, nas=nas, stamp=heard - lag)


def handed_over(lag: timedelta) -> list[str]:
    """line-1 until 10:00 and line-2 from 10:01 on, by the collector; every record is stamped that long before."""
    found = [(DAY + h * HOUR + 20 * MINUTE, sight(DAY + h * HOUR + 20 * MINUTE, lag)) for h in range(24)]
    for user, session, start, end in (
        ("line-1", "s1", 6 * HOUR, 10 * HOUR),
        ("line-2", "s2", 10 * HOUR + MINUTE, 14 * HOUR),
    ):
        at = start
        while at <= end:
            status = "Start" if at == start else "Stop" if at == end else "Interim-Update"
            heard, seconds = DAY + at, None if at == start else int((at - start) / SECOND)
            record = packet(heard, status, session, user, ADDRESS, seconds, stamp=heard - lag)
            found.append((heard, record))
            at = min(end, at + HOUR) if at < end else end + HOUR
    return [text for _, text in sorted(found, key=lambda record: record[0])]


def offsets() -> dict[date, timedelta]:
    return dict(SourceDay.objects.values_list("day", "found_offset"))


def report(source: str = "radius", code: int = 1) -> str:
    out = io.StringIO()
    with pytest.raises(SystemExit, match=f"^{code}$") if code else nullcontext():
        call_command("lease_report", "--source", source, "--from", "2026-09-01T00:00:00Z", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("minutes", [40, 180, -4])
def test_a_clock_that_is_wrong_in_every_record_names_nobody(minutes: int) -> None:
    two_lines()
    read(log(*handed_over(minutes * MINUTE)))
    for at in (DAY + 9.5 * HOUR, DAY + 9 * HOUR + 50 * MINUTE, DAY + 10 * HOUR + 3 * MINUTE):
        assert ask(ADDRESS, at).reasons == {Reason.CLOCK_SUSPECT}
    assert offsets()[DAY.date()] == abs(minutes) * MINUTE


@pytest.mark.parametrize("attribute", ['Framed-Route = "198.51.100.40 0.0.0.0 1"', "Framed-IPv6-Prefix = fe80::/64"])
def test_a_clock_is_measured_by_records_of_which_one_part_cannot_be_used(attribute: str) -> None:
    two_lines()
    slow = [text.replace("\tTimestamp", f"\t{attribute}\n\tTimestamp") for text in handed_over(40 * MINUTE)]
    right = [sight(DAY + h * HOUR, nas="192.0.2.10") for h in range(24)]
    report = read(log(*sorted([*slow, *right], key=lambda record: record[-12:])))
    assert report.rejected == {"EVENT_WITHOUT_ADDRESS": len(slow)}
    assert offsets()[DAY.date()] == 40 * MINUTE
    # By the collector, line-2 has it since 10:01.
    assert ask(ADDRESS, DAY + 10 * HOUR + 3 * MINUTE).reasons == {Reason.CLOCK_SUSPECT}


def test_a_record_that_is_refused_for_its_stamp_measures_no_clock() -> None:
    late = Reject(1, Refusal.TOO_LATE), Reject(2, Refusal.FUTURE)
    events = lags(*every(10 * MINUTE, 1, NOTHING), (11 * MINUTE, 48 * HOUR), (12 * MINUTE, -1 * HOUR))
    assert Lags({}).measure(events, late) == {}
    assert Lags({}).measure(events, [Reject(2, Refusal.ALIVE_AFTER_END)]) == {DAY.date(): HOUR}


@pytest.mark.parametrize("seconds", [5, 2, 0, -2, -5])
def test_a_clock_within_the_limit_widens_the_window(seconds: int) -> None:
    two_lines()
    read(log(*handed_over(seconds * SECOND)))
    at = DAY + 8 * HOUR
    verdict = ask(ADDRESS, at)
    assert verdict.subscriber == "c-1"
    assert verdict.until_at == at + SECOND + 10 * SECOND + abs(seconds) * SECOND + SOURCE_TOLERANCE


def test_what_logs_show_makes_no_clock_better_than_whoever_described_it() -> None:
    two_lines()
    read(log(*handed_over(2 * SECOND)))
    describe_source("radius", worst_offset=MINUTE)
    at = DAY + 8 * HOUR
    assert ask(ADDRESS, at).until_at == at + SECOND + 10 * SECOND + MINUTE
    set_clock("radius", DAY.date(), SECOND, 1, now=NOW)
    assert ask(ADDRESS, at).until_at == at + SECOND + 10 * SECOND + 2 * SECOND + SOURCE_TOLERANCE
    set_clock("radius", DAY.date(), 3 * SECOND, 1, now=NOW)
    assert ask(ADDRESS, at).until_at == at + SECOND + 10 * SECOND + 3 * SECOND + SOURCE_TOLERANCE


def test_a_zone_that_was_told_wrongly_names_nobody() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")
    hours = [DAY + h * HOUR for h in range(24)]
    inside = [packet(at, "Interim-Update", f"s{n}", f"line-{n}", f"100.64.3.{n}", 60) for at in hours for n in (1, 2)]
    read(log(*inside), source="radius")

    def assigned(at: datetime, letter: str, who: int) -> str:
        local = at.astimezone(ZoneInfo("Europe/Madrid"))
        return (
            f"{at:%Y-%m-%dT%H:%M:%S}.000Z <134>1 {local:%Y %b %d %H:%M:%S} 192.0.2.1 - - NAT44 - "
            f"[Userbased{letter} - 100.64.3.{who} - - 203.0.113.7 - 20480 20991 - -]\n"
        )

    lines = [
        assigned(hours[6], "A", 1),
        assigned(hours[12], "W", 1),
        assigned(hours[12] + MINUTE, "A", 2),
        assigned(hours[20], "W", 2),
        assigned(hours[23], "A", 2),
    ]
    told = Told(zone=ZoneInfo("Europe/Istanbul"))
    read(log(*lines), source="nat", format_name="cgn-cisco-xr", told=told, place="nat")
    assert ask("203.0.113.7", DAY + 11.5 * HOUR, 20500).reasons == {Reason.CLOCK_SUSPECT}
    assert "the zone that was told is wrong" in report("nat")


def test_the_report_and_an_event_say_so_once_until_a_person_takes_the_day_back_and_it_gets_worse() -> None:
    two_lines()
    records = handed_over(40 * MINUTE)
    read(log(*records))
    said = report()
    assert "! On 2026-09-14 the stamps of a device are 2400 s from those of its collector" in said
    assert "clear_drift radius 2026-09-14" in said
    (event,) = Said.objects.filter(kind="lease-source:clock-differs")
    assert event.body["days"] == ["2026-09-14"]
    call_command("clear_drift", "radius", "2026-09-14", verbosity=0)
    assert ask(ADDRESS, DAY + 8 * HOUR).subscriber == "c-1"
    assert "2026-09-14" not in report(code=0).replace("Complete from 2026-09-14", "").replace("until 2026-09-14", "")
    # As much as was accepted is nothing new, and more is.
    read(log(*records, sight(DAY + 23.5 * HOUR, 40 * MINUTE), sight(DAY + 23.6 * HOUR, 40 * MINUTE)))
    assert ask(ADDRESS, DAY + 8 * HOUR).subscriber == "c-1"
    slower = [sight(DAY + 23.7 * HOUR + n * 5 * MINUTE, HOUR) for n in range(3)]
    read(log(*slower), place="next")
    assert ask(ADDRESS, DAY + 8 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert Said.objects.filter(kind="lease-source:clock-differs").count() == 2
    assert Said.objects.filter(kind="lease-source:drift-cleared").count() == 1


def test_what_somebody_measured_and_typed_wrongly_is_taken_back_too() -> None:
    two_lines()
    read(log(*handed_over(NOTHING)))
    set_clock("radius", DAY.date(), HOUR, 1, now=NOW)
    assert ask(ADDRESS, DAY + 8 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    call_command("clear_drift", "radius", "2026-09-14", verbosity=0)
    assert ask(ADDRESS, DAY + 8 * HOUR).subscriber == "c-1"
    with pytest.raises(InputError, match=r"drift\.unknown"):
        call_command("clear_drift", "radius", "2026-09-14", verbosity=0)


# How single records are judged, without a store.


def lags(*heard: tuple[timedelta, timedelta], device: str = "a") -> list[Event]:
    """Events of a device: when each is heard, from DAY on, and how long before that it is stamped."""
    return [
        Event(n, Kind.ALIVE, DAY + at - lag, device, "198.51.100.9", holder="user:x", received_at=DAY + at)
        for n, (at, lag) in enumerate(heard)
    ]


def every(step: timedelta, count: int, lag: timedelta, start: timedelta = NOTHING) -> list[tuple[timedelta, timedelta]]:
    return [(start + n * step, lag) for n in range(count)]


def found(events: Iterable[Event]) -> dict[date, timedelta]:
    return Lags({}).measure(events)


@pytest.mark.parametrize("late", [MINUTE, 3 * HOUR])
def test_one_late_record_shows_nothing_however_few_there_are(late: timedelta) -> None:
    prompt = every(3 * HOUR, 12, NOTHING)
    for place in range(len(prompt)):
        changed = [*prompt]
        changed[place] = (prompt[place][0], late)
        assert found(lags(*changed)) == {}
    assert found(lags((HOUR, late))) == {}
    # A few hours of a server that everything reaches at the second try only, in between.
    assert (
        found(lags(*every(4 * MINUTE, 40, NOTHING), (161 * MINUTE, late), *every(MINUTE, 30, NOTHING, 162 * MINUTE)))
        == {}
    )


def test_a_moment_that_is_reckoned_from_the_hearing_says_nothing_of_a_clock() -> None:
    late = lags(*every(MINUTE, 30, 10 * MINUTE))
    assert found(late) == {DAY.date(): 10 * MINUTE}
    assert found(event._replace(reckoned=True) for event in late) == {}


def test_what_was_kept_for_hours_and_came_all_at_once_shows_nothing() -> None:
    back = 5 * HOUR
    kept = [(back + n * SECOND, back + n * SECOND - n * 6 * MINUTE) for n in range(40)]
    after = every(10 * MINUTE, 6, NOTHING, back + 10 * MINUTE)
    assert found(lags(*every(10 * MINUTE, 6, NOTHING), *kept, *after)) == {}


def test_a_relay_that_holds_everything_back_makes_the_day_doubtful() -> None:
    noise = random.Random(5)
    delays = [(n * MINUTE, (120 + noise.randrange(60)) * SECOND) for n in range(600)]
    assert 120 * SECOND <= found(lags(*delays))[DAY.date()] <= 180 * SECOND


def test_one_stamp_later_than_its_hearing_shows_a_wrong_clock() -> None:
    assert found(lags(*every(MINUTE, 30, NOTHING), (31 * MINUTE, -4 * MINUTE))) == {DAY.date(): 4 * MINUTE}


def test_a_clock_that_is_slow_for_an_hour_is_found_among_a_day_that_is_right() -> None:
    prompt = every(MINUTE, 1440, SECOND)
    wrong = [(at, lag + (20 * MINUTE if 600 <= n < 660 else NOTHING)) for n, (at, lag) in enumerate(prompt)]
    assert found(lags(*wrong))[DAY.date()] == 20 * MINUTE + SECOND


def test_a_device_that_begins_without_a_clock_is_found_in_the_first_minutes() -> None:
    begun = every(10 * SECOND, 60, 20 * MINUTE)
    assert found(lags(*begun, *every(10 * SECOND, 600, NOTHING, 10 * MINUTE))) == {DAY.date(): 20 * MINUTE}


def test_each_device_is_judged_by_itself_and_a_busy_one_hides_no_other() -> None:
    wrong = lags(*every(5 * HOUR, 4, 2 * HOUR), device="b")
    right = lags(*every(MINUTE, 1200, NOTHING))
    mixed = sorted([*right, *(e._replace(pos=5_000 + e.pos) for e in wrong)], key=lambda e: str(e.received_at))
    assert found(mixed) == {DAY.date(): 2 * HOUR}


def test_days_between_two_records_are_not_marked_and_days_of_records_are() -> None:
    far = every(60 * HOUR, 3, HOUR)
    assert set(found(lags(*far))) == {(DAY + at).date() for at, _ in far}
    # A collector's stamp that is garbled leaves its own day at most.
    assert len(found(lags(*every(HOUR, 2, HOUR), (24 * HOUR * 9000, HOUR)))) <= 2


def test_what_one_record_says_of_several_addresses_counts_once() -> None:
    assert FEWEST == 3
    two = [
        event._replace(pos=n // 2) for n, event in enumerate(lags(*every(STRETCH, 2, HOUR), *every(STRETCH, 2, HOUR)))
    ]
    two = [two[0], two[0], two[1]._replace(pos=1), two[1]._replace(pos=1)]
    assert found(two) == {}


@pytest.mark.parametrize("seed", range(5))
def test_it_makes_no_difference_where_chunks_end(seed: int) -> None:
    dice = random.Random(seed)
    at, heard = NOTHING, []
    for _ in range(400):
        at += dice.choice([SECOND, MINUTE, 20 * MINUTE, 3 * HOUR])
        heard.append((at, dice.choice([NOTHING, SECOND, 4 * SECOND, MINUTE, HOUR, -3 * SECOND])))
    events = [e._replace(device=dice.choice("abc")) for e in lags(*heard)]
    whole = found(events)
    state: dict[str, object] = {}
    parts: dict[date, timedelta] = {}
    while events:
        size = dice.randrange(1, 9)
        measured = Lags(state)
        for day, offset in measured.measure(events[:size]).items():
            parts[day] = max(offset, parts.get(day, offset))
        state, events = measured.state(), events[size:]
    assert parts == whole


# How it is kept.


def history() -> list[str]:
    return [*handed_over(3 * SECOND), *(sight(DAY + 24 * HOUR + n * 4 * MINUTE, HOUR / 2) for n in range(30))]


def answers() -> list[Verdict]:
    return [ask(ADDRESS, DAY + h * HOUR) for h in (8, 10, 12, 23, 24, 25)]


@pytest.mark.parametrize(("size", "kill"), [(1, 0), (7, 2), (3, 9), (20, 1)])
def test_a_log_that_is_cut_or_killed_leaves_the_same_as_an_undisturbed_one(
    monkeypatch: pytest.MonkeyPatch, size: int, kill: int
) -> None:
    two_lines()
    records = history()
    read(log(*records), source="whole")
    store_chunk, left = log_store.store_chunk, [kill]

    def killed(progress: LogProgress, source: LeaseSource, chunk: log_store.Chunk, *, now: datetime) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        store_chunk(progress, source, chunk, now=now)

    with monkeypatch.context() as patch:
        patch.setattr(log_store, "store_chunk", killed)
        with pytest.raises(KeyboardInterrupt) if kill else nullcontext():
            read(log(*records), chunk_records=size, source="cut")
    read(log(*records), chunk_records=size, source="cut")
    expected = {DAY.date(): 3 * SECOND, (DAY + 24 * HOUR).date(): HOUR / 2}
    for source in LeaseSource.objects.order_by("name"):
        days = SourceDay.objects.filter(source=source).values_list("day", "found_offset")
        assert (dict(days), source.lags) == (expected, LeaseSource.objects.get(name="whole").lags)


def test_a_copy_of_the_log_under_another_name_changes_nothing() -> None:
    two_lines()
    records = history()
    read(log(*records))
    before, said = offsets(), answers()
    read(log("Comment\n\n", *records), place="copy")
    assert (offsets(), answers()) == (before, said)


def test_logs_that_are_short_are_judged_together() -> None:
    two_lines()
    records: Sequence[str] = handed_over(40 * MINUTE)
    for n, record in enumerate(records):
        read(log(record), place=f"detail.{n}")
    assert offsets()[DAY.date()] == 40 * MINUTE


def test_nothing_lowers_what_was_found_or_measured_before() -> None:
    two_lines()
    read(log(*handed_over(40 * MINUTE)))
    read(log(*(sight(DAY + 23 * HOUR + 21 * MINUTE + n * MINUTE) for n in range(30))), place="next")
    assert offsets()[DAY.date()] == 40 * MINUTE
    set_clock("radius", DAY.date(), SECOND, 1, now=NOW)
    assert ask(ADDRESS, DAY + 8 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert LeaseSource.objects.get(name="radius").lags != {}
    assert CLOCK_LIMIT == 5 * SECOND
    assert Resolution.INCOMPLETE is ask(ADDRESS, DAY + 8 * HOUR).outcome

"""A clock that runs ahead and is right again makes nobody a holder, however the log is cut, killed and read again."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from broker.attribution.verdict import Reason, Resolution
from broker.leases import log_store
from tests.support.detail_log import DAY, HOUR, ask, ask_all, contracts, log, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ADDRESS = "198.51.100.7"
MINUTE = HOUR / 60


@pytest.fixture(autouse=True)
def two_lines() -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def others(first: datetime, last: datetime, nas: str = "192.0.2.9") -> list[str]:
    """Sights of sessions on other addresses, so that the device is heard of."""
    at, found = first, []
    while at <= last:
        found.append(packet(at, "Interim-Update", f"o{at:%d%H%M}", "line-9", "198.51.100.200", 60, nas=nas))
        at += 20 * MINUTE
    return found


def session(user: str, name: str, start: datetime, *rest: tuple[str, datetime, datetime]) -> list[tuple[datetime, str]]:
    """A session; each of the rest is what is written, when it is written and the stamp that it gets."""
    found = [(start, packet(start, "Start", name, user, ADDRESS))]
    for status, written, stamped in rest:
        seconds = int((written - start).total_seconds())
        found.append((written, packet(stamped, status, name, user, ADDRESS, seconds)))
    return found


def written(*records: tuple[datetime, str], until: datetime) -> list[str]:
    """All of it, in the order in which it was written, among the records of others."""
    at, more = DAY, []
    while at <= until:
        more.append((at, others(at, at)[0]))
        at += 20 * MINUTE
    return [text for _, text in sorted([*records, *more], key=lambda found: found[0])]


def ahead(by: timedelta, until: datetime = DAY + 130 * HOUR) -> list[str]:
    """line-1 has the address from 06:00 to 09:00; its interim of 08:00 is stamped wrongly, and nobody has it after."""
    at = [DAY + n * HOUR for n in range(24)]
    return written(
        *session("line-1", "s1", at[6], ("Interim-Update", at[8], at[8] + by), ("Stop", at[9], at[9])), until=until
    )


@pytest.mark.parametrize(
    ("hours", "lost", "before"),
    [
        (20, False, Resolution.UNIQUE),
        # A Stop that comes more than a day behind the clock is refused as if it were lost, and shows no length.
        (20, True, Resolution.AMBIGUOUS),
        (72, False, Resolution.AMBIGUOUS),
        (72, True, Resolution.AMBIGUOUS),
    ],
)
def test_one_stamp_that_runs_ahead_makes_nobody_hold_the_address_until_then(
    hours: int, lost: bool, before: Resolution
) -> None:
    records = ahead(hours * HOUR)
    if lost:
        records = [record for record in records if "Acct-Status-Type = Stop" not in record]
    read(log(*records))
    for after in range(9, 8 + hours):
        verdict = ask(ADDRESS, DAY + after * HOUR + HOUR / 2)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.COLLECTION_GAP}), after
    # Of what lies before nothing is taken back, and what comes after is vouched for again.
    assert ask(ADDRESS, DAY + 7 * HOUR).outcome is before
    assert ask("198.51.100.9", DAY + 5 * HOUR).outcome is Resolution.NONE
    assert ask("198.51.100.9", DAY + 100 * HOUR).outcome is Resolution.NONE


@pytest.mark.parametrize("portion", [1, 7])
def test_nor_when_it_is_read_in_portions(portion: int) -> None:
    read(log(*ahead(72 * HOUR, DAY + 30 * HOUR)), chunk_records=portion)
    assert ask(ADDRESS, DAY + 30 * HOUR).outcome is Resolution.INCOMPLETE


@pytest.mark.parametrize("hours", [20, 72])
def test_nor_when_the_clock_is_right_again_in_the_next_log(hours: int) -> None:
    records = ahead(hours * HOUR, DAY + 30 * HOUR)
    wrong = next(n for n, record in enumerate(records) if '"s1"' in record and "Interim" in record)
    read(log(*records[: wrong + 1]), place="detail.1")
    assert ask(ADDRESS, DAY + 15 * HOUR).outcome is not Resolution.NONE
    read(log(*records[wrong + 1 :]), place="detail")
    for after in (10, 15, 20, 25):
        assert ask(ADDRESS, DAY + after * HOUR).outcome is Resolution.INCOMPLETE


def test_an_end_that_is_stamped_a_day_late_makes_its_holder_nothing() -> None:
    at = [DAY + n * HOUR for n in range(40)]
    read(log(*written(*session("line-1", "s1", at[6], ("Stop", at[9], at[29])), until=at[39])))
    for after in range(10, 28):
        assert ask(ADDRESS, at[after]).subscriber is None


def test_records_of_a_device_that_ran_ahead_of_everybody_leave_a_gap() -> None:
    """Its records are refused as of the future, and it may have said of anybody whatever."""
    at = [DAY + n * HOUR for n in range(24)]
    wrong = [
        packet(at[8], "Start", "s1", "line-1", ADDRESS).replace(
            "\tTimestamp", f"\tEvent-Timestamp = {2**32 - 9}\n\tTimestamp"
        )
    ]
    records = [*others(at[0], at[6]), *wrong, *others(at[10], at[20])]
    first = read(log(*records[:21]), chunk_records=4)
    assert set(first.rejected) == {"EVENT_IN_FUTURE"}
    read(log(*records))
    assert ask(ADDRESS, at[8] + HOUR / 2).reasons == {Reason.COLLECTION_GAP}
    assert ask(ADDRESS, at[12]).outcome is Resolution.NONE


def by_a_wrong_clock(*wrong: tuple[float, float, float], beside: bool = False) -> list[str]:
    """Give the records of `when_written`."""
    return [text for _, text in when_written(*wrong, beside=beside)]


def when_written(
    *wrong: tuple[float, float, float], beside: bool = False, others_every: int = 10
) -> list[tuple[datetime, str]]:
    """Line-1 and line-2 have the address by turns, 100 minutes each; wrong: from and to, by how many hours.

    beside: another device, whose clock is right, writes to the same log.
    """
    written = []

    def write(at: datetime, status: str, session: int, user: str, address: str = ADDRESS) -> None:
        stamp = at + sum((by * HOUR for lo, hi, by in wrong if DAY + lo * HOUR <= at < DAY + hi * HOUR), 0 * HOUR)
        written.append((at, packet(stamp, status, f"s{session}", user, address)))

    for number in range(36):
        start, user = DAY + 2 * number * HOUR, f"line-{number % 2 + 1}"
        # At the rhythm of the device, as all its sessions.
        for minutes in range(1, 102, 10):
            status = {1: "Start", 101: "Stop"}.get(minutes, "Interim-Update")
            write(start + minutes * MINUTE, status, number, user)
        for minutes in range(0, 120, others_every):
            write(start + minutes * MINUTE, "Interim-Update", 99, "line-9", "198.51.100.200")
    if beside:
        for minutes in range(5, 72 * 60, 10):
            at = DAY + minutes * MINUTE
            written.append((at, others(at, at, nas="192.0.2.10")[0]))
    return sorted(written)


def rightly_named(first: float, last: float) -> list[float]:
    """Ask each half hour, in hours of `by_a_wrong_clock`; gives when somebody is named. Nobody is named wrongly."""
    named, asked = [], range(int(2 * first), int(2 * last))
    verdicts = ask_all(ADDRESS, [DAY + half_hours * HOUR / 2 + 10 * MINUTE for half_hours in asked])
    for half_hours, verdict in zip(asked, verdicts, strict=True):
        number, minutes = divmod(half_hours * 30 + 10, 120)
        truth = f"c-{number % 2 + 1}" if 1 < minutes < 101 else None
        assert verdict.subscriber in (truth, None), half_hours / 2
        assert truth is None or verdict.outcome is not Resolution.NONE, half_hours / 2
        if verdict.subscriber:
            named.append(half_hours / 2)
    return named


@pytest.mark.parametrize("cut", ["not at all", "in portions", "in logs"])
@pytest.mark.parametrize(
    "wrong",
    [
        ((20, 25, 3),),
        ((20, 25, -3),),
        ((20, 25, 20),),
        ((20, 46, -3),),
        ((20, 46, 3),),
        ((20, 46, -3), (30, 35, -4)),
        ((20, 46, -3), (30, 31, 3)),
        ((12, 12.5, 20), (24, 50, -3)),
        ((12, 15, -3), (24, 30, -3)),
    ],
    ids=str,
)
def test_a_clock_that_is_wrong_for_longer_than_it_jumped_names_nobody_wrongly(
    wrong: tuple[tuple[float, float, float], ...], cut: str
) -> None:
    records = by_a_wrong_clock(*wrong)
    if cut == "in logs":
        # Where a clock goes back between two logs, the second looks like one that is late.
        for first in range(0, len(records), 106):
            read(log(*records[first : first + 106]), place=f"detail.{first}")
    else:
        read(log(*records), chunk_records=31 if cut == "in portions" else 10_000)
    named = rightly_named(2, 66)
    # What lies well before it is answered.
    assert min(named) < min(lo for lo, _, _ in wrong) - 5
    # And after it, unless it seems that the device had nothing to write and was put back long after.
    ran_ahead = any(by > 0 and hi - lo > by for lo, hi, by in wrong)
    assert (len([hour for hour in named if hour > 55]) > 10) is not ran_ahead


def test_a_clock_that_was_ahead_for_longer_than_it_jumped_is_right_again_where_it_agrees_with_another() -> None:
    read(log(*by_a_wrong_clock((20, 46, 3), beside=True)))
    named = rightly_named(0, 66)
    assert min(hour for hour in named if hour > 20) >= 49
    assert len(named) > 50


@pytest.mark.parametrize("rate", ["by the day", "by the hour", "by the hour of that clock"])
def test_a_clock_that_is_put_back_where_a_log_ends_names_nobody_wrongly_until_it_is_right(rate: str) -> None:
    files: dict[str, list[str]] = {}
    # Read as it is written, until after it is put right.
    for hour, found in groupby(when_written((24, 46, -3), others_every=5), lambda one: one[0].replace(minute=0)):
        stamp = hour - 3 * HOUR if DAY + 24 * HOUR <= hour < DAY + 46 * HOUR else hour
        name = {"by the day": f"{hour:%d}", "by the hour": f"{hour:%d %H}"}.get(rate, f"{stamp:%d %H}")
        files.setdefault(name, []).extend(text for _, text in found)
        read(log(*files[name]), place=name, clock=lambda hour=hour: hour + HOUR)
    named = rightly_named(2, 66)
    assert min(named) < 5
    assert [hour for hour in named if 22 < hour < 46] == []
    assert len([hour for hour in named if hour > 50]) > 10


def test_a_clock_that_is_put_back_while_sessions_go_on_shows_it_by_their_interims() -> None:
    at = [DAY + n * HOUR for n in range(48)]
    back = 2 * HOUR

    def stamp(moment: datetime) -> datetime:
        return moment - back if moment >= at[26] else moment

    records = [
        *((m, packet(stamp(m), "Interim-Update", "o", "line-9", "198.51.100.200")) for m in steps(at[0], at[47])),
        *((m, packet(stamp(m), "Interim-Update", "s1", "line-1", ADDRESS)) for m in steps(at[20], at[32])),
        (at[20], packet(at[20], "Start", "s1", "line-1", ADDRESS)),
        (at[32] + MINUTE, packet(stamp(at[32] + MINUTE), "Stop", "s1", "line-1", ADDRESS)),
        (at[32] + 2 * MINUTE, packet(stamp(at[32] + 2 * MINUTE), "Start", "s2", "line-2", ADDRESS)),
        *((m, packet(stamp(m), "Interim-Update", "s2", "line-2", ADDRESS)) for m in steps(at[33], at[47])),
    ]
    read(log(*(text for _, text in sorted(records))))
    assert ask(ADDRESS, at[22]).subscriber == "c-1"
    assert ask(ADDRESS, at[31]).subscriber != "c-2"


def steps(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * 10 * MINUTE for n in range(int((last - first) / (10 * MINUTE)))]


def test_a_device_that_had_nothing_to_write_for_as_long_as_its_clock_is_put_back_names_nobody_wrongly() -> None:
    silent = [(at, text) for at, text in when_written((20, 46, -3)) if not DAY + 4 * HOUR < at < DAY + 7.4 * HOUR]
    read(log(*(text for _, text in silent)))
    # It may have been ahead since then.
    assert max(rightly_named(2, 44)) < 4


def test_a_quiet_device_does_not_make_its_clock_right_by_writing_nothing() -> None:
    """Of its records one in 62 minutes is left; the address passes on every five hours."""
    written = []
    for n in range(70):
        at = DAY + n * 62 * MINUTE
        stamp = at - 3 * HOUR if DAY + 20 * HOUR <= at < DAY + 60 * HOUR else at
        number, place = divmod(n, 5)
        status = {0: "Start", 4: "Stop"}.get(place, "Interim-Update")
        written.append(packet(stamp, status, f"s{number}", f"line-{number % 2 + 1}", ADDRESS))
    read(log(*written))
    for n in range(5, 68 * 2):
        at = DAY + n * 31 * MINUTE + MINUTE
        if DAY + 20 * HOUR < at < DAY + 57 * HOUR:
            assert ask(ADDRESS, at).subscriber in (f"c-{n // 10 % 2 + 1}", None), n


def test_a_clock_that_had_always_been_ahead_is_right_again_once_its_stamps_are_those_of_their_reading() -> None:
    records = by_a_wrong_clock((-1, 20, 3))
    until = next(n for n, record in enumerate(records) if "Sep 15 10:01:00" in record)
    read(log(*records[:until]), clock=lambda: DAY + 33 * HOUR + 59 * MINUTE)
    read(log(*records))
    named = [hour for hour in range(66) if ask(ADDRESS, DAY + hour * HOUR + 40 * MINUTE).subscriber]
    # How wrong it was before anybody noticed, nothing says.
    later = [hour for hour in named if hour > 19]
    assert later == list(range(33, 66))


def closed() -> list[str]:
    at = [DAY + n * HOUR for n in range(24)]
    return written(*session("line-1", "s1", at[6], ("Stop", at[9], at[9])), until=at[14])


@pytest.mark.parametrize(
    ("status", "hour"), [("Interim-Update", 8), ("Stop", 9), ("Start", 6)], ids=["alive", "end", "begin"]
)
@pytest.mark.parametrize("where", ["a later portion", "a later log", "a much later log"])
def test_a_record_that_names_another_holder_counts_however_late_it_comes(status: str, hour: int, where: str) -> None:
    records = closed()
    read(log(*records))
    assert ask(ADDRESS, DAY + 7 * HOUR).subscriber == "c-1"
    at = DAY + hour * HOUR
    contradiction = packet(at, status, "s1", "line-2", ADDRESS, None if status == "Start" else (hour - 6) * 3600)
    if where == "a later portion":
        report = read(log(*records, contradiction))
    else:
        if where == "a much later log":
            read(log(*others(DAY + 14 * HOUR, DAY + 60 * HOUR)), place="second")
            assert ask(ADDRESS, DAY + 7 * HOUR).subscriber == "c-1"
        report = read(log(contradiction), place="third")
    assert report.rejected.total() == 1
    verdict = ask(ADDRESS, DAY + 7 * HOUR)
    assert verdict.outcome in (Resolution.AMBIGUOUS, Resolution.INCOMPLETE)
    # A copy of it says nothing else.
    read(log(contradiction, contradiction), place="fourth")
    assert ask(ADDRESS, DAY + 7 * HOUR).subscriber is None


def test_an_earlier_end_of_what_is_stored_is_not_passed_over() -> None:
    at = [DAY + n * HOUR for n in range(24)]
    read(log(*closed(), packet(at[7], "Stop", "s1", "line-1", ADDRESS, 3600)))
    assert ask(ADDRESS, at[8]).subscriber is None


def test_a_copy_of_old_records_takes_nothing_away() -> None:
    at = [DAY + n * HOUR for n in range(24)]
    records = [*closed(), *others(at[14], DAY + 60 * HOUR)]
    read(log(*records))
    for name, first in (("copy", 3), ("other", 9)):
        copy = read(log(*records[first:40]), place=name)
        assert copy.rejected["EVENT_TOO_LATE"] > 10
    assert ask(ADDRESS, at[7]).subscriber == "c-1"
    assert ask(ADDRESS, at[10]).outcome is Resolution.NONE


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_kill_changes_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "".join(ahead(72 * HOUR, DAY + 30 * HOUR)).encode()
    genuine, count = log_store.store_chunk, iter(range(10_000))

    def dying(*args: Any, **named: Any) -> None:
        number = next(count)
        if number % 3 == 1:
            raise Killed
        genuine(*args, **named)
        if number % 3 == 2:
            raise Killed

    monkeypatch.setattr(log_store, "store_chunk", dying)
    for _ in range(200):
        try:
            read(io.BytesIO(data), chunk_records=5)
            break
        except Killed:
            continue
    assert ask(ADDRESS, DAY + 20 * HOUR).outcome is Resolution.INCOMPLETE

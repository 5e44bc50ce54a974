"""What cannot be read or used of a log leaves a gap, and who held an address on both sides is not sure between."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Reason, Resolution
from broker.leases.models import LogProgress
from tests.support.detail_log import DAY, HOUR, ask, log, read
from tests.support.log_lines import packet
from tests.support.lost_records import MINUTE, PUBLIC, Records, cut, in_order, inner_log, spans, two_lines, xr

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ADDRESS = "198.51.100.7"


@pytest.fixture(autouse=True)
def lines() -> None:
    two_lines()


def translations(*more: tuple[datetime, str]) -> Records:
    """line-1 has a block from 08:00 to 13:00 as far as can be read; line-2 had it meanwhile, which cannot."""
    at = [DAY + n * HOUR for n in range(24)]
    return [
        xr(at[8], "A", 1, 20_480),
        cut(xr(at[9], "W", 1, 20_480)),
        cut(xr(at[9] + 10 * MINUTE, "A", 2, 20_480)),
        cut(xr(at[9] + 10 * MINUTE, "A", 2, 30_720)),
        cut(xr(at[11], "W", 2, 20_480)),
        cut(xr(at[11], "W", 2, 30_720)),
        cut(xr(at[11] + 30 * MINUTE, "A", 1, 20_480)),
        xr(at[13], "W", 1, 20_480),
        xr(at[16], "A", 1, 2048),
        *more,
    ]


def busy() -> Records:
    """Every minute another block of line-2 comes and goes."""
    found = []
    for n in range(8 * 60, 15 * 60):
        found += [xr(DAY + n * MINUTE, "A", 2, 40_960), xr(DAY + n * MINUTE + MINUTE / 2, "W", 2, 40_960)]
    return found


def read_translations(records: list[str], place: str = "nat", portion: int = 1000) -> None:
    told = Told(zone=ZoneInfo("UTC"))
    read(log(*records), source="nat", format_name="cgn-cisco-xr", told=told, place=place, chunk_records=portion)


@pytest.mark.parametrize("portion", [1, 3, 1000])
def test_nothing_is_said_of_the_time_between_two_records_around_one_that_cannot_be_read(portion: int) -> None:
    inner_log()
    read_translations(in_order(translations()), portion=portion)
    for port in (20_500, 30_800):
        verdict = ask(PUBLIC, DAY + 10 * HOUR, port)
        assert verdict.outcome is Resolution.INCOMPLETE
        assert verdict.reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 14 * HOUR, 20_500).outcome is Resolution.NONE


@pytest.mark.parametrize("portion", [97, 5000])
def test_who_has_a_block_before_and_after_lost_records_has_it_for_certain_on_both_sides_alone(portion: int) -> None:
    inner_log()
    read_translations(in_order(translations(*busy())), portion=portion)
    said = {m: ask(PUBLIC, DAY + 8 * HOUR + m * MINUTE, 20_500) for m in (30, 60, 90, 120, 180, 210, 240, 290)}
    unique = {m for m, verdict in said.items() if verdict.subscriber == "c-1"}
    assert unique == {30, 240, 290}
    assert {m for m, verdict in said.items() if verdict.outcome is Resolution.INCOMPLETE} == {60, 180, 210}
    assert said[90].reasons == said[120].reasons == {Reason.UNCERTAIN_EDGE}


def sessions(*, counted: bool, lost: bool) -> Records:
    """line-1 has the address from 06:00 and at 12:00, in sessions of one name; line-2 had it at 09:00 in such a one."""

    def one(hour: float, status: str, user: str, since: int) -> tuple[datetime, str]:
        at = DAY + hour * HOUR
        return at, packet(at, status, "1", user, ADDRESS, int((hour - since) * 3600) if counted else None)

    unusable = [one(8, "Stop", "line-1", 6), one(8.1, "Start", "line-2", 8)]
    unusable += [one(9.9, "Stop", "line-2", 8), one(10, "Start", "line-1", 10)]
    last = 10 if lost else 6
    return [
        one(6, "Start", "line-1", 6),
        one(7, "Interim-Update", "line-1", 6),
        *((at, text.split("\tUser-Name")[0] + "\n") for at, text in unusable),
        one(11, "Interim-Update", "line-1", last),
        one(12, "Stop", "line-1", last),
        *((m := DAY + n * MINUTE, other(m)) for n in range(6 * 60, 14 * 60)),
    ]


def other(at: datetime) -> str:
    return packet(at, "Interim-Update", f"o{at:%d%H%M}", "line-9", "198.51.100.200", 60)


@pytest.mark.parametrize(
    ("counted", "lost", "outcome"),
    [
        (False, True, Resolution.AMBIGUOUS),
        (True, True, Resolution.AMBIGUOUS),
        (True, False, Resolution.UNIQUE),
    ],
)
def test_a_session_is_one_across_a_gap_only_by_its_own_count(counted: bool, lost: bool, outcome: Resolution) -> None:
    read(log(*in_order(sessions(counted=counted, lost=lost))))
    assert ask(ADDRESS, DAY + 9 * HOUR).outcome is outcome


def test_records_that_lack_their_holder_leave_a_gap() -> None:
    unnamed = [
        (DAY + h * HOUR, packet(DAY + h * HOUR, status, "s2", "line-2", ADDRESS).replace("\tUser-Name", "\tUserName"))
        for h, status in ((10, "Start"), (11, "Interim-Update"), (12, "Stop"))
    ]
    report = read(log(*in_order([*unnamed, *((DAY + h * HOUR, other(DAY + h * HOUR)) for h in range(24))])))
    assert report.rejected == {"HOLDER_MISSING": 3}
    assert ask(ADDRESS, DAY + 11 * HOUR + 30 * MINUTE).reasons == {Reason.COLLECTION_GAP}
    # Of two records of one second, the one that cannot be used comes first.
    assert spans() == [(DAY, DAY + 9 * HOUR), (DAY + 12 * HOUR, DAY + 22 * HOUR)]


NOISE = "no record\n\n"
# So soon after a log that ended at 03:00 another one goes on there.
SOON = DAY + 3 * HOUR + 2 * MINUTE


def hours(first: int, last: int) -> list[str]:
    return [other(DAY + h * HOUR) for h in range(first, last + 1)]


def test_records_that_are_none_of_ours_leave_none() -> None:
    started = packet(DAY + 3 * HOUR, "Start", "s1", "line-1", ADDRESS).replace("\tFramed-IP", "\tLogin-IP")
    assert read(log(*hours(0, 3), started, *hours(4, 8))).ignored == 1
    assert spans() == [(DAY, DAY + 7 * HOUR)]


@pytest.mark.parametrize("portion", [1, 1000])
def test_a_gap_ends_with_the_next_record_in_whatever_log_that_is(portion: int) -> None:
    read(log(*hours(0, 3), NOISE), place="detail.1", chunk_records=portion)
    assert spans() == [(DAY, DAY + 2 * HOUR)]
    read(log(other(SOON), *hours(4, 8)), place="detail", chunk_records=portion)
    assert spans() == [(DAY, DAY + 3 * HOUR), (SOON, DAY + 7 * HOUR)]


def test_a_gap_at_the_end_of_a_log_lasts_until_it_was_read_where_no_log_goes_on_there() -> None:
    read(log(*hours(0, 3), NOISE), place="one", clock=lambda: DAY + 6 * HOUR)
    # It began before the other ended, so it is another log of the same time.
    read(log(*hours(2, 12)), place="two")
    assert spans() == [(DAY, DAY + 3 * HOUR), (DAY + 6 * HOUR + 5 * MINUTE, DAY + 11 * HOUR)]


def test_a_log_that_begins_with_what_cannot_be_read_leaves_a_gap_from_the_log_before() -> None:
    read(log(*hours(0, 3)), place="detail.1")
    read(log(NOISE, other(SOON), *hours(4, 8)), place="detail")
    assert spans() == [(DAY, DAY + 3 * HOUR), (SOON, DAY + 7 * HOUR)]


@pytest.mark.parametrize("read_before", range(1, 9))
def test_reading_that_is_taken_up_again_finds_the_same_gaps(read_before: int) -> None:
    records = [*hours(0, 2), NOISE, NOISE, *hours(3, 5), NOISE, *hours(6, 8)]
    read(log(*records[:read_before]))
    read(log(*records))
    assert spans() == [
        (DAY, DAY + 2 * HOUR),
        (DAY + 3 * HOUR, DAY + 5 * HOUR),
        (DAY + 6 * HOUR, DAY + 7 * HOUR),
    ]


def test_a_late_record_after_one_that_cannot_be_read_does_not_end_the_gap() -> None:
    at = [DAY + h * HOUR for h in range(12)]
    received = f"\tTimestamp = {int((at[5] + MINUTE).timestamp())}"
    late = other(at[4]).replace("\tTimestamp", f'\tEvent-Timestamp = "{at[4]:%b %d %Y %H:%M:%S} UTC"\n\tTimestamp')
    late = late.replace(f"\tTimestamp = {int(at[4].timestamp())}", received)
    read(log(*hours(0, 5), NOISE, late, *hours(6, 10)))
    assert spans() == [(DAY, DAY + 4 * HOUR), (DAY + 5 * HOUR + MINUTE, DAY + 9 * HOUR)]


@pytest.mark.parametrize("stamped", [True, False])
def test_a_record_that_was_sent_late_ends_a_gap_when_it_was_received(stamped: bool) -> None:
    def sent(happened: timedelta, delay: int) -> str:
        text = other(DAY + happened + timedelta(seconds=delay))
        text = text.replace("\tTimestamp", f"\tAcct-Delay-Time = {delay}\n\tTimestamp")
        return text if stamped else text[: text.index("\tTimestamp")] + "\n"

    at = 10 * HOUR
    late = [sent(at - 10 * MINUTE, 605), NOISE, sent(at - 5 * MINUTE, 660)]
    read(
        log(other(DAY + 9 * HOUR), *late, other(DAY + at + 7 * MINUTE), *hours(11, 14)), told=Told(zone=ZoneInfo("UTC"))
    )
    assert spans() == [(DAY + 9 * HOUR, DAY + at - 10 * MINUTE), (DAY + at + 6 * MINUTE, DAY + 13 * HOUR)]


HEAD = (
    "acctuniqueid,acctsessionid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,acctsessiontime,"
    "framedipaddress,acctterminatecause\n"
)


def row(hour: int, user: str = "line-9", start: str | None = None) -> str:
    at, end = DAY + hour * HOUR, DAY + (hour + 1) * HOUR
    stamps = [f"{t:%Y-%m-%d %H:%M:%S+00}" for t in (at, end, end)]
    stamps[0] = stamps[0] if start is None else start
    return f"u{hour},u{hour},{user},192.0.2.9,{','.join(stamps)},3600,198.51.100.200,User-Request\n"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row(3, user=""), [(0, 3), (4 + 1 / 3600, 8)]),
        # A table is in no order, so a row without its time may be of any.
        (row(3, start="then"), []),
        ("u3,u3\n", []),
    ],
)
def test_a_row_of_a_table_takes_away_its_own_time_or_all(bad: str, expected: list[tuple[float, float]]) -> None:
    rows = [row(h) for h in range(9)]
    rows[3] = bad
    read(log(HEAD, *rows), format_name="radacct", source="table", told=Told(address_fixed=True))
    assert spans() == [(DAY + lo * HOUR, DAY + hi * HOUR) for lo, hi in expected]


def test_gaps_with_less_than_a_minute_between_them_are_one() -> None:
    read(log(*(text for n in range(480) for text in (other(DAY + n * MINUTE / 2), *[NOISE] * (n % 2)))))
    assert spans() == [(DAY, DAY + MINUTE / 2)]
    assert len(LogProgress.objects.get().counts["unread"]) == 1


def test_events_that_the_kernel_dropped_leave_a_gap() -> None:
    def flow(hour: int, what: str, port: int) -> str:
        state = {"NEW": "120 SYN_SENT ", "UPDATE": "60 ESTABLISHED ", "DESTROY": ""}[what]
        return (
            f"[{int((DAY + hour * HOUR).timestamp())}.5     ]\t [{what}] tcp      6 {state}src=100.64.3.1 "
            f"dst=198.51.100.80 sport=40112 dport=443 src=198.51.100.80 dst={PUBLIC} sport=443 dport={port} id=5\n"
        )

    inner_log()
    lost = "WARNING: We have hit ENOBUFS! We are losing events.\n"
    lines = [flow(2, "NEW", 20_480), flow(8, "UPDATE", 20_480), lost, lost, flow(12, "UPDATE", 20_480)]
    lines += [flow(20, "DESTROY", 20_480), flow(22, "NEW", 20_481)]
    report = read(log(*lines), source="nat", format_name="conntrack", told=Told(device="r1"), place="nat")
    assert report.rejected == {"EVENTS_LOST": 2}
    for port in (20_480, 33_333):
        assert ask(PUBLIC, DAY + 10 * HOUR, port).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 6 * HOUR, 33_333).outcome is Resolution.NONE

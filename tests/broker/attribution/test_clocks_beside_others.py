"""What the other devices of a log, and the collector's stamps, tell of a clock that may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from broker.attribution.verdict import Reason, Resolution
from tests.support.detail_log import DAY, HOUR, ask, ask_all, contracts, log, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ADDRESS = "198.51.100.7"
MINUTE = HOUR / 60
Written = tuple[datetime, str]


@pytest.fixture(autouse=True)
def two_lines() -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def by_turns(wrong_from: float, by: float, *, hours: int = 72, interim: float = 2, live: bool = False) -> list[Written]:
    """Line-1 and line-2 have the address from 6n hours and 3 minutes on, for five hours and a half.

    by: of how many hours the stamps of the device are wrong from that hour on. live: what the server stamps is right.
    """
    found = []
    for number in range(hours // 6):
        start, user = DAY + 6 * number * HOUR + 3 * MINUTE, f"line-{number % 2 + 1}"
        times = [start + n * interim * HOUR for n in range(int(5.5 / interim) + 1)]
        for at in [*times, start + 5.5 * HOUR]:
            status = "Start" if at == start else "Stop" if at == start + 5.5 * HOUR else "Interim-Update"
            stamp = at + by * HOUR if at >= DAY + wrong_from * HOUR else at
            written = packet(at, status, f"s{number}", user, ADDRESS, stamp=stamp) if live else None
            found.append((at, written or packet(stamp, status, f"s{number}", user, ADDRESS)))
    return found


def beside(minutes: float, hours: float = 72, nas: str = "192.0.2.10") -> Iterator[Written]:
    """Another device, whose clock is right, shows a session every so many minutes."""
    for n in range(int(hours * 60 / minutes)):
        at = DAY + n * minutes * MINUTE
        yield at, packet(at, "Interim-Update", f"o-{nas}", "line-9", "198.51.100.200", nas=nas)


def texts(*written: Written) -> list[str]:
    return [text for _, text in sorted(written)]


def rightly_named(first: float, last: float) -> list[float]:
    """Ask each quarter of an hour of `by_turns`; gives when somebody is named, in hours. Nobody is named wrongly."""
    asked = [first + n / 4 for n in range(int(4 * (last - first)))]
    named = []
    for hour, verdict in zip(asked, ask_all(ADDRESS, [DAY + (hour + 0.02) * HOUR for hour in asked]), strict=True):
        number, into = divmod(hour + 0.02 - 0.05, 6)
        truth = f"c-{int(number) % 2 + 1}" if into < 5.5 else None
        assert verdict.subscriber in (truth, None), hour
        assert truth is None or verdict.outcome is not Resolution.NONE, hour
        if verdict.subscriber:
            named.append(hour)
    return named


@pytest.mark.parametrize(("interim", "back"), [(2, -2), (4, -3)])
def test_a_quiet_time_does_not_set_a_clock_right_that_is_behind_another_device(interim: float, back: float) -> None:
    read(log(*texts(*by_turns(30, back, interim=interim), *beside(6))))
    named = rightly_named(1, 66)
    assert min(named) < 7
    assert [hour for hour in named if hour > 31] == []


@pytest.mark.parametrize("interim", [2, 4])
def test_nor_where_the_device_is_alone_and_had_been_as_quiet_before(interim: float) -> None:
    read(log(*texts(*by_turns(30, -interim, interim=interim))))
    rightly_named(1, 66)


def test_a_clock_that_is_put_back_in_a_new_log_shows_it_though_a_quiet_device_holds_the_source_up() -> None:
    quiet = [
        (DAY + h * HOUR, packet(DAY + h * HOUR, "Start", "q", "line-9", "198.51.100.77", nas="192.0.2.77"))
        for h in (1, 17, 41, 65)
    ]
    written = sorted([*by_turns(24, -3, interim=0.25), *quiet])
    for day in range(3):
        lo, hi = DAY + 24 * day * HOUR, DAY + 24 * (day + 1) * HOUR
        read(log(*(text for at, text in written if lo <= at < hi)), place=f"{day}")
    rightly_named(1, 64)


def test_a_new_device_whose_clock_is_ahead_may_have_said_anything() -> None:
    at = [DAY + n * HOUR for n in range(60)]
    new = packet(at[30], "Start", "v", "line-2", "198.51.100.66", nas="192.0.2.99", stamp=at[30] + 48 * HOUR)
    written = [*beside(4, 48), (at[30], new)]
    read(log(*texts(*written)), clock=lambda: at[48])
    assert ask("198.51.100.66", at[20]).outcome is Resolution.NONE
    assert ask("198.51.100.66", at[35]).outcome is not Resolution.NONE


def test_a_record_whose_stamp_is_too_old_to_be_kept_counts_as_lost_when_it_was_received() -> None:
    at = DAY + 10 * HOUR
    ago = at - 4000 * 24 * HOUR
    first = [packet(DAY + n * 15 * MINUTE, "Interim-Update", "1", "line-1", ADDRESS) for n in range(1, 41)]
    wrong = [
        packet(at + n * MINUTE, status, session, user, ADDRESS, stamp=ago + n * MINUTE)
        for n, status, session, user in (
            (3, "Start", "2", "line-2"),
            (8, "Stop", "2", "line-2"),
            (9, "Start", "1", "line-1"),
        )
    ]
    last = [packet(at + n * 15 * MINUTE + MINUTE, "Interim-Update", "1", "line-1", ADDRESS) for n in range(1, 41)]
    report = read(log(*first, *wrong, *last))
    assert report.rejected == {"EVENT_BEFORE_RETENTION": 3}
    assert ask(ADDRESS, DAY + 8 * HOUR).subscriber == "c-1"
    assert ask(ADDRESS, at + 5 * MINUTE).subscriber is None


def test_a_queue_that_is_sent_late_leaves_no_doubt_of_the_clock_once_it_is_empty() -> None:
    """For three hours and a half nothing comes; then it does, beside what is written anew."""
    written = by_turns(72, 0, hours=48, interim=0.25, live=True)
    kept = [(at, text) for at, text in written if DAY + 10 * HOUR <= at < DAY + 13.5 * HOUR]
    sent = [(DAY + 13.5 * HOUR + n * 5 * MINUTE, text) for n, (_, text) in enumerate(kept)]
    # The server stamps them when they come.
    late = [
        (at, text.replace(str(int(old.timestamp())), str(int(at.timestamp()))))
        for (at, text), (old, _) in zip(sent, kept, strict=True)
    ]
    read(log(*texts(*(one for one in written if one not in kept), *late)))
    # The day of it waits for somebody to look at the clock.
    assert ask(ADDRESS, DAY + 2 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert len([hour for hour in rightly_named(1, 44) if hour > 26]) > 60

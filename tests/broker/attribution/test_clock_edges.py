"""A clock that is wrong on a day moves what it stamps over midnight, and what happened there into other days."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from broker.attribution.describe import describe_source, set_clock
from broker.attribution.ground import CLOCK_LIMIT
from broker.attribution.sources import SOURCE_TOLERANCE
from broker.attribution.verdict import Reason, Resolution
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import NOW, OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ADDRESS = "198.51.100.7"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MIDNIGHT = DAY + 24 * HOUR


def handed_over(at: datetime) -> None:
    """line-1 has the address from 20:00 on, until line-2 takes it over at this stamp."""
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")
    records = [
        (DAY + h * HOUR, packet(DAY + h * HOUR, "Interim-Update", f"o{h}", "line-9", "198.51.100.200", 60))
        for h in range(72)
    ]
    for when, status, session, user in (
        (DAY + 20 * HOUR, "Start", "s1", "line-1"),
        (at - MINUTE, "Stop", "s1", "line-1"),
        (at, "Start", "s2", "line-2"),
        (at + 20 * HOUR, "Interim-Update", "s2", "line-2"),
    ):
        seconds = None if status == "Start" else int((when - (at if session == "s2" else DAY + 20 * HOUR)) / SECOND)
        records.append((when, packet(when, status, session, user, ADDRESS, seconds)))
    read(log(*(text for _, text in sorted(records, key=lambda record: record[0]))))


def test_what_a_clock_that_was_fast_stamped_after_midnight_is_not_answered_before_it() -> None:
    handed_over(MIDNIGHT + 31 * MINUTE)
    set_clock("radius", MIDNIGHT.date(), 2 * HOUR, 5, now=NOW)
    set_clock("radius", DAY.date(), 0.4 * SECOND, 5, now=NOW)
    # The hand-over was at 22:31.
    assert ask(ADDRESS, DAY + 23 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert ask(ADDRESS, DAY + 21.9 * HOUR).subscriber == "c-1"


def test_what_a_clock_that_was_slow_stamped_before_midnight_is_not_answered_after_it() -> None:
    handed_over(MIDNIGHT - MINUTE)
    set_clock("radius", DAY.date(), 2 * HOUR, 5, now=NOW)
    # The hand-over was at 01:59 of the next day.
    assert ask(ADDRESS, MIDNIGHT + HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert ask(ADDRESS, MIDNIGHT + 2.1 * HOUR).subscriber == "c-2"


@pytest.mark.parametrize("measured", [DAY, MIDNIGHT])
def test_the_worse_clock_of_two_days_counts_as_far_as_it_reaches_over_midnight(measured: datetime) -> None:
    handed_over(MIDNIGHT + 5 * MINUTE)
    describe_source("radius", worst_offset=10 * MINUTE)
    set_clock("radius", measured.date(), 0.4 * SECOND, 3, now=NOW)
    # With ten minutes that the clock was fast it was at 23:55.
    assert ask(ADDRESS, MIDNIGHT - 2 * MINUTE).outcome is Resolution.AMBIGUOUS
    widened = 10 * SECOND + 10 * MINUTE
    for distance in (9 * MINUTE, -9 * MINUTE):
        at = MIDNIGHT + distance
        assert ask(ADDRESS, at).until_at == at + SECOND + widened
    far = measured + (HOUR if measured == MIDNIGHT else 22 * HOUR)
    assert ask(ADDRESS, far).until_at == far + SECOND + 10 * SECOND + 0.4 * SECOND + SOURCE_TOLERANCE


def test_a_day_that_is_wrong_by_more_than_another_day_is_found_from_there() -> None:
    handed_over(MIDNIGHT + HOUR)
    set_clock("radius", DAY.date(), 24 * HOUR, 1, now=NOW)
    assert ask(ADDRESS, MIDNIGHT + 23.9 * HOUR).reasons == {Reason.CLOCK_SUSPECT}
    assert ask(ADDRESS, MIDNIGHT + 24.1 * HOUR).outcome is not Resolution.INCOMPLETE


def test_a_day_at_the_limit_reaches_over_midnight_by_no_more_than_that() -> None:
    handed_over(MIDNIGHT + 12 * HOUR)
    set_clock("radius", DAY.date(), CLOCK_LIMIT, 1, now=NOW)
    set_clock("radius", MIDNIGHT.date(), 0 * SECOND, 1, now=NOW)
    at = MIDNIGHT + MINUTE
    assert ask(ADDRESS, at).until_at == at + SECOND + 10 * SECOND + SOURCE_TOLERANCE
    assert ask(ADDRESS, MIDNIGHT).until_at == MIDNIGHT + SECOND + 10 * SECOND + CLOCK_LIMIT + SOURCE_TOLERANCE

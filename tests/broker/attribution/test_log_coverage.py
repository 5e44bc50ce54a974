"""A source vouches for the time its logs cover, whatever their order, and however often their reading was cut off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.attribution.verdict import Reason, Resolution
from broker.leases.models import LeaseSource
from tests.support.detail_log import DAY, HOUR, ask, log, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MINUTE = HOUR / 60


def alive(at: datetime, device: int = 1) -> str:
    """A sight of a session that goes on, as a device writes it every now and then."""
    name = f"s{device}-{at:%d%H%M}"
    return packet(at, "Interim-Update", name, f"line-{device}", f"198.51.100.{device}", 60, nas=f"192.0.2.{device}")


def spans() -> list[tuple[datetime, datetime]]:
    return [(r.lower, r.upper) for r in LeaseSource.objects.get().coverage]


def stretch(first: datetime, last: datetime, device: int = 1) -> list[str]:
    return [alive(first + n * 10 * MINUTE, device) for n in range(int((last - first) / (10 * MINUTE)) + 1)]


def test_a_log_that_comes_too_late_to_be_used_vouches_for_nothing() -> None:
    plan(*OURS)
    read(log(*stretch(DAY, DAY + 6 * HOUR)), place="second")
    before = spans()
    old = read(log(*stretch(DAY - 240 * HOUR, DAY - 236 * HOUR)), place="first")
    assert set(old.rejected) == {"EVENT_TOO_LATE"}
    assert spans() == before == [(DAY, DAY + 5 * HOUR)]
    # Nobody has delivered the time between the two.
    between = ask("198.51.100.9", DAY - 100 * HOUR)
    assert (between.outcome, set(between.reasons)) == (Resolution.INCOMPLETE, {Reason.COLLECTION_GAP})


def test_an_earlier_log_that_is_still_of_use_vouches_for_its_own_time_alone() -> None:
    read(log(*stretch(DAY + 12 * HOUR, DAY + 14 * HOUR)), place="second")
    earlier = read(log(*stretch(DAY + 2 * HOUR, DAY + 3 * HOUR)), place="first")
    assert not earlier.rejected
    assert spans() == [(DAY + 2 * HOUR, DAY + 3 * HOUR), (DAY + 12 * HOUR, DAY + 13 * HOUR)]


def two_logs_of_two_devices() -> tuple[list[str], list[str]]:
    """The second goes on where the first ends; one device writes later than the other."""
    first = [*stretch(DAY, DAY + 4 * HOUR, 1), *stretch(DAY, DAY + 3 * HOUR, 2)]
    second = [
        *stretch(DAY + 4 * HOUR + MINUTE, DAY + 8 * HOUR + MINUTE, 1),
        *stretch(DAY + 4 * HOUR, DAY + 8 * HOUR, 2),
    ]
    return first, second


@pytest.mark.parametrize("portion", [1000, 5])
def test_logs_that_follow_each_other_leave_no_gap_however_they_are_read(portion: int) -> None:
    first, second = two_logs_of_two_devices()
    read(log(*first), place="detail.1")
    read(log(*second), place="detail", chunk_records=portion)
    assert spans() == [(DAY, DAY + 7 * HOUR)]


def test_reading_that_is_taken_up_again_leaves_the_same_span() -> None:
    first, second = two_logs_of_two_devices()
    read(log(*first), place="detail.1")
    for end in (3, 30, len(second)):
        read(log(*second[:end]), place="detail")
    assert spans() == [(DAY, DAY + 7 * HOUR)]


def test_a_silence_between_two_logs_is_a_gap() -> None:
    read(log(*stretch(DAY, DAY + 4 * HOUR)), place="detail.1")
    read(log(*stretch(DAY + 5 * HOUR, DAY + 8 * HOUR)), place="detail")
    assert spans() == [(DAY, DAY + 3 * HOUR), (DAY + 5 * HOUR, DAY + 7 * HOUR)]


def test_a_clock_that_was_never_set_vouches_for_nothing() -> None:
    ahead = datetime(2027, 3, 1, tzinfo=UTC)
    report = read(log(*stretch(DAY, DAY + 4 * HOUR), alive(ahead)))
    assert set(report.rejected) == {"EVENT_IN_FUTURE"}
    assert report.last_at == DAY + 4 * HOUR
    assert spans() == [(DAY, DAY + timedelta(hours=3))]

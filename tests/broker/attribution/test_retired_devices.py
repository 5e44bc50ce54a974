"""A device that is gone holds up what the others of its source have delivered until somebody says so."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from django.core.management import call_command

from broker.attribution.describe import retire_device
from broker.attribution.verdict import Reason, Resolution
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases.models import LeaseSource
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import NOW, OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MINUTE = HOUR / 60
STAYS, GOES = "192.0.2.1", "192.0.2.2"


def sights(nas: str, first: float, last: float) -> list[str]:
    """Every ten minutes from one hour of the day to another: one session, and on the other device a new one each."""
    found = []
    for n in range(int((last - first) * 6) + 1):
        at = DAY + first * HOUR + n * 10 * MINUTE
        seconds = int((at - DAY).total_seconds())
        if nas == STAYS:
            found.append(packet(at, "Interim-Update", "s1", "line-1", "198.51.100.1", seconds, nas))
        else:
            found.append(packet(at, "Interim-Update", f"s2-{seconds}", "line-2", "198.51.100.2", 60, nas))
    return found


def both(until: float) -> list[str]:
    """One device writes until then, the other for the last time at 03:00."""
    return sorted([*sights(STAYS, 0, until), *sights(GOES, 0, 3)], key=lambda record: record[-12:])


def spans() -> list[tuple[datetime, datetime]]:
    return [(r.lower, r.upper) for r in LeaseSource.objects.get().coverage]


def retire(device: str = GOES, since: float = 3.0) -> None:
    retire_device("radius", device, DAY + since * HOUR, now=NOW)


@pytest.fixture(autouse=True)
def _lines(db: None) -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def test_a_device_that_is_said_to_be_gone_holds_up_its_source_no_longer() -> None:
    read(log(*both(8)))
    assert spans() == [(DAY, DAY + 2 * HOUR)]
    assert ask("198.51.100.1", DAY + 5 * HOUR).outcome is Resolution.INCOMPLETE
    retire()
    read(log(*both(10)))
    assert spans() == [(DAY, DAY + 9 * HOUR)]
    assert ask("198.51.100.1", DAY + 5 * HOUR).subscriber == "c-1"
    # What it showed last is not shown to be over.
    assert ask("198.51.100.2", DAY + 5 * HOUR).outcome is Resolution.AMBIGUOUS


def test_it_counts_no_longer_in_later_logs_either() -> None:
    read(log(*both(8)), place="first")
    retire()
    read(log(*sights(STAYS, 8, 12)), place="second")
    assert spans()[-1] == (DAY + 7 * HOUR, DAY + 11 * HOUR)


def test_nothing_is_vouched_for_between_its_last_record_and_its_going() -> None:
    read(log(*both(8)))
    retire(since=4.5)
    read(log(*(records := both(10))))
    before, after = (DAY, DAY + 3 * HOUR), DAY + 4.5 * HOUR
    assert spans() == [before, (after, DAY + 9 * HOUR)]
    assert ask("198.51.100.1", DAY + 4 * HOUR).reasons == {Reason.COLLECTION_GAP}
    # Also when it has come back, and when it has gone once more.
    back = sorted([*sights(GOES, 10.5, 11), *sights(STAYS, 10, 14)], key=lambda record: record[-12:])
    read(log(*(records := [*records, *back])))
    assert spans() == [before, (after, DAY + 10 * HOUR)]
    retire(since=12)
    read(log(*records, *sights(STAYS, 14, 16)))
    assert spans() == [before, (after, DAY + 11 * HOUR), (DAY + 12 * HOUR, DAY + 15 * HOUR)]


def test_a_device_that_writes_again_holds_up_its_source_again() -> None:
    read(log(*both(8)))
    retire()
    read(log(*both(8), *sights(GOES, 8, 8), *sights(STAYS, 8, 12)))
    assert spans() == [(DAY, DAY + 7 * HOUR)]


def test_what_it_wrote_before_it_went_and_comes_late_does_not_bring_it_back() -> None:
    read(log(*both(8)))
    retire(since=4.5)
    read(log(*both(8), *sights(GOES, 4, 4), *sights(STAYS, 8, 12)))
    assert spans()[-1] == (DAY + 4.5 * HOUR, DAY + 11 * HOUR)


def test_the_last_device_of_a_source_vouches_for_nothing_after_its_going() -> None:
    read(log(*both(8)))
    retire()
    retire(STAYS, 9)
    read(log(*both(8)))
    assert spans() == [(DAY, DAY + 2 * HOUR)]


def test_the_going_can_be_said_anew_as_long_as_the_device_has_not_written() -> None:
    read(log(*both(8)))
    retire(since=6)
    retire(since=4)
    read(log(*both(10)))
    assert spans() == [(DAY, DAY + 3 * HOUR), (DAY + 4 * HOUR, DAY + 9 * HOUR)]


@pytest.mark.parametrize(
    ("device", "since", "code"),
    [
        ("192.0.2.77", 3, "source.retired"),
        # It has written since.
        (GOES, 2.9, "source.since"),
        (GOES, (NOW - DAY) / HOUR + 1, "source.since"),
    ],
)
def test_refuses_a_device_that_is_not_known_and_a_time_that_cannot_be(device: str, since: float, code: str) -> None:
    read(log(*both(8)))
    with pytest.raises(InputError) as refused:
        retire(device, since)
    assert [problem.code for problem in refused.value.problems] == [code]
    assert LeaseSource.objects.get().retired == []


@pytest.mark.parametrize("half", [("--retired", GOES), ("--since", "2026-09-14T03:00:00Z")])
def test_refuses_a_device_without_a_time_and_a_time_without_a_device(half: tuple[str, str]) -> None:
    read(log(*both(8)))
    with pytest.raises(InputError, match=r"source\.since"):
        call_command("describe_source", "radius", "--realm", "north", *half)
    assert LeaseSource.objects.get().realm == ""


def test_the_command_does_it_and_leaves_an_event_that_does_not_name_the_device() -> None:
    read(log(*both(8)))
    out = io.StringIO()
    call_command("describe_source", "radius", "--retired", GOES, "--since", "2026-09-14T03:00:00Z", stdout=out)
    assert "1 of 2 devices are gone" in out.getvalue()
    (event,) = Event.objects.filter(kind="lease-source:device-retired")
    source = LeaseSource.objects.get()
    assert event.body == {"source": source.pk, "devices": 2, "retired": 1, "since": "2026-09-14T03:00:00Z"}

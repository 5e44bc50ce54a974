"""What the operator says of a source changes which windows are answered, and every word of it is an event."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from broker.attribution.describe import describe_source, set_clock
from broker.attribution.services import attribute
from broker.attribution.sources import SOURCE_TOLERANCE, Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases.models import LeaseSource, SourceDay
from tests.support.lease_files import NOW, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

EVENING = datetime(2026, 9, 18, 20, 41, 10, tzinfo=UTC)
DAY = date(2026, 9, 18)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def leases() -> None:
    store("198.51.100.23,,,2026-09-01T00:00:00Z,2026-09-30T00:00:00Z,s-1,business")


def ask(at: datetime = EVENING) -> Verdict:
    return attribute([Observation("q", "198.51.100.23", None, at)], tolerance=60 * SECOND, now=NOW)["q"]


def test_a_day_above_the_limit_gets_no_answer_and_others_do() -> None:
    set_clock("default", DAY, 5.001 * SECOND, 3, now=NOW)
    verdict = ask()
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.CLOCK_SUSPECT})
    assert ask(EVENING - timedelta(days=2)).subscriber == "s-1"


def test_a_window_that_touches_a_suspect_day_gets_no_answer() -> None:
    set_clock("default", DAY, 6 * SECOND, 1, now=NOW)
    midnight = datetime(2026, 9, 18, tzinfo=UTC)
    assert ask(midnight - 50 * SECOND).reasons == {Reason.CLOCK_SUSPECT}
    assert ask(midnight - timedelta(minutes=5)).subscriber == "s-1"


def test_a_measured_offset_at_the_limit_widens_the_window() -> None:
    set_clock("default", DAY, 5 * SECOND, 1, now=NOW)
    verdict = ask()
    assert verdict.subscriber == "s-1"
    assert verdict.until_at == EVENING + SECOND + 60 * SECOND + 5 * SECOND + SOURCE_TOLERANCE


def test_a_later_measurement_never_lowers_the_day() -> None:
    assert set_clock("default", DAY, 6 * SECOND, 2, now=NOW) == 6 * SECOND
    assert set_clock("default", DAY, SECOND, 3, now=NOW) == 6 * SECOND
    assert SourceDay.objects.get().measured_count == 5
    assert set_clock("default", DAY, 7 * SECOND, 1, now=NOW) == 7 * SECOND


def test_the_worst_offset_counts_where_nobody_measured() -> None:
    describe_source("default", worst_offset=30 * SECOND)
    assert ask().until_at == EVENING + SECOND + 60 * SECOND + 30 * SECOND


def test_a_source_that_did_not_serve_then_holds_up_nobody() -> None:
    describe_source("late-bng", new=True)
    assert ask().outcome is Resolution.INCOMPLETE
    describe_source("late-bng", serves_from=EVENING + timedelta(days=1))
    assert ask().subscriber == "s-1"


@pytest.mark.parametrize("offset", [-1.0, 86_401.0])
def test_refuses_an_offset_that_is_none(offset: float) -> None:
    with pytest.raises(InputError, match=r"clock\.offset"):
        set_clock("default", DAY, offset * SECOND, 1, now=NOW)


@pytest.mark.parametrize("text", ["nan", "inf", "four", ""])
def test_refuses_seconds_that_are_no_number(text: str) -> None:
    with pytest.raises(InputError, match=r"clock\.offset"):
        call_command("set_clock", "default", "2026-09-18", text)


def test_refuses_a_source_nobody_knows_instead_of_making_it() -> None:
    for change in (
        lambda: set_clock("defualt", DAY, SECOND, 1, now=NOW),
        lambda: describe_source("defualt", worst_offset=SECOND),
    ):
        with pytest.raises(InputError, match=r"source\.unknown"):
            change()
    assert not LeaseSource.objects.filter(name="defualt").exists()


def test_refuses_a_day_to_come_and_a_count_of_nothing() -> None:
    with pytest.raises(InputError, match=r"clock\.day"):
        set_clock("default", NOW.date() + timedelta(days=1), SECOND, 1, now=NOW)
    with pytest.raises(InputError, match=r"clock\.count"):
        set_clock("default", DAY, SECOND, 0, now=NOW)


def test_refuses_ends_that_are_not_in_order() -> None:
    describe_source("default", serves_from=EVENING)
    with pytest.raises(InputError, match=r"source\.serves"):
        describe_source("default", serves_until=EVENING)
    assert LeaseSource.objects.get(name="default").serves_until is None


def test_the_commands_do_it_and_leave_events(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("set_clock", "default", "2026-09-18", "6.5", "--count", "4")
    call_command(
        "describe_source", "default", "--worst-offset", "2", "--serves-from", "2020-01-01T00:00:00Z", "--realm", "north"
    )
    printed = capsys.readouterr().out
    assert "6.5 s" in printed
    assert "no answer" in printed
    source = LeaseSource.objects.get(name="default")
    assert (source.worst_offset, source.realm) == (2 * SECOND, "north")
    bodies = dict(Event.objects.filter(subject_kind="lease-source").values_list("kind", "body"))
    assert bodies["lease-source:clock-measured"] == {
        "source": source.pk,
        "day": "2026-09-18",
        "offset_ms": 6500,
        "count": 4,
    }
    assert bodies["lease-source:described"]["serves-from"] == "2020-01-01T00:00:00Z"

"""The documented cases in which the wrong person was named end here in a question, a refusal or no name.

Source: attribution.md 3.9. What is typed is read and compared as at intake; what is stored is imported and asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution
from broker.errors import InputError
from broker.intake.evidence_file import read_evidence, written_time
from broker.intake.observation import ObservationError, parse_instant
from broker.intake.slips import Typed, compare
from broker.leases.models import Lease
from tests.broker.attribution.test_log_import import DAY, HOUR, ask, contracts, log, read, two_sessions
from tests.support.lease_files import NOW, OURS, plan, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

FIXTURES = Path(settings.BASE_DIR) / "fixtures" / "evidence"


def questions(text: str, file: str, address: str = "198.51.100.23") -> list[str]:
    instant = parse_instant(text, NOW)
    line = Typed(1, address, 50001, instant.value, written_time(text), timedelta(seconds=float(instant.unit)))
    evidence = read_evidence((FIXTURES / file).read_bytes(), "", NOW, max_bytes=2**20, allow_documentation=True)
    return [finding.code for finding in compare([line], evidence)]


def test_ipco_2017_a_log_with_a_clock_of_twelve_hours_is_questioned() -> None:
    assert questions("2026-09-14T21:05:09+02:00", "clock-of-twelve-hours.log") == ["TWELVE_HOURS_OFF"]
    with pytest.raises(ObservationError) as refused:
        parse_instant("2026-09-14T09:05:09 PM", NOW)
    assert refused.value.code.startswith(("TIME_", "ZONE_"))


def test_eircom_the_hour_that_happens_twice_is_refused_or_questioned() -> None:
    with pytest.raises(ObservationError) as refused:
        parse_instant("2026-10-25T02:30:00 Europe/Madrid", NOW)
    assert refused.value.code == "DST_FOLD"
    assert questions("2026-10-25T02:30:00+02:00", "autumn-hour.csv") == ["HOUR_OFF_BY_ZONE"]


def test_long_v_insight_an_address_that_lost_a_digit_is_questioned() -> None:
    assert questions("2026-09-14T21:05:09+02:00", "address-ends-in-170.log", "198.51.100.70") == ["DIGIT_MISSING"]


def test_iocco_a_wrong_day_of_the_month_is_questioned() -> None:
    assert questions("2026-09-14T21:05:09+02:00", "day-of-month-typo.log") == ["DAY_OFF"]


def test_ipco_2018_a_time_without_its_offset_is_refused() -> None:
    with pytest.raises(ObservationError) as refused:
        parse_instant("2026-09-14T21:05:09", NOW)
    assert refused.value.code == "ZONE_MISSING"
    assert parse_instant("2026-09-14T21:05:09+02:00", NOW).value == datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)


def test_tiscali_whoever_had_the_line_before_or_after_the_window_is_not_named() -> None:
    plan(*OURS)
    contracts("user:line-1,former,2025-01-01T00:00:00Z,2025-09-14T00:00:00Z")
    read(log(*two_sessions()))
    verdict = ask("198.51.100.7", DAY + 7 * HOUR)
    assert verdict.subscriber is None


def test_denmark_2019_a_file_with_one_defect_is_refused_whole_and_nothing_is_dropped() -> None:
    row = "198.51.100.{},,,2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-1,business"
    with pytest.raises(InputError):
        store(row.format(1), row.format(999))
    assert not Lease.objects.exists()
    store(row.format(1), row.format(2))
    assert Lease.objects.count() == 2


def test_a_change_of_holder_within_the_tolerance_names_nobody() -> None:
    row = "198.51.100.7,,,2026-09-14T{:02}:00:00Z,2026-09-14T{:02}:00:00Z,s-{},business"
    store(row.format(6, 12, 1), row.format(12, 18, 2))
    question = Observation("q", "198.51.100.7", None, DAY + 12 * HOUR)
    verdict = attribute([question], tolerance=timedelta(seconds=60), now=NOW)["q"]
    assert (verdict.outcome, verdict.subscriber) == (Resolution.AMBIGUOUS, None)
    assert Reason.CHANGE_IN_WINDOW in verdict.reasons


def test_crossed_wires_cannot_be_seen_and_the_readme_says_so() -> None:
    readme = (Path(settings.BASE_DIR) / "README.md").read_text(encoding="utf-8")
    assert "Crossed wires in a street cabinet" in readme.partition("## What is not promised")[2]

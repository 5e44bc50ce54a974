"""FreeRADIUS itself writes a detail file: it is imported as an operator does it, and answers as the day was."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from broker.attribution.describe import describe_source
from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import holder_digest
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from tests.support.lease_files import NOW, OURS, plan
from tests.support.radius import HOUR, MINUTE, NOON, free_radius, missing_programs, play_a_day, radius_database

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(databases=["default", "leases"]),
    pytest.mark.skipif(bool(missing_programs()), reason=f"needs {missing_programs()} of FreeRADIUS"),
]


@pytest.fixture(scope="module")
def detail(django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the file that the server writes of one day."""
    with radius_database() as database, free_radius(database, tmp_path_factory.mktemp("freeradius")) as server:
        play_a_day(server)
        yield server.detail


@pytest.fixture(autouse=True)
def said(detail: Path, db: None, settings: Any, tmp_path: Path) -> str:
    """Import it; give what the command says."""
    settings.KEY_DIR = tmp_path
    plan(*OURS)
    rows = [f"user:line-{n},c-line-{n},2020-01-01T00:00:00Z," for n in range(1, 9)]
    lines = io.BytesIO("\n".join(["identity,subscriber,from,to", *rows, ""]).encode())
    import_lines(lines, now=NOW, digest=holder_digest(tmp_path), unit=timedelta(seconds=1))
    out = io.StringIO()
    call_command("import_leases", str(detail), "--format=radius-detail", "--source=detail", stdout=out)
    # These devices send interims every hour.
    describe_source("detail", shows_within=HOUR)
    return out.getvalue()


def ask(*questions: tuple[str, datetime]) -> list[Verdict]:
    observations = [Observation(i, address, None, at) for i, (address, at) in enumerate(questions)]
    found = attribute(observations, tolerance=MINUTE, now=NOON + 48 * HOUR)
    return [found[i] for i in range(len(questions))]


def test_every_packet_is_read(said: str) -> None:
    assert "17 records read" in said
    assert "0 refusals" in said


def test_a_session_with_start_and_stop_names_its_holder() -> None:
    during, after, before = ask(
        ("203.0.113.1", NOON + HOUR), ("203.0.113.1", NOON + 3 * HOUR), ("203.0.113.1", NOON - HOUR)
    )
    assert (during.subscriber, during.derived) == ("c-line-1", False)
    assert after.outcome is Resolution.NONE
    # The file begins at noon.
    assert (before.outcome, set(before.reasons)) == (Resolution.INCOMPLETE, {Reason.COLLECTION_GAP})


def test_a_session_whose_stop_was_lost_is_certain_to_its_last_interim_only() -> None:
    before, after = ask(("203.0.113.2", NOON + HOUR / 2), ("203.0.113.2", NOON + 2 * HOUR))
    assert before.subscriber == "c-line-2"
    assert (after.outcome, set(after.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})


def test_a_restart_of_the_nas_ends_its_sessions_and_proves_nothing_since_their_last_interim() -> None:
    before, between, after = ask(
        ("203.0.113.3", NOON + HOUR / 2), ("203.0.113.3", NOON + 2 * HOUR), ("203.0.113.3", NOON + 4 * HOUR)
    )
    assert before.subscriber == "c-line-3"
    assert (between.outcome, set(between.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})
    assert after.outcome is Resolution.NONE


def test_a_session_whose_start_was_lost_is_possible_for_as_long_as_it_counts() -> None:
    shown, counted = ask(("203.0.113.4", NOON + 2.5 * HOUR), ("203.0.113.4", NOON + HOUR))
    assert shown.subscriber == "c-line-4"
    assert (counted.outcome, set(counted.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})


def test_an_ipv6_address_is_found_by_the_prefixes_it_lies_in() -> None:
    framed, delegated, beside = ask(
        ("2001:db8:5:ff::1234", NOON + 2 * HOUR),
        ("2001:db8:500:42::1", NOON + 2 * HOUR),
        ("2001:db8:501::1", NOON + 2 * HOUR),
    )
    assert framed.subscriber == delegated.subscriber == "c-line-5"
    assert beside.outcome is Resolution.NONE


def test_an_address_that_changed_in_a_session_is_on_record_unlike_in_radacct() -> None:
    old, between, new, left = ask(
        ("203.0.113.6", NOON + HOUR / 2),
        ("203.0.113.66", NOON + HOUR / 2),
        ("203.0.113.66", NOON + 1.5 * HOUR),
        ("203.0.113.6", NOON + 1.5 * HOUR),
    )
    # When it changed between the two packets nothing says.
    assert old.outcome is between.outcome is Resolution.AMBIGUOUS
    assert new.subscriber == "c-line-6"
    assert left.outcome is Resolution.NONE

"""FreeRADIUS itself, with the schema and queries it ships: its table is asked in place and its traps are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broker.attribution.radius_check import check_radius
from broker.attribution.radius_connection import radius_connection
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from tests.support.radius import (
    HOUR,
    MINUTE,
    NOON,
    FreeRadius,
    RadiusDatabase,
    free_radius,
    missing_programs,
    play_a_day,
    radius_database,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(databases=["default", "leases"]),
    pytest.mark.skipif(bool(missing_programs()), reason=f"needs {missing_programs()} of FreeRADIUS"),
]


@pytest.fixture(scope="module")
def operator(
    django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RadiusDatabase, FreeRadius]]:
    """Play one day into the database of an operator."""
    with (
        radius_database() as database,
        free_radius(database, tmp_path_factory.mktemp("freeradius")) as server,
    ):
        play_a_day(server)
        yield database, server


@pytest.fixture(autouse=True)
def _asked(operator: tuple[RadiusDatabase, FreeRadius], db: None, settings: Any, tmp_path: Path) -> None:
    operator[0].point_settings_at(settings, tmp_path)
    operator[0].make_a_source(*(f"line-{number}" for number in range(1, 8)), folder=tmp_path)


def ask(*questions: tuple[str, datetime]) -> list[Verdict]:
    observations = [Observation(i, address, None, at) for i, (address, at) in enumerate(questions)]
    now = NOON + 48 * HOUR
    found = attribute(observations, tolerance=MINUTE, now=now)
    return [found[i] for i in range(len(questions))]


def test_a_session_with_start_and_stop_names_its_holder_and_says_that_the_row_is_derived() -> None:
    during, before, after = ask(
        ("203.0.113.1", NOON + HOUR), ("203.0.113.1", NOON - HOUR), ("203.0.113.1", NOON + 3 * HOUR)
    )
    assert (during.subscriber, during.derived) == ("c-line-1", True)
    assert before.outcome is after.outcome is Resolution.NONE


def test_an_open_session_is_certain_to_its_last_interim_only() -> None:
    before, after = ask(("203.0.113.2", NOON + HOUR / 2), ("203.0.113.2", NOON + 2 * HOUR))
    assert before.subscriber == "c-line-2"
    assert (after.outcome, set(after.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})


def test_a_restart_of_the_nas_overwrites_the_last_interim_and_what_can_still_be_proven_is_used(
    operator: tuple[RadiusDatabase, FreeRadius],
) -> None:
    [(cause, update, stop, interval)] = operator[0].run(
        "SELECT acctterminatecause, acctupdatetime, acctstoptime, acctinterval FROM radacct WHERE acctsessionid = '03'"
    )
    assert (cause, update, stop, interval) == ("NAS-Reboot", NOON + 3 * HOUR, NOON + 3 * HOUR, 3600)
    before, between, after = ask(
        ("203.0.113.3", NOON + HOUR / 2), ("203.0.113.3", NOON + 2 * HOUR), ("203.0.113.3", NOON + 4 * HOUR)
    )
    assert before.subscriber == "c-line-3"
    assert (between.outcome, set(between.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})
    assert after.outcome is Resolution.NONE


def test_a_lost_start_leaves_the_time_before_the_first_interim_possible(
    operator: tuple[RadiusDatabase, FreeRadius],
) -> None:
    [(start,)] = operator[0].run("SELECT acctstarttime FROM radacct WHERE acctsessionid = '04'")
    assert start == NOON + 2 * HOUR
    shown, counted, before = ask(
        ("203.0.113.4", NOON + 2.5 * HOUR), ("203.0.113.4", NOON + HOUR), ("203.0.113.4", NOON - HOUR)
    )
    assert shown.subscriber == "c-line-4"
    assert (counted.outcome, set(counted.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})
    assert before.outcome is Resolution.NONE


def test_an_ipv6_address_is_found_by_the_prefixes_it_lies_in() -> None:
    framed, delegated, beside = ask(
        ("2001:db8:5:ff::1234", NOON + HOUR),
        ("2001:db8:500:42::1", NOON + HOUR),
        ("2001:db8:501::1", NOON + HOUR),
    )
    assert framed.subscriber == delegated.subscriber == "c-line-5"
    assert beside.outcome is Resolution.NONE


def test_an_address_that_changed_in_a_session_is_forgotten_so_without_a_declaration_nobody_is_named(
    settings: Any,
) -> None:
    settings.RADIUS_ADDRESS_FIXED = False
    forgotten, kept = ask(("203.0.113.6", NOON + HOUR / 2), ("203.0.113.66", NOON + HOUR / 2))
    assert forgotten.outcome is kept.outcome is Resolution.INCOMPLETE
    assert forgotten.reasons == kept.reasons == {Reason.COLLECTION_GAP, Reason.NOT_SETTLED}


def test_the_check_names_the_index_that_the_shipped_schema_lacks() -> None:
    with radius_connection() as connection:
        found = check_radius(connection)
    assert found.faults == ()
    said = "\n".join(found.findings)
    assert "CREATE INDEX CONCURRENTLY radacct_framedipaddress_idx ON radacct (framedipaddress, acctstarttime);" in said
    assert "reads the whole table" in said

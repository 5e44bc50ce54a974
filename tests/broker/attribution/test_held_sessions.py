"""What the operator's RADIUS database shows of a held line is kept as it stands, whatever is cleaned up there."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from broker.attribution.describe import describe_source
from broker.attribution.holding import ToKeep, keep_rows
from broker.attribution.mapping_import import import_mappings
from broker.attribution.radius_connection import RadiusUnavailable
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.leases.models import AddressPlan, HeldSession, Hold
from broker.leases.services import drop_lapsed_holds
from tests.broker.attribution.test_radacct_source import MAPPINGS, session
from tests.support.lease_files import store
from tests.support.radius import TABLE, RadiusDatabase, radius_database

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

NOON = datetime(2026, 9, 18, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(seconds=60)
NOW = NOON + 30 * DAY
AWAY = "postgresql://reader@127.0.0.1:1/radius"


@pytest.fixture
def database(db: None, settings: Any, tmp_path: Path) -> Iterator[RadiusDatabase]:
    settings.LEASE_RETENTION_DAYS = 183
    with radius_database() as made:
        made.run(TABLE)
        made.let_read()
        made.point_settings_at(settings, tmp_path)
        made.make_a_source(*(f"line-{number}" for number in range(5)), folder=tmp_path)
        # Somebody came on line yesterday, so everything before is settled.
        session(made, "line-0", "203.0.113.200", NOW - DAY, None)
        yield made


def hold(address: str, at: datetime = NOON, port: int | None = None, case: uuid.UUID | None = None) -> uuid.UUID:
    case = case or uuid.uuid4()
    wanted = [ToKeep(Observation(case, address, port, at), timezone.now() + 30 * DAY)]
    assert keep_rows(wanted, tolerance=MINUTE, now=NOW)
    return case


def ask(
    case: uuid.UUID | None, address: str, at: datetime = NOON, port: int | None = None, now: datetime = NOW
) -> Verdict:
    return attribute([Observation("q", address, port, at, case=case)], tolerance=MINUTE, now=now)["q"]


def clean_up(database: RadiusDatabase, settings: Any, *, said: bool = True) -> None:
    """The operator deletes what is old; said: and says since when the table is complete now."""
    database.run("DELETE FROM radacct WHERE acctstarttime < %s", NOW - 2 * DAY)
    if said:
        settings.RADIUS_COMPLETE_FROM = NOW - 2 * DAY


@pytest.mark.parametrize("said", [True, False])
def test_a_held_line_is_answered_when_its_rows_are_gone(database: RadiusDatabase, settings: Any, said: bool) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    session(database, "line-2", "203.0.113.2", NOON - 2 * HOUR, NOON + 2 * HOUR)
    case = hold("203.0.113.1")
    before = ask(case, "203.0.113.1")
    clean_up(database, settings, said=said)
    after = ask(case, "203.0.113.1")
    assert (after.outcome, after.subscriber, after.derived) == (Resolution.UNIQUE, "c-line-1", True)
    assert (after.margin, after.provenances) == (before.margin, before.provenances)
    # Nobody asked to keep the neighbour, and what is kept answers no other case.
    assert HeldSession.objects.count() == 1
    expected = Resolution.INCOMPLETE if said else Resolution.NONE
    assert {ask(None, f"203.0.113.{n}").outcome for n in (1, 2)} == {expected}
    assert ask(uuid.uuid4(), "203.0.113.1").outcome is expected


def test_it_is_answered_also_when_the_floor_has_passed_it(database: RadiusDatabase, settings: Any) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    case = hold("203.0.113.1")
    clean_up(database, settings)
    later = NOON + 200 * DAY
    assert ask(case, "203.0.113.1", now=later).subscriber == "c-line-1"
    assert ask(None, "203.0.113.1", now=later).outcome is Resolution.OUTSIDE_RETENTION


def test_that_nobody_was_there_is_kept_as_well(database: RadiusDatabase, settings: Any) -> None:
    case = hold("203.0.113.1")
    clean_up(database, settings)
    assert ask(case, "203.0.113.1").outcome is Resolution.NONE
    assert ask(None, "203.0.113.1").reasons == {Reason.COLLECTION_GAP}


@pytest.mark.parametrize("stated", [False, True])
def test_that_nobody_is_kept_proves_nothing_where_another_source_shows_nothing(
    database: RadiusDatabase, settings: Any, stated: bool
) -> None:
    store(
        "203.0.113.99,,,2026-09-01T00:00:00Z,2026-10-10T00:00:00Z,s-99,business",
        source="dhcp",
        complete_from=NOON - 10 * DAY,
        complete_until=NOW if stated else None,
    )
    case = hold("203.0.113.1")
    expected = (Resolution.NONE, {Reason.NO_HOLDER}) if stated else (Resolution.AMBIGUOUS, {Reason.NOT_SHOWN})
    for cleaned in (False, True):
        if cleaned:
            clean_up(database, settings)
        verdict = ask(case, "203.0.113.1")
        assert (verdict.outcome, set(verdict.reasons)) == expected


def test_what_the_table_still_shows_counts_as_it_is_there(database: RadiusDatabase, settings: Any) -> None:
    """Open when it was held; it has ended meanwhile, so nobody is shown after its end."""
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, None)
    after = NOON + 5 * HOUR
    case = hold("203.0.113.1", after)
    assert ask(case, "203.0.113.1", after).reasons == {Reason.UNCERTAIN_EDGE}
    database.run("UPDATE radacct SET acctstoptime = %s WHERE username = 'line-1'", NOON + 2 * HOUR)
    assert ask(case, "203.0.113.1", after).outcome is Resolution.NONE
    # Gone altogether, what is kept of it is what it was.
    clean_up(database, settings)
    assert ask(case, "203.0.113.1", after).reasons == {Reason.UNCERTAIN_EDGE}


def test_a_window_that_was_not_settled_when_it_was_held_does_not_become_so(
    database: RadiusDatabase, settings: Any
) -> None:
    late = NOW - DAY + HOUR
    session(database, "line-1", "203.0.113.1", NOW - 3 * DAY, None)
    case = hold("203.0.113.1", late)
    session(database, "line-3", "203.0.113.201", NOW, None)
    settings.RADIUS_COMPLETE_FROM = NOW - HOUR
    assert ask(case, "203.0.113.1", late).outcome is Resolution.INCOMPLETE


def test_what_lies_behind_a_shared_address_is_kept_there_too(database: RadiusDatabase, settings: Any) -> None:
    AddressPlan.objects.filter(prefix="192.0.2.0/24").update(sharing="deterministic")
    AddressPlan.objects.filter(prefix="203.0.113.0/24").update(sharing="map")
    describe_source("radius", realm="north")
    import_mappings(io.BytesIO(MAPPINGS), now=NOW)
    session(database, "line-1", "100.64.0.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    session(database, "line-2", "2001:db8:12:3400::/56", NOON - 2 * HOUR, NOON + 2 * HOUR)
    session(database, "line-3", "2001:db8:13:3400::/64", NOON - 2 * HOUR, NOON + 2 * HOUR)
    asked = [("192.0.2.1", 5056), ("203.0.113.18", 1234), ("203.0.113.19", 1234)]
    cases = [hold(address, port=port) for address, port in asked]
    database.run("DELETE FROM radacct WHERE acctstarttime < %s", NOW - 2 * DAY)
    found = [ask(case, address, port=port) for case, (address, port) in zip(cases, asked, strict=True)]
    # Of the last only a part of the delegated prefix was held.
    assert [verdict.subscriber for verdict in found] == ["c-line-1", "c-line-2", None]


def test_what_was_kept_settles_nothing_where_a_rule_has_to_tell(database: RadiusDatabase) -> None:
    AddressPlan.objects.filter(prefix="192.0.2.0/24").update(sharing="deterministic")
    case = hold("192.0.2.1", port=5056)
    # No configuration is known, so whether a log would have shown anybody there does not matter.
    assert ask(case, "192.0.2.1", port=5056).outcome is Resolution.INCOMPLETE


def test_while_the_database_is_away_the_work_is_not_done_and_is_done_later(
    database: RadiusDatabase, settings: Any
) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    settings.RADIUS_DATABASE_URL = AWAY
    case = uuid.uuid4()
    with pytest.raises(RadiusUnavailable):
        hold("203.0.113.1", case=case)
    assert not HeldSession.objects.exists()
    settings.RADIUS_DATABASE_URL = database.url
    hold("203.0.113.1", case=case)
    hold("203.0.113.1", case=case)
    assert (Hold.objects.count(), HeldSession.objects.count()) == (1, 1)
    # And an answer waits for it, whatever is kept.
    settings.RADIUS_DATABASE_URL = AWAY
    assert ask(case, "203.0.113.1").outcome is Resolution.INCOMPLETE


def test_a_row_that_cannot_be_read_fails_no_hold(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    database.run(
        "UPDATE radacct SET acctstarttime = '-infinity', acctupdatetime = 'infinity' WHERE username = 'line-1'"
    )
    case = hold("203.0.113.1")
    assert HeldSession.objects.get().acctstarttime is None
    database.run("DELETE FROM radacct WHERE username = 'line-1'")
    assert ask(case, "203.0.113.1").outcome is Resolution.AMBIGUOUS


def test_no_name_of_a_connection_is_kept_and_all_goes_when_the_hold_lapses(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    hold("203.0.113.1")
    kept = HeldSession.objects.values().get()
    assert "line-1" not in str(kept)
    assert str(kept["holder"]).startswith("h-")
    with connections["leases"].cursor() as cursor:
        cursor.execute(
            "UPDATE lease_hold SET made_at = made_at - interval '2 years', lapses_at = now() - interval '1 s'"
        )
    assert drop_lapsed_holds() == 1
    assert not HeldSession.objects.exists()

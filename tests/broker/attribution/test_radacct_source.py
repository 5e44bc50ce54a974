"""The RADIUS database is asked once for a whole batch, only reads, and is checked before it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from broker.attribution.radacct_source import RadiusAccounting
from broker.attribution.radius_check import INDEXES, check_radius
from broker.attribution.radius_connection import RadiusUnavailable, radius_connection
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.errors import ConfigurationError
from tests.support.plans import documentation_plan
from tests.support.radius import TABLE, RadiusDatabase, radius_database

NOON = datetime(2026, 9, 18, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = NOON + 30 * DAY


@pytest.fixture
def database(django_db_modify_db_settings: None, settings: Any, tmp_path: Path) -> Iterator[RadiusDatabase]:
    with radius_database() as made:
        made.run(TABLE)
        made.let_read()
        made.point_settings_at(settings, tmp_path)
        # Somebody came on line yesterday, so everything before is settled.
        session(made, "line-0", "203.0.113.200", NOW - DAY, None)
        yield made


def session(
    database: RadiusDatabase, line: str, address: str, start: datetime, stop: datetime | None, seconds: int = -1
) -> None:
    """Store a session as FreeRADIUS would; seconds: as the NAS counted, the right number if not given."""
    last = stop or start + HOUR
    if seconds < 0:
        seconds = int((last - start).total_seconds())
    column = "framedipaddress" if ":" not in address else "delegatedipv6prefix"
    database.run(
        "INSERT INTO radacct (username, acctstarttime, acctupdatetime, acctstoptime, acctsessiontime,"
        f" acctterminatecause, {column}) VALUES (%s, %s, %s, %s, %s, 'User-Request', %s::inet)",
        line,
        start,
        last,
        stop,
        seconds,
        address,
    )


def ask(*questions: tuple[str, datetime]) -> list[Verdict]:
    observations = [Observation(i, address, None, at) for i, (address, at) in enumerate(questions)]
    source = RadiusAccounting(retained_from=NOW - 365 * DAY, plan=documentation_plan)
    found = attribute(observations, tolerance=timedelta(seconds=60), now=NOW, source=source)
    return [found[i] for i in range(len(questions))]


def test_answers_a_batch_in_its_order_with_one_statement(database: RadiusDatabase) -> None:
    for number in range(20):
        session(database, f"line-{number}", f"203.0.113.{number}", NOON, NOON + 2 * HOUR)
    session(database, "line-home", "2001:db8:500::/56", NOON, NOON + 2 * HOUR)
    asked = [(f"203.0.113.{number}", NOON + HOUR) for number in (7, 3, 7, 19)]
    verdicts = ask(*asked, ("2001:db8:500:9::1", NOON + HOUR), ("203.0.113.99", NOON + HOUR))
    assert [verdict.subscriber for verdict in verdicts] == [
        "user:line-7",
        "user:line-3",
        "user:line-7",
        "user:line-19",
        "user:line-home",
        None,
    ]
    assert verdicts[-1].outcome is Resolution.NONE


def test_a_handover_inside_the_window_is_ambiguous(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON)
    session(database, "line-2", "203.0.113.1", NOON, NOON + 2 * HOUR)
    across, before, after = ask(("203.0.113.1", NOON), ("203.0.113.1", NOON - HOUR), ("203.0.113.1", NOON + HOUR))
    assert across.reasons == {Reason.CHANGE_IN_WINDOW}
    assert (before.subscriber, after.subscriber) == ("user:line-1", "user:line-2")


def test_a_row_begun_after_the_window_whose_start_was_lost_is_found(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON + 10 * HOUR, NOON + 12 * HOUR, seconds=20 * 3600)
    session(database, "line-2", "203.0.113.2", NOON + 10 * HOUR, NOON + 12 * HOUR)
    lost, whole = ask(("203.0.113.1", NOON), ("203.0.113.2", NOON))
    assert lost.reasons == {Reason.UNCERTAIN_EDGE}
    assert whole.outcome is Resolution.NONE


def test_an_old_open_row_is_held_back_by_the_session_that_came_after_it(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 20 * DAY, None)
    session(database, "line-2", "203.0.113.1", NOON - 10 * DAY, NOON - 9 * DAY)
    session(database, "line-3", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    assert ask(("203.0.113.1", NOON))[0].subscriber == "user:line-3"


def test_nested_prefixes_of_two_holders_name_nobody(database: RadiusDatabase) -> None:
    session(database, "reseller", "2001:db8:500::/48", NOON - HOUR, NOON + HOUR)
    session(database, "line-1", "2001:db8:500:100::/56", NOON - HOUR, NOON + HOUR)
    assert ask(("2001:db8:500:142::1", NOON))[0].outcome is Resolution.AMBIGUOUS
    assert ask(("2001:db8:500:242::1", NOON))[0].subscriber == "user:reseller"


def test_what_is_newer_than_the_last_start_is_not_settled(database: RadiusDatabase) -> None:
    assert ask(("203.0.113.1", NOW - DAY))[0].reasons == {Reason.NOT_SETTLED}
    database.run("DELETE FROM radacct")
    assert Reason.NOT_SETTLED in ask(("203.0.113.1", NOON))[0].reasons


def test_without_the_operators_word_nothing_is_complete(database: RadiusDatabase, settings: Any) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    settings.RADIUS_COMPLETE_FROM = None
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.COLLECTION_GAP, Reason.NOT_SETTLED}
    settings.RADIUS_COMPLETE_FROM = datetime(2026, 1, 1, tzinfo=UTC)
    assert ask(("203.0.113.1", NOON))[0].subscriber == "user:line-1"
    settings.RADIUS_ADDRESS_FIXED = False
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.COLLECTION_GAP, Reason.NOT_SETTLED}


def test_the_identity_is_the_column_that_is_set_and_no_other_text(database: RadiusDatabase, settings: Any) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    database.run("UPDATE radacct SET callingstationid = '02-00-5E-10-00-01'")
    settings.RADIUS_IDENTITY = "callingstationid"
    assert ask(("203.0.113.1", NOON))[0].subscriber == "calling:02-00-5E-10-00-01"
    settings.RADIUS_IDENTITY = "username; DROP TABLE radacct"
    with pytest.raises(ConfigurationError):
        ask(("203.0.113.1", NOON))


def test_nothing_can_be_written_even_by_a_role_that_may(database: RadiusDatabase) -> None:
    database.run("GRANT ALL ON radacct TO PUBLIC")
    with pytest.raises(RadiusUnavailable), radius_connection() as connection:
        connection.execute("DELETE FROM radacct")
    with psycopg.connect(database.owner) as connection:
        assert connection.execute("SELECT count(*) FROM radacct").fetchone() == (1,)


def test_an_error_of_the_server_quotes_no_address(database: RadiusDatabase) -> None:
    database.run("ALTER TABLE radacct DROP COLUMN acctinterval")
    with pytest.raises(RadiusUnavailable) as failed:
        ask(("203.0.113.1", NOON))
    assert "203.0.113" not in str(failed.value)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://reader@db/radius",
        "postgresql://db/radius",
        "postgresql://a:b@db/radius",
        "postgresql://a@db",
        "postgresql://a@db/radius?password=b",
    ],
)
def test_refuses_an_url_that_is_none_names_nobody_or_holds_a_password(settings: Any, url: str) -> None:
    settings.RADIUS_DATABASE_URL = url
    with pytest.raises(ConfigurationError), radius_connection():
        pass


def test_the_check_names_missing_indexes_and_is_content_once_they_are_there(database: RadiusDatabase) -> None:
    database.run(
        "INSERT INTO radacct (acctstarttime, framedipaddress) SELECT '2026-01-01Z'::timestamptz + n * interval '1 min',"
        " '203.0.113.0'::inet + n % 200 FROM generate_series(1, 20000) n"
    )
    database.run("ANALYZE radacct")
    with radius_connection() as connection:
        found = check_radius(connection)
    assert found.faults == ()
    said = "\n".join(found.findings)
    statements = [line.strip() for line in said.splitlines() if line.startswith("    CREATE INDEX")]
    assert len(statements) == len(INDEXES)
    assert "One IPv4 observation reads the whole table" in said
    assert "reads about 100 row(s)" in said
    for statement in statements:
        database.run(statement.replace(" CONCURRENTLY", ""))
    database.run("CREATE INDEX ON radacct (acctstarttime, username)")
    with radius_connection() as connection:
        said = "\n".join(check_radius(connection).findings)
    assert "CREATE INDEX" not in said
    assert "One IPv4 observation uses an index for every step" in said
    assert "One IPv6 observation uses an index for every step" in said


def test_the_check_finds_what_is_unsafe_or_unfit(database: RadiusDatabase, settings: Any) -> None:
    database.run("GRANT DELETE ON radacct TO PUBLIC")
    database.run("ALTER TABLE radacct DROP COLUMN acctinterval")
    settings.RADIUS_ADDRESS_FIXED = False
    settings.RADIUS_COMPLETE_FROM = None
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_radius", stdout=said)
    for words in ("may change radacct", "lacks acctinterval", "BROKER_RADIUS_ADDRESS_FIXED", "COMPLETE_FROM"):
        assert words in said.getvalue()
    database.run("DROP TABLE radacct")
    with radius_connection() as connection:
        assert "no table radacct" in check_radius(connection).faults[0]

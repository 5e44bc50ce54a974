"""The RADIUS database is asked once for a whole batch, only reads, and is checked before it is believed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

from broker.attribution.describe import describe_source, set_clock
from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import KEY_FILE, holder_digest
from broker.attribution.mapping_import import import_mappings
from broker.attribution.radius_check import INDEXES, check_radius
from broker.attribution.radius_connection import RadiusUnavailable, radius_connection
from broker.attribution.services import attribute, awaits_logs
from broker.attribution.sources import Observation
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict
from broker.errors import ConfigurationError, InputError
from broker.leases.models import AddressPlan, LeaseSource
from tests.support.lease_files import plan
from tests.support.log_rows import Held, keep
from tests.support.radius import TABLE, RadiusDatabase, radius_database

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

NOON = datetime(2026, 9, 18, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(seconds=60)
NOW = NOON + 30 * DAY


@pytest.fixture
def database(db: None, settings: Any, tmp_path: Path) -> Iterator[RadiusDatabase]:
    with radius_database() as made:
        made.run(TABLE)
        made.let_read()
        made.point_settings_at(settings, tmp_path)
        made.make_a_source(*(f"line-{number}" for number in range(20)), "line-home", "reseller", folder=tmp_path)
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
    found = attribute(observations, tolerance=MINUTE, now=NOW)
    return [found[i] for i in range(len(questions))]


def test_answers_a_batch_in_its_order_with_one_statement(database: RadiusDatabase) -> None:
    for number in range(20):
        session(database, f"line-{number}", f"203.0.113.{number}", NOON, NOON + 2 * HOUR)
    session(database, "line-home", "2001:db8:500::/56", NOON, NOON + 2 * HOUR)
    asked = [(f"203.0.113.{number}", NOON + HOUR) for number in (7, 3, 7, 19)]
    verdicts = ask(*asked, ("2001:db8:500:9::1", NOON + HOUR), ("203.0.113.99", NOON + HOUR))
    assert [verdict.subscriber for verdict in verdicts] == [
        "c-line-7",
        "c-line-3",
        "c-line-7",
        "c-line-19",
        "c-line-home",
        None,
    ]
    assert verdicts[-1].outcome is Resolution.NONE


def test_a_handover_inside_the_window_is_ambiguous(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON)
    session(database, "line-2", "203.0.113.1", NOON, NOON + 2 * HOUR)
    across, before, after = ask(("203.0.113.1", NOON), ("203.0.113.1", NOON - HOUR), ("203.0.113.1", NOON + HOUR))
    assert across.reasons == {Reason.CHANGE_IN_WINDOW}
    assert (before.subscriber, after.subscriber) == ("c-line-1", "c-line-2")


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
    assert ask(("203.0.113.1", NOON))[0].subscriber == "c-line-3"


def test_nested_prefixes_of_two_holders_name_nobody(database: RadiusDatabase) -> None:
    session(database, "reseller", "2001:db8:500::/48", NOON - HOUR, NOON + HOUR)
    session(database, "line-1", "2001:db8:500:100::/56", NOON - HOUR, NOON + HOUR)
    assert ask(("2001:db8:500:142::1", NOON))[0].outcome is Resolution.AMBIGUOUS
    assert ask(("2001:db8:500:242::1", NOON))[0].subscriber == "c-reseller"


def test_what_is_newer_than_the_last_start_is_not_settled(database: RadiusDatabase) -> None:
    assert ask(("203.0.113.1", NOW - DAY))[0].reasons == {Reason.NOT_SETTLED}
    database.run("DELETE FROM radacct")
    assert Reason.NOT_SETTLED in ask(("203.0.113.1", NOON))[0].reasons


def test_without_the_operators_word_nothing_is_complete(database: RadiusDatabase, settings: Any) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    settings.RADIUS_COMPLETE_FROM = None
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.COLLECTION_GAP, Reason.NOT_SETTLED}
    settings.RADIUS_COMPLETE_FROM = datetime(2026, 1, 1, tzinfo=UTC)
    assert ask(("203.0.113.1", NOON))[0].subscriber == "c-line-1"
    settings.RADIUS_ADDRESS_FIXED = False
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.COLLECTION_GAP, Reason.NOT_SETTLED}


def test_the_identity_is_the_column_that_is_set_and_no_other_text(database: RadiusDatabase, settings: Any) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    database.run("UPDATE radacct SET callingstationid = '02-00-5E-10-00-01'")
    settings.RADIUS_IDENTITY = "callingstationid"
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.LINE_UNKNOWN}
    contract = b"identity,subscriber,from,to\ncalling:02-00-5E-10-00-01,c-calling,2020-01-01T00:00:00Z,\n"
    import_lines(io.BytesIO(contract), now=NOW, digest=holder_digest(settings.KEY_DIR), unit=timedelta(seconds=1))
    assert ask(("203.0.113.1", NOON))[0].subscriber == "c-calling"
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
    with pytest.raises(RadiusUnavailable) as failed, radius_connection() as connection:
        connection.execute("SELECT '203.0.113.1/99'::inet")
    assert "203.0.113" not in str(failed.value)
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("away", ["connection", "statement", "row"])
def test_a_database_that_does_not_answer_makes_hit_and_miss_alike(
    database: RadiusDatabase, settings: Any, away: str
) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    hit, miss = ("203.0.113.1", NOON), ("203.0.113.99", NOON)
    assert [verdict.outcome for verdict in ask(hit, miss)] == [Resolution.UNIQUE, Resolution.NONE]
    if away == "connection":
        settings.RADIUS_DATABASE_URL = "postgresql://reader@127.0.0.1:1/radius"
    elif away == "statement":
        database.run("ALTER TABLE radacct DROP COLUMN acctinterval")
    else:
        database.run("ALTER TABLE radacct ALTER acctstoptime TYPE timestamp")
    first, second = ask(hit, miss)
    assert (first.outcome, first.holders) == (Resolution.INCOMPLETE, frozenset())
    assert Reason.NOT_SETTLED in first.reasons
    assert replace(first, from_at=second.from_at, until_at=second.until_at) == second


def test_an_answer_waits_while_the_database_is_away_whoever_it_would_name(
    database: RadiusDatabase, settings: Any
) -> None:
    plan(("192.0.2.0/28", "cgn-block"), ("198.51.100.128/25", "dedicated"), ("192.0.2.16/28", "deterministic"))
    AddressPlan.objects.exclude(prefix="203.0.113.0/24").update(source=describe_source("own", new=True))
    keep("own")
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    asked = {
        "hit": Observation("hit", "203.0.113.1", None, NOON),
        "miss": Observation("miss", "203.0.113.99", None, NOON),
        "behind": Observation("behind", "192.0.2.1", 5000, NOON),
        "no port": Observation("no port", "192.0.2.1", None, NOON),
        "old": Observation("old", "203.0.113.1", None, NOW - 400 * DAY),
        "not ours": Observation("not ours", "8.8.8.8", None, NOON),
        "another's": Observation("another's", "198.51.100.200", None, NOON),
    }
    waits = partial(awaits_logs, list(asked.values()), tolerance=MINUTE, now=NOW)
    assert waits() == set()
    settings.RADIUS_DATABASE_URL = "postgresql://reader@127.0.0.1:1/radius"
    assert waits() == {"hit", "miss", "behind"}
    # What it had nothing to do with any more is not held up.
    describe_source("radius", serves_until=NOON - DAY)
    assert waits() == set()
    assert ask(("203.0.113.1", NOON))[0].outcome is Resolution.NONE


def test_an_answer_waits_for_what_the_table_has_not_taken_in_yet(database: RadiusDatabase) -> None:
    late = [Observation("q", "203.0.113.1", None, NOW - DAY)]
    assert awaits_logs(late, tolerance=MINUTE, now=NOW) == {"q"}


def test_waiting_reads_no_session_of_anybody(database: RadiusDatabase, settings: Any) -> None:
    settings_user = conninfo_to_dict(database.url)["user"]
    database.run(f"REVOKE SELECT ON radacct FROM {settings_user}")
    database.run(f"GRANT SELECT (acctstarttime) ON radacct TO {settings_user}")
    observations = [Observation(at, "203.0.113.1", None, at) for at in (NOON, NOW - DAY)]
    assert awaits_logs(observations, tolerance=MINUTE, now=NOW) == {NOW - DAY}


def test_a_process_that_is_not_set_up_for_it_says_so_whatever_is_asked(database: RadiusDatabase, settings: Any) -> None:
    (settings.KEY_DIR / KEY_FILE).unlink()
    for address in ("203.0.113.99", "8.8.8.8"):
        with pytest.raises(ConfigurationError, match=KEY_FILE):
            ask((address, NOON))
    assert not (settings.KEY_DIR / KEY_FILE).exists()
    holder_digest(settings.KEY_DIR)
    settings.RADIUS_DATABASE_URL = ""
    with pytest.raises(ConfigurationError, match="BROKER_RADIUS_DATABASE_URL"):
        ask(("8.8.8.8", NOON))


def test_what_it_names_is_derived_and_on_the_ground_of_the_plan(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    (verdict,) = ask(("203.0.113.1", NOON))
    assert (verdict.subscriber, verdict.derived, verdict.provenance) == ("c-line-1", True, Provenance.BUSINESS)
    row = AddressPlan.objects.filter(prefix="203.0.113.0/24")
    row.update(sharing="unknown")
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.PORT_REQUIRED}
    with_port = [Observation("q", "203.0.113.1", 5000, NOON)]
    assert attribute(with_port, tolerance=MINUTE, now=NOW)["q"].reasons == {Reason.UNCERTAIN_EDGE}
    row.update(sharing="dedicated", to_at=NOON - DAY)
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.NOT_OUR_ADDRESS}
    row.update(to_at=None)
    set_clock("radius", NOON.date(), timedelta(seconds=9), 1, now=NOW)
    assert ask(("203.0.113.1", NOON))[0].reasons == {Reason.CLOCK_SUSPECT}
    assert ask(("203.0.113.1", NOW - 400 * DAY))[0].outcome is Resolution.OUTSIDE_RETENTION


def test_a_plan_that_names_another_source_does_not_ask_it(database: RadiusDatabase) -> None:
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    AddressPlan.objects.update(source=describe_source("own", new=True))
    keep("own", Held("203.0.113.2", "s-2"))
    mine, other = ask(("203.0.113.2", NOON), ("203.0.113.1", NOON))
    assert (mine.subscriber, other.outcome) == ("s-2", Resolution.NONE)


def test_a_log_of_our_own_and_the_table_speak_of_one_line_and_contradict_each_other_of_two(
    database: RadiusDatabase, settings: Any
) -> None:
    digest = holder_digest(settings.KEY_DIR)
    session(database, "line-1", "203.0.113.1", NOON - HOUR, NOON + HOUR)
    session(database, "line-2", "203.0.113.2", NOON - HOUR, NOON + HOUR)
    keep("own", *(Held(f"203.0.113.{n}", digest.reference("user:line-1"), line=True) for n in (1, 2)))
    same, two = ask(("203.0.113.1", NOON), ("203.0.113.2", NOON))
    assert same.subscriber == "c-line-1"
    assert Reason.CONFLICT in two.reasons


def test_a_batch_mixes_the_own_store_the_table_and_what_is_computed(database: RadiusDatabase) -> None:
    """Deterministic NAT whose insides, and MAP-E whose delegated prefixes, the RADIUS server gave out."""
    AddressPlan.objects.filter(prefix="198.51.100.0/24").update(source=describe_source("own", new=True))
    AddressPlan.objects.filter(prefix="192.0.2.0/24").update(sharing="deterministic")
    AddressPlan.objects.filter(prefix="203.0.113.0/24").update(sharing="map")
    describe_source("radius", realm="north")
    keep("own", Held("198.51.100.7", "s-7"))
    import_mappings(io.BytesIO(MAPPINGS), now=NOW)
    session(database, "line-1", "100.64.0.1", NOON - 2 * HOUR, NOON + 2 * HOUR)
    session(database, "line-2", "2001:db8:12:3400::/56", NOON - 2 * HOUR, NOON + 2 * HOUR)
    session(database, "line-3", "2001:db8:13:3400::/64", NOON - 2 * HOUR, NOON + 2 * HOUR)
    asked = [
        ("192.0.2.1", 5056, "c-line-1"),
        ("192.0.2.1", 5055, None),
        ("192.0.2.1", None, None),
        ("203.0.113.18", 1234, "c-line-2"),
        ("203.0.113.19", 1234, None),  # only a part of the delegated prefix is held
        ("198.51.100.7", None, "s-7"),
        ("2001:db8:12:34ff::1", None, "c-line-2"),
    ]
    observations = [Observation(n, address, port, NOON) for n, (address, port, _) in enumerate(asked)]
    verdicts = attribute(observations, tolerance=MINUTE, now=NOW)
    assert [verdicts[n].subscriber for n in range(len(asked))] == [who for _, _, who in asked]
    assert [verdicts[n].derived for n in (0, 3, 5, 6)] == [True, True, False, True]
    database.run("DROP TABLE radacct")
    verdicts = attribute(observations, tolerance=MINUTE, now=NOW)
    assert [verdicts[n].subscriber for n in range(len(asked))] == [None] * 5 + ["s-7", None]
    assert {verdicts[n].outcome for n in (0, 1, 3, 4, 6)} == {Resolution.INCOMPLETE}


MAPPINGS = b"""
[[epoch]]
name = "cgn-1"
kind = "deterministic-nat"
from = 2026-01-01T00:00:00Z
inside = ["100.64.0.0/28"]
outside = ["192.0.2.1/32"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16
realm = "north"

[[epoch]]
name = "map-1"
kind = "map"
from = 2026-01-01T00:00:00Z
ipv6-prefix = "2001:db8::/40"
ipv4-prefix = "203.0.113.0/24"
ea-bits = 16
"""


def test_only_one_source_is_the_database_and_the_command_says_which(
    database: RadiusDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"source\.in-place"):
        describe_source("radius-2", new=True, in_place="radacct")
    call_command("describe_source", "radius", "--in-place", "none")
    call_command("describe_source", "radius-2", "--new", "--in-place", "radacct")
    assert "radacct is asked in place" in capsys.readouterr().out
    assert list(LeaseSource.objects.exclude(in_place="").values_list("name", flat=True)) == ["radius-2"]


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

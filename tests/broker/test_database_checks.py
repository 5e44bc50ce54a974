"""A process starts only on databases that have the right role, walls and schema; each defect is one sentence."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import ConnectionHandler
from psycopg.conninfo import conninfo_to_dict

from broker import database_checks
from broker.assessment.pack_release import PackRelease
from broker.attribution.logs.identity import holder_digest
from broker.audit.services import record
from broker.bootstrap import bootstrap_server
from broker.database_checks import problems_of
from broker.databases import ALIASES, EMBEDDED_NAMES, OWN_STORE, Process, role_of
from broker.embedded import Cluster
from broker.errors import ConfigurationError
from broker.grants import GRANTS, ROW_SECURITY
from tests.support.servers import admin_conninfo, password_of, store_names

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])


@contextmanager
def connected(process: Process, alias: str = "default", **changes: Any) -> Iterator[BaseDatabaseWrapper]:
    """The connection that a process would have to a test database, with changes to its settings."""
    own = connections[alias].settings_dict | {"PROCESS": process.value, "USER": role_of(process)}
    own |= {"PASSWORD": password_of(process)} | changes
    handler = ConnectionHandler({"default": own, alias: own})
    try:
        yield handler[alias]
    finally:
        handler.close_all()


@contextmanager
def changed(statement: str, back: str, alias: str = "default") -> Iterator[None]:
    """A change by the owner, undone afterwards."""
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        try:
            yield
        finally:
            cursor.execute(back)


def problems(process: Process, alias: str = "default", **changes: Any) -> list[str]:
    with connected(process, alias, **changes) as wrapper:
        return problems_of(wrapper)


@pytest.mark.parametrize(
    ("process", "alias"),
    [(process, alias) for process, aliases in ALIASES.items() if process != Process.OWNER for alias in aliases],
)
def test_finds_nothing_where_all_is_well(process: Process, alias: str) -> None:
    assert problems(process, alias) == []


def test_names_a_superuser() -> None:
    [said] = problems(Process.WEB, USER=conninfo_to_dict(admin_conninfo())["user"])
    assert "is a superuser" in said


def test_names_a_role_that_bypasses_row_level_security() -> None:
    with psycopg.connect(admin_conninfo(), autocommit=True) as admin:
        admin.execute("ALTER ROLE broker_web BYPASSRLS")
        try:
            [said] = problems(Process.WEB)
        finally:
            admin.execute("ALTER ROLE broker_web NOBYPASSRLS")
    assert "bypasses row-level security" in said


def test_names_the_role_of_another_process() -> None:
    [said] = problems(Process.WEB, USER="broker_jobs")
    assert "connected as broker_jobs, but process 'web' is broker_web" in said


def test_names_a_missing_grant() -> None:
    with changed("REVOKE INSERT ON decision FROM broker_web", "GRANT INSERT ON decision TO broker_web"):
        [said] = problems(Process.WEB)
    assert "broker_web lacks INSERT on decision" in said
    assert "prepare" in said


def test_names_a_grant_too_many() -> None:
    with changed("GRANT DELETE ON event TO broker_worker", "REVOKE DELETE ON event FROM broker_worker"):
        [said] = problems(Process.WORKER)
    assert "broker_worker may DELETE on event, and must not" in said


def test_names_a_table_without_row_level_security() -> None:
    switch = "ALTER TABLE sealed_release {} ROW LEVEL SECURITY"
    with changed(switch.format("DISABLE"), switch.format("ENABLE")):
        [said] = problems(Process.JOBS)
    assert "row-level security is off for sealed_release" in said


def test_names_a_store_that_it_can_reach_and_must_not() -> None:
    leases = store_names()["leases"]
    with psycopg.connect(admin_conninfo(), autocommit=True) as admin:
        admin.execute(f"GRANT CONNECT ON DATABASE {leases} TO broker_web")
        try:
            [said] = problems(Process.WEB)
        finally:
            admin.execute(f"REVOKE CONNECT ON DATABASE {leases} FROM broker_web")
    assert f"broker_web may connect to {leases}" in said


def test_names_a_source_that_the_worker_is_to_ask_in_place_and_cannot(settings: Any, tmp_path: Path) -> None:
    made = "INSERT INTO lease_source (name, realm, worst_offset, derived, coverage, clocks, serial, in_place) VALUES "
    made += "('radius', '', '1 second', false, '{}', '{}', 0, 'radacct')"
    settings.KEY_DIR = tmp_path
    with changed(made, "DELETE FROM lease_source WHERE name = 'radius'", "leases"):
        [said] = problems(Process.WORKER, "leases")
        assert problems(Process.FEEDER, "leases") == []
        settings.RADIUS_DATABASE_URL = "postgresql://reader@db/radius"
        [still] = problems(Process.WORKER, "leases")
        holder_digest(tmp_path)
        assert problems(Process.WORKER, "leases") == []
    assert said == still
    assert "BROKER_RADIUS_DATABASE_URL" in said
    assert "holders.key" in said


def test_names_a_schema_that_is_older_or_newer() -> None:
    row = "(app, name, applied) VALUES ('broker', '{}', now())"
    with changed(
        "DELETE FROM django_migrations WHERE app = 'broker' AND name LIKE '0004%%'".replace("%%", "%"),
        "INSERT INTO django_migrations " + row.format("0004_decisions_and_releases_need_their_ground"),
    ):
        [older] = problems(Process.WEB)
    with changed(
        "INSERT INTO django_migrations " + row.format("9999_of_tomorrow"),
        "DELETE FROM django_migrations WHERE name = '9999_of_tomorrow'",
    ):
        [newer] = problems(Process.WEB)
    assert "lacks broker.0004" in older
    assert "broker.9999_of_tomorrow, which this program does not know" in newer


@pytest.mark.parametrize("alias", ["leases", "identities"])
def test_a_walled_off_store_is_asked_for_its_own_migrations_only(alias: str) -> None:
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    assert {app for app, _ in applied} == {OWN_STORE[alias]}


def test_names_a_database_without_tables() -> None:
    with psycopg.connect(admin_conninfo(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE bare_of_tests")
        try:
            [said] = problems(Process.WEB, NAME="bare_of_tests")
        finally:
            admin.execute("DROP DATABASE bare_of_tests WITH (FORCE)")
    assert "prepare" in said


def test_names_an_old_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_checks, "OLDEST_SERVER", 99)
    [said] = problems(Process.WEB)
    assert "99 or later is needed" in said


def test_names_a_server_that_is_not_there(tmp_path: Path) -> None:
    [said] = problems(Process.WEB, HOST=str(tmp_path))
    assert "cannot be used as broker_web" in said


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Cluster, Path]]:
    """A server that asks every role of ours for its password, as one across a network does."""
    cluster = Cluster(tmp_path / "cluster")
    with cluster.running(durable=False):
        bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, tmp_path / "passwords")
        rules = cluster.folder / "data" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        with psycopg.connect(cluster.conninfo(), autocommit=True) as admin:
            admin.execute("SELECT pg_reload_conf()")
        yield cluster, tmp_path / "passwords"


def test_each_role_has_the_password_of_its_file_and_no_other(guarded: tuple[Cluster, Path]) -> None:
    cluster, passwords = guarded
    place = {"HOST": str(cluster.socket_dir), "NAME": EMBEDDED_NAMES["default"]}
    files = {process: (passwords / process.value).read_text() for process in Process}
    assert len(set(files.values())) == len(Process)
    assert all((passwords / process.value).stat().st_mode & 0o077 == 0 for process in Process)
    [right] = problems(Process.WEB, PASSWORD=files[Process.WEB], **place)
    [wrong] = problems(Process.WEB, PASSWORD=files[Process.WORKER], **place)
    assert "manage.py prepare" in right
    assert "cannot be used as broker_web" in wrong
    assert "BROKER_DATABASE_PASSWORD_FILE" in wrong
    assert files[Process.WORKER] not in wrong


def test_bootstrapping_again_changes_nothing(guarded: tuple[Cluster, Path]) -> None:
    cluster, passwords = guarded
    before = (passwords / "web").read_text()
    again = bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, passwords)
    assert (passwords / "web").read_text() == before
    assert not [line for line in again if line.endswith(" made")]


@pytest.mark.parametrize("admin", ["a superuser", "a user with CREATEROLE and CREATEDB"])
def test_bootstraps_as_somebody_who_may(tmp_path: Path, admin: str) -> None:
    cluster = Cluster(tmp_path / "cluster")
    with cluster.running(durable=False):
        user = "postgres"
        if admin != "a superuser":
            user = "landlord"
            with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
                connection.execute("CREATE ROLE landlord LOGIN CREATEROLE CREATEDB")
        conninfo = psycopg.conninfo.make_conninfo(cluster.conninfo(), user=user)
        assert len(bootstrap_server(conninfo, EMBEDDED_NAMES, None)) == len(Process) + len(EMBEDDED_NAMES)
        assert bootstrap_server(conninfo, EMBEDDED_NAMES, None) == []
        owner = psycopg.conninfo.make_conninfo(cluster.conninfo(EMBEDDED_NAMES["leases"]), user="broker_owner")
        with psycopg.connect(owner) as connection:
            connection.execute("CREATE TABLE lease (x int)")


def test_bootstrapping_refuses_somebody_who_may_not(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster")
    with cluster.running(durable=False):
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE ROLE guest LOGIN")
        with pytest.raises(ConfigurationError, match="CREATEROLE and CREATEDB"):
            bootstrap_server(psycopg.conninfo.make_conninfo(cluster.conninfo(), user="guest"), EMBEDDED_NAMES, None)


def test_bootstrapping_refuses_a_role_that_may_too_much_and_a_database_of_somebody_else(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster")
    with cluster.running(durable=False):
        with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE ROLE broker_worker LOGIN BYPASSRLS")
            with pytest.raises(ConfigurationError, match="broker_worker has rolbypassrls"):
                bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)
            connection.execute("DROP ROLE broker_worker")
            connection.execute("CREATE DATABASE broker_leases")
        with pytest.raises(ConfigurationError, match="belongs to postgres"):
            bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)


def test_every_table_is_in_the_matrix_and_every_table_of_a_request_has_row_level_security() -> None:
    for alias in GRANTS:
        assert set(connections[alias].introspection.table_names()) == set(GRANTS[alias])
    shared = {"organisation", "user_account", "court_certificate", "signature_policy", "revocation_source"}
    shared |= {"api_key", "invitation", "mfa_authenticator", "usersessions_usersession", "limit_count"}
    shared |= {"account_emailaddress", "account_emailconfirmation", "outbox", "pack_version", "trial_place"}
    shared |= {name for name in GRANTS["default"] if name.startswith(("django_", "auth_"))}
    assert set(GRANTS["default"]) - set(ROW_SECURITY) == shared
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        assert {name for (name,) in cursor.fetchall()} == set(ROW_SECURITY)


def test_names_packs_that_were_enabled_for_trying_out_and_are_served_to_others(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the other stores are depends on whether the server is embedded, which is only pretended here.
    monkeypatch.setattr(database_checks, "_foreign_stores", lambda *_: [])
    identifier = uuid.uuid4()
    with transaction.atomic():
        PackRelease.objects.create(
            id=identifier,
            pack="es",
            meaning_hash="0" * 64,
            text_hash="0" * 64,
            content="[]",
            signed_by="Nobody has signed",
            signed_as="for trying out only",
            for_trial=True,
            event_id=record("pack:enabled", "pack", identifier),
        )
    usual = settings.EMBEDDED
    for process in (Process.WEB, Process.WORKER):
        settings.EMBEDDED = usual
        with connected(process) as wrapper:
            settings.EMBEDDED = True
            assert problems_of(wrapper) == []
            settings.EMBEDDED = False
            [said] = problems_of(wrapper)
        assert "1 pack(s) are enabled for trying out" in said

"""What each process may not do, tried by SQL as its role: the database refuses, whatever our code would have done.

Every attempt stands beside the one wall that stops it. With the wall it is refused; with the wall taken away, in a
transaction that is rolled back, the same statement does what it says. So no attempt is refused by accident.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction

from broker.audit.services import record
from broker.databases import ALIASES, Process, role_of
from broker.orders.models import OrderDocument
from broker.parties.models import Organisation, Role, User
from tests.support.rows import (
    assess_as,
    decide_as,
    make_approved,
    make_order,
    make_request,
    make_tranche,
    make_user,
    make_world,
    move,
    seal,
)
from tests.support.servers import admin_conninfo, password_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])

WEB, WORKER, JOBS, FEEDER = "broker_web", "broker_worker", "broker_jobs", "broker_feeder"


@dataclass(frozen=True)
class Attempt:
    """A statement that must be refused. without: what a superuser takes away for it to succeed.

    person: in the web process, who asks ("role organisation user" as keys of the known rows).
    rows: how many rows it touches or sees when it succeeds; with the wall a statement that sees rows sees none.
    """

    role: str
    statement: str
    without: str
    store: str = "default"
    person: str = ""
    rows: int | None = None


def grant(right: str, table: str, role: str) -> str:
    return f"GRANT SELECT, {right} ON {table} TO {role}"


def rewrite(role: str, right: str, statement: str, table: str, store: str = "default") -> Attempt:
    """Changing or deleting, which a missing grant refuses; behind it stand a trigger and row-level security."""
    return Attempt(
        role,
        statement,
        f"{grant(right, table, role)}; ALTER TABLE {table} DISABLE TRIGGER USER, DISABLE ROW LEVEL SECURITY",
        store,
        person="legal",
        rows=1,
    )


def add(role: str, table: str, statement: str, store: str = "default") -> Attempt:
    """Adding a row, which a missing grant refuses."""
    return Attempt(role, statement, grant("INSERT", table, role), store, person="legal", rows=1)


def see(person: str, table: str, where: str = "") -> Attempt:
    """Seeing rows of somebody else, which row-level security refuses."""
    tables = (
        "disclosure_request, request_line, court_order, order_terms, tranche, sealed_release, decision, recipient_key, "
        "order_document, line_assessment, assessment_record, event, state_move"
    )
    off = "; ".join(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY" for name in tables.split(", "))
    return Attempt(WEB, f"SELECT 1 FROM {table} {where}", off, person=person, rows=1)


EVENT = "gen_random_uuid(), 0, now(), 'x:y', 'request', gen_random_uuid(), '{}'"
COPY_EVENT = "UPDATE event SET kind = 'x:y' WHERE id = %(event)s"
NEW_DECISION = (
    "INSERT INTO decision (id, line_id, round, seat, person, decided_by_id, verdict, reason, assessment_id, "
    "decided_at, event_id) SELECT gen_random_uuid(), line_id, 1, 2, %(second_person)s, %(second)s, 'approve', 'r', "
    "assessment_id, now(), event_id FROM decision WHERE line_id = %(open_line)s"
)
NEW_ORDER = (
    "INSERT INTO court_order (id, request_id, court_id, file_number, document_id, uploaded_by_id, uploaded_at, state, "
    "event_id) SELECT %(new_order)s, request_id, court_id, 'another', %(document)s, uploaded_by_id, now(), 'RECEIVED', "
    "%(new_order_event)s FROM court_order WHERE id = %(order)s"
)
NEW_ACCOUNT = (
    "INSERT INTO user_account (id, person_id, username, display_name, email, organisation_id, role, is_active, "
    "password, session_stamp) "
    "SELECT gen_random_uuid(), gen_random_uuid(), 'x', 'x', '', organisation_id, 'legal', true, '', session_stamp "
    "FROM user_account WHERE id = %(second)s"
)
NEW_TRANCHE = (
    "INSERT INTO tranche (id, request_id, terms_id, recipient_key_id, created_at, event_id) "
    "SELECT gen_random_uuid(), request_id, terms_id, recipient_key_id, now(), %(event)s "
    "FROM tranche WHERE id = %(tranche)s"
)
NEW_MOVE = (
    "INSERT INTO state_move (subject_id, event_id, old_state, new_state) VALUES (gen_random_uuid(), %(event)s, '', 'X')"
)
NEW_CHECK = (
    "INSERT INTO order_check (order_id, number, code, title, detail, passed) "
    "SELECT id, 99, 'x', 'x', '', true FROM court_order WHERE id = %(order)s"
)
NEW_POLICY = (
    "INSERT INTO signature_policy (court_id, timestamp_required, revocation_required, revocation_max_age_hours, "
    "certificate_policies, key_usage, registered_at) VALUES (%(court)s, false, false, 24, '[]', '[]', now())"
)
NEW_PLACE = (
    "INSERT INTO revocation_source (id, court_id, url, registered_at) "
    "VALUES (gen_random_uuid(), %(court)s, 'http://a.example/a.crl', now())"
)

ATTEMPTS: dict[str, Attempt] = {
    # The web process knows who asks and decides nothing by itself.
    "web rewrites an event": rewrite(WEB, "UPDATE", COPY_EVENT, "event"),
    "web deletes a move": rewrite(WEB, "DELETE", "DELETE FROM state_move WHERE id = %(move)s", "state_move"),
    "web empties the moves": Attempt(WEB, "TRUNCATE state_move", grant("TRUNCATE", "state_move", WEB)),
    "web invents a move": add(WEB, "state_move", NEW_MOVE),
    "web deletes a line": rewrite(WEB, "DELETE", "DELETE FROM terms_line WHERE id = %(terms_line)s", "terms_line"),
    "web changes what a line asks": rewrite(
        WEB, "UPDATE", "UPDATE request_line SET address = '203.0.113.9' WHERE id = %(line)s", "request_line"
    ),
    "web passes an order": add(WEB, "order_check", NEW_CHECK),
    "web rewrites a check": rewrite(
        WEB, "UPDATE", "UPDATE order_check SET passed = true WHERE order_id = %(order)s", "order_check"
    ),
    "web rewrites a decision": rewrite(
        WEB, "UPDATE", "UPDATE decision SET reason = 'x' WHERE line_id = %(open_line)s", "decision"
    ),
    "web rewrites a package": rewrite(
        WEB, "UPDATE", "UPDATE sealed_release SET package = 'x' WHERE tranche_id = %(tranche)s", "sealed_release"
    ),
    "web rewrites terms": rewrite(
        WEB, "UPDATE", "UPDATE order_terms SET recipient = 'x' WHERE order_id = %(order)s", "order_terms"
    ),
    "web assesses": add(
        WEB,
        "pack_version",
        "INSERT INTO pack_version (text_hash, pack, content) VALUES ('x', 'es', '')",
    ),
    "web trusts a certificate": add(
        WEB,
        "court_certificate",
        "INSERT INTO court_certificate (id, court_id, der, sha256, use, registered_at) "
        "VALUES (gen_random_uuid(), %(court)s, 'x', 'x', 'signature', now())",
    ),
    "web relaxes a court's policy": add(WEB, "signature_policy", NEW_POLICY),
    "web registers a place of lists": add(WEB, "revocation_source", NEW_PLACE),
    "web says whose signature an order has": rewrite(
        WEB, "UPDATE", "UPDATE court_order SET signed_identity = 'x' WHERE id = %(order)s", "court_order"
    ),
    "web changes a role": Attempt(
        WEB,
        "UPDATE user_account SET role = 'legal' WHERE id = %(engineer)s",
        "ALTER TABLE user_account DISABLE TRIGGER account_reach_guard",
        rows=1,
    ),
    "web opens an account for a second pair of eyes": Attempt(
        WEB, NEW_ACCOUNT, "ALTER TABLE user_account DISABLE TRIGGER account_reach_guard", rows=1
    ),
    "the worker writes what web unpickles": add(
        WORKER, "limit_count", "INSERT INTO limit_count VALUES ('x', 'x', now())"
    ),
    "jobs sees the second factors": Attempt(
        JOBS, "SELECT count(*) FROM mfa_authenticator", "GRANT SELECT ON mfa_authenticator TO broker_jobs"
    ),
    "web becomes the worker": Attempt(WEB, "SET ROLE broker_worker", "GRANT broker_worker TO broker_web"),
    "web makes a table": Attempt(WEB, "CREATE TABLE mine (x int)", "GRANT CREATE ON SCHEMA public TO broker_web"),
    "web switches a guard off": Attempt(
        WEB, "ALTER TABLE event DISABLE TRIGGER USER", "ALTER TABLE event OWNER TO broker_web"
    ),
    "web switches row security off": Attempt(
        WEB, "ALTER TABLE decision DISABLE ROW LEVEL SECURITY", "ALTER TABLE decision OWNER TO broker_web"
    ),
    "web drops the moves": Attempt(WEB, "DROP TABLE state_move", "ALTER TABLE state_move OWNER TO broker_web"),
    "web runs as a replica": Attempt(
        WEB,
        "SET LOCAL session_replication_role = replica",
        "GRANT SET ON PARAMETER session_replication_role TO broker_web",
    ),
    "web reads a server file": Attempt(
        WEB,
        "SELECT pg_read_file('PG_VERSION')",
        "GRANT pg_read_server_files TO broker_web; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO broker_web",
    ),
    # Row-level security, by person.
    "nobody sees a request": see("nobody", "disclosure_request"),
    "nobody sees an event": see("nobody", "event"),
    "nobody sees a line": see("nobody", "request_line"),
    "a strange counsel sees a request": see("stranger", "disclosure_request", "WHERE id = %(request)s"),
    "a strange counsel sees a line": see("stranger", "request_line", "WHERE id = %(line)s"),
    "a strange counsel sees an order": see("stranger", "court_order", "WHERE id = %(order)s"),
    "a strange counsel sees a document": see("stranger", "order_document"),
    "a strange counsel sees a package": see("stranger", "sealed_release"),
    "a strange counsel sees a key": see("stranger", "recipient_key"),
    "a strange counsel sees an event": see("stranger", "event", "WHERE subject_id = %(request)s"),
    "a strange counsel sees an assessment": see("stranger", "assessment_record"),
    "a strange clerk sees a request": see("strange_clerk", "disclosure_request"),
    "a strange clerk sees an order": see("strange_clerk", "court_order"),
    "a clerk sees a package": see("clerk", "sealed_release"),
    "a clerk sees a decision": see("clerk", "decision"),
    "counsel sees a decision": see("counsel", "decision"),
    "an auditor sees a request": see("auditor", "disclosure_request"),
    "an engineer sees a line": see("engineer", "request_line"),
    "counsel files for another organisation": Attempt(
        WEB,
        "INSERT INTO disclosure_request SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid(), "
        "'reference', 'R-X', 'organisation_id', %(stranger_organisation)s::uuid))).* "
        "FROM disclosure_request q WHERE id = %(request)s",
        "ALTER TABLE disclosure_request DISABLE ROW LEVEL SECURITY",
        person="counsel",
        rows=1,
    ),
    # The worker answers what others decided.
    "the worker brings an order": add(WORKER, "court_order", NEW_ORDER),
    "the worker decides": add(WORKER, "decision", NEW_DECISION),
    "the worker approves a tranche": add(WORKER, "tranche", NEW_TRANCHE),
    "the worker makes an account": add(WORKER, "user_account", NEW_ACCOUNT),
    "the worker passes an order": add(WORKER, "order_check", NEW_CHECK),
    "the worker rewrites terms": rewrite(
        WORKER, "UPDATE", "UPDATE order_terms SET recipient = 'x' WHERE order_id = %(order)s", "order_terms"
    ),
    "the worker rewrites an event": rewrite(WORKER, "UPDATE", COPY_EVENT, "event"),
    "the worker deletes a package": rewrite(
        WORKER, "DELETE", "DELETE FROM sealed_release WHERE tranche_id = %(tranche)s", "sealed_release"
    ),
    "the worker reads sessions": Attempt(
        WORKER, "SELECT count(*) FROM django_session", "GRANT SELECT ON django_session TO broker_worker", rows=1
    ),
    "the worker reads keys of the API": Attempt(
        WORKER, "SELECT count(*) FROM api_key", "GRANT SELECT ON api_key TO broker_worker", rows=1
    ),
    "the worker adds a lease": Attempt(
        WORKER, "INSERT INTO lease SELECT * FROM lease WHERE false", grant("INSERT", "lease", WORKER), "leases"
    ),
    "the worker deletes leases": Attempt(WORKER, "DELETE FROM lease", grant("DELETE", "lease", WORKER), "leases"),
    "the worker changes an identity": Attempt(
        WORKER, "UPDATE sealed_record SET body = ''", grant("UPDATE", "sealed_record", WORKER), "identities"
    ),
    "the worker removes a data key": Attempt(
        WORKER, "DELETE FROM sealed_key", grant("DELETE", "sealed_key", WORKER), "identities"
    ),
    # Jobs check and assess; they neither decide nor answer.
    "jobs decides": add(JOBS, "decision", NEW_DECISION),
    "jobs brings an order": add(JOBS, "court_order", NEW_ORDER),
    "jobs approves a tranche": add(JOBS, "tranche", NEW_TRANCHE),
    "jobs relaxes a court's policy": add(JOBS, "signature_policy", NEW_POLICY),
    "jobs registers a place of lists": add(JOBS, "revocation_source", NEW_PLACE),
    "jobs seals": Attempt(
        JOBS,
        "INSERT INTO sealed_release SELECT * FROM sealed_release WHERE false",
        grant("INSERT", "sealed_release", JOBS),
    ),
    "jobs rewrites an event": rewrite(JOBS, "UPDATE", COPY_EVENT, "event"),
    "jobs deletes an event": rewrite(JOBS, "DELETE", "DELETE FROM event WHERE id = %(loose_event)s", "event"),
    "jobs reads sessions": Attempt(
        JOBS, "SELECT count(*) FROM django_session", "GRANT SELECT ON django_session TO broker_jobs", rows=1
    ),
    # The feeder fills two stores and sees nothing of the third.
    **{
        f"the feeder reads {table}": Attempt(
            FEEDER,
            f"SELECT count(*) FROM {table}",
            f"GRANT SELECT ON {table} TO broker_feeder; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            rows=1,
        )
        for table in ("request_line", "event", "user_account", "court_order", "organisation", "outbox")
    },
    "the feeder rewrites an event": rewrite(FEEDER, "UPDATE", COPY_EVENT, "event"),
    "the feeder reads what is sealed": Attempt(
        FEEDER, "SELECT body FROM sealed_record", "GRANT SELECT ON sealed_record TO broker_feeder", "identities"
    ),
    "the feeder reads data keys": Attempt(
        FEEDER, "SELECT wrapped FROM sealed_key", "GRANT SELECT ON sealed_key TO broker_feeder", "identities"
    ),
    "the feeder rewrites leases": Attempt(
        FEEDER, "UPDATE lease SET valid_to = now()", grant("UPDATE", "lease", FEEDER), "leases"
    ),
    "the feeder deletes leases": Attempt(FEEDER, "DELETE FROM lease", grant("DELETE", "lease", FEEDER), "leases"),
}


@dataclass(frozen=True)
class Known:
    """Rows that exist, by name, and who the people are: name -> (role, organisation, user)."""

    rows: dict[str, Any]
    people: dict[str, tuple[str, str, str]]


@pytest.fixture
def known() -> Known:
    """An answered request, one under review with one approval, and a stranger of each kind."""
    with transaction.atomic():
        world = make_world()
        auditors = Organisation.objects.create(kind="auditor", name="Auditor", jurisdiction="es")
        others = Organisation.objects.create(kind="counsel", name="Others", jurisdiction="es")
        court = Organisation.objects.create(kind="court", name="Elsewhere", jurisdiction="es")
        people = {
            "counsel": world.filer,
            "clerk": world.clerk,
            "legal": world.first,
            "engineer": make_user(world.operator, Role.ENGINEER),
            "auditor": make_user(auditors, Role.AUDITOR),
            "stranger": make_user(others, Role.COUNSEL),
            "strange_clerk": make_user(court, Role.CLERK),
        }
        answered = make_approved(world)
        tranche = make_tranche(world, answered)
        seal(tranche)
        move(answered, "RELEASED")
        open_request = make_request(world)
        terms = make_order(world, open_request)
        terms.lines.create(
            number=1, address="198.51.100.23", from_at="2026-09-14T19:05:09Z", until_at="2026-09-14T19:05:10Z"
        )
        assess_as(open_request, terms)
        move(open_request, "UNDER_REVIEW")
        decide_as(open_request.lines.get(), world.first, 1)
        document = OrderDocument.objects.create(sha256="d" * 64, content=b"x", size_bytes=1)
        loose = record("test:noted", "test", uuid.uuid4())
    new_order = uuid.uuid4()
    rows: dict[str, Any] = {
        "event": answered.event_id,
        "loose_event": loose,
        "request": answered.id,
        "line": answered.lines.get().id,
        "open_line": open_request.lines.get().id,
        "order": terms.order_id,
        "terms_line": terms.lines.get().id,
        "tranche": tranche.id,
        "court": world.court.id,
        "second": world.second.id,
        "second_person": world.second.person_id,
        "engineer": people["engineer"].id,
        "stranger_organisation": others.id,
        "new_order": new_order,
        "document": document.sha256,
    }
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT max(id) FROM state_move")
        rows["move"] = cursor.fetchone()[0]
    return Known(rows, {"nobody": ("", "", "")} | {name: _person(user) for name, user in people.items()})


def _person(user: User) -> tuple[str, str, str]:
    return user.role, str(user.organisation_id), str(user.id)


@contextmanager
def superuser(alias: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of a superuser on a test database; rolled back in the end."""
    name = connections[alias].settings_dict["NAME"]
    with psycopg.connect(admin_conninfo(name)) as connection:
        yield connection
        connection.rollback()


def attempt(known: Known, tried: Attempt, *, without: bool) -> int | None:
    """Make an attempt, with its wall or without; gives the rows touched or seen, raises what the database says."""
    with superuser(tried.store) as connection:
        rows = known.rows | {"new_order_event": uuid.uuid4()}
        if tried.statement == NEW_ORDER:
            digest = "encode(sha256(convert_to(%(new_order)s::text, 'UTF8')), 'hex')"
            connection.execute(
                "INSERT INTO event (id, xid, recorded_at, kind, subject_kind, subject_id, new_state, members_digest, "
                f"body) VALUES (%(new_order_event)s, 0, now(), 'order:received', 'order', %(new_order)s, 'RECEIVED', "
                f"{digest}, '{{}}')",
                rows,
            )
        if without:
            connection.execute(tried.without)
        connection.execute(f"SET LOCAL SESSION AUTHORIZATION {tried.role}")
        process = tried.role.removeprefix("broker_")
        person = known.people[tried.person or "nobody"] if process == "web" else (process, "", "")
        connection.execute(
            "SELECT set_config('broker.role', %s, true), set_config('broker.organisation', %s, true), "
            "set_config('broker.user', %s, true)",
            person,
        )
        done = connection.execute(tried.statement, rows)
        return done.rowcount if tried.rows is not None else None


def test_every_attempt_is_refused(known: Known) -> None:
    assert len(ATTEMPTS) >= 40
    passed = []
    for name, tried in ATTEMPTS.items():
        try:
            seen = attempt(known, tried, without=False)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException):
            continue
        if not (tried.statement.startswith("SELECT 1 FROM") and seen == 0):
            passed.append(name)
    assert passed == []


def test_every_attempt_succeeds_once_its_wall_is_taken_away(known: Known) -> None:
    stopped = {}
    for name, tried in ATTEMPTS.items():
        try:
            seen = attempt(known, tried, without=True)
        except psycopg.Error as error:
            stopped[name] = str(error).splitlines()[0]
            continue
        if tried.rows is not None and not seen:
            stopped[name] = "no row"
    assert stopped == {}


FOREIGN = [(process, alias) for process in Process for alias in ALIASES[Process.OWNER] if alias not in ALIASES[process]]


@pytest.mark.parametrize(("process", "alias"), FOREIGN, ids=[f"{p} to {a}" for p, a in FOREIGN])
def test_a_process_connects_to_no_store_that_is_not_its_own(process: Process, alias: str) -> None:
    database = connections[alias].settings_dict
    place = {"host": database["HOST"], "port": database["PORT"], "dbname": database["NAME"], "user": role_of(process)}
    place["password"] = password_of(process)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(**place)
    with psycopg.connect(admin_conninfo(), autocommit=True) as admin:
        admin.execute(f'GRANT CONNECT ON DATABASE "{database["NAME"]}" TO {role_of(process)}')
        try:
            psycopg.connect(**place).close()
        finally:
            admin.execute(f'REVOKE CONNECT ON DATABASE "{database["NAME"]}" FROM {role_of(process)}')

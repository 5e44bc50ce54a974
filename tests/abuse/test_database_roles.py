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
from tests.abuse.database_attempts import ATTEMPTS, NEW_ORDER, Attempt
from tests.support.judgement import make_half_graded
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
            "colleague": world.third,
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
        balancing = make_half_graded(world)
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
        "balancing": balancing.id,
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

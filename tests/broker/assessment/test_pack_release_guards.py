"""The database's own word on packs: who enables, what stays, and that a draft approves and releases nothing."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from broker.assessment.models import AssessmentRecord, LineAssessment, PackVersion
from broker.assessment.pack_release import PackRelease
from broker.audit.services import record
from broker.decisions.models import Decision
from broker.parties.middleware import context_of
from broker.parties.models import Role, User
from broker.row_context import acting
from tests.support.packs import enable_meaning
from tests.support.rows import (
    World,
    assess_as,
    decide_as,
    execute,
    make_approved,
    make_order,
    make_request,
    make_tranche,
    make_under_review,
    make_user,
    move,
    refused,
    seal,
)

pytestmark = pytest.mark.django_db

MEANING = "0" * 64


@contextmanager
def denied(message: str, error: type[DatabaseError] = IntegrityError) -> Iterator[None]:
    with pytest.raises(error, match=message), transaction.atomic():
        yield


def add(by: User | None, **fields: object) -> PackRelease:
    """Insert a row as it should be, but for `fields`."""
    identifier = uuid.uuid4()
    with transaction.atomic():
        row: dict[str, object] = {
            "id": identifier,
            "pack": "es",
            "meaning_hash": MEANING,
            "text_hash": MEANING,
            "content": "[]",
            "signed_by": "N",
            "signed_as": "bar",
            "signed_on": timezone.now().date(),
            "enabled_by": by,
            "event_id": record("pack:enabled", "pack", identifier),
        }
        return PackRelease.objects.create(**row | fields)


def withdraw_by_sql(release: PackRelease, by: User) -> None:
    """Withdraw as the web process would, with nothing of our services in between."""
    with transaction.atomic():
        event = record("pack:withdrawn", "pack", release.id)
        execute(
            "UPDATE pack_release SET withdrawn_by_id = %s, withdrawn_at = now(), withdrawn_reason = 'r', "
            "withdrawn_event_id = %s WHERE id = %s",
            by.id,
            event,
            release.id,
        )


def test_an_approval_under_a_draft_is_not_inserted(world: World) -> None:
    request = make_request(world)
    assess_as(request, make_order(world, request), enabled=False)
    move(request, "UNDER_REVIEW")
    line = request.lines.get()
    with denied("rules of pack es .* are not enabled"):
        decide_as(line, world.first, 1)
    decide_as(line, world.first, 1, "deny")


def test_an_approval_that_names_an_enabled_answer_is_not_inserted_over_a_newer_one_of_a_draft(world: World) -> None:
    request, line = make_under_review(world)
    signed = line.assessments.latest("sequence")
    draft = PackVersion.objects.create(text_hash="1" * 64, meaning_hash="1" * 64, pack="es", content="")
    content = '{"granted": [], "outcome": "PERMITTED"}'
    newer = AssessmentRecord.objects.create(
        digest=hashlib.sha256(content.encode()).hexdigest(),
        pack_version=draft,
        content=content,
        outcome="PERMITTED",
        granted=[],
    )
    LineAssessment.objects.create(
        line=line, record=newer, terms=signed.terms, for_study=False, sequence=2, event_id=signed.event_id
    )
    for named in (signed, line.assessments.get(sequence=2)):
        with denied("not enabled"):
            Decision.objects.create(
                line=line,
                round=1,
                seat=1,
                person=world.first.person_id,
                decided_by=world.first,
                verdict="approve",
                reason="r",
                assessment=named,
                event_id=record("decision:made", "request", request.id),
            )


def test_withdrawing_by_sql_as_the_web_process_stops_approvals_and_releases_at_once(world: World) -> None:
    tranche = make_tranche(world, make_approved(world))
    _, line = make_under_review(world)
    decide_as(line, world.first, 1)
    with acting(context_of(world.third)):
        withdraw_by_sql(PackRelease.objects.get(), world.third)
        with denied("not enabled"):
            decide_as(line, world.second, 2)
    with denied("not enabled"):
        seal(tranche)
    enable_meaning("es", MEANING, MEANING)
    seal(tranche)
    decide_as(line, world.second, 2)


def test_the_web_process_enables_in_the_name_of_who_asks_and_never_for_trial(world: World) -> None:
    with acting(context_of(world.first)):
        with denied("row-level security", ProgrammingError):
            add(world.second)
        with denied("embedded default only", ProgrammingError):
            add(None, for_trial=True, signed_on=None)
        add(world.first)
    for stranger in (world.filer, world.clerk):
        with acting(context_of(stranger)), denied("(?i)row-level security|legal staff", DatabaseError):
            add(stranger, meaning_hash="1" * 64)
    assert PackRelease.objects.get().enabled_by == world.first


def test_what_is_enabled_for_trial_counts_only_where_its_owner_said_that_this_place_is_for_trying(world: World) -> None:
    _, line = make_under_review(world)
    with acting(context_of(world.third)):
        withdraw_by_sql(PackRelease.objects.get(), world.third)
    add(None, for_trial=True, signed_on=None)
    execute("DELETE FROM trial_place")
    with denied("not enabled"):
        decide_as(line, world.first, 1)
    # As after a copy of the data to another server: the row says another one.
    execute("INSERT INTO trial_place SELECT system_identifier + 1 FROM pg_control_system()")
    with denied("not enabled"):
        decide_as(line, world.first, 1)
    with acting(context_of(world.first)), denied("permission denied", ProgrammingError):
        execute("INSERT INTO trial_place SELECT system_identifier FROM pg_control_system()")
    execute("INSERT INTO trial_place SELECT system_identifier FROM pg_control_system()")
    decide_as(line, world.first, 1)


def test_the_web_process_withdraws_in_the_name_of_who_asks(world: World) -> None:
    release = add(world.first)
    with acting(context_of(world.second)):
        with denied("row-level security", ProgrammingError):
            withdraw_by_sql(release, world.third)
        withdraw_by_sql(release, world.second)
    release.refresh_from_db()
    assert release.withdrawn_by == world.second


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"signed_on": timezone.now().date() + timedelta(days=2)}, "in the future"),
        ({"signed_on": None}, "signed_or_for_trial"),
        ({"enabled_by": None}, "legal staff"),
        ({"for_trial": True}, "signed_or_for_trial"),
        ({"signed_by": " "}, "who_and_what"),
        ({"signed_as": ""}, "who_and_what"),
        ({"meaning_hash": ""}, "who_and_what"),
        ({"withdrawn_at": timezone.now()}, "first and withdrawn later"),
        ({"event_id": uuid.UUID(int=7)}, "needs its event"),
    ],
)
def test_a_row_says_who_signed_what_and_when(world: World, fields: dict[str, object], message: str) -> None:
    with denied(message):
        add(world.first, **fields)


def test_only_active_legal_staff_stand_behind_a_row(world: World) -> None:
    for person in (world.filer, make_user(world.operator, Role.ENGINEER), world.third):
        User.objects.filter(id=world.third.id).update(is_active=False)
        with denied("active legal staff"):
            add(person)


def test_a_meaning_stands_once(world: World) -> None:
    release = add(world.first)
    with denied("stands_once"):
        add(world.second)
    withdraw_by_sql(release, world.first)
    add(world.second)


def test_a_row_is_withdrawn_once_and_otherwise_stays(world: World) -> None:
    release = add(world.first)
    for change in (
        "signed_by = 'M'",
        "meaning_hash = repeat('1', 64)",
        "text_hash = repeat('1', 64)",
        "content = '[1]'",
    ):
        refused("only ever withdrawn", f"UPDATE pack_release SET {change} WHERE id = %s", release.id)
    refused("stays on record", "DELETE FROM pack_release WHERE id = %s", release.id)
    refused(
        "needs its event",
        "UPDATE pack_release SET withdrawn_by_id = %s, withdrawn_at = now(), withdrawn_reason = 'r', "
        "withdrawn_event_id = event_id WHERE id = %s",
        world.first.id,
        release.id,
    )
    withdraw_by_sql(release, world.first)
    refused("only ever withdrawn", "UPDATE pack_release SET withdrawn_reason = 's' WHERE id = %s", release.id)
    refused(
        "only ever withdrawn",
        "UPDATE pack_release SET withdrawn_by_id = NULL, withdrawn_at = NULL, withdrawn_reason = '', "
        "withdrawn_event_id = NULL WHERE id = %s",
        release.id,
    )


def test_everybody_is_told_who_reviewed_the_rules(world: World) -> None:
    add(world.first)
    for person in (world.filer, world.clerk, world.second):
        with transaction.atomic(), acting(context_of(person)), connection.cursor() as cursor:
            cursor.execute("SELECT signed_by FROM pack_release")
            assert cursor.fetchall() == [("N",)]

"""Somebody who may write SQL finds no way around the ground a release needs: people, order, law, recipient."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest
from django.db import IntegrityError, transaction

from broker.audit.services import record
from broker.decisions.models import Tranche, TrancheLine
from broker.intake.models import DisclosureRequest
from broker.orders.models import OrderCheck, OrderTerms
from broker.parties.models import Organisation, RecipientKey
from tests.support.rows import (
    SET_STATE,
    World,
    assess_as,
    decide_as,
    event_for,
    execute,
    make_approved,
    make_order,
    make_request,
    make_tranche,
    make_under_review,
    move,
    refused,
    seal,
)

pytestmark = pytest.mark.django_db


def approve_lines(world: World, request: DisclosureRequest) -> OrderTerms:
    """Have every line of a request approved by two people; returns the terms of the order."""
    terms = make_order(world, request)
    assess_as(request, terms)
    move(request, "UNDER_REVIEW")
    for line in request.lines.all():
        decide_as(line, world.first, 1)
        decide_as(line, world.second, 2)
    move(request, "APPROVED")
    return terms


def empty_tranche(world: World, request: DisclosureRequest, terms: OrderTerms) -> Tranche:
    key = RecipientKey.objects.create(
        organisation=request.organisation, public_key="age1", fingerprint="f" * 64, registered_by=world.filer
    )
    identifier = uuid.uuid4()
    event = record("tranche:made", "tranche", identifier)
    return Tranche.objects.create(id=identifier, request=request, terms=terms, recipient_key=key, event_id=event)


@pytest.mark.parametrize("column", ["person_id", "organisation_id", "id"])
def test_refuses_to_give_an_account_to_another_person(world: World, column: str) -> None:
    """Whoever holds the first seat would take the second one as somebody else."""
    other = world.court.id if column == "organisation_id" else uuid.uuid4()
    refused("stays with its person", f"UPDATE user_account SET {column} = %s WHERE id = %s", other, world.first.id)


def test_refuses_to_delete_an_account(world: World) -> None:
    refused("stays with its person", "DELETE FROM user_account WHERE id = %s", world.third.id)


@pytest.mark.parametrize(
    "change",
    [
        "filed_by_id = (SELECT id FROM user_account WHERE role = 'clerk')",
        "organisation_id = court_id",
        """categories = '["name", "email"]'""",
        "as_of = '2026-01-01'",
        "as_of = NULL",
    ],
)
def test_refuses_to_change_what_was_asked_for_and_by_whom(world: World, change: str) -> None:
    request = make_approved(world)
    refused("only ever added", f"UPDATE disclosure_request SET {change} WHERE id = %s", request.id)


@pytest.mark.parametrize(
    "change",
    [
        "public_key = 'age1thief'",
        "fingerprint = repeat('e', 64)",
        "organisation_id = (SELECT id FROM organisation WHERE kind = 'court')",
    ],
)
def test_refuses_to_change_a_registered_key(world: World, change: str) -> None:
    """The package would be sealed to whoever changed it, under the fingerprint frozen at approval or another."""
    key = make_tranche(world, make_approved(world)).recipient_key_id
    refused("only ever withdrawn", f"UPDATE recipient_key SET {change} WHERE id = %s", key)


def test_a_withdrawn_key_stays_withdrawn(world: World) -> None:
    key = make_tranche(world, make_approved(world)).recipient_key_id
    assert execute("UPDATE recipient_key SET withdrawn_at = now() WHERE id = %s", key) == 1
    refused("only ever withdrawn", "UPDATE recipient_key SET withdrawn_at = NULL WHERE id = %s", key)
    refused("only ever withdrawn", "DELETE FROM recipient_key WHERE id = %s", key)


def test_refuses_an_order_of_another_court(world: World) -> None:
    request = make_request(world)
    world.court = Organisation.objects.create(kind="court", name="Another court", jurisdiction="es")
    with pytest.raises(IntegrityError, match="court of its request"), transaction.atomic():
        make_order(world, request)


def test_refuses_approved_under_the_order_of_another_request(world: World) -> None:
    terms = make_order(world, make_request(world))
    request = make_request(world)
    assess_as(request, terms)
    move(request, "UNDER_REVIEW")
    decide_as(request.lines.get(), world.first, 1)
    decide_as(request.lines.get(), world.second, 2)
    refused("verified order", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_terms_gain_no_lines_after_their_checks(world: World) -> None:
    terms = approve_lines(world, make_request(world))
    insert = (
        "INSERT INTO terms_line (terms_id, number, address, from_at, until_at) "
        "VALUES (%s, 1, '198.51.100.23', now() - interval '1 day', now())"
    )
    with transaction.atomic():
        assert execute(insert, terms.id) == 1
        transaction.set_rollback(True)
    OrderCheck.objects.create(order=terms.order, terms=terms, number=1, code="terms.in-force", title="t", passed=True)
    refused("gain no lines", insert, terms.id)


def test_refuses_a_tranche_under_terms_nobody_decided_on(world: World) -> None:
    request = make_request(world)
    approve_lines(world, request)
    tranche = empty_tranche(world, request, make_order(world, request))
    with pytest.raises(IntegrityError, match="order decided on"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=request.lines.get())


def test_an_answered_tranche_gains_no_lines(world: World) -> None:
    """A line put into it afterwards would count as answered by a package that does not mention it."""
    request = make_request(world, lines=2)
    tranche = empty_tranche(world, request, approve_lines(world, request))
    one, two = request.lines.order_by("number")
    TrancheLine.objects.create(tranche=tranche, line=one)
    seal(tranche)
    with pytest.raises(IntegrityError, match="gains no lines"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=two)


@pytest.mark.parametrize(
    ("constraint", "outcome", "granted", "digest"),
    [
        ("says_its_outcome", "PERMITTED", [], None),
        ("says_its_grant", "REFUSED", ["name"], None),
        ("digest", "REFUSED", [], "9" * 64),
    ],
)
def test_refuses_an_assessment_filed_as_another_than_it_says(
    world: World, constraint: str, outcome: str, granted: list[str], digest: str | None
) -> None:
    make_approved(world)
    content = json.dumps({"outcome": "REFUSED", "granted": []})
    refused(
        f"assessment_record_{constraint}",
        "INSERT INTO assessment_record (digest, content, outcome, granted, pack_version_id) "
        "SELECT %s, %s, %s, %s, text_hash FROM pack_version",
        digest or hashlib.sha256(content.encode()).hexdigest(),
        content,
        outcome,
        json.dumps(granted),
    )


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "DENIED", "AWAITING_ORDER"])
def test_an_approved_line_does_not_go_back_to_pass_again_on_old_decisions(world: World, state: str) -> None:
    request = make_approved(world)
    refused("not among the moves", SET_STATE, state, event_for(request, state), request.id)


def test_a_recalled_line_is_not_approved_again(world: World) -> None:
    request = make_approved(world)
    move(request, "RECALLED")
    refused("not among the moves", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_to_give_a_line_another_id(world: World) -> None:
    _, line = make_under_review(world)
    refused("never changes", "UPDATE request_line SET id = gen_random_uuid() WHERE id = %s", line.id)


def test_refuses_a_state_smuggled_in_by_an_upsert(world: World) -> None:
    request, line = make_under_review(world)
    columns = "id, request_id, number, address, observed_at, observed_text, unit_seconds, evidence"
    refused(
        "two people",
        f"INSERT INTO request_line ({columns}, state, event_id) "
        f"SELECT {columns}, 'RECEIVED', %s FROM request_line WHERE id = %s "
        "ON CONFLICT (id) DO UPDATE SET state = 'APPROVED', event_id = excluded.event_id",
        event_for(request, "APPROVED"),
        line.id,
    )


def test_refuses_a_state_smuggled_in_by_a_merge(world: World) -> None:
    request, line = make_under_review(world)
    refused(
        "two people",
        "MERGE INTO request_line l USING (SELECT %s::uuid AS id) s ON l.id = s.id "
        "WHEN MATCHED THEN UPDATE SET state = 'APPROVED', event_id = %s",
        line.id,
        event_for(request, "APPROVED"),
    )


def test_refuses_two_updates_in_one_statement_under_the_event_of_one(world: World) -> None:
    request = make_request(world, lines=2)
    one, two = request.lines.values_list("id", flat=True)
    event = event_for(request, "AWAITING_ORDER", [one])
    update = "UPDATE request_line SET state = 'AWAITING_ORDER', event_id = %s WHERE id = %s"
    refused("cover exactly", f"WITH first AS ({update} RETURNING id) {update}", event, one, event, two)

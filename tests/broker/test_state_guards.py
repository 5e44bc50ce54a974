"""A state changes only with its event: every attempt by SQL to have it otherwise is refused.

All of it inside one test transaction with other events of the same transaction, because a check that only looks for
some event of this transaction would be satisfied there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from broker.audit.models import StateMove
from broker.audit.services import record
from broker.decisions.models import Tranche, TrancheLine
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import OrderTerms
from broker.parties.models import Role
from broker.release.models import SealedRelease
from tests.support.rows import (
    World,
    assess_as,
    decide_as,
    make_approved,
    make_order,
    make_request,
    make_tranche,
    make_user,
    make_world,
    move,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def execute(statement: str, *values: str | uuid.UUID) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        changed: int = cursor.rowcount
        return changed


def refused(message: str, statement: str, *values: str | uuid.UUID) -> None:
    with pytest.raises(IntegrityError, match=message):
        execute(statement, *values)


SET_STATE = "UPDATE request_line SET state = %s, event_id = %s WHERE request_id = %s"


def event_for(request: DisclosureRequest, state: str, members: list[uuid.UUID] | None = None) -> uuid.UUID:
    ids = list(request.lines.values_list("id", flat=True)) if members is None else members
    return record("line:moved", "request", request.id, new_state=state, members=ids)


def test_moves_with_its_own_event(world: World) -> None:
    request = make_request(world, lines=3)
    event = event_for(request, "AWAITING_ORDER")
    assert execute(SET_STATE, "AWAITING_ORDER", event, request.id) == 3
    assert StateMove.objects.filter(event=event, old_state="RECEIVED", new_state="AWAITING_ORDER").count() == 3


def test_refuses_a_state_without_an_event(world: World) -> None:
    request = make_request(world)
    event_for(request, "AWAITING_ORDER")
    refused("change together", "UPDATE request_line SET state = 'AWAITING_ORDER' WHERE request_id = %s", request.id)


def test_refuses_an_event_without_a_state(world: World) -> None:
    request = make_request(world)
    event = event_for(request, "RECEIVED")
    refused("change together", "UPDATE request_line SET event_id = %s WHERE request_id = %s", event, request.id)


def test_refuses_an_unknown_event(world: World) -> None:
    request = make_request(world)
    refused("names no event", SET_STATE, "AWAITING_ORDER", uuid.uuid4(), request.id)


def test_refuses_the_event_of_another_request(world: World) -> None:
    request, other = make_request(world), make_request(world)
    event = record(
        "line:moved",
        "request",
        other.id,
        new_state="AWAITING_ORDER",
        members=list(request.lines.values_list("id", flat=True)),
    )
    refused("about something else", SET_STATE, "AWAITING_ORDER", event, request.id)


def test_refuses_the_event_of_another_kind_of_subject(world: World) -> None:
    request = make_request(world)
    ids = list(request.lines.values_list("id", flat=True))
    event = record("order:moved", "order", request.id, new_state="AWAITING_ORDER", members=ids)
    refused("about something else", SET_STATE, "AWAITING_ORDER", event, request.id)


def test_refuses_the_event_of_another_state(world: World) -> None:
    request = make_request(world)
    event = event_for(request, "INCOMPLETE")
    refused("about something else", SET_STATE, "AWAITING_ORDER", event, request.id)


def test_refuses_an_older_event_of_the_same_transaction(world: World) -> None:
    request = make_request(world)
    first = move(request, "AWAITING_ORDER")
    move(request, "INCOMPLETE")
    refused("event_used_once", SET_STATE, "AWAITING_ORDER", first, request.id)


@pytest.mark.django_db(transaction=True)
def test_refuses_an_event_of_an_earlier_transaction() -> None:
    with transaction.atomic():
        world = make_world()
        request = make_request(world)
    with transaction.atomic():
        event = event_for(request, "AWAITING_ORDER")
    refused("not written by this transaction", SET_STATE, "AWAITING_ORDER", event, request.id)


def test_refuses_a_line_that_the_digest_does_not_cover(world: World) -> None:
    request = make_request(world, lines=3)
    covered = list(request.lines.values_list("id", flat=True))[:2]
    event = event_for(request, "AWAITING_ORDER", covered)
    refused("cover exactly", SET_STATE, "AWAITING_ORDER", event, request.id)


def test_refuses_fewer_lines_than_the_digest_covers(world: World) -> None:
    request = make_request(world, lines=3)
    event = event_for(request, "AWAITING_ORDER")
    refused(
        "cover exactly",
        "UPDATE request_line SET state = 'AWAITING_ORDER', event_id = %s WHERE request_id = %s AND number < 3",
        event,
        request.id,
    )


def test_refuses_to_move_a_line_to_another_request(world: World) -> None:
    request, other = make_request(world), make_request(world)
    refused(
        "never changes",
        "UPDATE request_line SET request_id = %s, number = 9 WHERE request_id = %s",
        other.id,
        request.id,
    )


@pytest.mark.parametrize(
    "change",
    [
        "address = '203.0.113.9'",
        "source_port = 4711",
        "observed_at = observed_at + interval '1 hour'",
        "observed_text = 'x'",
        "evidence = 'x'",
        "unit_seconds = 60",
    ],
)
def test_refuses_to_change_what_a_line_asks_about(world: World, change: str) -> None:
    request = make_request(world)
    refused("never changes", f"UPDATE request_line SET {change} WHERE request_id = %s", request.id)


def test_refuses_to_delete_a_line(world: World) -> None:
    request = make_request(world)
    refused("only ever added", "DELETE FROM request_line WHERE request_id = %s", request.id)


def test_refuses_a_line_inserted_without_an_event_of_its_own(world: World) -> None:
    request = make_request(world)
    columns = "number, address, observed_at, observed_text, unit_seconds, evidence, state"
    refused(
        "cover exactly",
        f"INSERT INTO request_line (id, request_id, event_id, {columns}) "
        f"SELECT gen_random_uuid(), request_id, event_id, 2, address, observed_at, observed_text, unit_seconds, "
        f"evidence, state FROM request_line WHERE request_id = %s",
        request.id,
    )


def test_refuses_a_line_inserted_in_a_later_state(world: World) -> None:
    request = make_request(world)
    columns = "number, address, observed_at, observed_text, unit_seconds, evidence"
    refused(
        "starts as RECEIVED",
        f"INSERT INTO request_line (id, request_id, event_id, {columns}, state) "
        f"SELECT gen_random_uuid(), request_id, event_id, 2, address, observed_at, observed_text, unit_seconds, "
        f"evidence, 'APPROVED' FROM request_line WHERE request_id = %s",
        request.id,
    )


def under_review(world: World) -> tuple[DisclosureRequest, RequestLine]:
    request = make_request(world)
    assess_as(request, make_order(world, request))
    move(request, "UNDER_REVIEW")
    return request, request.lines.get()


def test_approves_with_two_people(world: World) -> None:
    request = make_approved(world)
    assert request.lines.get().state == "APPROVED"


def test_refuses_approved_with_one_seat(world: World) -> None:
    request, line = under_review(world)
    decide_as(line, world.first, 1)
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_with_no_seat(world: World) -> None:
    request, _ = under_review(world)
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_when_one_denied(world: World) -> None:
    request, line = under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2, "deny")
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_from_another_state_than_review(world: World) -> None:
    request, line = under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    move(request, "AWAITING_ORDER")
    refused("not among the moves", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


@pytest.mark.parametrize("outcome", ["REFUSED", "INCOMPLETE", "NEEDS_JUDGEMENT"])
def test_refuses_approved_under_an_assessment_that_does_not_permit(world: World, outcome: str) -> None:
    request, line = under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    assess_as(request, OrderTerms.objects.get(order__request=request), outcome)
    refused("assessment that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_under_an_assessment_for_study(world: World) -> None:
    request, line = under_review(world)
    assess_as(request, OrderTerms.objects.get(order__request=request), for_study=True)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    refused("assessment that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_under_an_order_that_was_not_verified(world: World) -> None:
    request = make_request(world)
    assess_as(request, make_order(world, request, verified=False))
    move(request, "UNDER_REVIEW")
    line = request.lines.get()
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    refused("verified order", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_when_the_approvals_rest_on_other_terms(world: World) -> None:
    request, line = under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    assess_as(request, make_order(world, request))
    refused("assessment that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_one_person_with_two_accounts(world: World) -> None:
    _, line = under_review(world)
    alias = make_user(world.operator, Role.LEGAL, person_id=world.first.person_id)
    decide_as(line, world.first, 1)
    with pytest.raises(IntegrityError, match="decision_two_people"), transaction.atomic():
        decide_as(line, alias, 2)


def test_refuses_a_third_seat(world: World) -> None:
    _, line = under_review(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        decide_as(line, world.first, 3)


def test_refuses_a_decision_in_somebody_elses_person(world: World) -> None:
    _, line = under_review(world)
    decision = decide_as(line, world.first, 1)
    refused(
        "own person",
        "INSERT INTO decision (id, line_id, round, seat, person, decided_by_id, verdict, reason, assessment_id, "
        "decided_at, event_id) SELECT gen_random_uuid(), line_id, 1, 2, %s, decided_by_id, verdict, reason, "
        "assessment_id, decided_at, event_id FROM decision WHERE id = %s",
        world.second.person_id,
        decision.id,
    )


@pytest.mark.parametrize("who", ["filer", "clerk"])
def test_refuses_a_decision_by_who_filed_or_uploaded(world: World, who: str) -> None:
    _, line = under_review(world)
    person = getattr(world, who).person_id
    alias = make_user(world.operator, Role.LEGAL, person_id=person)
    with pytest.raises(IntegrityError, match="does not decide on it"), transaction.atomic():
        decide_as(line, alias, 1)


@pytest.mark.parametrize("role", [Role.ENGINEER])
def test_refuses_a_decision_by_another_role(world: World, role: Role) -> None:
    _, line = under_review(world)
    with pytest.raises(IntegrityError, match="legal staff"), transaction.atomic():
        decide_as(line, make_user(world.operator, role), 1)


def test_refuses_a_decision_after_a_denial_ended_the_round(world: World) -> None:
    _, line = under_review(world)
    decide_as(line, world.first, 1, "deny")
    with pytest.raises(IntegrityError, match="over"), transaction.atomic():
        decide_as(line, world.second, 2)


def test_refuses_a_second_round_opened_by_somebody_of_the_first(world: World) -> None:
    _, line = under_review(world)
    decide_as(line, world.first, 1, "deny")
    with pytest.raises(IntegrityError, match="third person"), transaction.atomic():
        decide_as(line, world.first, 1, round=2)
    decide_as(line, world.third, 1, round=2)


def test_refuses_a_second_round_without_a_denial(world: World) -> None:
    _, line = under_review(world)
    decide_as(line, world.first, 1)
    with pytest.raises(IntegrityError, match="third person"), transaction.atomic():
        decide_as(line, world.third, 1, round=2)


def test_refuses_a_third_round(world: World) -> None:
    _, line = under_review(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        decide_as(line, world.first, 1, round=3)


def seal(tranche: Tranche, fingerprint: str = "f" * 64) -> SealedRelease:
    return SealedRelease.objects.create(
        tranche=tranche,
        package=b"x",
        sha256="0" * 64,
        size_bytes=1,
        recipient_fingerprint=fingerprint,
        event_id=record("release:sealed", "tranche", tranche.id),
    )


def test_releases_with_the_sealed_release(world: World) -> None:
    request = make_approved(world)
    seal(make_tranche(world, request))
    move(request, "RELEASED")
    assert request.lines.get().state == "RELEASED"


def test_refuses_released_without_a_release(world: World) -> None:
    request = make_approved(world)
    make_tranche(world, request)
    refused("sealed release", SET_STATE, "RELEASED", event_for(request, "RELEASED"), request.id)


def test_refuses_a_release_to_another_key(world: World) -> None:
    tranche = make_tranche(world, make_approved(world))
    with pytest.raises(IntegrityError, match="key frozen"), transaction.atomic():
        seal(tranche, "e" * 64)


def test_refuses_a_second_release_of_a_tranche(world: World) -> None:
    tranche = make_tranche(world, make_approved(world))
    seal(tranche)
    with pytest.raises(IntegrityError), transaction.atomic():
        seal(tranche)


def test_refuses_a_release_of_an_empty_tranche(world: World) -> None:
    tranche = make_tranche(world, make_request_with_order(world))
    with pytest.raises(IntegrityError, match="approved lines"), transaction.atomic():
        seal(tranche)


def make_request_with_order(world: World) -> DisclosureRequest:
    request = make_request(world)
    make_order(world, request)
    return request


def test_refuses_a_tranche_with_a_line_that_is_not_approved(world: World) -> None:
    request = make_request_with_order(world)
    tranche = make_tranche(world, request)
    with pytest.raises(IntegrityError, match="approved lines"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=request.lines.get())


def test_refuses_a_tranche_with_another_requests_line(world: World) -> None:
    tranche = make_tranche(world, make_request_with_order(world))
    with pytest.raises(IntegrityError, match="approved lines"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=make_approved(world).lines.get())


@pytest.mark.parametrize("state", ["REFUSED", "WITHDRAWN", "RELEASED"])
def test_refuses_to_leave_a_final_state(world: World, state: str) -> None:
    if state == "RELEASED":
        request = make_approved(world)
        seal(make_tranche(world, request))
    else:
        request = make_request(world)
    move(request, state)
    refused("not among the moves", SET_STATE, "UNDER_REVIEW", event_for(request, "UNDER_REVIEW"), request.id)


def order_event(order_id: uuid.UUID, state: str) -> uuid.UUID:
    return record("order:moved", "order", order_id, new_state=state, members=[order_id])


ORDER_STATE = "UPDATE court_order SET state = %s, event_id = %s WHERE id = %s"


def test_refuses_an_order_verified_without_passed_checks(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    refused("every check", ORDER_STATE, "VERIFIED", order_event(order.id, "VERIFIED"), order.id)


def test_refuses_an_order_verified_without_an_event(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    refused("change together", "UPDATE court_order SET state = 'VERIFIED' WHERE id = %s", order.id)


def test_refuses_an_order_verified_after_its_rejection(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    execute(ORDER_STATE, "REJECTED", order_event(order.id, "REJECTED"), order.id)
    refused("not among the moves", ORDER_STATE, "VERIFIED", order_event(order.id, "VERIFIED"), order.id)


FINAL: list[tuple[str, Callable[[World], object]]] = [
    ("decision", make_approved),
    ("order_terms", make_request_with_order),
    ("order_document", make_request_with_order),
    ("order_check", make_request_with_order),
    ("line_assessment", make_approved),
    ("assessment_record", make_approved),
    ("pack_version", make_approved),
    ("tranche_line", lambda world: make_tranche(world, make_approved(world))),
    ("tranche", lambda world: make_tranche(world, make_approved(world))),
    ("sealed_release", lambda world: seal(make_tranche(world, make_approved(world)))),
    ("state_move", make_request),
]


@pytest.mark.parametrize(("table", "make"), FINAL, ids=[table for table, _ in FINAL])
def test_refuses_to_rewrite_or_delete_what_proves_something(
    world: World, table: str, make: Callable[[World], object]
) -> None:
    make(world)
    key = connection.introspection.get_primary_key_column(connection.cursor(), table)
    refused("only ever added", f"UPDATE {table} SET {key} = {key}")
    refused("only ever added", f"DELETE FROM {table}")

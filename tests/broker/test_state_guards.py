"""A state changes only with its event: every attempt by SQL to have it otherwise is refused.

All of it inside one test transaction with other events of the same transaction, because a check that only looks for
some event of this transaction would be satisfied there.
"""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from broker.audit.models import StateMove
from broker.audit.services import record
from tests.support.rows import (
    SET_STATE,
    World,
    event_for,
    execute,
    make_approved,
    make_order,
    make_request,
    make_tranche,
    make_world,
    move,
    refused,
    seal,
)

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("state", ["REFUSED", "WITHDRAWN", "RELEASED"])
def test_refuses_to_leave_a_final_state(world: World, state: str) -> None:
    if state == "RELEASED":
        request = make_approved(world)
        seal(make_tranche(world, request))
    else:
        request = make_request(world)
    move(request, state)
    refused("not among the moves", SET_STATE, "UNDER_REVIEW", event_for(request, "UNDER_REVIEW"), request.id)


@pytest.mark.parametrize("state", ["UNDER_REVIEW", "DENIED", "REFUSED", "WITHDRAWN", "APPROVED"])
@pytest.mark.parametrize("via", [["WAITING"], ["WAITING", "RELEASING"]])
def test_refuses_to_leave_a_wait_for_anything_before_the_approval(world: World, via: list[str], state: str) -> None:
    request = make_approved(world)
    for step in via:
        move(request, step)
    refused("not among the moves", SET_STATE, state, event_for(request, state), request.id)


@pytest.mark.parametrize("state", ["RECALLED", "NEEDS_ATTENTION"])
def test_a_waiting_line_may_be_recalled_or_put_before_a_person(world: World, state: str) -> None:
    request = make_approved(world)
    move(request, "WAITING")
    move(request, state)
    assert request.lines.filter(state=state).exists()


def test_refuses_to_wait_before_the_approval(world: World) -> None:
    request = make_request(world)
    refused("not among the moves", SET_STATE, "WAITING", event_for(request, "WAITING"), request.id)


def order_event(order_id: uuid.UUID, state: str) -> uuid.UUID:
    return record("order:moved", "order", order_id, new_state=state, members=[order_id])


ORDER_STATE = """
    WITH new AS (SELECT %s AS state, %s::uuid AS event_id)
    UPDATE court_order o SET state = new.state, event_id = new.event_id,
           signed_identity = CASE WHEN new.state = 'VERIFIED' THEN 'a signature' END
      FROM new WHERE o.id = %s"""


def test_refuses_an_order_verified_without_passed_checks(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    refused("every check", ORDER_STATE, "VERIFIED", order_event(order.id, "VERIFIED"), order.id)


def test_refuses_an_order_verified_without_an_event(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    refused(
        "change together", "UPDATE court_order SET state = 'VERIFIED', signed_identity = 's' WHERE id = %s", order.id
    )


def test_refuses_an_order_verified_after_its_rejection(world: World) -> None:
    order = make_order(world, make_request(world), verified=False).order
    execute(ORDER_STATE, "REJECTED", order_event(order.id, "REJECTED"), order.id)
    refused("not among the moves", ORDER_STATE, "VERIFIED", order_event(order.id, "VERIFIED"), order.id)


def test_an_order_gets_its_identity_when_it_is_verified_and_keeps_it(world: World) -> None:
    request = make_request(world)
    waiting = make_order(world, request, verified=False).order
    refused("when it is verified", "UPDATE court_order SET signed_identity = 'a' WHERE id = %s", waiting.id)
    order = make_order(world, request).order
    refused("when it is verified", "UPDATE court_order SET signed_identity = 'a' WHERE id = %s", order.id)
    refused("when it is verified", "UPDATE court_order SET signed_identity = NULL WHERE id = %s", order.id)

"""What an approval and a release must rest on, refused by the database when it is missing."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from broker.decisions.models import TrancheLine
from broker.orders.models import OrderTerms
from broker.parties.models import Role
from tests.support.rows import (
    SET_STATE,
    World,
    assess_as,
    decide_as,
    event_for,
    make_approved,
    make_order,
    make_request,
    make_request_with_order,
    make_tranche,
    make_under_review,
    make_user,
    move,
    refused,
    seal,
)

pytestmark = pytest.mark.django_db


def test_approves_with_two_people(world: World) -> None:
    request = make_approved(world)
    assert request.lines.get().state == "APPROVED"


def test_refuses_approved_with_one_seat(world: World) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_with_no_seat(world: World) -> None:
    request, _ = make_under_review(world)
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_when_one_denied(world: World) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2, "deny")
    refused("two people", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_from_another_state_than_review(world: World) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    move(request, "AWAITING_ORDER")
    refused("not among the moves", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


@pytest.mark.parametrize("outcome", ["REFUSED", "INCOMPLETE", "NEEDS_JUDGEMENT"])
def test_refuses_approved_under_an_assessment_that_does_not_permit(world: World, outcome: str) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    assess_as(request, OrderTerms.objects.get(order__request=request), outcome)
    refused("assessment that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_under_an_assessment_for_study(world: World) -> None:
    request, line = make_under_review(world)
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
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    assess_as(request, make_order(world, request))
    refused("assessment that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_one_person_with_two_accounts(world: World) -> None:
    _, line = make_under_review(world)
    alias = make_user(world.operator, Role.LEGAL, person_id=world.first.person_id)
    decide_as(line, world.first, 1)
    with pytest.raises(IntegrityError, match="decision_two_people"), transaction.atomic():
        decide_as(line, alias, 2)


def test_refuses_a_third_seat(world: World) -> None:
    _, line = make_under_review(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        decide_as(line, world.first, 3)


def test_refuses_a_decision_in_somebody_elses_person(world: World) -> None:
    _, line = make_under_review(world)
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
    _, line = make_under_review(world)
    person = getattr(world, who).person_id
    alias = make_user(world.operator, Role.LEGAL, person_id=person)
    with pytest.raises(IntegrityError, match="does not decide on it"), transaction.atomic():
        decide_as(line, alias, 1)


@pytest.mark.parametrize("role", [Role.ENGINEER])
def test_refuses_a_decision_by_another_role(world: World, role: Role) -> None:
    _, line = make_under_review(world)
    with pytest.raises(IntegrityError, match="legal staff"), transaction.atomic():
        decide_as(line, make_user(world.operator, role), 1)


def test_refuses_a_decision_after_a_denial_ended_the_round(world: World) -> None:
    _, line = make_under_review(world)
    decide_as(line, world.first, 1, "deny")
    with pytest.raises(IntegrityError, match="over"), transaction.atomic():
        decide_as(line, world.second, 2)


def test_refuses_a_second_round_opened_by_somebody_of_the_first(world: World) -> None:
    _, line = make_under_review(world)
    decide_as(line, world.first, 1, "deny")
    with pytest.raises(IntegrityError, match="third person"), transaction.atomic():
        decide_as(line, world.first, 1, round=2)
    decide_as(line, world.third, 1, round=2)


def test_refuses_a_second_round_without_a_denial(world: World) -> None:
    _, line = make_under_review(world)
    decide_as(line, world.first, 1)
    with pytest.raises(IntegrityError, match="third person"), transaction.atomic():
        decide_as(line, world.third, 1, round=2)


def test_refuses_a_third_round(world: World) -> None:
    _, line = make_under_review(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        decide_as(line, world.first, 1, round=3)


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


def test_refuses_a_tranche_with_a_line_that_is_not_approved(world: World) -> None:
    request = make_request_with_order(world)
    tranche = make_tranche(world, request)
    with pytest.raises(IntegrityError, match="approved lines"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=request.lines.get())


def test_refuses_a_tranche_with_another_requests_line(world: World) -> None:
    tranche = make_tranche(world, make_request_with_order(world))
    with pytest.raises(IntegrityError, match="approved lines"), transaction.atomic():
        TrancheLine.objects.create(tranche=tranche, line=make_approved(world).lines.get())

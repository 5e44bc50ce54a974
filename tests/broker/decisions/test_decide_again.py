"""What follows a decision: a second round by a third person, a contest before the court, a recall."""

from __future__ import annotations

import pytest

from broker.decisions.models import Decision, Note
from broker.decisions.services import contest, decide, recall, reopen
from broker.errors import InputError, NotAllowed, TransitionConflict
from tests.support.cases import Desk, line_ids, make_reviewed, states

pytestmark = pytest.mark.django_db

APPROVE, DENY = Decision.Verdict.APPROVE, Decision.Verdict.DENY


def test_third_person_opens_the_second_round_and_a_second_one_completes_it(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    decide(desk.ana, request, ids, DENY, "the port is missing")
    reopen(desk.marta, request, ids, "the port is there")
    assert states(request) == ["UNDER_REVIEW"]
    decide(desk.marta, request, ids, APPROVE, "the port is there")
    decide(desk.ana, request, ids, APPROVE, "I see it now")
    assert states(request) == ["APPROVED"]
    taken = Decision.objects.order_by("round", "seat").values_list("round", "seat", "verdict")
    assert list(taken) == [(1, 1, "deny"), (2, 1, "approve"), (2, 2, "approve")]


def test_refuses_whoever_decided_to_open_the_second_round(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    decide(desk.ana, request, ids, APPROVE, "covered")
    decide(desk.luis, request, ids, DENY, "not covered")
    for person in (desk.ana, desk.luis):
        with pytest.raises(NotAllowed, match="has not decided"):
            reopen(person, request, ids, "let me try again")
    reopen(desk.marta, request, ids, "a second look")
    for person in (desk.ana, desk.luis):
        with pytest.raises(NotAllowed, match="opens its second round"):
            decide(person, request, ids, APPROVE, "me first")


def test_first_rounds_seats_do_not_count_in_the_second(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    decide(desk.ana, request, ids, APPROVE, "covered")
    decide(desk.luis, request, ids, DENY, "not covered")
    reopen(desk.marta, request, ids, "a second look")
    assert decide(desk.marta, request, ids, APPROVE, "covered after all") is None
    assert states(request) == ["UNDER_REVIEW"]


def test_there_is_no_third_round(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    decide(desk.ana, request, ids, DENY, "no")
    reopen(desk.marta, request, ids, "a second look")
    decide(desk.marta, request, ids, DENY, "still no")
    for person in (desk.luis, desk.ana):
        with pytest.raises(NotAllowed, match="no third"):
            reopen(person, request, ids, "once more")
    assert states(request) == ["DENIED"]


def test_contested_order_waits_for_the_court_and_comes_back(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    contest(desk.ana, request, ids, "The order names no provision.")
    assert states(request) == ["CONTESTED"]
    with pytest.raises(TransitionConflict):
        decide(desk.luis, request, ids, APPROVE, "never mind")
    reopen(desk.ana, request, ids, "The court confirmed its order.")
    assert states(request) == ["UNDER_REVIEW"]
    assert list(Note.objects.order_by("id").values_list("move", flat=True)) == ["contest", "reopen"]


def test_one_person_recalls_an_approval(desk: Desk) -> None:
    request = make_reviewed(desk, 2)
    ids = line_ids(request)
    decide(desk.ana, request, ids, APPROVE, "covered")
    decide(desk.luis, request, ids, APPROVE, "agreed")
    recall(desk.marta, request, ids[:1], "The court withdrew line 1.")
    assert states(request) == ["RECALLED", "APPROVED"]
    with pytest.raises(TransitionConflict):
        recall(desk.marta, request, ids[:1], "again")


@pytest.mark.parametrize("act", [contest, reopen, recall])
def test_refuses_others_than_legal_staff_and_empty_reasons(desk: Desk, act: object) -> None:
    assert callable(act)
    request = make_reviewed(desk)
    with pytest.raises(NotAllowed):
        act(desk.filer, request, line_ids(request), "please")
    with pytest.raises(InputError):
        act(desk.ana, request, line_ids(request), " ")
    with pytest.raises(InputError):
        act(desk.ana, request, [], "a reason")
    assert states(request) == ["UNDER_REVIEW"]

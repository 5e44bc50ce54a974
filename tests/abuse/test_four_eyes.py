"""Two people approve the same thing: nothing changes between their approvals, and nobody speaks for somebody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from broker.assessment.services import answer_question
from broker.decisions.models import Decision
from broker.decisions.services import contest, decide, reopen
from broker.errors import NotAllowed, TransitionConflict
from broker.intake.models import DisclosureRequest, State
from legal_rules import load_pack
from tests.support.flow import HIT, MISS, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


@pytest.fixture
def request_(flow: Flow) -> DisclosureRequest:
    """A request with one line, under review."""
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    return request


def change_a_fact(flow: Flow, request: DisclosureRequest) -> None:
    # An answer that stands is not given again, so there and back.
    answer_question(flow.person("carla"), request, "suit-prepared", False, "On another basis.")
    answer_question(flow.person("carla"), request, "suit-prepared", True, "That was a slip.")


def bring_another_order(flow: Flow, request: DisclosureRequest) -> None:
    flow.attach(request, civil_terms([HIT], categories=["name", "postal-address", "email"]))


def contest_the_order(flow: Flow, request: DisclosureRequest) -> None:
    contest(flow.person("pedro"), request, [request.lines.get().id], "The order seems wrong.")


CHANGES: list[Callable[[Flow, DisclosureRequest], None]] = [change_a_fact, bring_another_order, contest_the_order]


@pytest.mark.parametrize("change", CHANGES, ids=[change.__name__ for change in CHANGES])
def test_the_ground_of_an_approval_stays_until_its_round_has_ended(
    flow: Flow, request_: DisclosureRequest, change: Callable[[Flow, DisclosureRequest], None]
) -> None:
    ids = [request_.lines.get().id]
    flow.approve(request_, by=["laura"])
    with pytest.raises(NotAllowed, match=r"under way|approved already"):
        change(flow, request_)
    decide(flow.person("pedro"), request_, ids, Decision.Verdict.DENY, "Something has to be said first.")
    reopen(flow.person("teresa"), request_, ids, "Go ahead.")
    change(flow, request_)
    flow.run()
    assert request_.lines.get().state in (State.UNDER_REVIEW, State.CONTESTED)


def test_the_ground_of_an_approval_in_the_second_round_stays_as_well(flow: Flow, request_: DisclosureRequest) -> None:
    ids = [request_.lines.get().id]
    decide(flow.person("laura"), request_, ids, Decision.Verdict.DENY, "The port is missing.")
    reopen(flow.person("teresa"), request_, ids, "It needs none.")
    flow.run()
    flow.approve(request_, by=["teresa"])
    for change in CHANGES:
        with pytest.raises(NotAllowed, match=r"under way|approved already"):
            change(flow, request_)


def test_a_fact_withdrawn_after_the_approval_leads_to_a_late_refusal(flow: Flow) -> None:
    """The other line is still open, so its party may still answer for the whole request."""
    request = flow.file([HIT, MISS])
    flow.attach(request, civil_terms([HIT, MISS]))
    flow.run()
    flow.approve(request, [request.lines.get(number=1).id])
    answer_question(flow.person("carla"), request, "applicant-holds-rights", False, "The rights were sold.")
    flow.run("release")
    (answer,) = flow.answers(request)
    assert (answer["line"], answer["reason"], answer["subscriber"]) == (1, "not-permitted", {})


def test_refuses_to_approve_under_an_order_that_expired_since_its_checks(
    flow: Flow, request_: DisclosureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2036, 10, 21, tzinfo=UTC))
    with pytest.raises(TransitionConflict, match="expired"):
        flow.approve(request_)


def test_nobody_answers_a_question_that_somebody_else_has_to_answer(flow: Flow, request_: DisclosureRequest) -> None:
    answers = {"requester": "carla", "legal staff": "laura", "two people": "laura"}
    for fact in load_pack("es").facts.values():
        for person in {"carla", "marta", "laura"} - {answers.get(fact.settled_by)}:
            with pytest.raises(NotAllowed, match="answered by"):
                answer_question(flow.person(person), request_, fact.name, True, "reason")

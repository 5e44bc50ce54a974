"""A later order replaces an earlier one: no line is answered under the wider order that nobody means any more."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from broker.assessment.services import answer_question
from broker.decisions.selectors import EVERY_UNDER_REVIEW, read_desk
from broker.decisions.services import contest, reopen
from broker.errors import TransitionConflict
from broker.intake.models import DisclosureRequest, State
from broker.orders.services import correct_terms
from tests.support.accounts import log_in
from tests.support.flow import HIT, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

LINES = [{**HIT, "address": "198.51.100.24"}, HIT]
WIDE = ["name", "postal-address", "email"]


@pytest.fixture
def mixed(flow: Flow) -> DisclosureRequest:
    """A request under review whose first line was assessed under a wide order and its second under a later, narrow one.

    The first line was contested when the later order came, and has been reopened since.
    """
    request = flow.file(LINES)
    flow.run()
    flow.attach(request, civil_terms(LINES, categories=WIDE))
    flow.run()
    contest(flow.person("laura"), request, [line_id(request, 1)], "Why the e-mail address?")
    flow.attach(request, civil_terms(LINES, categories=["name"]))
    flow.run()
    reopen(flow.person("laura"), request, [line_id(request, 1)], "The court has thought better of it.")
    assert set(request.lines.values_list("state", flat=True)) == {State.UNDER_REVIEW}
    return request


def line_id(request: DisclosureRequest, number: int) -> uuid.UUID:
    return request.lines.get(number=number).id


def named(flow: Flow, request: DisclosureRequest) -> list[set[str]]:
    """The categories that each line was answered with."""
    return [set(answer["subscriber"]) for answer in flow.answers(request)]


@pytest.mark.parametrize("numbers", [[1], [1, 2]], ids=["the line of the earlier order", "lines of both orders"])
def test_refuses_to_approve_under_an_order_that_was_replaced(
    flow: Flow, mixed: DisclosureRequest, numbers: list[int]
) -> None:
    with pytest.raises(TransitionConflict, match="rest on another order"):
        flow.approve(mixed, [line_id(mixed, number) for number in numbers])


def test_lines_of_two_orders_are_answered_under_the_newest_once_assessed_anew(
    flow: Flow, mixed: DisclosureRequest
) -> None:
    flow.run()
    flow.approve(mixed)
    flow.run()
    assert named(flow, mixed) == [{"name"}, {"name"}]


def test_the_page_approves_no_lines_of_two_orders_together(flow: Flow, mixed: DisclosureRequest) -> None:
    client = Client()
    log_in(client, flow.person("pedro"))
    form = {
        "action": "approve",
        "scope": f"{EVERY_UNDER_REVIEW}:2",
        "reason": "Compared with the signed text.",
        "seen": read_desk(mixed).seen,
    }
    page = client.post(reverse("admin:broker_disclosurerequest_decide", args=[mixed.id]), form)
    assert page.status_code == 409
    assert not mixed.lines.filter(decisions__isnull=False).exists()


def test_an_order_whose_correction_is_unchecked_leaves_no_way_back_to_the_one_it_replaced(flow: Flow) -> None:
    """The correction waits for its checks while an answer to a question has the request assessed again."""
    request = flow.file([HIT])
    flow.run()
    flow.attach(request, civil_terms([HIT], categories=WIDE))
    flow.run()
    narrow = flow.attach(request, civil_terms([HIT], categories=["name"]))
    flow.run()
    correct_terms(flow.person("marta"), narrow, civil_terms([HIT], categories=["name"], judge="Another judge"))
    # An answer that stands is not given again, so there and back.
    answer_question(flow.person("carla"), request, "suit-prepared", False, "Not yet.")
    answer_question(flow.person("carla"), request, "suit-prepared", True, "That was a slip.")
    flow.run("assess")
    with pytest.raises(TransitionConflict, match="not under review"):
        flow.approve(request)
    flow.run()
    flow.approve(request)
    flow.run()
    assert named(flow, request) == [{"name"}]

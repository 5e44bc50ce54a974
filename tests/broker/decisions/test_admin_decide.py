"""Deciding on the page: what was ticked or chosen is what is decided, and a refusal loses nothing that was typed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from broker.assessment.models import LineAssessment
from broker.decisions.models import Decision, Tranche
from broker.decisions.selectors import read_desk
from broker.decisions.services import decide
from broker.intake.models import DisclosureRequest
from broker.orders.services import correct_terms
from broker.parties.models import Role, User
from tests.support.accounts import log_in
from tests.support.cases import (
    Desk,
    assess,
    attach_and_check,
    cover,
    file_lines,
    line_ids,
    make_account,
    make_line,
    make_reviewed,
    order_terms,
    signed_order,
    states,
)

pytestmark = pytest.mark.django_db


def send(
    user: User,
    request: DisclosureRequest,
    action: str,
    scope: str = "ticked",
    lines: Sequence[uuid.UUID] = (),
    **more: Any,
) -> HttpResponse:
    """Send the decision form as the page has it now, and follow to what is shown then."""
    client = Client()
    log_in(client, user)
    entries = {"action": action, "scope": scope, "line": list(lines), "reason": "My reason.", **more}
    entries.setdefault("seen", read_desk(request).seen)
    answer: Any = client.post(reverse("admin:broker_disclosurerequest_decide", args=[request.id]), entries, follow=True)
    return answer  # type: ignore[no-any-return] # the test client's answer


def said(answer: HttpResponse) -> list[str]:
    """The messages on a page."""
    return re.findall(r'<li class="(?:success|error)">(.*?)</li>', answer.content.decode(), re.S)


def test_two_people_approve_the_lines_they_tick(desk: Desk) -> None:
    request = make_reviewed(desk, 3)
    ids = line_ids(request)
    first = send(desk.ana, request, "approve", lines=ids[:2])
    assert "A second person has to approve" in said(first)[0]
    second = send(desk.luis, request, "approve", lines=ids[:2])
    assert "Approved by two people: 2 of 2 lines" in said(second)[0]
    assert states(request) == ["APPROVED", "APPROVED", "UNDER_REVIEW"]


def test_one_choice_decides_on_lines_of_every_page(desk: Desk) -> None:
    request = make_reviewed(desk, 120)
    batch = read_desk(request).batches[0]
    assert send(desk.ana, request, "approve", f"{batch.key}:120").status_code == 200
    send(desk.luis, request, "approve", "under-review:120")
    assert states(request) == ["APPROVED"] * 120
    assert Tranche.objects.get().tranche_lines.count() == 120


def test_first_and_second_seats_taken_together_are_told_apart(desk: Desk) -> None:
    request = make_reviewed(desk, 3)
    decide(desk.ana, request, line_ids(request)[:1], Decision.Verdict.APPROVE, "covered")
    answer = send(desk.luis, request, "approve", "under-review:3")
    assert "Approved by two people: 1 of 3 lines" in said(answer)[0]
    assert "For 2 more a second person has to approve" in said(answer)[0]


@pytest.mark.parametrize(("action", "state"), [("deny", "DENIED"), ("contest", "CONTESTED")])
def test_one_person_ends_the_round(desk: Desk, action: str, state: str) -> None:
    request = make_reviewed(desk)
    assert send(desk.ana, request, action, lines=line_ids(request)).status_code == 200
    assert states(request) == [state]


def test_third_person_reopens_and_one_person_recalls(desk: Desk) -> None:
    request = make_reviewed(desk)
    ids = line_ids(request)
    send(desk.ana, request, "deny", lines=ids)
    send(desk.marta, request, "reopen", lines=ids)
    send(desk.marta, request, "approve", lines=ids)
    send(desk.luis, request, "approve", lines=ids)
    assert states(request) == ["APPROVED"]
    send(desk.ana, request, "recall", lines=ids)
    assert states(request) == ["RECALLED"]


def test_missing_reason_keeps_the_ticks_and_says_what_to_do(desk: Desk) -> None:
    request = make_reviewed(desk, 2)
    ids = line_ids(request)
    answer = send(desk.ana, request, "approve", lines=ids[1:], reason="  ")
    assert answer.status_code == 422
    assert said(answer) == ["Give your reason in 1 to 2000 characters."]
    text = answer.content.decode()
    assert f'value="{ids[1]}" aria-label="Line 2" checked' in text
    assert f'value="{ids[0]}" aria-label="Line 1" checked' not in text
    assert not Decision.objects.exists()


def test_nothing_ticked_keeps_the_reason(desk: Desk) -> None:
    request = make_reviewed(desk)
    answer = send(desk.ana, request, "deny", reason="A long and careful reason.")
    assert answer.status_code == 422
    assert "A long and careful reason." in answer.content.decode()
    assert states(request) == ["UNDER_REVIEW"]


@pytest.mark.parametrize("scope", ["", "everything", "under-review:", "under-review:-1", "0123456789abcdef:x"])
def test_refuses_a_choice_of_lines_it_did_not_offer(desk: Desk, scope: str) -> None:
    request = make_reviewed(desk)
    assert send(desk.ana, request, "deny", scope).status_code == 422
    assert states(request) == ["UNDER_REVIEW"]


@pytest.mark.parametrize("line", ["no-id", "' OR 1=1"])
def test_refuses_lines_that_are_no_ids(desk: Desk, line: str) -> None:
    request = make_reviewed(desk)
    assert send(desk.ana, request, "deny", lines=[line]).status_code == 422  # type: ignore[list-item] # on purpose


def test_refuses_an_action_that_does_not_exist(desk: Desk) -> None:
    request = make_reviewed(desk)
    assert send(desk.ana, request, "release", lines=line_ids(request)).status_code == 422
    assert states(request) == ["UNDER_REVIEW"]


def test_refuses_a_group_that_is_not_what_was_shown(desk: Desk) -> None:
    request = make_reviewed(desk, 3)
    decide(desk.luis, request, line_ids(request)[:1], Decision.Verdict.DENY, "no")
    answer = send(desk.ana, request, "approve", "under-review:3")
    assert answer.status_code == 409
    assert "had 3 line(s) when you looked and has 2 now" in said(answer)[0]
    assert states(request) == ["DENIED", "UNDER_REVIEW", "UNDER_REVIEW"]


def test_refuses_a_decision_on_an_answer_that_was_not_shown(desk: Desk) -> None:
    request = make_reviewed(desk)
    seen = read_desk(request).seen
    assess(request)
    assert LineAssessment.objects.filter(line__request=request).count() == 2
    answer = send(desk.ana, request, "approve", lines=line_ids(request), seen=seen)
    assert answer.status_code == 409
    assert "The law was asked again" in said(answer)[0]
    assert not Decision.objects.exists()


def test_refuses_an_approval_while_corrected_terms_wait(desk: Desk) -> None:
    request = make_reviewed(desk)
    correct_terms(desk.clerk, request.orders.get(), order_terms(desk, [cover(make_line(9))]))
    answer = send(desk.ana, request, "approve", lines=line_ids(request))
    assert answer.status_code == 409
    assert not Decision.objects.exists()


def test_shows_what_the_service_refuses(desk: Desk) -> None:
    request = make_reviewed(desk)
    same = make_account(desk.operator, Role.LEGAL, "second-job", "Somebody", person_id=desk.clerk.person_id)
    answer = send(same, request, "approve", lines=line_ids(request))
    assert answer.status_code == 403
    assert said(answer) == ["You filed this request or brought its order, so others decide on it."]
    decide(desk.ana, request, line_ids(request), Decision.Verdict.APPROVE, "covered")
    again = send(desk.ana, request, "approve", lines=line_ids(request))
    assert again.status_code == 403
    assert states(request) == ["UNDER_REVIEW"]


def test_lines_of_another_request_cannot_be_slipped_in(desk: Desk) -> None:
    one = make_reviewed(desk)
    other = file_lines(desk)
    attach_and_check(desk, other, [cover(make_line(1))], document=signed_order("Auto de otro"))
    assess(other)
    answer = send(desk.ana, one, "deny", lines=[*line_ids(one), *line_ids(other)])
    assert answer.status_code == 409
    assert states(one) == states(other) == ["UNDER_REVIEW"]


def test_reason_is_shown_as_text_and_never_as_markup(desk: Desk) -> None:
    request = make_reviewed(desk)
    answer = send(desk.ana, request, "deny", lines=line_ids(request), reason="<script>alert(1)</script>")
    assert answer.status_code == 200
    assert "<script>alert(1)" not in answer.content.decode()
    assert "&lt;script&gt;alert(1)" in answer.content.decode()

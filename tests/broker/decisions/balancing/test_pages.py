"""The pages of a balancing: each grader alone first, then both side by side, and nothing for anybody else."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from broker.decisions.balancing.factors import FACTORS
from broker.decisions.balancing.models import Conclusion, Grading, SecondReview
from broker.decisions.balancing.services import conclude, give_grading, review
from broker.intake.models import DisclosureRequest
from broker.parties.models import User
from tests.broker.decisions.test_admin_access import outsiders
from tests.support.accounts import log_in
from tests.support.cases import Desk
from tests.support.judgement import AGAINST, FOR, REASONS, SETTLING, digest_of, given, make_judged

pytestmark = pytest.mark.django_db
NAME = "admin:broker_disclosurerequest_"


def address(request: DisclosureRequest, step: str = "balancing") -> str:
    return reverse(f"{NAME}{step}", args=[request.id, digest_of(request), 0])


def client_of(user: User) -> Client:
    return log_in(Client(), user)


def page(user: User, request: DisclosureRequest) -> str:
    answer = client_of(user).get(address(request))
    assert answer.status_code == 200
    return _text(answer)


def send(user: User, request: DisclosureRequest, step: str, entries: dict[str, str]) -> Any:
    return client_of(user).post(address(request, step), entries, follow=True)


def _text(answer: Any) -> str:
    return re.sub(r"\s+", " ", html.unescape(answer.content.decode()))


def entries(grades: tuple[int, ...] = FOR, **changes: str) -> dict[str, str]:
    """What a grader types."""
    typed = {
        "suitable": "yes",
        "suitable_reason": "The log can name the line.",
        "means-1": "A notice passed on by the provider",
        "rejected-1": "A suit needs a defendant.",
        "necessary_reason": "Nothing milder serves a suit.",
        "F1": "312 works over 40 days.",
        "page-F1": "order, page 3",
    }
    typed |= {name: str(grade) for name, grade in zip(REASONS, grades, strict=True)}
    return {**typed, **{f"{name}_reason": reason for name, reason in REASONS.items()}, **changes}


def test_the_page_of_the_request_lists_what_is_left_to_people(desk: Desk) -> None:
    request = make_judged(desk, count=2)
    text = _text(client_of(desk.ana).get(reverse(f"{NAME}change", args=[request.id])))
    assert address(request) in text
    assert "Nobody has graded it yet; two people have to." in text
    assert "has not been concluded for a disclosure" in text


def test_nothing_is_filled_in_before_somebody_grades(desk: Desk) -> None:
    request = make_judged(desk)
    text = page(desk.ana, request)
    assert " checked>" not in text
    assert all(f"<code>{factor.id}</code> {factor.title}" in text for factor in FACTORS)
    assert "It is about line 1 alone." in text


def test_grading_is_recorded_and_hidden_from_the_second_grader(desk: Desk) -> None:
    request = make_judged(desk)
    answer = send(desk.ana, request, "grade", entries(suitable_reason="Words of Ana alone."))
    assert answer.status_code == 200
    stored = Grading.objects.get()
    assert (stored.graded_by, stored.seat, stored.interference, stored.importance) == (desk.ana, 1, 2, 4)
    assert "Words of Ana alone." in page(desk.ana, request)
    assert "W = 1/2" in page(desk.ana, request)
    for other in (desk.luis, desk.marta):
        text = page(other, request)
        assert "One of two people has graded it." in text
        assert "Words of Ana alone." not in text
        assert "W = " not in text
        assert "Ana Arroyo" not in text


def test_both_gradings_are_shown_side_by_side_once_both_are_given(desk: Desk) -> None:
    request = make_judged(desk)
    send(desk.ana, request, "grade", entries())
    send(desk.luis, request, "grade", entries(AGAINST))
    text = page(desk.marta, request)
    assert "W = 1/2" in text
    assert "W = 4" in text
    assert "The two <strong>differ</strong>" in text
    assert "You are the third person" in text
    assert "You are the third person" not in page(desk.ana, request)
    assert "Record this conclusion" not in text


def test_a_refused_grading_keeps_what_was_typed(desk: Desk) -> None:
    request = make_judged(desk)
    answer = send(desk.ana, request, "grade", entries(importance="", suitable_reason="Kept <b>as</b> typed."))
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Kept &lt;b&gt;as&lt;/b&gt; typed." in text
    assert "Importance: Grade this" in text
    assert re.search(r'name="interference" value="2" checked', text)
    assert not re.search(r'name="importance" value="\d" checked', text)
    assert not Grading.objects.exists()


def test_a_grader_can_end_the_test_at_its_second_step(desk: Desk) -> None:
    request = make_judged(desk)
    typed = {name: text for name, text in {**entries(), "rejected-1": ""}.items() if name not in REASONS}
    assert send(desk.ana, request, "grade", typed).status_code == 200
    stored = Grading.objects.get()
    assert (stored.ended, stored.interference) == ("necessary", None)
    assert "Something milder would do" in page(desk.ana, request)


def test_conclusion_and_review_are_given_on_the_page(desk: Desk) -> None:
    request = make_judged(desk)
    send(desk.ana, request, "grade", entries())
    send(desk.luis, request, "grade", entries(AGAINST))
    verdict = {"favourable": "yes", "reason": "The order finds it."}
    assert send(desk.marta, request, "review", verdict).status_code == 200
    assert SecondReview.objects.get().given_by == desk.marta
    ending = {**verdict, "notice_plan": "By post.", "redress": "Opposition."}
    assert send(desk.marta, request, "conclude", ending).status_code == 403
    assert send(desk.ana, request, "conclude", {**ending, "favourable": ""}).status_code == 422
    assert send(desk.ana, request, "conclude", ending).status_code == 200
    assert Conclusion.objects.get().favourable
    text = page(desk.luis, request)
    assert "Concluded for the disclosure." in text
    assert "The record of this balancing, as kept" in text


def test_the_decision_page_offers_the_approval_after_the_conclusion(desk: Desk) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        give_grading(person, request, digest_of(request), 0, given())
    where = reverse(f"{NAME}change", args=[request.id])
    assert 'value="approve"' not in client_of(desk.ana).get(where).content.decode()
    conclude(desk.ana, request, digest_of(request), 0, True, "So it is.", notice_plan="By post.", redress="Opposition.")
    assert 'value="approve"' in client_of(desk.ana).get(where).content.decode()


def test_a_review_is_shown_as_one_question(desk: Desk) -> None:
    request = make_judged(desk, SETTLING)
    text = page(desk.ana, request)
    assert "is this request free of abuse?" in text
    assert "It does not stand against the disclosure" in text
    assert "Give this grading" not in text


def test_no_page_is_shown_to_anybody_else_and_nothing_is_taken_from_them(desk: Desk) -> None:
    request = make_judged(desk)
    for name, user in outsiders(desk).items():
        client = client_of(user)
        assert client.get(address(request)).status_code in (302, 403, 404), name
        for step in ("grade", "review", "conclude"):
            assert client.post(address(request, step), entries()).status_code in (302, 403, 404), name
    assert Client().get(address(request)).status_code == 302
    assert not Grading.objects.exists()


def test_looking_never_judges_and_a_stale_factor_is_asked_again(desk: Desk) -> None:
    request = make_judged(desk)
    for step in ("grade", "review", "conclude"):
        assert client_of(desk.ana).get(address(request, step), entries()).status_code == 405
    stale = log_in(Client(), desk.ana, age=3_600)
    assert stale.post(address(request, "grade"), entries()).status_code == 302
    assert not Grading.objects.exists()


@pytest.mark.parametrize("digest", ["0" * 64, "nothing"])
def test_what_is_not_left_to_people_has_no_page(desk: Desk, digest: str) -> None:
    request = make_judged(desk)
    client = client_of(desk.ana)
    assert client.get(reverse(f"{NAME}balancing", args=[request.id, digest, 0])).status_code == 404
    assert client.get(reverse(f"{NAME}balancing", args=[request.id, digest_of(request), 7])).status_code == 404
    assert client.get(reverse(f"{NAME}balancing", args=[desk.ana.id, digest_of(request), 0])).status_code == 404


def test_what_people_typed_is_text_on_every_page(desk: Desk) -> None:
    request = make_judged(desk)
    evil = "<script>alert(1)</script>"
    for person, grades in ((desk.ana, FOR), (desk.luis, AGAINST)):
        send(person, request, "grade", entries(grades, F1=evil, suitable_reason=evil, **{"means-1": evil}))
    review(desk.marta, request, digest_of(request), 0, True, evil)
    conclude(desk.ana, request, digest_of(request), 0, True, evil, notice_plan=evil, redress=evil)
    text = client_of(desk.marta).get(address(request)).content.decode()
    assert evil not in text
    assert text.count(html.escape(evil)) >= 8
    assert " style=" not in text

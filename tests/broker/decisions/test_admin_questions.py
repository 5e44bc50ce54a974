"""Questions of the engine that legal staff settle are answered on the page, with a reason and a name on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from broker.assessment.models import FactAnswer
from broker.intake.models import DisclosureRequest
from broker.outbox.models import OutboxRow
from broker.parties.models import User
from tests.support.accounts import log_in
from tests.support.cases import Desk, assess, attach_and_check, cover, file_lines, make_line, states

pytestmark = pytest.mark.django_db

# A pack that adds two questions for legal staff to the law of Spain.
PACK = """
[pack]
id = "q"
title = "Questions for legal staff (invented)"
status = "draft"
jurisdiction = "es"
language = "rules/1"
governed-by = "decision-date"
builds-on = ["es"]

[source]
invented = { cite = "Invented for this test", from = 2000-01-01, confidence = "L" }

[fact]
intimate = { ask = "Do the works reveal something intimate?", settled-by = "legal staff" }
kind-of-service = { ask = "Which service is it?", one-of = ["home", "business"], settled-by = "legal staff" }

[[basis]]
id = "by-invented-law"
says = "A court may have a customer of this invented kind named."
cite = ["invented"]
when = ["proceedings is civil", "order-by is court", "order-verified"]
discloses = ["name"]

[[refuse]]
id = "intimate-works"
says = "Where the works reveal something intimate, nobody is named."
cite = ["invented"]
when = ["intimate"]

[[refuse]]
id = "business-service"
says = "Business lines are dealt with by another desk."
cite = ["invented"]
when = ["kind-of-service is business"]
"""


@pytest.fixture
def request_with_questions(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DisclosureRequest:
    """A request under the law of that pack, found by its path in the working folder."""
    (tmp_path / "q.toml").write_text(PACK)
    monkeypatch.chdir(tmp_path)
    request = file_lines(desk)
    attach_and_check(desk, request, [cover(make_line(1))])
    with connection.cursor() as cursor:
        # A request never changes its law; only the owner, who can switch the trigger off, gets this one its own.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE disclosure_request DISABLE TRIGGER disclosure_request_is_final")
        cursor.execute("UPDATE disclosure_request SET jurisdiction = 'q.toml' WHERE id = %s", [request.id])
        cursor.execute("ALTER TABLE disclosure_request ENABLE TRIGGER disclosure_request_is_final")
    request.refresh_from_db()
    assess(request)
    assert states(request) == ["INCOMPLETE"]
    return request


def send(user: User, request: DisclosureRequest, **entries: str) -> HttpResponse:
    client = Client()
    log_in(client, user)
    address = reverse("admin:broker_disclosurerequest_answer", args=[request.id])
    answer: Any = client.post(address, entries, follow=True)
    return answer  # type: ignore[no-any-return] # the test client's answer


def page(user: User, request: DisclosureRequest) -> str:
    client = Client()
    log_in(client, user)
    return client.get(reverse("admin:broker_disclosurerequest_change", args=[request.id])).content.decode()


def test_asks_each_open_question_with_its_choices(desk: Desk, request_with_questions: DisclosureRequest) -> None:
    text = page(desk.ana, request_with_questions)
    assert "Do the works reveal something intimate?" in text
    for value in ("true", "false", "home", "business"):
        assert f'name="value" value="{value}"' in text
    leads = re.findall(r'<span class="lead">(.*?)</span>', text, re.DOTALL)
    assert leads
    assert not any("_" in lead for lead in leads)


def test_answers_move_the_lines_once_the_law_is_asked_again(
    desk: Desk, request_with_questions: DisclosureRequest
) -> None:
    request = request_with_questions
    for fact, value in (("intimate", "false"), ("kind-of-service", "home")):
        answer = send(desk.ana, request, fact=fact, value=value, reason="I looked at annex 1.")
        assert answer.status_code == 200
        assert "Your answer is recorded" in answer.content.decode()
    stored = FactAnswer.objects.get(fact="intimate")
    assert (stored.value, stored.answered_by, stored.reason) == (False, desk.ana, "I looked at annex 1.")
    assert OutboxRow.objects.get(kind=OutboxRow.Kind.ASSESS, subject_id=request.id).done is False
    assess(request)
    assert states(request) == ["UNDER_REVIEW"]
    text = page(desk.luis, request)
    assert "Ana Arroyo" in text
    assert "I looked at annex 1." in text


def test_answer_against_the_disclosure_refuses_the_line(desk: Desk, request_with_questions: DisclosureRequest) -> None:
    send(desk.ana, request_with_questions, fact="intimate", value="true", reason="The titles say so.")
    assess(request_with_questions)
    assert states(request_with_questions) == ["REFUSED"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "seen in annex 47"), ("perhaps", "seen in annex 47"), ("true", ""), ("true", "x" * 1001)],
)
def test_refuses_answers_without_a_fitting_value_or_reason_and_keeps_them(
    desk: Desk, request_with_questions: DisclosureRequest, value: str, reason: str
) -> None:
    answer = send(desk.ana, request_with_questions, fact="intimate", value=value, reason=reason)
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not FactAnswer.objects.filter(fact="intimate").exists()


@pytest.mark.parametrize("fact", ["order-verified", "civil-matter", "log-provenance"])
def test_refuses_questions_that_are_somebody_elses_to_answer(
    desk: Desk, request_with_questions: DisclosureRequest, fact: str
) -> None:
    answer = send(desk.ana, request_with_questions, fact=fact, value="true", reason="I know it")
    assert answer.status_code == 403
    assert not FactAnswer.objects.filter(fact=fact).exists()


def test_refuses_a_question_nobody_asked(desk: Desk, request_with_questions: DisclosureRequest) -> None:
    answer = send(desk.ana, request_with_questions, fact="favourite-colour", value="blue", reason="well")
    assert answer.status_code == 422
    assert not FactAnswer.objects.filter(fact="favourite-colour").exists()

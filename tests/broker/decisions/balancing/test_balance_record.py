"""What is kept of a balancing: the record the law page asks for, and an event for each step."""

from __future__ import annotations

import json

import pytest

from broker.audit.models import Event
from broker.decisions.balancing.factors import FACTORS
from tests.support.cases import Desk
from tests.support.judgement import AGAINST, make_judged
from tests.support.judging import ENDING, end, grade, look

pytestmark = pytest.mark.django_db


def test_the_record_holds_what_the_law_page_lists(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, (2, 1, 2, 4, 1, 1))
    grade(desk.luis, request)
    stored = end(desk.marta, request, True)
    content = json.loads(stored.content)
    order = request.orders.get()
    assert content["aim"]["purpose"] == request.purpose
    assert content["basis"] == {"law": ["civil-identification"], "order": order.terms.get().legal_basis}
    assert content["orderer"]["court"] == order.court.name
    assert content["order_file_sha256"] == order.document_id
    assert [each["by"] for each in content["gradings"]] == [desk.ana.display_name, desk.luis.display_name]
    assert {each["role"] for each in content["gradings"]} == {"Legal staff of the operator"}
    assert [each["id"] for each in content["gradings"][0]["factors"]] == [factor.id for factor in FACTORS]
    assert content["gradings"][0]["factors"][0]["page"] == "order, page 3"
    assert content["gradings"][0]["weight"] == "1/4"
    assert content["gradings"][0]["alternatives"][0]["rejected"] == "A suit needs a defendant."
    assert content["conclusion"]["notice_plan"] == ENDING["notice_plan"]
    assert content["conclusion"]["redress"] == ENDING["redress"]
    assert content["conditions_of_the_order"]["use"] == order.terms.get().use_terms
    assert content["conclusion"]["by"] == desk.marta.display_name


def test_every_step_is_an_event_that_tells_no_grade(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request)
    grade(desk.luis, request, AGAINST)
    look(desk.marta, request, True)
    end(desk.ana, request, True)
    events = Event.objects.filter(kind__startswith="balancing:").order_by("recorded_at")
    assert [event.kind for event in events] == [
        "balancing:opened", "balancing:graded", "balancing:graded", "balancing:reviewed", "balancing:concluded",
    ]  # fmt: skip
    assert [event.actor for event in events] == [desk.ana.id, desk.ana.id, desk.luis.id, desk.marta.id, desk.ana.id]
    assert set(events[1].body) == {"balancing", "seat", "grading"}

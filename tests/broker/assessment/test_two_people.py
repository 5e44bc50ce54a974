"""A fact that takes two people is known when two say the same, neither having seen what the other one said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from broker.assessment.models import FactAnswer
from broker.assessment.services import answer_question, newest_assessments
from broker.errors import InputError, NotAllowed
from broker.intake.models import DisclosureRequest
from broker.parties.middleware import context_of
from broker.parties.models import Role, User
from broker.row_context import acting
from tests.support.accounts import log_in
from tests.support.answers import STAFF_ANSWERS
from tests.support.cases import Desk, assess, attach_and_check, cover, file_lines, make_account, make_line

pytestmark = pytest.mark.django_db

FACT = "works-sensitive"
SECRET = "Annex 3 is about a clinic."


@pytest.fixture
def waiting(desk: Desk) -> DisclosureRequest:
    """A request with its order, for which nothing is open but the fact that takes two people."""
    request = file_lines(desk, answered=False)
    for fact, value in STAFF_ANSWERS.items():
        answer_question(desk.ana, request, fact, value, "Seen in annex 1.")
    attach_and_check(desk, request, [cover(make_line(1))])
    assess(request)
    return request


def answer(user: User, request: DisclosureRequest, value: bool, reason: str = "I read annex 1.") -> FactAnswer:
    stored = answer_question(user, request, FACT, value, reason)
    assess(request)
    return stored


def law(request: DisclosureRequest) -> dict[str, Any]:
    (newest,) = newest_assessments(list(request.lines.all())).values()
    found: dict[str, Any] = json.loads(newest.record.content)
    return found


def open_facts(request: DisclosureRequest) -> list[str]:
    return [question["fact"] for question in law(request)["settle"]]


def page(user: User, request: DisclosureRequest) -> str:
    client = Client()
    log_in(client, user)
    return client.get(reverse("admin:broker_disclosurerequest_change", args=[request.id])).content.decode()


def test_one_answer_settles_nothing(desk: Desk, waiting: DisclosureRequest) -> None:
    assert open_facts(waiting) == [FACT]
    answer(desk.ana, waiting, True)
    answer(desk.ana, waiting, False, "I read it again.")
    assert open_facts(waiting) == [FACT]
    assert waiting.lines.get().state == "INCOMPLETE"


def test_two_people_who_say_the_same_settle_it(desk: Desk, waiting: DisclosureRequest) -> None:
    answer(desk.ana, waiting, False)
    answer(desk.luis, waiting, False)
    assert open_facts(waiting) == []
    assert waiting.lines.get().state == "UNDER_REVIEW"
    assert law(waiting)["remarks"] == []


def test_two_accounts_of_one_person_are_one_person(desk: Desk, waiting: DisclosureRequest) -> None:
    again = make_account(desk.operator, Role.LEGAL, "ana2", "Ana Arroyo", person_id=desk.ana.person_id)
    answer(desk.ana, waiting, True)
    answer(again, waiting, False)
    assert open_facts(waiting) == [FACT]


def test_the_database_writes_the_person_itself(desk: Desk, waiting: DisclosureRequest) -> None:
    stored = answer(desk.ana, waiting, False)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO fact_answer (request_id, fact, value, reason, settled_by, answered_by_id, person, "
            "answered_at, event_id) SELECT request_id, fact, 'true', reason, settled_by, answered_by_id, "
            "gen_random_uuid(), answered_at, event_id FROM fact_answer WHERE id = %s",
            [stored.id],
        )
    assert set(FactAnswer.objects.filter(fact=FACT).values_list("person", flat=True)) == {desk.ana.person_id}
    assess(waiting)
    assert open_facts(waiting) == [FACT]


def test_an_answer_that_stands_already_is_refused_by_service_and_database(
    desk: Desk, waiting: DisclosureRequest
) -> None:
    answer(desk.ana, waiting, False)
    answer(desk.luis, waiting, True)
    again = make_account(desk.operator, Role.LEGAL, "ana2", "Ana Arroyo", person_id=desk.ana.person_id)
    for user, fact, value in (
        (desk.ana, FACT, False),
        (again, FACT, False),
        (desk.luis, FACT, True),
        (desk.luis, "settlement-pattern", False),
        (desk.filer, "suit-prepared", True),
    ):
        with acting(context_of(user)), pytest.raises(InputError) as refused:
            answer_question(user, waiting, fact, value, "I read it again.")
        assert [problem.code for problem in refused.value.problems] == ["fact.unchanged"]
    stored = FactAnswer.objects.filter(fact=FACT, answered_by=desk.ana).get()
    stored.pk = None
    with pytest.raises(IntegrityError, match="stands already"), transaction.atomic():
        stored.save(force_insert=True)
    answer(desk.luis, waiting, False)


def test_answers_that_differ_leave_it_open_and_the_assessment_says_so(desk: Desk, waiting: DisclosureRequest) -> None:
    answer(desk.ana, waiting, False)
    answer(desk.luis, waiting, True)
    assert open_facts(waiting) == [FACT]
    assert law(waiting)["remarks"] == [f"{FACT}: the sources do not agree"]
    assert "The answers differ" in page(desk.ana, waiting)
    assert "the sources do not agree" in page(desk.ana, waiting)
    answer(desk.luis, waiting, False, "Ana is right: the clinic is a band.")
    assert open_facts(waiting) == []


def test_nobody_sees_the_other_answer_before_having_answered(desk: Desk, waiting: DisclosureRequest) -> None:
    answer(desk.ana, waiting, True, SECRET)
    own, other = page(desk.ana, waiting), page(desk.luis, waiting)
    assert SECRET in own
    assert "A second person has to answer, who does not see this." in own
    assert SECRET not in other
    assert "One person has answered. You see that answer once you have given yours." in other
    assert SECRET not in json.dumps(law(waiting))
    answer(desk.luis, waiting, True)
    assert SECRET in page(desk.luis, waiting)


def test_whoever_filed_answers_none_of_the_operators_questions(desk: Desk, waiting: DisclosureRequest) -> None:
    both = make_account(desk.operator, Role.LEGAL, "both", "Carla Counsel", person_id=desk.filer.person_id)
    with pytest.raises(NotAllowed, match="You filed this request yourself"):
        answer_question(both, waiting, FACT, False, "I know them.")


def test_before_the_order_comes_only_the_requesters_questions_keep_a_request_from_waiting_for_it(desk: Desk) -> None:
    asked = file_lines(desk, facts={"civil-matter": "intellectual-property"}, answered=False)
    assess(asked)
    assert asked.lines.get().state == "INCOMPLETE"
    complete = file_lines(desk, answered=False)
    assess(complete)
    assert complete.lines.get().state == "AWAITING_ORDER"
    assert {FACT, *STAFF_ANSWERS} < set(open_facts(complete))
    # Legal staff may answer before the order comes ...
    assert 'value="settlement-pattern"' in page(desk.ana, complete)
    answer_question(desk.ana, complete, "settlement-pattern", False, "Seen.")
    assess(complete)
    assert complete.lines.get().state == "AWAITING_ORDER"
    # ... and what they have not answered by then is theirs to do once it is there.
    attach_and_check(desk, complete, [cover(make_line(1))])
    assess(complete)
    assert complete.lines.get().state == "INCOMPLETE"
    assert open_facts(complete) == [FACT]

"""What people conclude, and only that, opens the approval of what the law leaves to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.crypto.suites import sha256_hex
from broker.decisions.balancing.models import Balancing
from broker.decisions.balancing.services import conclude, give_grading
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.errors import NotAllowed, TransitionConflict
from legal_rules import explain
from tests.support.cases import Desk, line_ids, states
from tests.support.judgement import (
    AGAINST,
    SETTLING,
    STALEMATE,
    UNNECESSARY,
    UNSUITABLE,
    ask_the_law_again,
    digest_of,
    given,
    make_judged,
    make_judged_by_services,
)
from tests.support.judging import ENDING, approve, end, grade, look, may_be_approved

pytestmark = pytest.mark.django_db


def test_a_sensitive_case_reaches_people_before_the_worker_knows_the_rest(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    assert states(request) == ["UNDER_REVIEW"]
    record = request.lines.get().assessments.latest("sequence").record
    assert record.outcome == "NEEDS_JUDGEMENT"
    assert record.granted == ["name", "postal-address"]
    with pytest.raises(TransitionConflict, match="have not concluded"):
        decide(desk.ana, request, line_ids(request), Decision.Verdict.APPROVE, "looks fine")


def test_two_people_who_agree_and_a_conclusion_with_the_formula_open_the_approval(desk: Desk) -> None:
    request = make_judged(desk, count=2)
    grade(desk.ana, request)
    grade(desk.luis, request, (2, 1, 2, 4, 1, 1))
    assert not may_be_approved(request)
    end(desk.ana, request, True)
    assert may_be_approved(request)
    approve(desk, request)
    assert states(request) == ["APPROVED", "APPROVED"]


def test_one_balancing_serves_every_line_of_one_record(desk: Desk) -> None:
    request = make_judged(desk, count=3)
    grade(desk.ana, request)
    assert Balancing.objects.count() == 1
    grade(desk.luis, request)
    content = json.loads(end(desk.marta, request, True).content)
    assert content["lines"] == [1, 2, 3]
    assert "3 line(s) share this balancing" in content["computed"]["F11"]


def test_a_conclusion_against_the_disclosure_opens_nothing(desk: Desk) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, AGAINST)
    end(desk.marta, request, False)
    assert not may_be_approved(request)
    decide(desk.ana, request, line_ids(request), Decision.Verdict.DENY, "weighed, and no")
    assert states(request) == ["DENIED"]


def test_a_stalemate_is_not_released(desk: Desk) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, STALEMATE)
    with pytest.raises(NotAllowed, match="a tie releases nothing"):
        end(desk.ana, request, True)
    end(desk.ana, request, False)
    with pytest.raises(TransitionConflict, match="Nothing calls in a third person"):
        look(desk.marta, request, True)
    assert not may_be_approved(request)
    with pytest.raises(TransitionConflict, match="have not concluded"):
        approve(desk, request)


@pytest.mark.parametrize("grades", [UNSUITABLE, UNNECESSARY, (4, 1, 1, 4, 4, 2)])
def test_what_both_find_ended_is_made_up_for_by_nothing(desk: Desk, grades: Any) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, grades)
    with pytest.raises(NotAllowed, match="Nothing makes up"):
        end(desk.ana, request, True)
    end(desk.ana, request, False)
    assert not may_be_approved(request)


def test_a_review_is_one_question_answered_with_reasons(desk: Desk) -> None:
    request = make_judged(desk, SETTLING)
    assert states(request) == ["UNDER_REVIEW"]
    with pytest.raises(NotAllowed, match="not graded"):
        grade(desk.ana, request)
    end(desk.ana, request, True)
    assert may_be_approved(request)
    approve(desk, request)
    assert states(request) == ["APPROVED"]


def test_a_conflict_of_two_duties_is_answered_like_a_review(desk: Desk) -> None:
    request = make_judged(desk)
    before = request.lines.get().assessments.latest("sequence")
    # No pack has one: the answer of the law is rewritten to say that two duties contradict each other.
    data = json.loads(before.record.content)
    data["weigh"] = [{**data["weigh"][0], "id": "tell against keep-silent", "kind": "conflict"}]
    content = explain.canonical(data)
    record = AssessmentRecord.objects.create(
        digest=sha256_hex(content),
        pack_version=before.record.pack_version,
        content=content.decode(),
        outcome=before.record.outcome,
        granted=before.record.granted,
    )
    LineAssessment.objects.create(
        line=before.line, record=record, terms=before.terms, for_study=False, sequence=2, event_id=before.event_id
    )
    with pytest.raises(NotAllowed, match="not graded"):
        grade(desk.ana, request)
    end(desk.ana, request, False)
    assert not may_be_approved(request)
    assert Balancing.objects.get().kind == "conflict"


def test_everything_the_record_leaves_to_people_has_to_be_concluded(desk: Desk) -> None:
    request = make_judged(desk, {**SETTLING, "works-sensitive": True})
    digest = digest_of(request)
    kinds = {"weigh": 0, "review": 1}
    for person in (desk.ana, desk.luis):
        give_grading(person, request, digest, kinds["weigh"], given())
    conclude(desk.ana, request, digest, kinds["weigh"], True, "Concluded.", **ENDING)
    assert not may_be_approved(request)
    conclude(desk.ana, request, digest, kinds["review"], True, "No abuse.", **ENDING)
    assert may_be_approved(request)


def test_a_new_answer_of_the_law_has_to_be_judged_anew(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    old = digest_of(request)
    for person in (desk.ana, desk.luis):
        grade(person, request)
    end(desk.ana, request, True)
    ask_the_law_again(request, desk.ana)
    assert digest_of(request) != old
    assert not may_be_approved(request)
    with pytest.raises(TransitionConflict, match="asked again"):
        give_grading(desk.marta, request, old, 0, given())

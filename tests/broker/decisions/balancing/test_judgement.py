"""Two people grade, somebody concludes, a third is called in where that is needed; only then is anything approved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.audit.models import Event
from broker.crypto.suites import sha256_hex
from broker.decisions.balancing.factors import FACTORS
from broker.decisions.balancing.models import Balancing, Conclusion, Grading
from broker.decisions.balancing.selectors import course_of, judged_records
from broker.decisions.balancing.services import conclude, give_grading, review
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.intake.models import DisclosureRequest
from broker.parties.middleware import context_of
from broker.parties.models import Role, User
from broker.row_context import acting
from legal_rules import explain
from tests.support.cases import Desk, line_ids, make_account, make_desk, states
from tests.support.judgement import (
    AGAINST,
    FOR,
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

pytestmark = pytest.mark.django_db
APPROVE, DENY = Decision.Verdict.APPROVE, Decision.Verdict.DENY
ENDING: dict[str, Any] = {"notice_plan": "With the answer, by post.", "redress": "Opposition within five days."}


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def grade(user: User, request: DisclosureRequest, grades: Any = FOR) -> Grading:
    answers = given(**grades) if isinstance(grades, dict) else given(grades)
    return give_grading(user, request, digest_of(request), 0, answers)


def end(user: User, request: DisclosureRequest, favourable: bool) -> Conclusion:
    return conclude(user, request, digest_of(request), 0, favourable, "After reading both.", **ENDING)


def look(user: User, request: DisclosureRequest, favourable: bool) -> None:
    review(user, request, digest_of(request), 0, favourable, "I read the order and both gradings.")


def approve(desk: Desk, request: DisclosureRequest) -> None:
    for person in (desk.ana, desk.luis):
        decide(person, request, line_ids(request), APPROVE, "concluded for it")


def may_be_approved(desk: Desk, request: DisclosureRequest) -> bool:
    """Ask Python and the database alike; they have to say the same."""
    digest = digest_of(request)
    said = digest in judged_records(request.id, [digest])
    with connection.cursor() as cursor:
        cursor.execute("SELECT judged_in_favour(%s, %s)", [request.id, digest])
        assert cursor.fetchone()[0] is said
    return bool(said)


def test_a_sensitive_case_reaches_people_before_the_worker_knows_the_rest(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    assert states(request) == ["UNDER_REVIEW"]
    record = request.lines.get().assessments.latest("sequence").record
    assert record.outcome == "NEEDS_JUDGEMENT"
    assert record.granted == ["name", "postal-address"]
    with pytest.raises(TransitionConflict, match="have not concluded"):
        decide(desk.ana, request, line_ids(request), APPROVE, "looks fine")


def test_two_people_who_agree_and_a_conclusion_with_the_formula_open_the_approval(desk: Desk) -> None:
    request = make_judged(desk, count=2)
    grade(desk.ana, request)
    grade(desk.luis, request, (2, 1, 2, 4, 1, 1))
    assert not may_be_approved(desk, request)
    end(desk.ana, request, True)
    assert may_be_approved(desk, request)
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
    assert not may_be_approved(desk, request)
    decide(desk.ana, request, line_ids(request), DENY, "weighed, and no")
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
    assert not may_be_approved(desk, request)
    with pytest.raises(TransitionConflict, match="have not concluded"):
        approve(desk, request)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_conclusion_against_the_formula_waits_for_a_third_person(desk: Desk, agrees: bool) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, AGAINST)
    end(desk.ana, request, True)
    for involved in (desk.ana, desk.luis):
        with pytest.raises(NotAllowed, match="third person"):
            look(involved, request, True)
    look(desk.marta, request, agrees)
    assert may_be_approved(desk, request) is agrees


def test_a_third_person_reviews_graders_who_differ_before_anybody_concludes(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, FOR)
    grade(desk.luis, request, AGAINST)
    with pytest.raises(TransitionConflict, match="third person"):
        end(desk.ana, request, True)
    look(desk.marta, request, True)
    assert not may_be_approved(desk, request)
    with pytest.raises(NotAllowed, match="somebody else concludes"):
        end(desk.marta, request, True)
    end(desk.luis, request, True)
    assert may_be_approved(desk, request)


def test_a_third_person_who_says_no_cannot_be_outvoted(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, FOR)
    grade(desk.luis, request, AGAINST)
    look(desk.marta, request, False)
    end(desk.ana, request, True)
    assert not may_be_approved(desk, request)


def test_two_steps_apart_calls_in_a_third_person_though_both_read_the_same(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, (1, 1, 1, 4, 1, 1))
    grade(desk.luis, request, (1, 1, 4, 4, 1, 1))
    with pytest.raises(TransitionConflict, match="third person"):
        end(desk.ana, request, True)


@pytest.mark.parametrize("grades", [UNSUITABLE, UNNECESSARY, (4, 1, 1, 4, 4, 2)])
def test_what_both_find_ended_is_made_up_for_by_nothing(desk: Desk, grades: Any) -> None:
    request = make_judged(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, grades)
    with pytest.raises(NotAllowed, match="Nothing makes up"):
        end(desk.ana, request, True)
    end(desk.ana, request, False)
    assert not may_be_approved(desk, request)


def test_nobody_is_called_in_where_nothing_calls_for_it(desk: Desk) -> None:
    request = make_judged(desk)
    with pytest.raises(TransitionConflict, match="Nothing calls in"):
        look(desk.marta, request, True)
    grade(desk.ana, request)
    grade(desk.luis, request)
    with pytest.raises(TransitionConflict, match="Nothing calls in"):
        look(desk.marta, request, True)
    end(desk.ana, request, True)
    with pytest.raises(TransitionConflict, match="Nothing calls in"):
        look(desk.marta, request, True)


def test_a_grading_is_final(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request)
    with pytest.raises(NotAllowed, match="final"):
        grade(desk.ana, request, AGAINST)
    grade(desk.luis, request)
    with pytest.raises(TransitionConflict, match="Two people have graded"):
        grade(desk.marta, request)
    end(desk.ana, request, True)
    with pytest.raises(TransitionConflict, match="concluded already"):
        end(desk.luis, request, False)


def test_one_grading_is_no_balancing(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request)
    with pytest.raises(TransitionConflict, match="two people"):
        end(desk.ana, request, True)


def test_strangers_and_those_involved_do_not_judge(desk: Desk) -> None:
    request = make_judged(desk)
    alias = make_account(desk.operator, Role.LEGAL, "alias", "Carla again", person_id=desk.filer.person_id)
    for user in (desk.filer, desk.clerk, alias, make_account(desk.operator, Role.ENGINEER, "enzo", "Enzo Engineer")):
        with pytest.raises(NotAllowed):
            grade(user, request)
    assert not Balancing.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"suitable": None}, "suitable"),
        ({"suitable_reason": " "}, "suitable_reason"),
        ({"means": ()}, "means-1"),
        ({"means": (("", "a reason"),)}, "means-1"),
        ({"necessary_reason": ""}, "necessary_reason"),
        ({"grades": {}}, "interference"),
        ({"grades": {**given().grades, "importance": 3}}, "importance"),
        ({"reasons": {}}, "claim_weight_reason"),
        ({"factors": {}}, "F1"),
        ({"factors": {"F1": ("312 works", "")}}, "F1"),
        ({"factors": {"F1": ("312 \x00", "p. 3")}}, "F1"),
        ({"means": (("A notice\x00", "a reason"),)}, "means-1"),
        ({"factors": {"F99": ("312 works", "p. 3")}}, "F99"),
        ({"suitable": False}, "interference"),
        ({"means": (("Preservation only", ""),)}, "interference"),
    ],
)
def test_refuses_a_grading_that_is_incomplete_or_out_of_order(desk: Desk, changes: Any, field: str) -> None:
    request = make_judged(desk)
    with pytest.raises(InputError) as caught:
        give_grading(desk.ana, request, digest_of(request), 0, given(**changes))
    assert field in {problem.field for problem in caught.value.problems}
    assert not Grading.objects.exists()


def test_a_review_is_one_question_answered_with_reasons(desk: Desk) -> None:
    request = make_judged(desk, SETTLING)
    assert states(request) == ["UNDER_REVIEW"]
    with pytest.raises(NotAllowed, match="not graded"):
        grade(desk.ana, request)
    end(desk.ana, request, True)
    assert may_be_approved(desk, request)
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
    assert not may_be_approved(desk, request)
    assert Balancing.objects.get().kind == "conflict"


def test_everything_the_record_leaves_to_people_has_to_be_concluded(desk: Desk) -> None:
    request = make_judged(desk, {**SETTLING, "works-sensitive": True})
    digest = digest_of(request)
    kinds = {"weigh": 0, "review": 1}
    for person in (desk.ana, desk.luis):
        give_grading(person, request, digest, kinds["weigh"], given())
    conclude(desk.ana, request, digest, kinds["weigh"], True, "Concluded.", **ENDING)
    assert not may_be_approved(desk, request)
    conclude(desk.ana, request, digest, kinds["review"], True, "No abuse.", **ENDING)
    assert may_be_approved(desk, request)


def test_a_new_answer_of_the_law_has_to_be_judged_anew(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    old = digest_of(request)
    for person in (desk.ana, desk.luis):
        grade(person, request)
    end(desk.ana, request, True)
    ask_the_law_again(request, desk.ana)
    assert digest_of(request) != old
    assert not may_be_approved(desk, request)
    with pytest.raises(TransitionConflict, match="asked again"):
        give_grading(desk.marta, request, old, 0, given())


def test_who_has_seen_the_other_grading_does_not_grade_the_same_line_again(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    for person in (desk.ana, desk.luis):
        grade(person, request, STALEMATE)
    ask_the_law_again(request, desk.ana)
    for person in (desk.ana, desk.luis):
        with acting(context_of(person)), pytest.raises(NotAllowed, match="seen how the other person did"):
            grade(person, request)
    alias = make_account(desk.operator, Role.LEGAL, "luis2", "Luis Lago", person_id=desk.luis.person_id)
    with acting(context_of(alias)), pytest.raises(NotAllowed, match="seen how the other person did"):
        grade(alias, request)
    # Two who did not grade it do; who has seen it graded may conclude.
    nina = make_account(desk.operator, Role.LEGAL, "nina", "Nina Nueva")
    for person in (desk.marta, nina):
        grade(person, request)
    end(desk.ana, request, True)
    assert may_be_approved(desk, request)


def test_who_graded_alone_has_seen_nothing_and_grades_again(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    grade(desk.ana, request)
    ask_the_law_again(request, desk.luis)
    for person in (desk.ana, desk.luis):
        grade(person, request)
    end(desk.ana, request, True)
    assert may_be_approved(desk, request)


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


def test_before_both_have_graded_each_is_read_their_own_alone(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request)
    balancing = Balancing.objects.get()
    assert [g.person for g in course_of(balancing, "weigh", desk.ana.person_id).gradings] == [desk.ana.person_id]
    seen = course_of(balancing, "weigh", desk.luis.person_id)
    assert (seen.gradings, seen.given) == ((), 1)
    grade(desk.luis, request, AGAINST)
    assert len(course_of(balancing, "weigh", desk.marta.person_id).gradings) == 2


def test_a_failed_grading_leaves_nothing_behind(desk: Desk) -> None:
    request = make_judged(desk)
    with transaction.atomic():
        grade(desk.ana, request)
        transaction.set_rollback(True)
    assert not Balancing.objects.exists()
    assert not Event.objects.filter(kind__startswith="balancing:").exists()

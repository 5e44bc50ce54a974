"""Who grades what the law leaves open: two people, once each, neither having seen how the other did."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from broker.audit.models import Event
from broker.decisions.balancing.models import Balancing, Grading
from broker.decisions.balancing.selectors import course_of
from broker.decisions.balancing.services import give_grading
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.parties.middleware import context_of
from broker.parties.models import Role
from broker.row_context import acting
from tests.support.cases import Desk, make_account
from tests.support.judgement import (
    AGAINST,
    STALEMATE,
    ask_the_law_again,
    digest_of,
    given,
    make_judged,
    make_judged_by_services,
)
from tests.support.judging import end, grade, may_be_approved

pytestmark = pytest.mark.django_db


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


def test_before_both_have_graded_each_is_read_their_own_alone(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request)
    balancing = Balancing.objects.get()
    assert [g.person for g in course_of(balancing, "weigh", desk.ana.person_id).gradings] == [desk.ana.person_id]
    seen = course_of(balancing, "weigh", desk.luis.person_id)
    assert (seen.gradings, seen.given) == ((), 1)
    grade(desk.luis, request, AGAINST)
    assert len(course_of(balancing, "weigh", desk.marta.person_id).gradings) == 2


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
    assert may_be_approved(request)


def test_who_graded_alone_has_seen_nothing_and_grades_again(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    grade(desk.ana, request)
    ask_the_law_again(request, desk.luis)
    for person in (desk.ana, desk.luis):
        grade(person, request)
    end(desk.ana, request, True)
    assert may_be_approved(request)


def test_a_failed_grading_leaves_nothing_behind(desk: Desk) -> None:
    request = make_judged(desk)
    with transaction.atomic():
        grade(desk.ana, request)
        transaction.set_rollback(True)
    assert not Balancing.objects.exists()
    assert not Event.objects.filter(kind__startswith="balancing:").exists()

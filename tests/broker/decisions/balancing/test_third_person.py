"""A third person is called in where graders differ or a conclusion goes against the formula, and nowhere else."""

from __future__ import annotations

import pytest

from broker.errors import NotAllowed, TransitionConflict
from tests.support.cases import Desk
from tests.support.judgement import AGAINST, FOR, make_judged
from tests.support.judging import end, grade, look, may_be_approved

pytestmark = pytest.mark.django_db


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
    assert may_be_approved(request) is agrees


def test_a_third_person_reviews_graders_who_differ_before_anybody_concludes(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, FOR)
    grade(desk.luis, request, AGAINST)
    with pytest.raises(TransitionConflict, match="third person"):
        end(desk.ana, request, True)
    look(desk.marta, request, True)
    assert not may_be_approved(request)
    with pytest.raises(NotAllowed, match="somebody else concludes"):
        end(desk.marta, request, True)
    end(desk.luis, request, True)
    assert may_be_approved(request)


def test_a_third_person_who_says_no_cannot_be_outvoted(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, FOR)
    grade(desk.luis, request, AGAINST)
    look(desk.marta, request, False)
    end(desk.ana, request, True)
    assert not may_be_approved(request)


def test_two_steps_apart_calls_in_a_third_person_though_both_read_the_same(desk: Desk) -> None:
    request = make_judged(desk)
    grade(desk.ana, request, (1, 1, 1, 4, 1, 1))
    grade(desk.luis, request, (1, 1, 4, 4, 1, 1))
    with pytest.raises(TransitionConflict, match="third person"):
        end(desk.ana, request, True)


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

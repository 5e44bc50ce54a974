"""Balancing as a notation: exact weights, the order of the steps, and when a third person is called in.

The scales are short, so most of these tests look at every combination there is (729 sets of grades).
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legal_rules.weigh import (
    ENDED,
    SCALES,
    Grades,
    Judgement,
    Means,
    Reading,
    differences,
    is_barred,
    read_weight,
    sensitivity,
    speaks_for,
    third_person_for,
)

ALL = [Grades(*values) for values in itertools.product(*SCALES.values())]
REJECTED = (Means("A notice passed on by the provider", "The aim is a suit against a named person."),)
UNSUITABLE = Judgement(False)
UNNECESSARY = Judgement(True, (Means("Preservation only"),))

grades = st.sampled_from(ALL)
judgements = st.one_of(
    st.just(UNSUITABLE), st.just(UNNECESSARY), grades.map(lambda each: Judgement(True, REJECTED, each))
)


def graded(i: int, r: str, j: int, s: str, weight: int = 1) -> Grades:
    """Grades as the worked examples write them: I and R of privacy, I and R and G of the claim."""
    return Grades(Fraction(i), Fraction(1), Fraction(r), Fraction(j), Fraction(weight), Fraction(s))


def judged(each: Grades) -> Judgement:
    return Judgement(True, REJECTED, each)


@pytest.mark.parametrize(
    ("each", "weight"),
    [
        # The worked examples of eu.md 3.3.
        (graded(2, "1", 1, "1/4"), Fraction(8)),
        (graded(2, "1", 4, "1"), Fraction(1, 2)),
        (graded(4, "1", 2, "1/2"), Fraction(4)),
        (graded(2, "1", 4, "1", weight=4), Fraction(1, 8)),
    ],
)
def test_gives_the_weights_of_the_worked_examples(each: Grades, weight: Fraction) -> None:
    assert each.weight == weight


def test_every_weight_is_an_exact_power_of_two() -> None:
    assert len(ALL) == 729
    for each in ALL:
        weight = each.weight
        assert type(weight) is Fraction
        assert weight.numerator & weight.numerator - 1 == 0
        assert weight.denominator & weight.denominator - 1 == 0
        assert 1 in (weight.numerator, weight.denominator)
    assert {each.weight for each in ALL} == {Fraction(2) ** exponent for exponent in range(-6, 7)}


def test_only_a_weight_below_one_speaks_for_a_disclosure() -> None:
    for each in ALL:
        reading = read_weight(each)
        assert (reading is Reading.CLAIM) == (each.weight < 1 and each.is_certain_enough)
        assert (reading is Reading.STALEMATE) == (each.weight == 1 and each.is_certain_enough)


def test_a_serious_interference_needs_reliable_premises_of_the_claim() -> None:
    for each in ALL:
        uncertain = each.interference == 4 and each.claim_reliability != 1
        assert (read_weight(each) is Reading.UNCERTAIN) == uncertain
    # Even where the weight alone would speak for it.
    grave = graded(4, "1", 4, "1/2", weight=4)
    assert grave.weight == Fraction(1, 2)
    assert read_weight(grave) is Reading.UNCERTAIN


def test_swapping_the_sides_turns_the_weight_over() -> None:
    for each in ALL:
        swapped = Grades(
            each.importance, each.claim_weight, each.claim_reliability,
            each.interference, each.privacy_weight, each.privacy_reliability,
        )  # fmt: skip
        assert swapped.weight * each.weight == 1


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("value", [Fraction(3), Fraction(0), Fraction(-1), Fraction(1, 8), Fraction(8)])
def test_refuses_a_grade_that_is_on_no_scale(name: str, value: Fraction) -> None:
    with pytest.raises(ValueError, match=name):
        replace(ALL[0], **{name: value})


def test_refuses_a_reliability_above_one_and_an_intensity_below() -> None:
    for name, scale in SCALES.items():
        for value in {Fraction(4), Fraction(1, 4)} - set(scale):
            with pytest.raises(ValueError, match=name):
                replace(ALL[0], **{name: value})


def neighbours(each: Grades) -> set[Grades]:
    """Every set of grades that differs in one grade by one step, found by looking at all of them."""
    found = set()
    for other in ALL:
        changed = [name for name in SCALES if getattr(each, name) != getattr(other, name)]
        if len(changed) == 1:
            ratio = getattr(each, changed[0]) / getattr(other, changed[0])
            if ratio in (Fraction(2), Fraction(1, 2)):
                found.add(other)
    return found


def test_sensitivity_names_exactly_the_single_steps_that_flip_the_reading() -> None:
    for each in ALL[::7]:
        flips = {replace(each, **{flip.grade: flip.value}) for flip in sensitivity(each)}
        assert flips == {other for other in neighbours(each) if read_weight(other) is not read_weight(each)}
        for flip in sensitivity(each):
            moved = replace(each, **{flip.grade: flip.value})
            assert (flip.weight, flip.reading) == (moved.weight, read_weight(moved))


def test_a_stalemate_always_turns_on_a_single_grade() -> None:
    for each in ALL:
        if read_weight(each) is Reading.STALEMATE:
            assert any(flip.reading is Reading.CLAIM for flip in sensitivity(each))


def test_the_steps_are_taken_in_their_order() -> None:
    assert UNSUITABLE.reading is Reading.UNSUITABLE
    assert UNNECESSARY.reading is Reading.UNNECESSARY
    assert judged(graded(1, "1", 4, "1")).reading is Reading.CLAIM


def test_a_failed_step_ends_the_test() -> None:
    with pytest.raises(ValueError, match="ends there"):
        Judgement(False, REJECTED)
    with pytest.raises(ValueError, match="ends there"):
        Judgement(False, (), ALL[0])
    with pytest.raises(ValueError, match="rejected with a reason"):
        Judgement(True, (*REJECTED, Means("Preservation only")), ALL[0])


def test_no_step_is_left_out() -> None:
    with pytest.raises(ValueError, match="milder means has to be considered"):
        Judgement(True, (), ALL[0])
    with pytest.raises(ValueError, match="rejected with a reason"):
        Judgement(True, REJECTED)
    with pytest.raises(ValueError, match="named"):
        Judgement(True, (Means(" ", "because"),), ALL[0])


def test_a_blank_reason_rejects_no_milder_means() -> None:
    with pytest.raises(ValueError, match="rejected with a reason"):
        Judgement(True, (Means("Preservation only", "  "),), ALL[0])
    assert Judgement(True, (Means("Preservation only", "  "),)).reading is Reading.UNNECESSARY


@given(judgements, judgements)
def test_two_people_differ_alike_seen_from_either_side(one: Judgement, other: Judgement) -> None:
    assert differences(one, other) == differences(other, one)
    assert speaks_for(one, other) == speaks_for(other, one)
    assert is_barred(one, other) == is_barred(other, one)


@given(judgements)
def test_who_grades_alike_does_not_differ(each: Judgement) -> None:
    assert differences(each, each) == ()


@given(grades, grades)
def test_differing_by_more_than_one_step_calls_in_a_third_person(one: Grades, other: Grades) -> None:
    far = [name for name in SCALES if getattr(one, name) / getattr(other, name) in (Fraction(4), Fraction(1, 4))]
    found = differences(judged(one), judged(other))
    assert [name for name in found if name != "reading"] == far
    assert ("reading" in found) == (read_weight(one) is not read_weight(other))
    for favourable in (True, False):
        assert not found or third_person_for(judged(one), judged(other), favourable)


@given(judgements, judgements, st.booleans())
def test_a_conclusion_against_the_formula_calls_in_a_third_person(
    one: Judgement, other: Judgement, favourable: bool
) -> None:
    with_the_formula = favourable == (one.reading is other.reading is Reading.CLAIM)
    assert third_person_for(one, other, favourable) == (bool(differences(one, other)) or not with_the_formula)


@given(judgements, judgements)
def test_nobody_alone_concludes_for_a_disclosure_at_a_stalemate(one: Judgement, other: Judgement) -> None:
    if Reading.STALEMATE in (one.reading, other.reading):
        assert not speaks_for(one, other)
        assert third_person_for(one, other, True)


@given(judgements, judgements)
def test_a_step_both_found_failed_is_made_up_for_by_nothing(one: Judgement, other: Judgement) -> None:
    assert is_barred(one, other) == ({one.reading, other.reading} <= ENDED)
    assert not (is_barred(one, other) and speaks_for(one, other))

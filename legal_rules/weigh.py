"""Balancing: a notation for what people graded, never a decision procedure.

1. Each of two people answers the three steps of the test in their order: suitable, necessary, proportionate in the
   strict sense. The first step that fails ends it; only the third is graded (`Judgement`).
2. R. Alexy's weight formula puts the six grades into one fraction, exactly (`weight`), and says what it would take to
   turn it (`sensitivity`).
3. Two judgements are compared (`differences`), and a conclusion is held against them (`third_person_for`, `is_barred`).

No grade has a default, nothing here approves anything, and a step that failed is never made up for by weight.
Source: rules_engine.md 6; eu.md 3.1 to 3.3; R. Alexy, "On Balancing and Subsumption", Ratio Juris 16 (2003) 433-449.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from fractions import Fraction

GRADERS = 2  # always two people, whatever they find: that contains every case in which eu.md 3.3 demands two

_INTENSITIES: Mapping[Fraction, str] = {Fraction(1): "light", Fraction(2): "moderate", Fraction(4): "serious"}
_WEIGHTS: Mapping[Fraction, str] = {Fraction(1): "equal", Fraction(2): "raised", Fraction(4): "highest"}
_RELIABILITIES: Mapping[Fraction, str] = {
    Fraction(1): "reliable",
    Fraction(1, 2): "plausible",
    Fraction(1, 4): "not evidently false",
}
SERIOUS, RELIABLE = Fraction(4), Fraction(1)

# Grade -> its values, one step apart, and their names. What stands for privacy comes first.
SCALES: Mapping[str, Mapping[Fraction, str]] = {
    "interference": _INTENSITIES,
    "privacy_weight": _WEIGHTS,
    "privacy_reliability": _RELIABILITIES,
    "importance": _INTENSITIES,
    "claim_weight": _WEIGHTS,
    "claim_reliability": _RELIABILITIES,
}


@dataclass(frozen=True, slots=True)
class Grades:
    """The six grades of one person; each is one of the values of its scale.

    interference: how hard a disclosure would press on private life and data protection; importance: how hard it
    would press on the claim not to disclose; the weights: of the two principles in the abstract; the reliabilities:
    of the premises, of fact and of law, behind each side (the lower of both).
    Raises ValueError for a value that is not on its scale.
    """

    interference: Fraction
    privacy_weight: Fraction
    privacy_reliability: Fraction
    importance: Fraction
    claim_weight: Fraction
    claim_reliability: Fraction

    def __post_init__(self) -> None:
        for name, scale in SCALES.items():
            if getattr(self, name) not in scale:
                raise ValueError(f"{name} is one of {', '.join(map(str, scale))}")

    @property
    def weight(self) -> Fraction:
        """W: privacy's product over the claim's, a power of two from 1/64 to 64."""
        privacy = self.interference * self.privacy_weight * self.privacy_reliability
        return privacy / (self.importance * self.claim_weight * self.claim_reliability)

    @property
    def is_certain_enough(self) -> bool:
        """The second law of balancing, as a hard rule: a serious interference needs reliable premises of the claim."""
        return self.interference != SERIOUS or self.claim_reliability == RELIABLE


class Reading(StrEnum):
    """What one person's judgement comes to. Only CLAIM speaks for a disclosure."""

    UNSUITABLE = "unsuitable"
    UNNECESSARY = "unnecessary"
    UNCERTAIN = "uncertain"
    PRIVACY = "privacy"
    STALEMATE = "stalemate"
    CLAIM = "claim"


# Readings that nobody makes up for; a tie is one of them, because a stalemate means no release.
ENDED = frozenset({Reading.UNSUITABLE, Reading.UNNECESSARY, Reading.UNCERTAIN, Reading.STALEMATE})


def read_weight(grades: Grades) -> Reading:
    """Read the grades: the second law first, then W above, below or equal to 1."""
    if not grades.is_certain_enough:
        return Reading.UNCERTAIN
    if grades.weight == 1:
        return Reading.STALEMATE
    return Reading.PRIVACY if grades.weight > 1 else Reading.CLAIM


@dataclass(frozen=True, slots=True)
class Means:
    """A milder means that was considered, and why it does not serve; "" where it does."""

    text: str
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One person's answers to the three steps.

    suitable: disclosing can serve the aim at all. means: the milder means considered, at least one once the first
    step holds; the second step holds when every one of them is rejected with a reason. grades: of the third step.
    Raises ValueError when a step is answered that an earlier one has ended, or one is left out.
    """

    suitable: bool
    means: tuple[Means, ...] = ()
    grades: Grades | None = None

    def __post_init__(self) -> None:
        if not self.suitable and (self.means or self.grades):
            raise ValueError("what is not suitable ends there: neither milder means nor grades")
        if self.suitable and not self.means:
            raise ValueError("at least one milder means has to be considered")
        if any(not means.text.strip() for means in self.means):
            raise ValueError("a milder means is named")
        if self.suitable and (self.grades is not None) is not self.is_necessary:
            raise ValueError("grades are given when every milder means is rejected with a reason, and only then")

    @property
    def is_necessary(self) -> bool:
        """Whether both first steps hold."""
        return self.suitable and all(means.rejected.strip() for means in self.means)

    @property
    def reading(self) -> Reading:
        """What it comes to; the first step that fails says so."""
        if not self.suitable:
            return Reading.UNSUITABLE
        return Reading.UNNECESSARY if self.grades is None else read_weight(self.grades)


@dataclass(frozen=True, slots=True)
class Flip:
    """One grade that, moved by one step, would change the reading. weight: W then."""

    grade: str
    value: Fraction
    weight: Fraction
    reading: Reading


def sensitivity(grades: Grades) -> tuple[Flip, ...]:
    """List every single grade whose change by one step would change the reading, in the order of the scales."""
    now = read_weight(grades)
    flips = []
    for name, scale in SCALES.items():
        steps = sorted(scale)
        place = steps.index(getattr(grades, name))
        for value in (*steps[max(place - 1, 0) : place], *steps[place + 1 : place + 2]):
            moved = replace(grades, **{name: value})
            if read_weight(moved) is not now:
                flips.append(Flip(name, value, moved.weight, read_weight(moved)))
    return tuple(flips)


def differences(one: Judgement, other: Judgement) -> tuple[str, ...]:
    """Say in what two people differ: "reading", and each grade that lies more than one step apart.

    One step, with the same reading, is what two careful people may differ by.
    """
    found = ["reading"] if one.reading is not other.reading else []
    if one.grades is not None and other.grades is not None:
        for field in fields(Grades):
            pair = getattr(one.grades, field.name), getattr(other.grades, field.name)
            if max(pair) / min(pair) > 2:
                found.append(field.name)
    return tuple(found)


def speaks_for(one: Judgement, other: Judgement) -> bool:
    """Whether the formula, as both people graded, speaks for a disclosure. A stalemate does not."""
    return one.reading is Reading.CLAIM and other.reading is Reading.CLAIM


def third_person_for(one: Judgement, other: Judgement, favourable: bool) -> bool:
    """Whether a conclusion needs a third person: the two differ, or it goes against what the formula says."""
    return bool(differences(one, other)) or favourable is not speaks_for(one, other)


def is_barred(one: Judgement, other: Judgement) -> bool:
    """Whether nobody may conclude for a disclosure: both found a step failed, the premises too uncertain, or a tie."""
    return one.reading in ENDED and other.reading in ENDED

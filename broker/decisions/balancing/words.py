"""How grades, readings and the course of a balancing read on the pages of legal staff."""

from __future__ import annotations

from dataclasses import replace

from broker.decisions.balancing.models import Balancing
from broker.decisions.balancing.selectors import Course, columns_of
from legal_rules.weigh import SCALES, Grades, Reading

GRADE_QUESTIONS: dict[str, str] = {
    "interference": "How hard would a disclosure press on private life and the protection of data?",
    "privacy_weight": "How much does private life weigh in the abstract? Both sides are rights of the Charter: equal, "
    "unless life or limb is at stake.",
    "privacy_reliability": "How reliable are the premises behind that side, of fact and of law? The lower of both.",
    "importance": "How hard would it press on the claim not to disclose?",
    "claim_weight": "How much does the claim weigh in the abstract?",
    "claim_reliability": "How reliable are the premises behind the claim, of fact and of law? The lower of both.",
}
GRADE_NAMES: dict[str, str] = {
    "interference": "Interference with private life",
    "privacy_weight": "Abstract weight of private life",
    "privacy_reliability": "Reliability, private life",
    "importance": "Harm to the claim",
    "claim_weight": "Abstract weight of the claim",
    "claim_reliability": "Reliability, claim",
}
READING_WORDS: dict[Reading, str] = {
    Reading.UNSUITABLE: "A disclosure cannot serve the aim; the test ends there",
    Reading.UNNECESSARY: "Something milder would do; the test ends there",
    Reading.UNCERTAIN: "The interference is serious and the premises of the claim are not reliable enough",
    Reading.PRIVACY: "Private life outweighs the claim",
    Reading.STALEMATE: "A stalemate, so not released",
    Reading.CLAIM: "The claim outweighs private life",
}
KIND_WORDS: dict[str, str] = {
    Balancing.Kind.WEIGH: "To be weighed",
    Balancing.Kind.REVIEW: "To be looked at",
    Balancing.Kind.CONFLICT: "Two duties contradict each other",
}


def choices_of(name: str) -> list[tuple[str, str]]:
    """The values of a grade as the columns have them, with their words."""
    start = Grades(*(next(iter(scale)) for scale in SCALES.values()))

    return [
        (str(columns_of(replace(start, **{name: value}))[name]), f"{words} ({value})")
        for value, words in SCALES[name].items()
    ]


def course_words(course: Course) -> str:
    """Where a balancing is, in one sentence that tells no grade."""
    if course.conclusion is not None:
        if course.waits_for_review:
            return "Concluded against what the formula says; a third person has to look at it."
        if course.stands:
            return "Concluded for the disclosure."
        if course.conclusion.favourable:
            return "A third person did not agree with a disclosure: not released."
        return "Concluded against the disclosure: not released."
    if course.kind != Balancing.Kind.WEIGH:
        return "Nobody has answered it yet."
    if course.given == 0:
        return "Nobody has graded it yet; two people have to."
    if course.given == 1:
        return "One of two people has graded it."
    if course.waits_for_review:
        return "Graded by two people, who differ: a third person has to look at it."
    return "Graded by two people; it is to be concluded."

"""What the page of one balancing shows to one person, and the list of balancings on the page of a request.

Before both people have graded, a page holds nobody's grades but the viewer's own. No identity is on it, ever.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.decisions.abilities import involvement, needs_judgement
from broker.decisions.balancing.factors import BY_ID
from broker.decisions.balancing.forms import grading_form
from broker.decisions.balancing.models import Balancing, Grading
from broker.decisions.balancing.record import computed_factors, numbers_sharing
from broker.decisions.balancing.selectors import (
    Course,
    Weighing,
    course_of,
    has_seen_graded,
    judgement_of,
    weighings_in,
)
from broker.decisions.balancing.words import GRADE_NAMES, KIND_WORDS, READING_WORDS, course_words
from broker.decisions.selectors import Desk
from broker.intake.models import CATEGORIES, DisclosureRequest, RequestLine, State
from broker.orders.models import OrderTerms
from broker.parties.models import User
from legal_rules import explain
from legal_rules.weigh import GRADERS, SCALES, Grades, differences, sensitivity

# Records listed on the page of a request; lines that differ only in a day have records of their own.
MOST_LISTED = 30
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Listed:
    """One balancing on the page of a request. lines: how many share it."""

    digest: str
    place: int
    kind: str
    says: str
    lines: int
    where: str
    stands: bool


@dataclass(frozen=True, slots=True)
class ShownGrade:
    """One grade with its reason, and whether the other person's lies more than a step away."""

    name: str
    words: str
    reason: str
    differs: bool


@dataclass(frozen=True, slots=True)
class ShownGrading:
    """One person's grading as both see it in the end. weight: W, "" where a step failed. flips: what would turn it."""

    grading: Grading
    reading: str
    weight: str
    grades: tuple[ShownGrade, ...]
    flips: tuple[str, ...]
    factors: tuple[tuple[str, str, str], ...]


def list_balancings(user: User, request: DisclosureRequest, desk: Desk) -> list[Listed]:
    """List what the law leaves to people about lines under review, each once for each record."""
    counts: dict[str, int] = {}
    for batch in desk.batches:
        if batch.state == State.UNDER_REVIEW and needs_judgement(batch):
            for line in batch.lines:
                counts[line.record] = counts.get(line.record, 0) + 1
    digests = list(counts)[:MOST_LISTED]
    contents = dict(AssessmentRecord.objects.filter(digest__in=digests).values_list("digest", "content"))
    begun = {(b.record_id, b.rule): b for b in Balancing.objects.filter(request=request, record__in=digests)}
    found = []
    for digest in digests:
        for weighing in weighings_in(json.loads(contents[digest])):
            if weighing.is_effective:
                course = course_of(begun.get((digest, weighing.rule)), weighing.kind, user.person_id)
                kind, says = KIND_WORDS[weighing.kind], str(weighing.data["says"])
                where = course_words(course)
                found.append(Listed(digest, weighing.place, kind, says, counts[digest], where, course.stands))
    return found


def find_weighing(request: DisclosureRequest, digest: str, place: int) -> tuple[Weighing, Mapping[str, Any]] | None:
    """Find what is judged by its address; None where nothing of this request is left to people there."""
    if (
        not _DIGEST.fullmatch(digest)
        or not LineAssessment.objects.filter(line__request=request, record=digest).exists()
    ):
        return None
    data = json.loads(AssessmentRecord.objects.get(digest=digest).content)
    weighing = next((each for each in weighings_in(data) if each.place == place and each.is_effective), None)
    return None if weighing is None else (weighing, data)


def build_balancing_page(
    user: User,
    request: DisclosureRequest,
    digest: str,
    weighing: Weighing,
    data: Mapping[str, Any],
    typed: Mapping[str, str],
) -> dict[str, Any]:
    """Read the context of the page for one person. typed: what a refused form held."""
    balancing = Balancing.objects.filter(request=request, record=digest, rule=weighing.rule).first()
    course = course_of(balancing, weighing.kind, user.person_id)
    numbers = numbers_sharing(request, digest)
    live = RequestLine.objects.filter(request=request, number__in=numbers, state=State.UNDER_REVIEW).exists()
    involved = involvement(user, request)
    open_to_me = live and not involved
    mine = any(grading.person == user.person_id for grading in course.gradings)
    concluder = None if course.conclusion is None else course.conclusion.person
    both = course.judgements is not None
    is_weighing = weighing.kind == Balancing.Kind.WEIGH
    has_seen = is_weighing and has_seen_graded(user.person_id, request.id, digest, weighing.rule)
    ready = not is_weighing or (both and not course.waits_for_review)
    reviewer = None if course.review is None else course.review.person
    return {
        "disclosure": request,
        "digest": digest,
        "weighing": weighing.data,
        "place": weighing.place,
        "kind": KIND_WORDS[weighing.kind],
        "is_weighing": is_weighing,
        "citations": [explain.citation(cited) for cited in weighing.data["citations"]],
        "course": course,
        "where": course_words(course),
        "numbers": numbers,
        "live": live,
        "involved": involved,
        "terms": _terms(request, digest),
        "granted": [label for name, label in CATEGORIES.items() if name in data["granted"]],
        "mine": mine,
        "may_grade": open_to_me and is_weighing and not mine and not has_seen and course.given < GRADERS,
        "has_seen": has_seen,
        "may_review": open_to_me and course.waits_for_review and not mine and user.person_id != concluder,
        "may_conclude": open_to_me and ready and course.conclusion is None and user.person_id != reviewer,
        "form": grading_form(typed, computed_factors(request, numbers)),
        "typed": typed,
        "gradings": _shown(course),
        "differing": _differing(course),
        "speaks": _speaks(course),
        "record": "" if course.conclusion is None else _pretty(course.conclusion.content),
    }


def _terms(request: DisclosureRequest, digest: str) -> OrderTerms | None:
    newest = (
        LineAssessment.objects.filter(line__request=request, record=digest)
        .order_by("-sequence")
        .select_related("terms__order__court")
        .first()
    )
    return None if newest is None else newest.terms


def _shown(course: Course) -> list[ShownGrading]:
    far = set(differences(*course.judgements)) if course.judgements else set()
    return [_shown_grading(grading, far) for grading in course.gradings]


def _shown_grading(grading: Grading, far: set[str]) -> ShownGrading:
    judgement = judgement_of(grading)
    grades = judgement.grades
    return ShownGrading(
        grading=grading,
        reading=READING_WORDS[judgement.reading],
        weight="" if grades is None else str(grades.weight),
        grades=() if grades is None else _shown_grades(grades, grading.content["reasons"], far),
        flips=() if grades is None else tuple(_flips(grades)),
        factors=tuple(
            (f"{each['id']} {BY_ID[each['id']].title}", each["says"], each["page"])
            for each in grading.content["factors"]
        ),
    )


def _shown_grades(grades: Grades, reasons: Mapping[str, str], far: set[str]) -> tuple[ShownGrade, ...]:
    return tuple(
        ShownGrade(
            GRADE_NAMES[name], f"{scale[getattr(grades, name)]} ({getattr(grades, name)})", reasons[name], name in far
        )
        for name, scale in SCALES.items()
    )


def _flips(grades: Grades) -> Sequence[str]:
    return [
        f"{GRADE_NAMES[flip.grade]}, if {SCALES[flip.grade][flip.value]}: "
        f"W = {flip.weight}. {READING_WORDS[flip.reading]}."
        for flip in sensitivity(grades)
    ]


def _differing(course: Course) -> list[str]:
    if course.judgements is None:
        return []
    return [GRADE_NAMES.get(name, "what it comes to") for name in differences(*course.judgements)]


def _speaks(course: Course) -> str:
    """What the formula, as both graded, says of a conclusion."""
    if course.judgements is None:
        return ""
    if course.is_barred:
        return (
            "Both found that a step fails, that the claim's premises are too uncertain, or that neither side outweighs "
            "the other. It cannot be disclosed; a tie releases nothing."
        )
    if not course.needs_third(True):
        return "As both graded, the claim outweighs private life."
    return "As they graded, the formula does not speak for a disclosure. Concluding for one needs a third person."


def _pretty(content: str) -> str:
    return json.dumps(json.loads(content), indent=2, ensure_ascii=False)

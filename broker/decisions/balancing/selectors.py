"""Read what was graded and concluded, and say by the rules of `legal_rules.weigh` where a balancing stands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.db import connection

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.decisions.balancing.models import GRADES, Balancing, Conclusion, Grading, SecondReview
from legal_rules import Assessment, Outcome
from legal_rules.weigh import GRADERS, Grades, Judgement, Means, is_barred, third_person_for

_RELIABILITIES = ("privacy_reliability", "claim_reliability")


@dataclass(frozen=True, slots=True)
class Weighing:
    """One thing a record leaves to people. place: its position in the record, which pages are addressed by."""

    place: int
    data: Mapping[str, Any]

    @property
    def rule(self) -> str:
        return str(self.data["id"])

    @property
    def kind(self) -> str:
        return str(self.data["kind"])

    @property
    def is_effective(self) -> bool:
        return bool(self.data["status"] == "met")

    @property
    def text(self) -> tuple[Any, ...]:
        """All that people judged, without where it stood or which facts brought it about."""
        return (*(self.data[name] for name in ("kind", "id", "says", "ask", "role")), *self.data["between"])


def weighings_in(data: Mapping[str, Any]) -> list[Weighing]:
    """List what an answer leaves to people, in its order; nothing where it has another outcome."""
    if data["outcome"] != Outcome.NEEDS_JUDGEMENT:
        return []
    return [Weighing(place, each) for place, each in enumerate(data.get("weigh", ()))]


@dataclass(frozen=True, slots=True)
class Course:
    """Where one balancing is. given: gradings there are, also those that nobody else may see yet.

    gradings: those that may be seen, by seat. conclusion and review: None until there are.
    """

    kind: str
    given: int
    gradings: tuple[Grading, ...]
    conclusion: Conclusion | None
    review: SecondReview | None

    @property
    def judgements(self) -> tuple[Judgement, Judgement] | None:
        """Both judgements, once there are two."""
        if len(self.gradings) != GRADERS:
            return None
        one, other = (judgement_of(grading) for grading in self.gradings)
        return one, other

    @property
    def is_barred(self) -> bool:
        return self.judgements is not None and is_barred(*self.judgements)

    def needs_third(self, favourable: bool) -> bool:
        """Whether this conclusion would need a third person."""
        return self.judgements is not None and third_person_for(*self.judgements, favourable)

    @property
    def waits_for_review(self) -> bool:
        """Whether nothing goes on before a third person has said something."""
        if self.judgements is None or self.review is not None:
            return False
        if self.conclusion is not None:
            return self.needs_third(self.conclusion.favourable)
        return self.needs_third(True) and self.needs_third(False)

    @property
    def is_over(self) -> bool:
        return self.conclusion is not None and not self.waits_for_review

    @property
    def stands(self) -> bool:
        """Whether it ended in favour of the disclosure."""
        if self.conclusion is None or not self.conclusion.favourable:
            return False
        if self.review is not None and not self.review.favourable:
            return False
        if self.kind != Balancing.Kind.WEIGH:
            return True
        if self.judgements is None or self.is_barred:
            return False
        return self.review is not None or not self.needs_third(True)


def judgement_of(grading: Grading) -> Judgement:
    """Read a stored grading as `legal_rules.weigh` knows it."""
    means = tuple(Means(each["text"], each["rejected"]) for each in grading.content["means"])
    if grading.ended:
        return Judgement(grading.ended != "suitable", means)
    return Judgement(True, means, grades_of({name: getattr(grading, name) for name in GRADES}))


def grades_of(columns: Mapping[str, int]) -> Grades:
    """Read the six columns; raises ValueError for what is on no scale."""
    return Grades(
        **{name: Fraction(1, columns[name]) if name in _RELIABILITIES else Fraction(columns[name]) for name in GRADES}
    )


def columns_of(grades: Grades) -> dict[str, int]:
    """Write six grades as columns; reliabilities by their denominators."""
    return {
        name: value.denominator if name in _RELIABILITIES else value.numerator
        for name in GRADES
        for value in (getattr(grades, name),)
    }


def course_of(balancing: Balancing | None, kind: str, person: uuid.UUID | None = None) -> Course:
    """Read where a balancing is. person: who looks; before both have graded, they see their own grading only.

    Without a person everything is read: for the worker and for services, which show it to nobody.
    """
    if balancing is None:
        return Course(kind, 0, (), None, None)
    given = _gradings_given(balancing.id)
    rows = balancing.gradings.order_by("seat")
    if person is not None and given < GRADERS:
        rows = rows.filter(person=person)
    # Accounts are not read here: the worker may not see them, and reads this as well.
    return Course(
        kind,
        given,
        tuple(rows),
        Conclusion.objects.filter(balancing=balancing).first(),
        SecondReview.objects.filter(balancing=balancing).first(),
    )


def _gradings_given(balancing_id: uuid.UUID) -> int:
    """Count all gradings, also those that row-level security hides from whoever asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT gradings_given(%s)", [balancing_id])
        return int(cursor.fetchone()[0])


def has_seen_graded(person: uuid.UUID, request_id: uuid.UUID, digest: str, rule: str) -> bool:
    """Whether this person graded the rule about one of these lines before and could see how the other one did."""
    lines = LineAssessment.objects.filter(record=digest).values("line")
    records = LineAssessment.objects.filter(line__in=lines).values("record")
    earlier = Balancing.objects.filter(request=request_id, rule=rule, record__in=records, gradings__person=person)
    return any(_gradings_given(found.id) == GRADERS for found in earlier.exclude(record=digest))


def judged_records(request_id: uuid.UUID, digests: Collection[str]) -> frozenset[str]:
    """Which of these records had everything they leave to people concluded for the disclosure, in this request."""
    # Without any conclusion there is nothing to read; of many records that is most of them.
    begun = Conclusion.objects.filter(balancing__request=request_id, balancing__record__in=list(digests))
    records = AssessmentRecord.objects.filter(
        digest__in=begun.values("balancing__record"), outcome=Outcome.NEEDS_JUDGEMENT
    )
    balancings = Balancing.objects.filter(request=request_id, record__in=records)
    by_rule = {(balancing.record_id, balancing.kind, balancing.rule): balancing for balancing in balancings}
    found = set()
    for record in records:
        effective = [each for each in weighings_in(json.loads(record.content)) if each.is_effective]
        courses = (course_of(by_rule.get((record.digest, each.kind, each.rule)), each.kind) for each in effective)
        if effective and all(course.stands for course in courses):
            found.add(record.digest)
    return frozenset(found)


def is_same_judgement(answer: Assessment, record: AssessmentRecord) -> bool:
    """Whether a later answer, with nothing left open, leaves exactly that to people which the record left to them."""
    if answer.settle or answer.worker_settles:
        return False
    return _texts(weighings_in(answer.to_data())) == _texts(weighings_in(json.loads(record.content)))


def _texts(weighings: Iterable[Weighing]) -> list[tuple[Any, ...]]:
    return sorted(each.text for each in weighings if each.is_effective)

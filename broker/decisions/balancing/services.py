"""Grade, review and conclude what the law leaves to people. Nothing here approves a line; approvals come after."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from broker.assessment.models import AssessmentRecord
from broker.assessment.services import newest_assessments
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.decisions.balancing.factors import BY_ID
from broker.decisions.balancing.models import GRADES, Balancing, Conclusion, Grading, SecondReview
from broker.decisions.balancing.record import write_record
from broker.decisions.balancing.selectors import (
    Course,
    Weighing,
    columns_of,
    course_of,
    grades_of,
    has_seen_graded,
    weighings_in,
)
from broker.decisions.services import require_independent
from broker.errors import InputError, NotAllowed, Problem, TransitionConflict
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.parties.models import User
from legal_rules import explain
from legal_rules.weigh import GRADERS, Judgement, Means

MOST = 2000
_GRADED = "You have graded this already; a grading is final."
_SEEN = (
    "You graded this about the same line before the law was asked again, and have seen how the other person did. Two "
    "people grade it now who did not; you may conclude it or be the third person."
)


@dataclass(frozen=True, slots=True)
class Given:
    """One person's answers as they were given.

    suitable, suitable_reason: the first step. means: milder means considered, each with why it does not serve, "" where
    it does. necessary_reason: of the second step. grades, reasons: of the third, by the names of `models.GRADES`, the
    grades as the columns are. factors: {id of a factor: (what the file says, source and page)}.
    """

    suitable: bool | None
    suitable_reason: str = ""
    means: tuple[tuple[str, str], ...] = ()
    necessary_reason: str = ""
    grades: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Case:
    """A balancing under way, its lines locked. data: the law's answer."""

    balancing: Balancing
    weighing: Weighing
    data: Mapping[str, Any]
    course: Course


def give_grading(user: User, request: DisclosureRequest, digest: str, place: int, given: Given) -> Grading:
    """Give one of the two gradings of a weighing; it is final.

    Raises InputError for answers that are incomplete or out of order, NotAllowed when the person may not grade here
    or has graded, TransitionConflict when the law has answered anew or both gradings are there.
    """
    judgement = _read(given)
    with transaction.atomic():
        case = _open(user, request, digest, place)
        if case.weighing.kind != Balancing.Kind.WEIGH:
            raise NotAllowed("This is one question to be answered with reasons; it is not graded.")
        if any(grading.person == user.person_id for grading in case.course.gradings):
            raise NotAllowed(_GRADED)
        if case.course.given >= GRADERS:
            raise TransitionConflict("Two people have graded this already.")
        if has_seen_graded(user.person_id, request.id, digest, case.weighing.rule):
            raise NotAllowed(_SEEN)
        identifier, seat = uuid.uuid4(), case.course.given + 1
        content = _content(given)
        event = _record("balancing:graded", case, user, {"seat": seat, "grading": str(identifier)})
        try:
            return Grading.objects.create(
                id=identifier,
                balancing=case.balancing,
                seat=seat,
                person=user.person_id,
                graded_by=user,
                ended="" if judgement.grades else "necessary" if judgement.suitable else "suitable",
                **({} if judgement.grades is None else columns_of(judgement.grades)),
                content=content,
                event_id=event,
            )
        except IntegrityError as error:
            # What a person graded under another account is hidden from this one; only the database sees both.
            if "balancing_grading_two_people" in str(error):
                raise NotAllowed(_GRADED) from None
            if "who has seen this graded" in str(error):
                raise NotAllowed(_SEEN) from None
            raise


def conclude(
    user: User,
    request: DisclosureRequest,
    digest: str,
    place: int,
    favourable: bool | None,
    reason: str,
    *,
    notice_plan: str = "",
    redress: str = "",
) -> Conclusion:
    """Conclude a balancing with reasons; for a review or a conflict that is all there is.

    notice_plan: when and how the subscriber is told; redress: what the subscriber is told about remedies.
    Raises InputError without a verdict or a text, NotAllowed when the person may not conclude here or nobody may
    conclude for the disclosure, TransitionConflict when it is not yet or no longer to be concluded.
    """
    verdict = _verdict(favourable, {"reason": reason, "notice_plan": notice_plan, "redress": redress})
    with transaction.atomic():
        case = _open(user, request, digest, place)
        course = case.course
        if course.conclusion is not None:
            raise TransitionConflict("This has been concluded already.")
        if case.weighing.kind == Balancing.Kind.WEIGH:
            if course.judgements is None:
                raise TransitionConflict("It is concluded once two people have graded it.")
            if course.waits_for_review:
                raise TransitionConflict("The two gradings differ; a third person reviews them first.")
            if course.review is not None and course.review.person == user.person_id:
                raise NotAllowed("You reviewed these gradings; somebody else concludes.")
            if verdict and course.is_barred:
                raise NotAllowed(
                    "Both found that a step of the test fails, that the claim's premises are too uncertain for a "
                    "serious interference, or that neither side outweighs the other. Nothing makes up for that: a tie "
                    "releases nothing."
                )
        identifier = uuid.uuid4()
        concluded = {
            "favourable": verdict,
            "reason": reason.strip(),
            "notice_plan": notice_plan.strip(),
            "redress": redress.strip(),
            "needs_third_person": course.needs_third(verdict),
        }
        content = explain.canonical(write_record(case.balancing, case.weighing, case.data, course, concluded, user))
        event = _record(
            "balancing:concluded",
            case,
            user,
            {"conclusion": str(identifier), "favourable": verdict, "record": sha256_hex(content)},
        )
        return Conclusion.objects.create(
            id=identifier,
            balancing=case.balancing,
            person=user.person_id,
            given_by=user,
            favourable=verdict,
            reason=reason.strip(),
            content=content.decode(),
            digest=sha256_hex(content),
            event_id=event,
        )


def review(
    user: User, request: DisclosureRequest, digest: str, place: int, favourable: bool | None, reason: str
) -> SecondReview:
    """Give the third person's verdict: on gradings that differ, or on a conclusion against the formula.

    Raises InputError without verdict or reason, NotAllowed for somebody who graded or concluded, TransitionConflict
    when nobody has called in a third person.
    """
    verdict = _verdict(favourable, {"reason": reason})
    with transaction.atomic():
        case = _open(user, request, digest, place)
        course = case.course
        concluder = None if course.conclusion is None else course.conclusion.person
        if user.person_id in {*(grading.person for grading in course.gradings), concluder}:
            raise NotAllowed("A third person reviews this: somebody who neither graded nor concluded it.")
        if not course.waits_for_review:
            raise TransitionConflict("Nothing calls in a third person here.")
        identifier = uuid.uuid4()
        event = _record("balancing:reviewed", case, user, {"review": str(identifier), "favourable": verdict})
        return SecondReview.objects.create(
            id=identifier,
            balancing=case.balancing,
            person=user.person_id,
            given_by=user,
            favourable=verdict,
            reason=reason.strip(),
            event_id=event,
        )


def _open(user: User, request: DisclosureRequest, digest: str, place: int) -> _Case:
    """Lock the lines, find what is judged and where it is; the first one who acts makes its row."""
    require_independent(user, request)
    lines = list(
        RequestLine.objects.select_for_update(of=("self",))
        .filter(request=request, state=State.UNDER_REVIEW)
        .order_by("number")
    )
    sharing = [line for line, found in newest_assessments(lines).items() if found.record_id == digest]
    if not sharing:
        raise TransitionConflict(
            "No line under review rests on this answer any more: it was decided, or the law was asked again. Load the "
            "page of the request again."
        )
    data = json.loads(AssessmentRecord.objects.get(digest=digest).content)
    weighing = next((each for each in weighings_in(data) if each.place == place and each.is_effective), None)
    if weighing is None:
        raise TransitionConflict("The law leaves nothing of this kind to people here.")
    balancing = Balancing.objects.filter(request=request, record=digest, rule=weighing.rule).first()
    if balancing is None:
        identifier = uuid.uuid4()
        facts = {"balancing": str(identifier), "assessment": digest, "lines": len(sharing)}
        balancing = Balancing.objects.create(
            id=identifier,
            request=request,
            record_id=digest,
            rule=weighing.rule,
            kind=weighing.kind,
            event_id=record("balancing:opened", "request", request.id, facts, actor=user.id),
        )
    return _Case(balancing, weighing, data, course_of(balancing, weighing.kind))


def _record(kind: str, case: _Case, user: User, facts: Mapping[str, Any]) -> uuid.UUID:
    body = {"balancing": str(case.balancing.id), **facts}
    return record(kind, "request", case.balancing.request_id, body, actor=user.id)


def _read(given: Given) -> Judgement:
    """Read answers in the order of the steps; raises InputError with every defect."""
    problems = _texts({"suitable_reason": given.suitable_reason})
    problems += _factor_problems(given)
    if given.suitable is None:
        problems.append(Problem("step.missing", "suitable", "Say whether a disclosure can serve the aim at all."))
        raise InputError(problems)
    means = tuple(Means(text.strip(), rejected.strip()) for text, rejected in given.means)
    problems += [
        Problem("means.text", f"means-{number}", "Name each milder means in 1 to 500 characters, and its reason.")
        for number, each in enumerate(means, start=1)
        if not _fits(each.text, 500) or (each.rejected and not _fits(each.rejected))
    ]
    necessary = given.suitable and bool(means) and all(each.rejected for each in means)
    if given.suitable:
        problems += _texts({"necessary_reason": given.necessary_reason})
        if not means:
            problems.append(Problem("means.missing", "means-1", "Name at least one milder means that you considered."))
    if necessary:
        problems += [
            Problem("grade.missing", name, "Grade this; no grade is filled in for you.")
            for name in GRADES
            if given.grades.get(name) not in (1, 2, 4)
        ]
        problems += _texts({f"{name}_reason": given.reasons.get(name, "") for name in GRADES})
    elif given.grades:
        problems.append(
            Problem("step.ended", "interference", "An earlier step fails, which ends the test: leave the grades empty.")
        )
    if problems:
        raise InputError(problems)
    try:
        return Judgement(given.suitable, means, grades_of(given.grades) if necessary else None)
    except ValueError as error:
        raise InputError([Problem("step.order", "suitable", f"{str(error).capitalize()}.")]) from None


def _factor_problems(given: Given) -> list[Problem]:
    problems = [
        Problem("factor.text", name, "Give what the order or the file says, and where: document and page.")
        for name, (says, page) in given.factors.items()
        if name not in BY_ID or not _fits(says) or not _fits(page, 200)
    ]
    if not given.factors:
        problems.append(Problem("factor.missing", "F1", "Say what the file says to at least one factor, and where."))
    return problems


def _content(given: Given) -> dict[str, Any]:
    return {
        "steps": {"suitable": given.suitable_reason.strip(), "necessary": given.necessary_reason.strip()},
        "means": [{"text": text.strip(), "rejected": rejected.strip()} for text, rejected in given.means],
        "reasons": {name: given.reasons[name].strip() for name in GRADES if given.grades},
        "factors": [
            {"id": name, "says": given.factors[name][0].strip(), "page": given.factors[name][1].strip()}
            for name in BY_ID
            if name in given.factors
        ],
    }


def _verdict(favourable: bool | None, texts: Mapping[str, str]) -> bool:
    """Read a verdict and what has to be written with it. Raises InputError with everything that is missing."""
    problems = _texts(texts, most=4000)
    if favourable is None:
        problems.append(Problem("verdict.missing", "favourable", "Say whether it may be disclosed or not."))
    if problems or favourable is None:
        raise InputError(problems)
    return favourable


def _texts(texts: Mapping[str, str], most: int = MOST) -> list[Problem]:
    return [
        Problem("reason.text", name, f"Give your reasons in 1 to {most} characters.")
        for name, text in texts.items()
        if not _fits(text, most)
    ]


def _fits(text: str, most: int = MOST) -> bool:
    """Whether a text says something, not too much, and can be stored."""
    return 1 <= len(text.strip()) <= most and "\x00" not in text

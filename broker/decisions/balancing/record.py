"""What the record of a balancing holds (eu.md 3.4): everything the conclusion rests on, written once and for good.

No subscriber is in it, because nobody who writes it knows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.assessment.models import LineAssessment
from broker.decisions.balancing.factors import FACTORS
from broker.decisions.balancing.models import GRADES, Balancing, Grading
from broker.decisions.balancing.selectors import Course, Weighing, grades_of, judgement_of
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import OrderTerms
from broker.parties.models import User
from legal_rules.weigh import sensitivity


def write_record(
    balancing: Balancing,
    weighing: Weighing,
    data: Mapping[str, Any],
    course: Course,
    concluded: Mapping[str, Any],
    by: User,
) -> dict[str, Any]:
    """Write the record as plain data. data: the law's answer. concluded: outcome, reason, notice plan, redress."""
    request = balancing.request
    terms = terms_of(balancing)
    return {
        "version": 1,
        "request": request.reference,
        "assessment": balancing.record_id,
        "pack": data["replay"],
        "balancing": {name: weighing.data[name] for name in ("id", "kind", "says", "between", "ask", "role")},
        "aim": {
            "proceeding": request.proceeding,
            "relies_on": request.legal_relation,
            "purpose": request.purpose,
            "data": sorted(data["granted"]),
        },
        "basis": {
            "law": [basis["id"] for basis in data["bases"] if basis["status"] == "met"],
            "order": None if terms is None else terms.legal_basis,
        },
        "orderer": None if terms is None else _orderer(terms),
        "order_file_sha256": None if terms is None else terms.order.document_id,
        "lines": lines_of(balancing),
        "computed": computed_factors(balancing.request, lines_of(balancing)),
        "gradings": [_grading(grading) for grading in course.gradings],
        "conditions_of_the_order": None if terms is None else _conditions(terms),
        "second_review_before": None
        if course.review is None
        else {
            **_named(course.review.given_by),
            "favourable": course.review.favourable,
            "reason": course.review.reason,
        },
        "conclusion": {**concluded, **_named(by)},
    }


def terms_of(balancing: Balancing) -> OrderTerms | None:
    """The terms of the order that the judged assessment rests on."""
    newest = (
        LineAssessment.objects.filter(line__request=balancing.request_id, record=balancing.record_id)
        .order_by("-sequence")
        .select_related("terms__order__court")
        .first()
    )
    return None if newest is None else newest.terms


def lines_of(balancing: Balancing) -> list[int]:
    """The numbers of the lines whose facts are the same, and which share this balancing."""
    return numbers_sharing(balancing.request, balancing.record_id)


def numbers_sharing(request: DisclosureRequest, digest: str) -> list[int]:
    """The numbers of the lines of a request whose newest answer is this record, ascending."""
    newest = (
        LineAssessment.objects.filter(line__request=request)
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .values_list("line_id", "record_id")
    )
    ids = [line for line, record in newest if record == digest]
    return list(RequestLine.objects.filter(id__in=ids).order_by("number").values_list("number", flat=True))


def computed_factors(request: DisclosureRequest, numbers: list[int]) -> dict[str, str]:
    """What the rows say by themselves, for factors that software may compute; the others only the worker could know."""
    lines = RequestLine.objects.filter(request=request, number__in=numbers)
    ports = lines.filter(source_port=None).count()
    units = sorted({str(unit.normalize()) for unit in lines.values_list("unit_seconds", flat=True)})
    return {
        "F4": f"{len(numbers) - ports} of {len(numbers)} line(s) name a source port; instants are written to "
        f"{', '.join(units)} second(s), each with its offset.",
        "F11": f"{len(numbers)} line(s) share this balancing; the request has {request.lines.count()}.",
    }


def _orderer(terms: OrderTerms) -> dict[str, str]:
    order = terms.order
    return {
        "kind": terms.order_by,
        "court": order.court.name,
        "judge": terms.judge,
        "file_number": order.file_number,
        "issued_on": terms.issued_on.isoformat(),
    }


def _conditions(terms: OrderTerms) -> dict[str, Any]:
    return {
        "use": terms.use_terms,
        "notice": terms.notice_terms,
        "data": sorted(terms.categories),
        "recipient": terms.recipient,
        "expires_on": terms.expires_on.isoformat(),
    }


def _grading(grading: Grading) -> dict[str, Any]:
    judgement = judgement_of(grading)
    said = {each["id"]: each for each in grading.content["factors"]}
    found: dict[str, Any] = {
        **_named(grading.graded_by),
        "at": grading.graded_at.isoformat(),
        "reading": judgement.reading.value,
        "steps": grading.content["steps"],
        "alternatives": grading.content["means"],
        # All eighteen are named: an empty one says that nobody found anything in the order or the file.
        "factors": [said.get(factor.id, {"id": factor.id, "says": "", "page": ""}) for factor in FACTORS],
    }
    if judgement.grades is not None:
        grades = grades_of({name: getattr(grading, name) for name in GRADES})
        found["grades"] = {
            name: {"grade": str(getattr(grades, name)), "reason": grading.content["reasons"][name]} for name in GRADES
        }
        found["weight"] = str(grades.weight)
        found["turns_on"] = [f"{flip.grade} {flip.value}: {flip.reading.value}" for flip in sensitivity(grades)]
    return found


def _named(user: User) -> dict[str, str]:
    return {"by": user.display_name, "role": user.get_role_display(), "account": str(user.id)}

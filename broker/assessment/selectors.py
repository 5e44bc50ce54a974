"""Read stored assessments: the grounds of a refusal, and the questions that are open."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.assessment.services import newest_assessments
from broker.intake.models import DisclosureRequest, RequestLine, State
from legal_rules import explain


@dataclass(frozen=True, slots=True)
class Ground:
    """Why the law refuses, in the words of the rule. citations: each in one line, with every doubt about it."""

    id: str
    says: str
    citations: tuple[str, ...]
    instead: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The grounds that lines share. numbers: the lines, ascending."""

    grounds: tuple[Ground, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question whose answer the law waits for, and who may settle it."""

    fact: str
    ask: str
    type: str
    values: tuple[str, ...]
    settled_by: str


def grounds_by_line(lines: Sequence[RequestLine]) -> dict[uuid.UUID, tuple[Ground, ...]]:
    """The grounds of each refused line among these; lines in other states are left out."""
    refused = [line for line in lines if line.state == State.REFUSED]
    read: dict[str, tuple[Ground, ...]] = {}
    found: dict[uuid.UUID, tuple[Ground, ...]] = {}
    for line_id, assessment in newest_assessments(refused).items():
        if assessment.record_id not in read:
            read[assessment.record_id] = _grounds(assessment.record.content)
        found[line_id] = read[assessment.record_id]
    return found


def refusals(lines: Sequence[RequestLine]) -> list[Refusal]:
    """The refused lines among these, gathered by their grounds."""
    grounds = grounds_by_line(lines)
    numbers: dict[tuple[Ground, ...], list[int]] = {}
    for line in lines:
        if line.id in grounds:
            numbers.setdefault(grounds[line.id], []).append(line.number)
    return [Refusal(found, tuple(sorted(of))) for found, of in numbers.items()]


def open_questions(request: DisclosureRequest) -> list[OpenQuestion]:
    """What people and the order still have to settle for lines that wait for it, each question once."""
    newest = (
        LineAssessment.objects.filter(line__request=request, line__state__in=[State.INCOMPLETE, State.AWAITING_ORDER])
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .values("record_id")
    )
    questions: dict[str, OpenQuestion] = {}
    for content in AssessmentRecord.objects.filter(digest__in=newest).values_list("content", flat=True):
        for item in json.loads(content)["settle"]:
            questions[item["fact"]] = OpenQuestion(
                item["fact"], item["ask"], item["type"], tuple(item["values"]), item["settled_by"]
            )
    return list(questions.values())


def people_answered(request: DisclosureRequest, fact: str) -> int:
    """Count the people who answered a question for two, also those whose answer row-level security hides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT people_answered(%s, %s)", [request.id, fact])
        return int(cursor.fetchone()[0])


def _grounds(content: str) -> tuple[Ground, ...]:
    return tuple(
        Ground(
            id=found["id"],
            says=found["says"],
            citations=tuple(str(explain.citation(cited)) for cited in found["citations"]),
            instead=found["instead"],
        )
        for found in json.loads(content)["grounds"]
    )

"""Question what was typed when a request is filed, and take the answers of whoever typed it.

1. `read_sent_evidence` reads the file that came along, before anything is stored.
2. `find_slips` compares the lines with it and with the operator's own ranges; nothing here asks who had an address.
3. `store_evidence` and `put_questions` store both, in the transaction that files the request.
4. `question_lines_after_order` puts the one question that comes later: what an order shows, to whoever typed the line.
5. `answer_question_about_line` takes one answer; the other way is to withdraw the line and to file it anew.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, NotFound, Problem
from broker.intake.evidence_file import TEXT, Sighting, kind_of, read_evidence, written_time
from broker.intake.lines import NewLine
from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, LineQuestion, RequestLine, State
from broker.intake.slips import Finding, Typed, compare, outside, sentence
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Role, User

ANSWERERS = (Role.COUNSEL, Role.AUTHORITY)
# While a line is in one of these states, a question about it can be open.
QUESTIONED = (State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER)
EXPLANATION_LENGTH = 500


@dataclass(frozen=True, slots=True)
class SentEvidence:
    """A file as it was sent, and what its times without a zone are said to be in ("" if nobody says)."""

    content: bytes
    zone: str = ""


@dataclass(frozen=True, slots=True)
class ReadEvidence:
    """A file after reading. sightings: what it shows, of a text; None of a document that is not read."""

    sent: SentEvidence
    kind: str
    sightings: Sequence[Sighting] | None


def read_sent_evidence(sent: SentEvidence | None, problems: list[Problem]) -> ReadEvidence | None:
    """Read the file that came with a request; what is wrong with it becomes a problem."""
    if sent is None:
        return None
    try:
        if len(sent.content) > settings.EVIDENCE_MAX_BYTES:
            message = f"The file is larger than {settings.EVIDENCE_MAX_BYTES} bytes. Send the lines that matter."
            raise InputError([Problem("evidence.too-large", "evidence_file", message)])
        kind = kind_of(sent.content)
        sightings = None
        if kind == TEXT:
            sightings = read_evidence(
                sent.content,
                sent.zone,
                timezone.now(),
                max_bytes=settings.EVIDENCE_MAX_BYTES,
                allow_documentation=settings.ALLOW_DOCUMENTATION_ADDRESSES,
            )
    except InputError as error:
        problems += error.problems
        return None
    return ReadEvidence(sent, kind, sightings)


def find_slips(lines: Sequence[NewLine], evidence: ReadEvidence | None, problems: list[Problem]) -> list[Finding]:
    """Compare lines, numbered from 1, with the evidence and with the operator's own ranges."""
    typed = [
        Typed(
            number,
            line.address,
            line.source_port,
            line.observed_at,
            written_time(line.observed_text),
            timedelta(seconds=float(line.unit_seconds)),
            line.protocol,
        )
        for number, line in enumerate(lines, start=1)
    ]
    try:
        found = [] if evidence is None or evidence.sightings is None else compare(typed, evidence.sightings)
    except InputError as error:
        problems += error.problems
        return []
    return [*found, *outside(typed, settings.OWN_PREFIXES)]


def store_evidence(user: User, request: DisclosureRequest, evidence: ReadEvidence) -> EvidenceFile:
    """Store the bytes of a text, and of a document only its digest."""
    content = evidence.sent.content
    digest = sha256_hex(content)
    event = record(
        "evidence:received",
        "request",
        request.id,
        {"document": digest, "size_bytes": len(content), "kind": evidence.kind},
        actor=user.id,
    )
    return EvidenceFile.objects.create(
        request=request,
        sha256=digest,
        size_bytes=len(content),
        kind=evidence.kind,
        content=content if evidence.kind == TEXT else None,
        zone=evidence.sent.zone if evidence.kind == TEXT else "",
        uploaded_by=user,
        event_id=event,
    )


def put_questions(request: DisclosureRequest, findings: Sequence[Finding], ids: Mapping[int, uuid.UUID]) -> None:
    """Store what was found as questions. ids: of the request's lines, by their numbers."""
    if not findings:
        return
    codes = Counter(finding.code for finding in findings)
    event = record(
        "line:questioned",
        "request",
        request.id,
        {"lines": len({finding.number for finding in findings}), "codes": dict(sorted(codes.items()))},
    )
    LineQuestion.objects.bulk_create(
        LineQuestion(
            line_id=ids[finding.number], code=finding.code, evidence_line=finding.evidence_line, event_id=event
        )
        for finding in findings
    )


def question_lines_after_order(request: DisclosureRequest, line_ids: Sequence[uuid.UUID]) -> None:
    """Question lines that an order is dated before, each once, as long as somebody can answer."""
    lines = RequestLine.objects.select_for_update(of=("self",)).filter(
        id__in=list(line_ids), request=request, state__in=QUESTIONED
    )
    asked = LineQuestion.objects.filter(line__in=list(line_ids), code="ORDER_BEFORE_EVENT")
    ids = dict(lines.exclude(id__in=asked.values("line_id")).order_by("number").values_list("number", "id"))
    put_questions(request, [Finding(number, "ORDER_BEFORE_EVENT", None) for number in ids], ids)


def answer_question_about_line(
    user: User, request: DisclosureRequest, question_id: object, reason: str, explanation: str
) -> LineAnswer:
    """Record why a questioned line is right as typed, and have the request assessed anew.

    Raises NotAllowed for anybody but the organisation that typed the line, and once the line is closed; NotFound for a
    question that is not one of this request; InputError without a reason, or when it was answered already.
    """
    if user.role not in ANSWERERS or user.organisation_id != request.organisation_id:
        raise NotAllowed("What was typed is answered for by the party that typed it.")
    try:
        identifier = uuid.UUID(str(question_id))
    except ValueError:
        identifier = uuid.UUID(int=0)
    question = LineQuestion.objects.filter(id=identifier, line__request=request).first()
    if question is None:
        raise NotFound("This request has no such question. Load the page again.")
    problems: list[Problem] = []
    if reason not in LineAnswer.Reason.values:
        problems.append(Problem("reason.unknown", "reason", f"Name one of: {', '.join(LineAnswer.Reason.values)}."))
    text = explanation.strip()
    if not 1 <= len(text) <= EXPLANATION_LENGTH or "\x00" in text:
        limit = f"Say in 1 to {EXPLANATION_LENGTH} characters what you compared."
        problems.append(Problem("explanation.text", "explanation", limit))
    if problems:
        raise InputError(problems)
    with transaction.atomic():
        line = RequestLine.objects.select_for_update(of=("self",)).get(id=question.line_id)
        if line.state not in QUESTIONED:
            raise NotAllowed("This line has been refused, withdrawn or decided; no answer is needed.")
        event = record("line:question-answered", "request", request.id, {"code": question.code}, actor=user.id)
        try:
            with transaction.atomic():
                stored = LineAnswer.objects.create(
                    question=question, reason=reason, explanation=text, answered_by=user, event_id=event
                )
        except IntegrityError:
            message = "This question has been answered. Load the page again."
            raise InputError([Problem("question.answered", "question", message)]) from None
        ask(OutboxRow.Kind.ASSESS, request.id)
    return stored


def lines_in_question(line_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of some lines have a question that nobody has answered."""
    open_ones = LineQuestion.objects.filter(line__in=list(line_ids), answer=None)
    return set(open_ones.order_by().values_list("line_id", flat=True))


def questions_about(request: DisclosureRequest) -> QuerySet[LineQuestion]:
    """The questions about a request's lines, by their numbers, each with its line and its answer."""
    rows = LineQuestion.objects.filter(line__request=request)
    return rows.select_related("line", "answer__answered_by").order_by("line__number", "code")


def open_questions_about(request: DisclosureRequest) -> QuerySet[LineQuestion]:
    """Those that nobody has answered, about lines on which something can still be done."""
    return questions_about(request).filter(answer=None, line__state__in=QUESTIONED)


def says(question: LineQuestion) -> str:
    """Say in words what was found and where."""
    return sentence(question.code, question.evidence_line)

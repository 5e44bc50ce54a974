"""API: file a request with its evidence, read requests, answer for what was typed, withdraw."""

from __future__ import annotations

import uuid
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView, FileView, page_of, read_multipart, read_object
from broker.errors import InputError, Problem
from broker.intake.lifecycle import request_state
from broker.intake.lines import read_csv
from broker.intake.models import DisclosureRequest, EvidenceFile, LineQuestion
from broker.intake.places import court_zone, read_as
from broker.intake.selectors import request_of, requests_of, state_counts
from broker.intake.services import file_request, withdraw_request
from broker.intake.slip_questions import SentEvidence, answer_question_about_line, questions_about, says
from broker.parties.authentication import api_user
from broker.parties.models import Scope, User
from broker.parties.visibility import get_visible, visible_to

CSV_MAX_BYTES = 8 * 2**20

HEAD_FIELDS = (
    "proceeding",
    "jurisdiction",
    "measure",
    "court",
    "legal_relation",
    "purpose",
    "categories",
    "facts",
)


EVIDENCE_FIELDS = ("evidence_file", "evidence_zone")
# How many lines the answer to a filing gives back; all of them are read page by page.
MOST_ECHOED = 100


class Requests(ApiView):
    """GET: the requests the caller may see. POST: file one, with its lines.

    `evidence_file`, if it is sent, is what the lines were typed from, in base64 (RFC 4648, no line breaks), and
    `evidence_zone` what its times are in where they do not say so. The answer gives the first lines back as they were
    read, each with its day of the week: compare them with what was meant. A line may say its transport `protocol`,
    `tcp` or `udp`; left out, null or `unknown`, it was not logged.
    """

    scopes = {"GET": Scope.READ, "POST": Scope.FILE}

    def get(self, request: Request) -> Response:
        return page_of(self, request, requests_of(api_user(request)), summaries)

    def post(self, request: Request) -> Response:
        data = read_object(request.data, (*HEAD_FIELDS, "lines", *EVIDENCE_FIELDS), lists=("categories",))
        evidence = _evidence_in_json(*(data.pop(name, None) for name in EVIDENCE_FIELDS))
        filed = file_request(api_user(request), data, evidence=evidence)
        return Response(_filed(filed), status=status.HTTP_201_CREATED)


class RequestsFromCsv(FileView):
    """POST multipart: the fields of a request, `categories` repeated, `facts` as JSON, and `file` with the lines.

    `evidence_file`, if it is sent, is what the lines were typed from; `evidence_zone` is what its times are in where
    they do not say so. The answer is that of `Requests`.
    """

    scopes = {"POST": Scope.FILE}

    def post(self, request: Request) -> Response:
        data = read_multipart(request, (*HEAD_FIELDS, "evidence_zone"), lists=("categories",), objects=("facts",))
        evidence = sent_evidence(request.FILES.get("evidence_file"), data.pop("evidence_zone", ""))
        upload = request.FILES.get("file")
        if upload is None:
            raise InputError([Problem("file.missing", "file", "Send the lines as a CSV file in the field 'file'.")])
        data["lines"] = read_lines_file(upload.read(CSV_MAX_BYTES + 1))
        filed = file_request(api_user(request), data, evidence=evidence)
        return Response(_filed(filed), status=status.HTTP_201_CREATED)


class OneRequest(ApiView):
    """GET: what was asked, and how many lines are in which state."""

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        found = request_of(api_user(request), request_id)
        return Response(
            summaries([found])[0]
            | {
                "legal_relation": found.legal_relation,
                "purpose": found.purpose,
                "categories": found.categories,
                "facts": found.facts,
            }
        )


class Withdraw(ApiView):
    """POST: withdraw every line that has not been decided, or those whose numbers are given in `lines`."""

    scopes = {"POST": Scope.FILE}

    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        numbers = read_object(request.data, ("lines",)).get("lines")
        if numbers is not None and not (isinstance(numbers, list) and all(type(number) is int for number in numbers)):
            raise InputError([Problem("lines.numbers", "lines", "Give the numbers of the lines, or leave this out.")])
        found = request_of(user, request_id)
        withdraw_request(user, found, numbers)
        return Response(summaries([found])[0])


class LineQuestions(ApiView):
    """GET: the questions about what was typed, with their answers. POST: say why a line is right as typed."""

    scopes = {"GET": Scope.READ, "POST": Scope.FILE}

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        found = request_of(user, request_id)
        return page_of(self, request, visible_to(user, questions_about(found)), _questions)

    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        found = request_of(user, request_id)
        data = {"question": "", "reason": "", "explanation": ""}
        data |= {name: str(value) for name, value in read_object(request.data, tuple(data)).items()}
        stored = answer_question_about_line(user, found, data["question"], data["reason"], data["explanation"])
        return Response(
            {"question": stored.question_id, "reason": stored.reason, "answered_at": stored.answered_at},
            status=status.HTTP_201_CREATED,
        )


class Evidence(ApiView):
    """GET: the evidence file as received, or, of a document that is not kept, its digest alone."""

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, request_id: uuid.UUID) -> HttpResponse:
        return evidence_response(evidence_of(api_user(request), request_of(api_user(request), request_id)))


def sent_evidence(upload: UploadedFile[bytes] | None, zone: str) -> SentEvidence | None:
    """The evidence that came with a form. One byte more than allowed is enough to be refused as too large."""
    return None if upload is None else SentEvidence(upload.read(settings.EVIDENCE_MAX_BYTES + 1), zone.strip())


def _evidence_in_json(content: object, zone: object) -> SentEvidence | None:
    """The evidence that came in a JSON body; raises InputError for what is no base64 text, or no text for a zone."""
    if content is None:
        return None
    message = "Give the file in base64 (RFC 4648), in one piece without line breaks."
    try:
        decoded = b64decode(content, validate=True) if isinstance(content, str) else None
    except ValueError:
        decoded = None
    problems = [] if decoded is not None else [Problem("evidence.base64", "evidence_file", message)]
    if not isinstance(zone, str | None):
        problems.append(Problem("evidence.zone", "evidence_zone", "Give a text, or leave it out."))
    if problems:
        raise InputError(problems)
    return SentEvidence(decoded or b"", str(zone or "").strip())


def _filed(request: DisclosureRequest) -> dict[str, Any]:
    """A request that was just filed, with its first lines as they were read: a slip is seen by the day of the week."""
    zone = court_zone(request.jurisdiction)
    lines = request.lines.order_by("number")[:MOST_ECHOED]
    return summaries([request])[0] | {
        "lines": [
            {
                "number": line.number,
                "address": line.address,
                "source_port": line.source_port,
                "protocol": line.protocol or None,
                "observed_text": line.observed_text,
                "read_as": read_as(line.observed_text, line.observed_at, zone),
            }
            for line in lines
        ]
    }


def evidence_of(user: User, request: DisclosureRequest) -> EvidenceFile:
    """The evidence of a request; raises NotFound where there is none that the user may see, or none was kept."""
    return get_visible(user, EvidenceFile.objects.exclude(content=None), request.id, "request")


def evidence_response(evidence: EvidenceFile) -> HttpResponse:
    """Hand out evidence as received, under the name of its digest; no browser shows what a stranger has sent."""
    response = HttpResponse(bytes(evidence.content or b""), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{evidence.sha256}.txt"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _questions(questions: Sequence[LineQuestion]) -> list[dict[str, Any]]:
    return [
        {
            "id": question.id,
            "line": question.line.number,
            "code": question.code,
            "says": says(question),
            "evidence_line": question.evidence_line,
            "asked_at": question.asked_at,
            "answer": _answer(question),
        }
        for question in questions
    ]


def _answer(question: LineQuestion) -> dict[str, Any] | None:
    given = getattr(question, "answer", None)
    if given is None:
        return None
    return {"reason": given.reason, "explanation": given.explanation, "answered_at": given.answered_at}


def read_lines_file(content: bytes) -> list[dict[str, str]]:
    """Read an uploaded CSV of lines; raises InputError for one that is too long or no text."""
    if len(content) > CSV_MAX_BYTES:
        raise InputError(
            [Problem("csv.too-large", "file", f"The file is longer than {CSV_MAX_BYTES} bytes. Split it.")]
        )
    if b"\x00" in content:
        raise InputError([Problem("csv.encoding", "file", "The file holds NUL bytes. Save it as CSV UTF-8.")])
    return read_csv(content)


def summaries(requests: Sequence[DisclosureRequest]) -> list[dict[str, Any]]:
    """Requests as the lists show them."""
    counts = state_counts([found.id for found in requests])
    return [
        {
            "id": found.id,
            "reference": found.reference,
            "proceeding": found.proceeding,
            "jurisdiction": found.jurisdiction,
            "measure": found.measure,
            "court": {"id": found.court_id, "name": found.court.name},
            "filed_at": found.filed_at,
            "state": request_state(counts[found.id]),
            "states": counts[found.id],
        }
        for found in requests
    ]

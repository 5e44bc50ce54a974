"""API: file a request, read requests, withdraw."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView, FileView, page_of, read_multipart, read_object
from broker.errors import InputError, Problem
from broker.intake.lifecycle import request_state
from broker.intake.lines import read_csv
from broker.intake.models import DisclosureRequest
from broker.intake.selectors import request_of, requests_of, state_counts
from broker.intake.services import file_request, withdraw_request
from broker.parties.authentication import api_user
from broker.parties.models import Scope

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


class Requests(ApiView):
    """GET: the requests the caller may see. POST: file one, with its lines."""

    scopes = {"GET": Scope.READ, "POST": Scope.FILE}

    def get(self, request: Request) -> Response:
        return page_of(self, request, requests_of(api_user(request)), summaries)

    def post(self, request: Request) -> Response:
        data = read_object(request.data, (*HEAD_FIELDS, "lines"), lists=("categories",))
        filed = file_request(api_user(request), data)
        return Response(summaries([filed])[0], status=status.HTTP_201_CREATED)


class RequestsFromCsv(FileView):
    """POST multipart: the fields of a request, `categories` repeated, `facts` as JSON, and `file` with the lines."""

    scopes = {"POST": Scope.FILE}

    def post(self, request: Request) -> Response:
        data = read_multipart(request, HEAD_FIELDS, lists=("categories",), objects=("facts",))
        upload = request.FILES.get("file")
        if upload is None:
            raise InputError([Problem("file.missing", "file", "Send the lines as a CSV file in the field 'file'.")])
        data["lines"] = read_lines_file(upload.read(CSV_MAX_BYTES + 1))
        filed = file_request(api_user(request), data)
        return Response(summaries([filed])[0], status=status.HTTP_201_CREATED)


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
    """POST: withdraw every line that has not been decided."""

    scopes = {"POST": Scope.FILE}

    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        read_object(request.data, ())
        found = request_of(user, request_id)
        withdraw_request(user, found)
        return Response(summaries([found])[0])


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

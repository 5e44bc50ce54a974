"""API: attach an order, correct its terms, read its checks."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView, FileView, read_multipart, read_object
from broker.errors import InputError, Problem
from broker.intake.selectors import request_of
from broker.orders.models import CourtOrder, OrderCheck
from broker.orders.revoke import revoke_order
from broker.orders.selectors import TERMS_FIELDS, advice, checks_of, order_of, versions_of
from broker.orders.services import attach_order, correct_terms
from broker.parties.authentication import api_user
from broker.parties.models import Scope

# More failed lines than these are counted; the portal pages through all of them.
_LISTED_LINES = 100


class AttachOrder(FileView):
    """POST multipart: `document` (PDF), `file_number`, and `terms` as JSON."""

    scopes = {"POST": Scope.UPLOAD}

    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        found = request_of(user, request_id)
        data = read_multipart(request, ("file_number", "terms"), objects=("terms",))
        terms = read_object(data.get("terms"), TERMS_FIELDS, lists=("categories",))
        upload = request.FILES.get("document")
        if upload is None:
            raise InputError([Problem("order.missing", "document", "Send the order's PDF in the field 'document'.")])
        # One byte more than allowed is enough to be refused as too large.
        document = upload.read(settings.ORDER_MAX_BYTES + 1)
        order = attach_order(user, found, data.get("file_number", ""), document, terms)
        return Response(_summary(order), status=status.HTTP_201_CREATED)


class OneOrder(ApiView):
    """GET: the order and every check made on it."""

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, order_id: uuid.UUID) -> Response:
        return Response(_detail(order_of(api_user(request), order_id)))


class CorrectTerms(ApiView):
    """POST: the terms anew, as the next version."""

    scopes = {"POST": Scope.UPLOAD}

    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        user = api_user(request)
        order = order_of(user, order_id)
        terms = read_object(request.data, TERMS_FIELDS, lists=("categories",))
        stored = correct_terms(user, order, terms)
        return Response(_summary(order) | {"version": stored.version}, status=status.HTTP_201_CREATED)


class RevokeOrder(ApiView):
    """POST: the court takes its order back, with a reason."""

    scopes = {"POST": Scope.UPLOAD}

    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        user = api_user(request)
        order = order_of(user, order_id)
        revoke_order(user, order, str(read_object(request.data, ("reason",)).get("reason", "")))
        return Response(_summary(order_of(user, order_id)))


def _summary(order: CourtOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "request": order.request_id,
        "file_number": order.file_number,
        "document_sha256": order.document_id,
        "uploaded_at": order.uploaded_at,
        "state": order.state,
    }


def _detail(order: CourtOrder) -> dict[str, Any]:
    versions = versions_of(order)
    checks = checks_of(order, versions[0])
    failed = checks.failed_lines
    return _summary(order) | {
        "version": versions[0].version,
        "versions": [{"version": v.version, "entered_at": v.entered_at} for v in versions],
        "document_checks": [_check(check) for check in checks.document],
        "terms_checks": [_check(check) for check in checks.terms],
        "failed_line_count": failed.count(),
        "failed_lines": [
            _check(check) | {"line": check.line.number} for check in failed[:_LISTED_LINES] if check.line is not None
        ],
    }


def _check(check: OrderCheck) -> dict[str, Any]:
    """passed: None when an earlier failure made the check pointless."""
    return {
        "number": check.number,
        "code": check.code,
        "title": check.title,
        "passed": check.passed,
        "detail": check.detail,
        "advice": advice(check),
    }

"""The one mapping from our errors to RFC 9457 problem responses, and the pages for what happens outside our views."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import set_rollback

from broker.errors import BrokerError, InputError, NotAllowed, NotFound, TransitionConflict

_PROBLEM = "application/problem+json"
_STATUS: dict[type[BrokerError], int] = {
    InputError: status.HTTP_422_UNPROCESSABLE_ENTITY,
    NotFound: status.HTTP_404_NOT_FOUND,
    NotAllowed: status.HTTP_403_FORBIDDEN,
    TransitionConflict: status.HTTP_409_CONFLICT,
}


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an error into a problem response; None lets an unexpected one become a plain 500 without details."""
    extra: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, Http404):
        error = NotFound("There is nothing here.")
    if isinstance(error, InputError):
        code, http = error.code, _STATUS[InputError]
        detail = "Mend what is listed and send it again; nothing was stored."
        extra["problems"] = [problem.as_dict() for problem in error.problems]
    elif isinstance(error, BrokerError):
        code, detail = error.code, str(error)
        http = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
        if http == status.HTTP_500_INTERNAL_SERVER_ERROR:
            detail = "The work could not be done. Nothing was changed; try again later."
    elif isinstance(error, APIException):
        code, http = str(error.default_code), error.status_code
        detail = error.detail if isinstance(error.detail, str) else "The request could not be read."
        if challenge := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
    else:
        return None
    set_rollback()
    body = _body(code, http, detail) | extra
    return Response(body, status=http, headers=headers, content_type=_PROBLEM)


def is_api(request: HttpRequest) -> bool:
    """Say whether programs ask here, which want a problem response and know no sessions."""
    return request.path.startswith("/api/")


def problem(code: str, http: int, detail: str) -> HttpResponse:
    """A problem response from outside the API's own views."""
    return JsonResponse(_body(code, http, detail), status=http, content_type=_PROBLEM)


def _body(code: str, http: int, detail: str) -> dict[str, Any]:
    return {"type": f"urn:disclosure-broker:problem:{code}", "title": code, "status": http, "detail": detail}


def _answer(request: HttpRequest, http: int, code: str, detail: str) -> HttpResponse:
    return problem(code, http, detail) if is_api(request) else render(request, f"{http}.html", status=http)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "bad-request", "The request could not be read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "not-allowed", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "not-found", "There is nothing here.")


def too_many(request: HttpRequest) -> HttpResponse:
    return _answer(request, 429, "throttled", "Too many requests. Wait a minute.")


def broken(request: HttpRequest) -> HttpResponse:
    """The answer to an error nobody expected: no details, and for a page nothing that needs the database."""
    if is_api(request):
        return problem("broker.error", 500, "The work could not be done. Nothing was changed; try again later.")
    return render(None, "500.html", status=500)

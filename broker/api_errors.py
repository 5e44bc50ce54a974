"""The one mapping from our errors to RFC 9457 problem responses."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import set_rollback

from broker.errors import BrokerError, InputError, NotAllowed, NotFound, TransitionConflict

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
    body = {"type": f"urn:disclosure-broker:problem:{code}", "title": code, "status": http, "detail": detail, **extra}
    return Response(body, status=http, headers=headers, content_type="application/problem+json")

"""What holds for every answer: its headers, and that nobody sends more than is needed."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

# The admin's own scripts and styles are files; nothing anywhere is inline.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


class NoStoreMiddleware:
    """Keep answers out of caches, frames and other sites; static files are public and stay cacheable."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = _too_long(request) or self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


def _too_long(request: HttpRequest) -> HttpResponse | None:
    """Refuse a body longer than the largest order with its terms, before any of it is read.

    Django limits the fields of a form by itself, but not its files, which would fill memory and disk.
    """
    limit: int = settings.ORDER_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) <= limit:
        return None
    if not request.path.startswith("/api/"):
        return render(request, "400.html", status=413)
    detail = f"The body is longer than {limit} bytes. Send a smaller file."
    body = {"type": "urn:disclosure-broker:problem:too-large", "title": "too-large", "status": 413, "detail": detail}
    return JsonResponse(body, status=413, content_type="application/problem+json")

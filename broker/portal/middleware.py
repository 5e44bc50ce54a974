"""What holds for every answer: its headers, who may have it, and that nobody sends more than is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from broker.api_errors import is_api, problem
from broker.api_limits import refuse_too_many
from broker.parties.second_factor import is_shown
from broker.parties.sessions import is_too_old, keep_alive

# Everything a page could ask of a device is refused; passkeys are not in this list and stay possible.
_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "clipboard-read",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "hid",
        "identity-credentials-get",
        "idle-detection",
        "local-fonts",
        "magnetometer",
        "microphone",
        "midi",
        "otp-credentials",
        "payment",
        "picture-in-picture",
        "screen-wake-lock",
        "serial",
        "storage-access",
        "usb",
        "window-management",
        "xr-spatial-tracking",
    )
)

# What a session that has shown a password only may reach: setting up the second factor, help, and the way out.
WITHOUT_FACTOR = {
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "portal:logout",
    "portal:help",
    "portal:opening-script",
    "portal:operator-certificate",
    "portal:invitation",
}


class HeadersMiddleware:
    """Keep answers out of caches and other sites; static files are public and stay cacheable."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = _too_long(request) or self.get_response(request)
        if not request.path.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = "no-store"
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        return response


class AccessMiddleware:
    """End sessions that are too old, keep the others alive, and show those without a second factor its set-up only.

    Every page that is not in WITHOUT_FACTOR is closed to them, so that a new page cannot be forgotten. The API knows
    no sessions.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_api(request):
            return refuse_too_many(request) or self.get_response(request)
        if request.user.is_authenticated and is_too_old(request):
            logout(request)
        response = self.get_response(request)
        if request.user.is_authenticated:
            keep_alive(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if is_api(request) or not request.user.is_authenticated or is_shown(request):
            return None
        match = request.resolver_match
        return None if match is not None and match.view_name in WITHOUT_FACTOR else redirect("mfa_index")


def _too_long(request: HttpRequest) -> HttpResponse | None:
    """Refuse a body longer than the largest order with its terms, before any of it is read.

    Django limits the fields of a form by itself, but not its files, which would fill memory and disk.
    """
    limit: int = settings.ORDER_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit() and int(length) <= limit:
        return None
    if not is_api(request):
        return render(request, "400.html", status=413)
    return problem("too-large", 413, f"The body is longer than {limit} bytes. Send a smaller file.")

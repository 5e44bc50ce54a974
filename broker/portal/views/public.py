"""The way in, and what anybody may read: help, the opening script, the operator's certificate."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from broker import release
from broker.intake.selectors import STATE_TEXTS
from broker.intake.slips import FINDINGS, sentence
from broker.orders.verdict import CODES, TITLES
from broker.parties.models import Role
from broker.portal.access import page, portal_user
from broker.release.reasons import EXPLANATIONS
from broker.release.which_address import SENTENCES

_SCRIPT = Path(release.__path__[0]) / "open_release.sh"

_HOMES = {
    Role.LEGAL: "admin:index",
    Role.AUDITOR: "portal:events",
    Role.ENGINEER: "portal:help",
}


@require_safe
@page(*Role)
def home(request: HttpRequest) -> HttpResponse:
    """Send people to the page their role begins with."""
    return redirect(_HOMES.get(Role(portal_user(request).role), "portal:requests"))


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Explain how to open a release, and every state and code."""
    return render(
        request,
        "portal/help.html",
        {
            "states": {text.label: text for text in STATE_TEXTS.values()}.values(),
            "reasons": EXPLANATIONS.items(),
            "addresses": SENTENCES.items(),
            "checks": TITLES.items(),
            "codes": CODES.items(),
            "slips": [(code, sentence(code, "N")) for code in FINDINGS],
            "certificate": _certificate().is_file(),
        },
    )


@require_safe
def opening_script(request: HttpRequest) -> HttpResponse:
    """Offer the script that opens a release with age, unzip and openssl alone."""
    return _file(_SCRIPT.read_bytes(), "open_release.sh", "text/x-shellscript; charset=utf-8")


@require_safe
def operator_certificate(request: HttpRequest) -> HttpResponse:
    """Offer the certificate that the operator's releases are signed with."""
    try:
        content = _certificate().read_bytes()
    except OSError as error:
        raise Http404 from error
    return _file(content, "operator-certificate.pem", "application/x-pem-file")


def _certificate() -> Path:
    return settings.KEY_DIR / "seal.crt"


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )

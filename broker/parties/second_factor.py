"""How surely we know who sits at a session: with a second factor, and how long ago it was shown.

The library keeps a list of what was shown in the session (`method`, `type`, `at`); a password alone is one entry of
method "password". A passkey with user verification is both factors at once and counts like a code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from broker.parties.models import User

View = TypeVar("View", bound=Callable[..., Any])

# Recovery codes replace a lost factor for a moment; alone they are none.
MAIN_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def shown_at(request: HttpRequest) -> float | None:
    """When a second factor was last shown in this session, in seconds since 1970; None for never."""
    if not request.user.is_authenticated:
        return None
    records = get_authentication_records(request, request.user)
    return max((record["at"] for record in records if record.get("method") == "mfa"), default=None)


def is_shown(request: HttpRequest) -> bool:
    """Say whether this session has shown a second factor at all, and so may see more than its set-up."""
    return shown_at(request) is not None


def is_fresh(request: HttpRequest) -> bool:
    """Say whether a second factor was shown in the last minutes, so that what is grave may be done."""
    at = shown_at(request)
    return at is not None and 0 <= time.time() - at < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def step_up(view: View) -> View:
    """Demand a fresh second factor before a view; what was sent is kept and done right after.

    Not for forms with files or secrets: what is kept lies in the session for that moment.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        require_fresh(request)
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value] # the same signature


def require_fresh(request: HttpRequest) -> None:
    """Raise what the middleware answers by asking for the second factor, unless one was shown lately."""
    if not is_fresh(request):
        raise ReauthenticationRequired


def confirm_first(request: HttpRequest, then: str) -> HttpResponse:
    """Ask for the second factor and go on to an address of ours, with nothing of this request kept."""
    ways = get_adapter(request).get_reauthentication_methods(request.user)
    return redirect(f"{ways[0]['url']}?{urlencode({'next': then})}")


def has_factor(user: User) -> bool:
    """Say whether the account has a second factor set up."""
    return bool(Authenticator.objects.filter(user=user, type__in=MAIN_FACTORS).exists())


def note_shown(request: HttpRequest, factor: Authenticator) -> None:
    """Count a factor as shown that was set up in this session just now: setting it up proved that it works."""
    record_authentication(request, request.user, "mfa", id=factor.pk, type=factor.type, reauthenticated=True)

"""The keys page: the public key that answers are sealed to, and keys for the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from broker.crypto.errors import RecipientKeyError
from broker.errors import Problem
from broker.parties.authentication import new_api_key
from broker.parties.models import RecipientKey, Role
from broker.parties.services import register_recipient_key
from broker.parties.visibility import visible_to
from broker.portal.access import REQUESTERS, page, portal_user
from broker.portal.forms import KeyForm

_KEY_HOLDERS = (*REQUESTERS, Role.CLERK)


@require_safe
@page(*_KEY_HOLDERS)
def show_keys(request: HttpRequest) -> HttpResponse:
    """Show the fingerprint of the active key and the prefixes of API keys."""
    return _keys(request, KeyForm())


@require_POST
@page(*REQUESTERS)
def register_key(request: HttpRequest) -> HttpResponse:
    """Register an age public key for the user's organisation."""
    form = KeyForm(request.POST)
    try:
        register_recipient_key(portal_user(request), str(form["public_key"].data or ""))
    except RecipientKeyError as error:
        # A secret key must not be sent back to a screen, nor may anything that was mistaken for a public one.
        empty = KeyForm({"public_key": ""})
        empty.show([Problem(error.code, "public_key", str(error))])
        return _keys(request, empty, status=422)
    return redirect("portal:keys")


@require_POST
@page(*_KEY_HOLDERS)
def make_api_key(request: HttpRequest) -> HttpResponse:
    """Make an API key and show it, this once; it is in no redirect, session or log."""
    return _keys(request, KeyForm(), new_key=new_api_key(portal_user(request)))


def _keys(request: HttpRequest, form: KeyForm, *, new_key: str = "", status: int = 200) -> HttpResponse:
    user = portal_user(request)
    return render(
        request,
        "portal/keys.html",
        {
            "form": form,
            "receives": user.role in REQUESTERS,
            "recipient_keys": visible_to(user, RecipientKey.objects.all()).order_by("-registered_at"),
            "api_keys": user.api_keys.order_by("-created_at"),
            "new_key": new_key,
        },
        status=status,
    )

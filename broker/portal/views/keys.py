"""The keys page: the public key that answers are sealed to, and keys for the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from broker.crypto.age import validate_age_recipient
from broker.crypto.errors import RecipientKeyError
from broker.errors import InputError, Problem
from broker.parties.authentication import new_api_key, revoke_api_key
from broker.parties.models import RecipientKey, Role, Scope
from broker.parties.second_factor import require_fresh, step_up
from broker.parties.services import register_recipient_key
from broker.parties.sessions import end_other_sessions
from broker.parties.visibility import visible_to
from broker.portal.access import REQUESTERS, page, portal_user
from broker.portal.forms import ApiKeyForm, KeyForm

KEY_HOLDERS = (*REQUESTERS, Role.CLERK)


@require_safe
@page(*KEY_HOLDERS)
def show_keys(request: HttpRequest) -> HttpResponse:
    """Show the fingerprint of the active key, and the API keys with what they may do."""
    return _keys(request, KeyForm())


@require_POST
@page(*REQUESTERS)
def register_key(request: HttpRequest) -> HttpResponse:
    """Register an age public key for the user's organisation, under a fresh second factor."""
    form = KeyForm(request.POST)
    text = str(form["public_key"].data or "")
    try:
        # First of all: a secret key must not even be kept while the second factor is asked for.
        validate_age_recipient(text)
        require_fresh(request)
        register_recipient_key(portal_user(request), text)
    except RecipientKeyError as error:
        # A secret key must not be sent back to a screen, nor may anything that was mistaken for a public one.
        empty = KeyForm({"public_key": ""})
        empty.show([Problem(error.code, "public_key", str(error))])
        return _keys(request, empty, status=422)
    end_other_sessions(request, portal_user(request))
    return redirect("portal:keys")


@require_POST
@page(*KEY_HOLDERS)
@step_up
def make_api_key(request: HttpRequest) -> HttpResponse:
    """Make an API key and show it, this once; it is in no redirect, session or log."""
    form = ApiKeyForm(request.POST)
    days = str(form["days"].data or "")
    try:
        new_key = new_api_key(
            portal_user(request), form["scopes"].data or [], int(days) if days.isascii() and days.isdigit() else 0
        )
    except InputError as error:
        form.show(error.problems)
        return _keys(request, KeyForm(), form, status=422)
    end_other_sessions(request, portal_user(request))
    return _keys(request, KeyForm(), new_key=new_key)


@require_POST
@page(*KEY_HOLDERS)
@step_up
def revoke_key(request: HttpRequest) -> HttpResponse:
    """Revoke one API key of one's own."""
    revoke_api_key(portal_user(request), request.POST.get("prefix", ""))
    end_other_sessions(request, portal_user(request))
    return redirect("portal:keys")


def _keys(
    request: HttpRequest,
    form: KeyForm,
    api_form: ApiKeyForm | None = None,
    *,
    new_key: str = "",
    status: int = 200,
) -> HttpResponse:
    user = portal_user(request)
    scopes = dict(Scope.choices)
    return render(
        request,
        "portal/keys.html",
        {
            "form": form,
            "api_form": api_form or ApiKeyForm(),
            "receives": user.role in REQUESTERS,
            "recipient_keys": visible_to(user, RecipientKey.objects.all()).order_by("-registered_at"),
            "api_keys": [
                (key, [scopes.get(scope, scope) for scope in key.scopes])
                for key in user.api_keys.order_by("-created_at")
            ],
            "new_key": new_key,
        },
        status=status,
    )

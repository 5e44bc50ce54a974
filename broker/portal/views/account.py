"""Pages of one's own account that django-allauth lacks or has otherwise: invitations, sessions, removing passkeys."""

from __future__ import annotations

from allauth.core.ratelimit import consume
from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from broker.api_errors import too_many
from broker.errors import InputError
from broker.parties.models import Role
from broker.portal.access import page, portal_user
from broker.portal.forms import InvitationForm


class _RemovePasskey(RemoveWebAuthnView):
    """Remove a passkey, unless it is the only second factor."""

    def form_valid(self, form: object) -> HttpResponse:
        adapter = get_adapter()
        if not adapter.can_delete_authenticator(self.get_object()):
            messages.error(self.request, adapter.error_messages["cannot_delete_authenticator"])
            return redirect("mfa_index")
        response: HttpResponse = super().form_valid(form)
        return response

    def get_success_url(self) -> str:
        return reverse("mfa_index")


remove_passkey = _RemovePasskey.as_view()


@transaction.non_atomic_requests
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Let somebody with a code set the first password of their account; its log-in then asks for a second factor."""
    if request.user.is_authenticated:
        return redirect("portal:home")
    form = InvitationForm(request.POST or None)
    if request.method == "POST":
        if not consume(request, action="signup"):
            return too_many(request)
        try:
            user = form.accept()
        except InputError as error:
            form.show(error.problems)
            return render(request, "portal/invitation.html", {"form": form}, status=422)
        messages.success(request, f"Your password is set. Log in as “{user.username}” and set up your second factor.")
        return redirect("account_login")
    return render(request, "portal/invitation.html", {"form": form})


@require_safe
@page(*Role)
def list_sessions(request: HttpRequest) -> HttpResponse:
    """Show where this account is logged in."""
    sessions = UserSession.objects.purge_and_list(portal_user(request))
    sessions.sort(key=lambda session: session.created_at, reverse=True)
    return render(request, "portal/sessions.html", {"sessions": sessions})


@require_POST
@page(*Role)
def end_session(request: HttpRequest) -> HttpResponse:
    """End one session of this account, or all but this one."""
    rows = UserSession.objects.filter(user=portal_user(request))
    others = rows.exclude(session_key=request.session.session_key)
    chosen = request.POST.get("session", "")
    if chosen != "others":
        others = others.filter(pk=int(chosen)) if chosen.isascii() and chosen.isdigit() else others.none()
        if not others.exists():
            raise Http404
    get_sessions_adapter().end_sessions(list(others))
    messages.success(request, "Logged out there.")
    return redirect("portal:sessions")

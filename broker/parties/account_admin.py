"""The accounts in the admin: who there is, invitations for people outside, closing and reducing accounts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from broker.errors import InputError, NotAllowed, NotFound
from broker.parties.accounts import change_role, invite, open_account, set_active
from broker.parties.acting import acting_user
from broker.parties.admin import ReadOnlyAdmin
from broker.parties.models import ROLE_KIND, Organisation, Role, User
from broker.parties.second_factor import has_factor, step_up
from broker.parties.visibility import get_visible, visible_to


class NewAccountForm(forms.Form):
    """Whom to invite, and as what."""

    username = forms.CharField(label="User name", max_length=150)
    display_name = forms.CharField(label="Name", max_length=150)
    email = forms.EmailField(
        label="E-mail", help_text="Kept to reach them; nothing is sent there and it opens nothing."
    )
    organisation = forms.ModelChoiceField(Organisation.objects.none())
    role = forms.ChoiceField(choices=[(r.value, r.label) for r in Role if ROLE_KIND[r] != Organisation.Kind.OPERATOR])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        outside = Organisation.objects.exclude(kind=Organisation.Kind.OPERATOR).order_by("kind", "name")
        self.fields["organisation"] = forms.ModelChoiceField(outside)
        self.order_fields(["username", "display_name", "email", "organisation", "role"])


@admin.register(User)
class AccountAdmin(ReadOnlyAdmin):
    """A list to read, and pages of our own that call the services."""

    list_display = ["username", "display_name", "organisation", "role", "is_active"]
    list_filter = ["role", "is_active"]
    list_select_related = ["organisation"]
    search_fields = ["username", "display_name"]
    ordering = ["username"]
    change_list_template = "admin/broker/user/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return visible_to(acting_user(request), super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        """Only pages that exist; each action is one address."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.changelist_view), name="broker_user_changelist"),
            path("invite/", wrap(invite_page), name="broker_user_invite"),
            path("<uuid:user_id>/change/", wrap(account_page), name="broker_user_change"),
            path("<uuid:user_id>/<str:action>/", wrap(act), name="broker_user_act"),
        ]


@require_safe
def account_page(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Show one account and what may be done with it."""
    return _account(request, _found(request, user_id))


@require_http_methods(["GET", "POST"])
def invite_page(request: HttpRequest) -> HttpResponse:
    """Make an account for somebody outside, and an invitation whose code is shown this once."""
    return _invite(request) if request.method == "POST" else _form(request, NewAccountForm())


@step_up
def _invite(request: HttpRequest) -> HttpResponse:
    form = NewAccountForm(request.POST)
    if not form.is_valid():
        return _form(request, form, 422)
    by = acting_user(request)
    try:
        with transaction.atomic():
            user = open_account(form.cleaned_data, by=by)
            code = invite(user, by=by)
    except InputError as error:
        for problem in error.problems:
            form.add_error(problem.field if problem.field in form.fields else None, problem.message)
        return _form(request, form, 422)
    except NotAllowed as error:
        form.add_error(None, str(error))
        return _form(request, form, 403)
    return _account(request, user, code=code)


@require_POST
@step_up
def act(request: HttpRequest, user_id: uuid.UUID, action: str) -> HttpResponse:
    """Do one thing with an account."""
    by, user = acting_user(request), _found(request, user_id)
    actions: dict[str, Callable[[], Any]] = {
        "invite": lambda: invite(user, by=by),
        "close": lambda: set_active(user, False, by=by),
        "open": lambda: set_active(user, True, by=by),
        "to-engineer": lambda: change_role(user, Role.ENGINEER, by=by),
    }
    if action not in actions:
        raise Http404
    try:
        done = actions[action]()
    except NotAllowed as error:
        messages.error(request, str(error))
        return _account(request, user, status=403)
    if action == "invite":
        return _account(request, User.objects.get(pk=user.pk), code=done)
    messages.success(request, "Done. All sessions of this account have ended.")
    return redirect("admin:broker_user_change", user_id)


def _found(request: HttpRequest, user_id: uuid.UUID) -> User:
    try:
        return get_visible(acting_user(request), User.objects.select_related("organisation"), user_id)
    except NotFound as error:
        raise Http404 from error


def _form(request: HttpRequest, form: NewAccountForm, status: int = 200) -> HttpResponse:
    context = {**admin.site.each_context(request), "form": form, "title": "Invite somebody"}
    return render(request, "admin/broker/user/invite.html", context, status=status)


def _account(request: HttpRequest, user: User, *, code: str = "", status: int = 200) -> HttpResponse:
    own_staff = user.organisation.kind == Organisation.Kind.OPERATOR
    context = {
        **admin.site.each_context(request),
        "account": user,
        "invitation": user.invitations.order_by("-made_at").first(),
        "factor": has_factor(user),
        "own_staff": own_staff,
        "mine": acting_user(request).person_id == user.person_id,
        "may_shrink": own_staff and user.role == Role.LEGAL,
        # Behind "#", so that no server ever logs it.
        "link": code and f"{request.build_absolute_uri(reverse('portal:invitation'))}#{code}",
        "code": code,
        "title": user.display_name,
    }
    return render(request, "admin/broker/user/account.html", context, status=status)

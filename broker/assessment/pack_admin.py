"""The pages on which legal staff see the rules of each place, enable them on its counsel's word, and withdraw them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from broker.assessment.changes import text_changes
from broker.assessment.enabling import enable, review_of_pack, standing_releases, withdraw
from broker.assessment.pack_release import REASON_LENGTH, SIGNER_LENGTH, PackRelease
from broker.errors import BrokerError, InputError, NotAllowed, NotFound, TransitionConflict
from broker.intake.services import jurisdictions
from broker.parties.acting import acting_user
from broker.parties.admin import ReadOnlyAdmin
from broker.parties.second_factor import step_up
from legal_rules import Pack, doubts_of, load_pack

_TEMPLATES = "admin/broker/packrelease/"
_STATUS: dict[type[BrokerError], int] = {InputError: 422, NotAllowed: 403, TransitionConflict: 409}


class EnableForm(forms.Form):
    """Who signed, as what, and when. meaning_hash: the rules the page showed."""

    signed_by = forms.CharField(label="Signed by", max_length=SIGNER_LENGTH, help_text="The name of the counsel.")
    signed_as = forms.CharField(
        label="Bar or role", max_length=SIGNER_LENGTH, help_text="Such as the bar and the number at it."
    )
    signed_on = forms.DateField(label="Signed on", widget=forms.DateInput(attrs={"type": "date"}))
    meaning_hash = forms.CharField(widget=forms.HiddenInput)


class WithdrawForm(forms.Form):
    """Why the rules must not decide any more."""

    reason = forms.CharField(max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 3}))


@admin.register(PackRelease)
class PackReleaseAdmin(ReadOnlyAdmin):
    """Pages of our own that call the services; nothing is edited."""

    def get_urls(self) -> list[URLPattern]:
        """Only pages that exist; each action is one address."""
        wrap = self.admin_site.admin_view
        name = "broker_packrelease"
        return [
            path("", wrap(packs_page), name=f"{name}_changelist"),
            path("withdraw/<uuid:release_id>/", wrap(withdraw_page), name=f"{name}_withdraw"),
            path("<slug:pack_id>/", wrap(pack_page), name=f"{name}_pack"),
            path("<slug:pack_id>/enable/", wrap(enable_page), name=f"{name}_enable"),
        ]


@require_safe
def packs_page(request: HttpRequest) -> HttpResponse:
    """List the rules of every place a request can be filed under, and whether they may decide."""
    acting_user(request)
    packs = [load_pack(name) for name in jurisdictions()]
    context = {"packs": [(pack, review_of_pack(pack)) for pack in packs], "title": "Rules"}
    return render(request, f"{_TEMPLATES}packs.html", {**admin.site.each_context(request), **context})


@require_safe
def pack_page(request: HttpRequest, pack_id: str) -> HttpResponse:
    """Show what counsel signs, what changed since it was last enabled, and the form that says who signed."""
    acting_user(request)
    return _render(request, _pack(pack_id))


@require_POST
@step_up
def enable_page(request: HttpRequest, pack_id: str) -> HttpResponse:
    """Enable the rules of a place."""
    user, pack = acting_user(request), _pack(pack_id)
    form = EnableForm(request.POST)
    form.is_valid()
    said = form.cleaned_data

    def do() -> None:
        enable(
            user,
            pack.id,
            meaning_hash=said.get("meaning_hash", ""),
            signed_by=said.get("signed_by", ""),
            signed_as=said.get("signed_as", ""),
            signed_on=said.get("signed_on"),
        )

    return _do(request, pack, do, "Enabled. These rules decide here from now on.", {"form": form})


@require_POST
@step_up
def withdraw_page(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Withdraw rules that were enabled, today's or earlier ones."""
    user = acting_user(request)
    release = PackRelease.objects.filter(id=release_id).first()
    if release is None:
        raise Http404
    form = WithdrawForm(request.POST)
    form.is_valid()
    reason = form.cleaned_data.get("reason", "")
    said = "Withdrawn. Nothing is approved or released under these rules any more."
    return _do(request, _pack(release.pack), lambda: withdraw(user, release.id, reason), said, {})


def _do(
    request: HttpRequest, pack: Pack, do: Callable[[], object], said: str, forms_sent: dict[str, Any]
) -> HttpResponse:
    try:
        do()
    except NotFound as error:
        raise Http404(str(error)) from None
    except BrokerError as error:
        problems = [problem.message for problem in error.problems] if isinstance(error, InputError) else [str(error)]
        for problem in problems:
            messages.error(request, problem)
        return _render(request, pack, forms_sent, _STATUS.get(type(error), 400))
    messages.success(request, said)
    return redirect("admin:broker_packrelease_pack", pack.id)


def _pack(pack_id: str) -> Pack:
    if pack_id not in jurisdictions():
        raise Http404
    return load_pack(pack_id)


def _render(request: HttpRequest, pack: Pack, more: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
    releases = list(PackRelease.objects.filter(pack=pack.id).select_related("enabled_by", "withdrawn_by"))
    here = standing_releases().filter(pack=pack.id, meaning_hash=pack.meaning_hash).first()
    # Against the text that stands, if only its wording differs; else against what was enabled last.
    earlier = next((release for release in releases if release.text_hash != pack.text_hash), None)
    context = {
        "pack": pack,
        "review": review_of_pack(pack),
        "doubts": doubts_of(pack),
        "standing": here,
        "releases": releases,
        "earlier": earlier,
        "changes": "" if earlier is None else text_changes(json.loads(earlier.content), pack.files),
        "form": EnableForm(initial={"meaning_hash": pack.meaning_hash}),
        "title": f"Rules: {pack.title}",
        **(more or {}),
    }
    return render(request, f"{_TEMPLATES}pack.html", {**admin.site.each_context(request), **context}, status=status)

"""The pages of a balancing: read it, grade it, review it, conclude it. Each change is one call of a service.

What a service refuses is shown on the page with everything that was typed; nothing was stored then.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from broker.assessment.enabling import reviews_of_request
from broker.decisions.balancing.forms import read_grading, read_verdict
from broker.decisions.balancing.page import build_balancing_page, find_weighing
from broker.decisions.balancing.services import conclude, give_grading, review
from broker.errors import BrokerError, InputError, NotAllowed, NotFound, TransitionConflict
from broker.intake.models import DisclosureRequest
from broker.parties.acting import acting_user
from broker.parties.models import User
from broker.parties.second_factor import step_up
from broker.parties.visibility import get_visible

_STATUS: dict[type[BrokerError], int] = {InputError: 422, NotAllowed: 403, TransitionConflict: 409}


@require_GET
def balancing_page(request: HttpRequest, request_id: uuid.UUID, digest: str, place: int) -> HttpResponse:
    """Show one balancing as this person may see it."""
    user = acting_user(request)
    return _render(request, user, _visible(user, request_id), digest, place)


@require_POST
@step_up
def grade_page(request: HttpRequest, request_id: uuid.UUID, digest: str, place: int) -> HttpResponse:
    """Give one of the two gradings."""

    def act(user: User, disclosure: DisclosureRequest) -> str:
        give_grading(user, disclosure, digest, place, read_grading(_typed(request)))
        return "Your grading is recorded. It is final, and seen by others once two people have graded."

    return _act(request, request_id, digest, place, act)


@require_POST
@step_up
def review_page(request: HttpRequest, request_id: uuid.UUID, digest: str, place: int) -> HttpResponse:
    """Give the third person's verdict."""

    def act(user: User, disclosure: DisclosureRequest) -> str:
        typed = _typed(request)
        review(user, disclosure, digest, place, read_verdict(typed.get("favourable")), typed.get("reason", ""))
        return "Your review is recorded."

    return _act(request, request_id, digest, place, act)


@require_POST
@step_up
def conclude_page(request: HttpRequest, request_id: uuid.UUID, digest: str, place: int) -> HttpResponse:
    """Conclude the balancing."""

    def act(user: User, disclosure: DisclosureRequest) -> str:
        typed = _typed(request)
        conclude(
            user,
            disclosure,
            digest,
            place,
            read_verdict(typed.get("favourable")),
            typed.get("reason", ""),
            notice_plan=typed.get("notice_plan", ""),
            redress=typed.get("redress", ""),
        )
        return "The conclusion is recorded. Nothing is approved by it; two people decide on the lines."

    return _act(request, request_id, digest, place, act)


def _act(
    request: HttpRequest,
    request_id: uuid.UUID,
    digest: str,
    place: int,
    act: Callable[[User, DisclosureRequest], str],
) -> HttpResponse:
    user = acting_user(request)
    disclosure = _visible(user, request_id)
    try:
        said = act(user, disclosure)
    except BrokerError as error:
        problems = [str(error)]
        if isinstance(error, InputError):
            problems = list(dict.fromkeys(f"{_where(p.field)}: {p.message}" for p in error.problems))
        for problem in problems:
            messages.error(request, problem)
        return _render(request, user, disclosure, digest, place, _typed(request), _STATUS.get(type(error), 400))
    messages.success(request, said)
    address = reverse("admin:broker_disclosurerequest_balancing", args=[disclosure.pk, digest, place])
    return HttpResponseRedirect(address)


def _where(field: str) -> str:
    return field.replace("_", " ").capitalize()


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.POST.items()}


def _visible(user: User, request_id: uuid.UUID) -> DisclosureRequest:
    try:
        rows = DisclosureRequest.objects.select_related("organisation", "court", "filed_by")
        return get_visible(user, rows, request_id)
    except NotFound as error:
        raise Http404(str(error)) from None


def _render(
    request: HttpRequest,
    user: User,
    disclosure: DisclosureRequest,
    digest: str,
    place: int,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    found = find_weighing(disclosure, digest, place)
    if found is None:
        raise Http404("The law leaves nothing to people here.")
    page = build_balancing_page(user, disclosure, digest, *found, typed or {})
    page["reviews"] = reviews_of_request(disclosure)
    context = {**admin.site.each_context(request), **page, "title": f"Balancing, request {disclosure.reference}"}
    return render(request, "admin/broker/balancing/page.html", context, status=status)

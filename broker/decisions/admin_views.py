"""The pages of a decision: read, decide, answer a question. Each change is one call of a service.

What a service refuses is shown on the page with everything that was typed; nothing was stored then.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from broker.assessment.services import answer_question
from broker.decisions.abilities import Action
from broker.decisions.comparison import describe_terms, show_moment
from broker.decisions.forms import AnswerForm, DecisionForm, chosen_lines, read_ticked
from broker.decisions.holds.forms import HoldForm, keep, release
from broker.decisions.models import Decision, Tranche
from broker.decisions.page import LINES_A_PAGE, build_page
from broker.decisions.selectors import read_desk
from broker.decisions.services import contest, decide, recall, reopen
from broker.errors import BrokerError, InputError, NotAllowed, NotFound, Problem, TransitionConflict
from broker.intake.api import evidence_of, evidence_response
from broker.intake.models import DisclosureRequest, RequestLine
from broker.intake.places import court_zone
from broker.orders.models import CourtOrder, OrderTerms
from broker.parties.acting import acting_user
from broker.parties.models import User
from broker.parties.second_factor import step_up
from broker.parties.visibility import get_visible

_TEMPLATES = "admin/broker/disclosurerequest/"
_STATUS: dict[type[BrokerError], int] = {InputError: 422, NotAllowed: 403, TransitionConflict: 409}


@require_GET
def decision_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Show a request, its order, the law's answer and what this person may do, side by side."""
    user = acting_user(request)
    return _render(request, user, _visible(user, request_id), {})


@require_POST
@step_up
def decide_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Take one action on the chosen lines, then show the page anew."""
    user = acting_user(request)
    disclosure = _visible(user, request_id)
    form = DecisionForm(request.POST)
    ticked: list[uuid.UUID] = []
    try:
        ticked = read_ticked(request.POST.getlist("line"))
        said = _decide(user, disclosure, form, ticked)
    except BrokerError as error:
        return _refused(request, user, disclosure, error, {"form": form}, ticked)
    messages.success(request, said)
    return _back(request, disclosure)


@require_POST
def answer_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Record the answer to one question, then show the page anew."""
    user = acting_user(request)
    disclosure = _visible(user, request_id)
    form = AnswerForm(request.POST)
    try:
        if not form.is_valid():
            raise InputError([Problem("answer.form", "fact", "Load the page again; the form was not complete.")])
        answer_question(
            user,
            disclosure,
            form.cleaned_data["fact"],
            form.cleaned_data["value"],
            form.cleaned_data["reason"],
        )
    except BrokerError as error:
        return _refused(request, user, disclosure, error, {"answer_form": form})
    messages.success(
        request, "Your answer is recorded. The law is asked again; load the page in a moment to see what it says."
    )
    return _back(request, disclosure)


@require_POST
@step_up
def hold_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Have log rows kept, then show the page anew."""
    return _hold(request, request_id, keep)


@require_POST
@step_up
def end_hold_page(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Have log rows kept no longer, then show the page anew."""
    return _hold(request, request_id, release)


def _hold(
    request: HttpRequest, request_id: uuid.UUID, act: Callable[[User, DisclosureRequest, HoldForm], str]
) -> HttpResponse:
    user = acting_user(request)
    disclosure = _visible(user, request_id)
    form = HoldForm(request.POST)
    try:
        said = act(user, disclosure, form)
    except BrokerError as error:
        return _refused(request, user, disclosure, error, {"hold_form": form})
    messages.success(request, said)
    return _back(request, disclosure)


@require_GET
def document(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Hand out the order as received, under the name of its digest; never shown inside the admin."""
    order = _or_404(acting_user(request), CourtOrder.objects.select_related("document"), order_id)
    response = HttpResponse(bytes(order.document.content), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{order.document_id}.pdf"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@require_GET
def evidence(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """Hand out the evidence as received from whoever typed the lines."""
    user = acting_user(request)
    disclosure = _visible(user, request_id)
    try:
        return evidence_response(evidence_of(user, disclosure))
    except NotFound as error:
        raise Http404(str(error)) from None


@require_GET
def terms_page(request: HttpRequest, terms_id: uuid.UUID) -> HttpResponse:
    """Show one version of an order's terms whole, with its checks."""
    user = acting_user(request)
    rows = OrderTerms.objects.select_related("order__request__court", "order__court", "entered_by")
    terms = _or_404(user, rows, terms_id)
    page = Paginator(terms.lines.order_by("number"), LINES_A_PAGE).get_page(request.GET.get("page"))
    zone = court_zone(terms.order.court.jurisdiction)
    versions = list(OrderTerms.objects.filter(order=terms.order).order_by("-version"))
    context = {
        "terms": terms,
        "versions": versions,
        "newest": terms == versions[0],
        "rows": describe_terms(terms),
        "checks": terms.checks.filter(line=None).order_by("number"),
        "page": page,
        "lines": [
            (line, show_moment(line.from_at, zone), show_moment(line.until_at, zone)) for line in page.object_list
        ],
        "zone": zone,
        "title": f"Terms of order {terms.order.file_number}, version {terms.version}",
    }
    return render(request, f"{_TEMPLATES}terms.html", {**admin.site.each_context(request), **context})


def _decide(user: User, disclosure: DisclosureRequest, form: DecisionForm, ticked: list[uuid.UUID]) -> str:
    """Do what the form asks and say what was done.

    1. Lock the lines, so that no assessment and no other decision comes in between.
    2. Refuse when the law was asked again since the page was read: nobody decides on what they did not see.
    3. Find the lines that are meant, and call the one service.
    """
    if not form.is_valid():
        raise InputError([Problem("lines.scope", "lines", "Choose lines and one of the actions offered.")])
    action, reason = Action(form.cleaned_data["action"]), form.cleaned_data["reason"]
    with transaction.atomic():
        list(RequestLine.objects.select_for_update(of=("self",)).filter(request=disclosure).values_list("id"))  # 1.
        desk = read_desk(disclosure)
        if desk.seen != form.cleaned_data["seen"]:  # 2.
            raise TransitionConflict(
                "The law was asked again while you were reading. Nothing was done. Look at the new answer and decide."
            )
        ids = chosen_lines(form.cleaned_data["scope"], ticked, desk.groups())  # 3.
        if action is Action.APPROVE and desk.assessed_terms != desk.newest_terms:
            raise TransitionConflict("The terms of the order were corrected; wait until they are assessed.")
        return _call(user, disclosure, action, ids, reason)


def _call(user: User, disclosure: DisclosureRequest, action: Action, ids: list[uuid.UUID], reason: str) -> str:
    lines = f"{len(ids)} line{'' if len(ids) == 1 else 's'}"
    if action is Action.APPROVE:
        tranche = decide(user, disclosure, ids, Decision.Verdict.APPROVE, reason)
        return _approved(lines, len(ids), tranche)
    if action is Action.DENY:
        decide(user, disclosure, ids, Decision.Verdict.DENY, reason)
        return f"Denied: {lines}. The round is over; a third person may open a second one."
    if action is Action.CONTEST:
        contest(user, disclosure, ids, reason)
        return f"Marked as contested: {lines}. Bring the matter before the court within the deadline of its order."
    if action is Action.REOPEN:
        reopen(user, disclosure, ids, reason)
        return f"Under review again: {lines}."
    recall(user, disclosure, ids, reason)
    return f"Approval recalled: {lines}. They will not be answered."


def _approved(lines: str, count: int, tranche: Tranche | None) -> str:
    if tranche is None:
        return f"Your approval of {lines} is recorded. A second person has to approve before anything is released."
    complete = tranche.tranche_lines.count()
    rest = "" if complete == count else f" For {count - complete} more a second person has to approve."
    return f"Approved by two people: {complete} of {lines}. The worker prepares the answer.{rest}"


def _visible(user: User, request_id: uuid.UUID) -> DisclosureRequest:
    found: DisclosureRequest = _or_404(
        user, DisclosureRequest.objects.select_related("organisation", "court", "filed_by"), request_id
    )
    return found


def _or_404(user: User, rows: Any, identifier: uuid.UUID) -> Any:
    try:
        return get_visible(user, rows.all(), identifier)
    except NotFound as error:
        raise Http404(str(error)) from None


def _refused(
    request: HttpRequest,
    user: User,
    disclosure: DisclosureRequest,
    error: BrokerError,
    forms: dict[str, Any],
    ticked: Iterable[uuid.UUID] = (),
) -> HttpResponse:
    problems = [problem.message for problem in error.problems] if isinstance(error, InputError) else [str(error)]
    for problem in problems:
        messages.error(request, problem)
    return _render(request, user, disclosure, forms, ticked, _STATUS.get(type(error), 400))


def _render(
    request: HttpRequest,
    user: User,
    disclosure: DisclosureRequest,
    forms: dict[str, Any],
    ticked: Iterable[uuid.UUID] = (),
    status: int = 200,
) -> HttpResponse:
    where = request.POST if request.method == "POST" else request.GET
    page = build_page(
        user,
        disclosure,
        batch_key=where.get("batch", ""),
        page_number=where.get("page", 1),
        ticked=ticked,
    )
    context = {**admin.site.each_context(request), **page, **forms, "title": f"Request {disclosure.reference}"}
    return render(request, f"{_TEMPLATES}decision.html", context, status=status)


def _back(request: HttpRequest, disclosure: DisclosureRequest) -> HttpResponseRedirect:
    where = {name: request.POST[name] for name in ("page",) if request.POST.get(name)}
    query = f"?{urlencode(where)}" if where else ""
    return HttpResponseRedirect(reverse("admin:broker_disclosurerequest_change", args=[disclosure.pk]) + query)

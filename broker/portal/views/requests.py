"""The requesting party's pages, which the court's clerk reads too: list, new request, status."""

from __future__ import annotations

import re
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from broker.api_input import read_object
from broker.assessment.enabling import reviews_of_request
from broker.assessment.selectors import OpenQuestion, open_questions, refusals
from broker.assessment.services import answer_question
from broker.errors import InputError
from broker.intake.api import HEAD_FIELDS, evidence_of, evidence_response, read_lines_file, sent_evidence
from broker.intake.lifecycle import OPEN, TRANSITIONS, request_state
from broker.intake.lines import CSV_HEADER
from broker.intake.models import CATEGORIES, DisclosureRequest, EvidenceFile, Measure, RequestLine, State
from broker.intake.places import court_zone, read_as
from broker.intake.selectors import (
    StateText,
    kept_until,
    public_state,
    request_of,
    requests_of,
    state_counts,
    text_of,
    timeline,
)
from broker.intake.services import file_request, withdraw_request
from broker.intake.slip_questions import SentEvidence, answer_question_about_line, open_questions_about
from broker.orders.models import CourtOrder
from broker.orders.selectors import takes_orders
from broker.parties.models import RecipientKey, Role, User
from broker.parties.second_factor import confirm_first, is_fresh
from broker.parties.visibility import get_visible, visible_to
from broker.portal.access import REQUESTERS, page, portal_user
from broker.portal.forms import AnswerForm, LineQuestionForm
from broker.portal.lines import sent_lines, shown_lines
from broker.portal.problems import send_lines, shown_problems
from broker.portal.request_form import CHOICE, ChoiceForm, RequestForm
from broker.release.api import package_response
from broker.release.models import SealedRelease
from broker.release.services import download, releases_of
from legal_rules import load_pack

# Who settles a question, as those outside the operator call them.
_SETTLERS = {
    "requester": "the requesting party",
    "order": "the court's order",
    "legal staff": "the operator's legal staff",
    "two people": "two of the operator's legal staff, each for themselves",
}

_LINES_A_PAGE = 100
_QUESTIONS_A_PAGE = 20
_REQUESTS_A_PAGE = 25
_READERS = (*REQUESTERS, Role.CLERK)


@require_safe
@page(*_READERS)
def list_requests(request: HttpRequest) -> HttpResponse:
    """List the requests the user's organisation filed, or those before the clerk's court."""
    user = portal_user(request)
    rows = requests_of(user)
    clerk = user.role == Role.CLERK
    waiting = clerk and request.GET.get("show") != "all"
    if waiting:
        rows = rows.filter(id__in=RequestLine.objects.filter(state=State.AWAITING_ORDER).values("request"))
    found = Paginator(rows, _REQUESTS_A_PAGE).get_page(request.GET.get("page"))
    counts = state_counts([row.id for row in found])
    return render(
        request,
        "portal/requests.html",
        {
            "page": found,
            "rows": [
                (row, text_of(request_state(counts[row.id]), row.measure), _labelled(counts[row.id], row.measure))
                for row in found
            ],
            "clerk": clerk,
            "waiting": waiting,
            "query": "" if waiting or not clerk else "show=all&",
            "needs_key": user.role in REQUESTERS and not _has_key(user),
        },
    )


@require_http_methods(["GET", "POST"])
@page(*REQUESTERS)
def new_request(request: HttpRequest) -> HttpResponse:
    """Ask for the kind of request, then show the form with its questions, then file it.

    1. Without a kind only that is asked; it stands in the address, so that the second step can be marked.
    2. Where another kind is chosen in the form, its questions are shown and nothing is filed.
    3. On problems everything typed is still there.
    """
    if request.method != "POST":
        choice = ChoiceForm(request.GET if CHOICE[0] in request.GET else None)
        if not choice.is_bound or choice.choice is None:  # 1.
            if choice.is_bound:
                choice.show_missing()
            return render(request, "portal/choose_request.html", {"form": choice}, status=422 if choice.errors else 200)
        return _request_form(request, RequestForm(initial=dict(zip(CHOICE, choice.choice, strict=True))))
    content = sent_lines(request.POST.get("lines", ""), request.FILES.get("file"))
    entered = request.POST.copy()
    entered["lines"] = shown_lines(content)
    form = RequestForm(entered)
    # No page can put a file back into its field, so that it is said: unseen, the evidence would be left out.
    again = {"choose_evidence_again": "evidence_file" in request.FILES}
    if "choose" in request.POST or request.POST.get("asked_about", form.asked_about) != form.asked_about:  # 2.
        if form.choice is None:
            form.show_missing()
        return _request_form(request, form, chosen_anew=True, **again)
    try:
        sent = sent_evidence(request.FILES.get("evidence_file"), request.POST.get("evidence_zone", ""))
        filed = _file(portal_user(request), form, content, sent)
    except InputError as error:  # 3.
        return _request_form(request, form, **again, **shown_problems(error.problems, form))
    return redirect(f"{resolve_url('portal:request', filed.reference)}?filed=1")


def _request_form(request: HttpRequest, form: RequestForm, **context: Any) -> HttpResponse:
    shown = {"form": form, "header": ",".join(CSV_HEADER), **context}
    return render(request, "portal/new_request.html", shown, status=422 if "problems" in context else 200)


def _file(user: User, form: RequestForm, content: bytes, sent: SentEvidence | None) -> DisclosureRequest:
    data = read_object(form.head(), HEAD_FIELDS, lists=("categories",))
    return send_lines(
        lambda: read_lines_file(content),
        lambda lines: file_request(user, data | {"lines": lines}, evidence=sent),
    )


@require_safe
@page(*_READERS)
def show_request(request: HttpRequest, reference: str) -> HttpResponse:
    """Show what was asked, where each line stands and who is next."""
    return _status_page(request, request_of(portal_user(request), reference, "reference"))


@require_POST
@page(*REQUESTERS)
def withdraw(request: HttpRequest, reference: str) -> HttpResponse:
    """Withdraw what has not been decided, or of that the one line that is named."""
    user = portal_user(request)
    named = request.POST.getlist("line")
    # What is no number names no line; it must not mean all of them.
    numbers = [int(text) for text in named if re.fullmatch("[0-9]{1,8}", text)] if named else None
    withdraw_request(user, request_of(user, reference, "reference"), numbers)
    return redirect("portal:request", reference)


@require_POST
@page(*REQUESTERS)
def answer(request: HttpRequest, reference: str) -> HttpResponse:
    """Answer one open question, with the reason."""
    user = portal_user(request)
    found = request_of(user, reference, "reference")
    fact = request.POST.get("fact", "")
    try:
        sent = read_object({name: request.POST.get(name, "") for name in ("value", "reason")}, ("value", "reason"))
        answer_question(user, found, fact, sent["value"], sent["reason"])
    except InputError as error:
        return _status_page(request, found, wrong=error)
    return redirect("portal:request", reference)


@require_POST
@page(*REQUESTERS)
def answer_about_line(request: HttpRequest, reference: str) -> HttpResponse:
    """Say why a questioned line is right as typed."""
    user = portal_user(request)
    found = request_of(user, reference, "reference")
    names = ("question", "reason", "explanation")
    try:
        sent = read_object({name: request.POST.get(name, "") for name in names}, names)
        answer_question_about_line(user, found, sent["question"], sent["reason"], sent["explanation"])
    except InputError as error:
        return _status_page(request, found, wrong=error)
    return redirect("portal:request", reference)


@require_GET
@page(*REQUESTERS)
def evidence(request: HttpRequest, reference: str) -> HttpResponse:
    """Hand the evidence file back to the party that sent it."""
    user = portal_user(request)
    return evidence_response(evidence_of(user, request_of(user, reference, "reference")))


@require_GET
@page(*REQUESTERS)
def package(request: HttpRequest, release_id: object) -> HttpResponse:
    """Hand the sealed package to its recipient, under a fresh second factor; every fetch is recorded."""
    if not is_fresh(request):
        # Back to the page with the link: a file that came in answer to the form would leave the form standing.
        found = get_visible(portal_user(request), SealedRelease.objects.defer("package"), release_id)
        return confirm_first(request, resolve_url("portal:request", found.tranche.request.reference))
    return package_response(download(portal_user(request), release_id))


def _status_page(request: HttpRequest, found: DisclosureRequest, *, wrong: InputError | None = None) -> HttpResponse:
    user = portal_user(request)
    counts = state_counts([found.id])[found.id]
    lines = Paginator(found.lines.order_by("number"), _LINES_A_PAGE).get_page(request.GET.get("page"))
    shown: list[RequestLine] = list(lines)
    requester = user.role in REQUESTERS
    discloses = found.measure == Measure.DISCLOSURE
    kept = {} if discloses else kept_until([line.id for line in shown])
    questions = open_questions(found)
    zone = court_zone(found.jurisdiction)
    orders = list(visible_to(user, CourtOrder.objects.filter(request=found)).defer("document__content"))
    subjects = [found.id, *(order.id for order in orders), *found.tranches.values_list("id", flat=True)]
    context: dict[str, Any] = {
        "found": found,
        "state": text_of(request_state(counts), found.measure),
        "counts": _labelled(counts, found.measure),
        "preserves": found.measure == Measure.PRESERVATION,
        "categories": [CATEGORIES[name] for name in found.categories],
        "pack": load_pack(found.jurisdiction),
        "answers": _answers(found),
        "reviews": reviews_of_request(found),
        "page": lines,
        "lines": [
            (
                line,
                text_of(public_state(line.state), found.measure),
                read_as(line.observed_text, line.observed_at, zone),
                kept.get(line.id),
            )
            for line in shown
        ],
        "just_filed": requester and "filed" in request.GET,
        "withdrawable": TRANSITIONS["withdraw"].old,
        "zone": zone,
        "evidence": visible_to(user, EvidenceFile.objects.filter(request=found).defer("content")).first(),
        **_line_questions(request, found, wrong),
        "refusals": refusals(shown),
        "forms": _answer_forms(request, found, questions, wrong) if requester else [],
        "others_settle": _by_settler(questions, leave_out="requester" if requester else ""),
        "orders": orders,
        "releases": visible_to(user, releases_of(user)).filter(tranche__request=found).order_by("sealed_at"),
        "timeline": timeline(subjects, recipient=requester),
        "requester": requester,
        "clerk": user.role == Role.CLERK,
        "takes_order": takes_orders(found),
        "can_withdraw": requester and bool(set(counts) & TRANSITIONS["withdraw"].old),
        "needs_key": requester and discloses and bool(set(counts) & set(OPEN)) and not _has_key(user),
    }
    return render(request, "portal/request.html", context, status=200 if wrong is None else 422)


def _line_questions(
    request: HttpRequest, found: DisclosureRequest, wrong: InputError | None
) -> dict[str, list[LineQuestionForm] | int]:
    """A form for each of the first open questions about what was typed, and how many more there are."""
    if portal_user(request).role not in REQUESTERS:
        return {"line_forms": [], "more_line_questions": 0}
    rows = visible_to(portal_user(request), open_questions_about(found))
    zone, forms = court_zone(found.jurisdiction), []
    for question in rows[:_QUESTIONS_A_PAGE]:
        form = LineQuestionForm(question, zone)
        if wrong is not None and request.POST.get("question") == str(question.id):
            form = LineQuestionForm(question, zone, request.POST)
            form.show(wrong.problems)
        forms.append(form)
    return {"line_forms": forms, "more_line_questions": max(0, rows.count() - len(forms))}


def _labelled(counts: dict[str, int], measure: str) -> list[tuple[StateText, str, int]]:
    return [(text_of(state, measure), state, count) for state, count in counts.items()]


def _answers(found: DisclosureRequest) -> list[tuple[str, str]]:
    """What the requester said when filing: (question, answer)."""
    facts = load_pack(found.jurisdiction).facts
    return [
        (facts[name].ask, facts[name].in_words(value).capitalize())
        for name, value in found.facts.items()
        if name in facts
    ]


def _answer_forms(
    request: HttpRequest, found: DisclosureRequest, questions: list[OpenQuestion], wrong: InputError | None
) -> list[AnswerForm]:
    """A form for each question the requester may answer; the one that was wrong keeps what was typed."""
    facts = load_pack(found.jurisdiction).facts
    forms = []
    for question in questions:
        if question.settled_by != "requester" or question.fact not in facts:
            continue
        form = AnswerForm(facts[question.fact])
        if wrong is not None and request.POST.get("fact") == question.fact:
            form = AnswerForm(facts[question.fact], request.POST)
            form.show(wrong.problems)
        forms.append(form)
    return forms


def _by_settler(questions: list[OpenQuestion], *, leave_out: str) -> list[tuple[str, list[OpenQuestion]]]:
    """The open questions by who may settle them, in words."""
    found: dict[str, list[OpenQuestion]] = {}
    for question in questions:
        if question.settled_by != leave_out:
            found.setdefault(_SETTLERS.get(question.settled_by, question.settled_by), []).append(question)
    return list(found.items())


def _has_key(user: User) -> bool:
    return RecipientKey.objects.filter(organisation=user.organisation_id, withdrawn_at=None).exists()

"""The clerk's pages: attach an order, read its checks, correct its terms. The requesting party reads along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from broker.api_input import read_object
from broker.assessment.asked import asked_of_order
from broker.errors import InputError, Problem
from broker.intake.models import CATEGORIES, DisclosureRequest
from broker.intake.selectors import request_of
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument, OrderRevocation, OrderTerms
from broker.orders.revoke import REASON_LENGTH, revoke_order
from broker.orders.selectors import (
    TERMS_FIELDS,
    advice,
    checks_of,
    order_of,
    takes_orders,
    terms_data,
    versions_of,
)
from broker.orders.services import attach_order, correct_terms
from broker.orders.terms import COMPUTED_ORDER_FACTS, LINE_HEADER
from broker.parties.models import Organisation, Role
from broker.parties.second_factor import require_fresh
from broker.portal.access import REQUESTERS, page, portal_user
from broker.portal.forms import OrderForm, TermsForm
from broker.portal.lines import order_lines, order_lines_text
from broker.portal.problems import send_lines, shown_problems
from legal_rules import FactSpec, load_pack

T = TypeVar("T")

_CHECKS_A_PAGE = 100


@require_http_methods(["GET", "POST"])
@page(Role.CLERK)
def new_order(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the form of an order, or attach it; the file has to be chosen again when something was wrong."""
    user = portal_user(request)
    found = request_of(user, reference, "reference")
    asked = _asked(found, _sent(request))
    if request.method != "POST":
        return _form_page(request, found, OrderForm(asked))
    form = OrderForm(asked, request.POST)
    try:
        document_sent = _document(request.FILES.get("document"))
        number = str(form["file_number"].data or "")
        order = _send(form, lambda terms: attach_order(user, found, number, document_sent, terms))
    except InputError as error:
        return _form_page(request, found, form, problems=error.problems)
    return redirect("portal:order", order.id)


@require_http_methods(["GET", "POST"])
@page(Role.CLERK)
def new_terms(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Show the newest terms to be corrected, or store them as the next version."""
    user = portal_user(request)
    order = order_of(user, order_id)
    newest = versions_of(order)[0]
    asked = _asked(order.request, {*newest.findings, *_sent(request)})
    if request.method != "POST":
        form = TermsForm(asked, initial=_initial(newest))
        return _form_page(request, order.request, form, order=order, newest=newest)
    form = TermsForm(asked, request.POST)
    try:
        _send(form, lambda terms: correct_terms(user, order, terms))
    except InputError as error:
        return _form_page(request, order.request, form, order=order, newest=newest, problems=error.problems)
    return redirect("portal:order", order.id)


@require_safe
@page(*REQUESTERS, Role.CLERK)
def show_order(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Show an order with every check, the newest terms, and the versions before."""
    return _order_page(request, order_of(portal_user(request), order_id))


def _order_page(request: HttpRequest, order: CourtOrder, problems: Sequence[Problem] = ()) -> HttpResponse:
    """The order's page; problems: of a revocation that was sent."""
    user = portal_user(request)
    versions = versions_of(order)
    newest = versions[0]
    checks = checks_of(order, newest)
    failed = Paginator(checks.failed_lines, _CHECKS_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "portal/order.html",
        {
            "order": order,
            "found": order.request,
            "newest": newest,
            "terms_caption": f"The terms, version {newest.version}",
            "categories": [CATEGORIES[name] for name in newest.categories],
            "findings": _findings(order.request, newest),
            "covered": Paginator(newest.lines.all(), _CHECKS_A_PAGE).get_page(request.GET.get("covered")),
            "document_checks": _advised(checks.document),
            "terms_checks": _advised(checks.terms),
            "failed_lines": failed,
            "line_checks": _advised(failed.object_list),
            "versions": versions,
            "clerk": user.role == Role.CLERK,
            "revocation": OrderRevocation.objects.filter(order=order).first(),
            "revocation_problems": [problem.message for problem in problems],
            "reason_length": REASON_LENGTH,
            "takes_orders": takes_orders(order.request),
            "correctable": takes_orders(order.request)
            and order.state in (CourtOrder.State.RECEIVED, CourtOrder.State.VERIFIED),
        },
        status=422 if problems else 200,
    )


@require_http_methods(["GET", "POST"])
@page(Role.CLERK)
def revoke(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Take the court's order back, with a reason; a defect is said on the order's page, where the form is as well."""
    user = portal_user(request)
    if request.method != "POST":
        return redirect("portal:order", order_of(user, order_id).id)
    require_fresh(request)
    order = order_of(user, order_id)
    try:
        sent = read_object({"reason": request.POST.get("reason", "")}, ("reason",))
        revoke_order(user, order, sent["reason"])
    except InputError as error:
        return _order_page(request, order, error.problems)
    return redirect("portal:order", order.id)


@require_safe
@page(Role.CLERK)
def document(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Hand the document back to the court as it was received, to be saved and never shown in place."""
    order = order_of(portal_user(request), order_id)
    content = OrderDocument.objects.get(sha256=order.document_id).content
    return HttpResponse(
        bytes(content),
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="order-{order.document_id[:16]}.pdf"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def _advised(checks: Iterable[OrderCheck]) -> list[tuple[OrderCheck, str]]:
    return [(check, advice(check)) for check in checks]


def _send(form: TermsForm, send: Callable[[dict[str, Any]], T]) -> T:
    text = str(form["lines"].data or "")
    read_object({"lines": text, "file_number": form.data.get("file_number", "")}, ("lines", "file_number"))
    terms = read_object(form.terms(), TERMS_FIELDS, lists=("categories",))
    return send_lines(lambda: order_lines(text), lambda lines: send(terms | {"lines": lines}))


def _document(upload: UploadedFile[bytes] | None) -> bytes:
    """The bytes of the chosen file. None chosen is an empty one, and one byte too many is enough to be too large."""
    return b"" if upload is None else bytes(upload.read(settings.ORDER_MAX_BYTES + 1))


def _initial(terms: OrderTerms) -> dict[str, Any]:
    data = terms_data(terms)
    findings = data.pop("findings")
    words = {True: "true", False: "false"}
    return data | {
        **{f"findings.{name}": words[v] if isinstance(v, bool) else v for name, v in findings.items()},
        "lines": order_lines_text(data["lines"]),
    }


def _asked(found: DisclosureRequest, answered: Iterable[str]) -> list[FactSpec]:
    """The questions about an order, those included that were answered and no longer matter: nothing typed is lost."""
    names = {spec.name for spec in asked_of_order(found)} | set(answered)
    specs = load_pack(found.jurisdiction).facts.values()
    return [s for s in specs if s.name in names - COMPUTED_ORDER_FACTS and s.settled_by == "order"]


def _sent(request: HttpRequest) -> set[str]:
    """The findings that the form carried."""
    return {name.removeprefix("findings.") for name in request.POST if name.startswith("findings.")}


def _findings(found: DisclosureRequest, terms: OrderTerms) -> list[tuple[str, str]]:
    """The questions about the order, each with the clerk's answer."""
    answers = [(spec, terms.findings.get(spec.name)) for spec in _asked(found, terms.findings)]
    return [(spec.ask, "Not answered" if v is None else spec.in_words(v).capitalize()) for spec, v in answers]


def _form_page(
    request: HttpRequest,
    found: DisclosureRequest,
    form: TermsForm,
    *,
    order: CourtOrder | None = None,
    newest: OrderTerms | None = None,
    problems: list[Problem] | None = None,
) -> HttpResponse:
    context = {
        "found": found,
        "form": form,
        "order": order,
        "newest": newest,
        "operator": Organisation.objects.filter(kind=Organisation.Kind.OPERATOR).first(),
        "header": ",".join(LINE_HEADER),
        **(shown_problems(problems, form) if problems else {}),
    }
    return render(request, "portal/order_form.html", context, status=422 if problems else 200)

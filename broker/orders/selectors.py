"""Read orders: the checks that were made, and the terms in the form in which they are entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from broker.intake.lifecycle import TRANSITIONS
from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder, OrderCheck, OrderTerms
from broker.orders.services import closed_by_an_order
from broker.orders.verdict import CODES
from broker.parties.models import User
from broker.parties.visibility import get_visible

TERMS_FIELDS = (
    "order_by",
    "proceeding",
    "judge",
    "issued_on",
    "expires_on",
    "addressee",
    "legal_basis",
    "categories",
    "recipient",
    "use_terms",
    "notice_terms",
    "findings",
    "lines",
)


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks that count: of the document, of the newest terms as a whole, and the failed ones of single lines."""

    document: Sequence[OrderCheck]
    terms: Sequence[OrderCheck]
    failed_lines: QuerySet[OrderCheck]


def order_of(user: User, identifier: object) -> CourtOrder:
    """One order the user may see; raises NotFound for a stranger."""
    return get_visible(
        user,
        CourtOrder.objects.select_related("request__organisation", "request__court", "court").defer(
            "document__content"
        ),
        identifier,
    )


def versions_of(order: CourtOrder) -> list[OrderTerms]:
    """All versions of the terms, the newest first."""
    return list(order.terms.order_by("-version"))


def checks_of(order: CourtOrder, newest: OrderTerms) -> Checks:
    """Gather the checks of the document and of the newest version of the terms."""
    made = order.checks.order_by("number", "line__number")
    return Checks(
        document=list(made.filter(terms=None)),
        terms=list(made.filter(terms=newest, line=None)),
        failed_lines=made.filter(terms=newest, passed=False).exclude(line=None).select_related("line"),
    )


def advice(check: OrderCheck) -> str:
    """What a failed check means and what to do; empty for the others."""
    if check.passed is not False:
        return ""
    # Checks of terms say in their detail what to do; those of documents say there what was found.
    return f"{CODES[check.code]} {check.detail}".strip() if check.code in CODES else check.detail


def takes_orders(request: DisclosureRequest) -> bool:
    """Whether an order can still be attached: some line is not decided, or was refused because of an earlier order."""
    if request.lines.filter(state__in=TRANSITIONS["put-to-review"].old).exists():
        return True
    return bool(closed_by_an_order(request))


def terms_data(terms: OrderTerms) -> dict[str, Any]:
    """The terms of one version in the shape in which `correct_terms` takes them."""
    data: dict[str, Any] = {field: getattr(terms, field) for field in TERMS_FIELDS if field != "lines"}
    data["lines"] = [
        {
            "address": line.address,
            "source_port": line.source_port,
            "from": _utc(line.from_at),
            "until": _utc(line.until_at),
            "protocol": line.protocol or None,
        }
        for line in terms.lines.all()
    ]
    return data


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")

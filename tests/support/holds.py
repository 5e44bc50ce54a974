"""A criminal request in Spain, whose law lets log rows be held for 90 days; and what time does to the log."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.utils import timezone

from broker.attribution import retention
from broker.decisions.holds.models import HoldAct
from broker.decisions.holds.services import hold
from broker.intake.models import DisclosureRequest
from broker.parties.middleware import context_of
from broker.row_context import acting
from tests.support.flow import Flow, civil_terms

SEPTEMBER = datetime(2026, 9, 14, tzinfo=UTC)
CRIMINAL = {"proceeding": "criminal"}


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def in_days(days: int) -> date:
    return today() + timedelta(days=days)


def reaches_back_to_september(settings: Any) -> None:
    """Let the log reach back to the instants of the demo, and not much further."""
    settings.LEASE_RETENTION_DAYS = (timezone.now() - SEPTEMBER).days + 5


def months_pass(settings: Any) -> None:
    """Let the log reach back to October only, and the worker drop what is older."""
    settings.LEASE_RETENTION_DAYS = (timezone.now() - SEPTEMBER).days - 20
    with transaction.atomic(), transaction.atomic(using="leases"):
        retention.drop_expired(timezone.now())


def criminal_terms(lines: Sequence[Mapping[str, Any]], **findings: Any) -> dict[str, Any]:
    return civil_terms(
        lines,
        proceeding="criminal",
        order_by="investigating-judge",
        legal_basis="LECrim art. 588 ter k",
        notice_terms="The person is not told.",
        findings={
            "instrument": "national-order",
            "order-cites-basis": True,
            "order-defers-notice": True,
            "offence-named": True,
            "offence-serious": True,
        }
        | findings,
    )


def filed(flow: Flow, *lines: Mapping[str, Any], **changes: Any) -> DisclosureRequest:
    request = flow.file(lines, **(CRIMINAL | changes))
    flow.run()
    return request


def held(
    flow: Flow,
    request: DisclosureRequest,
    until: date | None = None,
    by: str = "laura",
    lines: Sequence[uuid.UUID] | None = None,
) -> HoldAct:
    """Have legal staff hold every line of a request, and the worker do it."""
    ids = list(request.lines.values_list("id", flat=True)) if lines is None else lines
    with acting(context_of(flow.person(by))):
        act = hold(flow.person(by), request, ids, until or in_days(60), "The judge is being asked; rows expire soon.")
    flow.run()
    return act


def answered(flow: Flow, request: DisclosureRequest, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Bring the order, have it approved by two people, and open the answer."""
    flow.attach(request, criminal_terms(lines))
    flow.run()
    flow.approve(request)
    flow.run()
    return flow.answers(request)


def kept_rows() -> list[tuple[uuid.UUID, datetime, int]]:
    """What the store holds: (case, when it lapses, rows)."""
    with connections["leases"].cursor() as cursor:
        cursor.execute(
            "SELECT k.case_id, k.lapses_at, (SELECT count(*) FROM held_lease l WHERE l.hold_id = k.id) "
            "FROM lease_hold k WHERE k.lapses_at > clock_timestamp() ORDER BY k.id"
        )
        return list(cursor.fetchall())

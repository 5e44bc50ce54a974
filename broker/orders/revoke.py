"""A court takes its order back; from then on nothing is approved or released under it."""

from __future__ import annotations

from django.db import transaction

from broker.audit.services import record
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import TRANSITIONS, advance
from broker.intake.models import RequestLine, State
from broker.orders.models import CourtOrder, OrderRevocation
from broker.orders.services import require_clerk
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import User

REASON_LENGTH = 1000


def revoke_order(user: User, order: CourtOrder, reason: str) -> OrderRevocation:
    """Revoke a verified order, for good; what was released under it before stays released.

    Approved lines that are not answered yet are recalled, whatever the answer would have been, and so are lines whose
    log rows are only kept. Waits for a release that
    is being made at this moment, and a later one finds nothing approved: both hold the same lines.

    Raises NotAllowed for others than the court's clerks and for an order that is not verified, InputError without a
    reason.
    """
    require_clerk(user, order.request)
    if not 1 <= len(reason.strip()) <= REASON_LENGTH or "\x00" in reason:
        raise InputError([Problem("reason.text", "reason", f"Give the reason in 1 to {REASON_LENGTH} characters.")])
    with transaction.atomic():
        # Lines before orders, as everybody locks them.
        lines = RequestLine.objects.select_for_update(of=("self",)).filter(request=order.request_id)
        list(lines.values_list("id"))
        locked = CourtOrder.objects.select_for_update(of=("self",)).get(id=order.id)
        if locked.state == CourtOrder.State.RECEIVED:
            raise NotAllowed("This order is still being checked. Wait a moment, and revoke it then.")
        if locked.state != CourtOrder.State.VERIFIED:
            raise NotAllowed("This order was rejected or revoked before; nothing rests on it.")
        event = record(
            "order:revoked",
            "order",
            order.id,
            actor=user.id,
            new_state=CourtOrder.State.REVOKED,
            members=[order.id],
        )
        CourtOrder.objects.filter(id=order.id).update(state=CourtOrder.State.REVOKED, event_id=event)
        revocation = OrderRevocation.objects.create(
            order=locked, reason=reason.strip(), revoked_by=user, event_id=event
        )
        unanswered = lines.filter(state__in=TRANSITIONS["lose-order"].old, tranche_line__tranche__terms__order=order)
        # What was only to be kept has no tranche; the order is that of the request then.
        kept = lines.filter(state=State.HELD, request__orders=order)
        if ids := list(unanswered.values_list("id", flat=True)) + list(kept.values_list("id", flat=True)):
            advance("lose-order", order.request_id, ids, actor=user.id)
        ask(OutboxRow.Kind.ASSESS, order.request_id)
    return revocation

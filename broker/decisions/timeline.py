"""The request's own part of the log, in words. Other events are the auditor's and are not shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.audit.models import Event
from broker.decisions.holds.models import HoldAct
from broker.decisions.models import Decision, Note, Tranche
from broker.decisions.words import EVENT_WORDS
from broker.intake.lifecycle import TRANSITIONS, Mover
from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder
from broker.parties.models import Organisation, User

# A request of many lines decided one by one; what is older is in the log.
MOST_EVENTS = 300


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One event of the request: when, what, who of the operator or which other side, how many lines, why."""

    event: Event
    words: str
    who: str
    lines: int | None
    detail: str


def read_timeline(request: DisclosureRequest, orders: Sequence[CourtOrder]) -> list[TimelineRow]:
    """The request's own events, newest first; who acted is named only where it was somebody of the operator."""
    tranches = Tranche.objects.filter(request=request).values_list("id", flat=True)
    subjects = [request.id, *(order.id for order in orders), *tranches]
    events = list(
        Event.objects.filter(kind__in=EVENT_WORDS, subject_id__in=subjects).order_by("-recorded_at", "-id")[
            :MOST_EVENTS
        ]
    )
    ids = {str(event.actor) for event in events if event.actor}
    people = {user.id: user for user in User.objects.filter(id__in=ids).select_related("organisation")}
    reasons: Mapping[uuid.UUID, str] = {
        **dict(HoldAct.objects.filter(request=request).values_list("event_id", "reason")),
        **dict(Note.objects.filter(request=request).values_list("event_id", "reason")),
        # One decision can be 10,000 rows with the same reason; one of them is enough.
        **dict(
            Decision.objects.filter(event__in=[event.id for event in events])
            .order_by("event_id")
            .distinct("event_id")
            .values_list("event_id", "reason")
        ),
    }
    return [
        TimelineRow(
            event=event,
            words=EVENT_WORDS[event.kind],
            who=_who(people.get(event.actor) if event.actor else None, event),
            lines=event.body.get("lines"),
            detail=reasons.get(event.id, ""),
        )
        for event in events
    ]


def _who(person: User | None, event: Event) -> str:
    if person is None:
        if event.kind.startswith("order:"):
            return "the document and terms checks"
        if event.kind.startswith("release:") or event.kind == "hold:carried-out":
            return Mover.WORKER.value
        mover = next((move.by for move in TRANSITIONS.values() if move.event == event.kind), Mover.JOBS)
        return mover.value
    if person.organisation.kind == Organisation.Kind.OPERATOR:
        return person.display_name
    return person.organisation.name

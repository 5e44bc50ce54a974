"""Read requests for those who may see them, and say what a state means in words."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Count, QuerySet

from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, Measure, RequestLine, State
from broker.parties.models import User
from broker.parties.visibility import get_visible, visible_to


@dataclass(frozen=True, slots=True)
class StateText:
    """What a state is called, what it means, and who does something next."""

    label: str
    meaning: str
    next: str


STATE_TEXTS: dict[str, StateText] = {
    State.RECEIVED: StateText("Received", "The line was filed and has not been assessed yet.", "The rules engine"),
    State.REFUSED: StateText(
        "Refused",
        "The law in force does not allow this disclosure. Nothing was looked up. The grounds are given below.",
        "You: see the grounds and what fits instead",
    ),
    State.INCOMPLETE: StateText(
        "Incomplete",
        "The law gives no answer until open questions are settled.",
        "Whoever the open questions are addressed to",
    ),
    State.AWAITING_ORDER: StateText(
        "Awaiting order",
        "The law may allow the disclosure, but only on a court's order, which has to be attached by that court.",
        "The court's clerk",
    ),
    State.UNDER_REVIEW: StateText(
        "Under review",
        "An order is attached and checked. Two people of the operator decide.",
        "The operator's legal staff",
    ),
    State.DENIED: StateText(
        "Denied",
        "The operator's legal staff decided against an answer. Nothing was looked up.",
        "You: ask the operator, quoting the reference",
    ),
    State.CONTESTED: StateText(
        "Contested", "The operator has taken the order to its court before executing it.", "The court"
    ),
    State.HELD: StateText(
        "Kept",
        "The log rows of this line, if there are any, are kept from expiring. Nobody is looked up, nothing disclosed.",
        "You: ask for a disclosure, with an order, before they are kept no longer",
    ),
    State.APPROVED: StateText(
        "Being answered",
        "Two people approved an answer. It is being sealed to your key.",
        "The release worker",
    ),
    State.WAITING: StateText(
        "Waiting",
        "An answer was approved and waits for a date or condition that the law sets, or for logs to be complete.",
        "Nobody, until then",
    ),
    State.RELEASING: StateText("Being answered", "The answer is being sealed to your key.", "The release worker"),
    State.RELEASED: StateText(
        "Answered",
        "The answer is in a sealed package. Only the holder of the recipient's secret key can read what it says.",
        "The requesting party: download and open the package",
    ),
    State.WITHDRAWN: StateText("Withdrawn", "The requesting party withdrew the line.", "Nobody"),
    State.EXPIRED: StateText("Expired", "A time limit ran out, and nothing more is done about the line.", "Nobody"),
    State.RECALLED: StateText(
        "Recalled",
        "The operator took back its approval before an answer was made.",
        "The operator's legal staff",
    ),
}

# What is different where it is only asked that data be preserved.
_TO_PRESERVE: dict[str, StateText] = {
    State.REFUSED: StateText(
        "Refused",
        "The law in force does not allow that log rows are kept on this ground. The grounds are given below.",
        "You: see the grounds and what fits instead",
    ),
    State.AWAITING_ORDER: StateText(
        "Awaiting order",
        "Log rows can be kept, but only on an order, which has to be attached by the court named in the request.",
        "The court's clerk",
    ),
    State.UNDER_REVIEW: StateText(
        "Under review",
        "The law allows that log rows are kept. Somebody of the operator's legal staff confirms it.",
        "The operator's legal staff",
    ),
    State.DENIED: StateText(
        "Denied",
        "The operator's legal staff decided not to keep log rows. Nothing was looked up.",
        "You: ask the operator, quoting the reference",
    ),
    State.EXPIRED: StateText("Kept no longer", "The time for which log rows were to be kept has ended.", "Nobody"),
}

# The kinds of events that the parties to a request are shown, each with its sentence. What is inside the operator
# (single votes, failed tries of the worker) is not listed and so is not shown.
_TIMELINE: dict[str, str] = {
    "request:filed": "Request filed",
    "line:questioned": "Lines questioned: do they say what the evidence says?",
    "line:question-answered": "Question about a line answered",
    "line:refused": "Lines refused by the rules engine",
    "line:incomplete": "Lines found incomplete",
    "line:awaiting-order": "Lines found to need a court's order",
    "line:under-review": "Lines put before the operator's legal staff",
    "line:denied": "Lines denied by the operator",
    "line:contested": "Order contested before its court",
    "line:reopened": "Lines put under review again",
    "line:approved": "Answer approved by two people",
    "line:recalled": "Approval recalled",
    "line:order-revoked": "Approval recalled with the order",
    "line:rules-withdrawn": "Approval recalled with the review of the rules",
    "order:revoked": "The court revoked the order",
    "line:released": "Sealed answer made available",
    "line:withdrawn": "Lines withdrawn",
    "line:held": "Log rows are kept, as was asked",
    "line:held-no-longer": "Log rows are kept no longer",
    "fact:answered": "Open question answered",
    "order:received": "Court order attached",
    "order:verified": "Order document verified",
    "order:rejected": "Order document rejected",
    "order:terms-entered": "Terms of the order entered",
    "order:terms-checked": "Terms of the order checked",
}
# What the recipient did with its package concerns nobody else.
_RECIPIENT_TIMELINE = {"release:downloaded": "Sealed package downloaded"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a timeline: what happened, and when (UTC)."""

    kind: str
    text: str
    at: datetime


def public_state(state: str) -> str:
    """The state as the parties see it.

    Only the worker's own trouble leads to NEEDS_ATTENTION, and trouble may depend on whether there was somebody to
    find; so it looks like the state before it.
    """
    return State.APPROVED.value if state == State.NEEDS_ATTENTION else str(state)


def text_of(state: str, measure: str) -> StateText:
    """The words of a public state for a request that asks for this measure."""
    return (_TO_PRESERVE.get(state) if measure == Measure.PRESERVATION else None) or STATE_TEXTS[state]


def kept_until(line_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, date]:
    """Through which day log rows are kept for these lines; only of requests to preserve, others are left out."""
    with connection.cursor() as cursor:
        # A function of the database, because who asks may be a clerk or counsel, who see no hold.
        cursor.execute("SELECT line, until_on FROM preserved_until(%s)", [list(line_ids)])
        return dict(cursor.fetchall())


def requests_of(user: User) -> QuerySet[DisclosureRequest]:
    """The requests a user may see, the newest first."""
    rows = visible_to(user, DisclosureRequest.objects.all())
    return rows.select_related("court", "organisation").order_by("-filed_at", "id")


def request_of(user: User, identifier: object, field: str = "id") -> DisclosureRequest:
    """One request by id or reference; raises NotFound for a stranger."""
    return get_visible(
        user, DisclosureRequest.objects.select_related("court", "organisation", "filed_by"), identifier, field
    )


def state_counts(request_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """How many lines of each request are in each public state, in the order of the way through."""
    counts: dict[uuid.UUID, Counter[str]] = {identifier: Counter() for identifier in request_ids}
    rows = (
        RequestLine.objects.filter(request__in=list(request_ids))
        .order_by()
        .values_list("request_id", "state")
        .annotate(count=Count("id"))
    )
    for identifier, state, count in rows:
        counts[identifier][public_state(state)] += count
    return {
        identifier: {state: found[state] for state in State.values if state in found}
        for identifier, found in counts.items()
    }


def timeline(subjects: Sequence[uuid.UUID], *, recipient: bool) -> list[Moment]:
    """What happened to a request, its orders and tranches (by their ids): kinds and times only, oldest first.

    recipient: whether the reader is the requesting party.
    """
    texts = _TIMELINE | (_RECIPIENT_TIMELINE if recipient else {})
    rows = (
        Event.objects.filter(subject_id__in=subjects, kind__in=list(texts))
        .order_by("-recorded_at", "-xid")
        .values_list("kind", "recorded_at")[:200]
    )
    return [Moment(kind, texts[kind], at) for kind, at in reversed(rows) if at is not None]


def decision_under_way(lines: QuerySet[RequestLine]) -> bool:
    """Whether somebody has approved in an open round: what that approval rests on must then stay as it is.

    A denial ends a round, so approvals of the first one do not count beside it.
    """
    ids = list(lines.filter(state=State.UNDER_REVIEW).values_list("id", flat=True))
    with connection.cursor() as cursor:
        # A function of the database, because who asks may be a clerk or counsel, who see no decision.
        cursor.execute("SELECT decision_under_way(%s)", [ids])
        return bool(cursor.fetchone()[0])

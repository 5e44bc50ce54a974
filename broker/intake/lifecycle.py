"""The states of a line: which moves exist, who makes them, and the only function that makes one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction

from broker.audit.services import record
from broker.errors import TransitionConflict
from broker.intake.models import RequestLine, State


class Mover(StrEnum):
    """Who may make a move."""

    REQUESTER = "requesting party"
    CLERK = "court clerk"
    JOBS = "the rules engine"
    LEGAL = "legal staff"
    WORKER = "the release worker"
    ENGINEER = "an engineer"


@dataclass(frozen=True, slots=True)
class Move:
    """One move a line can make: from where, to where, by whom, and the event it writes."""

    old: frozenset[State]
    new: State
    by: Mover
    event: str


def _move(old: Iterable[State], new: State, by: Mover, event: str) -> Move:
    return Move(frozenset(old), new, by, event)


_BEFORE_DECISION = (State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW)
# Approved, and not answered.
_UNANSWERED = (State.APPROVED, State.WAITING, State.NEEDS_ATTENTION)

# Each move by its name. The engine may move a line to and fro until two people have decided on it.
TRANSITIONS: dict[str, Move] = {
    "refuse": _move(_BEFORE_DECISION, State.REFUSED, Mover.JOBS, "line:refused"),
    "find-incomplete": _move(_BEFORE_DECISION, State.INCOMPLETE, Mover.JOBS, "line:incomplete"),
    "await-order": _move(_BEFORE_DECISION, State.AWAITING_ORDER, Mover.JOBS, "line:awaiting-order"),
    # A new order is a new ground: it reopens lines that an earlier order's defects closed, and no others.
    "order-again": _move([State.REFUSED], State.AWAITING_ORDER, Mover.CLERK, "line:order-again"),
    "put-to-review": _move(_BEFORE_DECISION, State.UNDER_REVIEW, Mover.JOBS, "line:under-review"),
    "approve": _move([State.UNDER_REVIEW], State.APPROVED, Mover.LEGAL, "line:approved"),
    "deny": _move([State.UNDER_REVIEW], State.DENIED, Mover.LEGAL, "line:denied"),
    "contest": _move([State.UNDER_REVIEW], State.CONTESTED, Mover.LEGAL, "line:contested"),
    "reopen": _move([State.DENIED, State.CONTESTED], State.UNDER_REVIEW, Mover.LEGAL, "line:reopened"),
    "recall": _move([State.APPROVED, State.WAITING], State.RECALLED, Mover.LEGAL, "line:recalled"),
    # The court took its order back before the answer was made, or while log rows were kept under it.
    "lose-order": _move((*_UNANSWERED, State.HELD), State.RECALLED, Mover.CLERK, "line:order-revoked"),
    # The rules the approval rests on were withdrawn before the answer was made.
    "lose-rules": _move(_UNANSWERED, State.RECALLED, Mover.LEGAL, "line:rules-withdrawn"),
    "withdraw": _move((*_BEFORE_DECISION, State.HELD), State.WITHDRAWN, Mover.REQUESTER, "line:withdrawn"),
    # What a request to preserve comes to: by itself where the law has it made on receipt, else by legal staff.
    "keep-on-duty": _move([State.UNDER_REVIEW], State.HELD, Mover.JOBS, "line:held"),
    "keep": _move([State.UNDER_REVIEW], State.HELD, Mover.LEGAL, "line:held"),
    "let-go": _move([State.HELD], State.EXPIRED, Mover.JOBS, "line:held-no-longer"),
    # What the line is about has not been delivered yet by the logs that could show it; the worker looks again.
    "wait-for-log": _move([State.APPROVED], State.WAITING, Mover.WORKER, "line:waiting"),
    "stop-waiting": _move([State.WAITING], State.RELEASING, Mover.WORKER, "line:releasing"),
    "release": _move([State.APPROVED, State.RELEASING], State.RELEASED, Mover.WORKER, "line:released"),
    "try-again": _move([State.NEEDS_ATTENTION], State.APPROVED, Mover.ENGINEER, "line:try-again"),
    "give-up": _move([State.APPROVED, State.WAITING], State.NEEDS_ATTENTION, Mover.WORKER, "line:needs-attention"),
}


def advance(
    name: str,
    request_id: uuid.UUID,
    line_ids: Iterable[uuid.UUID],
    *,
    actor: uuid.UUID | None = None,
    facts: Mapping[str, Any] | None = None,
) -> uuid.UUID:
    """Make one move for many lines of one request, all or none, and return the event's id.

    One guarded UPDATE on the old state and one event, in one transaction. Lines that are in the new state
    already do not count as moved: ask for them and it is a conflict.

    Raises TransitionConflict when any line is not in one of the old states: somebody else was first.
    """
    move = TRANSITIONS[name]
    ids = list(line_ids)
    with transaction.atomic():
        event = record(
            move.event,
            "request",
            request_id,
            {"lines": len(ids), "by": move.by.value.replace(" ", "-")} | dict(facts or {}),
            actor=actor,
            new_state=move.new,
            members=ids,
        )
        moved = RequestLine.objects.filter(
            request_id=request_id, id__in=ids, state__in=[s for s in move.old if s != move.new]
        ).update(state=move.new, event_id=event)
        if moved != len(ids):
            raise TransitionConflict(
                f"Move '{name}' was asked for {len(ids)} line(s) of request {request_id} and only {moved} "
                "were in a state that allows it. Load the page again and decide anew."
            )
    return event


def request_state(states: Mapping[str, int]) -> str:
    """Derive a request's state from the counts of its lines' states: the least advanced one that is open."""
    if not states:
        return State.RECEIVED
    if len(states) == 1:
        return next(iter(states))
    open_states = [s for s in OPEN if s in states]
    return open_states[0] if open_states else State.RELEASED if State.RELEASED in states else max(states)


# States in which somebody still has to do something, the earliest first.
OPEN: tuple[State, ...] = (
    State.RECEIVED,
    State.INCOMPLETE,
    State.AWAITING_ORDER,
    State.UNDER_REVIEW,
    State.CONTESTED,
    State.NEEDS_ATTENTION,
    State.APPROVED,
    State.WAITING,
    State.RELEASING,
    State.HELD,
)

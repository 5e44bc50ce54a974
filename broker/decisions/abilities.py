"""What one person may do with the lines of one request, and why not. The services decide; this says it beforehand."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from broker.assessment.enabling import reason_against_approval
from broker.decisions.balancing.selectors import judged_records
from broker.decisions.models import Decision
from broker.decisions.selectors import Batch, Desk
from broker.decisions.services import APPROVABLE
from broker.intake.models import DisclosureRequest, State
from broker.orders.models import OrderTerms
from broker.parties.models import RecipientKey, User
from legal_rules import Outcome


class Action(StrEnum):
    """What can be done with chosen lines, in the order in which it is offered."""

    APPROVE = "approve"
    DENY = "deny"
    CONTEST = "contest"
    REOPEN = "reopen"
    RECALL = "recall"


# From which states an action starts; others do not count when it is asked why it is not offered.
STARTS_FROM: dict[Action, frozenset[str]] = {
    Action.APPROVE: frozenset({State.UNDER_REVIEW}),
    Action.DENY: frozenset({State.UNDER_REVIEW}),
    Action.CONTEST: frozenset({State.UNDER_REVIEW}),
    Action.REOPEN: frozenset({State.DENIED, State.CONTESTED}),
    Action.RECALL: frozenset({State.APPROVED, State.WAITING}),
}


HINTS: dict[Action, str] = {
    Action.APPROVE: "Two different people have to.",
    Action.DENY: "Ends the round at once.",
    Action.CONTEST: "The order is valid and you think it wrong: take it to the court.",
    Action.REOPEN: "Put under review again for a second and last round.",
    Action.RECALL: "Stop the answer; one person is enough.",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One action: for how many lines this person may take it, and why not for others."""

    action: Action
    count: int
    reasons: tuple[str, ...]

    @property
    def label(self) -> str:
        return self.action.value.capitalize()

    @property
    def hint(self) -> str:
        return HINTS[self.action]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for the whole request: reasons against any action, and against approvals.

    judged: digests of the records that people have concluded for the disclosure.
    """

    person: uuid.UUID
    involved: str
    no_approval: str
    judged: frozenset[str]


def read_circumstances(user: User, request: DisclosureRequest, desk: Desk) -> Circumstances:
    """Read what keeps this person from acting on this request, or anybody from approving it."""
    left = {line.record for batch in desk.batches if needs_judgement(batch) for line in batch.lines}
    return Circumstances(
        user.person_id,
        involvement(user, request),
        _against_approval(request, desk),
        judged_records(request.id, left) if left else frozenset(),
    )


def needs_judgement(batch: Batch) -> bool:
    """Whether the law leaves something about these lines to people."""
    return batch.answer is not None and batch.answer.outcome == Outcome.NEEDS_JUDGEMENT


def involvement(user: User, request: DisclosureRequest) -> str:
    """Say in one sentence why this person may do nothing about the request; "" where they may."""
    if request.filed_by.person_id == user.person_id:
        return "You filed this request yourself, so others decide on it."
    if request.orders.filter(uploaded_by__person_id=user.person_id).exists():
        return "You brought the order yourself, so others decide on this request."
    if OrderTerms.objects.filter(order__request=request, entered_by__person_id=user.person_id).exists():
        return "You entered the terms of the order yourself, so others decide on this request."
    return ""


def _against_approval(request: DisclosureRequest, desk: Desk) -> str:
    if request.as_of is not None:
        return f"This request studies the law as of {request.as_of}; it can never be approved."
    under_review = [batch.answer for batch in desk.batches if batch.state == State.UNDER_REVIEW and batch.answer]
    if draft := reason_against_approval(request.jurisdiction, {answer.text_hash for answer in under_review}):
        return draft
    if desk.assessed_terms != desk.newest_terms:
        return "The terms of the order were corrected; wait until they are checked and assessed."
    if not RecipientKey.objects.filter(organisation=request.organisation_id, withdrawn_at=None).exists():
        return "The requesting party has registered no key to seal an answer to. Ask it to do so first."
    return ""


def reason_against(action: Action, batch: Batch, circumstances: Circumstances) -> str:
    """Say in one sentence why this person may not take this action on these lines; "" where they may."""
    if circumstances.involved:
        return circumstances.involved
    mine = [seat for seat in batch.seats if seat.person == circumstances.person]
    if action is Action.REOPEN:
        if any(seat.round == 2 for seat in batch.seats):
            return "There was a second round already; there is no third."
        return "You have decided on these lines; somebody who has not reopens them." if mine else ""
    if action in (Action.CONTEST, Action.RECALL):
        return ""
    if batch.seats and batch.seats[-1].verdict == Decision.Verdict.DENY:
        if mine:
            return "You decided in the first round; somebody who did not opens the second."
    elif any(seat.round == batch.seats[-1].round for seat in mine):
        return "You have approved these lines already; the second seat is somebody else's."
    return _against_approving(batch, circumstances) if action is Action.APPROVE else ""


def _against_approving(batch: Batch, circumstances: Circumstances) -> str:
    if circumstances.no_approval:
        return circumstances.no_approval
    outcome = "" if batch.answer is None else batch.answer.outcome
    if outcome not in [approvable.value for approvable in APPROVABLE]:
        return "The law as assessed does not allow an approval."
    if needs_judgement(batch) and any(line.record not in circumstances.judged for line in batch.lines):
        return "What the law leaves to people has not been concluded for a disclosure of all these lines."
    return ""


def offers(desk: Desk, circumstances: Circumstances) -> list[Offer]:
    """List every action that concerns a line of this request, offered or not, with the reasons against it."""
    found = []
    for action, states in STARTS_FROM.items():
        batches = [batch for batch in desk.batches if batch.state in states]
        if not batches:
            continue
        against = [(batch, reason_against(action, batch, circumstances)) for batch in batches]
        found.append(
            Offer(
                action=action,
                count=sum(len(batch.lines) for batch, reason in against if not reason),
                reasons=tuple(dict.fromkeys(reason for _, reason in against if reason)),
            )
        )
    return found


def actions_for(batch: Batch, circumstances: Circumstances) -> list[Action]:
    """The actions this person may take on one batch."""
    return [
        action
        for action, states in STARTS_FROM.items()
        if batch.state in states and not reason_against(action, batch, circumstances)
    ]

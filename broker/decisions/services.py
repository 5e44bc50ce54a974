"""Two people decide, line by line or many at once; what both approve becomes a tranche for the release worker."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from broker.assessment.enabling import reason_against_approval
from broker.assessment.models import LineAssessment
from broker.assessment.services import newest_assessments
from broker.audit.services import record
from broker.decisions.balancing.selectors import judged_records
from broker.decisions.models import Decision, Note, Tranche, TrancheLine
from broker.errors import InputError, NotAllowed, Problem, TransitionConflict
from broker.intake.lifecycle import advance
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.intake.selectors import decision_under_way
from broker.intake.slip_questions import lines_in_question
from broker.orders.models import CourtOrder, OrderTerms
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import RecipientKey, Role, User
from legal_rules import Outcome

# An approval needs one of these, the last one with what people concluded; a release needs the worker's own answer.
APPROVABLE = (Outcome.PERMITTED, Outcome.CONDITIONAL, Outcome.NEEDS_JUDGEMENT)


def decide(
    user: User,
    request: DisclosureRequest,
    line_ids: Sequence[uuid.UUID],
    verdict: Decision.Verdict,
    reason: str,
) -> Tranche | None:
    """Take a seat in the round of each line and give one verdict with one reason for all of them.

    Returns the tranche when this was the second approval, else None. A denial ends the round at once.

    Raises NotAllowed when the person may not decide here (not legal staff, filed the request, brought the order,
    sits in the round already), InputError without a reason or lines, TransitionConflict when a line is not under
    review or its assessment does not allow an approval.
    """
    ids = list(dict.fromkeys(line_ids))
    problems = []
    if not 1 <= len(reason.strip()) <= 2000:
        problems.append(Problem("reason.text", "reason", "Give your reason in 1 to 2000 characters."))
    if not ids:
        problems.append(Problem("lines.count", "lines", "Choose at least one line."))
    if problems:
        raise InputError(problems)
    with transaction.atomic():
        lines = list(
            RequestLine.objects.select_for_update(of=("self",))
            .filter(request=request, id__in=ids, state=State.UNDER_REVIEW)
            .order_by("number")
        )
        if len(lines) != len(ids):
            raise TransitionConflict(
                f"{len(ids) - len(lines)} of {len(ids)} line(s) are not under review. Load the page again."
            )
        require_independent(user, request)
        assessments = newest_assessments(lines)
        if verdict == Decision.Verdict.APPROVE:
            _require_approvable(request, lines, assessments)
        seats = _take_seats(user, lines)
        event = record(
            "decision:made",
            "request",
            request.id,
            {"verdict": verdict.value, "lines": len(lines)},
            actor=user.id,
        )
        Decision.objects.bulk_create(
            Decision(
                line=line,
                round=seats[line.id][0],
                seat=seats[line.id][1],
                person=user.person_id,
                decided_by=user,
                verdict=verdict,
                reason=reason.strip(),
                assessment=assessments[line.id],
                event_id=event,
            )
            for line in lines
        )
        if verdict == Decision.Verdict.DENY:
            advance("deny", request.id, ids, actor=user.id)
            return None
        complete = [line.id for line in lines if seats[line.id][1] == 2]
        return _approve(user, request, complete, assessments) if complete else None


def require_independent(user: User, request: DisclosureRequest) -> None:
    """Refuse whoever is not legal staff, filed the request or brought its order, with NotAllowed."""
    if user.role != Role.LEGAL:
        raise NotAllowed("Decisions are made by the operator's legal staff.")
    involved = {request.filed_by.person_id}
    for order in request.orders.select_related("uploaded_by"):
        involved.add(order.uploaded_by.person_id)
        involved.update(order.terms.values_list("entered_by__person_id", flat=True))
    if user.person_id in involved:
        raise NotAllowed("You filed this request or brought its order, so others decide on it.")


def _require_approvable(
    request: DisclosureRequest,
    lines: Sequence[RequestLine],
    assessments: dict[uuid.UUID, LineAssessment],
) -> None:
    if request.as_of is not None:
        raise NotAllowed("This request studies the law of a past day; it can never be approved.")
    if draft := reason_against_approval(request.jurisdiction, _packs_of(assessments.values())):
        raise NotAllowed(draft)
    for line in lines:
        found = assessments.get(line.id)
        if found is None or found.terms_id is None or found.record.outcome not in [o.value for o in APPROVABLE]:
            raise TransitionConflict(f"The law as assessed does not allow an approval of line {line.number}.")
    if questioned := lines_in_question([line.id for line in lines]):
        number = next(line.number for line in lines if line.id in questioned)
        raise TransitionConflict(f"Whoever typed line {number} has still to answer a question about it.")
    _require_judged(request, lines, assessments)
    _require_settled_terms(request, lines, assessments)
    if not RecipientKey.objects.filter(organisation=request.organisation_id, withdrawn_at=None).exists():
        raise NotAllowed("The requesting party has registered no key to seal an answer to. Ask it to do so first.")


def _packs_of(assessments: Iterable[LineAssessment]) -> set[str]:
    return {found.record.pack_version_id for found in assessments}


def _require_judged(
    request: DisclosureRequest, lines: Sequence[RequestLine], assessments: dict[uuid.UUID, LineAssessment]
) -> None:
    """What the law leaves to people is concluded for the disclosure, on exactly the record that is decided on."""
    left = {f.record_id for f in assessments.values() if f.record.outcome == Outcome.NEEDS_JUDGEMENT}
    missing = left - judged_records(request.id, left)
    for line in lines:
        if assessments[line.id].record_id in missing:
            raise TransitionConflict(
                f"The law leaves a question about line {line.number} to people, and they have not concluded for a "
                "disclosure. It can only be denied or contested."
            )


def _require_settled_terms(
    request: DisclosureRequest, lines: Sequence[RequestLine], assessments: dict[uuid.UUID, LineAssessment]
) -> None:
    """Approvals rest on the newest terms of the newest verified order, and both on the same answer of the law."""
    newest = (
        OrderTerms.objects.filter(order__request=request, order__state=CourtOrder.State.VERIFIED)
        .order_by("-order__uploaded_at", "-order__id", "-version")
        .first()
    )
    unchecked = request.orders.filter(state=CourtOrder.State.RECEIVED).exists()
    if unchecked or newest is None or any(found.terms_id != newest.id for found in assessments.values()):
        raise TransitionConflict(
            "A newer order or corrected terms are being checked, or these lines rest on another order. Wait a moment "
            "and load the page again."
        )
    if newest.expires_on < timezone.now().date():
        raise TransitionConflict("The order has expired; an expired order is not executed.")
    earlier = (
        Decision.objects.filter(line__in=lines)
        .order_by("line_id", "-round", "seat")
        .distinct("line_id")
        .select_related("assessment__record", "line")
    )
    approved = [decision.assessment for decision in earlier if decision.verdict == Decision.Verdict.APPROVE]
    if reason_against_approval(request.jurisdiction, _packs_of(approved)):
        raise TransitionConflict(
            "The rules that the first approval rested on are not enabled any more. Deny, and let a third person open a "
            "second round."
        )
    for decision in earlier:
        seen, now = decision.assessment, assessments[decision.line_id]
        same = (seen.terms_id, seen.record.outcome, seen.record.granted) == (
            now.terms_id,
            now.record.outcome,
            now.record.granted,
        )
        if now.record.outcome == Outcome.NEEDS_JUDGEMENT:
            # People judged one record; another one, however alike, they did not.
            same = same and seen.record_id == now.record_id
        if decision.verdict == Decision.Verdict.APPROVE and not same:
            raise TransitionConflict(
                f"What the first approval of line {decision.line.number} rested on has changed. Deny it, and let a "
                "third person open a second round."
            )


def _take_seats(user: User, lines: Sequence[RequestLine]) -> dict[uuid.UUID, tuple[int, int]]:
    """Find each line's open round and free seat: (round, seat)."""
    past: dict[uuid.UUID, list[Decision]] = defaultdict(list)
    for decision in Decision.objects.filter(line__in=lines).order_by("round", "seat"):
        past[decision.line_id].append(decision)
    seats: dict[uuid.UUID, tuple[int, int]] = {}
    for line in lines:
        made = past[line.id]
        current = made[-1].round if made else 1
        if made and made[-1].verdict == Decision.Verdict.DENY:
            current += 1
            if any(d.person == user.person_id for d in made):
                raise NotAllowed("Somebody who has not decided on this line yet opens its second round.")
        sitting = [d for d in made if d.round == current]
        if any(d.person == user.person_id for d in sitting):
            raise NotAllowed(f"You have decided on line {line.number} already; the second seat is somebody else's.")
        seats[line.id] = (current, len(sitting) + 1)
    return seats


def _approve(
    user: User,
    request: DisclosureRequest,
    ids: list[uuid.UUID],
    assessments: dict[uuid.UUID, LineAssessment],
) -> Tranche:
    terms = assessments[ids[0]].terms
    if terms is None:
        raise TransitionConflict("No order stands behind this assessment. Load the page again.")
    advance("approve", request.id, ids, actor=user.id)
    key = RecipientKey.objects.select_for_update().get(organisation=request.organisation_id, withdrawn_at=None)
    identifier = uuid.uuid4()
    event = record(
        "tranche:made",
        "tranche",
        identifier,
        {"request": str(request.id), "lines": len(ids), "recipient": key.fingerprint},
        actor=user.id,
    )
    tranche = Tranche.objects.create(
        id=identifier,
        request=request,
        terms=terms,
        recipient_key=key,
        event_id=event,
    )
    TrancheLine.objects.bulk_create(TrancheLine(tranche=tranche, line_id=line) for line in ids)
    ask(OutboxRow.Kind.RELEASE, tranche.id)
    return tranche


def contest(user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], reason: str) -> None:
    """Take lines with a valid order that legal staff think wrong to the court instead of deciding on them.

    Only before anybody has approved in the open round: an approval must not survive a dispute about its ground.

    Raises NotAllowed for others than independent legal staff, InputError without a reason.
    """
    with transaction.atomic():
        # Locked first, so that no approval comes between the look and the move.
        lines = RequestLine.objects.filter(request=request, id__in=line_ids)
        list(lines.select_for_update(of=("self",)).values_list("id"))
        if decision_under_way(lines):
            raise NotAllowed("Somebody has approved already. Deny to end that round; contest once it is reopened.")
        _move_with_reason("contest", user, request, line_ids, reason)


def reopen(user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], reason: str) -> None:
    """Put denied or contested lines under review again; a third person then opens the second round."""
    for line in RequestLine.objects.filter(request=request, id__in=line_ids):
        if line.decisions.filter(round=2).exists():
            raise NotAllowed(f"Line {line.number} has had its second round; there is no third.")
        if line.decisions.filter(person=user.person_id).exists():
            raise NotAllowed("Somebody who has not decided on this line yet opens its second round.")
    _move_with_reason("reopen", user, request, line_ids, reason)


def recall(user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], reason: str) -> None:
    """Take back an approval that the worker has not answered yet; one person suffices to stop a release."""
    _move_with_reason("recall", user, request, line_ids, reason)


def _move_with_reason(
    name: str, user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], reason: str
) -> None:
    if not 1 <= len(reason.strip()) <= 2000:
        raise InputError([Problem("reason.text", "reason", "Give your reason in 1 to 2000 characters.")])
    if not line_ids:
        raise InputError([Problem("lines.count", "lines", "Choose at least one line.")])
    require_independent(user, request)
    with transaction.atomic():
        event = advance(name, request.id, line_ids, actor=user.id)
        if name == "reopen":
            ask(OutboxRow.Kind.ASSESS, request.id)
        Note.objects.create(request=request, move=name, reason=reason.strip(), written_by=user, event_id=event)

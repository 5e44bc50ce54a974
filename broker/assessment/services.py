"""Ask the rules engine, store its answer verbatim, move the lines accordingly.

1. `assess_request` (jobs): facts from the rows, one answer a line, one move for all lines that end in the same state.
2. `answer_question` (people): an answer to an open question, with a reason; then step 1 again.
The release worker asks the engine once more with what only it knows; see `assess_lines_of`.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.utils import timezone

from broker.assessment.facts import (
    TWO_PEOPLE,
    OrderState,
    known,
    line_facts,
    order_facts,
    order_state,
    request_facts,
)
from broker.assessment.models import AssessmentRecord, FactAnswer, LineAssessment, PackVersion
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import TRANSITIONS, advance
from broker.intake.models import DisclosureRequest, Measure, RequestLine, State
from broker.intake.questions import expected_answer, read_answer
from broker.intake.selectors import decision_under_way
from broker.intake.slip_questions import lines_in_question
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Role, User
from legal_rules import Assessment, Fact, Outcome, Pack, assess_lines, facts_of_open_holds, load_pack

# States in which the engine may still move a line: nobody has decided on it yet.
_ASSESSED = (State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW)

# Who may answer which questions; the order's facts come with its terms, the product's and worker's from rows.
_ANSWERERS: dict[str, tuple[Role, ...]] = {
    "requester": (Role.COUNSEL, Role.AUTHORITY),
    "legal staff": (Role.LEGAL,),
    TWO_PEOPLE: (Role.LEGAL,),
}

_UNCHANGED = "This answer stands already, so it changes nothing. Choose another one, or leave it as it is."


def assess_request(request_id: uuid.UUID) -> None:
    """Assess every line of a request that nobody has decided on, store the answers, move the lines."""
    request = DisclosureRequest.objects.get(id=request_id)
    lines = list(
        RequestLine.objects.select_for_update(of=("self",))
        .filter(request=request, state__in=_ASSESSED)
        .order_by("number")
    )
    if not lines:
        return
    pack = load_pack(request.jurisdiction)
    state = order_state(request)
    answers = assess_lines_of(request, pack, state, lines, today(request))
    store_assessments(request, pack, state, lines, answers)
    moves: dict[str, list[uuid.UUID]] = defaultdict(list)
    questioned = lines_in_question([line.id for line in lines])
    preserves = request.measure == Measure.PRESERVATION
    # Lines that say the same share one answer.
    distinct = {id(each): each for each in answers} if preserves else {}
    settlers = {key: _who_can_bring_a_hold(request, each, pack) for key, each in distinct.items()}
    for line, answer in zip(lines, answers, strict=True):
        if preserves:
            name = move_to_preserve(answer, settlers[id(answer)], questioned=line.id in questioned)
        else:
            name = move_for(answer, questioned=line.id in questioned)
        if line.state != TRANSITIONS[name].new:
            moves[name].append(line.id)
    for name, ids in moves.items():
        advance(name, request.id, ids)


def today(request: DisclosureRequest) -> date:
    """The day whose law governs: today in UTC, or the past day a study asks for."""
    return request.as_of or timezone.now().date()


def assess_lines_of(
    request: DisclosureRequest,
    pack: Pack,
    state: OrderState,
    lines: Sequence[RequestLine],
    on: date,
    extra: Mapping[uuid.UUID, Mapping[str, Fact]] | None = None,
) -> Sequence[Assessment]:
    """Ask the engine about lines of one request. extra: facts by line that only the release worker knows."""
    common = request_facts(request, pack, request.answers.order_by("id")) | order_facts(state, pack)
    varying = [known({**line_facts(request, line, state), **(extra or {}).get(line.id, {})}, pack) for line in lines]
    return assess_lines(
        pack,
        known(common, pack),
        varying,
        requested=request.categories,
        ordered=None if state.terms is None else state.terms.categories,
        on=on,
    )


def store_assessments(
    request: DisclosureRequest,
    pack: Pack,
    state: OrderState,
    lines: Sequence[RequestLine],
    answers: Sequence[Assessment],
) -> None:
    """Store answers byte for byte, each distinct one once, with the text of the pack that gave them."""
    PackVersion.objects.get_or_create(
        text_hash=pack.text_hash,
        defaults={
            "pack": pack.id,
            "meaning_hash": pack.meaning_hash,
            "content": json.dumps(pack.files, ensure_ascii=False),
        },
    )
    digests: dict[int, str] = {}
    for answer in {id(a): a for a in answers}.values():
        content = answer.to_json()
        digests[id(answer)] = sha256_hex(content)
        AssessmentRecord.objects.get_or_create(
            digest=digests[id(answer)],
            defaults={
                "pack_version_id": pack.text_hash,
                "content": content.decode(),
                "outcome": answer.outcome.value,
                "granted": sorted(answer.granted),
            },
        )
    event = record(
        "assessment:made",
        "request",
        request.id,
        {
            "pack": pack.id,
            "text_hash": pack.text_hash,
            "lines": len(lines),
            "answers": dict(sorted(_counts(digests[id(a)] for a in answers).items())),
        },
    )
    last = LineAssessment.objects.filter(line__request=request).aggregate(n=Max("sequence"))["n"] or 0
    LineAssessment.objects.bulk_create(
        LineAssessment(
            line=line,
            record_id=digests[id(answer)],
            terms=state.terms,
            for_study=request.as_of is not None,
            hold_allowed=answer.hold_allowed,
            sequence=last + 1,
            event_id=event,
        )
        for line, answer in zip(lines, answers, strict=True)
    )


def _counts(items: Any) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for item in items:
        counts[item] += 1
    return counts


def move_for(answer: Assessment, *, questioned: bool = False) -> str:
    """Which move an answer of the engine asks for; the name is a key of TRANSITIONS.

    questioned: whoever typed the line has still to say whether it is right; nobody is asked for an order before.

    The requester's own questions come first: no court is asked before they are answered. A line that waits for the
    order waits for nobody else, although the operator's legal staff may answer their questions meanwhile; what they
    have not answered by then makes the line INCOMPLETE once the order is there, which brings it into their queue.
    """
    if answer.outcome == Outcome.REFUSED:
        return "refuse"
    if questioned:
        return "find-incomplete"
    if answer.outcome == Outcome.INCOMPLETE:
        waits_for = {question.settled_by for question in answer.settle}
        return "await-order" if "order" in waits_for and "requester" not in waits_for else "find-incomplete"
    return "put-to-review"


def move_to_preserve(answer: Assessment, settlers: Collection[str], *, questioned: bool = False) -> str:
    """Which move an answer asks for where data are only to be preserved. It always refuses to disclose them.

    settlers: who can still settle something that a hold depends on. Nothing is ever put to two people for an answer:
    under review, one person of the operator confirms the hold.
    """
    if questioned:
        return "find-incomplete"
    if answer.hold_allowed:
        return "put-to-review"
    return "await-order" if "order" in settlers else "refuse"


def _who_can_bring_a_hold(request: DisclosureRequest, answer: Assessment, pack: Pack) -> frozenset[str]:
    """Who can still settle something on which it depends whether a hold is allowed."""
    stated = stored_facts(pack, json.loads(answer.inputs)["facts"])
    names = facts_of_open_holds(pack, stated, requested=request.categories, on=answer.on)
    return frozenset(pack.facts[name].settled_by for name in names)


def stored_facts(
    pack: Pack, stored: Mapping[str, Sequence[Mapping[str, Any]]], *, but: Collection[str] = ()
) -> dict[str, Any]:
    """Read stored facts back, those left out that the pack of today does not know. but: whose facts are left out."""
    facts: dict[str, Any] = {}
    for name, said in stored.items():
        spec = pack.facts.get(name)
        values = {each["value"] for each in said}
        # Two sources that differ leave a fact open.
        if spec is None or spec.settled_by in but or len(values) != 1:
            continue
        (value,) = values
        facts[name] = date.fromisoformat(value) if spec.type == "date" else value
    return facts


def newest_assessments(lines: Sequence[RequestLine]) -> dict[uuid.UUID, LineAssessment]:
    """The newest assessment of each line, with its record."""
    found = (
        LineAssessment.objects.filter(line__in=[line.id for line in lines])
        .order_by("line_id", "-sequence")
        .distinct("line_id")
        .select_related("record")
    )
    return {assessment.line_id: assessment for assessment in found}


def answer_question(user: User, request: DisclosureRequest, fact: str, value: object, reason: str) -> FactAnswer:
    """Record a person's answer to an open question of the engine and have the request assessed anew.

    A question for two people is answered by each for themselves: see `facts.request_facts`.

    Raises InputError for an unknown question, a value that does not answer it or that stands already, or a missing
    reason, and NotAllowed when this question is somebody else's to answer or nothing is open any more.
    """
    pack = load_pack(request.jurisdiction)
    spec = pack.facts.get(fact)
    if spec is None:
        raise InputError([Problem("fact.unknown", "fact", "The rules of this place ask no such question.")])
    if user.role not in _ANSWERERS.get(spec.settled_by, ()) or spec.known_to == "worker":
        raise NotAllowed(f"This question is answered by: {spec.settled_by}.")
    if spec.settled_by != "requester" and request.filed_by.person_id == user.person_id:
        raise NotAllowed("You filed this request yourself, so others answer this question.")
    if spec.settled_by != "requester" and _brought_order(user, request):
        raise NotAllowed("You brought the order of this request, so others answer this question.")
    problems: list[Problem] = []
    answer = read_answer(spec, value)
    if answer is None:
        problems.append(Problem("fact.value", "value", f"{spec.ask} Answer {expected_answer(spec)}."))
    if not 1 <= len(reason.strip()) <= 1000 or "\x00" in reason:
        problems.append(Problem("reason.text", "reason", "Give the reason in 1 to 1000 characters."))
    if problems:
        raise InputError(problems)
    with transaction.atomic():
        open_lines = RequestLine.objects.select_for_update(of=("self",)).filter(request=request, state__in=_ASSESSED)
        if not open_lines.exists():
            raise NotAllowed("Every line of this request is refused, decided or answered; no answer is needed.")
        if decision_under_way(RequestLine.objects.filter(request=request)):
            raise NotAllowed("A decision on this request is under way. Ask the operator to end its round first.")
        event = record("fact:answered", "request", request.id, {"fact": fact}, actor=user.id)
        try:
            stored = FactAnswer.objects.create(
                request=request,
                fact=fact,
                value=answer,
                reason=reason.strip(),
                settled_by=spec.settled_by,
                answered_by=user,
                person=user.person_id,
                event_id=event,
            )
        except IntegrityError as error:
            # What stands may be hidden from whoever asks; only the database sees it all.
            if "stands already" not in str(error):
                raise
            raise InputError([Problem("fact.unchanged", "value", _UNCHANGED)]) from None
        ask(OutboxRow.Kind.ASSESS, request.id)
    return stored


def _brought_order(user: User, request: DisclosureRequest) -> bool:
    by_person = Q(uploaded_by__person_id=user.person_id) | Q(terms__entered_by__person_id=user.person_id)
    return request.orders.filter(by_person).exists()

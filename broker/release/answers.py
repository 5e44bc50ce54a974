"""Answer the lines of a tranche: who held the address, may it be said, and what exactly.

The only place where requests, leases and identities meet. It runs in the release worker and writes nothing.

1. Re-check everything an approval rested on; what no longer holds makes the line a late refusal.
2. Look all remaining lines up in one batch, by the selectors of the order.
3. Assess them once more, with the facts only known now.
4. Read granted categories of identified subscribers, and nothing else, from the sealed identities.

A miss, a late refusal and a hit have the same shape; only the recipient can tell them apart.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from broker.assessment.enabling import require_enabled
from broker.assessment.facts import OrderState, terms_state
from broker.assessment.services import assess_lines_of, today
from broker.attribution.services import Observation, attribute, awaits_logs
from broker.attribution.verdict import Resolution, Verdict
from broker.crypto.epochs import EpochPrivateKey
from broker.crypto.errors import UnsealError
from broker.decisions.balancing.selectors import is_same_judgement, judged_records
from broker.decisions.holds.selectors import live_holds
from broker.decisions.models import Decision, Tranche
from broker.identities.services import OpenedIdentity, open_identities, require_store
from broker.intake.models import DisclosureRequest, Measure, RequestLine, State
from broker.intake.observation import PROTOCOL_NUMBERS
from broker.orders.matching import Selector, covering
from broker.orders.material import court_trust
from broker.orders.models import CourtOrder
from broker.orders.sandbox import run_verification
from broker.orders.services import covered_selectors, line_selector
from broker.orders.verdict import UNSETTLED
from broker.release.content import LineOutcome, ReleaseLine
from broker.release.errors import OrderUnsettledError
from broker.release.reasons import EXPLANATIONS, reason_code
from broker.release.which_address import WhichAddress, told
from legal_rules import Assessment, Fact, Outcome, load_pack

# What is told of the subscriber of a line: category -> value, and which postal address that is.
Told = tuple[dict[str, str], WhichAddress | None]
_NOTHING: Told = ({}, None)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a tranche is answered with, the hashes of the pack that decided, and who of its place reviewed it."""

    lines: tuple[ReleaseLine, ...]
    pack_id: str
    text_hash: str
    meaning_hash: str
    review: str


def answer_lines(
    tranche: Tranche, lines: Sequence[RequestLine], epoch_private: EpochPrivateKey, *, now: datetime
) -> Answers:
    """Answer approved lines of one tranche. now: the database's clock, aware.

    Every line gets an answer; an answer with a name needs a unique holder over the whole window, an order that still
    holds, two approvals, and PERMITTED, or what people concluded for it where the law leaves that to them. Raises
    PackNotEnabledError where the rules of the place are a draft today.
    """
    request, pack = tranche.request, load_pack(tranche.request.jurisdiction)
    # Before anything is looked up: under a draft nobody learns even that there was somebody to find.
    review = require_enabled(pack)
    # The terms frozen at approval, also where the clerk has entered newer ones for other lines since.
    state = terms_state(tranche.terms) or OrderState()
    late = _late_refusals(tranche, lines, now=now)
    selectors = _selectors(tranche, lines)
    late |= {line.id: "not-covered" for line in lines if line.id not in selectors}
    open_lines = [line for line in lines if line.id not in late]
    verdicts = attribute(_observations(request, open_lines, selectors), tolerance=_tolerance(), now=now)
    extra = {line.id: _worker_facts(selectors[line.id], verdicts[line.id]) for line in open_lines}
    assessed = assess_lines_of(request, pack, state, open_lines, today(request), extra)
    # Not stored: outside the package, this outcome would tell a hit from a miss.
    by_line = dict(zip((line.id for line in open_lines), assessed, strict=True))
    granted = _granted(tranche, open_lines, verdicts, by_line)
    names = _read_identities(granted, verdicts, epoch_private)
    late |= {line: "no-identity" for line in granted if line not in names}
    return Answers(
        lines=tuple(
            _release_line(
                line, selectors.get(line.id), late.get(line.id), verdicts.get(line.id), names.get(line.id, _NOTHING)
            )
            for line in lines
        ),
        pack_id=pack.id,
        text_hash=pack.text_hash,
        meaning_hash=pack.meaning_hash,
        review=review.text,
    )


def must_wait(tranche: Tranche, lines: Sequence[RequestLine], *, now: datetime) -> bool:
    """Tell whether the answer to a tranche has to wait for logs: some line needs what is not delivered, time is left.

    Looks at no evidence, so that waiting says nothing of what will be found. An order that runs out meanwhile, or that
    does not cover a line, leaves nothing to wait for. now: the database's clock, aware.
    """
    if now >= tranche.created_at + timedelta(hours=settings.LOG_WAIT_HOURS) or _order_lapse(tranche, now):
        return False
    selectors = _selectors(tranche, lines)
    covered = [line for line in lines if line.id in selectors]
    return bool(awaits_logs(_observations(tranche.request, covered, selectors), tolerance=_tolerance(), now=now))


def _selectors(tranche: Tranche, lines: Sequence[RequestLine]) -> dict[uuid.UUID, Selector]:
    """Give the words of the order that cover each line; a line that none covers is left out."""
    covered = covered_selectors(tranche.terms)
    found = {line.id: covering(line_selector(line), covered.get(line.address, [])) for line in lines}
    return {line: selector for line, selector in found.items() if selector is not None}


def _observations(
    request: DisclosureRequest, lines: Sequence[RequestLine], selectors: Mapping[uuid.UUID, Selector]
) -> list[Observation[uuid.UUID]]:
    preserved = _preserved(request, lines)
    return [
        Observation(
            line.id,
            line.address,
            selectors[line.id].source_port,
            line.observed_at,
            float(line.unit_seconds),
            case=preserved.get(line.id, line.id),
            protocol=PROTOCOL_NUMBERS.get(selectors[line.id].protocol),
        )
        for line in lines
    ]


def _preserved(request: DisclosureRequest, lines: Sequence[RequestLine]) -> dict[uuid.UUID, uuid.UUID]:
    """Find for each line without a hold of its own the one for which its party has had the same rows preserved.

    Only what the same party asked to be kept, in the same kind of proceeding under the same law, and about the very
    same address, port and moment: nobody is answered from what was kept for somebody or something else.
    """
    own = set(live_holds(line.id for line in lines).values_list("line_id", flat=True))
    kept = RequestLine.objects.filter(
        state=State.HELD,
        request__measure=Measure.PRESERVATION,
        request__organisation=request.organisation_id,
        request__proceeding=request.proceeding,
        request__jurisdiction=request.jurisdiction,
        address__in={line.address for line in lines},
    ).order_by("request__filed_at", "number")
    found = {_seen(line): line.id for line in kept}
    return {line.id: found[_seen(line)] for line in lines if line.id not in own and _seen(line) in found}


def _seen(line: RequestLine) -> tuple[object, ...]:
    return line.address, line.source_port, line.observed_at, line.unit_seconds


def _tolerance() -> timedelta:
    return timedelta(seconds=settings.TOLERANCE_SECONDS)


def _order_lapse(tranche: Tranche, now: datetime) -> str:
    """Say why the order is not in force today, as far as its row tells; "" when it is."""
    order = tranche.terms.order
    if order.state != CourtOrder.State.VERIFIED or order.request_id != tranche.request_id:
        return "order-not-in-force"
    if not tranche.terms.issued_on <= now.date() <= tranche.terms.expires_on:
        return "order-expired"
    return ""


def _late_refusals(tranche: Tranche, lines: Sequence[RequestLine], *, now: datetime) -> dict[uuid.UUID, str]:
    """Lines that may not be looked up any more, with the reason: the worker believes only what it re-checks."""
    reason = _order_lapse(tranche, now)
    if not reason and not _holds_still(tranche.terms.order, now):
        reason = "order-not-verified"
    if reason:
        return {line.id: reason for line in lines}
    approvals: dict[uuid.UUID, set[uuid.UUID]] = {}
    for decision in Decision.objects.filter(line__in=lines, verdict=Decision.Verdict.APPROVE):
        approvals.setdefault(decision.line_id, set()).add(decision.person)
    return {line.id: "not-approved" for line in lines if len(approvals.get(line.id, ())) < 2}


def _holds_still(order: CourtOrder, now: datetime) -> bool:
    verdict = run_verification(bytes(order.document.content), court_trust(order.court_id), now)
    if verdict.failure is not None and verdict.failure.code in UNSETTLED:
        # Nobody has said that the order is bad. The work is tried again, and then a person looks.
        raise OrderUnsettledError("The order could not be examined to the end; see the checks of this machine.")
    return verdict.passed


def _worker_facts(selector: Selector, verdict: Verdict) -> dict[str, Fact]:
    """Facts only the worker knows; a log row of mixed origin leaves its provenance open, which permits nothing."""
    facts = {
        "address-shared": Fact(verdict.shared, source="lease store"),
        "port-given": Fact(selector.source_port is not None, source="order terms"),
    }
    if verdict.provenance is not None:
        facts["log-provenance"] = Fact(verdict.provenance.value, source="lease store")
    return facts


def _granted(
    tranche: Tranche,
    lines: Sequence[RequestLine],
    verdicts: Mapping[uuid.UUID, Verdict],
    assessed: Mapping[uuid.UUID, Assessment],
) -> dict[uuid.UUID, frozenset[str]]:
    """The categories that may be read for each line: requested, ordered and allowed. Empty lines are left out."""
    within = frozenset(tranche.request.categories) & frozenset(tranche.terms.categories)
    approved = {
        decision.line_id: decision.assessment.record
        for decision in Decision.objects.filter(line__in=lines, verdict=Decision.Verdict.APPROVE)
        .order_by("round")
        .select_related("assessment__record")
    }
    judged = judged_records(tranche.request_id, {record.digest for record in approved.values()})
    granted: dict[uuid.UUID, frozenset[str]] = {}
    for line in lines:
        answer, record = assessed[line.id], approved[line.id]
        allowed = answer.outcome == Outcome.PERMITTED or (
            # What people concluded holds for what they judged: the same questions, with nothing left open.
            answer.outcome == Outcome.NEEDS_JUDGEMENT and record.digest in judged and is_same_judgement(answer, record)
        )
        if verdicts[line.id].outcome is Resolution.UNIQUE and allowed:
            # Never more than the two people saw when they approved, whatever has been answered since.
            granted[line.id] = within & answer.granted & frozenset(record.granted)
    return {line: categories for line, categories in granted.items() if categories}


def _read_identities(
    granted: Mapping[uuid.UUID, frozenset[str]],
    verdicts: Mapping[uuid.UUID, Verdict],
    epoch_private: EpochPrivateKey,
) -> dict[uuid.UUID, Told]:
    # Asked also when nobody is to be named: a store that is away must hold up a miss just like a hit.
    require_store()
    names: dict[uuid.UUID, Told] = {}
    by_categories: dict[frozenset[str], list[uuid.UUID]] = {}
    for line, categories in granted.items():
        by_categories.setdefault(categories, []).append(line)
    for categories, line_ids in by_categories.items():
        references = {line: reference for line in line_ids if (reference := verdicts[line].subscriber)}
        found = _open_all(frozenset(references.values()), categories, epoch_private)
        names |= {
            line: told(
                found[reference].values, found[reference].site, (verdicts[line].from_at, verdicts[line].until_at)
            )
            for line, reference in references.items()
            if reference in found
        }
    return {line: told_of for line, told_of in names.items() if told_of[0]}


def _open_all(
    references: frozenset[str], categories: frozenset[str], epoch_private: EpochPrivateKey
) -> dict[str, OpenedIdentity]:
    try:
        return open_identities(references, epoch_private=epoch_private, isp=settings.OPERATOR_ID, categories=categories)
    except UnsealError:
        # Only a hit can meet a damaged record. It is answered as a name that is not on record, because a release
        # that fails would tell everybody that there was somebody to name.
        if len(references) == 1:
            return {}
        opened = (_open_all(frozenset({reference}), categories, epoch_private) for reference in references)
        return {reference: values for found in opened for reference, values in found.items()}


def _release_line(
    line: RequestLine,
    selector: Selector | None,
    late: str | None,
    verdict: Verdict | None,
    told_of: Told,
) -> ReleaseLine:
    subscriber, address_is = told_of
    reason = late or reason_code(verdict, bool(subscriber))
    return ReleaseLine(
        line=line.number,
        address=line.address,
        source_port=selector.source_port if selector else line.source_port,
        protocol=selector.protocol if selector else line.protocol,
        observed_at=line.observed_at,
        outcome=LineOutcome.IDENTIFIED if subscriber else LineOutcome.NOT_IDENTIFIED,
        reason=reason,
        window=None if verdict is None else (verdict.from_at, verdict.until_at),
        explanation=EXPLANATIONS[reason],
        subscriber=subscriber,
        address_is=address_is,
    )

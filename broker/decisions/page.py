"""Everything the decision page shows about one request, read for one person; nothing is written here.

No identity is on it, and nothing that depends on whether somebody was found: lines past their approval show their
state, and the states are the same for a hit, a miss and a late refusal.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q

from broker.assessment.enabling import review_of, reviews_of_request
from broker.decisions.abilities import Action, Circumstances, actions_for, offers, read_circumstances
from broker.decisions.answers import Answer, stated_facts
from broker.decisions.balancing.page import list_balancings
from broker.decisions.comparison import LineComparison, compare_heads, compare_line, covered_by_address
from broker.decisions.holds.page import hold_context
from broker.decisions.models import Decision
from broker.decisions.questions import open_questions
from broker.decisions.selectors import EVERY_UNDER_REVIEW, Batch, Desk, LineStatus, read_desk
from broker.decisions.shown import Sources, shown_sections
from broker.decisions.timeline import read_timeline
from broker.decisions.words import SHORT_WORDS, STATE_WORDS
from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, RequestLine, State
from broker.intake.places import court_zone
from broker.intake.slip_questions import questions_about, says
from broker.orders.models import CourtOrder, OrderCheck, OrderTerms
from broker.parties.models import Organisation, User
from legal_rules import load_pack

LINES_A_PAGE = 100
# Answers shown in full; beyond that, choose a group of lines to see its answer.
MOST_ANSWERS = 6


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch with what this person may do with it. scope: how the form names all its lines."""

    batch: Batch
    actions: tuple[Action, ...]
    chosen: bool

    @property
    def scope(self) -> str:
        return f"{self.batch.key}:{len(self.batch.lines)}"

    @property
    def seats(self) -> str:
        verdicts = {Decision.Verdict.APPROVE: "approved", Decision.Verdict.DENY: "denied"}
        return "; ".join(
            f"{seat.name} {verdicts[Decision.Verdict(seat.verdict)]} (round {seat.round}, seat {seat.seat})"
            for seat in self.batch.seats
        )


@dataclass(frozen=True, slots=True)
class Slip:
    """A question about what was typed, in words, and the answer of whoever typed it; None while it is open."""

    says: str
    answer: LineAnswer | None


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line with the order's reading of it, its failed checks and its batch."""

    line: RequestLine
    batch: Batch
    comparison: LineComparison
    failed: tuple[OrderCheck, ...]
    slips: tuple[Slip, ...]
    state_label: str
    tickable: bool
    ticked: bool


def build_page(
    user: User,
    request: DisclosureRequest,
    *,
    batch_key: str = "",
    page_number: object = 1,
    ticked: Iterable[uuid.UUID] = (),
) -> dict[str, Any]:
    """Read the context of the decision page of one request for one person. batch_key: show only lines of that batch."""
    desk = read_desk(request)
    circumstances = read_circumstances(user, request, desk)
    orders = list(request.orders.select_related("court", "document", "uploaded_by").order_by("-uploaded_at"))
    terms = desk.newest_terms or _newest_terms(orders)
    chosen = desk.batch(batch_key)
    page = _page_of(chosen.lines if chosen else desk.lines, page_number)
    answers = _answers_to_show(desk, chosen)
    sources = _sources(request, orders, answers)
    shown = [(answer, shown_sections(answer, sources)) for answer in answers]
    offered = offers(desk, circumstances)
    batches = _batch_rows(desk, circumstances, chosen)
    under_review = [row for row in batches if row.batch.state == State.UNDER_REVIEW]
    every = sum(len(row.batch.lines) for row in under_review)
    return {
        "disclosure": request,
        "desk": desk,
        "circumstances": circumstances,
        "orders": orders,
        "terms": terms,
        "terms_versions": _versions(orders),
        "order": None if terms is None else next(order for order in orders if order.id == terms.order_id),
        **_checks(terms, orders),
        "comparison": [] if terms is None else _compare(request, terms),
        "answers": [
            {
                "answer": answer,
                "sections": sections,
                "review": review_of(answer.data["replay"]["pack"], answer.data["replay"]["meaning_hash"]),
            }
            for answer, sections in shown
        ],
        "hidden_answers": len(desk.answers) - len(answers),
        "sources": sources.listed(),
        "reviews": reviews_of_request(request),
        "questions": open_questions(user, request, desk),
        "balancings": list_balancings(user, request, desk),
        **hold_context(request),
        "batches": batches,
        "every_count": every,
        "every_scope": f"{EVERY_UNDER_REVIEW}:{every}" if len(under_review) > 1 else "",
        "chosen_batch": chosen,
        "page": page,
        "line_rows": _line_rows(request, terms, list(page.object_list), batches, frozenset(ticked)),
        "zone": court_zone(request.court.jurisdiction),
        "evidence": EvidenceFile.objects.filter(request=request).defer("content").first(),
        "offers": [offer for offer in offered if offer.count],
        "refusals": [offer for offer in offered if offer.reasons],
        "timeline": read_timeline(request, orders),
        "counts": _counts(desk),
        "has_answers_out": any(batch.state == State.RELEASED for batch in desk.batches),
    }


def _newest_terms(orders: Sequence[CourtOrder]) -> OrderTerms | None:
    """Terms of an order that nothing was assessed under yet, such as one that was just attached or was rejected."""
    return OrderTerms.objects.filter(order=orders[0]).order_by("-version").first() if orders else None


def _versions(orders: Sequence[CourtOrder]) -> list[OrderTerms]:
    return list(
        OrderTerms.objects.filter(order__in=orders).select_related("entered_by", "order").order_by("-entered_at")
    )


def _page_of(lines: Sequence[LineStatus], number: object) -> Page[LineStatus]:
    return Paginator(lines, LINES_A_PAGE).get_page(str(number))


def _compare(request: DisclosureRequest, terms: OrderTerms) -> list[Any]:
    operator = Organisation.objects.get(kind=Organisation.Kind.OPERATOR).name
    failed = terms.checks.filter(line=None, passed=False).values_list("code", flat=True)
    return compare_heads(request, terms, operator, failed)


def _checks(terms: OrderTerms | None, orders: Sequence[CourtOrder]) -> dict[str, Any]:
    """Checks of the document, of the terms, and those of the lines counted by number."""
    order_id = terms.order_id if terms is not None else orders[0].id if orders else None
    general = list(OrderCheck.objects.filter(order=order_id, line=None).filter(Q(terms=None) | Q(terms=terms)))
    by_line = (
        OrderCheck.objects.filter(terms=terms, line__isnull=False)
        .order_by("number")
        .values("number", "code", "title")
        .annotate(total=Count("id"), failed=Count("id", filter=~Q(passed=True)))
    )
    return {
        "document_checks": [check for check in general if check.terms_id is None],
        "terms_checks": [check for check in general if check.terms_id is not None],
        "line_checks": list(by_line) if terms is not None else [],
    }


def _answers_to_show(desk: Desk, chosen: Batch | None) -> list[Answer]:
    if chosen is not None:
        return [] if chosen.answer is None else [chosen.answer]
    # Answers about lines that are still open first; the rest only while there are few.
    wanted = {id(batch.answer): batch.answer for batch in desk.batches if batch.answer is not None}
    return list(wanted.values())[:MOST_ANSWERS]


def _sources(request: DisclosureRequest, orders: Sequence[CourtOrder], answers: Sequence[Answer]) -> Sources:
    by = {fact["by"] for answer in answers for fact in stated_facts(dict(answer.data)) if fact["by"]}
    people = {str(u.id): f"{u.display_name} ({u.organisation.name})" for u in _users(by)}
    specs = load_pack(request.jurisdiction).facts
    return Sources(people, {str(order.id): order.file_number for order in orders}, specs)


def _users(ids: Iterable[str]) -> Iterable[User]:
    return User.objects.filter(id__in=list(ids)).select_related("organisation")


def _batch_rows(desk: Desk, circumstances: Circumstances, chosen: Batch | None) -> list[BatchRow]:
    return [BatchRow(batch, tuple(actions_for(batch, circumstances)), batch is chosen) for batch in desk.batches]


def _line_rows(
    request: DisclosureRequest,
    terms: OrderTerms | None,
    statuses: Sequence[LineStatus],
    batches: Sequence[BatchRow],
    ticked: frozenset[uuid.UUID],
) -> list[LineRow]:
    ids = [status.id for status in statuses]
    lines = list(RequestLine.objects.filter(id__in=ids).order_by("number"))
    covered = {} if terms is None else covered_by_address(terms, (line.address for line in lines))
    failed: dict[uuid.UUID, list[OrderCheck]] = defaultdict(list)
    if terms is not None:
        for check in terms.checks.filter(line__in=ids).exclude(passed=True).order_by("number"):
            if check.line_id is not None:
                failed[check.line_id].append(check)
    slips: dict[uuid.UUID, list[Slip]] = defaultdict(list)
    for question in questions_about(request).filter(line__in=ids):
        slips[question.line_id].append(Slip(says(question), getattr(question, "answer", None)))
    of_line = {status.id: row for row in batches for status in row.batch.lines}
    zone = court_zone(request.court.jurisdiction)
    return [
        LineRow(
            line=line,
            batch=of_line[line.id].batch,
            comparison=compare_line(line, covered, zone),
            failed=tuple(failed.get(line.id, ())),
            slips=tuple(slips.get(line.id, ())),
            state_label=SHORT_WORDS[line.state],
            tickable=bool(of_line[line.id].actions),
            ticked=line.id in ticked,
        )
        for line in lines
    ]


def _counts(desk: Desk) -> list[tuple[str, str, int]]:
    """(state, words, number of lines) in the order of the way through; states that read alike are added up."""
    counts: dict[str, int] = defaultdict(int)
    for batch in desk.batches:
        counts[batch.state] += len(batch.lines)
    by_words: dict[str, tuple[str, str, int]] = {}
    for state in State.values:
        if counts[state]:
            words = STATE_WORDS[state]
            first, _, sum_so_far = by_words.get(words, (state, words, 0))
            by_words[words] = (first, words, sum_so_far + counts[state])
    return list(by_words.values())

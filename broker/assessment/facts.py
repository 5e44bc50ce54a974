"""Rows to facts: what the rules engine is told about one line, each fact with who, when and from which document.

A fact that no row settles is left out, which means open. Facts are about the request; no subscriber's identity ever
becomes one.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from broker.assessment.models import FactAnswer
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import CourtOrder, OrderTerms
from legal_rules import Fact, GivenFact, Pack

# What every civil order may name without further ground; more has to be in the order in so many words.
DEFAULT_CATEGORIES = frozenset({"name", "postal-address"})

# How packs say that a fact takes two people.
TWO_PEOPLE = "two people"


@dataclass(frozen=True, slots=True)
class OrderState:
    """The order an assessment rests on: None while nothing was attached that has been checked.

    rejected: the document failed its checks. terms: the newest version; None for a rejected order.
    terms_hold: every check of the terms as a whole passed. covered: ids of the lines whose own checks passed.
    """

    order: CourtOrder | None = None
    rejected: bool = False
    terms: OrderTerms | None = None
    terms_hold: bool = False
    covered: frozenset[uuid.UUID] = field(default_factory=frozenset)


def order_state(request: DisclosureRequest) -> OrderState:
    """Find the order that counts: the newest verified one, else a rejected one if no other is being checked."""
    orders = list(request.orders.order_by("-uploaded_at", "-id"))
    for order in orders:
        if order.state == CourtOrder.State.VERIFIED:
            # While its newest terms are unchecked nothing counts: an older order or version has been replaced.
            return terms_state(OrderTerms.objects.filter(order=order).latest("version")) or OrderState()
    if orders and all(o.state == CourtOrder.State.REJECTED for o in orders):
        return OrderState(order=orders[0], rejected=True)
    return OrderState()


def terms_state(terms: OrderTerms) -> OrderState | None:
    """What one version of an order's terms settles; None while it has not been checked."""
    checks = list(terms.checks.values_list("line_id", "passed"))
    if not checks:
        return None
    failed = {line for line, passed in checks if line is not None and not passed}
    return OrderState(
        order=terms.order,
        terms=terms,
        terms_hold=all(passed for line, passed in checks if line is None),
        covered=frozenset(line for line, _ in checks if line is not None and line not in failed),
    )


def request_facts(request: DisclosureRequest, pack: Pack, answers: Iterable[FactAnswer]) -> dict[str, GivenFact]:
    """Facts that all lines of a request share: what the requester said, and what people answered.

    answers: in the order in which they were given; one of somebody whom the pack does not ask is passed over. Of a
    question for two people the newest answer of each person is a source of its own: one alone says nothing yet, and
    two that differ leave the fact open.
    """
    filed = _filed(request, f"request {request.reference}")
    facts: dict[str, GivenFact] = {
        "proceedings": Fact(request.proceeding, **filed),
        "measure": Fact(request.measure, **filed),
        "request-date": Fact(request.as_of or request.filed_at.date(), **filed),
    }
    facts |= {name: Fact(_typed(pack, name, value), **filed) for name, value in request.facts.items()}
    of_two: dict[str, dict[uuid.UUID, Fact]] = defaultdict(dict)
    for answer in answers:
        if not is_asked_of(pack, answer):
            continue
        said = _from_answer(answer, pack)
        if needs_two_people(pack, answer.fact):
            of_two[answer.fact][answer.person] = said
        else:
            facts[answer.fact] = said
    facts |= {name: tuple(said.values()) for name, said in of_two.items() if len(said) > 1}
    return facts


def needs_two_people(pack: Pack, fact: str) -> bool:
    """Whether a fact counts as known only when two people say the same, neither having seen the other's answer."""
    spec = pack.facts.get(fact)
    return spec is not None and spec.settled_by == TWO_PEOPLE


def is_asked_of(pack: Pack, answer: FactAnswer) -> bool:
    """Whether the pack asks this of those who answered it; what anybody else added settles nothing."""
    spec = pack.facts.get(answer.fact)
    return spec is not None and spec.known_to != "worker" and answer.settled_by in ("", spec.settled_by)


def order_facts(state: OrderState, pack: Pack) -> dict[str, Fact]:
    """Facts of the order as a whole; none while no order has been checked."""
    if state.rejected and state.order is not None:
        return {"order-verified": _from_order(state.order, False)}
    if state.order is None or state.terms is None:
        return {}
    terms, order = state.terms, state.order
    further = not frozenset(terms.categories) <= DEFAULT_CATEGORIES
    facts = {
        "order-by": _from_order(order, terms.order_by, terms),
        "order-date": _from_order(order, terms.issued_on, terms),
        "order-names-further-data": _from_order(order, further, terms),
    }
    facts |= {n: _from_order(order, _typed(pack, n, v), terms) for n, v in terms.findings.items()}
    return facts


def line_facts(request: DisclosureRequest, line: RequestLine, state: OrderState) -> dict[str, Fact]:
    """Facts of one line. `order-verified` is said only where every check that concerns the line holds.

    A line that the terms do not cover leaves it open, not false: terms are corrected, forged documents are not.
    """
    # The source does not number the line, so that lines whose facts are the same share one answer.
    filed = _filed(request, f"a line of request {request.reference}")
    facts = {
        "event-date": Fact(line.observed_at.date(), **filed),
        "port-given": Fact(line.source_port is not None, **filed),
    }
    if state.order is not None and state.terms_hold and line.id in state.covered:
        facts["order-verified"] = _from_order(state.order, True, state.terms)
    return facts


def _filed(request: DisclosureRequest, source: str) -> dict[str, str]:
    return {"source": source, "by": str(request.filed_by_id), "at": request.filed_at.isoformat()}


def _from_answer(answer: FactAnswer, pack: Pack) -> Fact:
    return Fact(
        _typed(pack, answer.fact, answer.value),
        source=f"answer {answer.id}",
        by=str(answer.answered_by_id),
        at=answer.answered_at.isoformat(),
    )


def _from_order(order: CourtOrder, value: Any, terms: OrderTerms | None = None) -> Fact:
    version = "" if terms is None else f" terms v{terms.version}"
    by = order.uploaded_by_id if terms is None else terms.entered_by_id
    at = order.uploaded_at if terms is None else terms.entered_at
    return Fact(value, source=f"order {order.id}{version}", by=str(by), at=at.isoformat())


def _typed(pack: Pack, name: str, value: Any) -> Any:
    """Give a stored JSON value the type its fact has: days are stored as text."""
    spec = pack.facts.get(name)
    return date.fromisoformat(value) if spec is not None and spec.type == "date" else value


def known(facts: Mapping[str, GivenFact], pack: Pack) -> dict[str, GivenFact]:
    """Keep the facts the pack knows; another place's pack may not ask for all of them."""
    return {name: fact for name, fact in facts.items() if name in pack.facts}

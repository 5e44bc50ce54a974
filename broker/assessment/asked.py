"""What the law wants to know of whom: the forms ask that, and nothing that cannot change the answer.

Of an order it is also asked what decides whether a duty falls due, such as that it defers telling the subscriber. The
engine is asked with everything open that people can still settle; what it would then have settled is asked.
Where too much is open to try every combination, that list may hold too much and never too little.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.utils import timezone

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.assessment.services import stored_facts, today
from broker.intake.models import CATEGORIES, DisclosureRequest, Measure
from broker.orders.terms import COMPUTED_ORDER_FACTS
from legal_rules import (
    Assessment,
    FactSpec,
    GivenFact,
    Outcome,
    Pack,
    assess,
    assess_lines,
    facts_of_open_duties,
    facts_of_open_holds,
    load_pack,
)

# Different answers of one request that are asked about one by one; of more, whatever its kind of request is asked.
MOST_TRIED = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What a kind of request is asked in one place, each list in the order of the pack.

    requester, order, staff: the questions of those who settle them; staff's include those for two people.
    exact: no question is in it that cannot matter. refused: such a request is refused whatever anybody answers;
    instead: what fits then. preserved: no disclosure, but log rows can be kept: "at once", or "on order".
    """

    requester: tuple[FactSpec, ...]
    order: tuple[FactSpec, ...]
    staff: tuple[FactSpec, ...]
    exact: bool
    refused: bool
    instead: tuple[str, ...]
    preserved: str = ""


def asked_in(place: str, proceeding: str, measure: str, on: date | None = None) -> Asked:
    """Say what is asked when a request of this kind is filed. on: the day whose law governs, today by default."""
    return _asked_in(place, load_pack(place).text_hash, proceeding, measure, on or timezone.now().date())


@lru_cache(maxsize=256)
def _asked_in(place: str, text_hash: str, proceeding: str, measure: str, on: date) -> Asked:
    # The hash is only there to keep answers about an earlier text of the pack apart.
    pack = load_pack(place)
    facts: dict[str, GivenFact] = {"proceedings": proceeding, "measure": measure, "request-date": on}
    known = {name: value for name, value in facts.items() if name in pack.facts}
    answer = assess(pack, known, requested=list(CATEGORIES), ordered=None, on=on)
    if measure == Measure.PRESERVATION:
        return _to_preserve(pack, answer, facts_of_open_holds(pack, known, requested=list(CATEGORIES), on=on))
    return Asked(
        requester=_settled_by(pack, [answer], "requester"),
        order=_of_order(pack, [answer], facts_of_open_duties(pack, known, requested=list(CATEGORIES), on=on)),
        staff=_settled_by(pack, [answer], "legal staff", "two people"),
        exact=answer.settle_exact,
        refused=answer.outcome is Outcome.REFUSED,
        instead=answer.instead,
    )


def _to_preserve(pack: Pack, answer: Assessment, open_facts: Collection[str]) -> Asked:
    """What is asked where data are only to be preserved: what an order says that a hold can depend on."""
    orders = {name for name in open_facts if pack.facts[name].settled_by == "order"}
    preserved = "at once" if answer.hold_allowed else "on order" if orders else ""
    order = tuple(spec for n, spec in pack.facts.items() if n in orders - COMPUTED_ORDER_FACTS) if preserved else ()
    return Asked((), order, (), False, not preserved, () if preserved else answer.instead, preserved)


def asked_of_order(request: DisclosureRequest) -> tuple[FactSpec, ...]:
    """Say which findings of an order can still change the answer for some line of a request.

    Everything the newest answers of the engine rest on is kept but what an order said, so that the same is asked
    when terms are corrected. Facts that the rows of an order give are left out. Where the newest answers are too many,
    it is what every request of the kind is asked: too much and never too little.
    """
    pack = load_pack(request.jurisdiction)
    lines = [
        # What an order settles is left out, so that it is asked for again.
        stored_facts(pack, json.loads(content)["inputs"]["facts"], but=("order",))
        for content in _newest_contents(request)
    ]
    # Lines of very many days would keep the page waiting for minutes.
    if not lines or len(lines) > MOST_TRIED:
        return asked_in(request.jurisdiction, request.proceeding, request.measure, today(request)).order
    on = today(request)
    if request.measure == Measure.PRESERVATION:
        found = {n for line in lines for n in facts_of_open_holds(pack, line, requested=request.categories, on=on)}
        return tuple(
            spec
            for name, spec in pack.facts.items()
            if name in found - COMPUTED_ORDER_FACTS and spec.settled_by == "order"
        )
    answers = assess_lines(pack, {}, lines, requested=request.categories, ordered=None, on=on)
    of_duties = {n for line in lines for n in facts_of_open_duties(pack, line, requested=request.categories, on=on)}
    return _of_order(pack, answers, of_duties)


def _newest_contents(request: DisclosureRequest) -> Sequence[str]:
    """The distinct newest answers of the engine for the lines of a request; at most one more than are tried."""
    newest = (
        LineAssessment.objects.filter(line__request=request).order_by("line_id", "-sequence").distinct("line_id")
    ).values("record_id")
    return list(AssessmentRecord.objects.filter(digest__in=newest).values_list("content", flat=True)[: MOST_TRIED + 1])


def _settled_by(
    pack: Pack, answers: Sequence[Assessment], *settlers: str, more: Collection[str] = ()
) -> tuple[FactSpec, ...]:
    asked = {question.fact for answer in answers for question in answer.settle} | set(more)
    return tuple(spec for name, spec in pack.facts.items() if name in asked and spec.settled_by in settlers)


def _of_order(pack: Pack, answers: Sequence[Assessment], of_duties: Collection[str]) -> tuple[FactSpec, ...]:
    # A request that is refused whatever the order says has no use for one, nor for the duties that follow from it.
    more = of_duties if any(answer.outcome is not Outcome.REFUSED for answer in answers) else ()
    specs = _settled_by(pack, answers, "order", more=more)
    return tuple(spec for spec in specs if spec.name not in COMPUTED_ORDER_FACTS)

"""Requests that the law leaves to people, and what people grade, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from broker.assessment.facts import OrderState, needs_two_people
from broker.assessment.models import FactAnswer, LineAssessment
from broker.assessment.services import store_assessments
from broker.audit.services import record
from broker.decisions.balancing.models import Balancing
from broker.decisions.balancing.services import Given, give_grading
from broker.intake.models import DisclosureRequest
from broker.parties.models import User
from legal_rules import assess as ask_the_law
from legal_rules import load_pack
from tests.support.answers import FINDINGS
from tests.support.cases import Desk, assess, attach_and_check, cover, file_lines, make_line
from tests.support.rows import OBSERVED_AT, World, make_order, make_request, move

# What the rules ask of the requester and of the order besides what every case of `cases` says.
SAID = {
    "civil-matter": "intellectual-property",
    "applicant-holds-rights": True,
    "suit-prepared": True,
    "applicant-declares-no-abuse": True,
    "applicant-names-recording-basis": True,
}
FOUND = {**FINDINGS, "instrument": "national-order", "order-finds-title": True, "order-states-redress": True}
QUIET = {"works-sensitive": False, "settlement-pattern": False, "speech-at-stake": False}
SENSITIVE = {**QUIET, "works-sensitive": True}
SETTLING = {**QUIET, "settlement-pattern": True}


def settle_facts(request: DisclosureRequest, people: Sequence[User], answers: Mapping[str, Any]) -> None:
    """Answer what legal staff and two people are asked, as rows: what takes two by every one of these people."""
    pack = load_pack(request.jurisdiction)
    with transaction.atomic():
        for fact, value in answers.items():
            for person in people if needs_two_people(pack, fact) else people[:1]:
                FactAnswer.objects.create(
                    request=request,
                    fact=fact,
                    value=value,
                    reason="Seen in annex 1.",
                    settled_by=pack.facts[fact].settled_by,
                    answered_by=person,
                    event_id=record("fact:answered", "request", request.id, {"fact": fact}, actor=person.id),
                )


def make_judged(desk: Desk, answers: Mapping[str, Any] = SENSITIVE, count: int = 1) -> DisclosureRequest:
    """Make a request whose lines are under review and left to people: bare rows with a real answer of the law."""
    world = World(desk.operator, desk.court, desk.counsel, desk.clerk, desk.filer, desk.ana, desk.luis, desk.marta)
    return make_left_to_people(world, answers, count)


def make_left_to_people(world: World, answers: Mapping[str, Any], count: int = 1) -> DisclosureRequest:
    """The same in a world of bare rows."""
    request = make_request(world, count)
    terms = make_order(world, request)
    pack, lines = load_pack("es"), list(request.lines.order_by("number"))
    facts = {
        **SAID,
        **FOUND,
        **answers,
        "proceedings": "civil",
        "measure": "disclosure",
        "order-by": "court",
        "order-verified": True,
        "order-names-further-data": False,
        "port-given": True,
        "event-date": OBSERVED_AT.date(),
        "request-date": terms.issued_on,
        "order-date": terms.issued_on,
    }
    answer = ask_the_law(pack, facts, requested=["name"], ordered=["name"], on=terms.issued_on)
    store_assessments(request, pack, OrderState(terms=terms), lines, [answer] * count)
    move(request, "UNDER_REVIEW")
    return request


def make_judged_by_services(desk: Desk, answers: Mapping[str, Any] = SENSITIVE, count: int = 1) -> DisclosureRequest:
    """The same with everything made by the services, under a signed order that was examined."""
    lines = [make_line(number) for number in range(1, count + 1)]
    request = file_lines(desk, lines, facts=SAID, answered=False)
    attach_and_check(desk, request, [cover(line) for line in lines], findings=FOUND)
    settle_facts(request, (desk.ana, desk.luis), answers)
    assess(request)
    return request


def ask_the_law_again(request: DisclosureRequest, person: User) -> None:
    """Have the law asked anew, with another record for an answer although nothing has changed in the end."""
    for value in (True, False):
        settle_facts(request, [person], {"settlement-pattern": value})
    assess(request)


def make_half_graded(world: World) -> Balancing:
    """Make a weighing that the first person has graded, and nobody else."""
    request = make_left_to_people(world, SENSITIVE)
    grading = give_grading(world.first, request, digest_of(request), 0, given())
    return grading.balancing


def digest_of(request: DisclosureRequest) -> str:
    """The record that the newest answer about the first line is."""
    newest = LineAssessment.objects.filter(line=request.lines.order_by("number")[0]).latest("sequence")
    return newest.record_id


REASONS = {
    name: f"Because of what is said about {name}."
    for name in (
        "interference",
        "privacy_weight",
        "privacy_reliability",
        "importance",
        "claim_weight",
        "claim_reliability",
    )
}


def given(grades: Sequence[int] | None = (2, 1, 1, 4, 1, 1), **changes: Any) -> Given:
    """Answers of one grader, complete; grades in the order of REASONS, reliabilities by their denominators."""
    answers: dict[str, Any] = {
        "suitable": True,
        "suitable_reason": "The log can name the line.",
        "means": (("A notice passed on by the provider", "A suit needs a defendant."),),
        "necessary_reason": "Nothing milder serves a suit.",
        "grades": dict(zip(REASONS, grades or (), strict=bool(grades))),
        "reasons": REASONS if grades else {},
        "factors": {"F1": ("312 works over 40 days.", "order, page 3")},
    }
    return Given(**{**answers, **changes})


FOR, AGAINST, STALEMATE = (2, 1, 1, 4, 1, 1), (4, 1, 1, 1, 1, 1), (2, 1, 1, 2, 1, 1)
UNSUITABLE = {"grades": None, "suitable": False, "means": ()}
UNNECESSARY = {"grades": None, "means": (("Preservation only", ""),)}

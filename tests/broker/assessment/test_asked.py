"""What the forms ask suffices, and asks nobody for what cannot change the answer."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import pytest

from broker.assessment.asked import asked_in, asked_of_order
from broker.assessment.facts import OrderState, line_facts, request_facts
from broker.intake.models import CATEGORIES, Measure, Proceeding
from broker.intake.services import jurisdictions
from legal_rules import Fact, FactSpec, assess, load_pack, packaged_ids
from tests.support.answers import FINDINGS, STATEMENTS
from tests.support.cases import assess as assess_now
from tests.support.cases import attach_and_check, cover, file_lines, make_desk, make_line

TODAY = date(2026, 11, 22)


def names(specs: tuple[FactSpec, ...]) -> set[str]:
    return {spec.name for spec in specs}


def one_answer(spec: FactSpec) -> Any:
    return {"bool": True, "number": 1, "date": TODAY}.get(spec.type, (spec.values or ("",))[0])


def settle(place: str, facts: dict[str, Any]) -> set[str]:
    answer = assess(load_pack(place), facts, requested=list(CATEGORIES), ordered=None, on=TODAY)
    return {question.fact for question in answer.settle if question.settled_by == "requester"}


def test_a_layer_of_law_is_nobodys_jurisdiction() -> None:
    assert "es" in jurisdictions()
    assert not {"floor", "eu", "e-evidence"} & set(jurisdictions())


@pytest.mark.parametrize(("place", "proceeding"), list(product(jurisdictions(), Proceeding.values)))
def test_whoever_answers_what_is_asked_is_asked_nothing_later(place: str, proceeding: str) -> None:
    kind = {"proceedings": proceeding, "measure": "disclosure", "request-date": TODAY}
    facts = {name: value for name, value in kind.items() if name in load_pack(place).facts}
    answers = {spec.name: one_answer(spec) for spec in asked_in(place, proceeding, "disclosure", TODAY).requester}
    assert settle(place, facts | answers) == set()


@pytest.mark.parametrize("left_out", sorted(STATEMENTS))
def test_each_question_of_the_civil_form_matters(left_out: str) -> None:
    facts = {"proceedings": "civil", "measure": "disclosure", "request-date": TODAY, "event-date": date(2026, 9, 14)}
    assert names(asked_in("es", "civil", "disclosure", TODAY).requester) == set(STATEMENTS)
    said = {name: value for name, value in STATEMENTS.items() if name != left_out}
    assert left_out in settle("es", facts | said)


def test_nobody_is_asked_about_what_is_refused_whatever_they_say() -> None:
    for measure in set(Measure.values) - {Measure.DISCLOSURE, Measure.PRESERVATION}:
        asked = asked_in("es", "civil", measure, TODAY)
        assert (asked.requester, asked.order, asked.staff, asked.refused) == ((), (), (), True)


def test_who_asks_for_data_to_be_preserved_is_told_whether_that_takes_an_order() -> None:
    civil, criminal = (asked_in("es", proceeding, Measure.PRESERVATION, TODAY) for proceeding in ("civil", "criminal"))
    assert (civil.preserved, civil.refused, civil.requester) == ("on order", False, ())
    # The rest is read from the order itself.
    assert names(civil.order) == set()
    assert (criminal.preserved, criminal.refused) == ("at once", False)
    assert {"instrument", "epoc-issuing-state"} <= names(criminal.order)


def test_a_law_of_a_former_day_has_the_questions_of_that_day() -> None:
    assert asked_in("es", "civil", "disclosure", date(2008, 1, 29)).requester == ()


@pytest.mark.django_db
def test_a_clerk_is_asked_what_the_order_settles_for_these_lines_and_again_when_terms_are_corrected() -> None:
    desk = make_desk()
    request = file_lines(desk)
    assert names(asked_of_order(request)) >= set(FINDINGS)
    assess_now(request)
    # The event lies within twelve months: that the operator serves the user need not be found.
    wanted = set(FINDINGS) - {"order-finds-service-relation"}
    assert names(asked_of_order(request)) == wanted
    attach_and_check(desk, request, [cover(make_line(1))])
    assess_now(request)
    assert request.lines.get().state == "UNDER_REVIEW"
    assert names(asked_of_order(request)) == wanted


@pytest.mark.django_db
def test_a_clerk_is_asked_about_a_service_relation_once_the_event_is_old() -> None:
    desk = make_desk()
    old = make_line(2, observed_at="2025-06-14T21:05:09+02:00")
    request = file_lines(desk, [make_line(1), old])
    assess_now(request)
    assert "order-finds-service-relation" in names(asked_of_order(request))


@pytest.mark.django_db
def test_every_fact_a_pack_leaves_to_the_product_comes_from_a_row_with_who_and_when() -> None:
    request = file_lines(make_desk())
    for place in packaged_ids():
        pack = load_pack(place)
        given = request_facts(request, pack, []) | line_facts(request, request.lines.get(), OrderState())
        for name in [spec.name for spec in pack.facts.values() if spec.settled_by == "product"]:
            fact = given[name]
            assert isinstance(fact, Fact), name
            assert request.reference in fact.source, name
            assert (fact.by, fact.at) == (str(request.filed_by_id), request.filed_at.isoformat()), name


@pytest.mark.django_db
def test_nothing_is_asked_about_an_order_that_could_change_nothing() -> None:
    request = file_lines(make_desk(), facts=STATEMENTS | {"civil-matter": "other"})
    assess_now(request)
    assert request.lines.get().state == "REFUSED"
    assert asked_of_order(request) == ()

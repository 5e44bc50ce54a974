"""An order counts where its court sits: in the place whose law decides, or across a border by its own instrument."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from broker.intake.models import State
from broker.orders.matching import Asked, Terms, TermsCheck, check_terms
from broker.parties.models import Organisation
from tests.support.answers import FINDINGS
from tests.support.cases import Desk, assess, attach_and_check, cover, file_lines, make_line, states

TERMS = Terms("Operator", "Counsel", "civil", date(2026, 10, 20), date(2036, 10, 20), frozenset({"name"}), "es", {})
ASKED = Asked("Operator", "Counsel", "civil", frozenset({"name"}), "es")


def check_27(court: str, place: str, **findings: object) -> TermsCheck:
    said = {name.replace("_", "-"): value for name, value in findings.items()}
    terms = replace(TERMS, court_place=court, findings=said)
    made = check_terms(terms, replace(ASKED, place=place), today=date(2026, 11, 1))
    return next(check for check in made if check.code == "terms.court-place")


@pytest.mark.parametrize(
    ("court", "place", "findings", "passed"),
    [
        ("es", "es", {"instrument": "national-order"}, True),
        ("es", "es", {}, True),
        ("de", "es", {"instrument": "national-order"}, False),
        ("de", "es", {}, False),
        ("de", "es", {"instrument": "member-state-order"}, True),
        ("es", "es", {"instrument": "member-state-order"}, False),
        ("uk", "es", {"instrument": "member-state-order"}, False),
        ("", "es", {"instrument": "member-state-order"}, False),
        ("uk", "es", {"instrument": "third-country-order"}, True),
        ("de", "es", {"instrument": "third-country-order"}, False),
        ("es", "es", {"instrument": "third-country-order"}, False),
        ("pt", "es", {"instrument": "epoc", "epoc_issuing_state": "another-bound-state"}, True),
        ("pt", "es", {"instrument": "epoc-pr", "epoc_issuing_state": "another-bound-state"}, True),
        ("pt", "es", {"instrument": "epoc"}, True),
        ("dk", "es", {"instrument": "epoc", "epoc_issuing_state": "denmark"}, True),
        ("dk", "es", {"instrument": "epoc", "epoc_issuing_state": "another-bound-state"}, False),
        ("es", "es", {"instrument": "epoc", "epoc_issuing_state": "another-bound-state"}, False),
        ("es", "es", {"instrument": "epoc", "epoc_issuing_state": "this-state"}, True),
        ("es", "dk", {"instrument": "epoc"}, True),
        ("pt", "es", {"instrument": "epoc", "epoc_issuing_state": "this-state"}, False),
        ("uk", "es", {"instrument": "epoc", "epoc_issuing_state": "another-bound-state"}, False),
        ("uk", "es", {"instrument": "epoc", "epoc_issuing_state": "not-a-member-state"}, True),
        ("es", "es", {"instrument": "a new one"}, False),
    ],
)
def test_the_court_sits_where_its_instrument_comes_from(
    court: str, place: str, findings: dict[str, object], passed: bool
) -> None:
    assert check_27(court, place, **findings).passed is passed


def attached_from(desk: Desk, court_place: str, **findings: Any) -> tuple[list[str], list[str]]:
    """Attach an order of the request's court, which sits elsewhere: the checks that failed, and the lines' states."""
    Organisation.objects.filter(id=desk.clerk.organisation_id).update(jurisdiction=court_place)
    request = file_lines(desk)
    assess(request)
    covered = [cover(make_line(1))]
    order = attach_and_check(desk, request, covered, findings={**FINDINGS, **findings})
    assess(request)
    failed = order.checks.filter(passed=False).order_by("number").values_list("code", flat=True)
    return list(failed), states(request)


def test_an_order_of_a_court_of_the_place_reaches_review(desk: Desk) -> None:
    failed, moved = attached_from(desk, "es")
    assert failed == []
    assert set(moved) == {State.UNDER_REVIEW}


def test_an_order_of_a_court_elsewhere_is_no_order_of_this_place(desk: Desk) -> None:
    failed, moved = attached_from(desk, "de")
    assert failed == ["terms.court-place"]
    assert set(moved) == {State.AWAITING_ORDER}


def test_an_order_of_another_member_state_that_says_so_is_left_to_the_law_of_the_place(desk: Desk) -> None:
    failed, moved = attached_from(desk, "de", instrument="member-state-order")
    assert failed == []
    # Spain's pack gives a civil order of another member state no basis of its own.
    assert set(moved) == {State.REFUSED}

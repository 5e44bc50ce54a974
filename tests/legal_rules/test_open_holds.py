"""What is open and may still bring a hold: asked of whoever wants data preserved, and is refused their disclosure."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from legal_rules import assess, facts_of_open_holds, load_pack

TODAY = date(2026, 11, 2)
CIVIL: dict[str, Any] = {"proceedings": "civil", "measure": "preservation", "request-date": TODAY}


def open_holds(place: str, facts: dict[str, Any]) -> set[str]:
    return set(facts_of_open_holds(load_pack(place), facts, requested=["name"], on=TODAY))


@pytest.mark.parametrize("place", ["es", "de", "fr", "uk"])
def test_before_an_order_it_depends_on_who_makes_one_and_whether_it_passes_its_checks(place: str) -> None:
    assert {"order-by", "order-verified"} <= open_holds(place, CIVIL)


def test_an_order_of_nobody_or_one_that_failed_can_bring_none() -> None:
    assert open_holds("es", CIVIL | {"order-by": "nobody"}) == set()
    assert open_holds("es", CIVIL | {"order-verified": False}) == set()


def test_a_disclosure_is_held_by_no_order_to_preserve() -> None:
    assert open_holds("es", CIVIL | {"measure": "disclosure"}) == set()


def test_a_european_preservation_order_depends_on_which_it_is_and_whose() -> None:
    criminal = CIVIL | {"proceedings": "criminal"}
    assert {"instrument", "epoc-issuing-state"} <= open_holds("es", criminal)
    assert assess(load_pack("es"), criminal, requested=["name"], ordered=None, on=TODAY).hold_allowed

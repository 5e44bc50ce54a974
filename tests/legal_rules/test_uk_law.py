"""What the embedded cases of the British pack cannot say: days of deadlines, who is asked, which text is shown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from legal_rules import Assessment, Outcome, assess, load_pack

TODAY = date(2026, 11, 2)
AUTHORITY: dict[str, Any] = {"measure": "disclosure", "order-verified": True, "instrument": "national-order"}


def england(facts: dict[str, Any], on: date = TODAY) -> Assessment:
    return assess(load_pack("uk"), facts, requested=["name"], ordered=["name"], on=on)


@pytest.mark.parametrize(
    ("proceedings", "order_by", "duty", "made_on", "last_day"),
    [
        ("criminal", "independent-authority", "desk-answers-in-time", date(2026, 1, 31), date(2026, 2, 28)),
        ("criminal", "police", "desk-answers-in-time", date(2026, 10, 20), date(2026, 11, 20)),
        ("emergency", "police", "desk-answers-an-emergency", date(2026, 10, 31), date(2026, 11, 3)),
    ],
)
def test_tells_the_desk_until_when_an_authorisation_is_valid(
    proceedings: str, order_by: str, duty: str, made_on: date, last_day: date
) -> None:
    found = england({**AUTHORITY, "proceedings": proceedings, "order-by": order_by, "order-date": made_on})
    assert found.outcome is Outcome.REFUSED
    assert [(each.id, each.due_on) for each in found.duties if each.within and each.status == "due"] == [
        (duty, last_day)
    ]
    assert any("lawful-disclosure desk" in text for text in found.instead)


@pytest.mark.parametrize(("on", "source"), [(date(2023, 12, 31), "charter-balance"), (date(2024, 1, 1), "hra-balance")])
def test_rests_the_balance_on_the_charter_until_2023_and_on_the_human_rights_act_after(on: date, source: str) -> None:
    found = england({"proceedings": "civil", "order-weighs": False, "order-by": "court"}, on)
    balances = [
        finding for finding in found.missing if finding.id == "order-shows-balance" and finding.status == "unmet"
    ]
    assert [[each.id for each in finding.citations if each.governs] for finding in balances] == [[source]]


def test_asks_the_requester_of_today_only_what_the_claim_rests_on() -> None:
    """What a claimant would say of itself the order has to find; sharing revenue mattered in 2012 only."""
    found = england({"proceedings": "civil", "measure": "disclosure"})
    asked = {question.fact for question in found.settle if question.settled_by == "requester"}
    assert asked == {"civil-matter"}

"""What French law says through the pack, as far as embedded cases cannot say it: where a refusal sends people, and why.

Whether a refusal names another way is in the cases; which way it names is here.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from legal_rules import Assessment, Outcome, assess, load_pack

TODAY = date(2026, 10, 20)
DEFAULT = ["name", "postal-address"]
ARCOM: dict[str, Any] = {"proceedings": "administrative", "measure": "disclosure", "order-by": "independent-authority"}
JUDGE: dict[str, Any] = {
    "proceedings": "criminal",
    "measure": "disclosure",
    "order-by": "investigating-judge",
    "order-verified": True,
    "instrument": "national-order",
    "order-names-further-data": False,
    "port-given": True,
    "order-seeks-missing-person": False,
}


def france(facts: dict[str, Any], on: date = TODAY) -> Assessment:
    return assess(load_pack("fr"), facts, requested=DEFAULT, ordered=DEFAULT, on=on)


def instead(found: Assessment, ground: str) -> str:
    return next(finding.instead for finding in found.grounds if finding.id == ground)


@pytest.mark.parametrize(
    ("on", "ground", "authority"),
    [
        (date(2021, 12, 31), "hadopi-asks-the-desk", "the Hadopi"),
        (date(2022, 1, 1), "arcom-asks-the-desk", "the Arcom"),
    ],
)
def test_sends_the_authority_of_the_day_to_the_lawful_disclosure_desk(on: date, ground: str, authority: str) -> None:
    found = france({**ARCOM, "graduated-response-stage": "second"}, on)
    assert "lawful-disclosure desk" in instead(found, ground)
    assert authority in instead(found, ground)
    assert found.hold_allowed


def test_names_the_prior_review_as_what_the_third_match_waits_for() -> None:
    found = france({**ARCOM, "graduated-response-stage": "third", "prior-review-given": False})
    assert instead(found, "third-match-awaits-review").startswith("The prior review of a court")
    assert found.hold_allowed


def test_does_not_send_the_authority_to_the_desk_before_the_review_is_known() -> None:
    """Open is not given: with nobody's word on the review, neither way is named for certain."""
    found = france({**ARCOM, "graduated-response-stage": "third"})
    assert found.outcome is Outcome.REFUSED
    assert {ground.id for ground in found.grounds} == {"no-legal-basis", "order-of-an-authority"}


def test_tells_a_civil_claimant_who_may_be_asked_instead() -> None:
    found = france({"proceedings": "civil"})
    text = instead(found, "source-addresses-for-crime-only")
    for way in ("platform", "CPC art. 145", "criminal complaint", "Arcom"):
        assert way in text
    assert found.settle == ()


@pytest.mark.parametrize(
    ("event", "decided", "outcome"),
    [
        (date(2024, 2, 29), date(2025, 2, 28), Outcome.PERMITTED),
        (date(2024, 2, 29), date(2025, 3, 1), Outcome.REFUSED),
        (date(2025, 12, 31), date(2026, 12, 31), Outcome.PERMITTED),
        (date(2025, 12, 31), date(2027, 1, 1), Outcome.REFUSED),
    ],
)
def test_counts_the_year_of_a_retained_row_from_the_connection_to_the_decision(
    event: date, decided: date, outcome: Outcome
) -> None:
    """A request in time does not lengthen the year; only a hold does, and then the row is preserved."""
    facts = {**JUDGE, "offence-maximum-months": 36, "event-date": event, "request-date": event}
    retained = france({**facts, "log-provenance": "statutory-retention", "address-shared": False}, decided)
    assert retained.outcome is outcome
    preserved = france({**facts, "log-provenance": "preserved", "address-shared": False}, decided)
    assert preserved.outcome is Outcome.PERMITTED


def test_asks_for_no_penalty_where_a_missing_person_is_sought() -> None:
    found = france({**JUDGE, "order-seeks-missing-person": True, "event-date": date(2026, 10, 2)})
    assert (found.outcome, found.settle, found.worker_settles) == (Outcome.PERMITTED, (), ())


def test_asks_the_requester_for_nothing_that_could_change_an_outcome() -> None:
    """The one new question to a requester only picks the way a refused authority is sent."""
    stages = load_pack("fr").facts["graduated-response-stage"].values
    found = {france({**ARCOM, "graduated-response-stage": stage}).outcome for stage in stages}
    assert found == {Outcome.REFUSED}

"""What Spanish law says through the pack: the historic cases, the vectors of the law dossier, and the demo's cases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from legal_rules import Assessment, Fact, Outcome, assess, load_pack

TODAY = date(2026, 10, 20)
REQUESTER: dict[str, Any] = {
    "proceedings": "civil",
    "measure": "disclosure",
    "civil-matter": "intellectual-property",
    "applicant-holds-rights": True,
    "suit-prepared": True,
    "applicant-declares-no-abuse": True,
    "applicant-names-recording-basis": True,
    "settlement-pattern": False,
    "works-sensitive": False,
    "event-date": date(2026, 9, 14),
    "request-date": date(2026, 10, 1),
    "port-given": True,
}
ORDER: dict[str, Any] = {
    "order-by": "court",
    "order-verified": True,
    "order-date": TODAY,
    "order-names-further-data": False,
    "instrument": "national-order",
    "order-finds-title": True,
    "order-states-redress": True,
    "order-cites-basis": True,
    "order-finds-evidence": True,
    "order-finds-usefulness": True,
    "order-weighs": True,
    "order-defers-notice": False,
    "order-finds-appreciable-volume": True,
    "order-finds-not-mere-consumer": True,
    "security-lodged": True,
}
LOG: dict[str, Any] = {"log-provenance": "business", "address-shared": False}
CRIMINAL: dict[str, Any] = {
    "proceedings": "criminal",
    "measure": "disclosure",
    "event-date": date(2026, 10, 2),
    "request-date": date(2026, 10, 5),
    "port-given": True,
}
JUDGE: dict[str, Any] = {
    "order-by": "investigating-judge",
    "order-verified": True,
    "order-date": date(2026, 10, 12),
    "order-names-further-data": True,
    "instrument": "national-order",
    "offence-named": True,
    "offence-serious": False,
}
DEFAULT = ["name", "postal-address"]


def spain(
    facts: dict[str, Any], ordered: list[str] | None, requested: list[str] = DEFAULT, on: date = TODAY
) -> Assessment:
    return assess(load_pack("es"), facts, requested=requested, ordered=ordered, on=on)


def grounds(found: Assessment) -> list[str]:
    return [ground.id for ground in found.grounds]


@pytest.mark.parametrize(
    ("on", "cited"),
    [
        (date(2005, 12, 21), {"lssi-12"}),
        (date(2006, 6, 13), {"lssi-12", "ley-19-2006"}),
        (date(2008, 1, 29), {"ley-19-2006", "ley-25-before-2015"}),
    ],
)
def test_refuses_promusicae_as_of_its_days_without_any_order(on: date, cited: set[str]) -> None:
    """Vectors T1 and T2: certain, whatever an order would have said."""
    found = spain({"proceedings": "civil", "measure": "disclosure"}, None, on=on)
    assert found.outcome is Outcome.REFUSED
    assert (found.settle, found.worker_settles) == ((), ())
    assert grounds(found)[0] == "no-legal-basis"
    governing = {each.id for ground in found.grounds[1:] for each in ground.citations if each.governs}
    assert governing == cited
    promusicae = [each for ground in found.grounds for each in ground.citations if each.id == "promusicae"]
    assert len(promusicae) == len(found.grounds)
    assert all("paras" in each.pinpoint and not each.pinpoint_checked for each in promusicae)
    assert "paragraph numbers unchecked" in found.to_text()
    assert found.instead
    assert not found.hold_allowed


def test_refuses_promusicae_even_with_the_best_order_of_its_time() -> None:
    found = spain({**REQUESTER, **ORDER, **LOG}, DEFAULT, on=date(2008, 1, 29))
    assert found.outcome is Outcome.REFUSED
    assert "no-legal-basis" in grounds(found)


def test_permits_name_and_postal_address_on_a_civil_order_of_today() -> None:
    """Vector T3."""
    found = spain({**REQUESTER, **ORDER, **LOG}, DEFAULT)
    assert (found.outcome, found.granted) == (Outcome.PERMITTED, frozenset(DEFAULT))
    assert found.pack_status == "draft"


def test_refuses_a_civil_order_on_a_log_kept_only_by_statute() -> None:
    """Vector T4."""
    found = spain({**REQUESTER, **ORDER, **LOG, "log-provenance": "statutory-retention"}, DEFAULT)
    assert found.outcome is Outcome.REFUSED
    assert grounds(found) == ["retained-data-in-civil", "retained-data-not-for-rightholders"]
    law = found.grounds[1]
    assert law.verify_with_counsel, "the Spanish rule rests on an analogy; the floor's is the project's own"


def test_strips_email_and_phone_that_the_order_does_not_name() -> None:
    """Vector T5."""
    found = spain({**REQUESTER, **ORDER, **LOG}, DEFAULT, [*DEFAULT, "email", "phone"])
    assert (found.outcome, found.granted) == (Outcome.PERMITTED, frozenset(DEFAULT))
    assert {category: reason.code for category, reason in found.withheld.items()} == {
        "email": "not-ordered",
        "phone": "not-ordered",
    }


def test_tells_email_when_the_civil_order_names_it() -> None:
    facts = {**REQUESTER, **ORDER, **LOG, "order-names-further-data": True}
    found = spain(facts, [*DEFAULT, "email"], [*DEFAULT, "email", "traffic"])
    assert found.granted == {*DEFAULT, "email"}
    further = next(basis for basis in found.bases if basis.id == "civil-further-data")
    assert (further.confidence, further.verify_with_counsel) == ("M", True)


def test_never_tells_traffic_even_when_ordered() -> None:
    facts = {**REQUESTER, **ORDER, **LOG, "order-names-further-data": True}
    found = spain(facts, ["name", "traffic"], ["name", "traffic"])
    assert found.granted == {"name"}
    assert found.withheld["traffic"].code == "not-allowed"


def test_waits_for_the_order_once_the_requester_has_answered() -> None:
    found = spain(REQUESTER, None, [*DEFAULT, "email"])
    assert found.outcome is Outcome.INCOMPLETE
    assert {question.settled_by for question in found.settle} == {"order"}
    assert found.settle_exact
    assert all(question.ask.endswith("?") for question in found.settle)


def test_asks_the_requester_for_five_things_at_most() -> None:
    asked = {spec.name for spec in load_pack("es").facts.values() if spec.settled_by == "requester"}
    assert asked == {
        "civil-matter", "applicant-holds-rights", "suit-prepared",
        "applicant-declares-no-abuse", "applicant-names-recording-basis",
    }  # fmt: skip
    product = {name: value for name, value in REQUESTER.items() if name not in asked}
    found = spain(product, None)
    assert {question.fact for question in found.settle if question.settled_by == "requester"} == asked


def test_is_conditional_until_the_worker_knows_and_permitted_then() -> None:
    approved = spain({**REQUESTER, **ORDER}, DEFAULT)
    assert (approved.outcome, approved.granted) == (Outcome.CONDITIONAL, frozenset(DEFAULT))
    assert approved.settle == ()
    assert [question.fact for question in approved.worker_settles] == ["log-provenance"]
    assert spain({**REQUESTER, **ORDER, **LOG}, DEFAULT).outcome is Outcome.PERMITTED


def test_does_not_permit_a_shared_address_without_a_port() -> None:
    facts = {**REQUESTER, **ORDER, "port-given": False}
    assert spain(facts, DEFAULT).outcome is Outcome.CONDITIONAL
    found = spain({**facts, "log-provenance": "business", "address-shared": True}, DEFAULT)
    assert found.outcome is Outcome.INCOMPLETE
    assert found.granted == frozenset()
    assert [finding.id for finding in found.missing] == ["pinpoint"]
    assert spain({**facts, **LOG}, DEFAULT).outcome is Outcome.PERMITTED


@pytest.mark.parametrize(
    "finding",
    ["order-cites-basis", "order-finds-evidence", "order-finds-usefulness", "order-weighs", "security-lodged"],
)
def test_is_incomplete_when_a_civil_order_lacks_a_finding_that_can_be_cured(finding: str) -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, finding: False}, DEFAULT)
    assert (found.outcome, found.granted) == (Outcome.INCOMPLETE, frozenset())
    assert len(found.missing) == 1


@pytest.mark.parametrize(
    "condition",
    ["applicant-holds-rights", "suit-prepared", "order-finds-appreciable-volume", "order-finds-not-mere-consumer"],
)
def test_refuses_when_a_condition_of_the_civil_basis_fails(condition: str) -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, condition: False}, DEFAULT)
    assert found.outcome is Outcome.REFUSED
    assert grounds(found) == ["no-legal-basis"]
    (basis,) = [basis for basis in found.bases if basis.id == "civil-identification"]
    assert basis.status == "unmet"


def test_permits_what_the_investigating_judge_ordered() -> None:
    categories = ["name", "postal-address", "account-id"]
    found = spain({**CRIMINAL, **JUDGE, **LOG}, categories, categories, date(2026, 10, 12))
    assert (found.outcome, found.granted) == (Outcome.PERMITTED, frozenset(categories))
    assert "tell-nobody" in {duty.id for duty in found.duties if duty.status == "due"}
    assert found.hold_allowed


def test_waits_for_the_judge_in_a_criminal_case_and_allows_a_hold_meanwhile() -> None:
    found = spain(CRIMINAL, None, on=date(2026, 10, 6))
    assert found.outcome is Outcome.INCOMPLETE
    assert {question.settled_by for question in found.settle} == {"order"}
    assert found.hold_allowed


@pytest.mark.parametrize("authority", ["police", "prosecutor"])
def test_refuses_police_and_prosecutor_in_a_criminal_case_with_the_right_way_instead(authority: str) -> None:
    found = spain({**CRIMINAL, **JUDGE, **LOG, "order-by": authority}, DEFAULT)
    assert found.outcome is Outcome.REFUSED
    assert any("588 ter k" in text for text in found.instead)
    assert found.hold_allowed


def test_refuses_retained_data_for_an_offence_that_is_not_serious() -> None:
    retained = {**CRIMINAL, **JUDGE, "log-provenance": "statutory-retention", "address-shared": False}
    assert grounds(spain(retained, DEFAULT)) == ["retained-data-for-serious-offences"]
    assert spain({**retained, "offence-serious": True}, DEFAULT).outcome is Outcome.PERMITTED


@pytest.mark.parametrize(
    "measure", ["disconnection", "filtering", "monitoring", "preservation", "repeat-infringer-notice"]
)
def test_refuses_what_is_no_disclosure_and_names_the_right_desk(measure: str) -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, "measure": measure}, DEFAULT)
    assert found.outcome is Outcome.REFUSED
    assert "no-disclosure" in grounds(found)
    assert found.instead
    assert spain({"measure": measure}, None).outcome is Outcome.REFUSED, "certain from the first day"


def due_days(found: Assessment) -> dict[str, str]:
    """The last days of the duties that are due, with what they run from."""
    due = [duty for duty in found.duties if duty.status == "due" and duty.due_on]
    return {duty.id: f"{duty.due_on} from {duty.runs_from}" for duty in due}


def test_counts_the_days_of_a_civil_order_from_the_order_and_the_decision() -> None:
    found = spain({**REQUESTER, **ORDER, **LOG}, DEFAULT, on=date(2026, 10, 22))
    assert due_days(found) == {
        "decide-on-opposition": "2026-10-25 from order-date",
        "answer-civil-order": "2026-10-30 from order-date",
        "sue-within-a-month": "2026-11-22 from decision-date",
        "applicant-informs-person": "2026-11-22 from decision-date",
    }
    without = spain({**REQUESTER, **ORDER, **LOG, "security-lodged": False}, DEFAULT, on=date(2026, 10, 22))
    assert due_days(without) == {
        "decide-on-opposition": "2026-10-25 from order-date",
        "lodge-security-in-time": "2026-10-23 from order-date",
    }


def test_keeps_the_deadline_of_the_court_even_where_the_rules_refuse() -> None:
    """A refusal by rule is no answer to a court: the days for opposing run all the same."""
    found = spain({**REQUESTER, **ORDER, **LOG, "civil-matter": "industrial-property"}, DEFAULT)
    assert found.outcome is Outcome.REFUSED
    assert "decide-on-opposition" in {duty.id for duty in found.duties if duty.status == "due"}


def test_ends_a_preservation_after_ninety_or_extended_after_180_days() -> None:
    found = spain({**CRIMINAL, **JUDGE, **LOG, "order-by": "police"}, DEFAULT)
    assert due_days(found) == {
        "preserve-ninety-days": "2027-01-03 from request-date",
        "preserve-180-days-at-most": "2027-04-03 from request-date",
    }


@pytest.mark.parametrize("track", ["civil", "criminal", "administrative", "emergency"])
def test_duties_to_tell_and_to_keep_silent_never_meet(track: str) -> None:
    """They are declared as opposites; with the track known and all else open, none can be effective together."""
    found = spain({"proceedings": track}, None)
    assert [weighing.id for weighing in found.weigh if weighing.kind == "conflict"] == []
    silent = next(rule for rule in load_pack("es").rules if rule.id == "tell-nobody")
    assert silent.opposes == ("tell-subscriber", "tell-subscriber-later")


def test_says_that_older_criminal_law_is_not_encoded_rather_than_that_there_was_none() -> None:
    found = spain({**CRIMINAL, **JUDGE, **LOG}, DEFAULT, on=date(2015, 12, 5))
    ground = next(ground for ground in found.grounds if ground.id == "criminal-law-of-that-time-not-encoded")
    assert (ground.confidence, ground.citations[0].note[:8]) == ("L", "Not law.")


def test_says_who_stated_a_fact_and_where() -> None:
    known = Fact("civil", source="request form", by="counsel 4", at="2026-10-01T09:00:00Z")
    found = spain({"proceedings": known, "order-by": "prosecutor"}, None)
    assert "proceedings = civil, request form, by counsel 4, 2026-10-01T09:00:00Z" in found.to_text()


def test_names_the_one_fact_that_would_have_to_be_different() -> None:
    found = spain({**REQUESTER, **ORDER, **LOG, "civil-matter": "industrial-property"}, DEFAULT)
    assert {change.ground: change.sets for change in found.why_not} == {
        "no-legal-basis": (("civil-matter",),),
        "intellectual-property-only": (("proceedings",), ("civil-matter",)),
    }
    old = spain({"proceedings": "civil"}, None, on=date(2008, 1, 29))
    assert not next(change for change in old.why_not if change.ground == "no-legal-basis").possible

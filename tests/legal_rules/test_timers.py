"""The timers of the law dossier (`eu.md` 4.4 and 2.1, UK: IPA sections 61A and 65), and who settles which fact.

An embedded case says that a duty is due, not until when; and it takes a fact as known, whoever said it.
"""

from __future__ import annotations

import pytest

from legal_rules import load_pack, packaged_ids

ALWAYS: tuple[str, ...] = ()
# Pack and duty: the deadline, the day it runs from ("": no fact tells the hour), and upon which outcomes it is due.
TIMERS: dict[tuple[str, str], tuple[str, str, tuple[str, ...]]] = {
    ("e-evidence", "answer-epoc"): ("10 days", "request-date", ("PERMITTED",)),
    ("e-evidence", "answer-epoc-emergency"): ("8 hours", "", ("PERMITTED",)),
    ("e-evidence", "watch-for-validation"): ("48 hours", "", ("REFUSED",)),
    ("e-evidence", "keep-for-sixty-days"): ("60 days", "request-date", ALWAYS),
    ("e-evidence", "keep-for-ninety-days-if-extended"): ("90 days", "request-date", ALWAYS),
    ("es", "lodge-security-in-time"): ("3 days", "order-date", ALWAYS),
    ("es", "answer-civil-order"): ("10 days", "order-date", ("PERMITTED",)),
    ("es", "decide-on-opposition"): ("5 days", "order-date", ALWAYS),
    ("es", "sue-within-a-month"): ("1 month", "decision-date", ("PERMITTED",)),
    ("es", "applicant-informs-person"): ("1 month", "decision-date", ("PERMITTED",)),
    ("es", "answer-criminal-order"): ("72 hours", "", ("PERMITTED",)),
    ("es", "preserve-ninety-days"): ("90 days", "request-date", ALWAYS),
    ("es", "preserve-180-days-at-most"): ("180 days", "request-date", ALWAYS),
    ("uk", "desk-answers-in-time"): ("1 month", "order-date", ALWAYS),
    ("uk", "desk-answers-an-emergency"): ("3 days", "order-date", ALWAYS),
}

# Facts about the order which, in some place, are read in other papers too; there they are legal staff's.
READ_ELSEWHERE = {("uk", "security-lodged")}
ON_THE_ORDER = {
    "instrument", "claim-issued", "letter-approved", "security-lodged", "suit-pending", "victim-asks",
    "offence-by-network", "offence-maximum-months", "offence-named", "offence-publicly-prosecuted", "offence-serious",
}  # fmt: skip
REQUESTERS = {
    "applicant-declares-no-abuse", "applicant-holds-rights", "applicant-names-recording-basis", "civil-matter",
    "graduated-response-stage", "industrial-right", "revenue-shared", "suit-prepared",
}  # fmt: skip
PRODUCTS = {"event-date", "measure", "port-given", "proceedings", "request-date"}
OF_TWO_PEOPLE = {"speech-at-stake", "works-sensitive"}
WORKERS = {"address-shared", "log-provenance"}


def test_every_deadline_is_one_of_the_dossier() -> None:
    found = {
        (name, rule.id): (rule.within, rule.runs_from, rule.upon)
        for name in packaged_ids()
        for rule in load_pack(name).rules
        if rule.pack == name and rule.within
    }
    assert found == TIMERS


@pytest.mark.parametrize("name", packaged_ids())
def test_nobody_says_for_a_court_what_the_court_found(name: str) -> None:
    """The requester settles what it alone knows; what an order says is read in the order, whatever the place."""
    for fact, spec in load_pack(name).facts.items():
        if fact in WORKERS:
            expected = "worker"
        elif fact in PRODUCTS:
            expected = "product"
        elif fact in REQUESTERS:
            expected = "requester"
        elif fact in OF_TWO_PEOPLE:
            expected = "two people"
        elif fact.startswith(("order-", "epoc-")) or (fact in ON_THE_ORDER and (name, fact) not in READ_ELSEWHERE):
            expected = "order"
        else:
            expected = "legal staff"
        assert spec.settled_by == expected, fact
        assert spec.burden is None, f"{fact}: no law page says who bears the burden of proof"


@pytest.mark.parametrize("name", packaged_ids())
def test_no_rule_of_today_ends_on_a_day_to_come(name: str) -> None:
    """The dossier knows no law with an end ahead of it; a rule that ran out would be missed by no case."""
    ends = {source.id: source.until for source in load_pack(name).sources.values() if source.until is not None}
    assert {source for source, until in ends.items() if until.year >= 2026} == set()

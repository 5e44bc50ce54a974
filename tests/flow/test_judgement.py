"""What people concluded is held to by the worker: it answers with a name only if the law leaves just that to people."""

from __future__ import annotations

from typing import Any

import pytest

from broker.decisions.balancing.models import Grading
from broker.decisions.balancing.selectors import is_same_judgement
from broker.decisions.balancing.services import conclude, give_grading
from broker.intake.models import DisclosureRequest
from broker.parties.middleware import context_of
from broker.row_context import acting
from legal_rules import assess, load_pack
from tests.support.answers import STAFF_ANSWERS
from tests.support.flow import HIT, MISS, ONLY_RETAINED, Flow, civil_terms
from tests.support.judgement import FOUND, SAID, SENSITIVE, digest_of, given, settle_facts

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


def concluded(flow: Flow, line: dict[str, Any]) -> DisclosureRequest:
    """A request about one line, under a verified order, graded by two and concluded for it, each as themselves."""
    filed = flow.file([line], facts=SAID)
    flow.run()
    flow.attach(filed, civil_terms([line], findings=FOUND))
    # What the demo's legal staff answer for every request stands already.
    left = {fact: value for fact, value in SENSITIVE.items() if fact not in STAFF_ANSWERS}
    settle_facts(filed, [flow.person("laura"), flow.person("pedro")], left)
    flow.run()
    assert filed.lines.get().state == "UNDER_REVIEW"
    for name in ("laura", "pedro"):
        with acting(context_of(flow.person(name))):
            assert not Grading.objects.exists(), "row-level security hides what the other one gave"
            give_grading(flow.person(name), filed, digest_of(filed), 0, given())
    with acting(context_of(flow.person("laura"))):
        assert Grading.objects.count() == 2
        conclude(
            flow.person("laura"), filed, digest_of(filed), 0, True, "For it.", notice_plan="Post.", redress="Oppose."
        )
    return filed


def answer(flow: Flow, filed: DisclosureRequest) -> tuple[str, set[str]]:
    flow.approve(filed)
    flow.run()
    assert filed.lines.get().state == "RELEASED"
    (line,) = flow.answers(filed)
    return line["reason"], set(line["subscriber"])


def test_a_hit_is_named_with_what_people_concluded_and_what_was_ordered(flow: Flow) -> None:
    assert answer(flow, concluded(flow, HIT)) == ("unique", {"name", "postal-address"})


def test_a_miss_is_a_miss(flow: Flow) -> None:
    assert answer(flow, concluded(flow, MISS)) == ("no-holder", set())


def test_no_conclusion_makes_up_for_data_kept_only_by_statute(flow: Flow) -> None:
    assert answer(flow, concluded(flow, ONLY_RETAINED)) == ("not-permitted", set())


def test_nothing_is_named_when_more_is_left_to_people_than_they_judged(flow: Flow) -> None:
    filed = concluded(flow, HIT)
    flow.approve(filed)
    settle_facts(filed, [flow.person("laura"), flow.person("pedro")], {"settlement-pattern": True})
    flow.run()
    (line,) = flow.answers(filed)
    assert (line["reason"], line["subscriber"]) == ("not-permitted", {})


def test_only_a_settled_answer_that_leaves_the_same_to_people_counts(flow: Flow) -> None:
    filed = concluded(flow, HIT)
    record = filed.lines.get().assessments.latest("sequence").record
    pack = load_pack("es")
    facts: dict[str, Any] = {
        **SAID, **FOUND, **SENSITIVE, "proceedings": "civil", "measure": "disclosure", "order-by": "court",
        "order-verified": True, "order-names-further-data": False, "port-given": True,
        "event-date": filed.filed_at.date(), "request-date": filed.filed_at.date(), "order-date": filed.filed_at.date(),
    }  # fmt: skip
    log = {"log-provenance": "business", "address-shared": False}

    def asked(**more: Any) -> bool:
        names = ["name", "postal-address"]
        found = assess(pack, {**facts, **more}, requested=names, ordered=names, on=filed.filed_at.date())
        return is_same_judgement(found, record)

    assert asked(**log)
    assert not asked(), "the provenance of the log is open"
    assert not asked(**log, **{"settlement-pattern": True})
    assert not asked(**log, **{"works-sensitive": False})

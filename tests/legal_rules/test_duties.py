"""Duties: deadlines as days, what has to be done before release, and duties that say opposite things."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from legal_rules import Assessment, Outcome, PackError, assess

from .random_packs import HEADER, parse

RULES = """
[source]
law = { cite = "A law", from = 2015-01-01, confidence = "M" }
[fact]
heard = { ask = "Has the subscriber been heard?", settled-by = "legal staff" }
secret = { ask = "Does the order forbid telling anybody?", settled-by = "order" }
special = { ask = "Does the special rule apply?", settled-by = "order" }
served-on = { ask = "When was the order served?", type = "date", settled-by = "order" }
[[basis]]
id = "basis"
says = "It may be told."
cite = ["law"]
discloses = ["name"]
[[duty]]
id = "hear"
says = "Hear the subscriber first."
cite = ["law"]
done = "heard"
[[duty]]
id = "answer"
says = "Answer in time."
cite = ["law"]
within = "3 working days"
runs-from = "served-on"
[[duty]]
id = "tell"
says = "Tell the subscriber."
cite = ["law"]
within = "1 month"
runs-from = "decision-date"
[[duty]]
id = "hurry"
says = "Be quick."
cite = ["law"]
within = "8 hours"
runs-from = "served-on"
[[duty]]
id = "keep-silent"
says = "Tell nobody."
cite = ["law"]
when = ["secret"]
opposes = ["tell"]
"""
KNOWN: dict[str, Any] = {"heard": True, "secret": False, "special": False, "served-on": date(2026, 4, 1)}


def answer(rules: str = RULES, closed: tuple[date, ...] = (), **other: Any) -> Assessment:
    facts = {**KNOWN, **{name.replace("_", "-"): value for name, value in other.items()}}
    known = {name: value for name, value in facts.items() if value is not None}
    return assess(
        parse(HEADER + rules), known, requested=["name"], ordered=["name"], on=date(2026, 1, 31), closed_days=closed
    )


def due(found: Assessment) -> dict[str, date | None]:
    return {duty.id: duty.due_on for duty in found.duties}


def test_counts_a_deadline_from_the_day_it_runs_from() -> None:
    """The first of April 2026 is a Wednesday; Good Friday and Easter Monday follow on the third and the sixth."""
    assert due(answer()) == {
        "hear": None,
        "answer": date(2026, 4, 6),
        "tell": date(2026, 2, 28),
        "hurry": None,
        "keep-silent": None,
    }
    easter = (date(2026, 4, 3), date(2026, 4, 6))
    assert due(answer(closed=easter))["answer"] == date(2026, 4, 8)


def test_a_deadline_from_an_open_day_stays_words() -> None:
    found = answer(served_on=None)
    assert due(found)["answer"] is None
    assert "within 3 working days from served-on" in found.to_text()


def test_nothing_is_permitted_before_a_duty_that_comes_first_is_done() -> None:
    status = {}
    for heard in (True, False):
        found = answer(heard=heard)
        status[found.outcome] = [duty.status for duty in found.duties if duty.id == "hear"]
    assert status == {Outcome.PERMITTED: ["done"], Outcome.INCOMPLETE: ["due"]}
    assert [finding.id for finding in answer(heard=False).missing] == ["hear"]
    assert [question.fact for question in answer(heard=None).settle] == ["heard"]


def test_two_duties_that_say_opposite_things_are_left_to_people_with_both_texts() -> None:
    found = answer(secret=True)
    assert found.outcome is Outcome.NEEDS_JUDGEMENT
    (conflict,) = found.weigh
    assert (conflict.kind, conflict.between) == ("conflict", ("Tell nobody.", "Tell the subscriber."))


def test_a_duty_that_prevails_leaves_no_conflict() -> None:
    found = answer(RULES + 'despite = ["tell"]\n', secret=True)
    assert found.outcome is Outcome.PERMITTED
    assert {duty.id: duty.status for duty in found.duties}["tell"] == "not due"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ('within = "soon"', "duty.within"),
        ('within = "3 days"\nruns-from = "heard"', "duty.runs-from"),
        ('runs-from = "served-on"', "duty.runs-from"),
        ('done = "served-on"', "phrase.wrong-type"),
        ('done = "heard"\nupon = ["PERMITTED"]', "duty.upon"),
        ('opposes = ["basis"]', "duty.opposes"),
        ('despite = ["nothing"]', "exception.unknown"),
        ('despite = ["last"]', "exception.cycle"),
    ],
)
def test_refuses_a_duty_that_makes_no_sense(lines: str, code: str) -> None:
    with pytest.raises(PackError) as caught:
        parse(f'{HEADER}{RULES}[[duty]]\nid = "last"\nsays = "Do it."\ncite = ["law"]\n{lines}\n')
    assert [problem.code for problem in caught.value.problems] == [code]

"""Many lines at once say what each says alone, share what they may, and the quick decision is the same decision."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from legal_rules import Fact, FactError, assess, assess_lines, load_pack
from legal_rules.decider import decider
from legal_rules.facts import Unreadable
from legal_rules.kernel import kernel_of

from .comparing import by_reference, states
from .random_packs import DAY, pack_text, parse, random_case
from .test_spanish_law import DEFAULT, LOG, ORDER, REQUESTER, TODAY, grounds, spain

# Values that are easily taken for one another, or are none at all.
ODD: tuple[Any, ...] = (
    True,
    1,
    "round",
    None,
    [1],
    DAY,
    datetime(2020, 3, 31),  # noqa: DTZ001  # a moment without a zone is one of the wrong things people give
    date(1850, 1, 1),
    Fact(True),
    Fact(1),
    Fact(True, source="row"),
    [Fact(True), Fact(False)],
    Fact(Fact.CANNOT_BE_ESTABLISHED),
    Unreadable("float"),
    Unreadable("Decimal"),
)


def random_lines(rng: random.Random, values: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split facts into common ones and those of lines; vary the lines, and let some say something odd."""
    varying = [name for name in values if rng.random() < 0.5]
    common = {name: value for name, value in values.items() if name not in varying or rng.random() < 0.1}
    lines = []
    for _ in range(6):
        other = random_case(rng, 0.2).values
        line = {name: other[name] for name in varying if name in other}
        if varying and rng.random() < 0.3:
            line[rng.choice(varying)] = rng.choice(ODD)
        lines.append(line)
    lines.append({name: values[name] for name in varying})
    return common, lines


def together(common: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: [Fact(common[name]), *(given if isinstance(given, list) else [given])]
        for name, given in line.items()
        if name in common
    }
    return {**common, **line, **both}


def test_lines_say_together_what_each_says_alone() -> None:
    seen, decided = set(), 0
    for seed in range(100):
        rng = random.Random(seed)
        pack, case = parse(pack_text(rng)), random_case(rng, 0.1)
        common, lines = random_lines(rng, dict(case.values))
        orders = [rng.choice((case.ordered, None, frozenset({"name"}))) for _ in lines]
        settled: dict[str, Any] = {"requested": case.requested, "on": case.on, "closed_days": case.closed}
        found = assess_lines(pack, common, lines, ordered=orders, **settled)
        for number, (line, order) in enumerate(zip(lines, orders, strict=True)):
            alone = assess(pack, together(common, line), ordered=order, **settled)
            assert found[number].to_json() == alone.to_json(), f"seed {seed}, line {number}"
            assert (found.outcomes[number], found.granted[number]) == (alone.outcome, alone.granted), f"seed {seed}"
            seen.add(alone.outcome)
            if line.items() <= dict(case.values).items() and not common.keys() & line.keys():
                # Nothing odd was said: the interpreter that walks the rules has to say the same.
                ruled = by_reference(pack, replace(case, values={**common, **line}, ordered=order))
                for outcome, status in ruled.outcome.items():
                    assert status is not True or alone.outcome == outcome, f"seed {seed}"
                decided += True in ruled.outcome.values()
    assert len(seen) == 5
    assert decided > 50


def test_the_quick_decision_is_the_kernels() -> None:
    decided = 0
    for seed in range(60):
        rng = random.Random(seed)
        pack, case = parse(pack_text(rng)), random_case(rng, 0.2)
        kernel = kernel_of(pack)
        given: dict[str, Any] = {"requested": case.requested, "ordered": case.ordered, "on": case.on}
        decide = decider(kernel.program, closed=case.closed, **given)
        for _ in range(12):
            other = replace(case, values=random_case(rng, rng.choice((0.0, 0.4))).values)
            rails = kernel.run_cases([states(pack, kernel.program, other)])
            known = [name for name, literal in kernel.program.outcome.items() if rails.status(literal)]
            assert decide(other.values) == (known[0] if known else None), f"seed {seed}"
            decided += bool(known)
    assert 150 < decided < 720


def test_two_unreadable_values_of_different_types_are_two_values() -> None:
    pack = load_pack("es")
    said = [{"port-given": Fact(Unreadable(name))} for name in ("float", "Decimal")]
    answers = assess_lines(pack, {}, said, requested=["name"], ordered=None, on=TODAY)
    alone = [assess(pack, each, requested=["name"], ordered=None, on=TODAY) for each in said]
    assert [answer.to_json() for answer in answers] == [answer.to_json() for answer in alone]


def test_no_lines_have_no_answers() -> None:
    found = assess_lines(load_pack("es"), {}, [], requested=DEFAULT, ordered=None, on=TODAY)
    assert (len(found), list(found), found.outcomes) == (0, [], [])


def test_refuses_a_line_with_a_fact_nobody_knows() -> None:
    with pytest.raises(FactError, match="did you mean 'port-given'"):
        assess_lines(load_pack("es"), {}, [{"port-givn": True}], requested=DEFAULT, ordered=None, on=TODAY)


def test_a_day_outside_the_calendar_of_facts_is_open_in_a_column_too() -> None:
    facts = {**REQUESTER, **ORDER, **LOG}
    del facts["event-date"]
    days = [TODAY - timedelta(40), date(1899, 12, 31), date(2200, 12, 31), date(2201, 1, 1)]
    found = assess_lines(
        load_pack("es"), facts, [{"event-date": day} for day in days], requested=DEFAULT, ordered=DEFAULT, on=TODAY
    )
    assert [bool(each.remarks) for each in found] == [False, True, False, True]


def test_ten_thousand_lines_share_their_assessments() -> None:
    common = {name: value for name, value in {**REQUESTER, **ORDER}.items() if name not in ("event-date", "port-given")}
    origin = {"source": "evidence file"}
    lines = [
        {"event-date": Fact(date(2026, 9, 1 + number % 28), **origin), "port-given": Fact(number % 3 > 0, **origin)}
        for number in range(10_000)
    ]
    found = assess_lines(load_pack("es"), common, lines, requested=[*DEFAULT, "email"], ordered=DEFAULT, on=TODAY)
    assert len(found) == 10_000
    assert len({id(each) for each in found}) == 56
    for number in (0, 1, 27, 9_999):
        alone = spain({**common, **lines[number]}, DEFAULT, [*DEFAULT, "email"])
        assert found[number].to_json() == alone.to_json()


def test_lines_may_have_orders_of_their_own() -> None:
    facts: dict[str, Any] = {**REQUESTER, **ORDER, **LOG}
    orders = [DEFAULT, None, [], ["name"]]
    found = assess_lines(load_pack("es"), facts, [{}] * 4, requested=DEFAULT, ordered=orders, on=TODAY)
    assert [each.outcome for each in found] == ["PERMITTED", "INCOMPLETE", "REFUSED", "PERMITTED"]
    assert grounds(found[2]) == ["nothing-to-grant"]
    assert found[3].granted == {"name"}
    with pytest.raises(FactError):
        assess_lines(load_pack("es"), facts, [{}], requested=DEFAULT, ordered=orders, on=TODAY)


def test_a_line_that_contradicts_its_request_makes_the_fact_open() -> None:
    facts: dict[str, Any] = {**REQUESTER, **ORDER, **LOG}
    lines: list[dict[str, Any]] = [{"port-given": True}, {"port-given": False}, {"port-given": 1}]
    found = assess_lines(load_pack("es"), facts, lines, requested=DEFAULT, ordered=DEFAULT, on=TODAY)
    assert [bool(each.remarks) for each in found] == [False, True, True]

"""Open facts: what is certain, what has to be settled, and that knowing more never turns a certain answer."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest

from legal_rules import Assessment, Outcome, assess, load_pack, search, verdict
from legal_rules.completions import ORDERED, complete, count, split, trace
from legal_rules.given import read_given
from legal_rules.kernel import kernel_of
from legal_rules.model import Pack
from legal_rules.phrases import Value
from legal_rules.reference import Interpreter, _moved

from .random_packs import BOOLS, CATEGORIES, SHAPES, Case, pack_text, parse, random_case, random_value
from .test_spanish_law import LOG, ORDER, REQUESTER, TODAY

# Outcome, grant, and what people would have to judge.
ANSWER = tuple[str, frozenset[str], frozenset[str]]
NAMES = (*BOOLS, "shape", "size", "filed-on", "seen-on")


def certain(found: Assessment) -> bool:
    """Say whether an answer is certain: nothing is left that could change it."""
    return found.settle_exact and not found.settle and not found.worker_settles


def days_that_matter(text: str, known: Mapping[str, Value], closed: frozenset[date]) -> list[Value]:
    """List days around everything a pack's text compares with, read from the text and not from the engine."""
    anchors = {name: value for name, value in known.items() if isinstance(value, date)}
    anchors |= {day: date.fromisoformat(day) for day in re.findall(r"\d{4}-\d\d-\d\d", text)}
    spans = [(int(n), unit) for n, unit in re.findall(r"(\d+) (days|working days|months|years)", text)] + [
        (0, "days"),
        (1, "months"),
    ]
    days = {
        _moved(anchor, sign * amount, unit, closed) + timedelta(days=near)
        for anchor in anchors.values()
        for amount, unit in set(spans)
        for sign in (1, -1)
        for near in (-1, 0, 1)
    }
    return sorted(days)


def all_values(fact: str, text: str, known: Mapping[str, Value], closed: frozenset[date]) -> list[Value]:
    """List values that reach every class of a random pack."""
    if fact == "shape":
        return list(SHAPES)
    if fact == "size":
        return list(range(-1, 5))
    return [True, False] if fact in BOOLS else days_that_matter(text, known, closed)


def completions(text: str, case: Case) -> Iterator[tuple[dict[str, Value], dict[str, bool]]]:
    """Yield every completion of a case as known values and ordered categories."""
    known = {**case.values, "decision-date": case.on}
    open_facts = [name for name in NAMES if name not in case.values]
    orders = list(itertools.product((True, False), repeat=len(CATEGORIES)))
    if case.ordered is not None:
        orders = [tuple(name in case.ordered for name in CATEGORIES)]
    for order in orders:
        for values in itertools.product(*(all_values(name, text, known, case.closed) for name in open_facts)):
            ordered = dict(zip(CATEGORIES, order, strict=True))
            yield {**case.values, **dict(zip(open_facts, values, strict=True))}, ordered


def brute_force(pack: Pack, text: str, case: Case) -> tuple[set[ANSWER], set[str]]:
    """Decide every completion with the reference; returns all answers, and the facts that matter."""
    decide = Interpreter(pack, case.closed).decide
    answers: dict[tuple[tuple[str, Value], ...], ANSWER] = {}
    for values, ordered in completions(text, case):
        found = decide(values, case.requested, ordered, case.on)
        outcome = next(name for name, status in found.outcome.items() if status)
        grants = found.judged if outcome == "NEEDS_JUDGEMENT" else found.granted
        granted = frozenset(name for name, status in grants.items() if status)
        effective = [rule for rule, status in zip(pack.rules, found.effective, strict=True) if status]
        weighed = frozenset(rule.id for rule in effective if rule.kind in ("weigh", "review")) | {
            f"{rule.id} against {other.id}" for rule in effective for other in effective if other.id in rule.opposes
        }
        key = (*sorted(values.items()), *(("=" + name, known) for name, known in ordered.items()))
        answers[key] = outcome, granted, weighed if outcome == "NEEDS_JUDGEMENT" else frozenset()
    matter: set[str] = set()
    places = list(next(iter(answers)))
    for place, (name, _) in enumerate(places):
        groups: dict[object, set[ANSWER]] = {}
        for key, answer in answers.items():
            groups.setdefault((*key[:place], *key[place + 1 :]), set()).add(answer)
        if any(len(group) > 1 for group in groups.values()):
            matter.add(ORDERED if name.startswith("=") else name)
    return set(answers.values()), matter


def few_open(rng: random.Random, dates: int) -> Case:
    """Pick a case with few open facts, so many of them dates; in every third only the worker's is open."""
    case = random_case(rng, 0.0)
    if rng.random() < 0.3:
        values = {name: value for name, value in case.values.items() if name != "grey"}
        return replace(case, values=values)
    gone = {*rng.sample((*BOOLS, "shape", "size"), 3 - 2 * dates), *rng.sample(("filed-on", "seen-on"), dates)}
    values = {name: value for name, value in case.values.items() if name not in gone}
    return replace(case, values=values, ordered=None if rng.random() < 0.5 else case.ordered)


def answer_of(found: Assessment) -> ANSWER:
    """What an answer that is certain says."""
    judged = found.weigh if found.outcome is Outcome.NEEDS_JUDGEMENT else ()
    return found.outcome.value, found.granted, frozenset(each.id for each in judged if each.status == "met")


def run(pack: Pack, case: Case) -> Assessment:
    return assess(
        pack, dict(case.values), requested=case.requested, ordered=case.ordered, on=case.on, closed_days=case.closed
    )


def check_judged(found: Assessment, answers: set[ANSWER]) -> None:
    """With only the worker's facts open and no way to PERMITTED, people can judge, whatever the worker finds."""
    judged = [granted for outcome, granted, _ in answers if outcome == "NEEDS_JUDGEMENT"]
    assert (found.outcome, found.granted) == (Outcome.NEEDS_JUDGEMENT, frozenset.intersection(*judged))


WAYS = ["all completions at once", "searched"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to an answer; the search is for cases with too many completions, and has to say the same."""
    if request.param == "searched":
        monkeypatch.setattr(verdict, "MOST_COMPLETIONS", 0)
    return str(request.param)


@pytest.mark.parametrize("seeds", [range(200), pytest.param(range(200, 2_000), marks=pytest.mark.long)], ids=str)
def test_settle_is_exactly_what_brute_force_finds(way: str, seeds: range) -> None:
    compared = {"certain": 0, "open": 0, "conditional": 0}
    for seed in seeds:
        rng = random.Random(seed)
        text = pack_text(rng, pairs=False)
        pack = parse(text)
        case = few_open(rng, dates=int(seed % 20 == 0))
        answers, matter = brute_force(pack, text, case)
        found = run(pack, case)
        asked = {question.fact for question in (*found.settle, *found.worker_settles)}
        assert found.settle_exact, f"seed {seed}"
        assert asked == matter, f"seed {seed}"
        if len(answers) == 1:
            assert answers == {answer_of(found)}, f"seed {seed}"
            compared["certain"] += 1
        elif matter == {"grey"} and any(outcome == "PERMITTED" for outcome, *_ in answers):
            assert found.outcome is Outcome.CONDITIONAL, f"seed {seed}"
            granted = frozenset.intersection(*(grant for outcome, grant, _ in answers if outcome == "PERMITTED"))
            assert found.granted == granted, f"seed {seed}"
            compared["conditional"] += 1
        elif matter == {"grey"} and any(outcome == "NEEDS_JUDGEMENT" for outcome, *_ in answers):
            check_judged(found, answers)
        else:
            assert (found.outcome, found.granted) == (Outcome.INCOMPLETE, frozenset()), f"seed {seed}"
            compared["open"] += 1
    assert min(compared.values()) >= 2, compared


def test_people_can_judge_while_only_the_workers_facts_are_open(way: str) -> None:
    seen = 0
    for seed in range(4_000, 4_600):
        rng = random.Random(seed)
        text = pack_text(rng, pairs=False)
        if "[[weigh]]" not in text and "[[review]]" not in text:
            continue
        pack, case = parse(text), random_case(rng, 0.0)
        values = {name: value for name, value in case.values.items() if name != "grey"}
        case = replace(case, values=values, ordered=case.ordered or frozenset(CATEGORIES))
        answers, matter = brute_force(pack, text, case)
        if matter == {"grey"} and {outcome for outcome, *_ in answers} & {"PERMITTED", "NEEDS_JUDGEMENT"}:
            found = run(pack, case)
            if any(outcome == "PERMITTED" for outcome, *_ in answers):
                assert found.outcome is Outcome.CONDITIONAL, f"seed {seed}"
            else:
                check_judged(found, answers)
                seen += 1
    assert seen >= 2


def test_what_people_judge_grants_what_they_would_open() -> None:
    facts = {**REQUESTER, **ORDER, "works-sensitive": True}
    ordered = ["name", "postal-address"]
    for more in (LOG, {}):
        found = assess(load_pack("es"), {**facts, **more}, requested=[*ordered, "email"], ordered=ordered, on=TODAY)
        assert (found.outcome, sorted(found.granted)) == (Outcome.NEEDS_JUDGEMENT, ["name", "postal-address"])
        assert [(each.id, each.status) for each in found.weigh] == [("sensitive-works", "met")]
    # What no conclusion could open is still certain.
    kept = {**facts, **LOG, "log-provenance": "statutory-retention"}
    found = assess(load_pack("es"), kept, requested=ordered, ordered=ordered, on=TODAY)
    assert (found.outcome, found.granted) == (Outcome.REFUSED, frozenset())


def test_comparing_two_open_dates_may_ask_too_much_but_never_too_little(way: str) -> None:
    inexact = 0
    for seed in range(1_000, 1_040):
        rng = random.Random(seed)
        text = pack_text(rng)
        pack = parse(text)
        case = few_open(rng, dates=1)
        answers, matter = brute_force(pack, text, case)
        found = run(pack, case)
        asked = {question.fact for question in (*found.settle, *found.worker_settles)}
        assert asked >= matter, f"seed {seed}"
        if found.settle_exact:
            assert asked == matter, f"seed {seed}"
        if certain(found):
            assert answers == {answer_of(found)}, f"seed {seed}"
        inexact += not found.settle_exact
    assert inexact, "some pack has to compare two dates"


def test_adding_a_known_fact_never_turns_a_certain_answer(way: str) -> None:
    kept = 0
    for seed in range(2_000, 2_120):
        rng = random.Random(seed)
        pack = parse(pack_text(rng))
        case = random_case(rng, 0.6)
        before = run(pack, case)
        more = dict(case.values)
        for name in rng.sample(NAMES, len(NAMES)):
            if name in more:
                continue
            more[name] = random_value(rng, name)
            after = run(pack, replace(case, values=more))
            if certain(before):
                assert (after.outcome, after.granted) == (before.outcome, before.granted), f"seed {seed}"
                assert certain(after), f"seed {seed}"
                kept += 1
            before = after
    assert kept > 50


def test_nothing_is_permitted_while_a_fact_that_matters_is_open() -> None:
    pack = load_pack("es")
    days = {rule.since for rule in pack.rules} | {rule.until for rule in pack.rules if rule.until}
    for on in sorted(days):
        found = assess(pack, {}, requested=list(pack.categories), ordered=list(pack.categories), on=on)
        assert found.outcome is not Outcome.PERMITTED
        assert found.granted == frozenset()


def test_settle_is_exact_where_nothing_is_known_yet() -> None:
    found = assess(load_pack("es"), {}, requested=["name", "email"], ordered=None, on=date(2026, 11, 1))
    asked = {question.fact for question in found.settle}
    assert found.outcome is Outcome.INCOMPLETE
    assert {"proceedings", "order-by", "civil-matter", ORDERED} <= asked
    assert "order-date" not in asked


def test_a_search_that_runs_out_of_steps_asks_too_much_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for steps in (search.MOST_STEPS, 3):
        monkeypatch.setattr(search, "MOST_STEPS", steps)
        found = assess(load_pack("es"), {}, requested=["name", "email"], ordered=None, on=date(2026, 11, 1))
        asked.append({question.fact for question in found.settle})
    assert asked[0] <= asked[1]
    assert not found.settle_exact
    assert "at most these" in found.to_text()


def test_each_question_says_what_its_answers_lead_to() -> None:
    pack, day = load_pack("es"), date(2026, 10, 12)
    facts: dict[str, Value] = {"proceedings": "criminal", "measure": "disclosure", "order-by": "investigating-judge"}
    more: dict[str, Value] = {
        "order-verified": True,
        "order-names-further-data": False,
        "instrument": "national-order",
        "port-given": True,
        "log-provenance": "business",
    }
    found = assess(pack, {**facts, **more}, requested=["name"], ordered=["name"], on=day)
    (question,) = found.settle
    leads = {lead.answers: lead.outcomes for lead in question.leads_to}
    assert question.fact == "offence-named"
    assert leads == {("yes",): ("PERMITTED",), ("no",): ("INCOMPLETE",)}


def test_completions_are_decided_as_one_by_one() -> None:
    """The bits of all completions are those that single runs of the same kernel give."""
    rng = random.Random(13)
    pack = parse(pack_text(rng))
    kernel = kernel_of(pack)
    case = random_case(rng, 0.5)
    requested = tuple(sorted(case.requested))
    given = read_given(pack, kernel.program, dict(case.values), requested, case.ordered, case.on, case.closed)
    rails = kernel.run_cases([given.states])
    open_atoms = trace(kernel.program, rails, kernel.program.results)
    digits = split(kernel.program, open_atoms, given.open_facts, pack.facts, case.closed)
    done = complete(kernel, given.states, digits)
    assert count(digits) > 1
    for number in range(count(digits)):
        states = list(given.states)
        for digit, stride in zip(done.digits, done.strides, strict=True):
            for atom, status in digit.classes[number // stride % len(digit.classes)].items():
                states[atom] = status
        alone = kernel.run_cases([states])
        for literal in kernel.program.results:
            assert alone.status(literal) is bool(done.where(literal) >> number & 1)


def test_nobody_judges_while_it_is_open_what_else_there_is_to_judge() -> None:
    facts = {**REQUESTER, **ORDER, **LOG, "works-sensitive": True}
    del facts["settlement-pattern"]
    found = assess(load_pack("es"), facts, requested=["name"], ordered=["name"], on=TODAY)
    assert found.outcome is Outcome.INCOMPLETE
    assert [question.fact for question in found.settle] == ["settlement-pattern"]

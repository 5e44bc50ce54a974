"""Assess: facts in, one immutable answer out. No clock, no network, no guess.

1. Read the facts; what is missing, mistyped or disputed is open.
2. Run the kernel once, three-valued, over all distinct cases.
3. Where something stays open, decide every completion of the facts it depends on.
4. One answer in all completions is certain. Open only for the worker, with a permitted completion: CONDITIONAL.
   Otherwise INCOMPLETE, with the facts that matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from . import explain
from .assessment import Assessment, Change, Duty, Lead, Outcome, Question, ReplayKey, Weighing
from .completions import MOST_COMPLETIONS, ORDERED, Completions, Digit, complete, count, split, trace
from .errors import FactError
from .facts import Established, Fact, GivenFact, Reading, Unreadable, as_facts, read_facts
from .findings import Findings
from .ir import Ordered, Requested
from .kernel import Kernel, Rails, kernel_of
from .model import OUTCOMES, Pack
from .phrases import DECISION_DATE, EARLIEST, LATEST, Value, facts_of, holds
from .why import why_not

ENGINE = "1"


@dataclass(frozen=True, slots=True)
class _Case:
    readings: Mapping[str, Reading]
    requested: tuple[str, ...]
    ordered: frozenset[str] | None
    states: tuple[bool | None, ...]


def assess(
    pack: Pack,
    facts: Mapping[str, GivenFact],
    *,
    requested: Collection[str],
    ordered: Collection[str] | None,
    on: date,
) -> Assessment:
    """Say what the law of a pack allows for one request.

    facts: known facts by name, bare or as Fact, or several Facts where there are several sources; a missing name is
        an open fact. requested: data categories asked for; ordered: those the order names, None while there is no
        order. on: the day whose law governs.
    Raises FactError for a name the pack does not know or an argument that is none; a fact of the wrong type, or one on
    which sources disagree, is open and named in `remarks`.
    """
    return assess_lines(pack, facts, [{}], requested=requested, ordered=ordered, on=on)[0]


def assess_lines(
    pack: Pack,
    common: Mapping[str, GivenFact],
    lines: Sequence[Mapping[str, GivenFact]],
    *,
    requested: Collection[str],
    ordered: Collection[str] | Sequence[Collection[str] | None] | None,
    on: date,
) -> Sequence[Assessment]:
    """Assess many lines of one request; lines that say the same share one Assessment.

    common: facts of the request; lines: the facts of each line, added to them (two sources that disagree make a fact
    open). ordered: for all lines, or a list with one collection or None for each line. The rest is as in `assess`.
    """
    asked = _categories(requested, "requested")
    per_line = _ordered_by_line(ordered, len(lines))
    if type(on) is not date or not EARLIEST <= on <= LATEST:
        raise FactError(f"`on` must be a day within {EARLIEST} to {LATEST}", "facts.on")
    kernel = kernel_of(pack)
    places: dict[object, int] = {}
    distinct: list[tuple[Mapping[str, GivenFact], frozenset[str] | None]] = []
    which: list[int] = []
    for line, order in zip(lines, per_line, strict=True):
        key = (tuple([(name, _key(given)) for name, given in sorted(line.items())]), order)
        if key not in places:
            places[key] = len(distinct)
            distinct.append((line, order))
        which.append(places[key])
    cases = [_case(pack, kernel, {**common, **_joined(common, line)}, asked, order, on) for line, order in distinct]
    rails = kernel.run_cases([case.states for case in cases])
    answers = [_answer(pack, kernel, case, rails, number, on) for number, case in enumerate(cases)]
    return tuple(answers[number] for number in which)


def _categories(names: object, what: str) -> tuple[str, ...]:
    if isinstance(names, (str, bytes)) or not isinstance(names, Collection):
        raise FactError(f"`{what}` must be a collection of category ids", "facts.categories")
    if not all(isinstance(name, str) for name in names):
        raise FactError(f"`{what}` must hold category ids as strings", "facts.categories")
    return tuple(sorted(set(names)))


def _ordered_by_line(ordered: Any, count_of_lines: int) -> list[frozenset[str] | None]:
    if isinstance(ordered, (list, tuple)) and any(not isinstance(each, str) for each in ordered):
        if len(ordered) != count_of_lines:
            raise FactError("`ordered` must have one entry for each line", "facts.categories")
        return [None if each is None else frozenset(_categories(each, "ordered")) for each in ordered]
    one = None if ordered is None else frozenset(_categories(ordered, "ordered"))
    return [one] * count_of_lines


def _key(given: object) -> object:
    """Make a key in which True is not 1: equal keys say the same, in the same types, from the same sources."""
    if isinstance(given, (list, tuple)):
        return tuple(_key(each) for each in given)
    if isinstance(given, Fact):
        return (type(given.value), given)
    # Values of other types are unreadable whatever they say, and may not even be hashable.
    return (type(given), given if type(given) in (bool, str, int, date, Established) else None)


def _joined(common: Mapping[str, GivenFact], line: Mapping[str, GivenFact]) -> dict[str, GivenFact]:
    return {name: (*as_facts(common[name]), *as_facts(given)) if name in common else given for name, given in line.items()}


def _case(
    pack: Pack,
    kernel: Kernel,
    facts: Mapping[str, GivenFact],
    requested: tuple[str, ...],
    ordered: frozenset[str] | None,
    on: date,
) -> _Case:
    readings = read_facts(pack.facts, facts)
    values: dict[str, Value] = {name: each.value for name, each in readings.items() if each.value is not None}
    values[DECISION_DATE] = on
    states: list[bool | None] = []
    for atom in kernel.program.atoms:
        if isinstance(atom, Requested):
            states.append(atom.category in requested)
        elif isinstance(atom, Ordered):
            states.append(None if ordered is None else atom.category in ordered)
        else:
            states.append(holds(atom, values) if all(name in values for name in facts_of(atom)) else None)
    return _Case(readings, requested, ordered, tuple(states))


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    granted: frozenset[str]
    certain: bool
    settle: tuple[Question, ...] = ()
    exact: bool = True


def _verdict(pack: Pack, kernel: Kernel, case: _Case, rails: Rails, number: int) -> _Verdict:
    """Find outcome, grant and open questions of one case."""
    program = kernel.program
    results = program.results
    if all(rails.status(literal, number) is not None for literal in results):
        outcome = next(name for name, literal in program.outcome.items() if rails.status(literal, number))
        granted = (category for category, literal in program.granted.items() if rails.status(literal, number))
        return _Verdict(Outcome(outcome), frozenset(granted), True)
    open_facts = [name for name, reading in case.readings.items() if reading.value is None]
    digits = split(program, trace(program, rails, results, number), open_facts, pack.facts)
    if count(digits) > MOST_COMPLETIONS:
        return _Verdict(Outcome.INCOMPLETE, frozenset(), False, _questions(pack, digits, None), False)
    done = complete(kernel, case.states, digits)
    possible = [name for name in OUTCOMES if done.where(program.outcome[name])]
    permitted = done.where(program.outcome["PERMITTED"])
    granted = frozenset(
        category for category, literal in program.granted.items() if permitted and done.where(literal) == permitted
    )
    if len(possible) == 1 and all(done.where(literal) in (0, done.ones) for literal in program.granted.values()):
        return _Verdict(Outcome(possible[0]), granted, True)
    mattering = [place for place in range(len(digits)) if done.matters(place)]
    questions = _questions(pack, [digits[place] for place in mattering], done)
    exact = not any(digits[place].free for place in mattering)
    if permitted and all(question.settled_by == "worker" for question in questions):
        return _Verdict(Outcome.CONDITIONAL, granted, False, questions, exact)
    return _Verdict(Outcome.INCOMPLETE, frozenset(), False, questions, exact)


def _questions(pack: Pack, digits: Sequence[Digit], done: Completions | None) -> tuple[Question, ...]:
    """Make the questions behind digits, in the order in which the pack declares its facts, each once."""
    asked = {name: digit for digit in digits for name in digit.asks}
    questions: list[Question] = []
    for name, spec in pack.facts.items():
        if name in asked:
            leads = _leads(asked[name], done) if done and not asked[name].free else ()
            questions.append(Question(name, spec.ask, spec.type, spec.values, spec.settled_by, leads))
    if ORDERED in asked:
        ask = "Which categories of data does the order name?"
        questions.append(Question(ORDERED, ask, "categories", tuple(pack.categories), "order", ()))
    return tuple(questions)


def _leads(digit: Digit, done: Completions) -> tuple[Lead, ...]:
    place = done.digits.index(digit)
    leads = []
    for number, examples in enumerate(digit.examples):
        here = done.in_class(place, number)
        outcomes = tuple(name for name in OUTCOMES if done.where(done.program.outcome[name]) & here)
        leads.append(Lead(tuple(_said(value) for value in examples), outcomes))
    return tuple(leads)


def _said(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date) else str(value)


def _answer(pack: Pack, kernel: Kernel, case: _Case, rails: Rails, number: int, on: date) -> Assessment:
    program = kernel.program
    verdict = _verdict(pack, kernel, case, rails, number)
    found = Findings(pack, program, rails, case.readings, on)
    found.case = number
    refused = verdict.outcome is Outcome.REFUSED
    grounds = found.grounds(refused)
    refusing = [ground.id for ground in grounds] if refused else []
    holding = any(status for _, _, status in found.effective("hold"))
    remarks = [f"{reading.name}: {reading.remark}" for reading in case.readings.values() if reading.remark]
    return Assessment(
        outcome=verdict.outcome,
        granted=verdict.granted,
        withheld=MappingProxyType(found.withheld(case.requested, case.ordered, verdict.granted, refusing)),
        bases=found.bases(),
        grounds=grounds,
        missing=() if refused else found.missing(),
        limits=tuple(found.finding(place, status) for place, _, status in found.effective("limit")),
        settle=tuple(question for question in verdict.settle if question.settled_by != "worker"),
        worker_settles=tuple(question for question in verdict.settle if question.settled_by == "worker"),
        settle_exact=verdict.exact,
        weigh=_weighings(found) if not refused else (),
        duties=_duties(found, verdict),
        instead=tuple(dict.fromkeys(ground.instead for ground in grounds if ground.instead)),
        why_not=_why_not(pack, kernel, case, rails, number) if refused else (),
        hold_allowed=holding,
        remarks=tuple(remarks),
        on=on,
        pack_status=pack.status,
        replay=ReplayKey(pack.id, pack.text_hash, pack.meaning_hash, pack.language, ENGINE),
        inputs=explain.canonical(_inputs(case, on)).decode(),
    )


def _why_not(pack: Pack, kernel: Kernel, case: _Case, rails: Rails, number: int) -> tuple[Change, ...]:
    values = {name: reading.value for name, reading in case.readings.items() if reading.value is not None}
    return why_not(kernel, pack.facts, values, case.states, rails, number)


def _weighings(found: Findings) -> tuple[Weighing, ...]:
    return tuple(
        Weighing(
            rule.id, kind, "open" if status is None else "met", rule.says, rule.between, rule.ask, rule.role,
            found.citations(rule.cite, rule.see),
        )
        for kind in ("weigh", "review")
        for _, rule, status in found.effective(kind)
    )  # fmt: skip


def _duties(found: Findings, verdict: _Verdict) -> tuple[Duty, ...]:
    """List duties in force. One that waits for an outcome is open as long as that outcome is still possible."""
    duties = []
    for number, rule in found.of_kind("duty"):
        if not found.in_force(rule):
            continue
        status = found.status(found.program.effective[number])
        if rule.upon and status is not False:
            reached = verdict.outcome.value in rule.upon
            pending = not verdict.certain and not (verdict.outcome is Outcome.CONDITIONAL and "PERMITTED" not in rule.upon)
            status = status if reached and verdict.certain else None if pending else False
        says = "due" if status else "not due" if status is False else "open"
        duties.append(Duty(rule.id, says, rule.says, rule.within, found.citations(rule.cite, rule.see)))
    return tuple(duties)


def _inputs(case: _Case, on: date) -> dict[str, Any]:
    return {
        "facts": {
            name: [{**_tagged(fact), "source": fact.source, "by": fact.by, "at": fact.at} for fact in reading.said]
            for name, reading in case.readings.items()
            if reading.said
        },
        "requested": list(case.requested),
        "ordered": None if case.ordered is None else sorted(case.ordered),
        "on": on.isoformat(),
    }


def _tagged(fact: Fact) -> dict[str, Any]:
    """Write a value with its type, so that replay reads exactly what was given."""
    value = fact.value
    if isinstance(value, Unreadable):
        return {"type": "unreadable", "value": value.type_name}
    if isinstance(value, Established):
        return {"type": "finding", "value": value.value}
    if isinstance(value, date):
        return {"type": "date", "value": value.isoformat()}
    return {"type": type(value).__name__, "value": value}



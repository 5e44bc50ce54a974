"""Outcome, grant and open questions of one case, from the kernel's three-valued run.

Where the run leaves something open, every completion of the facts it depends on is decided; where they are too
many, `search.py` looks for what matters among them. One answer in all of them is certain. Open only for the
worker, with a permitted completion: CONDITIONAL; with none, but one that people have to judge: NEEDS_JUDGEMENT, so
that they can. Otherwise INCOMPLETE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from .assessment import Lead, Outcome, Question
from .completions import MOST_COMPLETIONS, ORDERED, Completions, Digit, complete, count, split, trace
from .ir import Program
from .kernel import Kernel, Rails
from .model import OUTCOMES, Pack
from .phrases import Value
from .search import Search

# What is said while only the worker's facts are open: the best outcome they still allow, and its name until then.
_UNTIL_THE_WORKER_LOOKS = (("PERMITTED", Outcome.CONDITIONAL), ("NEEDS_JUDGEMENT", Outcome.NEEDS_JUDGEMENT))


@dataclass(frozen=True, slots=True)
class Verdict:
    """settle: every fact that matters, the worker's included; exact: none that does not."""

    outcome: Outcome
    granted: frozenset[str]
    certain: bool
    settle: tuple[Question, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """What a verdict rests on: the state of every atom, the facts without a value, and public holidays."""

    states: tuple[bool | None, ...]
    open_facts: frozenset[str]
    closed: frozenset[date]


def reach_verdict(pack: Pack, kernel: Kernel, given: Case, rails: Rails, case: int) -> Verdict:
    """Decide one case; `case` is its bit in the run."""
    program = kernel.program
    results = program.results
    if all(rails.status(literal, case) is not None for literal in results):
        outcome = next(name for name, literal in program.outcome.items() if rails.status(literal, case))
        grants = program.judged if outcome == Outcome.NEEDS_JUDGEMENT else program.granted
        known = frozenset(name for name, literal in grants.items() if rails.status(literal, case))
        return Verdict(Outcome(outcome), known, True)
    digits = split(program, trace(program, rails, results, case), given.open_facts, pack.facts, given.closed)
    if count(digits) > MOST_COMPLETIONS:
        return _searched(pack, Search(kernel, given.states, digits))
    done = complete(kernel, given.states, digits)
    possible = [name for name in OUTCOMES if done.where(program.outcome[name])]
    mattering = [place for place in range(len(digits)) if done.matters(place)]
    if len(possible) == 1 and not mattering:
        return Verdict(Outcome(possible[0]), _granted(done, possible[0]), True)
    questions = _questions(pack, [digits[place] for place in mattering], done)
    exact = not any(digits[place].free for place in mattering)
    if questions and all(question.settled_by == "worker" for question in questions):
        for better, reached in _UNTIL_THE_WORKER_LOOKS:
            if better in possible:
                return Verdict(reached, _granted(done, better), False, questions, exact)
    return Verdict(Outcome.INCOMPLETE, frozenset(), False, questions, exact)


def _searched(pack: Pack, search: Search) -> Verdict:
    """Decide a case with too many completions to decide them all; `exact` says whether the search got to its end."""
    program, digits = search.kernel.program, search.digits
    places, exact = search.mattering()
    if not places:
        rails = search.any_completion()
        outcome = next(name for name, literal in program.outcome.items() if rails.status(literal))
        granted = (name for name, literal in _grants(program, outcome).items() if rails.status(literal))
        return Verdict(Outcome(outcome), frozenset(granted), True)
    questions = _questions(pack, [digits[place] for place in places], None)
    exact = exact and not any(digits[place].free for place in places)
    if all(question.settled_by == "worker" for question in questions):
        for better, reached in _UNTIL_THE_WORKER_LOOKS:
            literal = program.outcome[better]
            can = search.reaches(literal)
            if can:
                grants = _grants(program, better).items()
                granted = (name for name, each in grants if search.reaches(literal, each ^ 1) is False)
                return Verdict(reached, frozenset(granted), False, questions, exact)
            if can is None:
                break
    return Verdict(Outcome.INCOMPLETE, frozenset(), False, questions, exact)


def _grants(program: Program, outcome: str) -> Mapping[str, int]:
    """Give for each category when it is granted, or would be once people have concluded for it."""
    return program.judged if outcome == "NEEDS_JUDGEMENT" else program.granted


def _granted(done: Completions, outcome: str) -> frozenset[str]:
    """List what every completion with this outcome grants."""
    reached, grants = done.where(done.program.outcome[outcome]), _grants(done.program, outcome)
    return frozenset(name for name, literal in grants.items() if done.where(literal) == reached)


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
    """Say for each class of answers which outcomes stay possible."""
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

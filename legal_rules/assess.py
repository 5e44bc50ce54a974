"""Assess: facts in, one immutable answer out. No clock, no network, no guess.

1. Read the facts; what is missing, mistyped or disputed is open.
2. Run the kernel once, three-valued, over all distinct cases.
3. Reach a verdict for each (`verdict.py`), and put the findings around it (`findings.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Any, overload

from . import explain
from .assessment import Assessment, Duty, Hold, Outcome, ReplayKey, Weighing
from .columns import Columns, joined
from .deadlines import due_on
from .errors import FactError
from .facts import GivenFact
from .findings import Findings
from .given import Given, as_stored, categories, decision_day, read_given
from .kernel import Kernel, kernel_of
from .model import Pack
from .phrases import DECISION_DATE
from .verdict import Case, Verdict, reach_verdict
from .why import why_not

ENGINE = "3"


def assess(
    pack: Pack,
    facts: Mapping[str, GivenFact],
    *,
    requested: Collection[str],
    ordered: Collection[str] | None,
    on: date,
    closed_days: Collection[date] = (),
) -> Assessment:
    """Say what the law of a pack allows for one request.

    facts: known facts by name, bare or as Fact, or several Facts where there are several sources; a missing
        name is an open fact. requested: data categories asked for; ordered: those the order names, None
        while there is no order. on: the day whose law governs. closed_days: public holidays of the place;
        deadlines in working days skip them, and end too early, never too late, where they are left out.
    Raises FactError for a name the pack does not know or an argument that is none; a fact of the wrong type,
    or one on which sources disagree, is open and named in `remarks`.
    """
    return assess_lines(pack, facts, [{}], requested=requested, ordered=ordered, on=on, closed_days=closed_days)[0]


def assess_lines(
    pack: Pack,
    common: Mapping[str, GivenFact],
    lines: Sequence[Mapping[str, GivenFact]],
    *,
    requested: Collection[str],
    ordered: Collection[str] | Sequence[Collection[str] | None] | None,
    on: date,
    closed_days: Collection[date] = (),
) -> Answers:
    """Assess many lines of one request; lines that say the same share one Assessment.

    common: facts of the request; lines: the facts of each line, added to them (two sources that disagree
    make a fact open). ordered: for all lines, or a list with one collection or None for each line. The rest
    is as in `assess`.
    Provenance counts as something said: a source that names the line itself lets nothing be shared.
    """
    asked, day = categories(requested, "requested"), decision_day(on)
    closed = frozenset(decision_day(each) for each in closed_days)
    kernel, orders = kernel_of(pack), _ordered_by_line(ordered, len(lines))

    def given_of(number: int) -> Given:
        facts = joined(common, lines[number])
        return read_given(pack, kernel.program, facts, asked, orders[number], day, closed)

    columns = Columns(kernel.program, pack.facts, common, lines, closed)
    kinds = columns.kinds(orders)
    places = {kind: place for place, kind in enumerate(dict.fromkeys(kinds))}
    cases = []
    requests: dict[object, Given] = {}
    for kind in places:
        order = orders[kinds.index(kind)]
        if order not in requests:
            requests[order] = read_given(pack, kernel.program, common, asked, order, day, closed)
        known = {**requests[order].values, DECISION_DATE: day}
        cases.append(columns.overlay(requests[order].states, known, kind))
    rails = kernel.run_cases([states for states, _ in cases])
    verdicts = {
        kind: reach_verdict(pack, kernel, Case(states, open_facts, closed), rails, place)
        for (kind, place), (states, open_facts) in zip(places.items(), cases, strict=True)
    }

    def build(number: int) -> Assessment:
        kind, given = kinds[number], given_of(number)
        found = Findings(pack, kernel.program, rails, given.readings, day, places[kind])
        return _answer(pack, kernel, given, verdicts[kind], found)

    return Answers(list(map(verdicts.__getitem__, kinds)), partial(columns.said, orders), build)


class Answers(Sequence[Assessment]):
    """The answers to the lines of a batch, in their order.

    Every line is decided already. What is said about it, with rules, facts and sources, is put together when a
    line is asked for; lines that say the same give the same Assessment.
    """

    def __init__(
        self, verdicts: list[Verdict], said: Callable[[], Sequence[object]], build: Callable[[int], Assessment]
    ) -> None:
        self._verdicts, self._say, self._build = verdicts, said, build
        self._said: Sequence[object] | None = None
        self._built: dict[object, Assessment] = {}

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcome of each line."""
        return [verdict.outcome for verdict in self._verdicts]

    @property
    def granted(self) -> list[frozenset[str]]:
        """What is granted for each line; of CONDITIONAL, what would be."""
        return [verdict.granted for verdict in self._verdicts]

    def __len__(self) -> int:
        return len(self._verdicts)

    @overload
    def __getitem__(self, place: int) -> Assessment: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Assessment]: ...
    def __getitem__(self, place: int | slice) -> Assessment | Sequence[Assessment]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if self._said is None:
            self._said = self._say()
        key = self._said[place]
        if key not in self._built:
            self._built[key] = self._build(range(len(self))[place])
        return self._built[key]


def _ordered_by_line(ordered: Any, count_of_lines: int) -> list[frozenset[str] | None]:
    if isinstance(ordered, (list, tuple)) and any(not isinstance(each, str) for each in ordered):
        if len(ordered) != count_of_lines:
            raise FactError("`ordered` must have one entry for each line", "facts.categories")
        return [None if each is None else frozenset(categories(each, "ordered")) for each in ordered]
    return [None if ordered is None else frozenset(categories(ordered, "ordered"))] * count_of_lines


def _answer(pack: Pack, kernel: Kernel, given: Given, verdict: Verdict, found: Findings) -> Assessment:
    refused = verdict.outcome is Outcome.REFUSED
    grounds = found.grounds() if refused else ()
    names = tuple(ground.id for ground in grounds)
    return Assessment(
        outcome=verdict.outcome,
        granted=verdict.granted,
        withheld=MappingProxyType(found.withheld(given.requested, given.ordered, verdict.granted, names)),
        bases=found.bases(),
        grounds=grounds,
        missing=() if refused else found.missing(),
        limits=tuple(found.finding(place, status) for place, _, status in found.effective("limit")),
        settle=tuple(question for question in verdict.settle if question.settled_by != "worker"),
        worker_settles=tuple(question for question in verdict.settle if question.settled_by == "worker"),
        settle_exact=verdict.exact,
        weigh=() if refused else _weighings(found),
        duties=_duties(found, verdict, given),
        instead=tuple(dict.fromkeys(ground.instead for ground in grounds if ground.instead)),
        why_not=why_not(kernel, pack.facts, given, names) if refused else (),
        hold_allowed=any(status for _, _, status in found.effective("hold")),
        holds=_holds(found),
        remarks=tuple(f"{each.name}: {each.remark}" for each in given.readings.values() if each.remark),
        on=given.on,
        pack_status=pack.status,
        replay=ReplayKey(pack.id, pack.text_hash, pack.meaning_hash, pack.language, ENGINE),
        inputs=explain.canonical(as_stored(given)).decode(),
    )


def _weighings(found: Findings) -> tuple[Weighing, ...]:
    conflicts = tuple(
        Weighing(
            f"{rule.id} against {other.id}", "conflict", "open" if status is None else "met",
            f"{rule.says} But: {other.says}", (rule.says, other.says), "", "", found.citations(rule.cite + other.cite),
        )
        for rule, other, status in found.conflicts()
    )  # fmt: skip
    return conflicts + tuple(
        Weighing(
            rule.id,
            rule.kind,
            "open" if status is None else "met",
            rule.says,
            rule.between,
            rule.ask,
            rule.role,
            found.citations(rule.cite, rule.see),
        )
        for kind in ("weigh", "review")
        for _, rule, status in found.effective(kind)
    )


def _holds(found: Findings) -> tuple[Hold, ...]:
    return tuple(
        Hold(
            rule.id,
            rule.says,
            rule.lasting.days,
            rule.lasting.at_most,
            rule.lasting.duty,
            found.citations(rule.cite, rule.see),
        )
        for _, rule, status in found.effective("hold")
        if status and rule.lasting is not None
    )


def _duties(found: Findings, verdict: Verdict, given: Given) -> tuple[Duty, ...]:
    """List duties in force. One that waits for an outcome is open as long as the outcome is not certain."""
    duties = []
    days = {**given.values, DECISION_DATE: given.on}
    for number, rule in found.of_kind("duty"):
        if not found.in_force(rule):
            continue
        status = found.status(found.program.effective[number])
        if rule.upon and status is not False:
            if verdict.certain:
                status = status if verdict.outcome.value in rule.upon else False
            else:
                status = None
        says = "due" if status else "not due" if status is False else "open"
        if status and rule.demands and found.status(found.program.unmet[number]) is False:
            says = "done"
        start = days.get(rule.runs_from)
        due = due_on(rule.within, start, given.closed) if isinstance(start, date) else None
        citations = found.citations(rule.cite, rule.see)
        duties.append(Duty(rule.id, says, rule.says, rule.within, rule.runs_from, due, citations))
    return tuple(duties)

"""Condition coverage: each condition of each rule shown to matter alone by the pack's own cases (masking MC/DC).

A condition is shown to matter once a case has it true and another has it false, and in both the list it stands in
(`when`, `unless`, `needs`, or a term) would come out the other way if this condition alone did. A case that leaves the
condition open shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .errors import Problem
from .given import read_given
from .ir import TRUE, Graph, lower
from .model import Pack
from .phrases import DECISION_DATE, All, AnyOf, Condition, Leaf, Not, Term, Value, facts_of, holds
from .sites import Site, definition_of, own_sites, replaced
from .solvers import Solvers, closest
from .worlds import as_case

_HOLDS: Condition = All(())
_FAILS: Condition = AnyOf(())
_SIDES = {True: "is true and decides", False: "is false and decides"}


@dataclass(frozen=True, slots=True)
class Missing:
    """A condition no case shows to matter on one side. holds: whether the missing case has it true."""

    site: Site
    holds: bool
    file: str
    line: int
    where: str

    @property
    def problem(self) -> Problem:
        """The gap as a located problem."""
        text = f"{self.where}: no case where {self.site.text!r} {_SIDES[self.holds]}"
        return Problem(self.file, self.line, "case.condition-missing", text)


def uncovered_conditions(pack: Pack) -> tuple[int, list[Missing]]:
    """Count the sides of conditions there are to show, two each, and list those no case shows."""
    sites = list(own_sites(pack))
    shown: set[tuple[int, bool]] = set()
    program = lower(pack)
    for case in pack.cases:
        ordered = None if case.ordered is None else frozenset(case.ordered)
        given = read_given(pack, program, case.facts, case.requested, ordered, case.on)
        of = _evaluator({**given.values, DECISION_DATE: case.on})
        for number, site in enumerate(sites):
            status = of(site.condition)
            if status is not None and (number, status) not in shown and _decides(pack, site, of):
                shown.add((number, status))
    missing = [
        _missing(pack, site, side)
        for number, site in enumerate(sites)
        for side in (True, False)
        if (number, side) not in shown
    ]
    return 2 * len(sites), missing


def _decides(pack: Pack, site: Site, of: Callable[[Condition], bool | None]) -> bool:
    with_it, without = (of(each) for each in _forced(pack, site))
    return with_it is not None and without is not None and with_it is not without


def _forced(pack: Pack, site: Site) -> tuple[Condition, Condition]:
    """Give the list a condition stands in with the condition made true, and made false."""
    whole = definition_of(pack, None if site.rule is None else pack.rules[site.rule], site.field)
    return replaced(whole, site.path, _HOLDS), replaced(whole, site.path, _FAILS)


def _evaluator(values: Mapping[str, Value]) -> Callable[[Condition], bool | None]:
    """Evaluate conditions three-valued in one case."""

    def of(condition: Condition) -> bool | None:
        match condition:
            case Leaf(test):
                return holds(test, values) if all(name in values for name in facts_of(test)) else None
            case Not(part):
                status = of(part)
                return None if status is None else not status
            case Term(_, part):
                return of(part)
            case All(parts) | AnyOf(parts):
                statuses, wins = [of(part) for part in parts], isinstance(condition, AnyOf)
                return wins if wins in statuses else None if None in statuses else not wins

    return of


def _missing(pack: Pack, site: Site, side: bool) -> Missing:
    file = pack.files[-1][0]
    if site.rule is None:
        return Missing(site, side, file, 0, f"term {site.field!r}")
    rule = pack.rules[site.rule]
    return Missing(site, side, rule.file, rule.line, f"{rule.id!r} {site.field}")


def proposals(pack: Pack, missing: list[Missing]) -> Iterator[tuple[Missing, str | None]]:
    """Have the solvers write a case for each gap; None is a proof that the condition never decides on that side.

    The expectation is what the pack says now: whether that is right is for a lawyer to say.
    Raises PackError when a solver is missing.
    """
    program, graph = lower(pack), Graph()
    literal = graph.take(program)
    solvers = Solvers(graph, pack.facts)
    for each in missing:
        with_it, without = (graph.condition(one) for one in _forced(pack, each.site))
        here = graph.condition(each.site.condition) ^ (not each.holds)
        wanted = [here, graph.differ(with_it, without)]
        if each.site.rule is not None:
            # Better where the rule is in force and nothing else stops it, if the condition lets that be.
            nicer = [*wanted, literal(program.effective[each.site.rule])]
            wanted = nicer if solvers.possible(nicer) else wanted
        found = closest(pack, solvers, [part for part in wanted if part != TRUE])
        if found is None:
            yield each, None
        else:
            name = f"{each.where}: {each.site.text} {_SIDES[each.holds]}"
            yield each, as_case(pack, found[0], name, found[1], ("grant", "ground", "missing", "duty"))
    solvers.close()

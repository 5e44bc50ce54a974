"""The graph of a pack as a problem for a SAT solver: each fact is split into the finite classes a pack can tell apart.

A bool is one variable; a one-of has one for each value, exactly one of them true; numbers and days have one for
each threshold ("at most this"), in order. Two dates compared with each other, and days counted in working days
(holidays are given from outside), are free: that only adds combinations, so "impossible" is final. Which of those
are none is learned from `smt.py`, as clauses over the atoms alone.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from .errors import PackError
from .ir import Atom, Graph
from .phrases import EARLIEST, LATEST, Amount, Day, FactSpec, IsOneOf, shift

MISSING = "proofs need the solvers: pip install -e '.[prove]' (z3-solver and python-sat)"


def is_free(atom: Atom) -> bool:
    """Say whether the finite classes cannot hold an atom: two dates compared, or working days."""
    return isinstance(atom, Day) and (isinstance(atom.anchor, str) or atom.unit == "working days")


class Sat:
    """A growing graph in a SAT solver. Asked under assumptions, so that one solver answers every question."""

    def __init__(self, graph: Graph, specs: Mapping[str, FactSpec]) -> None:
        """Start a solver for a graph. Raises PackError when python-sat is not installed."""
        try:
            from pysat.solvers import Solver
        except ImportError as error:
            raise PackError(MISSING, "prove.no-solver") from error
        self._graph, self._specs = graph, specs
        self._solver: Any = Solver(name="glucose4")
        self._last = 1
        self._solver.add_clause([1])  # variable 1 is true
        self._nodes: list[int] = []
        self._atoms: dict[Atom, int] = {}
        self._values: dict[str, dict[str, int]] = {}
        self._thresholds: dict[str, list[int]] = {}
        self._at_most: dict[tuple[str, int], int] = {}

    def possible(self, literals: Iterable[int]) -> bool:
        """Say whether these literals of the graph can hold together."""
        self._follow()
        return bool(self._solver.solve(assumptions=[self._literal(literal) for literal in literals]))

    def free_atoms(self) -> list[tuple[Atom, bool]]:
        """List every atom about dates as the last model has it; `smt` says whether there are such dates."""
        model: Sequence[int] = self._solver.get_model() or ()
        signs = {abs(each): each > 0 for each in model}
        return [
            (atom, signs.get(abs(variable), False) == (variable > 0))
            for atom, variable in self._atoms.items()
            if isinstance(atom, Day)
        ]

    def forbid(self, atoms: Iterable[tuple[Atom, bool]]) -> None:
        """Learn that these atoms never come out like this together."""
        self._solver.add_clause([-self._atoms[atom] if holds else self._atoms[atom] for atom, holds in atoms])

    def close(self) -> None:
        """Give the solver's memory back."""
        self._solver.delete()

    def _literal(self, literal: int) -> int:
        variable = self._nodes[literal >> 1]
        return -variable if literal & 1 else variable

    def _new(self) -> int:
        self._last += 1
        return self._last

    def _follow(self) -> None:
        """Encode the nodes that were added since the last question; each is equal to what it stands for."""
        for node in self._graph.nodes[len(self._nodes) :]:
            if node.kind == "true":
                self._nodes.append(1)
            elif node.kind == "atom":
                atom = self._graph.atoms[node.parts[0]]
                self._atoms[atom] = self._atom(atom)
                self._nodes.append(self._atoms[atom])
            else:
                parts = [self._literal(part) for part in node.parts]
                self._nodes.append(self._both(parts) if node.kind == "and" else -self._both([-part for part in parts]))

    def _both(self, parts: list[int]) -> int:
        """Make a variable that is true exactly when every part is."""
        whole = self._new()
        for part in parts:
            self._solver.add_clause([-whole, part])
        self._solver.add_clause([whole, *(-part for part in parts)])
        return whole

    def _atom(self, atom: Atom) -> int:
        match atom:
            case IsOneOf(fact, allowed):
                return self._one_of(fact, allowed)
            case Amount(fact, operator, bound):
                return self._compared(fact, operator, bound)
            case Day(fact, operator, anchor, amount, unit) if not is_free(atom) and isinstance(anchor, date):
                return self._compared(fact, operator, shift(anchor, amount, unit).toordinal())
            case _:
                return self._new()

    def _one_of(self, fact: str, allowed: tuple[str, ...]) -> int:
        if fact not in self._values:
            values = self._values[fact] = {value: self._new() for value in self._specs[fact].values}
            chosen = list(values.values())
            self._solver.add_clause(chosen)
            for place, one in enumerate(chosen):
                for other in chosen[place + 1 :]:
                    self._solver.add_clause([-one, -other])
        # A value the other side of a comparison does not know is never chosen here; see `diff.py`.
        known = [self._values[fact][value] for value in allowed if value in self._values[fact]]
        return known[0] if len(known) == 1 else -self._both([-variable for variable in known])

    def _compared(self, fact: str, operator: str, bound: int) -> int:
        at_most = self._threshold(fact, bound if operator in ("<=", ">") else bound - 1)
        return at_most if operator in ("<", "<=") else -at_most

    def _threshold(self, fact: str, bound: int) -> int:
        """Give the variable of "at most this", in order with the thresholds of the fact that are there."""
        if (fact, bound) in self._at_most:
            return self._at_most[fact, bound]
        if self._is_date(fact) and not EARLIEST.toordinal() <= bound < LATEST.toordinal():
            return 1 if bound >= LATEST.toordinal() else -1
        here = self._at_most[fact, bound] = self._new()
        known = self._thresholds.setdefault(fact, [])
        place = bisect_left(known, bound)
        if place:
            self._solver.add_clause([-self._at_most[fact, known[place - 1]], here])
        if place < len(known):
            self._solver.add_clause([-here, self._at_most[fact, known[place]]])
        insort(known, bound)
        return here

    def _is_date(self, fact: str) -> bool:
        return fact not in self._specs or self._specs[fact].type == "date"

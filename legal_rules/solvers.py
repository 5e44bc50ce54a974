"""SAT and z3 together: what both call impossible is proved; what both call possible comes with facts.

1. SAT looks for classes of facts. Where dates compared with each other come out as no dates can, z3 names the
   clash, SAT learns it and looks again.
2. z3 looks for the facts themselves, as integers.
3. The two must agree. Facts that were found are tried on the graph, three-valued, by plain evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

from .errors import PackError
from .ir import Graph
from .model import Case, Pack
from .phrases import FactSpec
from .sat import Sat
from .smt import Smt
from .worlds import World, base_of, known, stripped

_MOST_BASES = 2


class Solvers:
    """Both solvers on one graph, which may grow between questions."""

    def __init__(self, graph: Graph, specs: Mapping[str, FactSpec]) -> None:
        """Start both. Raises PackError, in one sentence, when one of them is not installed."""
        self.graph = graph
        self.sat, self.smt = Sat(graph, specs), Smt(graph, specs)
        self.asked = 0

    def world(self, literals: Sequence[int], near: World | None = None) -> World | None:
        """Find facts with which all these literals hold; None is a proof that there are none, by both solvers.

        near: facts to stay close to. Raises PackError when the solvers do not agree, or when the facts they
        found do not do what they say: then nothing is proved and one of the encodings is wrong.
        """
        self.asked += 1
        by_sat = self._by_sat(literals)
        found = self.smt.world(literals, near)
        if by_sat != (found is not None):
            raise PackError("SAT and z3 do not agree; nothing is proved", "prove.disagreement")
        if found is not None and not found.holidays:
            of = known(self.graph, found)
            if not all(of(literal) for literal in literals):
                raise PackError("the facts z3 found do not do what it says; nothing is proved", "prove.not-replayed")
        return found

    def possible(self, literals: Sequence[int]) -> bool:
        """Say whether all these literals can hold together; both solvers agree."""
        return self.world(literals) is not None

    def _by_sat(self, literals: Sequence[int]) -> bool:
        while self.sat.possible(literals):
            clash = self.smt.core(self.sat.free_atoms())
            if clash is None:
                return True
            self.sat.forbid(clash)
        return False

    def close(self) -> None:
        """Give the memory back."""
        self.sat.close()


def closest(pack: Pack, solvers: Solvers, literals: Sequence[int]) -> tuple[World, Case | None] | None:
    """Find facts with which the literals hold, as close as can be to a case of the pack; None: there are none.

    Returns the facts, those of the case included, and the case they are close to, if the pack has any.
    """
    bases = neighbours(pack)
    if not bases:
        world = solvers.world(literals)
        return None if world is None else (stripped(solvers.graph, world, literals), None)
    found: list[tuple[int, World, Case]] = []
    for case in bases:
        base = base_of(case)
        world = solvers.world(literals, base)
        if world is None:
            return None
        world = stripped(solvers.graph, world, literals, base.facts)
        world = replace(world, facts={**base.facts, **world.facts})
        far = sum(base.facts.get(name) != value for name, value in world.facts.items())
        far += len(world.requested ^ base.requested) + len(world.ordered ^ base.ordered) + (world.on != base.on)
        found.append((far, world, case))
    return min(found, key=itemgetter(0))[1:]


def neighbours(pack: Pack) -> list[Case]:
    """Pick two cases of a pack to look around: the fullest, and the fullest in another kind of proceedings."""
    fullest: dict[object, Case] = {}
    for case in pack.cases:
        kind = case.facts.get("proceedings")
        if kind not in fullest or len(case.facts) > len(fullest[kind].facts):
            fullest[kind] = case
    return sorted(fullest.values(), key=lambda case: -len(case.facts))[:_MOST_BASES]

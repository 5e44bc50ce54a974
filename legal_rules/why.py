"""Why not: for each ground of refusal, the smallest sets of known facts that would have to be different.

Open facts may turn out either way, so they are not counted. Search goes by size and stops at `MOST_CHANGES`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

from .assessment import Change
from .completions import complete, count, split
from .given import Given
from .ir import Ordered, Program, Requested
from .kernel import Kernel
from .phrases import DECISION_DATE, FactSpec, facts_of

MOST_CHANGES = 2
_MOST_TRIED = 1 << 12


def why_not(
    kernel: Kernel, specs: Mapping[str, FactSpec], given: Given, grounds: Collection[str]
) -> tuple[Change, ...]:
    """Name for each of these grounds the fewest known facts whose change alone could let it fall."""
    return tuple(
        _smallest(kernel, specs, given, name, literal)
        for name, literal in kernel.program.grounds.items()
        if name in grounds
    )


def _smallest(kernel: Kernel, specs: Mapping[str, FactSpec], given: Given, name: str, ground: int) -> Change:
    atoms = {atom: _facts(kernel.program, atom) for atom in _support(kernel.program, ground)}
    known = [fact for fact in specs if fact in given.values and any(fact in facts for facts in atoms.values())]
    # With every fact open, only the day is left: a ground that still holds rests on the law of that day
    # alone.
    freed = [None if facts - {DECISION_DATE} else given.states[atom] for atom, facts in atoms.items()]
    states = list(given.states)
    for atom, state in zip(atoms, freed, strict=True):
        states[atom] = state
    if kernel.run_cases([states]).status(ground) is True:
        return Change(name, (), False)
    for size in range(1, MOST_CHANGES + 1):
        chosen = [each for each in combinations(known, size) if _falls(kernel, specs, given, atoms, ground, each)]
        if chosen:
            return Change(name, tuple(chosen), True)
    return Change(name, (), True)


def _facts(program: Program, atom: int) -> set[str]:
    test = program.atoms[atom]
    return set() if isinstance(test, (Requested, Ordered)) else set(facts_of(test))


def _falls(
    kernel: Kernel,
    specs: Mapping[str, FactSpec],
    given: Given,
    atoms: Mapping[int, set[str]],
    ground: int,
    chosen: tuple[str, ...],
) -> bool:
    """Say whether the ground may fall once the chosen facts are different."""
    freed = {atom for atom, facts in atoms.items() if facts & set(chosen)}
    digits = split(kernel.program, freed, chosen, specs, given.closed)
    if count(digits) > _MOST_TRIED:
        return False
    # Other open atoms stay open: not known to hold is enough, since they may still turn out well.
    states = [None if atom in freed else state for atom, state in enumerate(given.states)]
    done = complete(kernel, states, digits)
    return done.where(ground) != done.ones


def _support(program: Program, literal: int) -> set[int]:
    """List every atom a literal is built from."""
    atoms: set[int] = set()
    seen: set[int] = set()
    front = [literal >> 1]
    while front:
        number = front.pop()
        if number in seen:
            continue
        seen.add(number)
        node = program.nodes[number]
        if node.kind == "atom":
            atoms.add(node.parts[0])
        else:
            front += [part >> 1 for part in node.parts]
    return atoms

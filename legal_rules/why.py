"""Why not: for each ground of refusal, the smallest set of known facts that would have to be different.

Open facts may turn out either way, so they are not counted. Search goes by size and stops at `MOST_CHANGES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from .assessment import Change
from .completions import complete, count, split
from .ir import Program
from .kernel import Kernel, Rails
from .phrases import Amount, Day, FactSpec, Holds, IsOneOf, Value, facts_of

MOST_CHANGES = 2
_MOST_TRIED = 1 << 12
_MOST_FACTS = 24


def why_not(
    kernel: Kernel,
    specs: Mapping[str, FactSpec],
    values: Mapping[str, Value],
    states: Sequence[bool | None],
    rails: Rails,
    case: int,
) -> tuple[Change, ...]:
    """Name for each ground that holds the fewest known facts whose change alone would let it fall."""
    changes = []
    for ground, literal in kernel.program.grounds.items():
        if rails.status(literal, case) is True:
            changes.append(Change(ground, _smallest(kernel, specs, values, states, literal)))
    return tuple(changes)


def _smallest(
    kernel: Kernel,
    specs: Mapping[str, FactSpec],
    values: Mapping[str, Value],
    states: Sequence[bool | None],
    ground: int,
) -> tuple[str, ...]:
    program = kernel.program
    atoms = _support(program, ground)
    names = {name for atom in atoms if isinstance(test := program.atoms[atom], Tests) for name in facts_of(test)}
    known = [name for name in specs if name in names and name in values]
    if len(known) > _MOST_FACTS:
        return ()
    for size in range(1, MOST_CHANGES + 1):
        for chosen in combinations(known, size):
            if _falls(kernel, specs, states, atoms, ground, chosen):
                return chosen
    return ()


Tests = (Holds, IsOneOf, Amount, Day)


def _falls(
    kernel: Kernel,
    specs: Mapping[str, FactSpec],
    states: Sequence[bool | None],
    atoms: set[int],
    ground: int,
    chosen: tuple[str, ...],
) -> bool:
    """Say whether the ground can fall once the chosen facts are open again."""
    program = kernel.program
    freed = set()
    for atom in atoms:
        test = program.atoms[atom]
        if isinstance(test, Tests) and any(name in chosen for name in facts_of(test)):
            freed.add(atom)
    digits = split(program, freed, chosen, specs)
    if count(digits) > _MOST_TRIED:
        return False
    # Other open atoms stay open here: not known to hold is enough, since they may still turn out well.
    done = complete(kernel, [None if atom in freed else state for atom, state in enumerate(states)], digits)
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

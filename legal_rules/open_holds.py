"""Which open facts decide whether a hold is allowed: a refusal is certain without them, so `settle` does not name them.

Whoever asks for data to be preserved is refused a disclosure at once, and what is asked for may still come with an
order. So it has to be known whether anything that is open can bring it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from .completions import trace
from .facts import GivenFact
from .findings import Findings
from .given import categories, decision_day, read_given
from .ir import Ordered, Requested
from .kernel import kernel_of
from .model import Pack
from .phrases import facts_of


def facts_of_open_holds(
    pack: Pack, facts: Mapping[str, GivenFact], *, requested: Collection[str], on: date
) -> tuple[str, ...]:
    """Name the open facts on which it depends whether a hold in force is allowed, in the order of the pack.

    The arguments are those of `assess`. Too many may be named, never too few; none means that no fact that is still
    open can bring a hold that is not allowed already.
    """
    kernel, day = kernel_of(pack), decision_day(on)
    program = kernel.program
    case = read_given(pack, program, facts, categories(requested, "requested"), None, day)
    rails = kernel.run_cases([case.states])
    found = Findings(pack, program, rails, case.readings, day)
    holds = [program.effective[number] for number, _, status in found.effective("hold") if status is None]
    atoms = [program.atoms[number] for number in trace(program, rails, holds)]
    names = {name for atom in atoms if not isinstance(atom, Ordered | Requested) for name in facts_of(atom)}
    return tuple(name for name in case.open_facts if name in names)

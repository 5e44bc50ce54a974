"""Which open facts decide whether a duty falls due: they change no outcome, so `settle` does not name them.

A court that defers telling the subscriber changes nothing about the disclosure and everything about the letter that
follows it, so whoever reads the order has to be asked.
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


def facts_of_open_duties(
    pack: Pack, facts: Mapping[str, GivenFact], *, requested: Collection[str], on: date
) -> tuple[str, ...]:
    """Name the open facts on which it depends whether a duty in force applies, in the order of the pack.

    The arguments are those of `assess`, before there is an order. Too many may be named, never too few: what an open
    condition looks at is named even where two conditions together make it idle.
    """
    kernel, day = kernel_of(pack), decision_day(on)
    program = kernel.program
    case = read_given(pack, program, facts, categories(requested, "requested"), None, day)
    rails = kernel.run_cases([case.states])
    found = Findings(pack, program, rails, case.readings, day)
    duties = [program.effective[number] for number, rule in found.of_kind("duty") if found.in_force(rule)]
    atoms = [program.atoms[number] for number in trace(program, rails, duties)]
    names = {name for atom in atoms if not isinstance(atom, Ordered | Requested) for name in facts_of(atom)}
    return tuple(name for name in case.open_facts if name in names)

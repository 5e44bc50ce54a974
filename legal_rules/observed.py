"""What an assessment of a pack says, as literals with names: what two versions of a pack are compared by.

Each entry has a kind and an id: ("outcome", "PERMITTED"), ("grant", "name"), ("ground", "order-not-verified"),
("duty", "tell-subscriber") ... A rule that an assessment would not show is not listed, unless `rules` asks for
every rule: then ("effective", id) and ("unmet", id) are there too, as the cases of a pack may expect them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from .explain import length_of_hold
from .ir import Graph, Program
from .model import Pack

Name = tuple[str, str]


def observed(
    pack: Pack, program: Program, graph: Graph, literal: Callable[[int], int], rules: bool = False
) -> dict[Name, int]:
    """Name everything that can be seen. literal: from the program's literals to those of the graph."""
    outcome = {name: literal(each) for name, each in program.outcome.items()}
    heard = outcome["REFUSED"] ^ 1  # what is missing and what is to be weighed is said of what is not refused
    found: dict[Name, list[int]] = defaultdict(list)
    for name, each in outcome.items():
        found["outcome", name].append(each)
    for name, each in program.granted.items():
        found["grant", name].append(literal(each))
    for name, each in program.grounds.items():
        found["ground", name].append(literal(each))
    for number, rule in enumerate(pack.rules):
        effective = literal(program.effective[number])
        unmet = literal(program.unmet[number]) if number in program.unmet else None
        if rule.kind in ("weigh", "review"):
            found["weigh", rule.id].append(graph.all((heard, effective)))
        elif rule.kind == "limit":
            found["limit", rule.id].append(effective)
        elif rule.kind == "hold":
            found["hold", "allowed"].append(effective)
            if rule.lasting is not None:
                length = length_of_hold(rule.lasting.days, rule.lasting.at_most, rule.lasting.duty)
                found["hold length", f"{rule.id}: {length}"].append(effective)
        elif rule.kind == "duty":
            due = graph.all((effective, graph.any(outcome[each] for each in rule.upon))) if rule.upon else effective
            if unmet is not None:
                found["duty done", rule.id].append(graph.all((due, unmet ^ 1)))
                due = graph.all((due, unmet))
            found["duty", rule.id].append(due)
            if rule.within:
                found["deadline", f"{rule.id} within {rule.within} from {rule.runs_from or 'the event'}"].append(due)
        if unmet is not None and rule.curable:
            found["missing", rule.id].append(graph.all((heard, unmet)))
        if rules:
            found["effective", rule.id].append(effective)
            if unmet is not None:
                found["unmet", rule.id].append(unmet)
    for one, other, both in program.conflicts:
        conflict = f"{pack.rules[one].id} against {pack.rules[other].id}"
        found["weigh", conflict].append(graph.all((heard, literal(both))))
    return {name: graph.any(literals) for name, literals in found.items()}

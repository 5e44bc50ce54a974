"""One complete set of facts, as a solver found it: tried on the graph, stripped of what does not matter, shown.

A world is written as a `[[case]]` that can be pasted into a pack; what to expect there is what the engine says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from .assess import assess
from .assessment import Assessment, Finding, Weighing
from .ir import Atom, Graph, Node, Ordered, Requested
from .model import Case, Pack
from .phrases import DECISION_DATE, Value, facts_of, holds

EMPTY: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class World:
    """Facts, requested and ordered categories and the day. holidays: it takes public holidays nobody named."""

    facts: Mapping[str, Value]
    requested: frozenset[str]
    ordered: frozenset[str]
    on: date
    holidays: bool = False


def status(atom: Atom, world: World) -> bool | None:
    """Decide one atom in a world; None when a fact is left out."""
    if isinstance(atom, Requested):
        return atom.category in world.requested
    if isinstance(atom, Ordered):
        return atom.category in world.ordered
    values = {**world.facts, DECISION_DATE: world.on}
    return holds(atom, values) if all(name in values for name in facts_of(atom)) else None


def known(graph: Graph, world: World) -> Callable[[int], bool | None]:
    """Evaluate a graph in a world, three-valued, without the kernel. Returns what gives the status of a literal."""
    found: dict[int, bool | None] = {}

    def of(literal: int) -> bool | None:
        number = literal >> 1
        if number not in found:
            found[number] = of_node(graph.nodes[number])
        value = found[number]
        return None if value is None else value is not bool(literal & 1)

    def of_node(node: Node) -> bool | None:
        if node.kind == "true":
            return True
        if node.kind == "atom":
            return status(graph.atoms[node.parts[0]], world)
        parts, wins = [of(part) for part in node.parts], node.kind == "or"
        return wins if wins in parts else None if None in parts else not wins

    return of


def stripped(graph: Graph, world: World, literals: Sequence[int], keep: Iterable[str] = ()) -> World:
    """Leave out every fact and category without which the literals are still known to hold."""

    def tried(smaller: World) -> World:
        of = known(graph, smaller)
        return smaller if all(of(literal) for literal in literals) else world

    for name in [name for name in world.facts if name not in set(keep)]:
        world = tried(replace(world, facts={fact: value for fact, value in world.facts.items() if fact != name}))
    return world


def base_of(case: Case) -> World:
    """Make a world of a case, to look for a neighbour of it."""
    facts = {name: value for name, value in case.facts.items() if type(value) in (bool, str, int, date)}
    return World(facts, frozenset(case.requested), frozenset(case.ordered or ()), case.on)


def said(pack: Pack, world: World) -> Assessment:
    """Ask the engine about a world; facts that this pack does not have are left out."""
    facts = {name: value for name, value in world.facts.items() if name in pack.facts}
    return assess(pack, facts, requested=world.requested, ordered=world.ordered, on=world.on)


def as_case(
    pack: Pack, world: World, name: str, like: Case | None, kinds: Collection[str], also: Mapping[str, object] = EMPTY
) -> str:
    """Write a world as a ready [[case]], expecting what this pack says of it now.

    like: the case it is near to; kinds: what to expect beside the outcome, as `observed.py` calls it; also: more
    to expect, written as it is.
    """
    found = said(pack, world)
    facts = {fact: value for fact, value in world.facts.items() if fact in pack.facts}
    lines = ["[[case]]", f"name = {_toml(name)}"]
    if like is None:
        lines += [f"on = {world.on}", f"facts = {_table(facts)}"]
    else:
        lines.append(f"like = {_toml(like.name)}")
        lines += [f"on = {world.on}"] if world.on != like.on else []
        changed = {fact: value for fact, value in facts.items() if like.facts.get(fact) != value}
        lines += [f"with = {_table(changed)}"] if changed else []
        gone = [fact for fact in like.facts if fact not in facts]
        lines += [f"without = {_toml(gone)}"] if gone else []
    if like is None or world.requested != frozenset(like.requested):
        lines.append(f"requested = {_toml(sorted(world.requested))}")
    if like is None or like.ordered is None or world.ordered != frozenset(like.ordered):
        lines.append(f"ordered = {_toml(sorted(world.ordered))}")
    expected: dict[str, object] = {"outcome": found.outcome.value}
    expected |= {key: read(found) for kind, (key, read) in _SHOWN.items() if kind in kinds}
    return "\n".join([*lines, f"expect = {_table({**expected, **also})}"])


def _ids(findings: Iterable[Finding | Weighing]) -> list[str]:
    return [finding.id for finding in findings]


_SHOWN: Mapping[str, tuple[str, Callable[[Assessment], object]]] = {
    "grant": ("grants", lambda found: sorted(found.granted)),
    "ground": ("grounds", lambda found: _ids(found.grounds)),
    "limit": ("limits", lambda found: _ids(found.limits)),
    "missing": ("missing", lambda found: _ids(found.missing)),
    "weigh": ("weigh", lambda found: _ids(found.weigh)),
    "duty": ("duties", lambda found: sorted(duty.id for duty in found.duties if duty.status == "due")),
    "hold": ("hold", lambda found: found.hold_allowed),
    "hold length": ("holds", lambda found: sorted(hold.text for hold in found.holds)),
}


def _table(values: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in values.items()) + " }" if values else "{}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (date, int)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

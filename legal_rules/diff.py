"""`legal_rules diff`: every change of meaning between two packs, one witness each; "no difference" is a proof.

Both packs go into one graph, equal parts once, and share their facts. A fact only one of them asks about is free
for the other, which does not look at it. A fact of another type is two facts. Values that only one side knows
cannot be told to the other: they are named, and the proof speaks of the values both know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .ir import FALSE, Atom, Graph, Ordered, Program, Requested, lower
from .model import OUTCOMES, Pack
from .observed import observed
from .phrases import Day, FactSpec
from .solvers import Solvers, closest
from .worlds import World, as_case, known, said

_OTHER = " in the old pack"


@dataclass(frozen=True, slots=True)
class Change:
    """One change with facts that show it. kind: one of those of `observed`, such as outcome, duty or hold length."""

    kind: str
    what: str
    world: World
    case: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes from one pack to another, and what could not be compared."""

    changes: tuple[Change, ...]
    apart: tuple[str, ...]
    same_hash: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two packs in one graph. names: what can be seen of each, and where it differs."""

    graph: Graph
    specs: Mapping[str, FactSpec]
    old: Mapping[tuple[str, str], int]
    new: Mapping[tuple[str, str], int]

    @property
    def differing(self) -> dict[tuple[str, str], int]:
        """For each thing seen the literal of "it differs", without what is one and the same condition."""
        names = dict.fromkeys((*self.old, *self.new))
        pairs = {name: self.graph.differ(self.old.get(name, FALSE), self.new.get(name, FALSE)) for name in names}
        return {name: literal for name, literal in pairs.items() if literal != FALSE}


def pair(old: Pack, new: Pack, rules: bool = False, programs: tuple[Program, Program] | None = None) -> Pair:
    """Put two packs into one graph. rules: compare every rule, not only what an assessment says."""
    specs, _ = shared_facts(old, new)
    apart = {name for name in specs if name.endswith(_OTHER)}
    programs = programs or (lower(old), lower(new))
    graph = Graph()
    mine = graph.take(programs[1])
    theirs = graph.take(programs[0], lambda atom: _renamed(atom, apart))
    before = observed(old, programs[0], graph, theirs, rules)
    return Pair(graph, specs, before, observed(new, programs[1], graph, mine, rules))


def shared_facts(old: Pack, new: Pack) -> tuple[dict[str, FactSpec], list[str]]:
    """Join the facts of two packs; returns them and a sentence for each that the two do not read alike."""
    specs, apart = dict(new.facts), list[str]()
    for name, spec in old.facts.items():
        other = new.facts.get(name)
        if other is None:
            specs[name] = spec
        elif other.type != spec.type:
            specs[name + _OTHER] = spec
            apart.append(f"fact {name!r} was {spec.type} and is {other.type}: compared as two facts")
        elif other.values != spec.values:
            both = tuple(value for value in other.values if value in spec.values)
            specs[name] = dataclasses.replace(other, values=both)
            alone = sorted(set(other.values) ^ set(spec.values))
            apart.append(f"fact {name!r}: only one side knows {', '.join(alone)}; such requests are not compared")
        if other is not None and (other.burden, type(other.burden)) != (spec.burden, type(spec.burden)):
            apart.append(f"fact {name!r} counts as another value once it was found that it cannot be established")
        if other is not None and other.known_to != spec.known_to:
            apart.append(f"fact {name!r} is known to the worker alone on one side only")
        elif other is not None and other.settled_by != spec.settled_by:
            apart.append(f"fact {name!r} was settled by {spec.settled_by}, and is by {other.settled_by}")
    for category in sorted(set(old.categories) ^ set(new.categories)):
        apart.append(f"category {category!r} is declared on one side only; the other never grants it")
    return specs, apart


def _renamed(atom: Atom, apart: set[str]) -> Atom:
    """Exchange the facts of an atom that are other facts on the old side."""
    if not apart or isinstance(atom, (Requested, Ordered)):
        return atom
    if isinstance(atom, Day) and isinstance(atom.anchor, str) and atom.anchor + _OTHER in apart:
        atom = dataclasses.replace(atom, anchor=atom.anchor + _OTHER)
    return dataclasses.replace(atom, fact=atom.fact + _OTHER) if atom.fact + _OTHER in apart else atom


def diff(old: Pack, new: Pack) -> Difference:
    """List every change. Raises PackError when a solver is missing or the two do not agree."""
    if old.meaning_hash == new.meaning_hash:
        return Difference((), (), True)
    both = pair(old, new)
    solvers = Solvers(both.graph, both.specs)
    changes = []
    for kind, what, literals in _questions(both):
        found = closest(new, solvers, literals) if solvers.possible(literals) else None
        if found is not None:
            world, like = found
            shown = as_case(new, as_new(world), f"{kind}: {what}", like, {kind for kind, _ in changed(both, world)})
            before = said(old, as_old(world)).outcome.value
            changes.append(Change(kind, what, world, f"# Before: {before}.\n{shown}"))
    solvers.close()
    return Difference(tuple(changes), tuple(shared_facts(old, new)[1]))


def _questions(both: Pair) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Ask for every pair of outcomes, and for everything else seen, gained and lost."""
    differing = both.differing
    if any(kind == "outcome" for kind, _ in differing):
        for one in OUTCOMES:
            for other in OUTCOMES:
                if one != other:
                    literals = both.old["outcome", one], both.new["outcome", other]
                    yield "outcome", f"{one} becomes {other}", literals
    for kind, name in differing:
        if kind != "outcome":
            before, after = both.old.get((kind, name), FALSE), both.new.get((kind, name), FALSE)
            yield kind, f"{name} is new", (before ^ 1, after)
            yield kind, f"{name} is gone", (before, after ^ 1)


def witness(new: Pack, both: Pair, solvers: Solvers, name: str) -> str | None:
    """Write one case in which two packs differ, expecting what `new` says; None is a proof that there is none."""
    literal = both.graph.any(both.differing.values())
    if literal == FALSE:
        return None
    found = closest(new, solvers, (literal,))
    if found is None:
        return None
    world, like = found
    differing = changed(both, world)
    also = _under(both, world, differing)
    return as_case(new, as_new(world), name, like, {kind for kind, _ in differing}, also)


def _under(both: Pair, world: World, differing: list[tuple[str, str]]) -> dict[str, object]:
    """Expect what lies under the outcome, where two packs differ in that: rules effective or not, demands unmet."""
    of = known(both.graph, world)
    names = [name for kind, name in differing if kind == "effective"]
    holding = {name for name in names if of(both.new.get(("effective", name), FALSE))}
    also: dict[str, object] = {}
    if holding:
        also["effective"] = sorted(holding)
    if left := sorted(set(names) - holding):
        also["not-effective"] = left
    if any(kind == "unmet" for kind, _ in differing):
        also["unmet"] = [name for (kind, name), literal in both.new.items() if kind == "unmet" and of(literal)]
    return also


def as_new(world: World) -> World:
    """Give the facts as the new pack knows them."""
    kept = {name: value for name, value in world.facts.items() if not name.endswith(_OTHER)}
    return dataclasses.replace(world, facts=kept)


def as_old(world: World) -> World:
    """Give the facts as the old pack knows them."""
    other = {name.removesuffix(_OTHER): value for name, value in world.facts.items() if name.endswith(_OTHER)}
    return dataclasses.replace(world, facts={**as_new(world).facts, **other})


def changed(both: Pair, world: World) -> list[tuple[str, str]]:
    """Name what differs in one world."""
    of = known(both.graph, world)
    return [name for name, literal in both.differing.items() if of(literal)]

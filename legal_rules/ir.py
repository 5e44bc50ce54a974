"""From a pack to a graph of "and" and "or" over atoms: what the kernel is generated from.

A literal is an int: twice the number of a node, plus one when negated. Node 0 is always true.
Negation is only ever a sign on an edge; equal nodes are made once. Nothing is simplified that would let a
three-valued evaluation know more than the rules as written: x and not x stays open while x is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .model import NO_LEGAL_BASIS, NOTHING_TO_GRANT, Pack, Rule
from .phrases import All, AnyOf, Condition, Day, Leaf, Not, Term, Test

TRUE, FALSE = 0, 1


@dataclass(frozen=True, slots=True)
class Requested:
    """The request asks for this category."""

    category: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """The order names this category."""

    category: str


Atom = Test | Requested | Ordered


@dataclass(frozen=True, slots=True)
class Node:
    """One node: "true", "atom" (parts holds the atom's number), "and" or "or" (parts holds literals)."""

    kind: str
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """The graph and the literals of everything an assessment asks it.

    effective, unmet: by position of the rule in the pack (unmet: of rules that demand something); grounds: id
    to literal. conflicts: positions of two duties that say the opposite, and when both are effective.
    granted: by category, already joined with "the outcome is PERMITTED"; judged: with "the outcome is NEEDS_JUDGEMENT",
    what people may open by concluding for it; weighed: the same for each thing they would have to judge, so that
    nobody judges while it is open what else there is to judge.
    """

    atoms: tuple[Atom, ...]
    nodes: tuple[Node, ...]
    effective: tuple[int, ...]
    unmet: Mapping[int, int]
    outcome: Mapping[str, int]
    granted: Mapping[str, int]
    judged: Mapping[str, int]
    weighed: tuple[int, ...]
    allowed: Mapping[str, int]
    grounds: Mapping[str, int]
    conflicts: tuple[tuple[int, int, int], ...]

    @property
    def results(self) -> tuple[int, ...]:
        """The literals that make an answer: outcomes first, then grants, in a fixed order."""
        return (*self.outcome.values(), *self.granted.values(), *self.judged.values(), *self.weighed)


class Graph:
    """A graph being built. Atoms and nodes are only ever added, so a solver can follow it as it grows."""

    def __init__(self) -> None:
        self.nodes: list[Node] = [Node("true", ())]
        self.atoms: list[Atom] = []
        self._made: dict[Node | Atom, int] = {}

    def atom(self, atom: Atom) -> int:
        """Give the literal of an atom."""
        if atom not in self._made:
            self._made[atom] = 2 * len(self.nodes)
            self.nodes.append(Node("atom", (len(self.atoms),)))
            self.atoms.append(atom)
        return self._made[atom]

    def _join(self, kind: str, literals: Iterable[int], empty: int) -> int:
        parts = sorted(set(literals) - {empty})
        if empty ^ 1 in parts:
            return empty ^ 1
        if len(parts) < 2:
            return parts[0] if parts else empty
        node = Node(kind, tuple(parts))
        if node not in self._made:
            self._made[node] = 2 * len(self.nodes)
            self.nodes.append(node)
        return self._made[node]

    def all(self, literals: Iterable[int]) -> int:
        """Give the literal of "every one of these holds"."""
        return self._join("and", literals, TRUE)

    def any(self, literals: Iterable[int]) -> int:
        """Give the literal of "some one of these holds"."""
        return self._join("or", literals, FALSE)

    def differ(self, one: int, other: int) -> int:
        """Give the literal of "one of these two holds and the other does not"."""
        return FALSE if one == other else self.any((self.all((one, other ^ 1)), self.all((one ^ 1, other))))

    def take(self, program: Program, atom: Callable[[Atom], Atom] = lambda atom: atom) -> Callable[[int], int]:
        """Add a whole program, equal nodes once; `atom` may exchange its atoms. Returns old literal to new."""
        new: list[int] = []
        for node in program.nodes:
            if node.kind == "true":
                new.append(TRUE)
            elif node.kind == "atom":
                new.append(self.atom(atom(program.atoms[node.parts[0]])))
            else:
                join = self.all if node.kind == "and" else self.any
                new.append(join(new[part >> 1] ^ (part & 1) for part in node.parts))
        return lambda literal: new[literal >> 1] ^ (literal & 1)

    def condition(self, condition: Condition) -> int:
        """Give the literal of a condition."""
        match condition:
            case Leaf(test):
                return self.atom(test)
            case Not(part):
                return self.condition(part) ^ 1
            case Term(_, part):
                return self.condition(part)
            case All(parts):
                return self.all(self.condition(part) for part in parts)
            case AnyOf(parts):
                return self.any(self.condition(part) for part in parts)


def lower(pack: Pack) -> Program:
    """Lower a pack to its graph (rules_engine.md 3: effective rules, then the outcome, first match wins)."""
    graph = Graph()
    effective = _effective(graph, pack.rules)

    def of(kind: str) -> list[tuple[int, Rule]]:
        return [(number, rule) for number, rule in enumerate(pack.rules) if rule.kind == kind]

    # 1. What may be granted: requested, ordered, opened by a basis, not taken away by a limit.
    allowed: dict[str, int] = {}
    grantable: dict[str, int] = {}
    for category in pack.categories:
        opened = graph.any(effective[number] for number, rule in of("basis") if category in rule.discloses)
        taken = graph.any(effective[number] for number, rule in of("limit") if category not in rule.keeps)
        allowed[category] = graph.all((opened, taken ^ 1))
        asked = graph.atom(Requested(category)), graph.atom(Ordered(category))
        grantable[category] = graph.all((*asked, allowed[category]))

    # 2. Grounds of refusal.
    unmet = {
        number: graph.all((effective[number], graph.condition(rule.needs) ^ 1))
        for number, rule in enumerate(pack.rules)
        if rule.demands
    }
    grounds: dict[str, int] = {NO_LEGAL_BASIS: graph.any(effective[number] for number, _ in of("basis")) ^ 1}
    refusing = [(rule.id, effective[number]) for number, rule in of("refuse")]
    refusing += [
        (pack.rules[number].id, literal) for number, literal in unmet.items() if not pack.rules[number].curable
    ]
    for name, literal in refusing:
        grounds[name] = graph.any((grounds.get(name, FALSE), literal))
    grounds[NOTHING_TO_GRANT] = graph.any(grantable.values()) ^ 1

    # 3. The outcome; each step needs that no earlier one matched.
    refused = graph.any(grounds.values())
    lacking = graph.any(literal for number, literal in unmet.items() if pack.rules[number].curable)
    conflicts = tuple(
        (number, other, graph.all((effective[number], effective[other])))
        for number, rule in of("duty")
        for other, against in of("duty")
        if against.id in rule.opposes
    )
    weighings = [effective[number] for kind in ("weigh", "review") for number, _ in of(kind)]
    weighings += [literal for _, _, literal in conflicts]
    weighing = graph.any(weighings)
    permitted = graph.all((refused ^ 1, lacking ^ 1, weighing ^ 1))
    outcome = {
        "REFUSED": refused,
        "INCOMPLETE": graph.all((refused ^ 1, lacking)),
        "NEEDS_JUDGEMENT": graph.all((refused ^ 1, lacking ^ 1, weighing)),
        "PERMITTED": permitted,
    }
    granted = {category: graph.all((permitted, literal)) for category, literal in grantable.items()}
    judging = outcome["NEEDS_JUDGEMENT"]
    judged = {category: graph.all((judging, literal)) for category, literal in grantable.items()}
    weighed = tuple(graph.all((judging, literal)) for literal in weighings)
    return Program(
        tuple(graph.atoms),
        tuple(graph.nodes),
        tuple(effective),
        unmet,
        outcome,
        granted,
        judged,
        weighed,
        allowed,
        grounds,
        conflicts,
    )


def _effective(graph: Graph, rules: tuple[Rule, ...]) -> list[int]:
    """Make the literal of each rule, those that defeat it first; `check` has shown that they run in no circle."""
    excepting: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        for name in (*rule.exception_to, *rule.despite):
            excepting.setdefault(name, []).append(number)
    made: dict[int, int] = {}
    waiting = list(range(len(rules)))
    while waiting:
        later: list[int] = []
        for number in waiting:
            rule = rules[number]
            exceptions = excepting.get(rule.id, [])
            if any(exception not in made for exception in exceptions):
                later.append(number)
                continue
            in_force = [graph.atom(Day(rule.governed_by, ">=", rule.since))]
            if rule.until is not None:
                in_force.append(graph.atom(Day(rule.governed_by, "<=", rule.until)))
            unless = graph.any((graph.condition(rule.unless), *(made[exception] for exception in exceptions)))
            made[number] = graph.all((*in_force, graph.condition(rule.when), unless ^ 1))
        if len(later) == len(waiting):
            raise AssertionError("exceptions run in a circle; check must have refused this pack")
        waiting = later
    return [made[number] for number in range(len(rules))]

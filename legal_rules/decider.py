"""One case from plain values to its outcome, compiled for a fixed request, order and day.

What request, order and day settle is folded away first; what is left is written as straight-line Python on two rails,
as in `kernel.py`, with names minted here and every constant in a table. This is the quick way for whoever puts the
same question to many cases and wants no more than the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from .ir import Ordered, Program, Requested
from .phrases import DECISION_DATE, Amount, Day, Holds, IsOneOf, Test, Value, facts_of, holds, shift

Decide = Callable[[Mapping[str, Value]], str | None]


def decider(
    program: Program,
    *,
    requested: Collection[str],
    ordered: Collection[str] | None,
    on: date,
    closed: Collection[date] = (),
) -> Decide:
    """Compile the decision for one request, order and day, given as in `assess`.

    The function returned takes the known facts by name, each of the type it is declared with, and gives the outcome;
    None where open facts leave it open in three-valued logic. It reads nothing else and checks nothing.
    """
    text, table = _Writer(program, frozenset(requested), ordered, on, closed).written()
    scope: dict[str, Any] = {"__builtins__": {}, **table}
    exec(compile(text, "<decider>", "exec"), scope)  # noqa: S102  # text of ours, see module docstring
    found: Decide = scope["decide"]
    return found


class _Writer:
    def __init__(
        self,
        program: Program,
        requested: Collection[str],
        ordered: Collection[str] | None,
        on: date,
        closed: Collection[date],
    ) -> None:
        self.program, self.closed = program, closed
        self.fixed: list[bool | None] = []
        for node in program.nodes:
            if node.kind == "true":
                self.fixed.append(True)
            elif node.kind != "atom":
                decisive, parts = node.kind == "or", {self.status(part) for part in node.parts}
                self.fixed.append(decisive if decisive in parts else None if None in parts else not decisive)
            else:
                match program.atoms[node.parts[0]]:
                    case Requested(category):
                        self.fixed.append(category in requested)
                    case Ordered(category):
                        self.fixed.append(None if ordered is None else category in ordered)
                    case test:
                        known = set(facts_of(test)) == {DECISION_DATE}
                        self.fixed.append(holds(test, {DECISION_DATE: on}, closed) if known else None)
        self.table: dict[str, Any] = {"on": on}
        self.lines = ["def decide(values):", "    get = values.get"]
        self.loaded: dict[str, str] = {DECISION_DATE: "on"}

    def status(self, literal: int) -> bool | None:
        """Say what a literal is whatever the facts are."""
        status = self.fixed[literal >> 1]
        return status if status is None else status is not bool(literal & 1)

    def written(self) -> tuple[str, Mapping[str, Any]]:
        """Write the function, and the table of names it uses."""
        needed: set[int] = set()
        front = [literal >> 1 for literal in self.program.outcome.values()]
        while front:
            number = front.pop()
            if number not in needed and self.fixed[number] is None:
                needed.add(number)
                if self.program.nodes[number].kind != "atom":
                    front += [part >> 1 for part in self.program.nodes[number].parts]
        for number in sorted(needed):
            node = self.program.nodes[number]
            if node.kind == "atom":
                self._atom(number, self.program.atoms[node.parts[0]])
            else:
                parts = [part for part in node.parts if self.status(part) is None]
                both, either = (" and ", " or ") if node.kind == "and" else (" or ", " and ")
                self._set(number, both.join(map(_true, parts)), either.join(_true(part ^ 1) for part in parts))
        for place, (name, literal) in enumerate(self.program.outcome.items()):
            self.table[f"o{place}"], status = name, self.status(literal)
            if status is not False:
                self.lines.append(f"    if {'on' if status else _true(literal)}: return o{place}")
        return "\n".join(self.lines) + "\n", self.table

    def _set(self, number: int, true: str, false: str) -> None:
        self.lines += [f"    t{number} = {true}", f"    f{number} = {false}"]

    def _load(self, fact: str) -> str:
        if fact not in self.loaded:
            self.loaded[fact] = f"v{len(self.loaded)}"
            self.table[f"n{len(self.loaded)}"] = fact
            self.lines.append(f"    {self.loaded[fact]} = get(n{len(self.loaded)})")
        return self.loaded[fact]

    def _atom(self, number: int, atom: Test | Requested | Ordered) -> None:
        if isinstance(atom, (Requested, Ordered)):
            # Only an order nobody has seen is left; whether it names the category stays open.
            return self._set(number, "not on", "not on")
        values = [self._load(fact) for fact in facts_of(atom)]
        constant = f"c{number}"
        match atom:
            case Holds():
                return self._set(number, f"{values[0]} is True", f"{values[0]} is False")
            case IsOneOf(_, allowed):
                self.table[constant] = frozenset(allowed)
                test = f"{values[0]} in {constant}"
            case Amount(_, operator, bound):
                self.table[constant] = bound
                test = f"{values[0]} {operator} {constant}"
            case Day(_, operator, anchor, amount, unit) if isinstance(anchor, date):
                self.table[constant] = shift(anchor, amount, unit, self.closed)
                test = f"{values[0]} {operator} {constant}"
            case Day(fact, _, anchor):
                self.table[constant] = lambda left, right: holds(atom, {fact: left, str(anchor): right}, self.closed)
                test = f"{constant}({', '.join(values)})"
        known = " and ".join(f"{value} is not None" for value in values)
        return self._set(number, f"{known} and {test}", f"not t{number} and {known}")


def _true(literal: int) -> str:
    """Name the rail on which a literal is known to hold."""
    return f"{'f' if literal & 1 else 't'}{literal >> 1}"

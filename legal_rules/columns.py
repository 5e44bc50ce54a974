"""The lines of a batch as columns: one list a fact, and what rules can see of each of its values.

1. Every fact the lines state becomes a column. A value's `kind` is what the rules can tell of it: for a number or a
   day, the interval between the thresholds of the pack that it falls into.
2. Lines whose kinds are all the same get the same answer from every rule, whatever their values; so one line of each
   combination is decided.
3. Lines share a record only if they say the same in the same types and with the same provenance (`said`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

from .facts import MOST_NUMBER, Established, Fact, GivenFact, Unreadable, as_facts, read_facts
from .ir import Ordered, Program, Requested
from .phrases import EARLIEST, LATEST, Amount, Day, FactSpec, Test, Value, facts_of, holds, shift

_MISSING: Any = object()
_PLAIN: Mapping[type, str] = {bool: "bool", str: "one-of", int: "number", date: "date"}


class Columns:
    """The columns of a batch. common: facts of the request, which each line adds to; closed: public holidays."""

    def __init__(
        self,
        program: Program,
        specs: Mapping[str, FactSpec],
        common: Mapping[str, GivenFact],
        lines: Sequence[Mapping[str, GivenFact]],
        closed: Collection[date],
    ) -> None:
        self.specs, self.common, self.closed = specs, common, closed
        tests = [(n, atom) for n, atom in enumerate(program.atoms) if not isinstance(atom, (Requested, Ordered))]
        self._pairs = [(number, test) for number, test in tests if len(facts_of(test)) == 2]
        paired = {name for _, test in self._pairs for name in facts_of(test)}
        self.tests: dict[str, list[tuple[int, Test]]] = {}
        self._given = _columns(lines)
        self._kinds: dict[str, Sequence[object]] = {}
        self._values: dict[str, dict[object, Value | None]] = {}
        for name, given in self._given.items():
            self.tests[name] = [(number, test) for number, test in tests if facts_of(test) == (name,)]
            kinds = self._quick(name, given) if name in specs and name not in common and name not in paired else None
            self._kinds[name] = kinds = self._slow(name, given) if kinds is None else kinds
            if name not in self._values:
                # Kinds are few and most show up early, so this looks at few lines.
                self._values[name] = {kind: given[kinds.index(kind)] for kind in set(kinds)}

    def kinds(self, orders: Sequence[object]) -> list[tuple[object, ...]]:
        """Give for each line the kinds of its facts, and its order."""
        return list(zip(orders, *self._kinds.values(), strict=True))

    def said(self, orders: Sequence[object]) -> list[tuple[object, ...]]:
        """Give for each line a key of what it says; True is not 1 in it, and provenance counts."""
        return list(zip(orders, *([_key(each) for each in column] for column in self._given.values()), strict=True))

    def overlay(
        self, states: Sequence[bool | None], known: Mapping[str, Value], kind: Sequence[object]
    ) -> tuple[tuple[bool | None, ...], frozenset[str]]:
        """Put the facts of one combination of kinds over the states of the request; gives the open facts as well.

        states, known: of the request alone, the day of the decision among them; kind: as `kinds` gives it.
        """
        found, values = list(states), dict(known)
        for name, each in zip(self._kinds, kind[1:], strict=True):
            value = self._values[name][each]
            values.pop(name, None)
            if value is not None:
                values[name] = value
            for number, test in self.tests[name]:
                found[number] = None if value is None else holds(test, values, self.closed)
        for number, test in self._pairs:
            both = all(name in values for name in facts_of(test))
            found[number] = holds(test, values, self.closed) if both else None
        return tuple(found), frozenset(self.specs.keys() - values.keys())

    def _quick(self, name: str, given: list[Any]) -> Sequence[object] | None:
        """Give the kinds of a column of plain values of the right type, without looking at each; None otherwise."""
        types = set(map(type, given))
        spec = self.specs[name]
        if len(types) != 1 or _PLAIN.get(types.pop()) != spec.type:
            return None
        if spec.type == "bool":
            return given
        if spec.type == "one-of":
            return given if set(given) <= set(spec.values) else None
        if spec.type == "date" and not EARLIEST <= min(given) <= max(given) <= LATEST:
            return None  # A day outside what a fact may name; reading says so.
        if spec.type == "number" and not -MOST_NUMBER < min(given) <= max(given) < MOST_NUMBER:
            return None
        bounds: set[Any] = set()
        for _, test in self.tests[name]:
            if isinstance(test, Amount):
                bounds |= {test.bound, test.bound + 1}
            elif isinstance(test, Day) and isinstance(test.anchor, date):
                day = shift(test.anchor, test.amount, test.unit, self.closed)
                bounds |= {day, day + timedelta(1)}
        return list(map(partial(bisect_right, sorted(bounds)), given))

    def _slow(self, name: str, given: list[Any]) -> Sequence[object]:
        """Read each distinct statement of a fact; its kind is the value it comes to, None while open."""
        read: dict[object, Value | None] = {}
        kinds: list[object] = []
        for each in given:
            key = _key(each)
            if key not in read:
                stated = {} if each is _MISSING else {name: each}
                facts = joined(self.common, stated) if stated else self.common
                read[key] = read_facts(self.specs, facts, only=name)[name].value
            kinds.append((type(read[key]), read[key]))
        self._values[name] = {(type(value), value): value for value in read.values()}
        return kinds


def joined(common: Mapping[str, GivenFact], line: Mapping[str, GivenFact]) -> dict[str, GivenFact]:
    """Join what is said of the request and of the line; of one fact both may say something."""
    both = {name: (*as_facts(common[name]), *as_facts(given)) for name, given in line.items() if name in common}
    return {**common, **line, **both}


def _columns(lines: Sequence[Mapping[str, GivenFact]]) -> dict[str, list[Any]]:
    """Turn lines into columns; where a line does not state a fact, `_MISSING` stands."""
    if lines and set(map(len, lines)) == {len(lines[0])}:
        try:
            return {name: list(map(itemgetter(name), lines)) for name in lines[0]}
        except KeyError:
            pass  # As many facts in each line, but not the same ones.
    return {name: [line.get(name, _MISSING) for line in lines] for name in dict.fromkeys(chain.from_iterable(lines))}


def _key(given: object) -> object:
    """Make a key in which True is not 1: equal keys say the same, in the same types and with one origin."""
    if isinstance(given, (list, tuple)):
        return tuple(_key(each) for each in given)
    if isinstance(given, Fact):
        return (_key(given.value), given.source, given.by, given.at)
    # Values of other types are unreadable whatever they say, and may not even be hashable.
    keeps = type(given) in _PLAIN or given is _MISSING or isinstance(given, (Established, Unreadable))
    return (type(given), given if keeps else None)

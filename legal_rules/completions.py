"""Decide every completion of the open facts at once, one bit a completion, and say which facts matter.

Each open fact is split into the classes the pack can tell apart; their combinations are numbered like the
digits of a number with mixed bases. A comparison of two dates that are not both known counts as a free yes
or no: that may ask too much, never too little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from .ir import Ordered, Program
from .kernel import Kernel, Rails
from .phrases import Amount, Day, FactSpec, Holds, IsOneOf, Test, Value, facts_of, holds, shift

MOST_COMPLETIONS = 1 << 17
ORDERED = "ordered"  # the question "which categories does the order name?"


@dataclass(frozen=True, slots=True)
class Digit:
    """One open thing: the facts it asks for, and for each class an example and what its atoms become."""

    asks: tuple[str, ...]
    examples: tuple[tuple[Value, ...], ...]
    classes: tuple[Mapping[int, bool], ...]
    free: bool = False


@dataclass(frozen=True, slots=True)
class Completions:
    """Every completion decided; `ones` has a bit for each."""

    digits: tuple[Digit, ...]
    strides: tuple[int, ...]
    ones: int
    rails: Rails
    program: Program

    def where(self, literal: int) -> int:
        """Bits of the completions in which a literal holds."""
        return self.rails.known_true(literal)

    def in_class(self, digit: int, number: int) -> int:
        """Bits of the completions in which one digit has one class."""
        stride, base = self.strides[digit], len(self.digits[digit].classes)
        return _repeat(((1 << stride) - 1) << (number * stride), stride * base, self.ones)

    def matters(self, digit: int) -> bool:
        """Say whether two completions differ in this digit alone and in outcome or grant."""
        stride, first = self.strides[digit], self.in_class(digit, 0)
        for literal in self.program.results:
            result = self.where(literal)
            if result not in (0, self.ones) and any(
                (result >> (number * stride) ^ result) & first for number in range(1, len(self.digits[digit].classes))
            ):
                return True
        return False


def _repeat(block: int, period: int, ones: int) -> int:
    """Repeat a block of bits every `period` bits over the length of `ones`, by doubling what there is."""
    length = ones.bit_length()
    while period < length:
        block |= block << period
        period *= 2
    return block & ones


def open_nodes(program: Program, rails: Rails, literals: Iterable[int], case: int = 0) -> set[int]:
    """List the open nodes that a set of literals can depend on, by walking open nodes only."""
    seen: set[int] = set()
    front = [literal >> 1 for literal in literals if rails.status(literal, case) is None]
    while front:
        number = front.pop()
        if number not in seen:
            seen.add(number)
            if program.nodes[number].kind != "atom":
                front += [part >> 1 for part in program.nodes[number].parts if rails.status(part, case) is None]
    return seen


def trace(program: Program, rails: Rails, literals: Iterable[int], case: int = 0) -> set[int]:
    """List the open atoms that a set of literals can depend on."""
    nodes = (program.nodes[number] for number in open_nodes(program, rails, literals, case))
    return {node.parts[0] for node in nodes if node.kind == "atom"}


def split(
    program: Program,
    atoms: Iterable[int],
    open_facts: Iterable[str],
    specs: Mapping[str, FactSpec],
    closed: Collection[date] = (),
) -> list[Digit]:
    """Split the facts behind open atoms into the classes that these atoms can tell apart. closed: see `shift`."""
    still_open = set(open_facts)
    single: dict[str, list[tuple[int, Test]]] = {}
    digits: list[Digit] = []
    for number in sorted(atoms):
        atom = program.atoms[number]
        if isinstance(atom, Ordered):
            digits.append(Digit((ORDERED,), ((True,), (False,)), ({number: True}, {number: False})))
        elif isinstance(atom, (Holds, IsOneOf, Amount, Day)):
            asks = tuple(name for name in facts_of(atom) if name in still_open)
            if len(facts_of(atom)) == 2:
                digits.append(Digit(asks, ((), ()), ({number: True}, {number: False}), free=True))
            else:
                single.setdefault(atom.fact, []).append((number, atom))
    for name, tests in single.items():
        classes: dict[tuple[bool, ...], list[Value]] = {}
        for value in _representatives(specs[name], [test for _, test in tests], closed):
            classes.setdefault(tuple(holds(test, {name: value}, closed) for _, test in tests), []).append(value)
        numbers = [number for number, _ in tests]
        digits.append(
            Digit(
                (name,),
                tuple(tuple(values) for values in classes.values()),
                tuple(dict(zip(numbers, answers, strict=True)) for answers in classes),
            )
        )
    return digits


def _representatives(spec: FactSpec, tests: Sequence[Test], closed: Collection[date]) -> list[Value]:
    """Give values that reach every class: all of a closed list; around each threshold of numbers and days."""
    if spec.type == "bool":
        return [True, False]
    if spec.type == "one-of":
        return list(spec.values)
    numbers: set[int] = set()
    days: set[date] = set()
    for test in tests:
        if isinstance(test, Amount):
            numbers |= {test.bound - 1, test.bound, test.bound + 1}
        if isinstance(test, Day) and isinstance(test.anchor, date):
            bound = shift(test.anchor, test.amount, test.unit, closed)
            days |= {bound - timedelta(1), bound, bound + timedelta(1)}
    return [*sorted(numbers), *sorted(days)]


def count(digits: Sequence[Digit]) -> int:
    """Count the completions of these digits."""
    total = 1
    for digit in digits:
        total *= len(digit.classes)
    return total


def complete(kernel: Kernel, states: Sequence[bool | None], digits: Sequence[Digit]) -> Completions:
    """Decide every completion. states: each atom of the case; atoms of the digits are overwritten.

    Open atoms outside the digits stay open; a caller who traced them knows that they do not matter.
    """
    total = count(digits)
    ones = (1 << total) - 1
    known = [ones if state is True else 0 for state in states]
    denied = [ones if state is False else 0 for state in states]
    strides: list[int] = []
    stride = 1
    for digit in digits:
        strides.append(stride)
        period = stride * len(digit.classes)
        for atom in digit.classes[0]:
            true = sum(
                ((1 << stride) - 1) << (number * stride)
                for number, answers in enumerate(digit.classes)
                if answers[atom]
            )
            known[atom] = _repeat(true, period, ones)
            denied[atom] = ones & ~known[atom]
        stride = period
    return Completions(tuple(digits), tuple(strides), ones, kernel.run(known, denied, ones), kernel.program)

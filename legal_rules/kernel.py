"""Generate straight-line Python from the graph and run it on two rails, "known true" and "known false".

Each rail is an int with one bit a case, so the same function decides one case, many cases, or every
completion of the open facts. The generated text uses only names minted here, `&` and `|`; no byte of a pack
reaches the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .ir import Node, Program, lower
from .model import Pack

Rail = tuple[int, ...]
_OPERANDS = 24  # of one statement, so that no expression nests deep


@dataclass(frozen=True, slots=True)
class Rails:
    """The answer of one run: for each node the cases where it is known true, and known false."""

    true: Rail
    false: Rail

    def known_true(self, literal: int) -> int:
        """Bits of the cases in which a literal is known to hold."""
        return (self.false if literal & 1 else self.true)[literal >> 1]

    def known_false(self, literal: int) -> int:
        """Bits of the cases in which a literal is known not to hold."""
        return self.known_true(literal ^ 1)

    def status(self, literal: int, case: int = 0) -> bool | None:
        """Say what is known of a literal in one case: True, False, or None while open."""
        if self.known_true(literal) >> case & 1:
            return True
        return False if self.known_false(literal) >> case & 1 else None


Generated = Callable[[Sequence[int], Sequence[int], int], tuple[Rail, Rail]]


def source_of(program: Program) -> str:
    """Write the Python text of a program: one or more assignments a node, in order."""
    lines = ["def kernel(known, denied, ones):"]
    for number, node in enumerate(program.nodes):
        lines += (f"    {line}" for line in _statements(number, node))
    count = range(len(program.nodes))
    true, false = (", ".join(f"{rail}{number}" for number in count) for rail in "tf")
    lines.append(f"    return ({true},), ({false},)")
    return "\n".join(lines) + "\n"


def _statements(number: int, node: Node) -> list[str]:
    if node.kind == "true":
        return [f"t{number} = ones", f"f{number} = 0"]
    if node.kind == "atom":
        return [f"t{number} = known[{node.parts[0]}]", f"f{number} = denied[{node.parts[0]}]"]
    both, either = ("&", "|") if node.kind == "and" else ("|", "&")
    statements: list[str] = []
    for start in range(0, len(node.parts), _OPERANDS):
        for rail, other, operator in (("t", "f", both), ("f", "t", either)):
            names = [f"{other if part & 1 else rail}{part >> 1}" for part in node.parts[start : start + _OPERANDS]]
            if start:
                names.insert(0, f"{rail}{number}")
            statements.append(f"{rail}{number} = " + f" {operator} ".join(names))
    return statements


class Kernel:
    """A compiled pack: its program and the function generated from it."""

    def __init__(self, program: Program, text: str | None = None) -> None:
        """Compile. `text` replaces the generated text; tests use it to show that mutations are noticed."""
        self.program = program
        self.text = source_of(program) if text is None else text
        scope: dict[str, Generated] = {"__builtins__": {}}  # type: ignore[dict-item]  # no builtin is reachable
        exec(compile(self.text, "<kernel>", "exec"), scope)  # noqa: S102  # text of ours, see module docstring
        self._function = scope["kernel"]

    def run(self, known: Sequence[int], denied: Sequence[int], ones: int) -> Rails:
        """Decide all cases at once.

        known, denied: for each atom of the program, the cases (bits) where it is known true or known false;
        no bit in both. ones: the bits of all cases.
        """
        return Rails(*self._function(known, denied, ones))

    def run_cases(self, cases: Sequence[Sequence[bool | None]]) -> Rails:
        """Decide many cases given one by one: for each the status of every atom, None while open."""
        known, denied = [0] * len(self.program.atoms), [0] * len(self.program.atoms)
        for number, case in enumerate(cases):
            bit = 1 << number
            for atom, status in enumerate(case):
                if status is None:
                    continue
                if status:
                    known[atom] |= bit
                else:
                    denied[atom] |= bit
        return self.run(known, denied, (1 << len(cases)) - 1)


_MOST_COMPILED = 64
_compiled: dict[tuple[str, str], Kernel] = {}


def kernel_of(pack: Pack) -> Kernel:
    """Compile a pack, once in this process for each meaning."""
    key = (pack.language, pack.meaning_hash)
    found = _compiled.get(key)
    if found is None:
        if len(_compiled) >= _MOST_COMPILED:
            _compiled.clear()
        found = _compiled[key] = Kernel(lower(pack))
    return found

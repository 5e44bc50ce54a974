"""Compare the generated kernel with the reference interpreter on one case, literal by literal."""

from __future__ import annotations

from legal_rules.given import read_given
from legal_rules.ir import Program
from legal_rules.kernel import Kernel, Rails
from legal_rules.model import Pack
from legal_rules.reference import Interpreter, Reference

from .random_packs import Case


def states(pack: Pack, program: Program, case: Case) -> tuple[bool | None, ...]:
    """Give the status of every atom of the program in a case."""
    requested = tuple(sorted(case.requested))
    return read_given(pack, program, dict(case.values), requested, case.ordered, case.on, case.closed).states


def by_reference(pack: Pack, case: Case) -> Reference:
    """Decide a case by walking the rules."""
    ordered = {name: None if case.ordered is None else name in case.ordered for name in pack.categories}
    return Interpreter(pack, case.closed).decide(case.values, case.requested, ordered, case.on)


def differences(program: Program, rails: Rails, number: int, expected: Reference) -> list[str]:
    """Name what the kernel says otherwise than the reference, in one case of a run."""
    pairs = [(f"rule {place}", literal, expected.effective[place]) for place, literal in enumerate(program.effective)]
    pairs += [(f"ground {name}", literal, expected.grounds[name]) for name, literal in program.grounds.items()]
    pairs += [(name, literal, expected.outcome[name]) for name, literal in program.outcome.items()]
    pairs += [(f"grant {name}", literal, expected.granted[name]) for name, literal in program.granted.items()]
    pairs += [(f"judged {name}", literal, expected.judged[name]) for name, literal in program.judged.items()]
    return [name for name, literal, status in pairs if _raw(rails, literal, number) != status]


def _raw(rails: Rails, literal: int, number: int) -> bool | str | None:
    """Read both rails, so that a literal that is true and false at once does not pass for true."""
    true, false = rails.known_true(literal) >> number & 1, rails.known_false(literal) >> number & 1
    return "both" if true and false else True if true else False if false else None


def disagreements(
    pack: Pack, kernel: Kernel, cases: list[Case], expected: list[Reference]
) -> list[tuple[int, list[str]]]:
    """Run all cases at once and list those in which kernel and reference differ."""
    rails = kernel.run_cases([states(pack, kernel.program, case) for case in cases])
    found = [(number, differences(kernel.program, rails, number, each)) for number, each in enumerate(expected)]
    return [(number, names) for number, names in found if names]

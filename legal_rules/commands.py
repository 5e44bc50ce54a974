"""The commands that need solvers, and coverage: arguments in, lines out. The rest is in `__main__.py`."""

from __future__ import annotations

from collections.abc import Sequence

from .coverage import proposals, uncovered_conditions
from .diff import diff
from .model import Pack
from .mutants import ENOUGH, run_mutants
from .notes import notes
from .pack import load_pack
from .prove import prove


def run_prove(names: Sequence[str]) -> int:
    """Prove each pack; returns 1 when a claim fails."""
    failed = False
    for name in names:
        proof = prove(load_pack(name))
        for failure in proof.failures:
            print(f"{failure.problem} {failure.explanation}".rstrip())
            if failure.case:
                print(f"\n{failure.case}\n")
        for note in (*proof.notes, *notes(proof.pack)):
            print(f"{proof.pack.id}: note: {note}")
        failed = failed or bool(proof.failures)
        what = f"{len(proof.proved)} claims proved, {len(proof.failures)} not, {proof.asked} questions to each solver"
        print(f"{proof.pack.id}: {what}; meaning {proof.pack.meaning_hash[:16]}")
    return int(failed)


def run_diff(old: str, new: str) -> int:
    """Compare two packs; returns 1 when they differ in meaning."""
    found = diff(load_pack(old), load_pack(new))
    for sentence in found.apart:
        print(f"not compared: {sentence}")
    for change in found.changes:
        print(f"{change.kind}: {change.what}\n{change.case}\n")
    if found.changes or found.apart:
        print(f"{len(found.changes)} changes of meaning")
    else:
        print(
            "no difference in meaning" + (": the same meaning hash" if found.same_hash else ", proved by both solvers")
        )
    return int(bool(found.changes or found.apart))


def run_mutants_of(names: Sequence[str]) -> int:
    """Try the mutants of each pack; returns 1 when too few are killed."""
    failed = False
    for name in names:
        tally = run_mutants(load_pack(name))
        for survivor in tally.survivors:
            mutant = survivor.mutant
            print(f"{mutant.file}:{mutant.line}: nobody notices {mutant.what}; add this case [mutant.survives]")
            print(f"{survivor.case}\n")
        dead = ", ".join(f"{count} by {what}" for what, count in tally.killed.items())
        print(
            f"{tally.pack.id}: {tally.share:.1%} of mutants killed ({dead}), {len(tally.survivors)} survive, "
            f"{len(tally.equivalent)} mean the same (proved); at least {ENOUGH:.0%} are wanted"
        )
        failed = failed or tally.share < ENOUGH
    return int(failed)


def print_coverage(pack: Pack, propose: bool) -> bool:
    """Say how many conditions the cases show to matter alone, and name or propose what is missing.

    Returns whether nothing is. `mutants` is what fails a build over a condition nobody notices: it asks for cases
    that expect something, while a case counts here as soon as the condition decides in it.
    """
    total, missing = uncovered_conditions(pack)
    if propose:
        for gap, case in proposals(pack, missing):
            print(f"{gap.problem}\n{case}\n" if case else f"{gap.problem}: proved that it never does there")
    print(f"{pack.id}: {total - len(missing)} of {total} sides of conditions shown to matter alone")
    if missing and not propose:
        print(f"{pack.id}: note: `test --propose` writes the missing cases; the first is {missing[0].problem}")
    return not missing

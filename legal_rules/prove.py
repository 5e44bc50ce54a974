"""`legal_rules prove`: what must never come out of a pack cannot, for all facts and days at once.

Two solvers have to agree on every claim (`solvers.py`). They read the very graph the kernel is generated from
(`ir.py`), so what is proved is what decides. A claim that fails comes with facts, tried by the engine and
written as a ready [[case]].

Open facts need no proof of their own. An assessment is certain only when every completion of the open facts has
the same outcome and grant, CONDITIONAL and INCOMPLETE release nothing, and a proof speaks of every completion. So
whatever no complete set of facts can reach, no partial one reaches either; `test_prove.py` tries that on the engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import PackError, Problem
from .invariants import Claim, claims
from .ir import Graph, lower
from .model import Pack
from .solvers import Solvers, closest
from .worlds import World, as_case, said


@dataclass(frozen=True, slots=True)
class Failure:
    """A claim that does not hold; `case` shows facts that break it, None where facts were wanted and there are none."""

    claim: Claim
    world: World | None = None
    case: str | None = None
    explanation: str = ""

    @property
    def problem(self) -> Problem:
        """The failure as a located problem."""
        what = "" if self.world is None else " But it happens in the case below."
        return Problem(self.claim.file, self.claim.line, f"prove.{self.claim.id}", self.claim.says + what)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved of one pack. notes: proofs that are empty in this pack, and why that is no defect."""

    pack: Pack
    proved: tuple[str, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    asked: int


def prove(pack: Pack) -> Proof:
    """Prove every claim about a pack. Raises PackError when a solver is missing or the two do not agree."""
    program, graph = lower(pack), Graph()
    literal = graph.take(program)
    listed = list(claims(pack, program, graph, literal))
    solvers = Solvers(graph, pack.facts)
    proved: list[str] = []
    failures: list[Failure] = []
    notes: list[str] = [] if pack.permits else ["nothing is permitted, so what must never be permitted is not"]
    for claim in listed:
        found = solvers.world(claim.literals)
        if claim.wanted and found is not None and found.holidays:
            # Holidays are free in the solvers, so a world that needs them shows nothing for sure.
            failures.append(Failure(claim, explanation="No calendar without public holidays shows it."))
            continue
        if (found is not None) != claim.wanted:
            failures.append(Failure(claim) if claim.wanted else _shown(pack, graph, solvers, claim))
            continue
        if claim.situation is not None and not solvers.possible(claim.situation):
            failures.append(
                Failure(claim, explanation="What it forbids cannot arise anyway: the proof is an empty one.")
            )
            continue
        proved.append(claim.id)
        if pack.permits and claim.situation and not claim.wanted and not solvers.possible(claim.literals[:-1]):
            notes.append(f"{claim.id} holds already without its last condition")
    asked = solvers.asked
    solvers.close()
    return Proof(pack, tuple(proved), tuple(failures), tuple(notes), asked)


def _shown(pack: Pack, graph: Graph, solvers: Solvers, claim: Claim) -> Failure:
    """Show a claim that fails: facts as close to a case of the pack as can be, and what the engine says of them."""
    # What is forbidden may be permitted, or left to people; one of the two makes a plainer case than either.
    program = lower(pack)
    literal = graph.take(program)
    ends = [(*claim.literals, literal(program.outcome[name])) for name in ("PERMITTED", "NEEDS_JUDGEMENT")]
    found = closest(pack, solvers, next(filter(solvers.possible, ends), claim.literals))
    if found is None:
        raise PackError(f"{claim.id}: the solvers do not find again what they found a moment ago", "prove.unsteady")
    world, like = found
    if world.holidays:
        return Failure(claim, world, None, "It takes public holidays, which no case of a pack can name.")
    case = as_case(pack, world, f"Breaks {claim.id}", like, ("grant", "ground"))
    return Failure(claim, world, case, said(pack, world).to_text())

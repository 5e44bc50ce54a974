"""`legal_rules mutants`: change one thing in a pack's own file at a time; its cases and invariants have to notice.

A mutant is killed when the pack no longer loads, when an embedded case no longer holds, or when an invariant
falls. One that survives is compared with the pack itself: proved to mean the same, or shown as a missing case.
Not here: how a mutant is made (`mutations.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import check
from .cases import failing
from .diff import Pair, witness
from .given import Given, read_given
from .invariants import Claim, claims
from .ir import FALSE, Atom, Graph, Ordered, Program, Requested, lower
from .kernel import Rails, kernel_of
from .located import Located
from .model import NOTHING_TO_GRANT, Case, Pack
from .mutations import Mutant, mutations
from .observed import observed
from .phrases import facts_of, holds
from .solvers import Solvers

ENOUGH = 0.95
_MOST_ADDED = 8
_Bits = Mapping[object, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant nobody noticed, with a case that would notice it: what the pack itself says there."""

    mutant: Mutant
    case: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the mutants of a pack. killed: by what ("load", "case", "invariant") and how many."""

    pack: Pack
    killed: Mapping[str, int]
    equivalent: tuple[Mutant, ...]
    survivors: tuple[Survivor, ...]

    @property
    def share(self) -> float:
        """The share of the mutants with another meaning that was killed."""
        dead = sum(self.killed.values())
        return dead / (dead + len(self.survivors)) if dead or self.survivors else 1.0


def run_mutants(pack: Pack) -> Tally:
    """Try every mutant. Raises PackError when a solver is missing or the two do not agree."""
    layers = [Located(file, text.encode()) for file, text in pack.files]
    bench, prover = _Bench(pack), _Prover(pack)
    killed = {"load": 0, "case": 0, "invariant": 0}
    equivalent: list[Mutant] = []
    survivors: list[Survivor] = []
    for mutant in mutations(pack):
        changed = mutant.pack
        if changed is None or check.whole(changed.rules, changed.facts, changed.sources, changed.terms, layers):
            killed["load"] += 1
        elif mutant.meet is not None and not prover.meet(*mutant.meet):
            equivalent.append(mutant)
        elif bench.notices(changed):
            killed["case"] += 1
        else:
            case, fallen = prover.told_apart(mutant, changed)
            if case is None:
                equivalent.append(mutant)
            elif fallen:
                killed["invariant"] += 1
            else:
                survivors.append(Survivor(mutant, case))
    prover.close()
    return Tally(pack, killed, tuple(equivalent), tuple(survivors))


class _Bench:
    """The cases of a pack, read once, and what the kernel says of all of them."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        program = kernel_of(pack).program
        self._read = [
            (case, read_given(pack, program, case.facts, case.requested, _ordered(case), case.on))
            for case in pack.cases
        ]
        self._told = sum(1 << number for number, (case, _) in enumerate(self._read) if "grounds" in case.expect)
        self._known: dict[Atom, tuple[int, int]] = {}
        self._before, self._open = self._run(pack)

    def notices(self, mutant: Pack) -> bool:
        """Say whether some case fails. Only cases where something came out otherwise, or is open, are assessed."""
        after, still_open = self._run(mutant)
        nothing = (0, (1 << len(self._read)) - 1)
        moved = 0
        for name in {**self._before, **after}:
            one, other = self._before.get(name, nothing), after.get(name, nothing)
            moved |= (one[0] ^ other[0]) | (one[1] ^ other[1])
        if self._plainly(after):
            return True
        first = [case for number, (case, _) in enumerate(self._read) if moved >> number & 1]
        rest = (self._open | still_open) & ~moved
        first += [case for number, (case, _) in enumerate(self._read) if rest >> number & 1]
        return any(failing(mutant, case) for case in first)

    def _plainly(self, after: _Bits) -> bool:
        """Say whether a case fails for sure, without assessing it: most mutants die here, in a tenth of the time.

        An outcome that held and does not, or a ground among those of a refusal on both sides that came or went.
        """
        outcomes = [name for name in self._before if isinstance(name, tuple) and name[0] == "outcome"]
        if any(self._before[name][0] & after[name][1] for name in outcomes):
            return True
        refused = self._before["outcome", "REFUSED"][0] & after["outcome", "REFUSED"][0] & self._told
        for name in {**self._before, **after}:
            if isinstance(name, tuple) and name[0] == "ground" and name[1] != NOTHING_TO_GRANT:
                nothing = (0, -1)
                one, other = self._before.get(name, nothing), after.get(name, nothing)
                if (one[0] & other[1] | one[1] & other[0]) & refused:
                    return True
        return False

    def _run(self, pack: Pack) -> tuple[_Bits, int]:
        """Run all cases; returns the two rails of everything by name, and the cases whose answer is open."""
        program = lower(pack)
        ones = (1 << len(self._read)) - 1
        rails = _evaluated(program, [self._states(atom) for atom in program.atoms], ones)
        names = _named(pack, program)
        bits = {name: (rails.known_true(each), rails.known_false(each)) for name, each in names.items()}
        certain = ones
        for literal in program.results:
            certain &= rails.known_true(literal) | rails.known_false(literal)
        return bits, ones & ~certain

    def _states(self, atom: Atom) -> tuple[int, int]:
        """Give the cases in which an atom is known true, and known false; looked up once for all mutants."""
        if atom not in self._known:
            found = [_decide(atom, given) for _, given in self._read]
            true = sum(1 << number for number, status in enumerate(found) if status is True)
            false = sum(1 << number for number, status in enumerate(found) if status is False)
            self._known[atom] = true, false
        return self._known[atom]


def _evaluated(program: Program, states: Sequence[tuple[int, int]], ones: int) -> Rails:
    """Do what the generated kernel does, node by node: for one run that is faster than to compile it."""
    true: list[int] = []
    false: list[int] = []
    for node in program.nodes:
        if node.kind == "true":
            both = (ones, 0)
        elif node.kind == "atom":
            both = states[node.parts[0]]
        else:
            # "Or" is "and" with the rails exchanged.
            holds_all, rest = (true, false) if node.kind == "and" else (false, true)
            every, some = ones, 0
            for part in node.parts:
                every &= (rest if part & 1 else holds_all)[part >> 1]
                some |= (holds_all if part & 1 else rest)[part >> 1]
            both = (every, some) if node.kind == "and" else (some, every)
        true.append(both[0])
        false.append(both[1])
    return Rails(tuple(true), tuple(false))


def _ordered(case: Case) -> frozenset[str] | None:
    return None if case.ordered is None else frozenset(case.ordered)


def _decide(atom: Atom, given: Given) -> bool | None:
    if isinstance(atom, Requested):
        return atom.category in given.requested
    if isinstance(atom, Ordered):
        return None if given.ordered is None else atom.category in given.ordered
    values = {**given.values, "decision-date": given.on}
    return holds(atom, values) if all(name in values for name in facts_of(atom)) else None


def _named(pack: Pack, program: Program) -> dict[object, int]:
    """Name every literal an assessment looks at, so that two programs can be compared."""
    found: dict[object, int] = {("outcome", name): each for name, each in program.outcome.items()}
    found |= {("granted", name): each for name, each in program.granted.items()}
    found |= {("allowed", name): each for name, each in program.allowed.items()}
    found |= {("ground", name): each for name, each in program.grounds.items()}
    versions: dict[str, int] = {}
    for number, rule in enumerate(pack.rules):
        version = versions[rule.id] = versions.get(rule.id, 0) + 1
        # A hold of another length is another hold: the case that expects it has to be assessed.
        found["effective", rule.id, version, rule.lasting] = program.effective[number]
        if number in program.unmet:
            found["unmet", rule.id, version] = program.unmet[number]
    return found


class _Prover:
    """The pack in one graph, and mutants added to it: only what a mutant changed is new to the solvers.

    After a few mutants it starts afresh, because every question carries all that was ever added.
    """

    def __init__(self, pack: Pack) -> None:
        self._pack, self._program = pack, kernel_of(pack).program
        self._start()

    def _start(self) -> None:
        pack = self._pack
        self._graph, self._added = Graph(), 0
        # A pack that permits nothing is there for others to build on, so every one of its rules counts for itself.
        self._rules = not pack.permits
        self._seen, self._claims = self._take(pack)
        self._known = {(claim.literals, claim.wanted) for claim in self._claims}
        self._solvers = Solvers(self._graph, pack.facts)

    def meet(self, one: int, others: Sequence[int]) -> bool:
        """Say whether a rule and some of others, by place, can be effective at once; no is a proof by both solvers."""
        literal, effective = self._graph.take(self._program), self._program.effective
        other = self._graph.any(literal(effective[place]) for place in others)
        both = (literal(effective[one]), other)
        # What SAT calls possible is looked at with the cases anyway; only "impossible" has to be a proof.
        return self._solvers.sat.possible(both) or self._solvers.possible(both)

    def told_apart(self, mutant: Mutant, changed: Pack) -> tuple[str | None, bool]:
        """Write a case that tells a mutant from the pack, and say whether an invariant does.

        No case is a proof by both solvers that the two mean the same.
        """
        self._added += 1
        if self._added > _MOST_ADDED:
            self.close()
            self._start()
        seen, listed = self._take(changed)
        both = Pair(self._graph, self._pack.facts, seen, self._seen)
        differing = self._graph.any(both.differing.values())
        if differing == FALSE or not self._solvers.possible((differing,)):
            return None, False
        fresh = [claim for claim in listed if (claim.literals, claim.wanted) not in self._known]
        if any(self._falls(claim) for claim in fresh):
            return "", True
        return witness(self._pack, both, self._solvers, f"Notices: {mutant.what}"), False

    def _falls(self, claim: Claim) -> bool:
        """Say whether a claim fails; SAT alone sees most that hold, since its "impossible" is final."""
        suspicious = self._solvers.sat.possible(claim.literals) != claim.wanted
        return suspicious and self._solvers.possible(claim.literals) != claim.wanted

    def _take(self, pack: Pack) -> tuple[Mapping[tuple[str, str], int], list[Claim]]:
        program = kernel_of(pack).program
        literal = self._graph.take(program)
        seen = observed(pack, program, self._graph, literal, self._rules)
        return seen, list(claims(pack, program, self._graph, literal))

    def close(self) -> None:
        """Give the solvers' memory back."""
        self._solvers.close()

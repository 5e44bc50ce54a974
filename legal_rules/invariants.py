"""What has to be impossible, and what has to be possible, in every pack: as questions to the solvers.

The shared ones are in `packs/never.toml`, in the packs' own phrases. The others follow from the design and are
built here from the graph: see each function. None of them knows a pack by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from .check import TRACKS, top_tests
from .errors import PackError, PhraseError, Problem
from .ir import Graph, Ordered, Program, Requested
from .located import Located
from .model import OUTCOMES, Pack, Rule
from .phrases import IsOneOf, Vocabulary

NEVER = "never"
_OUTCOME = "outcome is "


@dataclass(frozen=True, slots=True)
class Claim:
    """One question: may these literals hold together? wanted: what the answer has to be.

    situation: the part of the literals that has to be possible alone, so that the proof is not an empty one;
    None where there is no such part. file and line: where its author has to look.
    """

    id: str
    says: str
    literals: tuple[int, ...]
    file: str
    line: int
    wanted: bool = False
    situation: tuple[int, ...] | None = None


def claims(pack: Pack, program: Program, graph: Graph, literal: Any) -> Iterator[Claim]:
    """List every claim about a pack. literal: from the program's literals to those of the graph."""
    outcome = {name: literal(each) for name, each in program.outcome.items()}
    line = Located(*_own_file(pack)).line("pack")
    file = f"{pack.id}.toml"
    # What people may open by concluding for it is released as well, so nothing forbidden may end there either.
    released = graph.any((outcome["PERMITTED"], outcome["NEEDS_JUDGEMENT"]))
    yield from _never(pack, graph, {**outcome, "PERMITTED": released})
    yield from _one_outcome(graph, outcome, file, line)
    permitted = outcome["PERMITTED"]
    yield from _grants(pack, program, graph, literal, permitted, file, line)
    if TRACKS in pack.facts:
        yield from _tracks(pack, program, graph, literal, permitted, file, line)
    yield from _stops(pack, program, literal, permitted)
    yield from _reached(pack, program, literal)


def _own_file(pack: Pack) -> tuple[str, bytes]:
    file, text = pack.files[-1]
    return file, text.encode()


@lru_cache(maxsize=1)
def _never_file() -> Located:
    path = Path(__file__).parent / "packs" / f"{NEVER}.toml"
    return Located(path.name, path.read_bytes())


def _never(pack: Pack, graph: Graph, outcome: Mapping[str, int]) -> Iterator[Claim]:
    """Read the shared invariants; a pack without the facts they speak of cannot be proved, and says so."""
    located = _never_file()
    for name, entry in located.data[NEVER].items():
        line = located.line(NEVER, 0, name)
        try:
            parts = [_literal(part, pack, graph, outcome) for part in entry["all"]]
        except PhraseError as error:
            raise PackError([Problem(located.file, line, error.code, f"{name}: {error}")]) from error
        stated = [isinstance(part, str) and part.startswith(_OUTCOME) for part in entry["all"]]
        situation = tuple(part for part, of_outcome in zip(parts, stated, strict=True) if not of_outcome)
        yield Claim(f"never.{name}", entry["says"], tuple(parts), located.file, line, situation=situation)


def _literal(part: Any, pack: Pack, graph: Graph, outcome: Mapping[str, int]) -> int:
    """Turn a phrase, "outcome is X" or { any | none | all = [...] } into a literal."""
    if isinstance(part, dict) and len(part) == 1:
        ((how, inner),) = part.items()
        below = [_literal(each, pack, graph, outcome) for each in inner]
        if how in ("any", "none", "all"):
            return graph.all(below) if how == "all" else graph.any(below) ^ (how == "none")
    if not isinstance(part, str):
        raise PhraseError("conditions.shape", "write phrases, { any = [...] }, { none = [...] } or { all = [...] }")
    if not part.startswith(_OUTCOME):
        return graph.condition(Vocabulary(pack.facts, pack.terms).parse(part))
    if (name := part.removeprefix(_OUTCOME)) not in OUTCOMES:
        raise PhraseError("never.outcome", f"an outcome is one of {', '.join(OUTCOMES)}")
    return outcome[name]


def _one_outcome(graph: Graph, outcome: Mapping[str, int], file: str, line: int) -> Iterator[Claim]:
    """Exactly one outcome for every combination of facts."""
    none = tuple(literal ^ 1 for literal in outcome.values())
    yield Claim("some-outcome", "Every combination of facts has an outcome.", none, file, line)
    for one, other in combinations(outcome, 2):
        says = f"No combination of facts is both {one} and {other}."
        yield Claim(f"one-outcome.{one}.{other}", says, (outcome[one], outcome[other]), file, line)


def _grants(
    pack: Pack, program: Program, graph: Graph, literal: Any, permitted: int, file: str, line: int
) -> Iterator[Claim]:
    """What is granted was requested, was ordered and is permitted; and PERMITTED grants something."""
    granted = {category: literal(each) for category, each in program.granted.items()}
    for category, each in granted.items():
        for asked, word in ((Requested(category), "requested"), (Ordered(category), "ordered")):
            says = f"{category} is granted, or left to people to open, only where it was {word}."
            either = graph.any((each, literal(program.judged[category])))
            yield Claim(f"granted-{word}.{category}", says, (either, graph.atom(asked) ^ 1), file, line)
        says = f"{category} is granted only where the outcome is PERMITTED."
        yield Claim(f"granted-permitted.{category}", says, (each, permitted ^ 1), file, line)
    nothing = (permitted, *(each ^ 1 for each in granted.values()))
    yield Claim("permitted-grants", "PERMITTED grants something.", nothing, file, line)


def track_of(rule: Rule) -> str | None:
    """Name the one track of a basis; `check` has seen that there is one wherever packs know tracks."""
    tests = [leaf.test for leaf in top_tests(rule.when)]
    tracks = [test.values for test in tests if isinstance(test, IsOneOf) and test.fact == TRACKS]
    return tracks[0][0] if len(tracks) == 1 and len(tracks[0]) == 1 else None


def _tracks(
    pack: Pack, program: Program, graph: Graph, literal: Any, permitted: int, file: str, line: int
) -> Iterator[Claim]:
    """PERMITTED is reached exactly in the proceedings the pack lists, and rests on a basis of that very track."""
    for track in pack.facts[TRACKS].values:
        here = graph.atom(IsOneOf(TRACKS, (track,)))
        if track in pack.permits:
            says = f"PERMITTED can be reached in {track} proceedings, as `permits` says; else take it off the list."
        else:
            says = f"PERMITTED cannot be reached in {track} proceedings, which `permits` does not list."
        yield Claim(f"permits.{track}", says, (permitted, here), file, line, track in pack.permits, (here,))
        bases = [
            (rule, literal(program.effective[number]))
            for number, rule in enumerate(pack.rules)
            if rule.kind == "basis" and track_of(rule) == track
        ]
        for category, each in program.granted.items():
            without = [basis ^ 1 for rule, basis in bases if category in rule.discloses]
            says = f"In {track} proceedings {category} is granted only on an effective basis of that track."
            either = graph.any((literal(each), literal(program.judged[category])))
            yield Claim(f"own-track.{track}.{category}", says, (either, here, *without), file, line)


def _stops(pack: Pack, program: Program, literal: Any, permitted: int) -> Iterator[Claim]:
    """Nothing is permitted past an effective weigh, review or refusal, an unmet demand or a conflict of duties."""
    stops = [
        (f"{rule.kind}.{rule.id}", rule, program.effective[number])
        for number, rule in enumerate(pack.rules)
        if rule.kind in ("weigh", "review", "refuse")
    ]
    stops += [(f"unmet.{pack.rules[number].id}", pack.rules[number], each) for number, each in program.unmet.items()]
    for name, rule, each in stops:
        says = f"Nothing is permitted past {rule.id!r}."
        yield Claim(f"stops.{name}.{rule.since}", says, (permitted, literal(each)), rule.file, rule.line)
    for one, other, both in program.conflicts:
        rule, against = pack.rules[one], pack.rules[other]
        says = f"Duties {rule.id!r} and {against.id!r} say the opposite and never hold together; add `despite`."
        yield Claim(f"conflict.{rule.id}.{against.id}", says, (literal(both),), rule.file, rule.line)


def _reached(pack: Pack, program: Program, literal: Any) -> Iterator[Claim]:
    """Every rule of the pack's own file can be effective, and every demand unmet."""
    for number, rule in enumerate(pack.rules):
        if rule.file != pack.files[-1][0]:
            continue
        says = f"Rule {rule.id!r} can be effective; else its conditions contradict each other."
        where = (rule.file, rule.line)
        yield Claim(f"reached.{rule.id}.{rule.since}", says, (literal(program.effective[number]),), *where, True)
        if rule.demands:
            says = f"What {rule.id!r} needs can be missing; else it asks for nothing."
            yield Claim(f"can-be-unmet.{rule.id}.{rule.since}", says, (literal(program.unmet[number]),), *where, True)

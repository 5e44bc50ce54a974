"""What is worth knowing about a pack and no defect: gaps, rules that change nothing, facts that never matter.

All of it is proved, and none of it fails a build: a second rule that refuses what another refuses already gives its
own reason, and a fact may be there for another pack.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from functools import partial

from .check import TRACKS
from .invariants import track_of
from .ir import FALSE, Atom, Graph, Ordered, Program, Requested, lower
from .model import NO_LEGAL_BASIS, NOTHING_TO_GRANT, Pack
from .observed import observed
from .phrases import Day, IsOneOf
from .solvers import Solvers

_AGAIN = " answered otherwise"
_DECIDING = ("basis", "refuse", "require", "limit", "weigh", "review")


def notes(pack: Pack) -> Iterator[str]:
    """List what both solvers found out. Raises PackError when one is missing or they do not agree."""
    if not pack.permits:
        return  # nothing is decided here; others build on it
    graph, program = Graph(), lower(pack)
    literal = graph.take(program)
    again = {name + _AGAIN: spec for name, spec in pack.facts.items()}
    solvers = Solvers(graph, {**pack.facts, **again})
    own = tomllib.loads(pack.files[-1][1])

    # 1. Gaps: proceedings without a basis, in which no rule but the closing one says why it refuses.
    tracks = pack.facts[TRACKS].values if TRACKS in pack.facts else ()
    bases = {track_of(rule) for rule in pack.rules if rule.kind == "basis"}
    for track in tracks:
        others = [literal(each) ^ 1 for name, each in program.grounds.items() if name not in _CLOSING]
        alone = (literal(program.grounds[NO_LEGAL_BASIS]), graph.atom(IsOneOf(TRACKS, (track,))), *others)
        if track not in bases and solvers.possible(alone):
            yield f"gap: in {track} proceedings there is no basis, and for some requests only the closing rule says so"

    # 2. Rules that change no outcome and no grant, because others decide the same.
    for number, rule in enumerate(pack.rules):
        if rule.file != pack.files[-1][0] or rule.kind not in _DECIDING:
            continue
        rest = dataclasses.replace(pack, rules=(*pack.rules[:number], *pack.rules[number + 1 :]))
        without = lower(rest)
        other = graph.take(without)
        pairs = zip(_outcome_and_grant(program), _outcome_and_grant(without), strict=True)
        differs = graph.any(graph.differ(literal(one), other(two)) for one, two in pairs)
        if differs == FALSE or not solvers.possible((differs,)):
            yield f"{rule.file}:{rule.line}: {rule.id!r} changes no outcome and no grant; others decide the same"

    # 3. Facts of this file whose answer changes nothing that an assessment says.
    seen = observed(pack, program, graph, literal)
    for name in own.get("fact", {}):
        mirrored = graph.take(program, partial(_otherwise, name))
        mirror = observed(pack, program, graph, mirrored)
        differs = graph.any(graph.differ(seen[each], mirror[each]) for each in seen)
        if differs == FALSE or not solvers.possible((differs,)):
            yield f"fact {name!r} changes nothing an assessment of this pack says"
    solvers.close()


_CLOSING = (NO_LEGAL_BASIS, NOTHING_TO_GRANT)


def _outcome_and_grant(program: Program) -> list[int]:
    return [literal for each in (program.outcome, program.granted, program.judged) for literal in each.values()]


def _otherwise(fact: str, atom: Atom) -> Atom:
    """Exchange one fact for its double, which may have another answer."""
    if isinstance(atom, (Requested, Ordered)):
        return atom
    if isinstance(atom, Day) and atom.anchor == fact:
        atom = dataclasses.replace(atom, anchor=fact + _AGAIN)
    return dataclasses.replace(atom, fact=fact + _AGAIN) if atom.fact == fact else atom

"""The single conditions of rules and terms: where they stand, and the rule with one of them changed.

A condition here is a phrase as it is written in a list; lists nested by any, none and all are looked into, terms
are not. `mutants.py` changes one at a time, `coverage.py` asks whether each matters alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

from .model import Pack, Rule
from .phrases import All, AnyOf, Condition, Leaf, Not, Term

Path = tuple[int, ...]
FIELDS = ("when", "unless", "needs")


@dataclass(frozen=True, slots=True)
class Site:
    """One condition. rule: its place in the pack, None for a term's; field: when, unless, needs, or the term."""

    rule: int | None
    field: str
    path: Path
    condition: Condition

    @property
    def text(self) -> str:
        """The phrase as written."""
        return self.condition.text


def own_terms(pack: Pack) -> list[str]:
    """List the terms that the pack's own file defines."""
    return list(tomllib.loads(pack.files[-1][1]).get("term", {}))


def own_sites(pack: Pack) -> Iterator[Site]:
    """List every condition of the pack's own file."""
    for place, rule in enumerate(pack.rules):
        if rule.file == pack.files[-1][0]:
            for field in FIELDS:
                for path, condition in phrases(getattr(rule, field)):
                    yield Site(place, field, path, condition)
    for name in own_terms(pack):
        for path, condition in phrases(definition_of(pack, None, name)):
            yield Site(None, name, path, condition)


def phrases(condition: Condition, path: Path = ()) -> Iterator[tuple[Path, Condition]]:
    """List the phrases of a list of conditions with the way to each."""
    parts = _nested(condition)
    if parts is None:
        yield path, condition
        return
    for place, part in enumerate(parts):
        yield from phrases(part, (*path, place))


def _nested(condition: Condition) -> tuple[Condition, ...] | None:
    """Give the parts of a list that was written as one; None for a phrase, and for a term, which is a word."""
    match condition:
        case All(parts) if condition.text in _LISTS or not parts:
            return parts
        case AnyOf(parts):
            return parts
        case Not(AnyOf() as part) if condition.text == _NONE:
            return (part,)
    return None


_NONE = Not(AnyOf(())).text
_LISTS = (All(()).text,)


@overload
def replaced(condition: Condition, path: Path, new: Condition) -> Condition: ...
@overload
def replaced(condition: Condition, path: Path, new: None) -> Condition | None: ...
def replaced(condition: Condition, path: Path, new: Condition | None) -> Condition | None:
    """Exchange the condition at the end of a way; None drops it, and with it a list that is then empty.

    Raises ValueError for a way that leads below a single test.
    """
    if not path:
        return new
    parts = _nested(condition)
    if parts is None:
        raise ValueError("nothing lies below a single test")
    below = parts[path[0]]
    part = replaced(below, path[1:], None) if new is None else replaced(below, path[1:], new)
    rest = (*parts[: path[0]], *(() if part is None else (part,)), *parts[path[0] + 1 :])
    if not rest:
        return None
    match condition:
        case All():
            return All(rest, condition.text)
        case AnyOf():
            return AnyOf(rest, condition.text)
        case _:
            return Not(rest[0], condition.text)


def with_term(condition: Condition, name: str, definition: Condition) -> Condition:
    """Give a condition in which a term is defined otherwise, wherever it stands."""
    match condition:
        case Term(term, part):
            return Term(term, definition if term == name else with_term(part, name, definition))
        case Not(part):
            return Not(with_term(part, name, definition), condition.text)
        case All(parts):
            return All(tuple(with_term(part, name, definition) for part in parts), condition.text)
        case AnyOf(parts):
            return AnyOf(tuple(with_term(part, name, definition) for part in parts), condition.text)
        case Leaf():
            return condition


def definition_of(pack: Pack, rule: Rule | None, field: str) -> Condition:
    """Give the whole list a site stands in."""
    if rule is None:
        term = pack.terms[field]
        return All(term.parts) if isinstance(term, All) else term
    found: Condition = getattr(rule, field)
    return found

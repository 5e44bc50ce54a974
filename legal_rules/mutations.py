"""Every small change to a pack's own file that somebody should notice, made on the parsed model.

Conditions dropped or turned round, exceptions and `despite` dropped, limits dropped, other orderers, wider
`discloses`, longer holds, and the days of sources shifted by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .check import ORDERERS
from .model import Pack, Rule, Source
from .phrases import EARLIEST, LATEST, All, AnyOf, Condition, IsOneOf, Leaf, Not
from .sites import FIELDS, Site, definition_of, own_sites, replaced, with_term


@dataclass(frozen=True, slots=True)
class Mutant:
    """A pack with one thing changed; None where the reader would not take it. line: where the change is."""

    what: str
    file: str
    line: int
    pack: Pack | None


def mutations(pack: Pack) -> Iterator[Mutant]:
    """Make every mutant of the pack's own file, in the order of the file's tables."""
    for number, (what, line, rules, sources) in enumerate(_changes(pack)):
        changed = None
        if rules is not None:
            # A hash of its own keeps the kernels of mutants apart.
            name = f"{pack.meaning_hash} mutant {number}"
            changed = dataclasses.replace(pack, rules=rules, sources=sources or pack.sources, meaning_hash=name)
        yield Mutant(what, pack.files[-1][0], line, changed)


_Rules = tuple[Rule, ...]
_Change = tuple[str, int, _Rules | None, dict[str, Source] | None]


def _changes(pack: Pack) -> Iterator[_Change]:
    for site in own_sites(pack):
        line = 0 if site.rule is None else pack.rules[site.rule].line
        where = f"term {site.field!r}" if site.rule is None else f"{pack.rules[site.rule].id!r} {site.field}"
        for what, new in _other(pack, site):
            yield f"{where}: {what}", line, _at(pack, site, new), None
    for number, rule in enumerate(pack.rules):
        if rule.file == pack.files[-1][0]:
            for what, changed in _rule_changes(pack, rule):
                rest = () if changed is None else (changed,)
                rules = (*pack.rules[:number], *rest, *pack.rules[number + 1 :])
                yield f"{rule.id!r}: {what}", rule.line, rules, None
    yield from _source_changes(pack)


def _other(pack: Pack, site: Site) -> Iterator[tuple[str, Condition | None]]:
    """Give the other conditions a site could have; None drops it."""
    yield f"without {site.text!r}", None
    turned = site.condition.part if isinstance(site.condition, Not) else Not(site.condition)
    yield f"{site.text!r} turned round", turned
    match site.condition:
        case Leaf(IsOneOf(fact, values)) if fact == ORDERERS:
            others = [value for value in pack.facts[ORDERERS].values if value not in values]
            for value in values:
                for other in others:
                    swapped = tuple(sorted({*values, other} - {value}))
                    yield f"{other} for {value} in {site.text!r}", Leaf(IsOneOf(fact, swapped), site.text)


def _at(pack: Pack, site: Site, new: Condition | None) -> _Rules | None:
    """Put a condition into its rule, or into every rule that uses the term; None where nothing would be left."""
    rule = None if site.rule is None else pack.rules[site.rule]
    whole = replaced(definition_of(pack, rule, site.field), site.path, new)
    if rule is None:
        definition = All((), site.field) if whole is None else whole
        return tuple(_with_term(each, site.field, definition) for each in pack.rules)
    if whole is None and site.field == "needs":
        return None
    empty: Condition = AnyOf(()) if site.field == "unless" else All(())
    fields: dict[str, Any] = {site.field: empty if whole is None else whole}
    changed = dataclasses.replace(rule, **fields)
    return tuple(changed if each is rule else each for each in pack.rules)


def _with_term(rule: Rule, name: str, definition: Condition) -> Rule:
    fields: dict[str, Any] = {field: with_term(getattr(rule, field), name, definition) for field in FIELDS}
    return dataclasses.replace(rule, **fields)


def _rule_changes(pack: Pack, rule: Rule) -> Iterator[tuple[str, Rule | None]]:
    """Change what a rule does to others and what it opens; None drops the rule."""
    for name in rule.exception_to:
        rest = tuple(each for each in rule.exception_to if each != name)
        yield f"no exception to {name!r}", dataclasses.replace(rule, exception_to=rest)
    for name in rule.despite:
        rest = tuple(each for each in rule.despite if each != name)
        yield f"no longer despite {name!r}", dataclasses.replace(rule, despite=rest)
    if rule.lasting is not None and rule.lasting.days is not None:
        others: dict[str, dict[str, Any]] = {
            "lasts a day longer": {"days": rule.lasting.days + 1},
            "a duty or not": {"duty": not rule.lasting.duty},
        }
        if rule.lasting.at_most != rule.lasting.days:
            others["not extended"] = {"at_most": rule.lasting.days}
        for what, fields in others.items():
            yield what, dataclasses.replace(rule, lasting=dataclasses.replace(rule.lasting, **fields))
    if rule.kind == "limit":
        yield "the limit is gone", None
    if rule.kind == "basis":
        for category in pack.categories:
            if category not in rule.discloses:
                yield f"discloses {category} too", dataclasses.replace(rule, discloses=(*rule.discloses, category))


def _source_changes(pack: Pack) -> Iterator[_Change]:
    """Shift the first and the last day of each source that rules of this file cite, by a day each way."""
    cited = {name for rule in pack.rules if rule.file == pack.files[-1][0] for name in rule.cite}
    for name, source in pack.sources.items():
        if name not in cited:
            continue
        for days in (-1, 1):
            since = source.since + timedelta(days)
            if EARLIEST <= since <= LATEST:
                yield _shifted(pack, dataclasses.replace(source, since=since), f"from {since}")
            if source.until is not None:
                until = source.until + timedelta(days)
                yield _shifted(pack, dataclasses.replace(source, until=until), f"until {until}")


def _shifted(pack: Pack, source: Source, what: str) -> _Change:
    """Give the rules of this file the days they have with a source that begins or ends otherwise."""
    sources = {**pack.sources, source.id: source}
    rules: list[Rule] = []
    for rule in pack.rules:
        if source.id in rule.cite and rule.file == pack.files[-1][0]:
            ends = [end for name in rule.cite if (end := sources[name].until) is not None]
            since, until = max(sources[name].since for name in rule.cite), min(ends, default=None)
            if until is not None and until < since:
                return f"source {source.id!r} {what}", 0, None, None
            rule = dataclasses.replace(rule, since=since, until=until)
        rules.append(rule)
    return f"source {source.id!r} {what}", 0, tuple(rules), sources

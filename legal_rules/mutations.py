"""Every small change to a pack's own file that somebody should notice, made on the parsed model.

Conditions dropped, turned round or widened by one value, exceptions and `despite` dropped or planted, limits
dropped, other orderers, wider `discloses`, longer holds, and the days of sources shifted by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .check import FLOOR_FILE, ORDERERS
from .model import Pack, Rule, RuleKind, Source
from .phrases import EARLIEST, LATEST, All, AnyOf, Condition, IsOneOf, Leaf, Not
from .sites import FIELDS, Site, definition_of, own_sites, replaced, with_term


@dataclass(frozen=True, slots=True)
class Mutant:
    """A pack with one thing changed; None where the reader would not take it. line: where the change is.

    meet: places of a rule and of the versions of another; unless both can be effective at once, nothing changed.
    """

    what: str
    file: str
    line: int
    pack: Pack | None
    meet: tuple[int, tuple[int, ...]] | None = None


def mutations(pack: Pack) -> Iterator[Mutant]:
    """Make every mutant of the pack's own file, in the order of the file's tables."""
    for number, change in enumerate(_changes(pack)):
        changed = None
        if change.rules is not None:
            # A hash of its own keeps the kernels of mutants apart.
            name, sources = f"{pack.meaning_hash} mutant {number}", change.sources or pack.sources
            changed = dataclasses.replace(pack, rules=change.rules, sources=sources, meaning_hash=name)
        yield Mutant(change.what, pack.files[-1][0], change.line, changed, change.meet)


_Rules = tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    what: str
    line: int
    rules: _Rules | None
    sources: dict[str, Source] | None = None
    meet: tuple[int, tuple[int, ...]] | None = None


def _changes(pack: Pack) -> Iterator[_Change]:
    for site in own_sites(pack):
        line = 0 if site.rule is None else pack.rules[site.rule].line
        where = f"term {site.field!r}" if site.rule is None else f"{pack.rules[site.rule].id!r} {site.field}"
        for what, new in _other(pack, site):
            yield _Change(f"{where}: {what}", line, _at(pack, site, new))
    for number, rule in enumerate(pack.rules):
        if rule.file == pack.files[-1][0]:
            for what, changed in _rule_changes(pack, rule):
                rest = () if changed is None else (changed,)
                rules = (*pack.rules[:number], *rest, *pack.rules[number + 1 :])
                yield _Change(f"{rule.id!r}: {what}", rule.line, rules)
            yield from _planted(pack, number, rule)
    yield from _source_changes(pack)


def _other(pack: Pack, site: Site) -> Iterator[tuple[str, Condition | None]]:
    """Give the other conditions a site could have; None drops it."""
    yield f"without {site.text!r}", None
    turned = site.condition.part if isinstance(site.condition, Not) else Not(site.condition)
    yield f"{site.text!r} turned round", turned
    match site.condition:
        case Leaf(IsOneOf(fact, values)) | Not(Leaf(IsOneOf(fact, values))):
            for other in pack.facts[fact].values:
                if other not in values:
                    wider = Leaf(IsOneOf(fact, tuple(sorted({*values, other}))), site.text)
                    negated = isinstance(site.condition, Not)
                    yield f"{site.text!r}, or {other}", Not(wider, site.text) if negated else wider
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


_STOPS: tuple[RuleKind, ...] = ("refuse", "require", "weigh", "review")
# Which kinds a rule could hide by one word too many: its own, and where it opens or stops something, other stops. A
# refusal hides only refusals, because an assessment that refuses tells nothing of what else there is to ask or weigh.
_HIDDEN: Mapping[RuleKind, tuple[RuleKind, ...]] = {
    "basis": ("basis", "limit", *_STOPS),
    "refuse": ("refuse", "require"),
    **dict.fromkeys(("require", "weigh", "review"), _STOPS),
    **{kind: (kind,) for kind in ("limit", "duty", "hold")},
}


def _planted(pack: Pack, number: int, rule: Rule) -> Iterator[_Change]:
    """Make a rule an exception to each other one it could hide, the floor left out: that has none by `check`.

    All pairs are there, none is drawn by lot. Two rules that never meet cost one question (`Mutant.meet`).
    """
    places: dict[str, tuple[int, ...]] = {}
    for place, other in enumerate(pack.rules):
        known = other.id in (rule.id, *rule.exception_to, *rule.despite)
        asks = rule.kind == "refuse" and other.kind == "require" and other.curable
        if not known and not asks and other.file != FLOOR_FILE and other.kind in _HIDDEN[rule.kind]:
            places[other.id] = (*places.get(other.id, ()), place)
    for name, versions in places.items():
        changed = dataclasses.replace(rule, exception_to=(*rule.exception_to, name))
        rules = (*pack.rules[:number], changed, *pack.rules[number + 1 :])
        yield _Change(f"{rule.id!r}: exception to {name!r} too", rule.line, rules, None, (number, versions))


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
                return _Change(f"source {source.id!r} {what}", 0, None)
            rule = dataclasses.replace(rule, since=since, until=until)
        rules.append(rule)
    return _Change(f"source {source.id!r} {what}", 0, tuple(rules), sources)

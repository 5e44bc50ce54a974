"""Checks that need more than one table: headers, versions, exceptions, bases, unused sources, size.

`pack.load_pack` runs them all, so that a pack which loads is a pack which passed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from .errors import Problem
from .located import Located
from .model import Rule, Source
from .phrases import LANGUAGE, NAME, All, AnyOf, Condition, FactSpec, IsOneOf, Leaf, Not, Term

MOST_CONDITIONS = 20_000
TRACKS, ORDERERS = "proceedings", "order-by"
FLOOR_FILE = "floor.toml"
JUDGES = {"court", "investigating-judge"}


def header(located: Located, problems: list[Problem]) -> Mapping[str, str]:
    """Read [pack]: id, title, status, jurisdiction, language; problems are added to the list."""
    table = located.data.get("pack")
    line = located.line("pack")

    def problem(key: str, code: str, message: str) -> None:
        problems.append(Problem(located.file, located.line("pack", 0, key), code, message))

    found: dict[str, str] = {"id": "", "title": "", "status": "draft", "jurisdiction": ""}
    if not isinstance(table, dict):
        problems.append(Problem(located.file, line, "pack.header", "the file needs a [pack] table"))
        return found
    for key, value in table.items():
        if key not in {*found, "language", "governed-by", "builds-on", "permits"}:
            problem(key, "key.unknown", f"[pack] has no {key!r}")
        elif key not in ("builds-on", "permits") and not isinstance(value, str):
            problem(key, "key.type", f"{key!r} must be a string")
        elif key in found:
            found[key] = value
    for key in ("id", "title", "status", "jurisdiction"):
        if key not in table:
            problem("", "key.missing", f"[pack] needs {key!r}")
    if not NAME.fullmatch(found["id"]) or f"{found['id']}.toml" != located.file:
        problem("id", "pack.id", "the id is a name and the file is called after it")
    if found["status"] not in ("draft", "reviewed"):
        problem("status", "pack.status", 'status is "draft" or "reviewed"')
    if table.get("language") != LANGUAGE:
        problem("language", "pack.language", f"this engine speaks {LANGUAGE!r} only")
    if table.get("governed-by") != "decision-date":
        problem("governed-by", "pack.governed-by", 'governed-by is "decision-date"; a rule may name another date')
    return found


def whole(
    rules: Sequence[Rule],
    facts: Mapping[str, FactSpec],
    sources: Mapping[str, Source],
    terms: Mapping[str, Condition],
    layers: Sequence[Located],
) -> list[Problem]:
    """Check a merged pack; returns the problems found. Size comes first: the other checks open every term."""
    if too_large := list(_size(rules)):
        return too_large
    return [
        *_versions(rules),
        *_exceptions(rules),
        *_bases(rules, facts),
        *_sources(rules, layers),
        *_national(rules, layers[-1]),
        *_permits(facts, layers[-1]),
    ]


def _at(rule: Rule, code: str, message: str) -> Problem:
    return Problem(rule.file, rule.line, code, message)


def _versions(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Versions share id, kind and file, follow each other day by day and never overlap."""
    by_id: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        by_id[rule.id].append(rule)
    for versions in by_id.values():
        versions.sort(key=lambda rule: rule.since)
        for older, newer in pairwise(versions):
            if (older.kind, older.file, older.governed_by) != (newer.kind, newer.file, newer.governed_by):
                yield _at(
                    newer,
                    "rule.twice",
                    f"{newer.id!r} is already a {older.kind} at {older.file}:{older.line}",
                )
            elif older.until is None or older.until >= newer.since:
                yield _at(newer, "rule.overlap", f"{newer.id!r} begins before its version at line {older.line} ends")
            elif older.until + timedelta(days=1) != newer.since:
                yield _at(newer, "rule.gap", f"{newer.id!r} has no version between {older.until} and {newer.since}")


def _exceptions(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Rules are excepted, prevailed over or opposed by known rules, never the floor, and never in a circle."""
    known = {rule.id: rule for rule in rules}
    excepts: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for name in (*rule.exception_to, *rule.despite):
            if name not in known:
                yield _at(rule, "exception.unknown", f"{rule.id!r} is to defeat {name!r}, which is no rule")
            elif known[name].file == FLOOR_FILE:
                yield _at(rule, "exception.floor", f"{name!r} belongs to the floor, which has no exceptions")
            else:
                excepts[rule.id].add(name)
        for name in rule.opposes:
            if name not in known or known[name].kind != "duty":
                yield _at(rule, "duty.opposes", f"{rule.id!r} opposes {name!r}, which is no duty")
    done: set[str] = set()
    while fresh := {name for name in known if name not in done and excepts[name] <= done}:
        done |= fresh
    # What is left either lies on a circle or leads into one; report those that come back to themselves.
    for name in sorted(set(known) - done):
        reached, front = set[str](), {name}
        while front:
            front = {below for here in front for below in excepts[here]} - reached
            reached |= front
        if name in reached:
            yield _at(known[name], "exception.cycle", f"{name!r} defeats itself, through others")


def top_tests(condition: Condition) -> Iterator[Leaf]:
    """List the leaves that must all hold, terms opened."""
    match condition:
        case Leaf():
            yield condition
        case Term(_, part):
            yield from top_tests(part)
        case All(parts):
            for part in parts:
                yield from top_tests(part)


def _bases(rules: Sequence[Rule], facts: Mapping[str, FactSpec]) -> Iterator[Problem]:
    """A basis belongs to one track and says who may order; a prosecutor may in criminal proceedings only."""
    for rule in rules:
        if rule.kind != "basis" or TRACKS not in facts or ORDERERS not in facts:
            continue
        tests = [leaf.test for leaf in top_tests(rule.when)]
        tracks = [test.values for test in tests if isinstance(test, IsOneOf) and test.fact == TRACKS]
        orderers = [set(test.values) for test in tests if isinstance(test, IsOneOf) and test.fact == ORDERERS]
        if len(tracks) != 1 or len(tracks[0]) != 1:
            yield _at(rule, "basis.track", f"basis {rule.id!r} must say exactly once: proceedings is ...")
            continue
        allowed = JUDGES | ({"prosecutor"} if tracks[0] == ("criminal",) else set())
        if not orderers or not set.intersection(*orderers) <= allowed:
            who = ", ".join(sorted(allowed))
            yield _at(rule, "basis.orderer", f"basis {rule.id!r} must say who may order, out of: {who}")


def _sources(rules: Sequence[Rule], layers: Sequence[Located]) -> Iterator[Problem]:
    """A source nobody cites is a mistake in one of two places."""
    cited = {name for rule in rules for name in (*rule.cite, *rule.see)}
    for located in layers:
        closing = located.data.get("no-legal-basis", {})
        for name in located.data.get("source", {}):
            if name not in cited and name not in closing.get("cite", []):
                line = located.line("source", 0, name)
                yield Problem(located.file, line, "source.unused", f"no rule cites source {name!r}")


def _size(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Bound what the kernel has to hold; terms count each time they are used."""
    total = 0
    known: dict[int, int] = {}
    for rule in rules:
        total += 1 + sum(_count(part, known) for part in (rule.when, rule.unless, rule.needs))
        if total > MOST_CONDITIONS:
            yield _at(rule, "pack.too-many-conditions", f"more than {MOST_CONDITIONS} conditions, terms opened")
            return


def _count(condition: Condition, known: dict[int, int]) -> int:
    """Count conditions. A term's definition is one object wherever it is used, so it is walked only once."""
    if id(condition) not in known:
        match condition:
            case Leaf():
                below = 0
            case Not(part) | Term(_, part):
                below = _count(part, known)
            case All(parts) | AnyOf(parts):
                below = sum(_count(part, known) for part in parts)
        known[id(condition)] = 1 + below
    return known[id(condition)]


def permits(located: Located) -> tuple[str, ...]:
    """Read the proceedings in which a pack says that PERMITTED can be reached; their names are checked apart."""
    listed = located.data["pack"].get("permits", [])
    return tuple(name for name in listed if isinstance(name, str)) if isinstance(listed, list) else ()


def _permits(facts: Mapping[str, FactSpec], top: Located) -> Iterator[Problem]:
    """What a pack permits is a list of proceedings; whether it is right is proved, not checked."""
    known = facts[TRACKS].values if TRACKS in facts else ()
    listed = top.data["pack"].get("permits", [])
    if not isinstance(listed, list) or any(name not in known for name in listed):
        line = top.line("pack", 0, "permits")
        yield Problem(top.file, line, "pack.permits", f"permits lists proceedings: {', '.join(known)}")


def _national(rules: Sequence[Rule], top: Located) -> Iterator[Problem]:
    """EU law opens nothing by itself (Promusicae): a pack built on another must name a basis of its own."""
    builds = top.data.get("pack", {}).get("builds-on", [])
    if builds not in ([], [FLOOR_FILE.removesuffix(".toml")]) and all(
        rule.kind != "basis" or rule.file != top.file for rule in rules
    ):
        line = top.line("pack", 0, "builds-on")
        yield Problem(top.file, line, "pack.no-basis", "a pack built on another names at least one basis of its own")

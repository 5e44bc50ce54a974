"""Random packs and random facts, from a seed, for comparing the kernel with the reference."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from legal_rules.located import Located
from legal_rules.model import Pack
from legal_rules.pack import merge
from legal_rules.phrases import Value

DAY = date(2020, 3, 31)
CATEGORIES = ("name", "email")
BOOLS = ("red", "green", "blue", "grey")
SHAPES = ("round", "square", "flat")
KINDS = (
    "basis",
    "basis",
    "refuse",
    "require",
    "require",
    "require",
    "limit",
    "weigh",
    "review",
    "duty",
    "duty",
    "hold",
)
HEADER = """
[pack]
id = "random"
title = "Random"
status = "draft"
jurisdiction = "nowhere"
language = "rules/1"
governed-by = "decision-date"
[category]
name = "Name"
email = "E-mail"
"""


@dataclass(frozen=True)
class Case:
    """Known facts, what is requested, what is ordered (None while open), the day, and public holidays."""

    values: Mapping[str, Value]
    requested: frozenset[str]
    ordered: frozenset[str] | None
    on: date
    closed: frozenset[date] = frozenset()


def parse(text: str, name: str = "random.toml") -> Pack:
    """Parse a pack that stands on nothing, not even the floor."""
    return merge([Located(name, text.encode())])


def _day(rng: random.Random) -> str:
    return (DAY + timedelta(days=rng.choice((-400, -31, -1, 0, 1, 30, 366)))).isoformat()


def _phrase(rng: random.Random, terms: list[str], pairs: bool) -> str:
    fact = rng.choice(BOOLS)
    unit = rng.choice(("days", "working days", "months", "years"))
    span = f"{rng.randint(0, 3)} {unit} {rng.choice(('after', 'before'))}"
    anchor = rng.choice((_day(rng), "seen-on" if pairs else _day(rng), "decision-date" if pairs else _day(rng)))
    return rng.choice(
        (
            fact,
            f"not {fact}",
            f"shape is {rng.choice(SHAPES)}",
            f"shape is not {rng.choice(SHAPES)}",
            f"shape is one of {', '.join(rng.sample(SHAPES, 2))}",
            f"size is {rng.choice(('at least', 'at most', 'more than', 'less than'))} {rng.randint(0, 3)}",
            f"filed-on is {rng.choice(('before', 'after', 'on or before', 'on or after'))} {anchor}",
            f"filed-on is {rng.choice(('within', 'more than'))} {span} {anchor}",
            f"filed-on is between 1 and 2 months {rng.choice(('after', 'before'))} {anchor}",
            *(rng.choice(("", "not ")) + term for term in terms),
        )
    )


def _conditions(rng: random.Random, terms: list[str], pairs: bool, most: int = 3, depth: int = 0) -> str:
    parts = []
    for _ in range(rng.randint(0 if depth == 0 else 1, most)):
        if depth < 2 and rng.random() < 0.25:
            parts.append(f"{{ {rng.choice(('any', 'none'))} = {_conditions(rng, terms, pairs, 2, depth + 1)} }}")
        else:
            parts.append(f'"{_phrase(rng, terms, pairs)}"')
    return f"[{', '.join(parts)}]"


def pack_text(rng: random.Random, pairs: bool = True) -> str:
    """Write a random pack. pairs: two dates may be compared with each other."""
    lines = [HEADER, "[source]"]
    for number in range(3):
        until = f", until = {(DAY + timedelta(rng.randint(0, 900))).isoformat()}" if rng.random() < 0.4 else ""
        since = (DAY - timedelta(rng.randint(0, 900))).isoformat()
        lines.append(f's{number} = {{ cite = "S", from = {since}{until}, confidence = "L" }}')
    lines.append("[fact]")
    lines += [f'{name} = {{ ask = "?", settled-by = "order" }}' for name in BOOLS[:-1]]
    lines.append('grey = { ask = "?", known-to = "worker" }')
    lines.append(f'shape = {{ ask = "?", one-of = {list(SHAPES)}, settled-by = "requester" }}')
    lines.append('size = { ask = "?", type = "number", settled-by = "order" }')
    lines += [f'{name} = {{ ask = "?", type = "date", settled-by = "product" }}' for name in ("filed-on", "seen-on")]
    terms = ["odd"] if rng.random() < 0.5 else []
    lines += ["[term]", f'odd = ["{_phrase(rng, [], pairs)}", "{_phrase(rng, [], pairs)}"]'] if terms else []
    kinds = ["basis", *rng.choices(KINDS, k=5)]
    for number, kind in enumerate(kinds):
        lines += [f"[[{kind}]]", f'id = "r{number}"', 'says = "It says."', f'cite = ["s{rng.randint(0, 2)}"]']
        lines += ['see = ["s0", "s1", "s2"]'] if number == 0 else []
        lines.append(f"when = {_conditions(rng, terms, pairs, 1 if kind == 'basis' else 3)}")
        if rng.random() < 0.3:
            lines.append(f"unless = {_conditions(rng, terms, pairs, 2)}")
        if number and rng.random() < 0.3:
            lines.append(f'{rng.choice(("exception-to", "despite"))} = ["r{rng.randrange(number)}"]')
        if kind == "duty" and rng.random() < 0.5:
            lines.append(f'done = "{rng.choice(BOOLS)}"')
        opposed = [f"r{other}" for other in range(number) if kinds[other] == kind == "duty"]
        lines += [f"opposes = {opposed}"] if opposed else []
        if rng.random() < 0.15:
            lines.append('governed-by = "filed-on"')
        lines += {
            "basis": [f"discloses = {rng.choice((['name'], ['email'], ['name', 'email']))}"],
            "require": [
                f'needs = ["{_phrase(rng, terms, pairs)}"]',
                f'if-unmet = "{rng.choice(("ask", "ask", "refuse"))}"',
            ],
            "limit": [f"keeps = {rng.choice((['name'], []))}"],
            "weigh": ['between = ["a", "b"]'],
            "review": ['ask = "?"', 'role = "legal"'],
        }.get(kind, [])
    return "\n".join(lines)


def random_value(rng: random.Random, fact: str) -> Value:
    """Pick a value near the thresholds random packs use."""
    if fact == "shape":
        return rng.choice(SHAPES)
    if fact == "size":
        return rng.randint(-1, 4)
    if fact in ("filed-on", "seen-on"):
        return DAY + timedelta(days=rng.choice((-800, -396, -62, -31, -30, -1, 0, 1, 29, 30, 31, 61, 367, 800)))
    return rng.random() < 0.5


def random_case(rng: random.Random, open_share: float = 0.3, facts: tuple[str, ...] = ()) -> Case:
    """Pick facts, each open with a given probability; requested and ordered categories and the day."""
    names = facts or (*BOOLS, "shape", "size", "filed-on", "seen-on")
    values = {name: random_value(rng, name) for name in names if rng.random() >= open_share}
    requested = frozenset(name for name in CATEGORIES if rng.random() < 0.85)
    ordered = frozenset(name for name in CATEGORIES if rng.random() < 0.85)
    return Case(
        values,
        requested,
        None if rng.random() < open_share else ordered,
        DAY + timedelta(days=rng.choice((-900, -300, 0, 0, 0, 1, 300, 900))),
        frozenset(DAY + timedelta(days=rng.randint(-3, 3)) for _ in range(rng.randint(0, 2))),
    )

"""One policy for four engines: 25 conditions over 30 facts, and random complete facts for it.

The shape is that of a disclosure pack: bases, grounds of refusal, requirements, a balance. CEL and Cedar are given
days as whole numbers, made before the clock runs, because that is what they compare fastest.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta

from legal_rules.located import Located
from legal_rules.model import Pack
from legal_rules.pack import merge
from legal_rules.phrases import Value

BOOLS = tuple(f"b{number:02}" for number in range(1, 21))
CHOICES: Mapping[str, tuple[str, ...]] = {
    "track": ("civil", "criminal", "administrative"),
    "orderer": ("court", "judge", "prosecutor", "police"),
    "origin": ("business", "retention", "preserved"),
    "sharing": ("alone", "shared", "unknown"),
}
NUMBERS = ("n1", "n2", "n3")
DATES = ("d1", "d2", "d3")
DAY = date(2026, 11, 1)
NEWEST, OLDEST = DAY, date(2015, 1, 1)

_RULES = """
[[basis]]
id = "civil"
when = ["track is civil", "orderer is court", "b01", "b02", "b03"]
discloses = ["name"]
[[basis]]
id = "criminal"
when = ["track is criminal", "orderer is one of judge, prosecutor", "b01", "b04"]
discloses = ["name"]
[[refuse]]
id = "withdrawn"
when = ["b05"]
[[refuse]]
id = "retained"
when = ["origin is retention", "track is civil"]
[[refuse]]
id = "too-old"
when = ["d1 is before 2015-01-01"]
[[refuse]]
id = "too-many"
when = ["n1 is more than 100"]
unless = ["b06"]
[[refuse]]
id = "stayed"
when = ["b07", "b08"]
[[require]]
id = "deposit"
when = ["b09"]
needs = ["b10"]
if-unmet = "ask"
[[require]]
id = "port"
when = ["sharing is shared"]
needs = ["b11"]
if-unmet = "ask"
[[require]]
id = "reasons"
needs = ["b12", "b13"]
if-unmet = "ask"
[[weigh]]
id = "balance"
when = ["b14", "b15"]
between = ["one", "other"]
"""


def pack() -> Pack:
    """The policy as a pack; it stands on nothing, so that every engine decides the same conditions."""
    lines = ['[pack]\nid = "policy"\ntitle = "Bench"\nstatus = "draft"\njurisdiction = "nowhere"\nlanguage = "rules/1"']
    lines += ['governed-by = "decision-date"', '[category]\nname = "Name"', "[source]"]
    lines += ['law = { cite = "A law", from = 2000-01-01, confidence = "M" }', "[fact]"]
    lines += [f'{name} = {{ ask = "?", settled-by = "order" }}' for name in BOOLS]
    lines += [f'{n} = {{ ask = "?", one-of = {list(v)}, settled-by = "order" }}' for n, v in CHOICES.items()]
    lines += [f'{name} = {{ ask = "?", type = "number", settled-by = "order" }}' for name in NUMBERS]
    lines += [f'{name} = {{ ask = "?", type = "date", settled-by = "order" }}' for name in DATES]
    rules = _RULES.replace("\nwhen", '\nsays = "S."\ncite = ["law"]\nwhen').replace(
        '"reasons"\n', '"reasons"\nsays = "S."\ncite = ["law"]\n'
    )
    return merge([Located("policy.toml", "\n".join([*lines, rules]).encode())])


def facts(rng: random.Random) -> dict[str, Value]:
    """All 30 facts, so chosen that a good part of the cases is permitted."""
    found: dict[str, Value] = {name: rng.random() < 0.85 for name in BOOLS}
    found |= {name: rng.random() < 0.1 for name in ("b05", "b07", "b08", "b09", "b14", "b15")}
    found |= {name: rng.choice(values) for name, values in CHOICES.items()}
    found |= {name: rng.randint(0, 110) for name in NUMBERS}
    found |= {name: OLDEST - timedelta(30) + timedelta(rng.randint(0, 4_000)) for name in DATES}
    return found


def as_numbers(values: Mapping[str, Value]) -> dict[str, bool | str | int]:
    """The same facts with days as whole numbers."""
    return {name: value.toordinal() if isinstance(value, date) else value for name, value in values.items()}


def cel_text() -> str:
    """The policy as one CEL expression: whether the case is permitted."""
    return (
        '((track == "civil" && orderer == "court" && b01 && b02 && b03)'
        ' || (track == "criminal" && (orderer == "judge" || orderer == "prosecutor") && b01 && b04))'
        ' && !b05 && !(origin == "retention" && track == "civil")'
        f" && !(d1 < {OLDEST.toordinal()}) && !(n1 > 100 && !b06) && !(b07 && b08)"
        ' && (!b09 || b10) && (sharing != "shared" || b11) && (b12 && b13) && !(b14 && b15)'
    )


def cedar_text() -> str:
    """The policy as Cedar policies: permits for the bases, a forbid for everything in the way."""
    scope = "(principal, action, resource)"
    permits = (
        'context.track == "civil" && context.orderer == "court" && context.b01 && context.b02 && context.b03',
        'context.track == "criminal" && (context.orderer == "judge" || context.orderer == "prosecutor")'
        " && context.b01 && context.b04",
    )
    forbids = (
        "context.b05",
        'context.origin == "retention" && context.track == "civil"',
        f"context.d1 < {OLDEST.toordinal()}",
        "context.n1 > 100 && !context.b06",
        "context.b07 && context.b08",
        "context.b09 && !context.b10",
        'context.sharing == "shared" && !context.b11',
        "!(context.b12 && context.b13)",
        "context.b14 && context.b15",
    )
    texts = [f"permit{scope} when {{ {text} }};" for text in permits]
    return "\n".join([*texts, *(f"forbid{scope} when {{ {text} }};" for text in forbids)])

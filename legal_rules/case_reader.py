"""The cases a pack file carries, with every defect collected. What they are run for is in `cases.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import as_facts, read_facts
from .model import OUTCOMES, Case
from .phrases import FactSpec, did_you_mean
from .tables import MISSING, Tables

_LISTS = (
    *("grants", "settle", "worker-settles", "grounds", "limits", "missing", "duties", "weigh", "holds"),
    *("unmet", "effective", "not-effective"),
)
_EXPECT: Mapping[str, type] = {"outcome": str, "withheld": dict, "hold": bool, "instead": bool}


def read_cases(tables: Tables, specs: Mapping[str, FactSpec]) -> list[Case]:
    """Read embedded cases; `like` starts from an earlier case, `with` and `without` change its facts."""
    known: dict[str, Case] = {}
    keys = {"name", "like", "facts", "with", "without", "requested", "ordered", "on", "expect"}
    for index, table in enumerate(tables.array("case")):
        line = tables.located.line("case", index)
        tables.known(table, keys, line, "a case")
        name = tables.take(table, "name", str, line)
        base = known.get(tables.take(table, "like", str, line, ""))
        if "like" in table and base is None:
            tables.problem(line, "case.unknown", "like names no earlier case of this file")
            continue
        if name in known:
            tables.problem(line, "name.twice", f"two cases are called {name!r}")
        facts: dict[str, Any] = dict(base.facts) if base else {}
        facts |= tables.take(table, "facts", dict, line, {})
        facts |= tables.take(table, "with", dict, line, {})
        without = tables.strings(table, "without", line, [])
        for gone in without:
            if facts.pop(gone, None) is None and gone != "ordered":
                tables.problem(line, "case.unknown", f"without names {gone!r}, which is not there")
        for fact, value in facts.items():
            if fact not in specs:
                message = f"no fact {fact!r} in this pack" + did_you_mean(fact, specs)
                tables.problem(line, "phrase.unknown-name", message)
                continue
            for said in as_facts(value):
                if remark := read_facts({fact: specs[fact]}, {fact: said})[fact].remark:
                    tables.problem(line, "case.fact-value", f"{fact!r}: {remark}")
        on = table.get("on", base.on if base else MISSING)
        if not tables.is_day(on, line, "on"):
            continue
        requested = tables.strings(table, "requested", line, list(base.requested) if base else ["name"])
        if "ordered" in table:
            ordered: tuple[str, ...] | None = tables.strings(table, "ordered", line)
        else:
            ordered = base.ordered if base and "ordered" not in without else None
        expect = tables.take(table, "expect", dict, line)
        _expectations(tables, expect, line)
        known[name] = Case(name, facts, requested, ordered, on, expect, tables.located.file, line)
    return list(known.values())


def _expectations(tables: Tables, expect: Mapping[str, Any], line: int) -> None:
    """Check the shape of what a case expects; an outcome at least."""
    tables.known(expect, {*_LISTS, *_EXPECT}, line, "an expectation")
    if tables.take(expect, "outcome", str, line) not in (*OUTCOMES, "CONDITIONAL"):
        tables.problem(line, "case.outcome", f"an outcome is one of {', '.join(OUTCOMES)}, CONDITIONAL")
    for key in expect:
        if key in _LISTS:
            tables.strings(expect, key, line)
        elif key in _EXPECT:
            tables.take(expect, key, _EXPECT[key], line)
    if not all(isinstance(code, str) for code in tables.take(expect, "withheld", dict, line, {}).values()):
        tables.problem(line, "key.type", "withheld gives a code for each category")

"""Answers to the questions of a rule pack: which are asked of whom, and what answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from broker.errors import Problem
from legal_rules import FactSpec, Pack


def read_facts(pack: Pack, given: object, settled_by: str, problems: list[Problem]) -> dict[str, Any]:
    """Check answers to the pack's questions for one role: known fact, right type; missing stays open."""
    if not isinstance(given, Mapping):
        problems.append(Problem("facts.shape", "facts", "Give facts as {question id: answer}."))
        return {}
    asked = {name: spec for name, spec in pack.facts.items() if spec.settled_by == settled_by}
    facts: dict[str, Any] = {}
    for name, value in given.items():
        spec = asked.get(name)
        if spec is None:
            problems.append(
                Problem("facts.unknown", f"facts.{name}"[:80], f"You are asked for: {', '.join(asked) or 'nothing'}.")
            )
        elif value in (None, ""):
            continue
        elif (answer := read_answer(spec, value)) is None:
            problems.append(Problem("facts.value", f"facts.{name}", f"{spec.ask} Answer {expected_answer(spec)}."))
        else:
            facts[name] = answer
    return facts


def expected_answer(spec: FactSpec) -> str:
    """Say in words what a question takes for an answer."""
    return {"bool": "true or false", "date": "a day as YYYY-MM-DD", "number": "a whole number"}.get(
        spec.type, "one of: " + ", ".join(spec.values)
    )


def read_answer(spec: FactSpec, value: object) -> bool | int | str | None:
    """Read one answer as JSON or as a form gives it; None when it does not fit the question. Days stay text."""
    text = str(value).strip()
    if spec.type == "bool":
        return {"true": True, "false": False}.get(text.lower())
    if spec.type == "number":
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    if spec.type == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            return None
    return text if text in spec.values else None

"""Shape findings of the engine for a page: conditions with values, values with numbered sources, citations with doubts.

Nothing is left out to look better: what nobody checked is marked, rules that were considered and not met are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.decisions.answers import Answer
from legal_rules import FactSpec

_REFUSED = "Refused because"
_ORDER = re.compile(r"order (?P<id>[0-9a-f-]{36})(?: terms v(?P<version>\d+))?")


@dataclass(frozen=True, slots=True)
class Value:
    """One fact under a condition. notes: numbers in the list of sources; varies: it differs from line to line."""

    name: str
    question: str
    text: str
    notes: tuple[int, ...]
    varies: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition in the pack's words with its status ("met", "unmet", "open")."""

    text: str
    status: str
    values: tuple[Value, ...]
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Cited:
    """One citation: the text, since when (until when) it is law, and every doubt about it."""

    text: str
    dates: str
    doubts: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the answer, of whatever kind, as a page shows it."""

    id: str
    status: str
    says: str
    doubts: tuple[str, ...]
    citations: tuple[Cited, ...]
    conditions: tuple[Condition, ...]
    exceptions: tuple[Condition, ...]
    instead: str
    extra: str


@dataclass(frozen=True, slots=True)
class Section:
    """Rules of one kind. folded: shown closed, because they did not lead to the answer or come after it.

    against: rules that speak against the disclosure; that they hold is no good news.
    """

    title: str
    rules: tuple[Rule, ...]
    folded: bool
    against: bool

    @property
    def due(self) -> int:
        """How many duties fall due now, whatever is decided."""
        return sum(rule.status == "due" for rule in self.rules)


class Sources:
    """Number the sources that facts come from, each once, and describe them in words.

    people: display names by user id. orders: file numbers by order id. specs: the facts of the pack by name.
    """

    def __init__(self, people: Mapping[str, str], orders: Mapping[str, str], specs: Mapping[str, FactSpec]) -> None:
        self._people, self._orders, self._specs = people, orders, specs
        self._numbers: dict[tuple[str, str, str], int] = {}

    def note(self, fact: Mapping[str, Any]) -> int:
        key = (fact["source"], fact["by"], fact["at"])
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def question(self, name: str) -> str:
        spec = self._specs.get(name)
        return "" if spec is None else spec.ask

    def listed(self) -> list[tuple[int, str]]:
        """Every source numbered so far, in words."""
        return [(number, self._describe(*key)) for key, number in self._numbers.items()]

    def _describe(self, source: str, by: str, at: str) -> str:
        found = _ORDER.fullmatch(source)
        if found is not None:
            version = f", terms version {found['version']}" if found["version"] else ""
            source = f"order {self._orders.get(found['id'], found['id'])}{version}"
        parts = [source, self._people.get(by, by), f"{at[:16].replace('T', ' ')} UTC" if at else ""]
        return ", ".join(part for part in parts if part)


def shown_sections(answer: Answer, sources: Sources) -> list[Section]:
    """Arrange the rules of an answer by what they mean for the decision; sections without rules are left out."""
    data = answer.data
    sections = [
        (_REFUSED, data["grounds"], False),
        ("Legal basis", answer.bases_met, False),
        ("Required and not there", data["missing"], False),
        ("To be weighed by people", data["weigh"], False),
        ("Limits", data["limits"], False),
        ("Duties that follow", answer.duties, True),
        ("Considered, and no basis here", answer.bases_not_met, True),
    ]
    return [
        Section(title, tuple(_rule(rule, answer, sources) for rule in rules), folded, title == _REFUSED)
        for title, rules, folded in sections
        if rules
    ]


def _rule(rule: Mapping[str, Any], answer: Answer, sources: Sources) -> Rule:
    return Rule(
        id=rule["id"],
        status=rule["status"],
        says=rule["says"],
        doubts=_doubts(rule.get("confidence", ""), rule.get("verify_with_counsel", False)),
        citations=tuple(cited(citation) for citation in rule["citations"]),
        conditions=tuple(_condition(node, answer, sources) for node in rule.get("conditions", ())),
        exceptions=tuple(_condition(node, answer, sources) for node in rule.get("exceptions", ())),
        instead=rule.get("instead", ""),
        extra=_extra(rule),
    )


def _extra(rule: Mapping[str, Any]) -> str:
    parts = [f"Within {rule['within']}."] if rule.get("within") else []
    parts += [f"Between {' and '.join(rule['between'])}."] if rule.get("between") else []
    parts += [f"{rule['ask']} ({rule['role']})"] if rule.get("ask") else []
    return " ".join(parts)


def _doubts(confidence: str, verify: bool) -> tuple[str, ...]:
    doubt = {"M": "medium confidence", "L": "low confidence"}.get(confidence)
    return tuple(text for text in (doubt, "verify with counsel" if verify else None) if text)


def cited(citation: Mapping[str, Any]) -> Cited:
    """Shape one citation of a stored answer."""
    pinpoint = citation["pinpoint"]
    unchecked = [] if citation["checked"] else ["unchecked"]
    if pinpoint and not citation["pinpoint_checked"]:
        unchecked.append("paragraph numbers unchecked")
    until = f" to {citation['until']}" if citation["until"] else ""
    checked = f"; checked {citation['checked']}" if citation["checked"] else ""
    return Cited(
        text=citation["cite"] + (f", {pinpoint}" if pinpoint else ""),
        dates=f"from {citation['since']}{until}{checked}" + "; high confidence" * (citation["confidence"] == "H"),
        doubts=(*unchecked, *_doubts(citation["confidence"], citation["verify_with_counsel"])),
        note=citation["note"],
    )


def _condition(node: Mapping[str, Any], answer: Answer, sources: Sources) -> Condition:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for fact in node["facts"]:
        by_name.setdefault(fact["name"], []).append(fact)
    return Condition(
        text=node["text"],
        status=node["status"],
        values=tuple(_value(name, facts, answer, sources) for name, facts in by_name.items()),
        parts=tuple(_condition(part, answer, sources) for part in node["parts"]),
    )


def _value(name: str, facts: Iterable[Mapping[str, Any]], answer: Answer, sources: Sources) -> Value:
    known = [fact for fact in facts if fact["value"] is not None]
    varying = answer.varying.get(name, ())
    if varying:
        text = f"differs from line to line, {varying[0]} to {varying[-1]}"
    else:
        text = " / ".join(said(fact["value"]) for fact in known) or "not known yet"
    # The worker's own day has no source and gets no number.
    notes = tuple(sources.note(fact) for fact in known if fact["source"])
    return Value(name, sources.question(name), text, notes, bool(varying))


def said(value: Any) -> str:
    """Write a fact's value in words."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

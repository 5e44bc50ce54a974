"""Put two answers to the same facts side by side: do they decide otherwise, and which rules and sources differ.

Works on the plain data of `Assessment.to_data`, so that an answer stored years ago can stand on one side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import explain
from .errors import ReplayError

# The parts of an answer that decide, each with the statuses under which its rules have an effect.
_DECISIVE: Mapping[str, tuple[str, frozenset[str]]] = {
    "bases": ("basis", frozenset({"met", "open"})),
    "grounds": ("ground of refusal", frozenset({"met", "open"})),
    "missing": ("requirement not there", frozenset({"unmet", "open"})),
    "limits": ("limit", frozenset({"met", "open"})),
    "weigh": ("left to people", frozenset({"met", "open"})),
}


@dataclass(frozen=True, slots=True)
class Side:
    """A rule as one of the two answers shows it. citations: each in one line with its dates and doubts."""

    status: str
    says: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule that has an effect in one answer and none in the other, or not the same. part: "basis", "limit" ..."""

    part: str
    rule: str
    before: Side | None
    after: Side | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two answers: outcome and granted categories of each, and the rules that differ between them."""

    before: str
    after: str
    granted_before: tuple[str, ...]
    granted_after: tuple[str, ...]
    rules: tuple[Difference, ...]

    @property
    def differs(self) -> bool:
        """Whether the two decide otherwise; the same outcome and grant on other grounds do not count."""
        return (self.before, self.granted_before) != (self.after, self.granted_after)

    def to_text(self) -> str:
        """Write it for a lawyer to read, two blanks a level."""
        lines = [f"{_answer(self.before, self.granted_before)} -> {_answer(self.after, self.granted_after)}"]
        for each in self.rules:
            lines.append(f"  {each.part}: {each.rule}")
            for name, side in (("before", each.before), ("after", each.after)):
                if side is None:
                    lines.append(f"    {name}: no effect")
                    continue
                lines.append(f"    {name} ({side.status}): {' '.join(side.says.split())}")
                lines += [f"      Source: {cited}" for cited in side.citations]
        return "\n".join(lines)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare the data of two answers. Raises ReplayError for data that is none, such as a spoiled record's."""
    try:
        found = Comparison(
            before=before["outcome"],
            after=after["outcome"],
            granted_before=tuple(before["granted"]),
            granted_after=tuple(after["granted"]),
            rules=tuple(_differences(before, after)),
        )
        # Answers are grouped by their differences, which takes texts all the way down.
        hash(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReplayError("these data are no answer; give what to_data() wrote") from error
    return found


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name, (part, effective) in _DECISIVE.items():
        old, new = (_sides(data[name], effective) for data in (before, after))
        for rule in dict.fromkeys([*old, *new]):
            if old.get(rule) != new.get(rule):
                yield Difference(part, rule, old.get(rule), new.get(rule))


def _sides(rules: Any, effective: frozenset[str]) -> dict[str, Side]:
    return {
        rule["id"]: Side(
            rule["status"], rule["says"], tuple(str(explain.citation(cited)) for cited in rule["citations"])
        )
        for rule in rules
        if rule["status"] in effective
    }


def _answer(outcome: str, granted: tuple[str, ...]) -> str:
    return f"{outcome} ({', '.join(granted)})" if granted else outcome

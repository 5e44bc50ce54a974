"""Render an assessment: JSON, plain text and Markdown, all from the one tree of plain data.

The words are the pack's own. What nobody checked is shown as unchecked; nothing is left out to look better.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Set
from datetime import date
from typing import Any

_HEADLINES = {
    "REFUSED": "Refused: the law in force does not allow this disclosure.",
    "INCOMPLETE": "Incomplete: something has to be settled before the law gives an answer.",
    "NEEDS_JUDGEMENT": "Needs judgement: named people have to weigh and record a conclusion.",
    "CONDITIONAL": "Conditional: people may approve; nothing is released before the worker knows the rest.",
    "PERMITTED": "Permitted: the law allows what is listed here, and nothing else.",
}
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def plain(value: Any) -> Any:
    """Turn dataclasses, dates and sets into what JSON can hold; sets are sorted."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def canonical(data: Any) -> bytes:
    """Write plain data as canonical JSON bytes."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A sentence with what belongs under it."""

    text: str
    below: tuple[Item, ...] = ()


def outline(data: Mapping[str, Any]) -> list[tuple[str, list[Item]]]:
    """Arrange the data of an assessment in titled sections; empty ones are left out."""
    sections = [
        ("Granted", [Item(category) for category in data["granted"]]),
        ("Withheld", [_withheld(category, reason) for category, reason in sorted(data["withheld"].items())]),
        ("Grounds of refusal", [_finding(finding) for finding in data["grounds"]]),
        ("Instead", [Item(text) for text in data["instead"]]),
        ("What would have to be different", [_change(change) for change in data["why_not"]]),
        ("Legal bases", [_finding(finding) for finding in data["bases"]]),
        ("Required, and missing or not yet known", [_finding(finding) for finding in data["missing"]]),
        ("Limits", [_finding(finding) for finding in data["limits"]]),
        (
            "To be settled" if data["settle_exact"] else "To be settled (at most these)",
            [_question(question) for question in data["settle"]],
        ),
        ("Known to the worker only", [_question(question) for question in data["worker_settles"]]),
        ("To be weighed by people", [_weighing(weighing) for weighing in data["weigh"]]),
        ("Duties", [_duty(duty) for duty in data["duties"] if duty["status"] != "not due"]),
        ("Holds that are allowed", [_hold(hold) for hold in data.get("holds", ())]),
        ("Remarks", [Item(text) for text in data["remarks"]]),
    ]
    return [(title, items) for title, items in sections if items]


def _withheld(category: str, reason: Mapping[str, Any]) -> Item:
    rules = f" ({', '.join(reason['rules'])})" if reason["rules"] else ""
    return Item(f"{category}: {reason['says']}{rules}")


def _change(change: Mapping[str, Any]) -> Item:
    other = "more than a few facts at once" if change["possible"] else "no fact would do; the law of that day stands"
    facts = ", or ".join(" and ".join(each) for each in change["sets"]) or other
    return Item(f"{change['ground']}: {facts}")


@dataclasses.dataclass(frozen=True, slots=True)
class Cited:
    """One citation: the text, since when (until when) it is law, and every doubt about it; as text, all in one line."""

    text: str
    dates: str
    doubts: tuple[str, ...]
    note: str

    def __str__(self) -> str:
        return "; ".join(part for part in (self.text, self.dates, ", ".join(self.doubts)) if part)


def citation(cited: Mapping[str, Any]) -> Cited:
    """Shape a citation with its dates and every doubt about it."""
    pinpoint = cited["pinpoint"]
    unchecked = [] if cited["checked"] else ["source unchecked"]
    if pinpoint and not cited["pinpoint_checked"]:
        unchecked.append("paragraph numbers unchecked")
    until = f" to {cited['until']}" if cited["until"] else ""
    checked = f"; checked {cited['checked']}" if cited["checked"] else ""
    return Cited(
        text=cited["cite"] + (f", {pinpoint}" if pinpoint else ""),
        dates=f"from {cited['since']}{until}{checked}" + "; high confidence" * (cited["confidence"] == "H"),
        doubts=(*unchecked, *doubts(cited["confidence"], cited["verify_with_counsel"])),
        note=cited["note"],
    )


def doubts(confidence: str, verify: bool) -> tuple[str, ...]:
    """Say in words what is doubtful about a rule or a source; nothing of high confidence."""
    doubt = {"M": "medium confidence", "L": "low confidence"}.get(confidence)
    return tuple(text for text in (doubt, "verify with counsel" if verify else None) if text)


def _finding(finding: Mapping[str, Any]) -> Item:
    counsel = ", verify with counsel" if finding["verify_with_counsel"] else ""
    doubt = f" (confidence {finding['confidence']}{counsel})" if finding["confidence"] else ""
    below = [Item(f"Source: {citation(cited)}") for cited in finding["citations"]]
    below += [_condition(node) for node in finding["conditions"]]
    below += [Item("Unless", (_condition(node),)) for node in finding["exceptions"]]
    return Item(f"[{finding['id']}, {finding['status']}] {finding['says']}{doubt}", tuple(below))


def _condition(node: Mapping[str, Any]) -> Item:
    known = [
        f"{fact['name']} = {_value(fact['value'])}" + _origin(fact)
        for fact in node["facts"]
        if fact["value"] is not None
    ]
    said = f" ({'; '.join(known)})" if known else ""
    return Item(f"{node['status']}: {node['text']}{said}", tuple(_condition(part) for part in node["parts"]))


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _origin(fact: Mapping[str, Any]) -> str:
    origin = [fact["source"], f"by {fact['by']}" if fact["by"] else "", fact["at"]]
    return f", {', '.join(part for part in origin if part)}" if any(origin) else ""


def _question(question: Mapping[str, Any]) -> Item:
    leads = [Item(f"{' or '.join(lead['answers'])}: {', '.join(lead['outcomes'])}") for lead in question["leads_to"]]
    return Item(f"{question['ask']} [{question['fact']}; {question['settled_by']}]", tuple(leads))


def _weighing(weighing: Mapping[str, Any]) -> Item:
    between = " against ".join(weighing["between"])
    asked = f" {weighing['ask']} ({weighing['role']})" if weighing["ask"] else ""
    sources = tuple(Item(f"Source: {citation(cited)}") for cited in weighing["citations"])
    return Item(f"[{weighing['id']}, {weighing['status']}] {weighing['says']}{asked} {between}".rstrip(), sources)


def _duty(duty: Mapping[str, Any]) -> Item:
    within = f", within {duty['within']}" if duty["within"] else ""
    within += f" from {duty['runs_from']}" if duty["runs_from"] else ""
    within += f": by {duty['due_on']}" if duty["due_on"] else ""
    sources = tuple(Item(f"Source: {citation(cited)}") for cited in duty["citations"])
    return Item(f"[{duty['id']}, {duty['status']}{within}] {duty['says']}", sources)


def _hold(hold: Mapping[str, Any]) -> Item:
    length = length_of_hold(hold["days"], hold["at_most"], hold["duty"])
    sources = tuple(Item(f"Source: {citation(cited)}") for cited in hold["citations"])
    return Item(f"[{hold['id']}, {length}] {hold['says']}", sources)


def length_of_hold(days: int | None, at_most: int | None, duty: bool) -> str:
    """Write how long a hold lasts; the numbers are as in `model.Lasting`."""
    if days is None:
        return "no length stated"
    extended = "" if at_most == days else f", at most {at_most}"
    return f"{days} days{extended}{', a duty' if duty else ''}"


def _lines(items: list[Item] | tuple[Item, ...], depth: int) -> Iterator[tuple[int, str]]:
    for item in items:
        yield depth, " ".join(item.text.split())
        yield from _lines(item.below, depth + 1)


def _foot(data: Mapping[str, Any]) -> str:
    key = data["replay"]
    hold = "A hold is allowed." if data["hold_allowed"] else "No hold is known to be allowed."
    return (
        f"{hold} Law as of {data['on']}; pack {key['pack']} ({data['pack_status']}), "
        f"text {key['text_hash'][:16]}, meaning {key['meaning_hash'][:16]}, {key['language']}."
    )


def as_text(data: Mapping[str, Any]) -> str:
    """Render as plain text, two blanks a level."""
    lines = [f"{data['outcome']}. {_HEADLINES[data['outcome']]}"]
    for title, items in outline(data):
        lines += ["", title]
        lines += [f"{'  ' * depth}- {text}" for depth, text in _lines(items, 1)]
    return "\n".join([*lines, "", _foot(data), ""])


def as_markdown(data: Mapping[str, Any]) -> str:
    """Render as Markdown lists under headings."""
    lines = [f"## {data['outcome']}", "", _escape(_HEADLINES[data["outcome"]])]
    for title, items in outline(data):
        lines += ["", f"### {title}", ""]
        lines += [f"{'  ' * depth}- {_escape(text)}" for depth, text in _lines(items, 0)]
    return "\n".join([*lines, "", _escape(_foot(data)), ""])


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)

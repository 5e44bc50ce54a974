"""Merge the engine's answers that say the same, for showing. Pure: stored texts in, values for a page out.

Lines whose facts differ only in a day get records of their own, though the law says the same of both. They are shown
once; facts that differ from line to line are marked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.intake.models import CATEGORIES
from legal_rules import explain

# What each outcome means for the people who decide.
OUTCOME_WORDS: dict[str, str] = {
    "REFUSED": "The law in force does not allow this disclosure. It cannot be approved.",
    "INCOMPLETE": "Something has to be settled before the law gives an answer. It cannot be approved yet.",
    "NEEDS_JUDGEMENT": "The law leaves a question to people. You may approve once they have concluded for it, by name "
    "and with reasons; the worker answers with data only if the law then leaves just that to them.",
    "CONDITIONAL": "You may approve. The worker asks the law again with what only it can know, and answers "
    "with data only if the law then permits it.",
    "PERMITTED": "You may approve. The law allows what is listed here, and nothing else.",
}

_STATED = frozenset({"name", "value", "source", "by", "at"})


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One data category: was it asked for, was it ordered (None: no order yet), would it be granted, why not."""

    category: str
    label: str
    requested: bool
    ordered: bool | None
    granted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the engine as a page shows it.

    label: "A", "B" ... on this page. data: the answer as `Assessment.to_data` writes it, of the first record.
    varying: facts that differ between the merged records, {name: values in order}. digests: the merged records.
    """

    label: str
    signature: str
    data: Mapping[str, Any]
    varying: Mapping[str, tuple[str, ...]]
    digests: tuple[str, ...]

    @property
    def outcome(self) -> str:
        return str(self.data["outcome"])

    @property
    def outcome_word(self) -> str:
        return outcome_word(self.outcome)

    @property
    def headline(self) -> str:
        return OUTCOME_WORDS[self.outcome]

    @property
    def worker_settles(self) -> list[dict[str, Any]]:
        """What only the worker will know: the question, and (answers, outcomes) that each of them leads to."""
        return [
            {"ask": question["ask"], "leads": leads_of(question)} for question in self.data.get("worker_settles", ())
        ]

    @property
    def text_hash(self) -> str:
        return str(self.data["replay"]["text_hash"])

    @property
    def bases_met(self) -> list[Any]:
        return [basis for basis in self.data["bases"] if basis["status"] == "met"]

    @property
    def bases_not_met(self) -> list[Any]:
        return [basis for basis in self.data["bases"] if basis["status"] != "met"]

    @property
    def duties(self) -> list[Any]:
        return [duty for duty in self.data["duties"] if duty["status"] != "not due"]

    @property
    def categories(self) -> list[CategoryRow]:
        """What would be granted and what withheld, of everything asked for or ordered."""
        requested, ordered = self.data["inputs"]["requested"], self.data["inputs"]["ordered"]
        names = dict.fromkeys([*requested, *(ordered or ()), *self.data["granted"], *self.data["withheld"]])
        return [
            CategoryRow(
                category=name,
                label=CATEGORIES.get(name, name),
                requested=name in requested,
                ordered=None if ordered is None else name in ordered,
                granted=name in self.data["granted"],
                reason=self._reason(name, name in requested),
            )
            for name in names
        ]

    def _reason(self, name: str, requested: bool) -> str:
        withheld = self.data["withheld"].get(name)
        if withheld is not None:
            return str(withheld["says"])
        return "" if requested else "nobody asked for it"


def outcome_word(outcome: str) -> str:
    """Write an outcome as people read it: "needs judgement"."""
    return outcome.replace("_", " ").lower()


def leads_of(question: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Write where each answer to a question leads: (answers, outcomes)."""
    return tuple(
        (" or ".join(lead["answers"]), ", ".join(outcome_word(found) for found in lead["outcomes"]))
        for lead in question["leads_to"]
    )


def merge_answers(records: Sequence[tuple[str, str]]) -> tuple[Answer, ...]:
    """Merge stored answers (digest, content) that say the same, and letter them in the order they come."""
    merged: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for digest, content in records:
        data = json.loads(content)
        merged.setdefault(signature_of(data), []).append((digest, data))
    return tuple(
        Answer(
            label=_letters(place),
            signature=signature,
            data=group[0][1],
            varying=_varying([data for _, data in group]),
            digests=tuple(digest for digest, _ in group),
        )
        for place, (signature, group) in enumerate(merged.items())
    )


def signature_of(data: Mapping[str, Any]) -> str:
    """Digest what an answer says: everything but the values of facts and where they came from."""
    said = {name: _without_values(value) for name, value in data.items() if name != "inputs"}
    said["categories"] = [data["inputs"]["requested"], data["inputs"]["ordered"]]
    return hashlib.sha256(explain.canonical(said)).hexdigest()


def _without_values(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == _STATED:
            return value["name"]
        return {name: _without_values(item) for name, item in value.items()}
    return [_without_values(item) for item in value] if isinstance(value, list) else value


def _varying(group: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    values: dict[str, set[str]] = {}
    for data in group if len(group) > 1 else ():
        for name, stated in data["inputs"]["facts"].items():
            values.setdefault(name, set()).update(_said(fact["value"]) for fact in stated)
    return {name: tuple(sorted(found)) for name, found in values.items() if len(found) > 1}


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def stated_facts(data: Any) -> Iterator[Mapping[str, Any]]:
    """Walk over every fact stated under the conditions of an answer."""
    if isinstance(data, dict):
        if data.keys() == _STATED:
            yield data
        else:
            for item in data.values():
                yield from stated_facts(item)
    elif isinstance(data, list):
        for item in data:
            yield from stated_facts(item)


def _letters(place: int) -> str:
    """A, B ... Z, AA, AB ..."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(ord("A") + rest) + text
    return text

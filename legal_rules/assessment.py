"""What an assessment is: immutable, self-contained, the same bytes whenever it is written again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from . import explain

Plain = bool | str | int | None


class Outcome(StrEnum):
    """The verdict. There is no "release" among them: PERMITTED is needed for one and never enough."""

    REFUSED = "REFUSED"
    INCOMPLETE = "INCOMPLETE"
    NEEDS_JUDGEMENT = "NEEDS_JUDGEMENT"
    CONDITIONAL = "CONDITIONAL"
    PERMITTED = "PERMITTED"


@dataclass(frozen=True, slots=True)
class Citation:
    """A source as it stood, and how far anybody checked it. `governs`: the rule depends on its dates."""

    id: str
    cite: str
    since: date
    until: date | None
    pinpoint: str
    pinpoint_checked: bool
    checked: date | None
    confidence: str
    verify_with_counsel: bool
    note: str
    governs: bool

    @property
    def text(self) -> str:
        """The citation in one line, doubts included."""
        pinpoint = f", {self.pinpoint}" if self.pinpoint else ""
        doubt = " (unchecked)" if self.pinpoint and not self.pinpoint_checked else ""
        return f"{self.cite}{pinpoint}{doubt}"


@dataclass(frozen=True, slots=True)
class StatedFact:
    """A fact as one source stated it; value None stands for an open one. Days are ISO 8601 texts."""

    name: str
    value: Plain
    source: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class ConditionNode:
    """One condition in the pack's own words, its status ("met", "unmet", "open"), and the facts behind it."""

    text: str
    status: str
    facts: tuple[StatedFact, ...]
    parts: tuple[ConditionNode, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's answer. status: "met", "unmet" or "open"; of a require, whether what it needs is there.

    exceptions: what could have defeated the rule, each with its own status.
    confidence: the lowest of the rule and the sources it depends on.
    """

    id: str
    kind: str
    status: str
    says: str
    citations: tuple[Citation, ...]
    conditions: tuple[ConditionNode, ...]
    exceptions: tuple[ConditionNode, ...]
    instead: str
    confidence: str
    verify_with_counsel: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a category is withheld.

    code: refused, not-ordered, not-allowed, limited, unknown-category or undecided.
    """

    code: str
    rules: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Lead:
    """What one class of answers leads to: examples of the answer, and every outcome then still possible."""

    answers: tuple[str, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A fact that has to be settled, who may settle it, and what each answer leads to.

    fact is "ordered" where the categories of the order are not known yet. leads_to is empty when not
    computed.
    """

    fact: str
    ask: str
    type: str
    values: tuple[str, ...]
    settled_by: str
    leads_to: tuple[Lead, ...]


@dataclass(frozen=True, slots=True)
class Weighing:
    """A balance or a question left to named people; kind "conflict": two duties that say opposite things."""

    id: str
    kind: str
    status: str
    says: str
    between: tuple[str, ...]
    ask: str
    role: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty. status: "due", "done" (where it comes before release), "not due" or "open".

    within: its deadline in words, empty when there is none; runs_from: the date fact it is counted from, empty
    where no fact tells; due_on: its last day, once that fact is known and the deadline is not one of hours.
    """

    id: str
    status: str
    says: str
    within: str
    runs_from: str
    due_on: date | None
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is allowed now, and how long it lasts; the numbers are as in `model.Lasting`."""

    id: str
    says: str
    days: int | None
    at_most: int | None
    duty: bool
    citations: tuple[Citation, ...]

    @property
    def text(self) -> str:
        """The rule and its length in one line, as cases expect it."""
        return f"{self.id}: {explain.length_of_hold(self.days, self.at_most, self.duty)}"


@dataclass(frozen=True, slots=True)
class Change:
    """Why not: the smallest sets of known facts that would have to be different for one ground to fall.

    Any one of these sets does. There is none when no fact could do it on that day (possible False), or only more
    than a few at once.
    """

    ground: str
    sets: tuple[tuple[str, ...], ...]
    possible: bool


@dataclass(frozen=True, slots=True)
class ReplayKey:
    """Which text, which meaning, which language and which engine answered."""

    pack: str
    text_hash: str
    meaning_hash: str
    language: str
    engine: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer for one request or line.

    granted: categories that may be released; of CONDITIONAL, those that every permitted completion grants, and of
        NEEDS_JUDGEMENT those that a conclusion for the disclosure would leave, nothing of which may be released
        yet; otherwise empty.
    settle: what people can settle, exactly (settle_exact) or at most; worker_settles: what only the worker can.
    hold_allowed: a hold is known to be allowed now. holds: by which rules and for how long, as far as the pack says.
    remarks: facts that were given and could not be used.
    inputs: the facts with provenance, requested, ordered and the day, as they are stored for replay.
    """

    outcome: Outcome
    granted: frozenset[str]
    withheld: Mapping[str, Reason]
    bases: tuple[Finding, ...]
    grounds: tuple[Finding, ...]
    missing: tuple[Finding, ...]
    limits: tuple[Finding, ...]
    settle: tuple[Question, ...]
    worker_settles: tuple[Question, ...]
    settle_exact: bool
    weigh: tuple[Weighing, ...]
    duties: tuple[Duty, ...]
    instead: tuple[str, ...]
    why_not: tuple[Change, ...]
    hold_allowed: bool
    holds: tuple[Hold, ...]
    remarks: tuple[str, ...]
    on: date
    pack_status: str
    replay: ReplayKey
    inputs: str

    def to_data(self) -> dict[str, Any]:
        """Give the whole answer as plain data: the one tree behind JSON, text and Markdown."""
        data = {name: explain.plain(getattr(self, name)) for name in self.__slots__ if name != "inputs"}
        if not self.holds:
            # Packs from before a hold could say how long it lasts give the bytes they gave.
            del data["holds"]
        return {**data, "inputs": json.loads(self.inputs)}

    def to_json(self) -> bytes:
        """Write canonical JSON: sorted keys, no blanks, no floats; one answer, always the same bytes."""
        return explain.canonical(self.to_data())

    def to_text(self) -> str:
        """Write the answer for a person to read, as plain text."""
        return explain.as_text(self.to_data())

    def to_markdown(self) -> str:
        """Write the answer as Markdown; anything in it that could be markup is escaped."""
        return explain.as_markdown(self.to_data())

"""Run stored assessments again: with their own pack to the same bytes, or with another pack or day to compare.

1. `replay`: same inputs, same pack, same engine; the same bytes have to come out.
2. `decide_again`: same inputs under another pack or on another day; what `comparison.py` puts side by side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .assess import ENGINE, assess
from .assessment import Assessment, ReplayKey
from .errors import ReplayError
from .facts import Established, Fact, Unreadable
from .model import Pack


@dataclass(frozen=True, slots=True)
class Stored:
    """What a stored assessment was made from and with. data: all of it, as `Assessment.to_data` gave it."""

    facts: Mapping[str, tuple[Fact, ...]]
    requested: Sequence[str]
    ordered: Sequence[str] | None
    on: date
    closed_days: tuple[date, ...]
    key: ReplayKey
    data: Mapping[str, Any]


def read_stored(stored_json: bytes) -> Stored:
    """Read what `Assessment.to_json` wrote, by any engine. Raises ReplayError for other bytes."""
    try:
        data = json.loads(stored_json)
        inputs = data["inputs"]
        return Stored(
            facts={name: tuple(_fact(said) for said in each) for name, each in inputs["facts"].items()},
            requested=inputs["requested"],
            ordered=inputs["ordered"],
            on=date.fromisoformat(inputs["on"]),
            # Engine 1 knew no days on which a place is closed.
            closed_days=tuple(date.fromisoformat(day) for day in inputs.get("closed_days", ())),
            key=_key(data["replay"]),
            data=data,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReplayError("these bytes are no stored assessment; give what to_json() wrote") from error


def replay(stored_json: bytes, pack: Pack) -> bytes:
    """Assess again what a stored assessment was made from; the caller compares the bytes.

    stored_json: what `Assessment.to_json` wrote. pack: the pack it was made with, found by its hash.
    Raises ReplayError when the bytes are no assessment, or were made by another engine ("replay.other-engine") or
    with another pack text or meaning ("replay.other-pack").
    """
    stored = read_stored(stored_json)
    if stored.key.engine != ENGINE:
        message = f"made by engine {stored.key.engine[:16]}: not replayable by engine {ENGINE}"
        raise ReplayError(message, "replay.other-engine")
    if (stored.key.text_hash, stored.key.meaning_hash) != (pack.text_hash, pack.meaning_hash):
        message = f"made with another pack text or meaning than pack {pack.id!r} here; find it by its hash"
        raise ReplayError(message, "replay.other-pack")
    return _assess(stored, pack, stored.facts, stored.on).to_json()


def decide_again(stored: Stored, pack: Pack, on: date) -> tuple[Assessment, tuple[str, ...]]:
    """Assess what was stored under any pack, on any day. Returns the answer and the facts this pack does not ask.

    Facts that only this pack asks are open. Days that have passed in the meantime have passed for every rule.
    """
    known = {name: facts for name, facts in stored.facts.items() if name in pack.facts}
    return _assess(stored, pack, known, on), tuple(sorted(stored.facts.keys() - known.keys()))


def _assess(stored: Stored, pack: Pack, facts: Mapping[str, tuple[Fact, ...]], on: date) -> Assessment:
    return assess(
        pack, facts, requested=stored.requested, ordered=stored.ordered, on=on, closed_days=stored.closed_days
    )


def _key(said: dict[str, Any]) -> ReplayKey:
    if not all(isinstance(text, str) for text in said.values()):
        raise ValueError("a stored key is made of texts")
    return ReplayKey(**said)


def _fact(said: dict[str, Any]) -> Fact:
    value = said["value"]
    match said["type"]:
        case "date":
            value = date.fromisoformat(value)
        case "finding":
            value = Established(value)
        case "unreadable":
            value = Unreadable(value)
        case kind:
            if type(value).__name__ != kind or kind not in ("bool", "str", "int"):
                raise ValueError("a stored fact has another type than it says")
    return Fact(value, said["source"], said["by"], said["at"])

"""Replay a stored assessment: same inputs, same pack, and the same bytes have to come out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from .assess import ENGINE, assess
from .errors import ReplayError
from .facts import Established, Fact, Unreadable
from .model import Pack


def replay(stored_json: bytes, pack: Pack) -> bytes:
    """Assess again what a stored assessment was made from; the caller compares the bytes.

    stored_json: what `Assessment.to_json` wrote. pack: the pack it was made with, found by its hash.
    Raises ReplayError when the bytes are no assessment, or name another pack text or engine.
    """
    try:
        stored = json.loads(stored_json)
        key, inputs = stored["replay"], stored["inputs"]
        facts = {name: tuple(_fact(said) for said in each) for name, each in inputs["facts"].items()}
        requested, ordered, on = inputs["requested"], inputs["ordered"], date.fromisoformat(inputs["on"])
        closed = [date.fromisoformat(day) for day in inputs.get("closed_days", ())]
        found = key["text_hash"], key["meaning_hash"], key["engine"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReplayError("these bytes are no stored assessment; give what to_json() wrote") from error
    if found != (pack.text_hash, pack.meaning_hash, ENGINE):
        message = f"made with another pack text, meaning or engine than pack {pack.id!r} here; find it by its hash"
        raise ReplayError(message, "replay.other-pack")
    return assess(pack, facts, requested=requested, ordered=ordered, on=on, closed_days=closed).to_json()


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

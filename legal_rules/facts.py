"""Facts as callers give them, with provenance, and what of them can be relied on.

A fact nobody gave, of the wrong type, or on which two sources disagree is open, and the assessment says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from typing import ClassVar

from .errors import FactError
from .phrases import EARLIEST, LATEST, FactSpec, Value, did_you_mean

MOST_NUMBER = 10**18  # a number this far from zero is none a fact may have, nor one that can be written down


class Established(Enum):
    """A finding that is not a value."""

    CANNOT_BE = "cannot-be-established"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value of a type no fact has; the value itself is never kept."""

    type_name: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A known fact and where it comes from. A fact nobody knows is left out, never guessed.

    value: bool, str, date or int, as the pack declares; or Fact.CANNOT_BE_ESTABLISHED, a person's finding.
    source: the document or rows; by: who says so; at: when (ISO 8601, UTC). Plain strings, stored as given.
    """

    CANNOT_BE_ESTABLISHED: ClassVar[Established] = Established.CANNOT_BE

    value: Value | Established | Unreadable
    source: str = ""
    by: str = ""
    at: str = ""


FactValue = Fact | bool | str | date | int
GivenFact = FactValue | Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Reading:
    """One fact after reading: its value, or None while it is open, what was said, and why it is open."""

    name: str
    value: Value | None
    said: tuple[Fact, ...] = ()
    remark: str = ""


def as_facts(given: object) -> tuple[Fact, ...]:
    """Bring one given fact, bare or with provenance, or several of them into one shape.

    Raises FactError for a provenance that is no text or cannot be written down: unlike a value it has no open state.
    """
    if isinstance(given, Fact):
        if not all(isinstance(said, str) and _can_be_kept(said) for said in (given.source, given.by, given.at)):
            raise FactError("`source`, `by` and `at` of a fact must be plain text", "facts.provenance")
        return (given if _can_be_kept(given.value) else replace(given, value=Unreadable(type(given.value).__name__)),)
    if isinstance(given, (list, tuple)):
        return tuple(fact for each in given for fact in as_facts(each))
    if type(given) in (bool, str, int, date) or isinstance(given, (Established, Unreadable)):
        return as_facts(Fact(given))  # type: ignore[arg-type]  # narrowed by the line above, datetime kept out
    return (Fact(Unreadable(type(given).__name__)),)


def _can_be_kept(value: object) -> bool:
    """Say whether a value can be stored for replay: no number beyond all bounds, no text outside UTF-8."""
    if isinstance(value, int):
        return -MOST_NUMBER < value < MOST_NUMBER
    return not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value)


def _value(spec: FactSpec, fact: Fact) -> tuple[Value | None, str]:
    """Read one statement of a fact: its value, or why there is none."""
    value = fact.value
    if value is Established.CANNOT_BE:
        return spec.burden, "" if spec.burden is not None else "it was found that this cannot be established"
    wanted = {"bool": bool, "one-of": str, "number": int, "date": date}[spec.type]
    if type(value) is not wanted:
        name = value.type_name if isinstance(value, Unreadable) else type(value).__name__
        return None, f"given as {name} that cannot be read, but it is {spec.type}" if name == wanted.__name__ else (
            f"given as {name}, but it is {spec.type}"
        )
    if isinstance(value, str) and value not in spec.values:
        return None, f"given a value that is none of {', '.join(spec.values)}"
    if isinstance(value, date) and not EARLIEST <= value <= LATEST:
        return None, f"given a day outside {EARLIEST} to {LATEST}"
    return value, ""  # type: ignore[return-value]  # type(value) is one of the four value types here


def read_facts(
    specs: Mapping[str, FactSpec], given: Mapping[str, GivenFact], only: str | None = None
) -> dict[str, Reading]:
    """Read every fact of a pack, or only one. Raises FactError for a name the pack does not declare."""
    for name in given:
        if name not in specs:
            raise FactError(
                f"this pack has no fact {str(name)[:80]!r}" + did_you_mean(str(name), specs), "facts.unknown"
            )
    readings: dict[str, Reading] = {}
    for name, spec in specs.items() if only is None else [(only, specs[only])]:
        said = as_facts(given[name]) if name in given else ()
        values, remarks = [], []
        for fact in said:
            value, remark = _value(spec, fact)
            values.append(value)
            if remark:
                remarks.append(remark)
        agreed = len({(type(value), value) for value in values}) == 1 and not remarks
        if not agreed and len(said) > 1:
            remarks.append("the sources do not agree")
        readings[name] = Reading(name, values[0] if agreed else None, said, "; ".join(dict.fromkeys(remarks)))
    return readings

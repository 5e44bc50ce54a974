"""One case as it is given: facts read, categories checked, and what every atom of the program is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .errors import FactError
from .facts import Established, Fact, GivenFact, Reading, Unreadable, read_facts
from .ir import Ordered, Program, Requested
from .model import Pack
from .phrases import DECISION_DATE, EARLIEST, LATEST, Value, facts_of, holds


@dataclass(frozen=True, slots=True)
class Given:
    """A case. states: for each atom of the program True, False, or None while open."""

    readings: Mapping[str, Reading]
    requested: tuple[str, ...]
    ordered: frozenset[str] | None
    on: date
    closed: frozenset[date]
    states: tuple[bool | None, ...]

    @property
    def open_facts(self) -> tuple[str, ...]:
        """The facts without a value."""
        return tuple(name for name, reading in self.readings.items() if reading.value is None)

    @property
    def values(self) -> dict[str, Value]:
        """The facts with one."""
        return {name: each.value for name, each in self.readings.items() if each.value is not None}


def read_given(
    pack: Pack,
    program: Program,
    facts: Mapping[str, GivenFact],
    requested: tuple[str, ...],
    ordered: frozenset[str] | None,
    on: date,
    closed: frozenset[date] = frozenset(),
) -> Given:
    """Read one case. Raises FactError for a fact the pack does not declare."""
    readings = read_facts(pack.facts, facts)
    values: dict[str, Value] = {name: each.value for name, each in readings.items() if each.value is not None}
    values[DECISION_DATE] = on
    states: list[bool | None] = []
    for atom in program.atoms:
        if isinstance(atom, Requested):
            states.append(atom.category in requested)
        elif isinstance(atom, Ordered):
            states.append(None if ordered is None else atom.category in ordered)
        else:
            states.append(holds(atom, values, closed) if all(name in values for name in facts_of(atom)) else None)
    return Given(readings, requested, ordered, on, closed, tuple(states))


def categories(names: object, what: str) -> tuple[str, ...]:
    """Check a collection of category ids; sorted, each once. Raises FactError for anything else."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Collection):
        raise FactError(f"`{what}` must be a collection of category ids", "facts.categories")
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        raise FactError(f"`{what}` must hold category ids as strings", "facts.categories")
    return tuple(sorted(set(names)))


def decision_day(on: object) -> date:
    """Check the day whose law governs; a moment is not a day. Raises FactError."""
    if type(on) is not date or not EARLIEST <= on <= LATEST:
        raise FactError(f"`on` must be a day within {EARLIEST} to {LATEST}", "facts.on")
    return on


def as_stored(given: Given) -> dict[str, Any]:
    """Write a case as plain data that `replay` can read back without loss."""
    return {
        "facts": {
            name: [{**_tagged(fact), "source": fact.source, "by": fact.by, "at": fact.at} for fact in reading.said]
            for name, reading in given.readings.items()
            if reading.said
        },
        "requested": list(given.requested),
        "ordered": None if given.ordered is None else sorted(given.ordered),
        "on": given.on.isoformat(),
        "closed_days": sorted(day.isoformat() for day in given.closed),
    }


def _tagged(fact: Fact) -> dict[str, Any]:
    """Write a value with its type, so that replay reads exactly what was given."""
    value = fact.value
    if isinstance(value, Unreadable):
        return {"type": "unreadable", "value": value.type_name}
    if isinstance(value, Established):
        return {"type": "finding", "value": value.value}
    if isinstance(value, date):
        return {"type": "date", "value": value.isoformat()}
    return {"type": type(value).__name__, "value": value}

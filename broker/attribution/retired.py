"""Devices of which somebody says that they are gone: what the others deliver waits for them no longer. Pure.

A device that writes again after its going is there again. Not here: who says it (`describe`), and what a source vouches
for with those that are left (`log_import`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from broker.attribution.spans import Span


class Retired(NamedTuple):
    """One going, as it is kept with the source: in UTC, as ISO texts.

    last: the latest moment the device had written when it was said. since: when it had gone at the latest; what it
    wrote in between has not been delivered.
    """

    device: str
    last: str
    since: str


def gone(clocks: Mapping[str, datetime], retired: Iterable[Iterable[str]]) -> set[str]:
    """Name the devices that are gone. clocks: the latest moment each device of the source has written."""
    found = map(Retired._make, retired)
    return {r.device for r in found if r.device in clocks and clocks[r.device] <= datetime.fromisoformat(r.since)}


def present(clocks: Mapping[str, datetime], retired: Iterable[Iterable[str]]) -> dict[str, datetime]:
    """Give the clocks of the devices that are not gone; of all of them, if all are."""
    missing = gone(clocks, retired)
    return {name: clock for name, clock in clocks.items() if name not in missing} or dict(clocks)


def unheard(retired: Iterable[Iterable[str]]) -> list[Span]:
    """Give the time between the last record of each device and its going: it may have written, and nobody has it."""
    times = ((datetime.fromisoformat(r.last), datetime.fromisoformat(r.since)) for r in map(Retired._make, retired))
    return [(last, since) for last, since in times if last < since]

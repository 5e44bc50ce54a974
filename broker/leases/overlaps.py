"""Find evidence that contradicts itself: two subscribers on one address and port at one moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple


class Held(NamedTuple):
    """One row of evidence as far as overlaps go; valid_to None: open. pos: its line if new, else None."""

    address: str
    valid_from: datetime
    valid_to: datetime | None
    ports: tuple[int, int] | None
    subscriber: str
    pos: int | None


def overlapping_lines(rows: Iterable[Held]) -> Iterator[int]:
    """Yield the line of every new row that overlaps a row of another subscriber, once each.

    rows: sorted by address and valid_from. Time and memory grow with the rows held at one moment on one
    address, not with its history.
    """
    active: list[Held] = []
    reported: set[int] = set()
    for row in rows:
        active = [
            held
            for held in active
            if held.address == row.address and (held.valid_to is None or held.valid_to > row.valid_from)
        ]
        for held in active:
            if held.subscriber != row.subscriber and _share_a_port(held, row):
                for pos in (held.pos, row.pos):
                    if pos is not None and pos not in reported:
                        reported.add(pos)
                        yield pos
        active.append(row)


def _share_a_port(one: Held, other: Held) -> bool:
    if one.ports is None or other.ports is None:
        return True
    return one.ports[0] <= other.ports[1] and other.ports[0] <= one.ports[1]

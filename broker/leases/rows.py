"""The form of a row of evidence on its way into the store, and what its flags mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntFlag
from typing import NamedTuple

# The two lowest bits of `flags` say why the operator has the row, as a number in this order.
PROVENANCE_CODES = {"business": 0, "statutory-retention": 1, "preserved": 2}
PROVENANCE_NAMES = tuple(PROVENANCE_CODES)
PROVENANCE_MASK = 3

# Months are made for twenty years of 360 days at most, so what began before that has none to stand in.
LONGEST = timedelta(days=19 * 365)
# A holding of a log that has no expiry is taken to be over this long after the last sight of it, so no log may be said
# to be silent about one for longer.
LONGEST_SILENCE = timedelta(days=30)
# A byte of a log of up to a terabyte; what is above is the number of its import.
POSITION_BITS = 40
# The bits above the provenance are those of `attribution.logs.holding.Flag`.
LOG_FLAG_SHIFT = 2


class RowFlag(IntFlag):
    """What else is known about a row of evidence; the values are stored and never change."""

    LOST_START = 4
    LOST_STOP = 8
    DERIVED = 16  # a conclusion, not what a device wrote
    CLOSED_BY_NEXT = 32
    CLOSED_BY_RESTART = 64
    ADDRESS_CHANGED = 128
    EXPIRED = 256
    CONTRADICTED = 512
    CONTESTED = 1024


class NewRow(NamedTuple):
    """One interval to be stored.

    pos: where its record begins in the import; the bits above POSITION_BITS are the number of another import, if it
    began there. address: with its prefix length unless it is a single one. ports: all
    three or none. kind: of holder, as in `Holder.Kind`; reference is empty for an inner address, which has inner and
    realm instead. possible_to: None if it is open. certain: inside possible. UTC throughout.
    """

    pos: int
    address: str
    port_from: int | None
    port_to: int | None
    port_step: int | None
    protocol: int | None
    kind: str
    reference: str
    inner: str | None
    realm: str
    possible_from: datetime
    possible_to: datetime | None
    certain_from: datetime
    certain_to: datetime
    flags: int
    serial: int | None = None

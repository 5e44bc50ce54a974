"""What is asked about and what is found for it: the seam between `resolve` and the places that keep logs.

Not here: the sources themselves, each in a module of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Generic, TypeVar

from broker.attribution.resolve import SEAM

# How the caller finds the answer to an observation again.
Key = TypeVar("Key", bound=Hashable)

# Clock error of a source that nobody measured or described: the granularity of its stamps.
SOURCE_TOLERANCE = SEAM


@dataclass(slots=True)
class Observation(Generic[Key]):
    """Somebody saw an address (and source port) at an instant.

    key: the caller's own, to find the answer again. observed_at: aware. unit_seconds: how finely the instant
    was written; 1 for seconds, 60 for minutes. case: whose holds may be answered from; None: nobody's.
    protocol: of the port, as an IANA number; None: not known, so that each has to give the same answer.
    """

    key: Key
    address: str
    port: int | None
    observed_at: datetime
    unit_seconds: float | Decimal = 1
    case: uuid.UUID | None = None
    protocol: int | None = None

    def window(self, tolerance: timedelta) -> tuple[datetime, datetime]:
        """Give [lo, hi) in UTC: all instants the words can mean, and `tolerance` more at both ends.

        It is not known whether the writer rounded or cut, so a unit `u` means [t - u/2, t + u).
        Raises ValueError for naive times, a unit or a tolerance below zero.
        """
        if self.observed_at.utcoffset() is None:
            raise ValueError("observed_at must be aware")
        before, after = _reach(self.unit_seconds, tolerance)
        at = self.observed_at.astimezone(UTC)
        return at - before, at + after


# Requests write their times in one unit, or a few.
@lru_cache(maxsize=64)
def _reach(unit_seconds: float | Decimal, tolerance: timedelta) -> tuple[timedelta, timedelta]:
    unit = timedelta(seconds=float(unit_seconds))
    if unit <= timedelta() or tolerance < timedelta():
        raise ValueError("the unit must be above zero and the tolerance not below it")
    return unit / 2 + tolerance, unit + tolerance

"""Where evidence comes from: the seam between `resolve` and the places that keep logs.

Not here: other sources than our own store; each will be one more class with `lookup`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Generic, Protocol, TypeVar

from django.db import connections

from broker.attribution.resolve import FOREVER, REACH, SEAM, Interval, Window
from broker.attribution.verdict import Provenance
from broker.leases import queries

# How the caller finds the answer to an observation again.
Key = TypeVar("Key", bound=Hashable)

# Clock error of the logs of our own store: the granularity of their stamps.
SOURCE_TOLERANCE = SEAM


@dataclass(frozen=True, slots=True)
class Observation(Generic[Key]):
    """Somebody saw an address (and source port) at an instant.

    key: the caller's own, to find the answer again. observed_at: aware. unit_seconds: how finely the instant
    was written; 1 for seconds, 60 for minutes.
    """

    key: Key
    address: str
    port: int | None
    observed_at: datetime
    unit_seconds: float | Decimal = 1

    def window(self, tolerance: timedelta) -> tuple[datetime, datetime]:
        """Give [lo, hi): all instants the words can mean, and `tolerance` more at both ends.

        It is not known whether the writer rounded or cut, so a unit `u` means [t - u/2, t + u).
        Raises ValueError for naive times, a unit or a tolerance below zero.
        """
        unit = timedelta(seconds=float(self.unit_seconds))
        if self.observed_at.utcoffset() is None:
            raise ValueError("observed_at must be aware")
        if unit <= timedelta() or tolerance < timedelta():
            raise ValueError("the unit must be above zero and the tolerance not below it")
        return self.observed_at - unit / 2 - tolerance, self.observed_at + unit + tolerance


@dataclass(frozen=True, slots=True)
class CandidateSet:
    """One observation's window, with the limits of what the source knows, and the evidence in reach of it."""

    window: Window
    evidence: tuple[Interval, ...]


class LeaseSource(Protocol):
    """Something that can be asked who held addresses, always in batches."""

    def lookup(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[CandidateSet]:
        """Give one candidate set for each observation, in their order.

        tolerance: of whoever observed; the source adds its own clock error.
        """


class StoredLeases:
    """Our own `leases` database."""

    def __init__(self, *, retained_from: datetime) -> None:
        self._retained_from = retained_from

    def lookup(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[CandidateSet]:
        """Give one candidate set for each observation, in their order; one SQL statement for all."""
        if not observations:
            return []
        windows = [o.window(tolerance + SOURCE_TOLERANCE) for o in observations]
        # Sorted questions touch neighbouring pages one after the other (attribution.md 1.6, point 7).
        order = sorted(
            range(len(observations)),
            key=lambda i: (ip_address(observations[i].address).packed, windows[i][0]),
        )
        parameters: dict[str, Any] = {
            "addresses": [observations[i].address for i in order],
            "ports": [observations[i].port for i in order],
            "los": [windows[i][0] for i in order],
            "his": [windows[i][1] for i in order],
            "reach": REACH + SEAM,
        }
        with connections["leases"].cursor() as cursor:
            cursor.execute(queries.EVIDENCE, parameters)
            rows = cursor.fetchall()
        found = {i: self._candidates(observations[i], windows[i], row) for i, row in zip(order, rows, strict=True)}
        return [found[i] for i in range(len(observations))]

    def _candidates(
        self, observation: Observation[Any], span: tuple[datetime, datetime], row: tuple[Any, ...]
    ) -> CandidateSet:
        _, gap, collected_from, settled_until, *columns = row
        window = Window(
            *span,
            port=observation.port,
            retained_from=self._retained_from,
            collected_from=collected_from,
            settled_until=settled_until,
            sharing_gap=gap,
        )
        evidence = tuple(
            Interval(
                subscriber,
                valid_from,
                FOREVER if valid_to is None else valid_to,
                certain_from,
                certain_to,
                None if port_from is None else (port_from, port_to),
                Provenance(provenance),
                f"{import_id}:{pos}",
            )
            for (
                subscriber,
                valid_from,
                valid_to,
                certain_from,
                certain_to,
                port_from,
                port_to,
                provenance,
                import_id,
                pos,
            ) in zip(*(column or () for column in columns), strict=True)
        )
        return CandidateSet(window, evidence)

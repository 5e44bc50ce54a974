"""What the store knows of addresses apart from who held them: the plan, its sources, how complete and exact they are.

Read once for a batch and asked for each address; addresses of one prefix share their ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from broker.attribution.resolve import Ground
from broker.attribution.sources import SOURCE_TOLERANCE
from broker.attribution.spans import ALWAYS, EVER, FOREVER, Span, Spans, common, meets, merge, without

# A clock that was found wrong by more than this makes its day useless.
CLOCK_LIMIT = timedelta(seconds=5)
# What the plan can say of a prefix without making it shared; everything else needs a port.
DEDICATED = frozenset({"dedicated", "static"})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as far as a batch needs it. settled, suspect: spans; offsets: by day (UTC) what was measured."""

    realm: str
    worst_offset: timedelta
    derived: bool
    settled: Spans
    suspect: Spans
    offsets: dict[date, timedelta]

    def tolerance(self, lo: datetime, hi: datetime) -> timedelta:
        """Say how wrong its stamps may be in [lo, hi]: what was measured and one unit, else the worst that is known."""
        offsets = [self.offsets.get(day) for day in {lo.date(), hi.date()}]
        return max(self.worst_offset if offset is None else offset + SOURCE_TOLERANCE for offset in offsets)


def read_source(row: Sequence[Any]) -> tuple[int, Source]:
    """Read one row of `queries.SOURCES`."""
    number, realm, worst, derived, coverage, serves_from, serves_until, days, offsets, drifted = row
    settled: list[Span] = [(r.lower or EVER, r.upper or FOREVER) for r in coverage]
    if serves_from is not None:
        settled.append((EVER, serves_from))
    if serves_until is not None:
        settled.append((serves_until, FOREVER))
    measured = dict(zip(days, offsets, strict=True))
    doubtful = {*drifted, *(day for day, offset in measured.items() if offset > CLOCK_LIMIT)}
    bad = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in doubtful)
    suspect = merge((day, day + _DAY) for day in bad)
    return number, Source(realm, worst, derived, tuple(merge(settled)), tuple(suspect), measured)


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of the address plan; source: whose log tells, None: any may."""

    span: Span
    shared: bool
    source: int | None


class Grounds:
    """The ground of every address of a batch."""

    def __init__(
        self, plan: Iterable[Sequence[Any]], sources: Iterable[Sequence[Any]], retained_from: datetime | None
    ) -> None:
        self.sources = dict(read_source(row) for row in sources)
        self._retained_from = retained_from
        # (family, width) -> network -> rows; one look-up for each width that occurs finds all rows of an address.
        self._plan: dict[tuple[int, int], dict[int, list[Planned]]] = {}
        for network, width, from_at, to_at, sharing, source in plan:
            address = ip_address(network)
            row = Planned((from_at, to_at or FOREVER), sharing not in DEDICATED, source)
            shift = address.max_prefixlen - width
            by_network = self._plan.setdefault((address.version, shift), {})
            by_network.setdefault(int(address) >> shift, []).append(row)
        self._known: dict[tuple[int, ...], tuple[Ground, frozenset[int]]] = {}
        self._inner: dict[str, tuple[Ground, frozenset[int]]] = {}
        self._tolerances: dict[tuple[frozenset[int], date, date], timedelta] = {}

    def _rows(self, version: int, value: int) -> list[Planned]:
        return [
            row
            for (family, shift), by_network in self._plan.items()
            if family == version
            for row in by_network.get(value >> shift, ())
        ]

    def behind(self, version: int, value: int, lo: datetime, hi: datetime) -> frozenset[int]:
        """Give the sources that the translation of an address could lead to in [lo, hi), by its plan alone.

        A log of translation names inner addresses of its own realm, or of one that it names itself, which may be any.
        """
        shared = [row for row in self._rows(version, value) if row.shared and meets([row.span], lo, hi)]
        translators = {n for row in shared for n in (self.sources if row.source is None else [row.source])}
        realms = {self.sources[number].realm for number in translators}
        return frozenset(n for n, s in self.sources.items() if translators and (s.realm or s.realm in realms))

    def of(self, version: int, value: int) -> tuple[Ground, frozenset[int]]:
        """Give the ground of a public address, and the sources that could show its holder."""
        rows = self._rows(version, value)
        key = tuple(map(id, rows))
        if key not in self._known:
            self._known[key] = self._ground(rows)
        return self._known[key]

    def of_inner(self, realm: str) -> tuple[Ground, frozenset[int]]:
        """Give the ground of the inner addresses of a realm: never shared, and the operator's whenever they occur."""
        if realm not in self._inner:
            numbers = frozenset(n for n, source in self.sources.items() if source.realm == realm)
            settled, suspect = self._delivered(numbers)
            self._inner[realm] = (Ground(ALWAYS, (), settled, suspect, self._retained_from), numbers)
        return self._inner[realm]

    def tolerance(self, numbers: frozenset[int], lo: datetime, hi: datetime) -> timedelta:
        """Give the largest clock error of these sources in [lo, hi]."""
        key = (numbers, lo.date(), hi.date())
        if key not in self._tolerances:
            found = (self.sources[number].tolerance(lo, hi) for number in numbers)
            self._tolerances[key] = max(found, default=SOURCE_TOLERANCE)
        return self._tolerances[key]

    def _ground(self, rows: list[Planned]) -> tuple[Ground, frozenset[int]]:
        numbers: set[int] = set()
        unsettled: list[Span] = []
        suspect: list[Span] = []
        for row in rows:
            own = frozenset(self.sources if row.source is None else [row.source])
            numbers |= own
            settled, bad = self._delivered(own)
            unsettled += without([row.span], settled)
            suspect += common([row.span], bad)
        ours = merge(row.span for row in rows)
        ground = Ground(
            ours=tuple(ours),
            shared=tuple(merge(row.span for row in rows if row.shared)),
            settled=tuple(without(ours, merge(unsettled))),
            suspect=tuple(merge(suspect)),
            retained_from=self._retained_from,
        )
        return ground, frozenset(numbers)

    def _delivered(self, numbers: frozenset[int]) -> tuple[Spans, Spans]:
        """Say when all of these sources have delivered everything, and when the clock of any was wrong."""
        if not numbers:
            return (), ()
        settled: list[Span] = list(ALWAYS)
        for number in numbers:
            settled = common(settled, self.sources[number].settled)
        return tuple(settled), tuple(merge(span for number in numbers for span in self.sources[number].suspect))

"""What the store knows of addresses apart from who held them: the plan, its sources, how complete and exact they are.

Read once for a batch and asked for each address; addresses of one prefix share their ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple

from broker.attribution.resolve import Ground
from broker.attribution.sources import SOURCE_TOLERANCE
from broker.attribution.spans import ALWAYS, EVER, FOREVER, Span, Spans, common, meets, merge, without
from broker.leases.models import COMPUTED, DEDICATED

# A clock that was found wrong by more than this makes its day useless.
CLOCK_LIMIT = timedelta(seconds=5)
# How far a clock of twelve hours moves what it stamps: one in the afternoon back, one after midnight on.
HALF_A_DAY = timedelta(hours=12)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as far as a batch needs it.

    settled, suspect: spans; a day on which its clock was too wrong is suspect as far around as that moves a moment.
    errors: how wrong its stamps may be on the other days (UTC) that were measured. serves: when it has anything to say.
    shown: when nobody can have held an address of whom it has no record.
    in_place: which database of the operator it is, "" where rows are imported.
    """

    realm: str
    worst_offset: timedelta
    derived: bool
    settled: Spans
    suspect: Spans
    errors: dict[date, timedelta]
    serves: Span
    in_place: str
    shown: Spans

    def tolerance(self, first: int, last: int) -> timedelta:
        """Say how wrong its stamps of these days may be (ordinals): what was measured, else the worst that is known."""
        days = map(date.fromordinal, range(first, last + 1))
        return max(self.errors.get(day, self.worst_offset) for day in days)


def read_source(row: Sequence[Any]) -> tuple[int, Source]:
    """Read one row of `queries.SOURCES`."""
    number, realm, worst, derived, coverage, doubted, serves_from, serves_until, drifted, in_place, *rest = row
    stated, logged, shows_within, *measured = rest
    idle: list[Span] = [] if serves_from is None else [(EVER, serves_from)]
    idle += [] if serves_until is None else [(serves_until, FOREVER)]
    doubts = [] if doubted is None else [(doubted, FOREVER)]
    settled = merge([*without(_spans(coverage), doubts), *idle])
    shown = merge(_shown(stated, logged, shows_within, idle))
    suspect = [_around(day, HALF_A_DAY) for day in drifted]
    errors: dict[date, timedelta] = {}
    for day, count, offset, found in zip(*(column or () for column in measured), strict=True):
        error = max(offset, found) + SOURCE_TOLERANCE
        if error > CLOCK_LIMIT + SOURCE_TOLERANCE:
            suspect.append(_around(day, error))
        else:
            # What its logs show of some of its devices is no reason to think better of it than whoever described it.
            errors[day] = error if count else max(error, worst)
    serves = (serves_from or EVER, serves_until or FOREVER)
    known = tuple(settled), tuple(merge(suspect)), errors, serves, in_place, tuple(shown)
    return number, Source(realm, worst, derived, *known)


def _around(day: date, by: timedelta) -> Span:
    """Give the moments that may be stamped as of a day, and those that its stamps may stand for."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start - by, start + _DAY + by


def _spans(ranges: Iterable[Any]) -> list[Span]:
    return [(r.lower or EVER, r.upper or FOREVER) for r in ranges]


def _shown(stated: Iterable[Any], logged: Iterable[Any], within: timedelta, idle: Sequence[Span]) -> Iterator[Span]:
    """Say when silence proves that nobody held an address: where a file is stated to hold everything, and in logs.

    Who had it before a log began, or in a gap, is shown `within` that time, and at once where there was nothing before.
    """
    yield from (*_spans(stated), *idle)
    for lo, hi in merge([*_spans(logged), *idle]):
        if lo == EVER:
            yield lo, hi
        elif hi - lo > within:
            yield lo + within, hi


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of the address plan; source: whose log tells, None: any may."""

    span: Span
    shared: bool
    source: int | None
    computed: bool


@dataclass(frozen=True, slots=True)
class ByRule:
    """When the holder of an address follows from its port by a rule that the plan only names; spans in UTC.

    elsewhere: when the rest of the plan waits for logs. pool_unsettled, pool_suspect: when the logs of ports that the
    rule leaves open are not delivered, and when a clock of theirs was wrong.
    """

    spans: Spans
    elsewhere: Spans
    pool_unsettled: Spans
    pool_suspect: Spans


class Standing(NamedTuple):
    """What is known of an address. tellers: the sources that could show its holder. rule: where a rule tells of it."""

    ground: Ground
    tellers: frozenset[int]
    rule: ByRule | None


class Grounds:
    """The ground of every address of a batch."""

    def __init__(
        self, plan: Iterable[Sequence[Any]], sources: Iterable[Sequence[Any]], retained_from: datetime | None
    ) -> None:
        self.sources = dict(read_source(row) for row in sources)
        self._retained_from = retained_from
        # Whether any row of the plan says that a rule tells.
        self.computes = False
        # (family, shift) -> network -> rows; one look-up for each width that occurs finds all rows of an address.
        self._plan: dict[tuple[int, int], dict[int, list[Planned]]] = {}
        # By rows, and by family and address as far as the plan tells addresses apart.
        self._by_rows: dict[tuple[int, ...], Standing] = {}
        self._by_network: dict[tuple[int, int], Standing] = {}
        self._finest = {4: 32, 6: 128}
        self.learn(plan)
        self._inner: dict[str, Standing] = {}
        self._tolerances: dict[tuple[frozenset[int], int, int], timedelta] = {}
        # No clock in use is more wrong: what a day has stamped stands for no moment farther outside of it.
        self._farthest = max([CLOCK_LIMIT + SOURCE_TOLERANCE, *(s.worst_offset for s in self.sources.values())])

    def of(self, version: int, value: int) -> Standing:
        """Say what is known of a public address; nothing is settled there while a rule tells."""
        network = version, value >> self._finest[version]
        standing = self._by_network.get(network)
        if standing is None:
            rows = self._rows(version, value)
            key = tuple(map(id, rows))
            if key not in self._by_rows:
                self._by_rows[key] = self._ground(rows)
            standing = self._by_network[network] = self._by_rows[key]
        return standing

    def deliver(self, number: int, delivered: Spans) -> None:
        """Note what a source has delivered; before any ground is asked for."""
        source = self.sources[number]
        settled, shown = (tuple(merge([*spans, *delivered])) for spans in (source.settled, source.shown))
        self.sources[number] = replace(source, settled=settled, shown=shown)

    def learn(self, plan: Iterable[Sequence[Any]]) -> None:
        """Take in the rows of the address plan about more addresses; their ports are for `Pools`."""
        for network, width, from_at, to_at, sharing, source, *_ in plan:
            address = ip_address(network)
            row = Planned((from_at, to_at or FOREVER), sharing not in DEDICATED, source, sharing in COMPUTED)
            shift = address.max_prefixlen - width
            by_network = self._plan.setdefault((address.version, shift), {})
            by_network.setdefault(int(address) >> shift, []).append(row)
            self._finest[address.version] = min(shift, self._finest[address.version])
            self.computes = self.computes or row.computed
        self._by_network.clear()

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

    def of_inner(self, realm: str) -> Standing:
        """Say what is known of inner addresses of a realm: never shared, and the operator's whenever they occur."""
        if realm not in self._inner:
            numbers = frozenset(n for n, source in self.sources.items() if source.realm == realm)
            settled, suspect = self._delivered(numbers)
            ground = Ground(ALWAYS, (), settled, suspect, self._retained_from, unshown=self._unshown(numbers))
            self._inner[realm] = Standing(ground, numbers, None)
        return self._inner[realm]

    def tolerance(self, numbers: frozenset[int], lo: datetime, hi: datetime) -> timedelta:
        """Give the largest clock error of these sources that may have moved a moment into [lo, hi] or out of it."""
        key = (numbers, (lo - self._farthest).toordinal(), (hi + self._farthest).toordinal())
        tolerance = self._tolerances.get(key)
        if tolerance is None:
            found = (self.sources[number].tolerance(*key[1:]) for number in numbers)
            tolerance = self._tolerances[key] = max(found, default=SOURCE_TOLERANCE)
        return tolerance

    def _ground(self, rows: list[Planned]) -> Standing:
        numbers: set[int] = set()
        unsettled: list[Span] = []
        suspect: list[Span] = []
        unshown: list[Span] = []
        pool_unsettled: list[Span] = []
        pool_suspect: list[Span] = []
        for row in rows:
            own = frozenset(self.sources if row.source is None else [row.source])
            numbers |= own
            settled, bad = self._delivered(own)
            unshown += common([row.span], self._unshown(own))
            (pool_unsettled if row.computed else unsettled).extend(without([row.span], settled))
            (pool_suspect if row.computed else suspect).extend(common([row.span], bad))
        ours = merge(row.span for row in rows)
        spans = merge(row.span for row in rows if row.computed)
        ground = Ground(
            ours=tuple(ours),
            shared=tuple(merge(row.span for row in rows if row.shared)),
            settled=tuple(without(ours, merge([*unsettled, *spans]))),
            suspect=tuple(merge(suspect)),
            retained_from=self._retained_from,
            unshown=tuple(merge(unshown)),
        )
        elsewhere, pool = tuple(merge(unsettled)), tuple(merge(pool_unsettled))
        rule = ByRule(tuple(spans), elsewhere, pool, tuple(merge(pool_suspect))) if spans else None
        return Standing(ground, frozenset(numbers), rule)

    def _unshown(self, numbers: frozenset[int]) -> Spans:
        """Say when any of these sources may lack somebody who held an address."""
        return tuple(merge(span for number in numbers for span in without(ALWAYS, self.sources[number].shown)))

    def _delivered(self, numbers: frozenset[int]) -> tuple[Spans, Spans]:
        """Say when all of these sources have delivered everything, and when the clock of any was wrong."""
        if not numbers:
            return (), ()
        settled: list[Span] = list(ALWAYS)
        for number in numbers:
            settled = common(settled, self.sources[number].settled)
        return tuple(settled), tuple(merge(span for number in numbers for span in self.sources[number].suspect))

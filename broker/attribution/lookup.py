"""Find the rows of our own store that are about a batch of questions; the rows themselves by one statement.

1. Read what occurs at all: widths of prefixes, shapes of port blocks, odd blocks, open leases.
2. Ask each address once for each width, and each port once for each shape; sorted, so that neighbours share pages.
3. Ask whether an address that should be one subscriber's has any blocks all the same: first for the whole span of
   addresses on one ground, and where that has some, for each address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone

from broker.attribution.questions import Question
from broker.attribution.resolve import FOREVER, REACH, SEAM, Interval
from broker.attribution.spans import meets
from broker.attribution.verdict import Provenance
from broker.leases import evidence_statement as statement
from broker.leases import queries
from broker.leases.evidence_statement import EVERY_PORT, NO_PORT, WIDTH_BITS, WIDTH_MASK, Probe
from broker.leases.packed import DAY, ZERO, Packed, integers, microseconds, moments, network, networks
from broker.leases.reading import fetch
from broker.leases.rows import PROVENANCE_MASK, RowFlag

AROUND = REACH + SEAM
_AROUND = microseconds(AROUND)
# A row of evidence as `evidence_statement` describes it, and where the number of its source stands in it.
Row = tuple[Any, ...]
_SOURCE = 11
# The entries of a list that is asked for, one after the other: column by column they are taken out again at once.
Entries = list[Any]
# How many of them one lease is asked for by.
_LEASE_COLUMNS = len(statement.COLUMNS[Probe.LEASE])
_PROVENANCES = tuple(Provenance)
_WHOLE = {4: 32, 6: 128}

_PACKING: dict[str, Callable[[Any], Packed]] = {
    "ord": integers,
    "address": networks,
    "lo": moments,
    "hi": moments,
    "first": integers,
    "port": integers,
    "held_port": integers,
}


def rows_about(questions: Sequence[Question], held: Set[int]) -> list[list[Row]]:
    """Give for each question, in their order, the rows in reach of it, and of its port or of none.

    An address that is no shared one gets the rows of all its ports: they tell that it was shared after all.
    held: the questions, by their place, that rows kept by holds answer too.
    """
    found: list[list[Row]] = [[] for _ in questions]
    if not questions:
        return found
    for row in _fetch(questions, held):
        number = row[0] >> WIDTH_BITS
        sources = questions[number].sources
        if sources is None or row[_SOURCE] in sources:
            found[number].append(row)
    return found


def interval_of(row: Row, question: Question) -> Interval:
    """Read a row as evidence on a question."""
    ord_, holder, lo, hi, sure_lo, sure_hi, first, last, step, protocol, flags, _ = row
    width, (provenance, derived) = ord_ & WIDTH_MASK, read_flags(flags)
    if hi is None:
        hi = FOREVER
    if sure_lo is None:
        sure_lo = lo
    if sure_hi is None:
        sure_hi = hi
    if sure_hi <= sure_lo or (question.width is not None and width > question.width):
        # Nothing of this part is certain; nor who holds all of a prefix by whoever holds a part of it.
        sure_lo = sure_hi = lo
    return Interval(
        str(holder),
        lo,
        hi,
        sure_lo,
        sure_hi,
        None if first is None else (first, last),
        provenance,
        step=step or 1,
        protocol=protocol,
        width=width,
        derived=derived,
    )


# Rows have few kinds of flags.
@lru_cache(maxsize=256)
def read_flags(flags: int) -> tuple[Provenance, bool]:
    """Say why the operator has a row, and whether it is a conclusion."""
    return _PROVENANCES[flags & PROVENANCE_MASK], bool(flags & RowFlag.DERIVED)


def _fetch(questions: Sequence[Question], held: Set[int]) -> list[Row]:
    # Read after the ground: what comes in meanwhile is later than what its sources had delivered.
    ((widths_4, widths_6, *shapes, odd, still_open),) = fetch(queries.SHAPES, {})
    widths, geometry = {4: widths_4, 6: widths_6}, list(zip(*shapes, strict=True))
    months = _Months()
    reach = [(microseconds(q.lo - ZERO) - _AROUND, microseconds(q.hi - ZERO) + _AROUND) for q in questions]
    everywhen = months.of(min(lo for lo, _ in reach), max(hi for _, hi in reach))
    plain = [not meets(q.ground.shared, q.lo, q.hi) for q in questions]
    crowded = _crowded(questions, plain, everywhen)
    asked: dict[int, list[Entries]] = {}
    opened: Entries = []
    kept: Entries = []
    # By address: sorted questions touch neighbouring pages one after the other (attribution.md 1.6, point 7).
    for version, value, number in sorted((q.version, q.value, n) for n, q in enumerate(questions)):
        q, (lo, hi) = questions[number], reach[number]
        base, whole, port = number << WIDTH_BITS, _WHOLE[version], q.port
        itself = (base | whole, network(version, value), lo, hi)
        leases: Entries = []
        for width in widths[version]:
            leases += itself if width == whole else (base | width, network(version, value, width), lo, hi)
        about = EVERY_PORT if plain[number] else NO_PORT if port is None else port
        for month in months.of(lo, hi):
            if month not in asked:
                asked[month] = [[] for _ in Probe]
            lease, block, beside, of_odd = asked[month]
            lease += leases
            if port is not None:
                for first in _firsts(geometry, port):
                    block += (*itself, first)
            if about == EVERY_PORT and (crowded is None or id(q.ground) in crowded):
                beside += itself
            if odd and about != NO_PORT:
                of_odd += (*itself, about)
        if still_open:
            for place in range(0, len(leases), _LEASE_COLUMNS):
                opened += (*leases[place : place + _LEASE_COLUMNS], about)
        if number in held:
            kept += (*itself, about, NO_PORT if port is None else port, q.case)
    return _run(asked, opened, kept)


def _run(asked: dict[int, list[Entries]], opened: Entries, kept: Entries) -> list[Row]:
    parameters: dict[str, Any] = {"now": timezone.now()}
    parts = []
    for number, (month, lists) in enumerate(sorted(asked.items())):
        probes = {probe: entries for probe, entries in zip(Probe, lists, strict=True) if entries}
        parts.append(list(probes))
        parameters |= {f"from_{number}": _begin(month), f"until_{number}": _begin(month + 1)}
        for probe, entries in probes.items():
            parameters |= _columns(probe, statement.COLUMNS[probe], entries, f"_{number}")
    if opened:
        parameters |= _columns("open", statement.OPEN_COLUMNS, opened)
    if kept:
        parameters |= _columns("held", statement.HELD_COLUMNS, kept)
    if not any(parts) and not opened and not kept:
        return []  # Nothing has ever been stored.
    return fetch(statement.evidence(parts, still_open=bool(opened), held=bool(kept)), parameters)


def _columns(name: str, columns: Sequence[str], entries: Entries, mark: str = "") -> dict[str, Any]:
    """Pack the entries of a list, column by column, as the parameters of that list."""
    packed = {}
    for place, column in enumerate(columns):
        values = entries[place :: len(columns)]
        packed[f"{name}_{column}{mark}"] = _PACKING[column](values) if column in _PACKING else values
    return packed


def _firsts(geometry: Iterable[tuple[int, int, int]], port: int) -> Iterable[int]:
    """Give the first port of the block that a port would be in, for each shape of blocks: span, phase and step."""
    for span, phase, step in geometry:
        group = port - (port - phase) % span
        yield group + (port - group) % step


def _crowded(questions: Sequence[Question], plain: Sequence[bool], months: range) -> Set[int] | None:
    """Find the grounds, by identity, among whose addresses that should not be shared some have blocks of ports.

    None if that is not worth asking, because it takes more probes than it can spare.
    """
    spans: dict[tuple[int, int], list[int]] = {}
    for q, is_plain in zip(questions, plain, strict=True):
        if is_plain:
            spans.setdefault((id(q.ground), q.version), []).append(q.value)
    if len(spans) * len(months) > sum(plain):
        return None
    if not spans:
        return frozenset()
    first, last = (
        networks([network(version, end(values)) for (_, version), values in spans.items()]) for end in (min, max)
    )
    asked = {"first": first, "last": last, "from_at": _begin(months[0]), "until": _begin(months[-1] + 1)}
    grounds = [ground for ground, _ in spans]
    return {grounds[number - 1] for (number,) in fetch(queries.SPANS_WITH_BLOCKS, asked)}


class _Months:
    """Months (UTC), numbered from year 0; moments in `microseconds` from ZERO."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, lo: int, hi: int) -> range:
        """Give the months that [lo, hi] touches."""
        first, last = lo // DAY, hi // DAY
        known = self._known
        month = known.get(first)
        if month is None:
            month = known[first] = self._of_day(first)
        if first == last:
            return range(month, month + 1)
        return range(month, self._of_day(last) + 1)

    def _of_day(self, day: int) -> int:
        date = ZERO + timedelta(days=day)
        return 12 * date.year + date.month - 1


def _begin(month: int) -> datetime:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)

"""Our own `leases` database as a source: one statement finds the evidence of a whole batch.

1. Read the ground of the batch: plan, sources, widths of prefixes and shapes of port blocks that occur at all.
2. Ask each address once for each width, and each port once for each shape; sorted, so that neighbours share pages.
3. Rows that name an inner address, or a line, are followed by one more statement each for the whole batch (`follow`).
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.db import connections
from django.utils import timezone

from broker.attribution.ground import Grounds
from broker.attribution.resolve import FOREVER, REACH, SEAM, Ground, Interval, Window
from broker.attribution.sources import CandidateSet, Observation
from broker.attribution.spans import meets
from broker.attribution.verdict import Provenance
from broker.leases import queries
from broker.leases.rows import PROVENANCE_MASK, RowFlag

_STORE = "leases"
_AROUND = REACH + SEAM
_PROVENANCES = tuple(Provenance)
# As a number: flags are asked for each row, and asking an enumeration costs as much as the rest of it.
_DERIVED = int(RowFlag.DERIVED)
# Where the number of the source stands in a row of evidence.
_SOURCE = 11


class Question(NamedTuple):
    """One address and window to look up: lo, hi with all tolerances. value: the address as a number.

    sources: whose rows are about this address; None: any. The same inner address is somebody else's in another realm.
    case: whose holds may be answered from.
    """

    address: str
    version: int
    value: int
    port: int | None
    lo: datetime
    hi: datetime
    ground: Ground
    sources: frozenset[int] | None = None
    case: uuid.UUID | None = None


class StoredLeases:
    """Our own `leases` database; one instance answers one batch and what follows from it."""

    def __init__(self, *, retained_from: datetime) -> None:
        self._retained_from = retained_from
        self.grounds: Grounds | None = None

    def lookup(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[CandidateSet]:
        """Give one candidate set for each observation, in their order.

        The subscriber of an interval is the number of its holder: `follow` says who that is.
        """
        return self.ask(self._questions(observations, tolerance))

    def windows(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Window]:
        """Give the window and ground of each observation, in their order, without a look at any evidence."""
        return [Window(q.lo, q.hi, q.port, q.ground) for q in self._questions(observations, tolerance)]

    def _questions(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Question]:
        if not observations:
            return []
        spans = [o.window(tolerance) for o in observations]
        grounds = self._read_ground([o.address for o in observations], spans)
        questions = []
        for observation, (lo, hi) in zip(observations, spans, strict=True):
            version, value = number_of(observation.address)
            ground, sources = grounds.of(version, value)
            error = grounds.tolerance(sources, lo, hi)
            lo, hi = lo - error, hi + error
            questions.append(
                Question(observation.address, version, value, observation.port, lo, hi, ground, case=observation.case)
            )
        return questions

    def ask(self, questions: Sequence[Question]) -> list[CandidateSet]:
        """Give one candidate set for each question, in their order."""
        if not questions:
            return []
        evidence: list[list[Interval]] = [[] for _ in questions]
        blocks: dict[int, list[tuple[datetime, datetime]]] = {}
        held = self._held(questions)
        for row in self._rows(questions, held):
            if row[1] is None:
                # Blocks of ports on an address that was asked as one subscriber's: it was shared then.
                blocks.setdefault(row[0], []).append((row[2], row[3] or FOREVER))
            elif (sources := questions[row[0]].sources) is None or row[_SOURCE] in sources:
                evidence[row[0]].append(_interval(row))
        found = []
        for number, question in enumerate(questions):
            ground = question.ground
            if number in blocks:
                shared = (*ground.shared, *blocks[number])
                ground = Ground(ground.ours, shared, ground.settled, ground.suspect, ground.retained_from)
            if number in held:
                ground = Ground(ground.ours, ground.shared, ground.settled, ground.suspect, None)
            window = Window(question.lo, question.hi, question.port, ground)
            found.append(CandidateSet(window, tuple(evidence[number])))
        return found

    def _read_ground(self, addresses: list[str], spans: list[tuple[datetime, datetime]]) -> Grounds:
        first = min(lo for lo, _ in spans) - _AROUND
        last = max(hi for _, hi in spans) + _AROUND
        plan = read_plan(addresses)
        with connections[_STORE].cursor() as cursor:
            cursor.execute(queries.SOURCES, {"first": first.date(), "last": last.date()})
            self.grounds = Grounds(plan, cursor.fetchall(), self._retained_from)
        return self.grounds

    def _rows(self, questions: Sequence[Question], held: set[int]) -> list[tuple[Any, ...]]:
        # Widths of either family, the three columns of the shapes, and whether there are odd blocks and open leases.
        # Read after the ground: what comes in meanwhile is later than what its sources had delivered.
        ((widths_4, widths_6, *shapes, odd, still_open),) = fetch(queries.SHAPES, {})
        widths = {4: widths_4, 6: widths_6}
        geometry = list(zip(*shapes, strict=True))
        # Sorted questions touch neighbouring pages one after the other (attribution.md 1.6, point 7).
        order = sorted(range(len(questions)), key=lambda n: (questions[n].version, questions[n].value, questions[n].lo))
        asked: list[tuple[Any, ...]] = []
        blocks: list[tuple[Any, ...]] = []
        for number in order:
            q = questions[number]
            lo, hi = q.lo - _AROUND, q.hi + _AROUND
            plain = not meets(q.ground.shared, q.lo, q.hi)
            # A hold names the whole address, whatever widths its rows have.
            whole = {32 if q.version == 4 else 128} if number in held else set()
            for width in {*widths[q.version], *whole}:
                address = _prefix(q, width)
                asked.append((number, address, q.port, lo, hi, plain))
                if q.port is not None:
                    for span, phase, step in geometry:
                        group = q.port - (q.port - phase) % span
                        first = group + (q.port - group) % step
                        blocks.append((number, address, first, q.port, lo, hi))
        if not asked:
            return []
        parameters = {
            "now": timezone.now(),
            "held": sorted(held),
            "cases": [questions[number].case for number in sorted(held)],
            **_columns(("ords", "addresses", "ports", "los", "his", "plain"), asked),
            **_columns([f"block_{n}" for n in ("ords", "addresses", "firsts", "ports", "los", "his")], blocks),
        }
        return fetch(queries.evidence(odd=odd, still_open=still_open), parameters)

    def _held(self, questions: Sequence[Question]) -> set[int]:
        """Give the questions whose time has passed and whose rows a live hold of their own case keeps.

        What is kept for one case answers no other: its rules may not allow that the rows exist at all.
        """
        past = [(n, q) for n, q in enumerate(questions) if q.lo < self._retained_from and q.case is not None]
        if not past:
            return set()
        parameters = {
            "ords": [n for n, _ in past],
            "addresses": [q.address for _, q in past],
            "ports": [q.port for _, q in past],
            "cases": [q.case for _, q in past],
            "los": [q.lo for _, q in past],
            "his": [q.hi for _, q in past],
            "now": timezone.now(),
        }
        return {number for (number,) in fetch(queries.HELD, parameters)}


def read_plan(addresses: Sequence[str]) -> list[tuple[Any, ...]]:
    """Read the rows of the address plan that are about any of these addresses, as `Grounds` wants them."""
    with connections[_STORE].cursor() as cursor:
        cursor.execute(queries.PLAN, {"addresses": sorted(set(addresses))})
        return list(cursor.fetchall())


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Turn rows into a list for each column, as `unnest` wants them."""
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
    return dict(zip(names, columns, strict=True))


def fetch(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement with the parameters beside it and the rows in binary: half the time of text for ten thousand."""
    connection = connections[_STORE]
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, binary=True)
        return cursor.fetchall()


def _interval(row: tuple[Any, ...]) -> Interval:
    (_, holder, lo, hi, sure_lo, sure_hi, port_from, port_to, step, protocol, flags, _, import_id, pos, width) = row
    if hi is None:
        hi = FOREVER
    if sure_hi <= sure_lo:
        # Nothing of this part is certain.
        sure_lo = sure_hi = lo
    return Interval(
        str(holder),
        lo,
        hi,
        sure_lo,
        sure_hi,
        None if port_from is None else (port_from, port_to),
        _PROVENANCES[flags & PROVENANCE_MASK],
        f"{import_id}:{pos}",
        step or 1,
        protocol,
        width,
        bool(flags & _DERIVED),
    )


def number_of(address: str) -> tuple[int, int]:
    """Read an address in its normal form: family and value."""
    if ":" in address:
        return 6, int.from_bytes(socket.inet_pton(socket.AF_INET6, address))
    return 4, int.from_bytes(socket.inet_aton(address))


def _prefix(question: Question, width: int) -> str:
    """Write the prefix of that width that contains the address; a whole address is written without a width."""
    if width == (32 if question.version == 4 else 128):
        return question.address
    bits = 32 if question.version == 4 else 128
    value = question.value >> (bits - width) << (bits - width)
    family = socket.AF_INET if question.version == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, value.to_bytes(bits // 8))}/{width}"

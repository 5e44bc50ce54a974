"""Our own `leases` database as a source: one statement finds the evidence of a whole batch.

1. Read the ground of the batch: plan, sources, widths of prefixes and shapes of port blocks that occur at all.
2. Ask each address once for each width, and each port once for each shape; sorted, so that neighbours share pages.
3. Rows that name an inner address, or a line, are followed by one more statement each for the whole batch (`follow`).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from broker.attribution.computed import Rules, apply_rule
from broker.attribution.ground import Grounds
from broker.attribution.holders import Inner, inner_of, stored_numbers
from broker.attribution.mappings.history import Epoch
from broker.attribution.mappings.mapping_file import mapping_of
from broker.attribution.questions import Prospect, Question, delegated, inner_question, number_of, translated
from broker.attribution.radacct_source import RadiusAccounting, ask_in_place
from broker.attribution.resolve import FOREVER, REACH, SEAM, Interval
from broker.attribution.sources import CandidateSet, Observation
from broker.attribution.spans import Spans, meets, without
from broker.attribution.verdict import Provenance
from broker.leases import queries
from broker.leases.evidence_statement import evidence
from broker.leases.reading import fetch
from broker.leases.rows import PROVENANCE_MASK, RowFlag

_STORE = "leases"
_AROUND = REACH + SEAM
_PROVENANCES = tuple(Provenance)
# As a number: flags are asked for each row, and asking an enumeration costs as much as the rest of it.
_DERIVED = int(RowFlag.DERIVED)
# Where the number of the source, and the width of the prefix, stand in a row of evidence.
_SOURCE = 11
_WIDTH = 14
# The columns of the lists that `evidence` takes.
_ASKED = ("ords", "addresses", "ports", "los", "his", "plain")
_ASKED_BLOCKS = ("ords", "addresses", "firsts", "ports", "los", "his")


class StoredLeases:
    """Our own `leases` database; one instance answers one batch and what follows from it."""

    def __init__(self, *, retained_from: datetime) -> None:
        self._retained_from = retained_from
        self.grounds: Grounds | None = None
        self._rules = Rules(())
        self._radius: RadiusAccounting | None = None

    def lookup(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[CandidateSet]:
        """Give one candidate set for each observation, in their order.

        The subscriber of an interval is the number of its holder: `follow` says who that is.
        """
        return self.ask(self._questions(observations, tolerance))

    def prospects(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Prospect]:
        """Say of each observation, in their order, what its answer will rest on, without a look at any evidence."""
        questions = self._questions(observations, tolerance)
        if self.grounds is None:
            return []
        computed = [
            {inner for row in q.computed if row.possibly_meets(q.lo, q.hi) and (inner := inner_of(row.subscriber))}
            for q in questions
        ]
        asked = [(inner, q.lo, q.hi) for q, inners in zip(questions, computed, strict=True) for inner in inners]
        behind = iter(self.inner_questions(asked))
        return [
            Prospect(
                q.window(),
                [next(behind).window() for _ in inners] or translated(self.grounds, q),
                self._radius is not None and self._radius.holds_up(q),
            )
            for q, inners in zip(questions, computed, strict=True)
        ]

    def inner_questions(self, asked: Sequence[tuple[Inner, datetime, datetime]]) -> list[Question]:
        """Ask who had these inside addresses and prefixes over [lo, hi); in their order."""
        if not asked or self.grounds is None:
            return []
        if addresses := delegated([inner for inner, _, _ in asked]):
            self.grounds.learn(read_plan(addresses))
        return [inner_question(self.grounds, inner, lo, hi) for inner, lo, hi in asked]

    def _questions(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Question]:
        if not observations:
            return []
        spans = [o.window(tolerance) for o in observations]
        grounds = self._read_ground([o.address for o in observations], spans)
        questions = []
        for observation, (lo, hi) in zip(observations, spans, strict=True):
            version, value = number_of(observation.address)
            ground, tellers = grounds.of(version, value)
            error = grounds.tolerance(tellers, lo, hi)
            port = observation.port
            computed: tuple[Interval, ...] = ()
            if version == 4 and port is not None and (rule := grounds.by_rule(version, value)) is not None:
                ground, computed = apply_rule(ground, rule, self._rules.told(value, port))
            question = Question(
                observation.address,
                version,
                value,
                port,
                lo - error,
                hi + error,
                ground,
                tellers,
                case=observation.case,
            )
            questions.append(question._replace(computed=computed) if computed else question)
        return questions

    def ask(self, questions: Sequence[Question]) -> list[CandidateSet]:
        """Give one candidate set for each question, in their order."""
        if not questions:
            return []
        shown: list[list[Interval]] = [[] for _ in questions]
        blocks: dict[int, list[tuple[datetime, datetime]]] = {}
        held = self._held(questions)
        for row in self._rows(questions, held):
            if row[1] is None:
                # Blocks of ports on an address that was asked as one subscriber's: it was shared then.
                blocks.setdefault(row[0], []).append((row[2], row[3] or FOREVER))
            elif (sources := (question := questions[row[0]]).sources) is None or row[_SOURCE] in sources:
                interval = _interval(row)
                if question.width is not None and row[_WIDTH] > question.width:
                    # Whoever holds a part of a prefix need not be who holds all of it.
                    interval = replace(interval, certain_from=interval.possible_from, certain_to=interval.possible_from)
                shown[row[0]].append(interval)
        elsewhere, unheard = self._elsewhere(questions)
        for number, rows in elsewhere.items():
            shown[number] += rows
        found = []
        for number, question in enumerate(questions):
            window = question.window() if self._radius is None else self._radius.window(question, self.grounds)
            if number in blocks:
                ground = replace(window.ground, shared=(*window.ground.shared, *blocks[number]))
                window = replace(window, ground=ground)
            if number in held:
                window = replace(window, ground=replace(window.ground, retained_from=None))
            if number in unheard:
                settled = tuple(without(window.ground.settled, unheard[number]))
                window = replace(window, ground=replace(window.ground, settled=settled))
            found.append(CandidateSet(window, tuple(shown[number])))
        return found

    def _elsewhere(self, questions: Sequence[Question]) -> tuple[dict[int, list[Interval]], dict[int, Spans]]:
        """Give what rules and the operator's database are evidence of, and for what time the latter was not heard.

        A holder that the store knows as well goes by the number it has there.
        """
        found = {n: list(question.computed) for n, question in enumerate(questions) if question.computed}
        unheard: dict[int, Spans] = {}
        if self._radius is not None:
            asked = {n: question for n, question in enumerate(questions) if self._radius.tells_of(question)}
            told = self._radius.evidence(list(asked.values()))
            if told is None:
                unheard = dict.fromkeys(asked, (self._radius.serves,))
            else:
                for n, rows in zip(asked, told, strict=True):
                    found.setdefault(n, []).extend(rows)
        numbers = stored_numbers({row.subscriber for rows in found.values() for row in rows})
        return {
            n: [replace(row, subscriber=numbers.get(row.subscriber, row.subscriber)) for row in rows]
            for n, rows in found.items()
        }, unheard

    def _read_ground(self, addresses: list[str], spans: list[tuple[datetime, datetime]]) -> Grounds:
        first = min(lo for lo, _ in spans) - _AROUND
        last = max(hi for _, hi in spans) + _AROUND
        plan = read_plan(addresses)
        with connections[_STORE].cursor() as cursor:
            cursor.execute(queries.SOURCES, {"first": first.date(), "last": last.date()})
            self.grounds = Grounds(plan, cursor.fetchall(), self._retained_from)
        self._radius = ask_in_place(self.grounds, first, last)
        if self.grounds.computes:
            self._rules = Rules(read_epochs(addresses))
        return self.grounds

    def _rows(self, questions: Sequence[Question], held: set[int]) -> list[tuple[Any, ...]]:
        # Widths of either family, the three columns of the shapes, and whether there are odd blocks and open leases.
        # Read after the ground: what comes in meanwhile is later than what its sources had delivered.
        ((widths_4, widths_6, *shapes, odd, still_open),) = fetch(queries.SHAPES, {})
        widths = {4: widths_4, 6: widths_6}
        geometry = list(zip(*shapes, strict=True))
        # Sorted questions touch neighbouring pages one after the other (attribution.md 1.6, point 7).
        order = sorted(range(len(questions)), key=lambda n: (questions[n].version, questions[n].value, questions[n].lo))
        months: dict[datetime, tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]] = {}
        everything: list[tuple[Any, ...]] = []
        for number in order:
            q = questions[number]
            lo, hi = q.lo - _AROUND, q.hi + _AROUND
            plain = not meets(q.ground.shared, q.lo, q.hi)
            # A hold names the whole address, whatever widths its rows have.
            whole = {32 if q.version == 4 else 128} if number in held else set()
            asked = [(number, _prefix(q, width), q.port, lo, hi, plain) for width in {*widths[q.version], *whole}]
            everything += asked
            blocks = []
            for span, phase, step in geometry if q.port is not None else ():
                group = q.port - (q.port - phase) % span
                first = group + (q.port - group) % step
                blocks.append((number, q.address, first, q.port, lo, hi))
            for month in _months(lo, hi):
                of_month = months.setdefault(month, ([], []))
                of_month[0].extend(asked)
                of_month[1].extend(blocks)
        if not everything:
            return []
        parameters: dict[str, Any] = {"now": timezone.now(), "held": sorted(held)}
        parameters["cases"] = [questions[number].case for number in parameters["held"]]
        if still_open or held:
            parameters |= _columns(_ASKED, everything)
        ported = []
        for number, (month, (asked, blocks)) in enumerate(sorted(months.items())):
            ported.append(any(port is not None for _, _, port, *_ in asked))
            parameters |= {f"from_{number}": month, f"until_{number}": _next_month(month)}
            parameters |= _columns([f"{name}_{number}" for name in _ASKED], asked)
            parameters |= _columns([f"block_{name}_{number}" for name in _ASKED_BLOCKS], blocks)
        statement = evidence(ported, odd=odd, still_open=still_open, held=bool(held))
        return fetch(statement, parameters)

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


def _months(lo: datetime, hi: datetime) -> Iterator[datetime]:
    """Give the beginning of each month (UTC) that [lo, hi] touches."""
    lo, hi = lo.astimezone(UTC), hi.astimezone(UTC)
    month = datetime(lo.year, lo.month, 1, tzinfo=UTC)
    while month <= hi:
        yield month
        month = _next_month(month)


def _next_month(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def read_epochs(addresses: Sequence[str]) -> list[Epoch]:
    """Read every configuration by which any of these addresses was ever shared.

    Raises MappingError, ValueError or KeyError for one that this program would not have stored.
    """
    return [
        Epoch(name, mapping_of(kind, values), from_at, to_at, realm, stated_at)
        for name, kind, realm, values, from_at, to_at, stated_at in fetch(
            queries.MAPPINGS, {"addresses": sorted(set(addresses))}
        )
    ]


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Turn rows into a list for each column, as `unnest` wants them."""
    columns = map(list, zip(*rows, strict=True)) if rows else ([] for _ in names)
    return dict(zip(names, columns, strict=True))


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


def _prefix(question: Question, width: int) -> str:
    """Write the prefix of that width that contains the address; a whole address is written without a width."""
    if width == (32 if question.version == 4 else 128):
        return question.address
    bits = 32 if question.version == 4 else 128
    value = question.value >> (bits - width) << (bits - width)
    family = socket.AF_INET if question.version == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(family, value.to_bytes(bits // 8))}/{width}"

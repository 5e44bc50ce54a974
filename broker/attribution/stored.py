"""Our own `leases` database as a source: the ground of a batch is read once, then its questions are answered.

1. Read the ground of the batch: plan, sources, and what rules compute.
2. Find the rows that are about each question (`lookup`), and what the operator's own database and rules tell of it.
3. Judge each question by them (`resolve`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils import timezone

from broker.attribution.computed import SOURCE as RULE
from broker.attribution.computed import Rules, apply_rule
from broker.attribution.ground import Grounds
from broker.attribution.holders import Inner, inner_of, stored_numbers
from broker.attribution.lookup import AROUND, Row, interval_of, read_flags, rows_about
from broker.attribution.mappings.history import Epoch
from broker.attribution.mappings.mapping_file import mapping_of
from broker.attribution.pools import Pools
from broker.attribution.questions import Prospect, Question, delegated, inner_question, number_of, translated
from broker.attribution.radacct_source import RadiusAccounting, ask_in_place
from broker.attribution.resolve import Interval, Window, by_one_row, in_block, resolve
from broker.attribution.sources import Observation
from broker.attribution.spans import ALWAYS, Spans, common, merge, without
from broker.attribution.verdict import Verdict
from broker.leases import hold_queries, queries
from broker.leases.packed import network, networks
from broker.leases.reading import fetch
from broker.leases.services import STORE


class StoredLeases:
    """Our own `leases` database; one instance answers one batch and what follows from it."""

    def __init__(self, *, retained_from: datetime, in_place: bool = True) -> None:
        """Begin a batch; in_place: databases of the operator have a say, else they are taken for complete."""
        self._retained_from, self._in_place = retained_from, in_place
        self.grounds: Grounds | None = None
        self._rules, self._pools = Rules(()), Pools(())
        self._radius: RadiusAccounting | None = None

    def judge(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Verdict]:
        """Answer each observation, in their order, by whoever the evidence on its address names: `follow` says who.

        A holder goes by its number in the store, or by a key of `holders`.
        """
        return self.answer(self._questions(observations, tolerance))

    def prospects(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Prospect]:
        """Say of each observation, in their order, what its answer will rest on, without a look at any evidence."""
        questions = self._questions(observations, tolerance)
        if self.grounds is None:
            return []
        computed = [
            {inner for row in q.computed if row.possibly_meets(q.lo, q.hi) and (inner := inner_of(row.subscriber))}
            for q in questions
        ]
        asked = [(inner, q.lo, q.hi, None) for q, inners in zip(questions, computed, strict=True) for inner in inners]
        behind = iter(self.inner_questions(asked))
        return [
            Prospect(
                q.window(),
                [next(behind).window() for _ in inners] or translated(self.grounds, q),
                self._radius is not None and self._radius.holds_up(q),
            )
            for q, inners in zip(questions, computed, strict=True)
        ]

    def inner_questions(self, asked: Sequence[tuple[Inner, datetime, datetime, UUID | None]]) -> list[Question]:
        """Ask who had these inside addresses and prefixes over [lo, hi), each for its own case; in their order."""
        if not asked or self.grounds is None:
            return []
        if addresses := delegated([inner for inner, *_ in asked]):
            self.grounds.learn(read_plan(map(number_of, addresses)))
        return [inner_question(self.grounds, *each) for each in asked]

    def _questions(self, observations: Sequence[Observation[Any]], tolerance: timedelta) -> list[Question]:
        if not observations:
            return []
        spans = [o.window(tolerance) for o in observations]
        numbers = [number_of(o.address) for o in observations]
        grounds = self._read_ground(numbers, spans, observations)
        questions = []
        for observation, (version, value), (lo, hi) in zip(observations, numbers, spans, strict=True):
            ground, tellers, rule = grounds.of(version, value)
            error = grounds.tolerance(tellers, lo, hi)
            port = observation.port
            if port is not None:
                ground = self._pools.limit(ground, version, value, port)
            computed: tuple[Interval, ...] = ()
            if rule is not None and version == 4 and port is not None:
                ground, computed = apply_rule(ground, rule, self._rules.told(value, port))
            # `_make` takes a third of the time of a call with names.
            at = observation.address, version, value, port, lo - error, hi + error
            told = observation.case, observation.protocol
            questions.append(Question._make((*at, ground, tellers, None, None, computed, *told)))
        return questions

    def answer(self, questions: Sequence[Question]) -> list[Verdict]:
        """Answer each question, in their order, as `judge` does."""
        if not questions:
            return []
        held = self._held(questions)
        found = rows_about(questions, held.keys())
        elsewhere, unheard = self._elsewhere(questions)
        special = {*held, *elsewhere, *unheard, *(n for n, q in enumerate(questions) if q.width is not None)}
        verdicts = []
        for number, (question, rows) in enumerate(zip(questions, found, strict=True)):
            verdict = _at_once(question, rows[0]) if len(rows) == 1 and number not in special else None
            if verdict is None:
                evidence = [interval_of(row, question) for row in rows] + elsewhere.get(number, [])
                verdict = resolve(self._window(question, held.get(number), unheard.get(number, ())), evidence)
                if question.computed and all(row.source.startswith(RULE) for row in evidence):
                    # Arithmetic is no record that the operator keeps for any purpose.
                    verdict.provenances = frozenset()
            verdicts.append(verdict)
        return verdicts

    def _window(self, question: Question, held: tuple[Spans, Spans] | None, unheard: Spans) -> Window:
        """Give the window of a question with what holds and the operator's database make of its ground.

        held: for what time all logs were complete, and showed everybody, when rows were copied that answer it; None: it
        is answered without.
        unheard: when that database has something to say and did not answer.
        """
        window = question.window() if self._radius is None else self._radius.window(question, self.grounds)
        ground = window.ground
        if held is not None:
            # What came after these rows were copied is not among them.
            settled, shown = held
            unshown = merge([*ground.unshown, *without(ALWAYS, shown)])
            settled = tuple(common(ground.settled, settled))
            ground = replace(ground, settled=settled, unshown=tuple(unshown), retained_from=None)
        if unheard:
            ground = replace(ground, settled=tuple(without(ground.settled, unheard)))
        return window if ground is window.ground else replace(window, ground=ground)

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

    def _read_ground(
        self,
        numbers: Sequence[tuple[int, int]],
        spans: Sequence[tuple[datetime, datetime]],
        observations: Sequence[Observation[Any]],
    ) -> Grounds:
        first = min(lo for lo, _ in spans) - AROUND
        last = max(hi for _, hi in spans) + AROUND
        plan = read_plan(numbers)
        with connections[STORE].cursor() as cursor:
            cursor.execute(queries.SOURCES, {"first": first.date(), "last": last.date()})
            self.grounds = Grounds(plan, cursor.fetchall(), self._retained_from)
        self._pools = Pools(plan)
        if self._in_place:
            self._radius = ask_in_place(self.grounds, first, last)
        else:
            for number, source in self.grounds.sources.items():
                if source.in_place:
                    self.grounds.deliver(number, ALWAYS)
        if self.grounds.computes:
            self._rules = Rules(read_epochs([o.address for o in observations]))
        return self.grounds

    def _held(self, questions: Sequence[Question]) -> dict[int, tuple[Spans, Spans]]:
        """Give the questions whose time has passed and whose rows a live hold of their own case keeps.

        Each with the time for which logs were complete, and showed everybody, when that was made. What is kept for one
        case answers no other: its rules may not allow that the rows exist at all.
        """
        past = [(n, q) for n, q in enumerate(questions) if q.lo < self._retained_from and q.case is not None]
        if not past:
            return {}
        parameters = {
            "ords": [n for n, _ in past],
            "addresses": [q.address for _, q in past],
            "ports": [q.port for _, q in past],
            "cases": [q.case for _, q in past],
            "los": [q.lo for _, q in past],
            "his": [q.hi for _, q in past],
            "now": timezone.now(),
        }
        held: dict[int, tuple[Spans, Spans]] = {}
        for number, *both in fetch(hold_queries.HELD, parameters):
            known = held.get(number, (ALWAYS, ALWAYS))
            settled, shown = (
                tuple(common(before, [(span.lower, span.upper) for span in spans or ()]))
                for before, spans in zip(known, both, strict=True)
            )
            held[number] = settled, shown
        return held


def read_plan(numbers: Iterable[tuple[int, int]]) -> list[tuple[Any, ...]]:
    """Read the rows of the address plan that are about any of these addresses, as `Grounds` and `Pools` want them.

    numbers: family and value of each, from `number_of`.
    """
    addresses = [network(version, value) for version, value in numbers]
    return fetch(queries.PLAN, {"addresses": networks(addresses)})


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


def _at_once(question: Question, row: Row) -> Verdict | None:
    """Answer from one row if it is what nearly all questions are, as `resolve` would; None: ask that."""
    _, holder, lo, hi, sure_lo, sure_hi, first, last, step, protocol, flags, _ = row
    if protocol is not None or (first is not None and not in_block(question.port, first, last, step)) or hi is None:
        return None
    provenance, derived = read_flags(flags)
    return by_one_row(
        question.lo,
        question.hi,
        question.ground,
        str(holder),
        lo if sure_lo is None else sure_lo,
        hi if sure_hi is None else sure_hi,
        provenance,
        derived,
        shared=first is not None,
    )

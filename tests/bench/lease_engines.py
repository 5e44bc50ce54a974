"""Ways to answer the questions from our own store, and the floor: binary search in memory.

Each takes the same list of questions, in Python, and gives the same list of holders, in Python. `probe`: one statement
for all questions. `verdict`: what the product does, the whole window with reasons and holders followed. The loops are
what an application would write, on the same tables and indexes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
from django.db import connections

from broker.attribution.services import Observation, attribute
from broker.attribution.verdict import Resolution, Verdict
from broker.leases.models import Lease, PortBlock
from broker.leases.services import STORE
from tests.bench.lease_load import NOW
from tests.bench.lease_truth import BLOCK, FIRST_INNER, PLAIN, PREFIX, TOLERANCE, Array, History, Question, first_port

Answers = list[int | None]


@dataclass(frozen=True)
class Engine:
    """run: answers questions, and is timed. count: how many of a round's questions it is given.

    said, truth: what an answer says and what it should say. kinds: of questions it can answer. below: the first key it
    does not know. before, after: SQL around each of its turns, untimed.
    """

    name: str
    count: int
    run: Callable[[Sequence[Question]], Sequence[Any]]
    said: Callable[[Any], object] = lambda answer: answer
    truth: Callable[[Question], object] = lambda question: question.holder
    kinds: tuple[int, ...] = (PLAIN, BLOCK, PREFIX)
    below: int | None = None
    before: str = ""
    after: str = ""

    def time(self, asked: Sequence[Question]) -> float:
        """Ask, and give the seconds it took; ends the run at a wrong answer."""
        with connections[STORE].cursor() as cursor:
            if self.before:
                cursor.execute(self.before)
            # As `timeit` does: what others have left behind is nobody's cost.
            gc.collect()
            gc.disable()
            try:
                start = time.perf_counter()
                answers = self.run(asked)
                seconds = time.perf_counter() - start
            finally:
                gc.enable()
            if self.after:
                cursor.execute(self.after)
        said, truth = list(map(self.said, answers)), list(map(self.truth, asked))
        if said != truth:
            wrong = sum(a != b for a, b in zip(said, truth, strict=True))
            raise SystemExit(f"{self.name} gives {wrong} wrong answers of {len(truth)}; its times mean nothing")
        return seconds


def _month(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def _next_month(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _probe(table: str, mark: str) -> str:
    """The part of the statement for one table and month, which the planner then looks up once."""
    firsts, first, block = "", "", ""
    if table == "port_block":
        firsts, first, block = f", %(firsts{mark})b::int[]", ", first", "AND l.port_from = a.first"
    return f"""SELECT a.ord, l.holder_id
FROM unnest(%(ords{mark})b::int[], %(addresses{mark})b::text[]::inet[], %(ats{mark})b::timestamptz[]{firsts})
    AS a (ord, address, at{first})
CROSS JOIN LATERAL (
    SELECT l.holder_id, l.valid_to FROM {table} l
    WHERE l.address = a.address {block} AND l.valid_from >= %(from{mark})b::timestamptz
        AND l.valid_from < %(until{mark})b::timestamptz AND l.valid_from <= a.at
    ORDER BY l.valid_from DESC LIMIT 1) AS l
WHERE l.valid_to > a.at"""


def probe(questions: Sequence[Question]) -> Answers:
    """Ask all in one statement, each for the last row that began before its instant; by month, key and time."""
    parts: dict[tuple[str, datetime], list[tuple[int, Question]]] = {}
    for number in sorted(range(len(questions)), key=lambda n: questions[n][:3]):
        q = questions[number]
        table = "port_block" if q.kind == BLOCK else "lease"
        parts.setdefault((table, _month(q.at)), []).append((number, q))
    parameters: dict[str, Any] = {}
    statements = []
    for mark, ((table, month), part) in enumerate(parts.items()):
        statements.append(_probe(table, f"_{mark}"))
        parameters |= {
            f"from_{mark}": month,
            f"until_{mark}": _next_month(month),
            f"ords_{mark}": [n for n, _ in part],
            f"addresses_{mark}": [q.stored for _, q in part],
            f"ats_{mark}": [q.at for _, q in part],
            f"firsts_{mark}": [first_port(q.key) for _, q in part] if table == "port_block" else None,
        }
    answers: Answers = [None] * len(questions)
    with psycopg.Cursor(_connection()) as cursor:
        cursor.execute(" UNION ALL ".join(statements), parameters, binary=True)
        for number, holder in cursor.fetchall():
            answers[number] = holder
    return answers


def _connection() -> psycopg.Connection[Any]:
    connection = connections[STORE]
    connection.ensure_connection()
    return connection.connection  # type: ignore[no-any-return] # Django does not say what it wraps


def orm_loop(questions: Sequence[Question]) -> Answers:
    """Ask one by one with the object-relational mapper."""
    answers: Answers = []
    for q in questions:
        rows: Any = PortBlock.objects.filter(port_from=first_port(q.key)) if q.kind == BLOCK else Lease.objects.all()
        row = (
            rows.using(STORE)
            .filter(address=q.stored, valid_from__gte=_month(q.at), valid_from__lte=q.at)
            .order_by("-valid_from")
            .first()
        )
        answers.append(row.holder_id if row is not None and row.valid_to > q.at else None)
    return answers


_ONE = "address = %s::inet AND valid_from >= %s AND valid_from <= %s ORDER BY valid_from DESC LIMIT 1"
_ONE_LEASE = f"SELECT holder_id, valid_to FROM lease WHERE {_ONE}".encode()
_ONE_BLOCK = f"SELECT holder_id, valid_to FROM port_block WHERE port_from = %s::int AND {_ONE}".encode()


def prepared_loop(questions: Sequence[Question]) -> Answers:
    """Ask one by one with statements the server has prepared."""
    answers: Answers = []
    with psycopg.Cursor(_connection()) as cursor:
        for q in questions:
            parameters: tuple[Any, ...] = (q.stored, _month(q.at), q.at)
            if q.kind == BLOCK:
                cursor.execute(_ONE_BLOCK, (first_port(q.key), *parameters), prepare=True, binary=True)
            else:
                cursor.execute(_ONE_LEASE, parameters, prepare=True, binary=True)
            row = cursor.fetchone()
            answers.append(row[0] if row is not None and row[1] > q.at else None)
    return answers


def verdicts(questions: Sequence[Question]) -> list[Verdict]:
    """Ask the product."""
    observations = [Observation(n, q.address, q.port, q.at) for n, q in enumerate(questions)]
    return list(attribute(observations, tolerance=TOLERANCE, now=NOW).values())


class Memory:
    """All rows as sorted arrays: the floor under every way of asking."""

    def __init__(self, histories: dict[int, History]) -> None:
        arrays = [sorted_rows(history) for history in histories.values()]
        self.places, self.ends, self.holders = (np.concatenate(parts) for parts in zip(*arrays, strict=True))

    def ask(self, questions: Sequence[Question]) -> Answers:
        """Answer from Python objects to Python objects, like all others."""
        asked = np.fromiter(((q.kind << 28) + q.key << 32 | q.second for q in questions), np.int64, len(questions))
        return self.search(asked).tolist()  # type: ignore[no-any-return] # NumPy cannot say what a list holds

    def search(self, asked: Array) -> Array:
        """Answer arrays with arrays: the search alone."""
        order = np.argsort(asked)
        found = np.searchsorted(self.places, asked[order], side="right") - 1
        answers = np.empty(len(asked), np.int64)
        # Every question has somebody; that he still held the key is part of the search all the same.
        answers[order] = np.where(self.ends[found] > (asked[order] & 0xFFFFFFFF), self.holders[found], -1)
        return answers


def sorted_rows(history: History) -> tuple[Array, Array, Array]:
    """Give key and start in one number, end, and the id of the holder of each row, in order."""
    keys = np.repeat(np.arange(history.keys, dtype=np.int64), history.per_key) + (history.kind << 28)
    names = history.holders.astype(np.int64) + (FIRST_INNER if history.kind == BLOCK else 1)
    return (keys << 32) + history.starts, history.ends, names


def own_engines(count: int) -> list[Engine]:
    """Give the two that are ours: the probe, and the verdict of the product."""
    # Where another holder is within the window, nobody may be named.
    exact: dict[str, Any] = {
        "said": lambda verdict: verdict.subscriber or verdict.outcome,
        "truth": lambda question: question.subscriber or Resolution.AMBIGUOUS,
    }
    return [
        Engine("probe", count, probe),
        Engine("verdict", count, verdicts, **exact),
        Engine("verdict_plain", count, verdicts, kinds=(PLAIN,), **exact),
    ]

"""The run of `attribution`: a store that is thrown away, the rounds, and what is made of their times."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from broker.leases.services import STORE
from tests.bench.lease_engines import Engine, Memory, orm_loop, own_engines, prepared_loop
from tests.bench.lease_load import BATCH, NOW, bytes_per_row, ingest, load, prepare
from tests.bench.lease_truth import PLAIN, SHARES, TOLERANCE, History, Question, history, questions
from tests.bench.other_stores import Duck, ask_radacct, load_radacct
from tests.support.servers import admin_conninfo, running_server

QUESTIONS = 10_000
SMALL = 1_000_000
RETENTION_DAYS = 800
# The index that FreeRADIUS does not ship is gone for a turn, and back at its end.
WITHOUT = "BEGIN; DROP INDEX radacct_added"


def run(rows: int, rounds: int) -> dict[str, Any]:
    """Load, ask and take in; give the ratios and what they were made of."""
    settings.LEASE_RETENTION_DAYS = RETENTION_DAYS
    folder = Path(tempfile.mkdtemp(prefix="broker-bench-"))
    try:
        with _store():
            return _run(rows, rounds, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(settings.HOME, ignore_errors=True)


@contextmanager
def _store() -> Iterator[None]:
    """Make the store of leases anew, on a server with durable settings."""
    with running_server(durable=True):
        creation = connections[STORE].creation
        before = connections[STORE].settings_dict["NAME"]
        creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            creation.destroy_test_db(before, verbosity=0)


def _run(rows: int, rounds: int, folder: Path) -> dict[str, Any]:
    prepare()
    known = dict.fromkeys(SHARES, 0)
    own = own_engines(QUESTIONS)
    small: dict[str, float] = {}
    if rows > SMALL:
        histories = _load(SMALL, known)
        small = _rounds(histories, own, rounds, "at 1,000,000 rows")
        known = {kind: found.keys for kind, found in histories.items()}
    histories = _load(rows, known)
    radacct = load_radacct(histories[PLAIN])
    duck, memory = Duck(folder, histories), Memory(histories)
    engines = [
        *own,
        Engine("orm_loop", 1_000, orm_loop),
        Engine("prepared_loop", 2_000, prepared_loop),
        Engine("radacct_indexed", 300, ask_radacct, kinds=(PLAIN,), below=radacct),
        Engine("radacct_shipped", 3, ask_radacct, kinds=(PLAIN,), below=radacct, before=WITHOUT, after="ROLLBACK"),
        Engine("duckdb", QUESTIONS, duck.native),
        Engine("duckdb_parquet", QUESTIONS, duck.in_parquet),
        Engine("memory", QUESTIONS, memory.ask),
    ]
    times = _rounds(histories, engines, rounds, f"at {rows:,} rows")
    size = bytes_per_row()
    fresh = _fresh_process(questions(histories, QUESTIONS, 99))
    with psycopg.connect(admin_conninfo(), autocommit=True) as admin:
        admin.execute("CHECKPOINT")
    taken = ingest(histories[PLAIN].keys, histories[PLAIN].keys, max(1, min(10, rows // BATCH)))
    ratios = {
        "probe_vs_orm": times["orm_loop"] / times["probe"],
        "probe_vs_prepared": times["prepared_loop"] / times["probe"],
        "probe_vs_memory": times["probe"] / times["memory"],
        "verdict_vs_probe": times["verdict"] / times["probe"],
        "verdict_vs_radacct": times["radacct_indexed"] / times["verdict_plain"],
        "verdict_vs_radacct_shipped": times["radacct_shipped"] / times["verdict_plain"],
        "probe_vs_duckdb": times["duckdb"] / times["probe"],
        "probe_vs_duckdb_parquet": times["duckdb_parquet"] / times["probe"],
        **taken,
        "bytes_per_row": size,
        "rss_mib": fresh["peak_mib"],
        "rss_before_mib": fresh["idle_mib"],
    }
    growth = {name: round(times[name] / small[name], 2) for name in small}
    return {
        "rows": rows,
        **{name: round(value, 2) for name, value in ratios.items()},
        **({"cost_growth": growth} if growth else {}),
        "us_per_question": {name: round(seconds * 1e6, 2) for name, seconds in times.items()},
    }


def _load(rows: int, known: dict[int, int]) -> dict[int, History]:
    start = time.perf_counter()
    histories = {kind: history(kind, round(rows * share)) for kind, share in SHARES.items()}
    load(histories, known)
    print(f"loaded {rows:,} rows in {time.perf_counter() - start:,.1f} s", flush=True)
    return histories


def _rounds(histories: dict[int, History], engines: Sequence[Engine], rounds: int, title: str) -> dict[str, float]:
    """Time all engines in turns, in another order in each round; gives seconds for one question."""
    taken: dict[str, list[float]] = {engine.name: [] for engine in engines}
    order = random.Random(5)
    for number in range(-1, rounds):
        drawn = questions(histories, QUESTIONS, 1_000 + number)
        for engine in order.sample(engines, len(engines)):
            asked = [q for q in drawn if q.kind in engine.kinds and (engine.below is None or q.key < engine.below)]
            asked = asked[: engine.count]
            seconds = engine.time(asked)
            if number >= 0 and asked:
                # The first round warms all of them up.
                taken[engine.name].append(seconds / len(asked))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        spread = f"{min(times) * 1e6:,.1f} to {max(times) * 1e6:,.1f}"
        print(f"{title}: {name}: {medians[name] * 1e6:,.1f} µs for one question ({spread})", flush=True)
    return medians


def _fresh_process(batch: Sequence[Question]) -> dict[str, float]:
    """Let a process that has done nothing else answer a batch; gives its memory before and at its most."""
    place = connections[STORE].settings_dict
    given = {
        "name": place["NAME"],
        "password": place["PASSWORD"],
        "retention_days": RETENTION_DAYS,
        "tolerance": TOLERANCE.total_seconds(),
        "now": NOW.isoformat(),
        "batch": [(q.address, q.port, q.at.isoformat()) for q in batch],
    }
    command = [sys.executable, "-m", "tests.bench.fresh_process"]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    if found["answers"] != len(batch):
        raise SystemExit("the fresh process lost questions")
    return found

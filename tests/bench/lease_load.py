"""Put the invented year into our own store, and measure how fast more of it is taken in.

Closed months are loaded in bulk, in the order of time, with the indexes built afterwards. What is measured is the
product's own way in: `stage` and `store_staged`, 100,000 rows at a time, into a month that has its indexes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.db import connections, transaction

from broker.leases.models import AddressPlan, AddressWidth, BlockShape
from broker.leases.rows import NewRow
from broker.leases.services import STORE, drop_staged, stage, staged_overlaps, store_staged
from tests.bench import binary_rows as binary
from tests.bench.lease_truth import (
    BLOCK,
    BLOCK_SIZE,
    DAY,
    EPOCH,
    INNER_BASE,
    PLAIN,
    PLAIN_BASE,
    PREFIX,
    PREFIX_BASE,
    Array,
    History,
    address_of,
    first_port,
    shared_address,
)
from tests.bench.lease_truth import FIRST_INNER as INNER_ID

NOW = datetime(2025, 3, 1, tzinfo=UTC)
BATCH = 100_000
_MONTHS = [datetime(2023 + m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in range(11, 27)]
_COMMON = "valid_from, valid_to, holder_id, source_pos, certain_after, certain_before, import_id, source_id, flags"
_TABLES = {PLAIN: "lease", PREFIX: "lease", BLOCK: "port_block"}


def prepare() -> None:
    """Describe sources, address plan, widths and the shape of blocks, and make the months."""
    covered = [(datetime(2023, 1, 1, tzinfo=UTC), NOW)]
    with connections[STORE].cursor() as cursor:
        for number, (name, realm) in enumerate((("access", ""), ("nat", ""), ("core", "core")), 1):
            cursor.execute(
                "INSERT INTO lease_source (id, name, realm, worst_offset, derived, clocks, serial, coverage)"
                " VALUES (%s, %s, %s, interval '1 second', false, '{}', 0, tstzmultirange(tstzrange(%s, %s)))",
                [number, name, realm, *covered[0]],
            )
            cursor.execute(
                "INSERT INTO lease_import (key, source_id, started_at) VALUES (gen_random_uuid(), %s, now())", [number]
            )
        cursor.execute("SELECT make_lease_months(%s, %s)", [_MONTHS[0], _MONTHS[-2]])
        # Whoever is new to the store gets a number far from those of the truth.
        cursor.execute("SELECT setval(pg_get_serial_sequence('lease_holder', 'id'), %s)", [1 << 41])
    plan = (("240.0.0.0/8", "dedicated", 1), ("250.0.0.0/8", "cgn-block", 2), ("2001:db8::/32", "dedicated", 1))
    for prefix, sharing, source in plan:
        AddressPlan.objects.using(STORE).create(prefix=prefix, from_at=covered[0][0], sharing=sharing, source_id=source)
    for family, width in ((4, 32), (6, 56), (6, 128)):
        AddressWidth.objects.using(STORE).create(family=family, width=width)
    BlockShape.objects.using(STORE).create(span=BLOCK_SIZE, phase=0, step=1)


def load(histories: dict[int, History], known: dict[int, int]) -> None:
    """Load the keys of each kind from number `known` on, and who holds them; ends with a vacuum, as a night does."""
    connection = connections[STORE]
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
        _load_holders(cursor, histories)
        indexes = []
        for table in ("lease", "port_block"):
            cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
            indexes += cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for kind, history in histories.items():
            target = f"{_TABLES[kind]} ({_columns(kind)})"
            for lo, hi in pairwise(_MONTHS):
                binary.copy_in(
                    cursor, target, _rows(history, known[kind] * history.per_key, _seconds(lo), _seconds(hi))
                )
        first, last = known[BLOCK], histories[BLOCK].keys
        for lo, hi in pairwise(_MONTHS):
            binary.copy_in(cursor, f"lease ({_columns(PLAIN)})", _inner_rows(first, last, _seconds(lo), _seconds(hi)))
        for _, definition in indexes:
            cursor.execute(definition.replace(" ON ONLY ", " ON "))
        for table in ("lease", "port_block", "lease_holder"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


def _load_holders(cursor: Any, histories: dict[int, History]) -> None:
    """Make subscribers for all numbers that occur, whole thousands, and inner addresses likewise."""
    inner = -(-histories[BLOCK].keys // 1_000) * 1_000
    subscribers = max(inner, *(-(-histories[kind].keys // 1_000) * 1_000 for kind in (PLAIN, PREFIX)))
    cursor.execute(
        "INSERT INTO lease_holder (id, kind, reference, realm)"
        " SELECT n + 1, 'subscriber', 's-' || n, '' FROM generate_series(0, %s - 1) AS n ON CONFLICT DO NOTHING",
        [subscribers],
    )
    cursor.execute(
        "INSERT INTO lease_holder (id, kind, reference, inner_address, realm)"
        " SELECT %s + n, 'inner', '', '100.64.0.0'::inet + n, 'core' FROM generate_series(0::bigint, %s - 1) AS n"
        " ON CONFLICT DO NOTHING",
        [INNER_ID, inner],
    )


def _columns(kind: int) -> str:
    return f"{_COMMON}{', port_from, port_to, port_step, protocol' if kind == BLOCK else ''}, address"


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def _rows(history: History, first: int, lo: int, hi: int) -> Iterator[bytes]:
    """The parts of rows from number `first` on that lie in one month, in the order of time."""
    found = first + np.nonzero((history.starts[first:] < hi) & (history.ends[first:] > lo))[0]
    found = found[np.argsort(np.maximum(history.starts[found], lo), kind="stable")]
    for rows in np.array_split(found, -(-len(found) // 500_000) or 1):
        keys = rows // history.per_key
        source, extra = 1, []
        holders = history.holders[rows].astype(np.int64)
        if history.kind == PLAIN:
            address = binary.addresses(PLAIN_BASE + keys)
        elif history.kind == PREFIX:
            address = binary.prefixes(PREFIX_BASE + (keys << 8), 56)
        else:
            ports = first_port(keys)
            address, source = binary.addresses(shared_address(keys)), 2
            extra = [(">i4", ports), (">i4", ports + BLOCK_SIZE - 1), (">i2", 1), (None, None)]
        names = holders + (INNER_ID if history.kind == BLOCK else 1)
        yield _encode(rows, history.starts[rows], history.ends[rows], lo, hi, names, source, extra, address)


def _inner_rows(first: int, last: int, lo: int, hi: int) -> Iterator[bytes]:
    """Each inner address belongs to its subscriber from the middle of November to the middle of January."""
    numbers = np.arange(-(-first // 1_000) * 1_000, -(-last // 1_000) * 1_000)
    starts, ends = np.full(len(numbers), 320 * DAY), np.full(len(numbers), 380 * DAY)
    if len(numbers) and lo < 380 * DAY and hi > 320 * DAY:
        yield _encode(numbers, starts, ends, lo, hi, numbers + 1, 3, [], binary.addresses(INNER_BASE + numbers))


def _encode(
    positions: Array,
    starts: Array,
    ends: Array,
    lo: int,
    hi: int,
    holders: Array,
    source: int,
    extra: Any,
    address: Any,
) -> bytes:
    common = [
        *(binary.stamps(np.maximum(starts, lo)), binary.stamps(np.minimum(ends, hi)), (">i8", holders)),
        *((">i8", positions), (">i4", 0), (">i4", 0), (">i4", source), (">i2", source), (">i2", 0)),
    ]
    return binary.encode([*common, *extra, address], len(positions))


def ingest(keys: int, subscribers: int, batches: int) -> dict[str, float]:
    """Take in batches of new leases in the order of time: rows a second, with and without the search for overlaps."""
    rng = np.random.default_rng(7)
    taken = overlaps = 0.0
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()")
        (before,) = cursor.fetchone()
    for batch in range(batches):
        rows = _new_rows(rng, batch, batches, keys, subscribers)
        start = time.perf_counter()
        with transaction.atomic(using=STORE):
            staged = stage(rows, NOW)
            if staged is None:
                raise SystemExit("nothing was staged")
            store_staged(1, 1, staged, now=NOW)
            looking = time.perf_counter()
            staged_overlaps()
            looked = time.perf_counter() - looking
            drop_staged()
        taken += time.perf_counter() - start - looked
        overlaps += looked
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [before])
        (wal,) = cursor.fetchone()
    count = batches * BATCH
    return {
        "ingest_rows_per_s": count / taken,
        "ingest_with_overlaps_rows_per_s": count / (taken + overlaps),
        "wal_bytes_per_row": float(wal) / count,
    }


def _new_rows(rng: Any, batch: int, batches: int, keys: int, subscribers: int) -> list[NewRow]:
    """January 2025, cut into as many equal parts as there are batches; no lease reaches into February."""
    january, width = datetime(2025, 1, 1, tzinfo=UTC), 30 * DAY / batches
    starts = np.sort(rng.integers(int(batch * width), int((batch + 1) * width), BATCH))
    lengths = rng.integers(60, DAY, BATCH)
    owners, numbers = rng.integers(0, subscribers, BATCH), rng.integers(0, keys, BATCH)
    rows = []
    for pos, (start, length, who, key) in enumerate(zip(starts, lengths, owners, numbers, strict=True)):
        lo = january + timedelta(seconds=int(start))
        hi = lo + timedelta(seconds=int(length))
        position = batch * BATCH + pos
        rows.append(
            NewRow(position, address_of(int(key)), *(None,) * 4, "subscriber", f"s-{who}", None, "", lo, hi, lo, hi, 0)
        )
    return rows


def bytes_per_row() -> float:
    """Heap and indexes of leases and port blocks, divided by their rows."""
    with connections[STORE].cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
            " WHERE inhparent IN ('lease'::regclass, 'port_block'::regclass)"
        )
        (size,) = cursor.fetchone()
        cursor.execute("SELECT (SELECT count(*) FROM lease) + (SELECT count(*) FROM port_block)")
        (count,) = cursor.fetchone()
    return float(size) / float(count)

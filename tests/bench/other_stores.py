"""The same truth where others keep it: FreeRADIUS's accounting table, and DuckDB in its own format and in Parquet."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connections

from broker.leases.services import STORE
from tests.bench import binary_rows as binary
from tests.bench.lease_engines import Answers, sorted_rows
from tests.bench.lease_truth import PLAIN_BASE, History, Question

# Above this the table of FreeRADIUS has the first addresses only: at 400 bytes a row it would outgrow all else.
MOST_RADACCT = 10_000_000

# The columns of FreeRADIUS 3.2 for PostgreSQL, and the indexes it ships.
# Source: raddb/mods-config/sql/main/postgresql/schema.sql of its repository.
_RADACCT = """
CREATE TABLE radacct (
    radacctid bigserial PRIMARY KEY, acctsessionid text NOT NULL, acctuniqueid text NOT NULL UNIQUE, username text,
    realm text, nasipaddress inet NOT NULL, nasportid text, nasporttype text, acctstarttime timestamptz,
    acctupdatetime timestamptz, acctstoptime timestamptz, acctinterval bigint, acctsessiontime bigint,
    acctauthentic text, connectinfo_start text, connectinfo_stop text, acctinputoctets bigint,
    acctoutputoctets bigint, calledstationid text, callingstationid text, acctterminatecause text, servicetype text,
    framedprotocol text, framedipaddress inet, framedipv6address inet, framedipv6prefix inet,
    framedinterfaceid text, delegatedipv6prefix inet
)"""
_SHIPPED = (
    "CREATE INDEX radacct_active_session_idx ON radacct (acctuniqueid) WHERE acctstoptime IS NULL",
    "CREATE INDEX radacct_bulk_close ON radacct (nasipaddress, acctstarttime) WHERE acctstoptime IS NULL",
    "CREATE INDEX radacct_start_user_idx ON radacct (acctstarttime, username)",
)
_ADDED = "CREATE INDEX radacct_added ON radacct (framedipaddress)"
# Sessions in the order of time, about 256 bytes each.
_FILL = """
INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, nasportid, nasporttype, acctstarttime,
    acctupdatetime, acctstoptime, acctsessiontime, acctauthentic, acctinputoctets, acctoutputoctets,
    calledstationid, callingstationid, acctterminatecause, servicetype, framedprotocol, framedipaddress)
SELECT to_char(row_number() OVER w, 'FM0000000XXXXXXXX'), md5(row_number() OVER w::text), 'line-' || holder,
    '192.0.2.9', 'slot-1/port-7', 'Ethernet', start, stop, stop, extract(epoch FROM stop - start), 'RADIUS',
    holder * 1000003, holder * 9000011, 'bras-1', '02:00:5e:10:00:01', 'User-Request', 'Framed-User', 'PPP', address
FROM sessions WINDOW w AS (ORDER BY start) ORDER BY start"""
_ASK = """
SELECT username, acctstarttime FROM radacct
WHERE framedipaddress = %s AND acctstarttime <= %s AND (acctstoptime >= %s OR acctstoptime IS NULL)"""


def load_radacct(history: History) -> int:
    """Make the table anew from the plain leases, with the shipped indexes and one more; give the keys it has."""
    keys = min(history.keys, MOST_RADACCT // history.per_key)
    count = keys * history.per_key

    def blocks() -> Iterator[bytes]:
        for rows in np.array_split(np.arange(count), -(-count // 500_000)):
            starts, ends = binary.stamps(history.starts[rows]), binary.stamps(history.ends[rows])
            address = binary.addresses(PLAIN_BASE + rows // history.per_key)
            yield binary.encode([starts, ends, (">i8", history.holders[rows] + 1), address], len(rows))

    with connections[STORE].cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS radacct")
        cursor.execute(
            "CREATE TEMPORARY TABLE sessions (start timestamptz, stop timestamptz, holder bigint, address inet)"
        )
        binary.copy_in(cursor, "sessions", blocks())
        for statement in (_RADACCT, _FILL, *_SHIPPED, _ADDED, "DROP TABLE sessions", "VACUUM (ANALYZE) radacct"):
            cursor.execute(statement)
    return keys


def ask_radacct(questions: Sequence[Question]) -> Answers:
    """Ask one by one, as an operator does; of several sessions the last begun."""
    answers: Answers = []
    with connections[STORE].cursor() as cursor:
        for q in questions:
            cursor.execute(_ASK, [q.stored, q.at, q.at])
            found = max(cursor.fetchall(), key=lambda row: row[1], default=None)
            answers.append(None if found is None else int(found[0].removeprefix("line-")))
    return answers


class Duck:
    """DuckDB with two threads, its table sorted by key and start; one hash join for all questions."""

    def __init__(self, folder: Path, histories: dict[int, History]) -> None:
        self.connection: Any = importlib.import_module("duckdb").connect(str(folder / "leases.duckdb"))
        self.connection.execute("SET threads = 2")
        self.connection.execute("CREATE TABLE native (key BIGINT, start INTEGER, stop INTEGER, holder BIGINT)")
        for kind in sorted(histories):
            places, ends, holders = sorted_rows(histories[kind])
            rows = {
                "key": places >> 32,
                "start": (places & 0xFFFFFFFF).astype(np.int32),
                "stop": ends,
                "holder": holders,
            }
            self.connection.register("fresh", rows)
            self.connection.execute("INSERT INTO native SELECT * FROM fresh")
            self.connection.unregister("fresh")
        self.parquet = str(folder / "leases.parquet")
        self.connection.execute(f"COPY (SELECT * FROM native ORDER BY key, start) TO '{self.parquet}' (FORMAT parquet)")
        self.connection.execute("CHECKPOINT")

    def native(self, questions: Sequence[Question]) -> Answers:
        """Ask the table in DuckDB's own format."""
        return self._ask("native", questions)

    def in_parquet(self, questions: Sequence[Question]) -> Answers:
        """Ask the file in Parquet."""
        return self._ask(f"read_parquet('{self.parquet}')", questions)

    def _ask(self, table: str, questions: Sequence[Question]) -> Answers:
        count = len(questions)
        asked = {
            "ord": np.arange(count),
            "key": np.fromiter(((q.kind << 28) + q.key for q in questions), np.int64, count),
            "at": np.fromiter((q.second for q in questions), np.int32, count),
        }
        self.connection.register("asked", asked)
        found = self.connection.execute(
            f"SELECT a.ord, t.holder FROM asked a JOIN {table} t ON t.key = a.key AND t.start <= a.at AND t.stop > a.at"
        ).fetchnumpy()
        answers: Answers = [None] * count
        for number, holder in zip(found["ord"].tolist(), found["holder"].tolist(), strict=True):
            answers[number] = holder
        return answers

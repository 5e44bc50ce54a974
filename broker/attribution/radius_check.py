"""Whether the operator's RADIUS database is fit to be asked in place, and what that costs.

It reads the catalogues and lets the planner estimate; it changes nothing, and runs no look-up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings

from broker.attribution.radacct_source import KEYS, lookup_statement, parameters_of

COLUMNS = (
    "radacctid",
    "acctstarttime",
    "acctupdatetime",
    "acctstoptime",
    "acctinterval",
    "acctsessiontime",
    "acctterminatecause",
    *KEYS,
)
# What would answer each key; prefixes that contain an address are found by GiST, not by a B-tree.
INDEXES = {
    "framedipaddress": "(framedipaddress, acctstarttime)",
    "framedipv6address": "(framedipv6address, acctstarttime) WHERE framedipv6address IS NOT NULL",
    "framedipv6prefix": "USING gist (framedipv6prefix inet_ops) WHERE framedipv6prefix IS NOT NULL",
    "delegatedipv6prefix": "USING gist (delegatedipv6prefix inet_ops) WHERE delegatedipv6prefix IS NOT NULL",
}
# A B-tree row of (inet, timestamptz), measured; GiST takes about twice that.
INDEX_BYTES_PER_ROW = 32


@dataclass(frozen=True, slots=True)
class RadiusCheck:
    """What was found: sentences for people, and whether something stands in the way."""

    findings: tuple[str, ...]
    faults: tuple[str, ...]


def check_radius(connection: psycopg.Connection) -> RadiusCheck:
    """Look at the database; faults are what has to be mended before it can be asked, or asked safely."""
    [version, role, superuser] = _one(
        connection,
        "SELECT current_setting('server_version'), current_user::text, rolsuper FROM pg_roles"
        " WHERE rolname = current_user",
    )
    findings = [f"PostgreSQL {version}, asked as role {role}."]
    faults: list[str] = []
    if _one(connection, "SELECT to_regclass('radacct')::text") == (None,):
        faults.append("There is no table radacct in the search path of this role.")
        return RadiusCheck(tuple(findings), tuple(faults))
    present = {
        name
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'radacct'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    }
    needed = (*COLUMNS, settings.RADIUS_IDENTITY)
    if missing := [name for name in needed if name not in present]:
        faults.append(f"radacct lacks {', '.join(missing)}: its schema is older than FreeRADIUS 3.2, or another one.")
    else:
        findings.append(f"All {len(needed)} columns that are needed are there.")
    faults += _rights(connection, role, superuser)
    rows, size = _one(
        connection,
        "SELECT GREATEST(reltuples, 0)::bigint, pg_relation_size(oid) FROM pg_class WHERE oid = 'radacct'::regclass",
    )
    findings.append(f"About {rows:,} rows, {size / 2**20:,.0f} MiB, by the last ANALYZE.")
    if not missing and not faults_of_reading(faults):
        findings += _cost(connection, rows)
    if not settings.RADIUS_ADDRESS_FIXED:
        faults.append(
            "BROKER_RADIUS_ADDRESS_FIXED is not set: an address that changed inside a session is overwritten in "
            "radacct, so every answer from here is 'incomplete'."
        )
    if settings.RADIUS_COMPLETE_FROM is None:
        faults.append("BROKER_RADIUS_COMPLETE_FROM is not set: every answer from here is 'incomplete'.")
    return RadiusCheck(tuple(findings), tuple(faults))


def faults_of_reading(faults: Sequence[str]) -> bool:
    """Tell whether one of the faults is that the table cannot be read at all."""
    return any(fault.startswith("The role may not read") for fault in faults)


def _rights(connection: psycopg.Connection, role: str, superuser: bool) -> list[str]:
    found = []
    may_read, may_write = _one(
        connection,
        "SELECT has_table_privilege('radacct', 'SELECT'),"
        " has_table_privilege('radacct', 'INSERT, UPDATE, DELETE, TRUNCATE')",
    )
    if superuser:
        found.append(f"The role {role} is a superuser. Give the worker a role that may only read radacct.")
    elif may_write:
        found.append(f"The role {role} may change radacct. Grant it SELECT and nothing else.")
    if not may_read:
        found.append(f"The role may not read radacct: GRANT SELECT ON radacct TO {role}.")
    return found


def _cost(connection: psycopg.Connection, rows: int) -> list[str]:
    """Say what one observation costs now, which indexes are missing, and what it would cost with them."""
    found = []
    for family, address in ((4, "203.0.113.7"), (6, "2001:db8::7")):
        plan = _plan(connection, address)
        scans = "reads the whole table" if _whole_table(plan) else "uses an index for every step"
        found.append(f"One IPv{family} observation {scans}; the planner's cost is {plan['Total Cost']:,.0f}.")
    leading = {
        (name, method)
        for name, method in connection.execute(
            "SELECT a.attname::text, m.amname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_am m ON m.oid = c.relam"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = 'radacct'::regclass AND i.indisvalid"
        )
    }
    for column, definition in INDEXES.items():
        method = "gist" if "gist" in definition else "btree"
        if (column, method) in leading:
            found.append(f"{column} has an index.")
            continue
        each, used = _rows_for_one(connection, column, rows)
        found.append(
            f"No index begins with {column}. With it, one observation reads about {each:,} row(s) by it; it would take "
            f"about {max(1, used * INDEX_BYTES_PER_ROW // 2**20):,} MiB. Run, when it suits you:\n"
            f"    CREATE INDEX CONCURRENTLY radacct_{column}_idx ON radacct {definition};"
        )
    return found


def _plan(connection: psycopg.Connection, address: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    parameters = parameters_of([address], [(now - timedelta(days=1), now - timedelta(days=1) + timedelta(minutes=2))])
    statement = lookup_statement(settings.RADIUS_IDENTITY).as_string(connection)
    (plan,) = _one(connection, "EXPLAIN (FORMAT JSON) " + statement, parameters)
    parsed = json.loads(plan) if isinstance(plan, str) else plan
    root: dict[str, Any] = parsed[0]["Plan"]
    return root


def _whole_table(plan: dict[str, Any]) -> bool:
    """Tell whether a plan reads radacct from end to end for each observation."""
    if plan["Node Type"] == "Seq Scan" and plan.get("Relation Name") == "radacct":
        return True
    return any(_whole_table(part) for part in plan.get("Plans", ()))


def _rows_for_one(connection: psycopg.Connection, column: str, rows: int) -> tuple[int, int]:
    """Estimate from the statistics how many rows one value has, and how many rows have a value at all."""
    stats = connection.execute(
        "SELECT n_distinct, null_frac FROM pg_stats WHERE schemaname || '.' || tablename ="
        " (SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE oid = 'radacct'::regclass)"
        " AND attname = %s",
        [column],
    ).fetchone()
    if stats is None:
        return 1, rows
    distinct, null_fraction = stats
    used = int(rows * (1 - null_fraction))
    # Negative: a share of all rows, by the convention of pg_stats.
    values = distinct if distinct > 0 else -distinct * rows
    return max(1, round(used / values)) if values else 1, used


def _one(connection: psycopg.Connection, query: str, parameters: Any = None) -> tuple[Any, ...]:
    row = connection.execute(query, parameters).fetchone()
    return row or ()

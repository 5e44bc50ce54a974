"""The SQL that tells how good the evidence is. It reads only, and no address and no holder leaves it."""

# ruff: noqa: S608 - built from constants of this module

from __future__ import annotations

from broker.leases.rows import RowFlag

# Each statement is about one month (UTC) or a part of it, so that none has to sort or remember more than that.
# A holding that goes on over the end of a month has a part in each; it counts where its first part is, or where the
# report begins. `begins_anew`: the part begins with the month, so it may be a later one.
_PART = """
    SELECT import_id, source_pos, source_id, holder_id, address, {ports}, {ends}, flags, {anew} AS begins_anew
    FROM {table} WHERE {where}"""
_PORTS = "port_from, port_to, port_step, protocol"
_NO_PORTS = "NULL::int AS port_from, NULL::int AS port_to, NULL::smallint AS port_step, NULL::smallint AS protocol"
_CLOSED = {
    "ends": "valid_from, valid_to",
    "anew": "valid_from = date_trunc('month', valid_from, 'UTC')",
    "where": "valid_from >= %(first)s AND valid_from < %(until)s",
}
_OPEN = {
    "ends": "possible_from AS valid_from, COALESCE(possible_to, 'infinity') AS valid_to",
    "anew": "false",
    "where": "possible_from >= %(first)s AND possible_from < %(until)s",
}
# As far as it lies in the month: what is open is not cut.
_TOUCHING = {
    "ends": """GREATEST(possible_from, %(first)s::timestamptz) AS valid_from,
        LEAST(possible_to, %(until)s::timestamptz) AS valid_to""",
    "anew": "false",
    "where": "possible_from < %(until)s AND (possible_to IS NULL OR possible_to > %(first)s)",
}


def _rows(still_open: dict[str, str]) -> str:
    return " UNION ALL ".join(
        (
            _PART.format(table="lease", ports=_NO_PORTS, **_CLOSED),
            _PART.format(table="port_block", ports=_PORTS, **_CLOSED),
            _PART.format(table="odd_block", ports=_PORTS, **_CLOSED),
            _PART.format(table="open_lease", ports=_PORTS, **still_open),
        )
    )


_ROWS = _rows(_OPEN)
# The part before, in the month before; found by the address, as every row is.
_BEFORE = " UNION ALL ".join(
    f"""SELECT FROM {table} b WHERE b.address = r.address AND b.valid_to = r.valid_from AND b.import_id = r.import_id
        AND b.source_pos = r.source_pos AND b.valid_from < %(first)s
        AND b.valid_from >= %(before)s"""
    for table in ("lease", "port_block", "odd_block")
)
_FIRST = f"(NOT begins_anew OR %(at_start)s OR NOT EXISTS ({_BEFORE})) AS is_first"

SOURCES = """
SELECT id, name, ARRAY(SELECT lower(r) FROM unnest(coverage) AS r ORDER BY r),
    ARRAY(SELECT upper(r) FROM unnest(coverage) AS r ORDER BY r), doubted_from
FROM lease_source WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name"""

REJECTS = """
SELECT r.code, count(*) FROM log_reject r JOIN lease_import i ON i.id = r.log_id
WHERE i.source_id = %(source)s GROUP BY 1 ORDER BY 1"""

OFFSETS = """
SELECT day, largest_offset, measured_count FROM lease_source_day
WHERE source_id = %(source)s AND measured_count > 0 AND day >= %(first)s::date AND day < %(until)s::date ORDER BY day"""

LAGS = """
SELECT day, found_offset FROM lease_source_day
WHERE source_id = %(source)s AND found_offset > accepted_offset AND day >= %(first)s::date AND day < %(until)s::date
ORDER BY day"""

# Addresses behind a translation are in no plan of public ones.
_INNER = " OR ".join(
    f"address <<= '{prefix}'"
    for prefix in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_PLANNED = "SELECT FROM address_plan p WHERE p.prefix >>= r.address AND p.from_at <= r.valid_from"
_THEN = "(p.to_at IS NULL OR p.to_at > r.valid_from)"

COUNTS = f"""
SELECT count(*), count(*) FILTER (WHERE is_first),
    count(*) FILTER (WHERE is_first AND flags & {RowFlag.LOST_START:d} > 0),
    count(*) FILTER (WHERE is_first AND flags & {RowFlag.LOST_STOP:d} > 0),
    count(*) FILTER (WHERE is_first AND flags & {RowFlag.CONTRADICTED:d} > 0),
    count(*) FILTER (WHERE NOT ({_INNER}) AND NOT EXISTS ({_PLANNED} AND {_THEN})),
    count(*) FILTER (WHERE port_from IS NOT NULL
        AND EXISTS ({_PLANNED} AND {_THEN} AND p.sharing IN ('dedicated', 'static'))
        AND NOT EXISTS ({_PLANNED} AND {_THEN} AND p.sharing NOT IN ('dedicated', 'static')))
FROM (SELECT *, {_FIRST} FROM ({_ROWS}) AS r WHERE source_id = %(source)s OFFSET 0) AS r"""

# What goes on over the end of a month begins anew at midnight in the store, and nowhere else.
HOURS = f"""
SELECT (valid_from AT TIME ZONE 'UTC')::date, extract(hour FROM valid_from AT TIME ZONE 'UTC')::int, count(*)
FROM ({_ROWS}) AS r
WHERE source_id = %(source)s AND NOT begins_anew
GROUP BY 1, 2"""

# A stretch is a run of rows of one key that each begin before all earlier ones have ended. It has rows of two holders
# exactly if two rows of different holders overlap: whoever begins in it meets the one that lasts longest so far.
OVERLAPS = f"""
WITH reached AS (
    SELECT r.*, s.realm, max(valid_to) OVER (
        PARTITION BY realm, address, port_from, port_to, port_step, protocol ORDER BY valid_from, import_id, source_pos
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM ({_rows(_TOUCHING)}) AS r JOIN lease_source s ON s.id = r.source_id
), numbered AS (
    SELECT *, count(*) FILTER (WHERE before IS NULL OR before <= valid_from) OVER (
        PARTITION BY realm, address, port_from, port_to, port_step, protocol ORDER BY valid_from, import_id, source_pos
        ROWS UNBOUNDED PRECEDING) AS stretch
    FROM reached
), stretches AS (
    SELECT min(ARRAY[import_id, source_pos]) AS place FROM numbered
    GROUP BY realm, address, port_from, port_to, port_step, protocol, stretch
    HAVING min(holder_id) <> max(holder_id) AND bool_or(source_id = %(source)s)
)
SELECT count(*) OVER (), place FROM stretches ORDER BY place LIMIT 10"""

"""The SQL by which rows are kept for a case, and by which what is kept is found again."""

# ruff: noqa: S608 - built from constants of this module

from __future__ import annotations

HOLD = """
INSERT INTO lease_hold (case_id, address, port, from_at, to_at, made_at, lapses_at, settled, shown)
VALUES (%(case_id)s, %(address)s, %(port)s, %(lo)s, %(hi)s, now(), %(lapses_at)s, %(settled)s::text::tstzmultirange,
    %(shown)s::text::tstzmultirange)
RETURNING id"""

LIVE_HOLDS = """
SELECT case_id, min(lapses_at) FROM lease_hold WHERE case_id = ANY(%(cases)s) AND lapses_at > now() GROUP BY case_id"""

# The clock, and not the transaction's: a hold of this very transaction is ended after it was made.
MOVE_LAPSES = """
UPDATE lease_hold k SET lapses_at = GREATEST(a.lapses_at, clock_timestamp())
FROM unnest(%(cases)s::uuid[], %(lapses)s::timestamptz[]) AS a (case_id, lapses_at)
WHERE k.case_id = a.case_id AND k.lapses_at > now()"""

# As they would be found by a question: each prefix that contains the address, and all of what begins in the month of lo
# or later. A block is kept if it has the port, or if any may show that the address was shared (beside).
_HAS_PORT = """(%(port)s::int BETWEEN l.port_from AND l.port_to AND (%(port)s::int - l.port_from) %% l.port_step = 0)"""
_HELD_BLOCK = f"(%(beside)s OR {_HAS_PORT})"
_HELD_CLOSED = """l.holder_id, l.valid_from, l.valid_to,
    LEAST(l.valid_to, l.valid_from + l.certain_after * interval '1 second'),
    GREATEST(LEAST(l.valid_to, l.valid_from + l.certain_after * interval '1 second'),
        l.valid_to - l.certain_before * interval '1 second'), l.flags"""
_HELD_REACH = """l.address = a.address AND l.valid_from >= date_trunc('month', %(lo)s::timestamptz, 'UTC')
        AND l.valid_from <= %(hi)s AND l.valid_to >= %(lo)s"""


def _held_blocks(table: str) -> str:
    return f"""
SELECT l.source_id, l.import_id, l.source_pos, l.port_from, l.port_to, l.port_step, l.protocol, l.address,
    {_HELD_CLOSED}
FROM asked a JOIN {table} l ON {_HELD_REACH} WHERE {_HELD_BLOCK}"""


HOLD_ROWS = f"""
WITH asked AS (
    SELECT network(set_masklen(%(address)s::inet, width))::inet AS address FROM address_width
    WHERE family = family(%(address)s::inet)
), found AS (
SELECT l.source_id, l.import_id, l.source_pos, NULL::int AS port_from, NULL::int AS port_to,
    NULL::smallint AS port_step, NULL::smallint AS protocol, l.address, {_HELD_CLOSED}
FROM asked a JOIN lease l ON {_HELD_REACH}
UNION ALL {_held_blocks("port_block")}
UNION ALL {_held_blocks("odd_block")}
UNION ALL
SELECT l.source_id, l.import_id, l.source_pos, l.port_from, l.port_to, l.port_step, l.protocol, l.address,
    l.holder_id, l.possible_from, l.possible_to, l.certain_from, l.certain_to, l.flags
FROM asked a JOIN open_lease l ON l.address = a.address AND l.possible_from <= %(hi)s
    AND (l.possible_to IS NULL OR l.possible_to >= %(lo)s)
WHERE l.port_from IS NULL OR {_HELD_BLOCK}
)
INSERT INTO held_lease (hold_id, source_id, import_id, source_pos, port_from, port_to, port_step, protocol, address,
    holder_id, possible_from, possible_to, certain_from, certain_to, flags)
SELECT %(hold)s, * FROM found"""

# The inner addresses that an answer would follow; behind blocks only those of the port that was asked about.
HELD_INNER = f"""
SELECT DISTINCT host(h.inner_address) FROM held_lease l JOIN lease_holder h ON h.id = l.holder_id
WHERE l.hold_id = %(hold)s AND h.kind = 'inner' AND (l.port_from IS NULL OR {_HAS_PORT})"""

# What is held for these cases without a look at the operator's RADIUS database.
HOLDS_WITHOUT_SESSIONS = """
SELECT id, host(address), from_at, to_at FROM lease_hold
WHERE case_id = ANY(%(cases)s) AND lapses_at > now() AND radius_settled IS NULL ORDER BY id"""

HOLD_SESSIONS = """
INSERT INTO held_radacct (hold_id, radacctid, holder, acctstarttime, acctupdatetime, acctstoptime, acctinterval,
    acctsessiontime, acctterminatecause, framedipaddress, framedipv6address, framedipv6prefix, delegatedipv6prefix)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::inet, %s::inet, %s::inet, %s::inet)"""

SETTLE_SESSIONS = """
UPDATE lease_hold SET radius_settled = %(settled)s::text::tstzmultirange WHERE id = ANY(%(holds)s)"""

# For what time the RADIUS database held everything when it was copied for these questions' own cases.
HELD_SETTLED = """
SELECT a.ord, k.radius_settled
FROM unnest(%(ords)s::int[], %(addresses)s::inet[], %(ports)s::int[], %(cases)s::uuid[], %(los)s::timestamptz[],
    %(his)s::timestamptz[]) AS a (ord, address, port, case_id, lo, hi)
    JOIN lease_hold k ON k.address = a.address AND k.case_id = a.case_id AND k.from_at <= a.lo AND k.to_at >= a.hi
        AND k.lapses_at > now() AND (k.port IS NULL OR k.port = a.port) AND k.radius_settled IS NOT NULL"""

# Live holds of a question's own case that cover it whole: what they keep may be answered although its time has passed.
# One that was made without a port keeps the rows of all ports.
HELD = """
SELECT a.ord, k.settled, k.shown
FROM unnest(%(ords)s::int[], %(addresses)s::inet[], %(ports)s::int[], %(cases)s::uuid[], %(los)s::timestamptz[],
    %(his)s::timestamptz[]) AS a (ord, address, port, case_id, lo, hi)
    JOIN lease_hold k ON k.address = a.address AND k.case_id = a.case_id AND k.from_at <= a.lo AND k.to_at >= a.hi
        AND k.lapses_at > %(now)s AND (k.port IS NULL OR k.port = a.port)"""

"""The statement that finds all rows in reach of a batch of questions.

Questions are asked month by month, in the same statement: with the month as a constant the planner finds its one
partition; found anew for each question that costs more than the probe itself. Rows are cut at month ends, so a question
stands in each month it touches; there once for each width in the first list, and once for each shape of blocks in the
second. Rows come in any order. Those without a holder say that blocks of ports exist for an address that was asked
without regard to ports.

Lists are sent in binary: to write times as text takes twenty times as long. OFFSET 0 keeps each probe a probe: joined
as a whole, the planner would read the tables from end to end.
"""

# ruff: noqa: S608 - built from the constants of this module and the numbers of months

from __future__ import annotations

from collections.abc import Sequence

_SURE = """l.valid_from + l.certain_after * interval '1 second', l.valid_to - l.certain_before * interval '1 second'"""
_ABOUT = """(a.port IS NOT NULL AND a.port BETWEEN l.port_from AND l.port_to
            AND (a.port - l.port_from) %% l.port_step = 0)"""
_BLOCK_ROW = f"""SELECT a.ord, l.holder_id, l.valid_from, l.valid_to, {_SURE}, l.port_from, l.port_to, l.port_step,
    l.protocol, l.flags, l.source_id, l.import_id, l.source_pos, masklen(a.address)"""
_OPEN_ROW = """l.holder_id, l.possible_from, l.possible_to, l.certain_from, l.certain_to, l.port_from, l.port_to,
    l.port_step, l.protocol, l.flags, l.source_id, l.import_id, l.source_pos"""
_OPEN_REACH = """l.address = a.address AND l.possible_from <= a.hi
        AND (l.possible_to IS NULL OR l.possible_to >= a.lo)"""


def evidence(ported: Sequence[bool], *, odd: bool, still_open: bool, held: bool) -> str:
    """Give the statement for questions of as many months (UTC) as `ported` has; they are numbered from 0.

    ported: whether a port is asked about in that month, whatever its blocks may be. odd, still_open: whether there are
    any odd blocks and open leases at all. held: whether held rows are asked for.

    Parameters: for each month n `from_n` and `until_n`, its ends, and two lists with a column each: `ords_n,
    addresses_n, ports_n, los_n, his_n, plain_n`, and where a port is asked about `block_ords_n, block_addresses_n,
    block_firsts_n, block_ports_n, block_los_n, block_his_n`. With still_open or held also the columns of the first list
    once for all months, without `_n`; with held `held` and `cases`, the questions that may have held rows and whose
    holds these are, and `now`.

    A probe that finds nothing costs as much as one that does, so tables without a row are not asked. Whoever asks must
    have looked after reading how complete the sources are: what comes in later is not in what they had delivered.
    """
    lists, parts = [], []
    for number, with_ports in enumerate(ported):
        lists.append(_asked(f"_{number}"))
        parts += _whole_addresses(number, odd=odd)
        if with_ports:
            lists.append(_asked_blocks(number))
            parts += _blocks(number, odd=odd)
    if still_open or held:
        lists.append(_asked(""))
    if still_open:
        parts += [_OPEN_ROWS, _OPEN_PLAIN]
    if held:
        parts.append(_HELD_ROWS)
    return f"WITH {', '.join(lists)} {' UNION ALL '.join(parts)}"


def _asked(mark: str) -> str:
    return f"""asked{mark} AS (
    SELECT * FROM unnest(%(ords{mark})b::int[], %(addresses{mark})b::text[]::inet[], %(ports{mark})b::int[],
        %(los{mark})b::timestamptz[], %(his{mark})b::timestamptz[], %(plain{mark})b::bool[])
        AS t (ord, address, port, lo, hi, plain)
)"""


def _asked_blocks(number: int) -> str:
    return f"""blocks_{number} AS (
    SELECT * FROM unnest(%(block_ords_{number})b::int[], %(block_addresses_{number})b::text[]::inet[],
        %(block_firsts_{number})b::int[], %(block_ports_{number})b::int[], %(block_los_{number})b::timestamptz[],
        %(block_his_{number})b::timestamptz[]) AS t (ord, address, first, port, lo, hi)
)"""


def _reach(number: int) -> str:
    return f"""l.address = a.address AND l.valid_from >= %(from_{number})b::timestamptz
        AND l.valid_from < %(until_{number})b::timestamptz AND l.valid_from <= a.hi AND l.valid_to >= a.lo"""


def _whole_addresses(number: int, *, odd: bool) -> list[str]:
    """Leases; and that there are blocks where none should be."""
    reach, ports = _reach(number), "SELECT l.valid_from, l.valid_to, l.port_from, l.port_to"
    odd_blocks = f"UNION ALL {ports} FROM odd_block l WHERE {reach}" if odd else ""
    return [
        f"""SELECT a.ord, l.holder_id, l.valid_from, l.valid_to, {_SURE}, NULL::int, NULL::int, NULL::smallint,
    NULL::smallint, l.flags, l.source_id, l.import_id, l.source_pos, masklen(a.address)
FROM asked_{number} a CROSS JOIN LATERAL (SELECT * FROM lease l WHERE {reach} OFFSET 0) AS l""",
        f"""SELECT a.ord, NULL, b.valid_from, b.valid_to, b.valid_from, b.valid_to, b.port_from, b.port_to, NULL, NULL,
    0::smallint, 0::smallint, 0, 0, masklen(a.address)
FROM asked_{number} a CROSS JOIN LATERAL ({ports} FROM port_block l WHERE {reach} {odd_blocks} OFFSET 0) AS b
WHERE a.plain""",
    ]


def _blocks(number: int, *, odd: bool) -> list[str]:
    reach = _reach(number)
    blocks = f"""{_BLOCK_ROW}
FROM blocks_{number} a CROSS JOIN LATERAL (
    SELECT * FROM port_block l WHERE l.port_from = a.first AND {reach} OFFSET 0) AS l
WHERE {_ABOUT}"""
    odd_blocks = f"""{_BLOCK_ROW}
FROM asked_{number} a CROSS JOIN LATERAL (SELECT * FROM odd_block l WHERE {reach} OFFSET 0) AS l
WHERE {_ABOUT}"""
    return [blocks, odd_blocks] if odd else [blocks]


_OPEN_ROWS = f"""SELECT a.ord, {_OPEN_ROW}, masklen(a.address)
FROM asked a CROSS JOIN LATERAL (SELECT * FROM open_lease l WHERE {_OPEN_REACH} OFFSET 0) AS l
WHERE l.port_from IS NULL OR {_ABOUT}"""
_OPEN_PLAIN = f"""SELECT a.ord, NULL, b.possible_from, b.possible_to, b.possible_from, b.possible_to, b.port_from,
    b.port_to, NULL, NULL, 0::smallint, 0::smallint, 0, 0, masklen(a.address)
FROM asked a CROSS JOIN LATERAL (
    SELECT * FROM open_lease l WHERE {_OPEN_REACH} AND l.port_from IS NOT NULL OFFSET 0) AS b
WHERE a.plain"""
_HELD_ROWS = f"""SELECT a.ord, {_OPEN_ROW}, masklen(l.address)
FROM asked a JOIN unnest(%(held)s::int[], %(cases)s::uuid[]) AS h (ord, case_id) ON a.ord = h.ord
    JOIN lease_hold k ON k.case_id = h.case_id AND k.lapses_at > %(now)s AND a.address = k.address
    AND a.lo <= k.to_at AND a.hi >= k.from_at AND (k.port IS NULL OR k.port = a.port)
    JOIN held_lease l ON l.hold_id = k.id
WHERE l.port_from IS NULL OR a.port IS NULL OR {_ABOUT}"""

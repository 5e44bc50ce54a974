"""The statement that finds all rows in reach of a batch of questions.

Questions are asked month by month, in the same statement: with the month as a constant the planner finds its one
partition; found anew for each question that costs more than the probe itself. Rows are cut at month ends, so a question
stands in each month it touches. Rows come in any order.

OFFSET 0 keeps each probe a probe: joined as a whole, the planner would read the tables from end to end.
"""

# ruff: noqa: S608 - built from the constants of this module and the numbers of months

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Probe(StrEnum):
    """What is asked of one month: a list of its own for each.

    LEASE: leases, for each width of prefix. BLOCK: port blocks, for each shape. BESIDE: whatever blocks an address has,
    where none should be. ODD: blocks of odd shapes.
    """

    LEASE = "lease"
    BLOCK = "block"
    BESIDE = "beside"
    ODD = "odd"


# The columns of each list; addresses as `networks`, lo and hi as `moments`. ord: what the rows found by it carry.
COLUMNS = {
    Probe.LEASE: ("ord", "address", "lo", "hi"),
    Probe.BLOCK: ("ord", "address", "lo", "hi", "first"),
    Probe.BESIDE: ("ord", "address", "lo", "hi"),
    Probe.ODD: ("ord", "address", "lo", "hi", "port"),
}
# The columns of the lists for all months: open leases, and rows that holds keep.
OPEN_COLUMNS = ("ord", "address", "lo", "hi", "port")
HELD_COLUMNS = (*OPEN_COLUMNS, "held_port", "case_id")
# Where a list has ports: all blocks are asked for, and none. Holds are of the port that was asked about, or of all.
EVERY_PORT, NO_PORT = -1, -2

# A number of a row says in its last bits how long the prefix is, and above them which question it answers.
WIDTH_BITS = 8
WIDTH_MASK = (1 << WIDTH_BITS) - 1

# Of the rows of both tables nearly all are certain from end to end, which need not be worked out and sent.
_SURE = """CASE WHEN l.certain_after > 0 THEN l.valid_from + l.certain_after * interval '1 second' END,
    CASE WHEN l.certain_before > 0 THEN l.valid_to - l.certain_before * interval '1 second' END"""
_ABOUT = f"""(a.port = {EVERY_PORT} OR (a.port BETWEEN l.port_from AND l.port_to
            AND (a.port - l.port_from) %% l.port_step = 0))"""
_LEASE_ROW = f"""a.ord, l.holder_id, l.valid_from, l.valid_to, {_SURE}, NULL::int, NULL::int, NULL::smallint,
    NULL::smallint, l.flags, l.source_id"""
_BLOCK_ROW = f"""a.ord, l.holder_id, l.valid_from, l.valid_to, {_SURE}, l.port_from, l.port_to, l.port_step,
    l.protocol, l.flags, l.source_id"""
_OPEN_ROW = """l.holder_id, l.possible_from, l.possible_to, l.certain_from, l.certain_to, l.port_from, l.port_to,
    l.port_step, l.protocol, l.flags, l.source_id"""
# Of each probe: its table, the row, and what has to hold besides reach, before and after rows are fetched.
_PROBES = {
    Probe.LEASE: ("lease", _LEASE_ROW, "", ""),
    Probe.BLOCK: ("port_block", _BLOCK_ROW, "l.port_from = a.first AND", ""),
    Probe.BESIDE: ("port_block", _BLOCK_ROW, "", ""),
    Probe.ODD: ("odd_block", _BLOCK_ROW, "", f"WHERE {_ABOUT}"),
}


def evidence(months: Sequence[Sequence[Probe]], *, still_open: bool, held: bool) -> str:
    """Give the statement for questions of as many months (UTC), numbered from 0, and the probes of each.

    still_open, held: whether open leases and held rows are asked for.

    Parameters: for each month n `from_n` and `until_n`, its ends, and for each of its probes the columns
    `PROBE_COLUMN_n`; with still_open `open_COLUMN`, with held `held_COLUMN` and `now`. Columns are packed, but
    `case_id`.

    A row is: ord of whatever found it (question and width, WIDTH_BITS apart), number of the holder, ends of what is
    possible, ends of what is certain, each NULL where it is the same, first and last port, step, protocol, flags,
    number of the source.

    A probe that finds nothing costs as much as one that does, so what can have no row is not asked. Whoever asks must
    have looked for that after reading how complete the sources are: what comes in later is not in what they had
    delivered.
    """
    parts = [_probe(probe, number) for number, probes in enumerate(months) for probe in probes]
    if still_open:
        parts.append(_OPEN_ROWS)
    if held:
        parts.append(_HELD_ROWS)
    return " UNION ALL ".join(parts)


def _probe(probe: Probe, number: int) -> str:
    table, row, condition, filtered = _PROBES[probe]
    return f"""
SELECT {row}
FROM {_list(probe, COLUMNS[probe], f"_{number}")} CROSS JOIN LATERAL (
    SELECT * FROM {table} l
    WHERE l.address = a.address AND {condition} l.valid_from >= %(from_{number})b::timestamptz
        AND l.valid_from < %(until_{number})b::timestamptz AND l.valid_from <= a.hi AND l.valid_to >= a.lo
    OFFSET 0) AS l
{filtered}"""


def _list(name: str, columns: Sequence[str], mark: str = "") -> str:
    values = ", ".join(f"%({name}_{column}{mark})b" for column in columns)
    return f"unnest({values}) AS a ({', '.join(columns)})"


_OPEN_ROWS = f"""
SELECT a.ord, {_OPEN_ROW}
FROM {_list("open", OPEN_COLUMNS)} CROSS JOIN LATERAL (
    SELECT * FROM open_lease l
    WHERE l.address = a.address AND l.possible_from <= a.hi AND (l.possible_to IS NULL OR l.possible_to >= a.lo)
    OFFSET 0) AS l
WHERE l.port_from IS NULL OR {_ABOUT}"""
_HELD_ROWS = f"""
SELECT a.ord >> {WIDTH_BITS} << {WIDTH_BITS} | masklen(l.address), {_OPEN_ROW}
FROM {_list("held", HELD_COLUMNS)} JOIN lease_hold k ON k.case_id = a.case_id AND k.lapses_at > %(now)b
    AND k.address = a.address AND a.lo <= k.to_at AND a.hi >= k.from_at AND (k.port IS NULL OR k.port = a.held_port)
    JOIN held_lease l ON l.hold_id = k.id
WHERE l.port_from IS NULL OR {_ABOUT}"""

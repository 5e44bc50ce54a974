"""Columns of numbers as the binary form of COPY, for loads that Python objects would be too slow for.

Source: PostgreSQL documentation, COPY, "Binary Format"; inet as its send function writes it: family (2 or 3), width,
0, length, address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.bench.lease_truth import EPOCH, Array

HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TAIL = b"\xff\xff"
_SINCE_2000 = int((EPOCH - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds())
_SIX = np.dtype([("head", ">u4"), ("upper", ">u8"), ("lower", ">u8")])

# A column: its type on the wire, and its values (one for all rows, or an array). None as type: NULL throughout.
Column = tuple[Any, Any]


def stamps(seconds: Array) -> Column:
    """Give times, in seconds from EPOCH, as timestamptz."""
    return ">i8", (seconds.astype(np.int64) + _SINCE_2000) * 1_000_000


def addresses(numbers: Array) -> Column:
    """Give IPv4 addresses as inet."""
    return ">u8", numbers.astype(np.uint64) + np.uint64((2 << 56) + (32 << 48) + (4 << 32))


def prefixes(uppers: Array, width: int) -> Column:
    """Give IPv6 prefixes, as their upper 64 bits, as inet."""
    column = np.zeros(len(uppers), dtype=_SIX)
    column["head"], column["upper"] = (3 << 24) + (width << 16) + 16, uppers
    return _SIX, column


def encode(columns: Sequence[Column], count: int) -> bytes:
    """Write rows; all have the same length, so numpy lays them out."""
    fields: list[tuple[str, Any]] = [("columns", ">i2")]
    for number, (kind, _) in enumerate(columns):
        fields += [(f"n{number}", ">i4"), *([(f"v{number}", kind)] if kind is not None else [])]
    rows = np.zeros(count, dtype=np.dtype(fields))
    rows["columns"] = len(columns)
    for number, (kind, values) in enumerate(columns):
        rows[f"n{number}"] = -1 if kind is None else np.dtype(kind).itemsize
        if kind is not None:
            rows[f"v{number}"] = values
    return rows.tobytes()


def copy_in(cursor: Any, target: str, blocks: Iterable[bytes]) -> None:
    """Run COPY for a table and its columns."""
    with cursor.copy(f"COPY {target} FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(HEAD)
        for block in blocks:
            copy.write(block)
        copy.write(TAIL)

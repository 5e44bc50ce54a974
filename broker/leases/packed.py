"""Long lists as arrays of the server's binary form, packed at once.

Value by value, ten thousand cost as much to send as to look up. No list may hold NULL: one that needs it has a value of
its own for it.
Source: PostgreSQL, `array_recv`, `inet_recv` and `timestamptz_recv`, checked 2026-11-28 against 15.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from psycopg import postgres, pq
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper

# From when the server counts, and a day as it counts.
ZERO = datetime(2000, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
_ONE_DIMENSION = struct.Struct("!iiIii")
_FAMILIES = {4: 2, 6: 3}


class Packed(bytes):
    """An array of one dimension, as it goes over the wire; each type of elements has a class of its own."""


class Integers(Packed):
    """An int4[]."""


class BigIntegers(Packed):
    """An int8[]."""


class Moments(Packed):
    """A timestamptz[]."""


class Networks(Packed):
    """An inet[]."""


def microseconds(span: timedelta) -> int:
    """Say how long a span is; exact. That from ZERO to an aware moment is how the server counts the moment."""
    return span.days * DAY + span.seconds * 1_000_000 + span.microseconds


def integers(values: Sequence[int]) -> Integers:
    """Pack numbers of 32 bits; raises struct.error for others."""
    return Integers(_fixed("int4", "i", 4, values))


def big_integers(values: Sequence[int]) -> BigIntegers:
    """Pack numbers of 64 bits; raises struct.error for others."""
    return BigIntegers(_fixed("int8", "q", 8, values))


def moments(values: Sequence[int]) -> Moments:
    """Pack moments, each by its `microseconds` from ZERO."""
    return Moments(_fixed("timestamptz", "q", 8, values))


def network(version: int, value: int, width: int | None = None) -> bytes:
    """Give one element for `networks`: an address, which is given as a number, or its first `width` bits."""
    head, size, rest = _head(version, width)
    return head + (value >> rest << rest).to_bytes(size)


@cache
def _head(version: int, width: int | None) -> tuple[bytes, int, int]:
    """Give what stands before the bytes of an address, how many those are, and how many bits are left out."""
    size = 4 if version == 4 else 16
    width = 8 * size if width is None else width
    return struct.pack("!iBBBB", 4 + size, _FAMILIES[version], width, 0, size), size, 8 * size - width


def networks(elements: Sequence[bytes]) -> Networks:
    """Pack elements of `network`."""
    return Networks(_array("inet", len(elements), b"".join(elements)))


def _fixed(kind: str, letter: str, size: int, values: Sequence[int]) -> bytes:
    # Each value has its length before it.
    flat = [size] * (2 * len(values))
    flat[1::2] = values
    return _array(kind, len(values), struct.pack("!" + f"i{letter}" * len(values), *flat))


def _array(kind: str, count: int, elements: bytes) -> bytes:
    return _ONE_DIMENSION.pack(1, 0, postgres.types[kind].oid, count, 1) + elements


class _AsItIs(Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return obj


class _IntegersDumper(_AsItIs):
    oid = postgres.types["int4"].array_oid


class _BigIntegersDumper(_AsItIs):
    oid = postgres.types["int8"].array_oid


class _MomentsDumper(_AsItIs):
    oid = postgres.types["timestamptz"].array_oid


class _NetworksDumper(_AsItIs):
    oid = postgres.types["inet"].array_oid


def register(context: AdaptContext) -> None:
    """Let a connection or cursor take what is packed as a parameter."""
    context.adapters.register_dumper(Integers, _IntegersDumper)
    context.adapters.register_dumper(BigIntegers, _BigIntegersDumper)
    context.adapters.register_dumper(Moments, _MomentsDumper)
    context.adapters.register_dumper(Networks, _NetworksDumper)

"""An invented year of leases, port blocks and delegated prefixes, known in full, and questions whose answers it gives.

Three kinds of key: an IPv4 address (100 leases in 2024), a block of 512 ports of a shared address (50 allocations in
December 2024, each to an inner address), an IPv6 /56 (100 bindings in 2024). Lengths are log-normal, three of ten
change hands without a gap, and no two neighbours have one holder. Times are whole seconds from EPOCH. A key's rows do
not depend on how many keys there are, so a longer history continues a shorter one.
Source: attribution.md 1, where the same shape was measured first.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
DAY = 86_400
PLAIN, BLOCK, PREFIX = 0, 1, 2
# Shares of all rows, and of all questions.
SHARES = {PLAIN: 0.7, BLOCK: 0.2, PREFIX: 0.1}
_PER_KEY = {PLAIN: 100, BLOCK: 50, PREFIX: 100}
_SPANS = {PLAIN: (0, 365 * DAY), BLOCK: (335 * DAY, 365 * DAY), PREFIX: (0, 365 * DAY)}
_CHUNK = 1_000

# IPv4 space reserved for no use at all (RFC 1112), so that nobody's addresses appear; shared space of RFC 6598 inside.
PLAIN_BASE, SHARED_BASE, INNER_BASE = 240 << 24, 250 << 24, (100 << 24) + (64 << 16)
PREFIX_BASE = 0x20010DB8 << 32  # The upper half of 2001:db8::/32.
BLOCK_SIZE, FIRST_PORT = 512, 1024
_BLOCKS = (65_536 - FIRST_PORT) // BLOCK_SIZE
# The holders of the store: subscriber k has the id k + 1, inner address i the id FIRST_INNER + i and the subscriber i.
FIRST_INNER = 1 << 40

# What an answer's window has before and after the instant: half a unit and a unit of a second, 60 s tolerance of
# whoever observed, 1 s of the source.
TOLERANCE = timedelta(seconds=60)
_BEFORE, _AFTER = 61.5, 62


class Question(NamedTuple):
    """One tuple and its truth. stored: the address as the store writes it. holder: id of whom the log names."""

    kind: int
    key: int
    second: int
    at: datetime
    address: str
    stored: str
    port: int | None
    holder: int
    subscriber: str | None  # whom an exact verdict names; None: another holder is within its window, so nobody


@dataclass(frozen=True)
class History:
    """All rows of one kind, sorted by key and start: row n has the key n // per_key."""

    kind: int
    per_key: int
    starts: Array
    ends: Array
    holders: Array

    @property
    def keys(self) -> int:
        """How many keys there are."""
        return len(self.starts) // self.per_key


def history(kind: int, rows: int) -> History:
    """Make the first `rows` rows of a kind, rounded up to whole keys."""
    per_key = _PER_KEY[kind]
    keys = max(1, -(-rows // per_key))
    chunks = [_chunk(kind, number) for number in range(-(-keys // _CHUNK))]
    starts, ends, holders = (np.concatenate(parts)[: keys * per_key] for parts in zip(*chunks, strict=True))
    return History(kind, per_key, starts, ends, holders)


def _chunk(kind: int, number: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng((20_261_128, kind, number))
    per_key, (first, last) = _PER_KEY[kind], _SPANS[kind]
    lengths = rng.lognormal(0, 1, (_CHUNK, per_key))
    gaps = np.where(rng.random((_CHUNK, per_key)) < 0.3, 0, rng.exponential(0.2, (_CHUNK, per_key)))
    scale = (last - first - 2 * per_key) / (lengths.sum(1) + gaps.sum(1))[:, None]
    whole = np.maximum(1, np.floor(lengths * scale)).astype(np.int64)
    following = first + np.cumsum(whole + np.floor(gaps * scale).astype(np.int64), axis=1)
    begun = np.hstack([np.full((_CHUNK, 1), first), following[:, :-1]])
    steps = rng.integers(1, _CHUNK, (_CHUNK, per_key))
    named = number * _CHUNK + np.cumsum(steps, axis=1) % _CHUNK
    starts, ends, holders = (part.astype(np.int32).ravel() for part in (begun, begun + whole, named))
    return starts, ends, holders


def address_of(key: int) -> str:
    """Write the address of a plain key."""
    return socket.inet_ntoa((PLAIN_BASE + key).to_bytes(4))


def shared_address(key: Any) -> Any:
    """Give the public address of a port block, as a number; for one key or an array of them."""
    return SHARED_BASE + key // _BLOCKS


def first_port(key: Any) -> Any:
    """Give the first port of a port block; for one key or an array of them."""
    return FIRST_PORT + BLOCK_SIZE * (key % _BLOCKS)


def questions(histories: dict[int, History], count: int, seed: int) -> list[Question]:
    """Draw questions of all kinds in mixed order, each an instant at which somebody held the key."""
    rng = np.random.default_rng((seed, count))
    drawn = []
    for kind, share in SHARES.items():
        known = histories[kind]
        rows = rng.integers(0, len(known.starts), round(count * share))
        seconds = rng.integers(known.starts[rows], known.ends[rows])
        low = rng.integers(0, 1 << 62, len(rows))
        drawn += [
            _question(known, int(row), int(second), int(bits))
            for row, second, bits in zip(rows, seconds, low, strict=True)
        ]
    return [drawn[n] for n in rng.permutation(len(drawn))]


def _question(known: History, row: int, second: int, bits: int) -> Question:
    key, holder = row // known.per_key, int(known.holders[row])
    clear = known.starts[row] <= second - _BEFORE and second + _AFTER <= known.ends[row]
    subscriber = f"s-{holder}" if clear else None
    port = None
    if known.kind == PLAIN:
        address = stored = address_of(key)
    elif known.kind == BLOCK:
        address = stored = socket.inet_ntoa(int(shared_address(key)).to_bytes(4))
        port = int(first_port(key)) + bits % BLOCK_SIZE
    else:
        upper = PREFIX_BASE + (key << 8)
        address = socket.inet_ntop(socket.AF_INET6, ((upper + bits % 256 << 64) + bits).to_bytes(16))
        stored = socket.inet_ntop(socket.AF_INET6, (upper << 64).to_bytes(16)) + "/56"
    named = FIRST_INNER + holder if known.kind == BLOCK else holder + 1
    at = EPOCH + timedelta(seconds=second)
    return Question(known.kind, key, second, at, address, stored, port, named, subscriber)

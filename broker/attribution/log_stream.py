"""The bytes of a log: from where it was left, at most so many records at once, and by what it is known again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from itertools import islice
from typing import Any, BinaryIO, cast

from broker.attribution.logs.events import RawRecord
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, Problem

# The end of what was read of a log is compared too: a file may be written anew and begin as before.
TAIL_BYTES = 512
# How long a stream that may stay open is collected from before what has come is stored, in seconds.
LINGER = 1.0


def take_portion(records: Iterator[RawRecord], most: int, *, patient: bool) -> list[RawRecord]:
    """Take that many records; of a stream that stays open, what has come when LINGER after the first is over.

    A record is only known to be whole by the next one, so this waits for that.
    """
    if patient:
        return list(islice(records, most))
    portion = list(islice(records, 1))
    until = time.monotonic() + LINGER
    while portion and len(portion) < most and time.monotonic() < until and (record := next(records, None)):
        portion.append(record)
    return portion


class _Rejoined(RawIOBase):
    """A stream of which some bytes were read already; gives what there is and does not wait for more."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._head:
            part, self._head = self._head[: len(view)], self._head[len(view) :]
        else:
            read = getattr(self._rest, "read1", self._rest.read)
            part = read(len(view))
        view[: len(part)] = part
        return len(part)


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Read that many bytes, or fewer at the end."""
    parts = b""
    while len(parts) < count and (part := stream.read(count - len(parts))):
        parts += part
    return parts


def tail_of(last: bytes) -> tuple[int, str]:
    """Tell the last bytes of what was read from others: how many they are, and their digest."""
    return len(last), sha256_hex(last)


def skip_to(head: bytes, stream: BinaryIO, offset: int) -> tuple[BinaryIO, bytes]:
    """Give the stream from `offset` on, and the last bytes before that; `head` was read from it.

    Raises InputError if the stream is shorter than that.
    """
    left = offset - len(head)
    rest, before = head[offset:], head[:offset][-TAIL_BYTES:]
    if left > 0:
        rest = b""
        while left > 0:
            part = stream.read(min(left, 2**20))
            if not part:
                raise refusal("log.shorter", "file", "The log is shorter than what was read of it before.")
            left -= len(part)
            before = (before + part)[-TAIL_BYTES:]
    return cast("BinaryIO", BufferedReader(_Rejoined(rest, stream), 2**18)), before


def refusal(code: str, field_name: str, message: str) -> InputError:
    """Give the error for a log that is not read."""
    return InputError([Problem(code, field_name, message)])

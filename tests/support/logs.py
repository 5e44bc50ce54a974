"""Play a log through its format, whole, in odd reads or taken up again, and say what came out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from hypothesis import strategies as st

from broker.attribution.logs.events import Event, LogFormat, RawRecord, RecordError

FIXTURES = Path(__file__).parents[2] / "fixtures" / "logs"

# What a record gave: its events, or the code of its refusal.
Outcome = tuple[RawRecord, list[Event] | str]


def outcome(log: LogFormat, record: RawRecord) -> list[Event] | str:
    try:
        return list(log.read(record))
    except RecordError as error:
        return error.code


def play(log: LogFormat, data: bytes) -> list[Outcome]:
    """Read a whole log; its records must be all of its bytes, in order."""
    outcomes = [(record, outcome(log, record)) for record in log.records(io.BytesIO(data), 0)]
    assert b"".join(record.data for record, _ in outcomes) == data
    assert all(a.end == b.pos for (a, _), (b, _) in pairwise(outcomes))
    assert all(record.end - record.pos == len(record.data) for record, _ in outcomes)
    assert all(record.complete for record, _ in outcomes[:-1])
    return outcomes


def codes(log: LogFormat, name: str) -> list[str]:
    """Give the codes of the refused records of a fixture, in order."""
    return [said for _, said in play(log, (FIXTURES / name).read_bytes()) if isinstance(said, str)]


def events(log: LogFormat, name: str) -> list[Event]:
    """Give the events of a fixture, in order."""
    return [e for _, said in play(log, (FIXTURES / name).read_bytes()) if not isinstance(said, str) for e in said]


class Drops(io.RawIOBase):
    """A stream that cannot be sought and gives what it likes: each read ends at the next cut."""

    def __init__(self, data: bytes, cuts: Sequence[int]) -> None:
        self._parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        if not self._parts:
            return 0
        part = self._parts[0][: len(view)]
        view[: len(part)] = part
        self._parts[0] = self._parts[0][len(part) :]
        if not self._parts[0]:
            del self._parts[0]
        return len(part)


def check_cuts(make: Callable[[], LogFormat], data: bytes, draw: st.DataObject) -> None:
    """Whatever the reads are, and wherever reading is taken up again, a log says the same."""
    expected = play(make(), data)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=8), label="cuts"))
    stops = set(draw.draw(st.lists(st.integers(0, max(0, len(expected) - 1)), max_size=4), label="stops"))
    found: list[Outcome] = []
    log, offset, state = make(), 0, "{}"
    while True:
        stream = cast(BinaryIO, io.BufferedReader(Drops(data[offset:], [c - offset for c in cuts if c > offset]), 64))
        for record in log.records(stream, offset):
            found.append((record, outcome(log, record)))
            offset = record.end
            if len(found) - 1 in stops:
                break
        else:
            break
        stops.discard(len(found) - 1)
        # Another process goes on: all it has is the offset and the state, as JSON.
        state = json.dumps(log.state())
        log = make()
        log.restore(json.loads(state))
    assert found == expected


def check_every_stop(make: Callable[[], LogFormat], data: bytes) -> None:
    """Reading may be taken up again at the end of each record, and says the same as without the interruption."""
    expected = play(make(), data)
    for stop in range(len(expected)):
        log = make()
        for record, _ in expected[: stop + 1]:
            outcome(log, record)
        state = json.dumps(log.state())
        log, offset = make(), expected[stop][0].end
        log.restore(json.loads(state))
        rest = [(record, outcome(log, record)) for record in log.records(io.BytesIO(data[offset:]), offset)]
        assert rest == expected[stop + 1 :]


def damaged(data: bytes, draw: st.DataObject) -> bytes:
    """Cut something out of a log, double something or put bytes in."""
    a, b = sorted((draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, len(data)))))
    put = draw.draw(st.sampled_from([b"", data[a:b] * 2, b"\0", b"\n", b'"', b"{", b"}", b"\xff", b"x" * 70_000]))
    return data[:a] + put + data[b:]

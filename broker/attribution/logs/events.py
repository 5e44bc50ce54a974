"""What a log says, in one shape for every format: somebody got, held or let go of an address or port block.

A format only reads; what several events together prove is decided in `intervals`. A record that cannot be read is
never dropped: it is raised as `RecordError`, counted and kept by its offset. Nothing here touches a database.
Source: attribution.md 2.3 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple, Protocol, runtime_checkable


class Kind(StrEnum):
    """What happened to a holding."""

    BEGIN = "begin"  # the holder got the key at this moment
    ALIVE = "alive"  # the holder is positively shown to hold it at this moment: interim, renewal
    END = "end"  # the holder let it go at this moment
    RESTART = "restart"  # the device forgot all its holdings; it names no address


class Ports(NamedTuple):
    """A set of ports: first, first + step, ... up to last. step 1 is a plain block."""

    first: int
    last: int
    step: int = 1


class Event(NamedTuple):
    """One thing that one record says.

    pos: byte offset at which the record begins. at: aware UTC, by the clock of the device. device: who logged it.
    address: normal form; an IPv6 prefix with its length, a single address without; None with RESTART only.
    holder: the identity as the log has it, with its kind before a colon ("user:line-48113", "circuit:65746830",
        "duid:00030001...", "inner:100.64.3.9"); it may name a person, so it never reaches a message or our tables.
    session: what the device calls this holding, if it names it; without it, key and holder together name it.
    since: the holding began at this moment by the device's own count (session time); None if it does not say.
    expires_at: it ends then by itself unless it is renewed. protocol: IANA number where maps differ by protocol.
    unit: how finely `at` is written. received_at: by the clock of the collector, for measuring the drift. reckoned:
        `at` is reckoned back from that, so the two say nothing of the clock of the device.
    """

    pos: int
    kind: Kind
    at: datetime
    device: str
    address: str | None = None
    ports: Ports | None = None
    protocol: int | None = None
    holder: str = ""
    session: str | None = None
    since: datetime | None = None
    expires_at: datetime | None = None
    unit: timedelta = timedelta(seconds=1)
    received_at: datetime | None = None
    reckoned: bool = False


class RawRecord(NamedTuple):
    """The bytes of one record as they stand in the log.

    pos, end: byte offsets of its first byte and of the first byte after it; records follow each other without a gap.
    complete: False for a last record that the log has not finished yet.
    """

    pos: int
    end: int
    data: bytes
    complete: bool = True


class RecordError(Exception):
    """A record that cannot be read. The code is published and never renamed; the record itself is not quoted.

    unread: [from, to) in UTC, the time that the record is about if it tells, and no other record makes up for it:
        silence in it proves nothing. None if it is of the time at which it was written.
    """

    def __init__(self, code: str, unread: tuple[datetime, datetime] | None = None) -> None:
        super().__init__(code)
        self.code, self.unread = code, unread


class Missing(NamedTuple):
    """What a format has found missing since it was asked last, apart from the records that it refuses.

    gaps: [from, to) in UTC in which records were lost. given_up: position and code of records that were kept until
    others would explain them, which have not come. waiting: the times of all that are kept now.
    """

    gaps: list[tuple[datetime, datetime]]
    given_up: list[tuple[int, str]]
    waiting: list[tuple[datetime, datetime]]


@runtime_checkable
class TellsMissing(Protocol):
    """A format whose records show that others are missing, or wait for others that explain them.

    What it finds missing between two logs stands in `KnownFormat.between`.
    """

    def missing(self) -> Missing:
        """Say what is missing; whoever stores what was read asks before."""

    def keeps(self, pos: int) -> bool:
        """Tell whether something of the record at this position waits, so that it has not said all it says."""

    def inherit(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on beside other logs of the same kind and options: what `state` gave of each; before anything is read."""

    def outlived(self, state: dict[str, Any]) -> tuple[Missing, dict[str, Any]] | None:
        """Give up what another such log waits for in vain, now that this one has gone on.

        Gives what is missing there, and the state of that log from then on; None if nothing is given up.
        """


class LogFormat(Protocol):
    """One kind of log. An instance reads one log from front to back."""

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Split what follows into records.

        stream: stands at `offset`, the end of a record, and need not be seekable. Memory is bounded: a record longer
        than the format allows comes in pieces that `read` refuses.
        """

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Say what a record says; nothing if it is none of our business, which is counted as such.

        Raises RecordError if it ought to say something and cannot be read.
        """

    def state(self) -> dict[str, Any]:
        """What must be known to go on at the end of the last record read, as JSON; kept with the offset."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""

"""What became of every event and every holding: used, refused with a code, given out or still open. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from broker.attribution.logs.events import Event


class Refusal(StrEnum):
    """Why an event is not used; published and never renamed."""

    REPEATED = "EVENT_REPEATED"  # says nothing new; no defect, counted apart and not given out
    FUTURE = "EVENT_IN_FUTURE"  # later than it was received or read
    TOO_LATE = "EVENT_TOO_LATE"  # older than what is still remembered of its device
    BEFORE_RETENTION = "EVENT_BEFORE_RETENTION"  # older than what may be kept
    TOO_OLD = "EVENT_TOO_OLD"  # tells of a begin longer ago than the store goes
    NO_ADDRESS = "EVENT_WITHOUT_ADDRESS"
    EXPIRY = "EXPIRY_BEFORE_EVENT"  # it would have ended before it was shown
    CLOSED = "EVENT_AFTER_CLOSING"  # its holding is given out already and would have been another one
    LATE_CHANGE = "LATE_CHANGE"  # another address or holder of the session, at a time already known to be otherwise
    ALIVE_AFTER_END = "ALIVE_AFTER_END"  # an interim of a session that was over
    HOLDER_DIFFERS = "HOLDER_DIFFERS"  # an end that names another holder than the open holding
    END_UNKNOWN = "END_UNKNOWN"  # an end that names nobody, of a key that nobody holds
    END_AGAIN = "END_AGAIN"  # a second, different end


class Reject(NamedTuple):
    """An event that is not used."""

    pos: int
    code: Refusal


class Late(NamedTuple):
    """An event far behind the clock of its device, which had written `clock` already; refused: it is not used.

    Either it is late, or that clock had run ahead and what it stamped meanwhile is wrong, or it is behind from now on.
    since: the last moment before its stamps first went on at once by as much; else that of the event. fell: by how much
    it is behind the stamp before it. set_right: they had gone on by just as much, so that the clock is right again.
    """

    event: Event
    since: datetime
    clock: datetime
    fell: timedelta
    refused: bool
    set_right: bool


@dataclass(slots=True)
class Counts:
    """What went in and what came out; `check` says whether they agree. doubts: given out beside the holdings."""

    events: int = 0
    applied: int = 0
    duplicates: int = 0
    rejected: Counter[Refusal] = field(default_factory=Counter)
    taken_over: int = 0
    opened: int = 0
    closed: int = 0
    doubts: int = 0
    open: int = 0

    def check(self) -> None:
        """Raise RuntimeError if an event or a holding is unaccounted for."""
        if self.events != self.applied + self.duplicates + self.rejected.total():
            raise RuntimeError("events are unaccounted for; the chunk must not be stored")
        if self.taken_over + self.opened != self.closed + self.open:
            raise RuntimeError("holdings are unaccounted for; the chunk must not be stored")

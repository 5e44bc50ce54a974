"""What became of the records of a log, as it is kept with the place up to which the log was read. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.attribution.spans import Span

_COUNTED = ("records", "ignored", "events", "duplicates", "intervals", "told")
_TIMED = ("first_at", "last_at", "covered_to", "latest_at")


@dataclass(slots=True)
class LogReport:
    """What became of a log since its beginning, this reading included. records = used + ignored + rejected records.

    rejected: by code, records that cannot be read and events that contradict others. first_at, last_at: of the events
    that were used. unread: the time of which no record can be read, because a clock in local time showed it twice.
    read: records of this reading. unfinished: the log ends within a record, which is read once it is whole. covered_to,
    latest_at: what the logs before it had covered when it was begun, and their latest stamp. told: how many of its
    records an event speaks of.
    """

    records: int = 0
    ignored: int = 0
    events: int = 0
    duplicates: int = 0
    intervals: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unread: list[Span] = field(default_factory=list)
    first_at: datetime | None = None
    last_at: datetime | None = None
    covered_to: datetime | None = None
    latest_at: datetime | None = None
    told: int = 0
    read: int = 0
    open: int = 0
    offset: int = 0
    unfinished: bool = False

    @classmethod
    def from_counts(cls, counts: dict[str, Any]) -> LogReport:
        """Take back what `as_counts` gave."""
        report = cls(rejected=Counter(counts.get("rejected", {})))
        for name in _COUNTED:
            setattr(report, name, counts.get(name, 0))
        for name in _TIMED:
            setattr(report, name, time_of(counts.get(name)))
        report.unread = unread_of(counts)
        return report

    def extend(self, times: list[datetime]) -> None:
        """Note the times of events that were used. A time of which all was refused was not delivered."""
        if times:
            self.first_at = min(times) if self.first_at is None else min(self.first_at, *times)
            self.last_at = max(times) if self.last_at is None else max(self.last_at, *times)

    def as_counts(self) -> dict[str, Any]:
        """Give what is kept with the place of the log."""
        times = {name: text_of(getattr(self, name)) for name in _TIMED}
        unread = [[lo.isoformat(), hi.isoformat()] for lo, hi in self.unread]
        counted = {name: getattr(self, name) for name in _COUNTED}
        return counted | {"rejected": dict(self.rejected), "unread": unread} | times


def unread_of(counts: dict[str, Any]) -> list[Span]:
    """Take back the unread time of a log from what `as_counts` gave."""
    return [(datetime.fromisoformat(lo), datetime.fromisoformat(hi)) for lo, hi in counts.get("unread", [])]


def text_of(time: datetime | None) -> str | None:
    """Write a time as JSON keeps it."""
    return None if time is None else time.isoformat()


def time_of(text: str | None) -> datetime | None:
    """Take back what `text_of` gave."""
    return None if text is None else datetime.fromisoformat(text)

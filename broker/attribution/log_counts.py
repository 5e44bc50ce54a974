"""What became of the records of a log, as it is kept with the place up to which the log was read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from broker.attribution.log_losses import Losses
from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import Holding
from broker.attribution.spans import Span

_COUNTED = ("records", "ignored", "events", "duplicates", "intervals", "told")
_TIMED = ("first_at", "last_at", "covered_to", "latest_at")
_OF_HOLDING = ("first", "last", "due", "began", "since", "floor", "expires", "ended_min", "ended_max", "bound")


@dataclass(slots=True)
class LogReport:
    """What became of a log since its beginning, this reading included. records = used + ignored + rejected records.

    rejected: by code, records that cannot be read and events that contradict others. first_at, last_at: of the events
    that were used. unread: the time of which not every record can be read or believed: one could not be, or a clock in
    local time showed it twice, or had been wrong.
    losses: where records are that say nothing of when they were. waiting: the time of those that cannot be read yet,
    because what explains them has not come. tail: the last bytes that were read, how many and their digest.
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
    losses: Losses = field(default_factory=Losses)
    waiting: list[Span] = field(default_factory=list)
    tail: tuple[int, str] | None = None
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
        report.losses, report.waiting = losses_of(counts), waiting_of(counts)
        if (tail := counts.get("tail")) is not None:
            report.tail = (tail[0], tail[1])
        return report

    def note_first(self, events: Iterable[Event], unused: Container[int]) -> None:
        """Note the first stamp of all. A time of which all was refused was not delivered.

        unused: positions of the events that were refused.
        """
        stamps = [event.at for event in events if event.pos not in unused]
        self.first_at = min([*stamps, *([] if self.first_at is None else [self.first_at])], default=None)

    def as_counts(self) -> dict[str, Any]:
        """Give what is kept with the place of the log."""
        times = {name: text_of(getattr(self, name)) for name in _TIMED}
        unread, waiting = (
            [[lo.isoformat(), hi.isoformat()] for lo, hi in spans] for spans in (self.unread, self.waiting)
        )
        counted: dict[str, Any] = {name: getattr(self, name) for name in _COUNTED}
        counted |= {"rejected": dict(self.rejected), "unread": unread, "waiting": waiting}
        counted["tail"] = self.tail
        return counted | times | losses_as_counts(self.losses)


def unread_of(counts: dict[str, Any]) -> list[Span]:
    """Take back the unread time of a log from what `as_counts` gave."""
    return _spans(counts.get("unread", []))


def waiting_of(counts: dict[str, Any]) -> list[Span]:
    """Take back the time of what cannot be read yet from what `as_counts` gave."""
    return _spans(counts.get("waiting", []))


def losses_of(counts: dict[str, Any]) -> Losses:
    """Take back where a log lost something from what `as_counts` gave."""
    last, lost = (_spans([found])[0] if (found := counts.get(name)) else None for name in ("last", "lost"))
    begins = {device: _spans([stamps])[0] for device, stamps in counts.get("begins", {}).items()}
    return Losses(last, lost, begins)


def losses_as_counts(losses: Losses) -> dict[str, Any]:
    """Give that as it is kept with the place of the log."""
    found = (("last", losses.last), ("lost", losses.open))
    counted: dict[str, Any] = {
        name: None if span is None else [span[0].isoformat(), span[1].isoformat()] for name, span in found
    }
    counted["begins"] = {device: [lo.isoformat(), hi.isoformat()] for device, (lo, hi) in losses.begins.items()}
    return counted


def plain_holding(holding: Holding) -> dict[str, Any]:
    """Give a holding as JSON knows it: times as text, the unit in seconds."""
    row = holding.to_row()
    row |= {name: text_of(row[name]) for name in _OF_HOLDING}
    return row | {"unit": row["unit"].total_seconds()}


def holding_of(state: dict[str, Any]) -> Holding:
    """Take back what `plain_holding` gave."""
    times = {name: time_of(state[name]) for name in _OF_HOLDING}
    return Holding.from_row(state | times | {"unit": timedelta(seconds=state["unit"])})


def _spans(texts: list[list[str]]) -> list[Span]:
    return [(datetime.fromisoformat(lo), datetime.fromisoformat(hi)) for lo, hi in texts]


def text_of(time: datetime | None) -> str | None:
    """Write a time as JSON keeps it."""
    return None if time is None else time.isoformat()


def time_of(text: str | None) -> datetime | None:
    """Take back what `text_of` gave."""
    return None if text is None else datetime.fromisoformat(text)

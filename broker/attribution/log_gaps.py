"""The time for which a source does not vouch though its logs were read, put together from all of its logs.

All logs of a source speak for the same time: what one of them lost, no other fills. Not here: when a loss was
(`log_losses`), what it does to a holding (`logs.silences`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from broker.attribution.log_counts import LogReport, losses_as_counts, losses_of, unread_of, waiting_of
from broker.attribution.log_losses import Losses, follows, joined
from broker.attribution.logs.events import Event, Missing
from broker.attribution.spans import Span, merge
from broker.leases import log_store
from broker.leases.models import LogProgress


class Gaps:
    """The gaps of one source while one log of it is read. logs: all that were begun before."""

    def __init__(self, logs: Iterable[LogProgress]) -> None:
        logs = list(logs)
        self._unread = merge(span for log in logs for span in unread_of(log.counts))
        self._waiting = {log.pk: waiting_of(log.counts) for log in logs}
        # What one of them lost at its present end: the log that goes on there tells when that was over.
        self._at_end = {log.pk: (log, losses_of(log.counts)) for log in logs}
        self._ended: list[tuple[LogProgress, Losses]] = []

    def take(self, known: LogProgress, report: LogReport, missing: Missing) -> None:
        """Take in what a format has found missing by the records of a chunk."""
        report.waiting = self._waiting[known.pk] = joined(missing.waiting)
        if missing.gaps:
            report.unread = joined([*report.unread, *missing.gaps])

    def lose(
        self,
        known: LogProgress,
        report: LogReport,
        events: Sequence[Event],
        places: Iterable[int],
        *,
        ordered: bool,
        read_at: datetime,
    ) -> None:
        """Take in the events of a chunk, and before how many of them something was lost; as `Losses.follow`."""
        own = report.losses
        begun = own.last is None
        found = own.follow(events, places, ordered=ordered, read_at=read_at, after=report.latest_at)
        self._at_end.pop(known.pk, None)
        if begun and ordered and own.first is not None:
            for pk, (_, losses) in list(self._at_end.items()):
                if losses.open is not None and follows(losses, own.first):
                    found.append((losses.open[0], own.first[1]))
                    losses.open = None
                    self._ended.append(self._at_end.pop(pk))
        if found:
            report.unread = joined([*report.unread, *found])
        self._at_end[known.pk] = known, own

    def spans(self, report: LogReport) -> list[Span]:
        """Give all of them. report: of the log that is read."""
        self._unread = merge([*self._unread, *report.unread])
        waiting = [span for spans in self._waiting.values() for span in spans]
        at_end = [losses.open for _, losses in self._at_end.values() if losses.open is not None]
        return merge([*self._unread, *waiting, *(span for span in at_end if span[0] < span[1])])

    def store(self) -> None:
        """Note of the other logs that their last loss is over; in the transaction that stores the chunk."""
        for log, losses in self._ended:
            log_store.keep_counts(log, log.counts | losses_as_counts(losses))
        self._ended.clear()

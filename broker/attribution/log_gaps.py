"""The time for which a source does not vouch though its logs were read, put together from all of its logs.

All logs of a source speak for the same time: what one of them lost, no other fills. Not here: when a loss was
(`log_losses`), what it does to a holding (`logs.silences`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from broker.attribution.log_counts import LogReport, losses_of, unread_of, waiting_of
from broker.attribution.log_losses import joined, lost_at_end
from broker.attribution.logs.events import Event, Missing
from broker.attribution.logs.holding import Policy
from broker.attribution.spans import Span, merge
from broker.leases.models import LogProgress


class Gaps:
    """The gaps of one source while one log of it is read. logs: all that were begun before."""

    def __init__(self, logs: Iterable[LogProgress]) -> None:
        logs = list(logs)
        self._unread = merge(span for log in logs for span in unread_of(log.counts))
        self._waiting = {log.pk: waiting_of(log.counts) for log in logs}
        # Of what one of them lost at its present end, the logs that go on there tell when that was over.
        self._losses = {log.pk: losses_of(log.counts) for log in logs}

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
        policy: Policy,
        read_at: datetime,
    ) -> None:
        """Take in the events of a chunk, and before how many of them something was lost; as `Losses.follow`."""
        own = self._losses[known.pk] = report.losses
        others = [losses for pk, losses in self._losses.items() if pk != known.pk]
        after = None
        if report.covered_to is not None and report.latest_at is not None:
            after = report.covered_to + policy.settle, report.latest_at
        found = own.follow(events, places, ordered=policy.in_order, read_at=read_at, after=after, others=others)
        if found:
            report.unread = joined([*report.unread, *found])

    def spans(self, report: LogReport) -> list[Span]:
        """Give all of them. report: of the log that is read."""
        self._unread = merge([*self._unread, *report.unread])
        waiting = [span for spans in self._waiting.values() for span in spans]
        at_end = []
        for losses in self._losses.values():
            if losses.open is not None:
                lost = lost_at_end(losses, [other for other in self._losses.values() if other is not losses])
                at_end += [lost] if lost is not None and lost[0] < lost[1] else []
        return merge([*self._unread, *waiting, *at_end])

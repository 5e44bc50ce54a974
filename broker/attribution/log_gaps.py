"""The time for which a source does not vouch though its logs were read, put together from all of its logs.

All logs of a source speak for the same time: what one of them lost, no other fills. Not here: when a loss was
(`log_losses`), what it does to a holding (`logs.silences`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from broker.attribution.log_counts import LogReport, losses_of, unread_of, waiting_of
from broker.attribution.log_losses import joined, lost_at_end
from broker.attribution.logs.events import Event, Missing, TellsMissing
from broker.attribution.logs.formats import FORMATS
from broker.attribution.logs.holding import Policy
from broker.attribution.spans import Span, merge
from broker.leases import log_store
from broker.leases.models import LogProgress

# A format and the options it is read with: one exporter.
_Kind = tuple[str, str]


class Gaps:
    """The gaps of one source while one log of it is read. logs: all that were begun before."""

    def __init__(self, logs: Iterable[LogProgress]) -> None:
        self._logs = {log.pk: log for log in logs}
        self._unread = merge(span for log in self._logs.values() for span in unread_of(log.counts))
        self._waiting = {pk: waiting_of(log.counts) for pk, log in self._logs.items()}
        # Of what one of them lost at its present end, the logs that go on there tell when that was over.
        self._losses = {pk: losses_of(log.counts) for pk, log in self._logs.items()}
        # Of all of one kind: what their readers remember, and what is missing between them by that.
        self._states: dict[_Kind, dict[int, dict[str, Any]]] = {}
        for pk, log in self._logs.items():
            self._states.setdefault(_kind(log), {})[pk] = log.reader
        self._between = {kind: FORMATS[kind[0]].between(states.values()) for kind, states in self._states.items()}
        # What others wait for in vain, to be stored with the chunk.
        self._given_up: dict[int, list[tuple[int, str]]] = {}

    def beside(self, known: LogProgress) -> list[dict[str, Any]]:
        """Give what the readers of the other logs of this kind remember."""
        return [state for pk, state in self._states.get(_kind(known), {}).items() if pk != known.pk]

    def take(self, known: LogProgress, report: LogReport, asks: TellsMissing, state: dict[str, Any]) -> Missing:
        """Take in what a format has found missing by the records of a chunk, and give it. state: of the reader now."""
        missing, kind = asks.missing(), _kind(known)
        report.waiting = self._waiting[known.pk] = joined(missing.waiting)
        if missing.gaps:
            report.unread = joined([*report.unread, *missing.gaps])
        states = self._states.setdefault(kind, {})
        states[known.pk] = state
        for pk, other in states.items():
            if pk != known.pk and (given_up := asks.outlived(other)) is not None:
                gone, states[pk] = given_up
                self._give_up(self._logs[pk], gone, states[pk])
        self._between[kind] = FORMATS[kind[0]].between(states.values())
        return missing

    def _give_up(self, log: LogProgress, gone: Missing, state: dict[str, Any]) -> None:
        """Note of another log that some of it will never be explained."""
        report = LogReport.from_counts(log.counts)
        report.rejected.update(code for _, code in gone.given_up)
        report.unread = joined([*report.unread, *gone.gaps])
        report.waiting = self._waiting[log.pk] = joined(gone.waiting)
        self._unread = merge([*self._unread, *report.unread])
        log.counts, log.reader = report.as_counts(), state
        self._given_up.setdefault(log.pk, []).extend(gone.given_up)

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
        between = [span for spans in self._between.values() for span in spans]
        return merge([*self._unread, *waiting, *between, *at_end])

    def store(self) -> None:
        """Store what was given up of other logs; in the transaction that stores the chunk."""
        for pk, rejects in self._given_up.items():
            log_store.give_up(self._logs[pk], rejects, self._logs[pk].counts, self._logs[pk].reader)
        self._given_up.clear()


def _kind(log: LogProgress) -> _Kind:
    return log.format, json.dumps(log.told, sort_keys=True)

"""Measure clocks by the log itself: how far the stamps of a device are from those of the collector that heard it. Pure.

1. A stamp that is later than its hearing shows by itself that a clock is wrong: no delay makes a message early.
2. One that is earlier may have been on its way: sent again, held back by a relay, kept while the collector was away. So
   the records of a device are taken together, in the order of hearing, until they are FEWEST over a STRETCH of the
   collector's time. The shortest of their delays is what none of them explains: the clock is slow by that at most.
What was kept and came all at once is thus judged with what comes promptly after it, and one late record shows nothing.

The day is that of the hearing (UTC). Not here: what is done with what was found (`ground`), and who is told (`drift`).
Source: attribution.md 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from broker.attribution.logs.accounting import Refusal, Reject
from broker.attribution.logs.events import Event

FEWEST = 3
# Short enough for a device that begins without a clock; what a relay has kept is delivered faster.
STRETCH = timedelta(minutes=5)
_NO_TIME = timedelta()
_FOR_THE_STAMP = frozenset({Refusal.FUTURE, Refusal.TOO_LATE, Refusal.BEFORE_RETENTION, Refusal.TOO_OLD})


@dataclass(slots=True)
class _Stretch:
    """Records of a device that are not judged yet: the first hearing, how many, the shortest delay, days of hearing."""

    first: datetime
    count: int
    least: timedelta
    days: set[date]


class Lags:
    """The clocks of a source's devices, over all its logs. state: what `state` gave after the chunk before."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._open = {
            device: _Stretch(
                datetime.fromisoformat(first), count, timedelta(microseconds=least), set(map(date.fromisoformat, days))
            )
            for device, (first, count, least, days) in state.items()
        }

    def measure(self, events: Iterable[Event], refused: Iterable[Reject] = ()) -> dict[date, timedelta]:
        """Take the events of a chunk in their order; gives by day (UTC) how wrong a clock was found, if it was.

        refused: those that are not used. One that is refused for its stamp measures nothing; any other was stamped and
        heard like the rest of its record.
        """
        found: dict[date, timedelta] = {}
        mistimed = {reject.pos for reject in refused if reject.code in _FOR_THE_STAMP}
        last = None
        for event in events:
            heard = event.received_at
            # What one record says of several addresses is one measurement.
            if heard is None or event.reckoned or event.pos == last or event.pos in mistimed:
                continue
            last, lag = event.pos, heard - event.at
            # 1.
            if lag < _NO_TIME:
                _note(found, (heard.date(),), -lag)
            # 2.
            stretch = self._open.get(event.device)
            if stretch is None or heard < stretch.first - STRETCH:
                # Nothing yet, or another log, which tells of an earlier time.
                self._open[event.device] = _Stretch(heard, 1, lag, {heard.date()})
                continue
            stretch.count += 1
            stretch.least = min(stretch.least, lag)
            stretch.days.add(heard.date())
            if stretch.count >= FEWEST and heard - stretch.first >= STRETCH:
                if stretch.least > _NO_TIME:
                    _note(found, stretch.days, stretch.least)
                del self._open[event.device]
        return found

    def state(self) -> dict[str, Any]:
        """Give what the next chunk needs, as JSON."""
        return {
            device: [s.first.isoformat(), s.count, s.least // timedelta(microseconds=1), sorted(map(str, s.days))]
            for device, s in self._open.items()
        }


def _note(found: dict[date, timedelta], days: Iterable[date], offset: timedelta) -> None:
    for day in days:
        found[day] = max(offset, found.get(day, offset))

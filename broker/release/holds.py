"""Do what holds and their ends say, in the release worker: the one process that reaches the log rows.

The store of rows is changed first and by itself, the work is marked as done after it. Killed in between, the worker
finds everything as it is to be and only marks it.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from broker.attribution.holding import ToKeep, keep_rows
from broker.attribution.services import Observation
from broker.audit.services import record
from broker.decisions.holds.models import LineHold
from broker.decisions.holds.selectors import HOLDABLE, lapses_at
from broker.faults import fault_point
from broker.intake.models import RequestLine, State
from broker.release.services import until_tick

# A denial may be followed by a second round, until which the rows are kept.
_KEPT = (*HOLDABLE, State.RELEASING, State.DENIED)


def carry_out_holds(request_id: uuid.UUID) -> timedelta | None:
    """Have the store keep exactly the rows of a request's lines that are held; called as work of the outbox.

    Gives no time to wait when there is more to do than fits into one call, None when all is done. The event counts
    lines, not rows, and is written at a whole tick: how long it took would tell whether there were rows.
    """
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    wanted: dict[uuid.UUID, datetime | None] = {}
    holds = LineHold.objects.filter(act__request=request_id).order_by("id")
    for line_id, until_on, ended in holds.values_list("line_id", "act__until_on", "end__why"):
        lapse = None if ended else lapses_at(until_on)
        known = wanted.get(line_id)
        wanted[line_id] = max(lapse, known) if lapse and known else lapse or known
    lines = RequestLine.objects.filter(id__in=list(wanted)).order_by("number")
    to_keep = [_to_keep(line, wanted[line.id], now) for line in lines]
    done = keep_rows(to_keep, tolerance=timedelta(seconds=settings.TOLERANCE_SECONDS), now=now)
    fault_point("rows-held")
    time.sleep(until_tick(time.monotonic() - started, settings.RELEASE_TICK_MS / 1000))
    if not done:
        return timedelta()
    kept = sum(each.lapses_at is not None for each in to_keep)
    record("hold:carried-out", "request", request_id, {"lines": kept, "ended": len(to_keep) - kept})
    return None


def _to_keep(line: RequestLine, lapse: datetime | None, now: datetime) -> ToKeep:
    """What the rows say is re-checked here: of a line that is closed nothing is kept, whatever else happened."""
    keeps = line.state in _KEPT and lapse is not None and lapse > now
    return ToKeep(
        Observation(line.id, line.address, line.source_port, line.observed_at, float(line.unit_seconds)),
        lapse if keeps else None,
    )

"""What the rows of FreeRADIUS's `radacct` prove: a table of states that later packets overwrite, not a history. Pure.

Traps, all of the queries that FreeRADIUS ships (seen in 3.2.1):
- An open row may be a session that ended long ago: its Stop was lost.
- The Stop and Accounting-On put the time of the end also where the last interim's time stood.
- If the Start was lost, the time of the first interim stands where the start ought to.
- Every interim and the Stop overwrite the address, so an earlier address of the same session is forgotten.
Source: attribution.md 2.3 and 3.1; RFC 2866 section 5.10 for the causes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from broker.attribution.resolve import FOREVER, Interval
from broker.attribution.verdict import Provenance

# Stamps are whole seconds, and a packet may be a little late: how far a start may lie before what the row says.
SLACK = timedelta(seconds=5)
EVER = datetime.min.replace(tzinfo=UTC)

# Ends that the NAS itself saw and reported. After any other cause, known or unknown, the holder may have been gone
# before: the row is closed for somebody who was no longer there to be asked.
SEEN_TO_END = frozenset({"user-request", "idle-timeout", "session-timeout", "user-error", "host-request"})


class Row(NamedTuple):
    """One row of `radacct`, as far as it concerns us; times aware, None where the column is NULL."""

    id: int
    holder: str | None
    started_at: datetime | None
    updated_at: datetime | None
    stopped_at: datetime | None
    interval: int | None
    session_seconds: int | None
    cause: str | None


def intervals_of(
    rows: Iterable[Row], *, kind: str, address_fixed: bool, provenance: Provenance = Provenance.BUSINESS
) -> tuple[Interval, ...]:
    """Turn all rows of one address into evidence, in order of their start.

    kind: what the holder's identity is called ("user"). address_fixed: the operator's word that no session changes its
        address; without it a row shows its address at its last packet only, which is certain of no length of time.

    1. Find what each row shows by itself. 2. Let an open row end where the next holder certainly begins. 3. Let
    an uncertain start reach back to where the holder before certainly ends.
    """
    alone = sorted((_alone(row, kind, address_fixed, provenance) for row in rows), key=lambda i: i.certain_from)
    return tuple(_between(interval, alone) for interval in alone)


def _alone(row: Row, kind: str, address_fixed: bool, provenance: Provenance) -> Interval:
    last = row.stopped_at or row.updated_at or row.started_at
    if last is None:
        # Not one time in it: nothing is certain, anything is possible.
        return _interval(row, kind, provenance, EVER, FOREVER, EVER, EVER)
    start = min(row.started_at or last, last)
    if row.session_seconds is None or row.started_at is None or (row.stopped_at and not _seen_to_end(row)):
        # The NAS's own count of seconds is missing, or Accounting-On may have overwritten it: nothing tells whether the
        # Start was lost.
        begins = EVER
    else:
        # More seconds than the row spans: its Start was lost.
        begins = min(start, _back(last, timedelta(seconds=row.session_seconds)))
    possible_from = _back(begins, SLACK)
    shown = _last_shown(row, start, last)
    possible_to = FOREVER if row.stopped_at is None else row.stopped_at
    certain_from, certain_to = (start, shown) if address_fixed and row.holder else (shown, shown)
    return _interval(row, kind, provenance, possible_from, possible_to, certain_from, certain_to)


def _last_shown(row: Row, start: datetime, last: datetime) -> datetime:
    """Find the last moment at which the holder is positively shown."""
    if row.stopped_at is None or _seen_to_end(row):
        return last
    if row.updated_at is not None and start <= row.updated_at < row.stopped_at:
        return row.updated_at
    # The end overwrote the last interim; but it came at least its distance from the packet before it after the start.
    return min(start + timedelta(seconds=max(0, row.interval or 0)), last)


def _seen_to_end(row: Row) -> bool:
    return (row.cause or "").lower() in SEEN_TO_END


def _interval(
    row: Row,
    kind: str,
    provenance: Provenance,
    possible_from: datetime,
    possible_to: datetime,
    certain_from: datetime,
    certain_to: datetime,
) -> Interval:
    # Two rows that name nobody are not known to be one person.
    holder = f"{kind}:{row.holder}" if row.holder else f"unknown:{row.id}"
    source = f"radacct:{row.id}"
    return Interval(
        holder, possible_from, possible_to, certain_from, certain_to, None, provenance, source, derived=True
    )


def _between(interval: Interval, all_of_address: list[Interval]) -> Interval:
    """Narrow what is possible of one row by when others are shown; nothing certain is taken from it.

    Also a single moment counts: who is shown at it is the holder then, and nobody else.
    """
    ends = [
        other.certain_to
        for other in all_of_address
        if other is not interval and other.certain_to <= interval.certain_from
    ]
    begins = [
        other.certain_from
        for other in all_of_address
        if other is not interval and other.certain_from >= interval.certain_to
    ]
    possible_from = max([interval.possible_from, *ends])
    open_row = interval.possible_to == FOREVER
    possible_to = min([interval.possible_to, *begins]) if open_row else interval.possible_to
    return Interval(
        interval.subscriber,
        possible_from,
        possible_to,
        interval.certain_from,
        interval.certain_to,
        None,
        interval.provenance,
        interval.source,
        derived=True,
    )


def _back(moment: datetime, by: timedelta) -> datetime:
    return EVER if moment - EVER < by else moment - by

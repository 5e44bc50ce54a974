"""Make the lease store keep what is to be kept for each line, and no more; only the release worker asks.

Doing it again changes nothing: a line whose rows are kept until the right instant is left alone. Nothing is given
back, because whether there were rows must not be seen by whoever asked for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.attribution.computed import Rules
from broker.attribution.ground import CLOCK_LIMIT
from broker.attribution.questions import number_of
from broker.attribution.radacct_source import RadiusAccounting
from broker.attribution.radius_connection import RadiusUnavailable
from broker.attribution.resolve import REACH, SEAM, Ground
from broker.attribution.retention import retained_from
from broker.attribution.sources import SOURCE_TOLERANCE, Observation
from broker.attribution.spans import ALWAYS, EVER, FOREVER, Span, common, covers, meets, without
from broker.attribution.stored import StoredLeases, read_epochs
from broker.leases import services as store

# New holds a call: each is a few statements, and a call has to end before the worker's time limit.
MOST_AT_ONCE = 500
_AROUND = REACH + SEAM


@dataclass(frozen=True, slots=True)
class ToKeep:
    """An observation whose rows are kept until an instant (aware); None: no longer. Its key is the case."""

    observation: Observation[uuid.UUID]
    lapses_at: datetime | None


def keep_rows(wanted: Sequence[ToKeep], *, tolerance: timedelta, now: datetime) -> bool:
    """Bring the store to what is wanted; False when there is more to do. tolerance, now: as in `attribute`.

    What is outside retention by now is not held. A hold covers the largest clock error a source may have, so that an
    error which is measured later does not widen the question beyond it.
    """
    live = store.live_holds([each.observation.key for each in wanted])
    changed = {
        each.observation.key: each.lapses_at or now
        for each in wanted
        if each.observation.key in live and live[each.observation.key] != (each.lapses_at or now)
    }
    store.move_lapses(changed)
    missing = [each for each in wanted if each.lapses_at and each.lapses_at > now and each.observation.key not in live]
    made = missing[:MOST_AT_ONCE]
    error = max(CLOCK_LIMIT + SOURCE_TOLERANCE, store.largest_offset()) if made else timedelta()
    rules = Rules(read_epochs([each.observation.address for each in made]) if made else ())
    # Before any row is copied: what comes in between is later.
    grounds = _grounds([each.observation for each in made], tolerance, now)
    for each, ground in zip(made, grounds, strict=True):
        observation = each.observation
        lo, hi = observation.window(tolerance)
        lo, hi = lo - error, hi + error
        store.hold_leases(
            observation.key,
            observation.address,
            observation.port,
            lo,
            hi,
            lapses_at=each.lapses_at or now,
            keep_from=retained_from(now),
            around=_AROUND,
            settled=ground.settled,
            shown=without(ALWAYS, ground.unshown),
            shared=covers(ground.shared, lo, hi),
            behind=_insides(rules, observation, (lo - _AROUND, hi + _AROUND)),
        )
    _keep_sessions([each.observation.key for each in wanted if each.lapses_at and each.lapses_at > now])
    return len(missing) <= MOST_AT_ONCE


def _grounds(observations: Sequence[Observation[uuid.UUID]], tolerance: timedelta, now: datetime) -> Iterator[Ground]:
    """Give the ground of each, settled as by all logs of our own store that its answer would rest on.

    Whether those of what lies behind it show everybody does not matter: that nobody is there is never the answer.
    """
    stored = StoredLeases(retained_from=retained_from(now), in_place=False)
    for prospect in stored.prospects(observations, tolerance):
        ground = prospect.window.ground
        settled: Sequence[Span] = ground.settled
        for window in prospect.behind:
            settled = common(settled, window.ground.settled)
        yield replace(ground, settled=tuple(settled))


def _keep_sessions(cases: Sequence[uuid.UUID]) -> None:
    """Copy what a RADIUS database that is asked in place shows around everything that is held for these cases.

    Asked of every address alike, so that it shows nothing of them, and before the work counts as done. Raises
    RadiusUnavailable while it does not answer; the rows of our own store are kept by then.
    """
    source = store.source_in_place()
    holds = store.holds_without_sessions(cases) if source else []
    if source is None or not holds:
        return
    radius = RadiusAccounting(source.number, (source.serves_from or EVER, source.serves_until or FOREVER))
    # What it has delivered is asked before its rows: what comes in between is later.
    settled = radius.delivered()
    if radius.away:
        raise RadiusUnavailable("The RADIUS database does not answer, so its rows are not kept yet.")
    rows = radius.rows_to_keep([address for _, address, _, _ in holds], [(lo, hi) for *_, lo, hi in holds])
    store.hold_sessions([hold for hold, *_ in holds], [(holds[place][0], *row) for place, row in rows], settled)


def _insides(rules: Rules, observation: Observation[uuid.UUID], window: Span) -> list[str]:
    """List the inside addresses, and the first ones of delegated prefixes, that a configuration of that time leads to.

    Whether the address plan says so already is not asked: it may be mended before the answer, and what had expired by
    then would be gone. Nothing is computed without a port.
    """
    version, value = number_of(observation.address)
    if version != 4 or observation.port is None:
        return []
    told = rules.told(value, observation.port).insides
    return sorted({str(each.inside).partition("/")[0] for each in told if meets([each.epoch.possible], *window)})

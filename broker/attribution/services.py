"""Answer observations: which subscriber, or why none. Only the release worker asks, after the decision."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from broker.attribution.follow import follow
from broker.attribution.questions import Prospect
from broker.attribution.resolve import resolve
from broker.attribution.retention import retained_from
from broker.attribution.sources import Key, Observation
from broker.attribution.stored import StoredLeases
from broker.attribution.verdict import Reason, Resolution, Verdict

__all__ = ["Observation", "attribute", "awaits_logs"]


def attribute(observations: Sequence[Observation[Key]], *, tolerance: timedelta, now: datetime) -> dict[Key, Verdict]:
    """Say for each observation who held its address and port over the whole tolerance window, or why not.

    tolerance: clock error of whoever observed. now: aware; with LEASE_RETENTION_DAYS it sets the floor before
        which nothing is answered.

    Our own store is asked, the operator's RADIUS database where a source is asked in place, and configurations compute
    where the address plan says so; holders are followed to the contract. A database that does not answer makes what it
    would tell of not settled, so that a hit and a miss fail alike. Every observation has exactly one verdict, found by
    its key. Raises ValueError if a key occurs twice, and for naive times; ConfigurationError where a source is to be
    asked in place and this process is not set up for it, whatever the observations are.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware")
    keys = [observation.key for observation in observations]
    if len(set(keys)) != len(keys):
        raise ValueError("two observations have one key")
    with _uncollected():
        stored = StoredLeases(retained_from=retained_from(now))
        verdicts = follow(stored, stored.judge(observations, tolerance), [o.case for o in observations])
    return dict(zip(keys, verdicts, strict=True))


def awaits_logs(observations: Sequence[Observation[Key]], *, tolerance: timedelta, now: datetime) -> frozenset[Key]:
    """Give the observations that cannot be answered yet, only because logs have not been delivered so far.

    Reads the address plan and how far each source has delivered, and not one row of evidence: whether somebody held
    the address must not decide whether the answer waits. So a shared address waits for every log that its translation
    could lead to, whichever it will be. A later delivery may still show that an address was shared or lies behind
    another log; that is found when the answer is made. Parameters as in `attribute`.
    """
    stored = StoredLeases(retained_from=retained_from(now))
    return frozenset(
        observation.key
        for observation, prospect in zip(observations, stored.prospects(observations, tolerance), strict=True)
        if _awaits(prospect)
    )


def _awaits(prospect: Prospect) -> bool:
    """Tell whether an answer waits: for logs of the address itself, or of what rules compute to lie behind it.

    A database that does not answer holds up all that it may have to be asked for, unless nothing it says would help.
    """
    waits = frozenset({Reason.NOT_SETTLED})
    first = resolve(prospect.window, ())
    if first.outcome in (Resolution.INSUFFICIENT, Resolution.OUTSIDE_RETENTION):
        return False
    if prospect.away or first.reasons == waits:
        return True
    return first.outcome is not Resolution.INCOMPLETE and any(
        resolve(window, ()).reasons == waits for window in prospect.behind
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: a batch makes many objects and no cycles, and walking them takes long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()

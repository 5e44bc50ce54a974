"""Answer observations: which subscriber, or why none. Only the release worker asks, after the decision."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from broker.attribution.follow import follow
from broker.attribution.resolve import resolve
from broker.attribution.retention import retained_from
from broker.attribution.sources import Key, LeaseSource, Observation
from broker.attribution.stored import StoredLeases
from broker.attribution.verdict import Reason, Verdict

__all__ = ["Observation", "attribute", "awaits_logs"]


def attribute(
    observations: Sequence[Observation[Key]],
    *,
    tolerance: timedelta,
    now: datetime,
    source: LeaseSource | None = None,
) -> dict[Key, Verdict]:
    """Say for each observation who held its address and port over the whole tolerance window, or why not.

    tolerance: clock error of whoever observed. now: aware; with LEASE_RETENTION_DAYS it sets the floor before
        which nothing is answered. source: our own store, whose holders are followed to the contract; another one
        answers with the holders it names itself.

    Every observation has exactly one verdict, found by its key. Raises ValueError if a key occurs twice, and
    for naive times.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware")
    keys = [observation.key for observation in observations]
    if len(set(keys)) != len(keys):
        raise ValueError("two observations have one key")
    with _uncollected():
        if source is None:
            stored = StoredLeases(retained_from=retained_from(now))
            verdicts = follow(stored, stored.lookup(observations, tolerance), [o.case for o in observations])
        else:
            verdicts = [resolve(found.window, found.evidence) for found in source.lookup(observations, tolerance)]
    return dict(zip(keys, verdicts, strict=True))


def awaits_logs(observations: Sequence[Observation[Key]], *, tolerance: timedelta, now: datetime) -> frozenset[Key]:
    """Give the observations that cannot be answered yet, only because logs have not been delivered so far.

    Reads the address plan and how far each source has delivered, and not one row of evidence: whether somebody held
    the address must not decide whether the answer waits. A later delivery may still show that an address was shared
    or lies behind another log; that is found when the answer is made. Parameters as in `attribute`.
    """
    stored = StoredLeases(retained_from=retained_from(now))
    waits = frozenset({Reason.NOT_SETTLED})
    return frozenset(
        observation.key
        for observation, window in zip(observations, stored.windows(observations, tolerance), strict=True)
        if resolve(window, ()).reasons == waits
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

"""Answer observations: which subscriber, or why none. Only the release worker asks, after the decision."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings

from broker.attribution.follow import follow
from broker.attribution.resolve import resolve
from broker.attribution.sources import Key, LeaseSource, Observation
from broker.attribution.stored import StoredLeases
from broker.attribution.verdict import Verdict

__all__ = ["Observation", "attribute"]


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
            stored = StoredLeases(retained_from=now - timedelta(days=settings.LEASE_RETENTION_DAYS))
            verdicts = follow(stored, stored.lookup(observations, tolerance))
        else:
            verdicts = [resolve(found.window, found.evidence) for found in source.lookup(observations, tolerance)]
    return dict(zip(keys, verdicts, strict=True))


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

"""Find days whose stamps look like a clock of twelve hours, and take them back when somebody has looked.

Until then every window within twelve hours of such a day is answered with CLOCK_SUSPECT: an afternoon stamped as a
morning names the wrong subscriber. Each finding and each return is an event.
Source: attribution.md 2.2 and 3.9.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction

from broker.audit.services import record
from broker.errors import InputError, Problem
from broker.leases import drift
from broker.leases.models import DriftedDay, LeaseSource
from broker.leases.services import STORE


def look_for_drift(name: str, *, now: datetime) -> list[date]:
    """Judge the days that a source has delivered whole since the last look; gives those that are new on record."""
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).get(name=name)
        found, judged = drift.look(source)
        if judged is None:
            return []
        new = _note(source, found, now)
        LeaseSource.objects.using(STORE).filter(pk=source.pk).update(drift_checked_on=judged)
    return new


def note_drift(name: str, days: Iterable[date], *, now: datetime) -> list[date]:
    """Put days on record that drifted; gives the days of the source that nobody has taken back."""
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).get(name=name)
        _note(source, days, now)
    return drift.on_record(source, in_effect=True)


def clear_drift(name: str, day: date, *, now: datetime) -> None:
    """Take a day back: somebody has looked at the source, and its stamps of that day are right.

    Raises InputError for an unknown source, and for a day that is not on record or was taken back before.
    """
    with transaction.atomic(using=STORE):
        days = DriftedDay.objects.using(STORE).filter(source__name=name, day=day, cleared_at=None)
        found = days.select_related("source").first()
        if found is None or not days.update(cleared_at=now):
            raise InputError(
                [Problem("drift.unknown", "day", "This source has no such day on record, or it was taken back before.")]
            )
        _say("lease-source:drift-cleared", found.source, [day])


def _note(source: LeaseSource, days: Iterable[date], now: datetime) -> list[date]:
    new = drift.unknown(source, days)
    # Two that look at once find the same.
    DriftedDay.objects.using(STORE).bulk_create(
        (DriftedDay(source=source, day=day, found_at=now) for day in new), ignore_conflicts=True
    )
    if new:
        _say("lease-source:clock-drifted", source, new)
    return new


def _say(kind: str, source: LeaseSource, days: list[date]) -> None:
    # The event is in another database. It commits first: an event without its change shows as one that failed.
    with transaction.atomic():
        record(kind, "lease-source", uuid.uuid4(), {"source": source.pk, "days": [str(day) for day in days]})

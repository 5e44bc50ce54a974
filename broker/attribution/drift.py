"""Find days whose stamps look like a clock of twelve hours, and take days back when somebody has looked.

Days on which logs show another clock than their collector's (`clock_lag`) are told of and taken back here, too.
Until then every window within twelve hours of such a day is answered with CLOCK_SUSPECT: an afternoon stamped as a
morning names the wrong subscriber. Each finding and each return is an event.
Source: attribution.md 2.2 and 3.9.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from broker.attribution.ground import CLOCK_LIMIT
from broker.audit.services import record
from broker.errors import InputError, Problem
from broker.leases import drift
from broker.leases.models import DriftedDay, LeaseSource, SourceDay
from broker.leases.services import STORE


def look_for_drift(name: str, *, now: datetime) -> list[date]:
    """Judge the days that a source has delivered whole since the last look; gives those that are new on record.

    Says also on which days its logs show a wrong clock, if that was not said before.
    """
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).get(name=name)
        _tell_of_clocks(source, now)
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

    Whatever was said against the day: that it looks like twelve hours, that its log shows another clock than that of
    the collector (as much as it showed so far), or what somebody has measured.
    Raises InputError for an unknown source, and for a day of which nothing was said or all was taken back before.
    """
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).filter(name=name).first()
        drifted = DriftedDay.objects.using(STORE).filter(source=source, day=day, cleared_at=None).update(cleared_at=now)
        measured = SourceDay.objects.using(STORE).filter(source=source, day=day)
        wrong = measured.filter(Q(largest_offset__gt=CLOCK_LIMIT) | _found()).update(
            largest_offset=timedelta(), measured_count=0, accepted_offset=F("found_offset")
        )
        if source is None or not drifted + wrong:
            raise InputError(
                [Problem("drift.unknown", "day", "This source has no such day on record, or it was taken back before.")]
            )
        _say("lease-source:drift-cleared", source, [day])


def _found() -> Q:
    """Select the days on which logs show a clock that is too wrong, unless somebody has accepted as much."""
    return Q(found_offset__gt=CLOCK_LIMIT) & Q(found_offset__gt=F("accepted_offset"))


def _tell_of_clocks(source: LeaseSource, now: datetime) -> None:
    """Say once of each day that logs show a clock that was too wrong."""
    days = SourceDay.objects.using(STORE).filter(_found(), source=source, told_at=None)
    if found := list(days.order_by("day").values_list("day", flat=True)):
        _say("lease-source:clock-differs", source, found)
        days.filter(day__in=found).update(told_at=now)


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

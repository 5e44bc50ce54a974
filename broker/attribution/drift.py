"""Find days whose stamps look like a clock of twelve hours, and take days back when somebody has looked.

Until then every window within twelve hours of such a day is answered with CLOCK_SUSPECT: an afternoon stamped as a
morning names the wrong subscriber. Days on which logs show another clock than their collector's (`clock_lag`) are told
of and taken back here, too; those reach as far as the clock was wrong. Each finding and each return is an event.
Source: attribution.md 2.2 and 3.9.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import F, Q

from broker.attribution.ground import CLOCK_LIMIT, HALF_A_DAY
from broker.audit.services import record
from broker.errors import InputError, Problem
from broker.leases import drift
from broker.leases.models import DriftedDay, LeaseSource, SourceDay
from broker.leases.services import STORE


def look_for_drift(name: str, *, now: datetime, at_running: bool = False) -> list[date]:
    """Judge the days that a source is past with its delivery since the last look; gives those that are new on record.

    at_running: look at the day that is not over, too. As long as it may turn out to be such a day, nothing is answered
    from twelve hours before it on. Says also on which days logs show a wrong clock, if that was not said before.
    """
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).get(name=name)
        _tell_of_clocks(source, now)
        seen = drift.look(source, at_running=at_running)
        new = _note(source, seen.found, now) if seen.found else []
        doubted = None if seen.doubted is None else _twelve_hours_before(seen.doubted)
        changes = {"drift_checked_on": seen.judged or source.drift_checked_on, "doubted_from": doubted}
        if any(getattr(source, key) != value for key, value in changes.items()):
            LeaseSource.objects.using(STORE).filter(pk=source.pk).update(**changes)
    return new


def note_drift(name: str, days: Iterable[date], *, now: datetime) -> list[date]:
    """Put days on record that drifted; gives the days of the source that nobody has taken back."""
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).get(name=name)
        _note(source, days, now)
    return drift.on_record(source, in_effect=True)


def clear_drift(name: str, day: date, *, now: datetime) -> None:
    """Take a day back: somebody has looked at the source, and its stamps of that day are right.

    Whatever was said against the day: that it looks like twelve hours or may do so once it is over, that its log shows
    another clock than that of the collector (as much as it showed so far), or what somebody has measured.
    Raises InputError for an unknown source, and for a day of which nothing was said or all was taken back before.
    """
    with transaction.atomic(using=STORE):
        source = LeaseSource.objects.using(STORE).filter(name=name).first()
        drifted = DriftedDay.objects.using(STORE).filter(source=source, day=day, cleared_at=None).update(cleared_at=now)
        measured = SourceDay.objects.using(STORE).filter(source=source, day=day)
        wrong = measured.filter(Q(largest_offset__gt=CLOCK_LIMIT) | _found()).update(
            largest_offset=timedelta(), measured_count=0, accepted_offset=F("found_offset"), told_at=None
        )
        doubted = source is not None and _doubts(source, day)
        if source is not None and doubted:
            # Kept like one that was found, so that it is not doubted again.
            DriftedDay.objects.using(STORE).create(source=source, day=day, found_at=now, cleared_at=now)
            LeaseSource.objects.using(STORE).filter(pk=source.pk).update(doubted_from=None)
        if source is None or not (drifted or wrong or doubted):
            raise InputError(
                [Problem("drift.unknown", "day", "This source has no such day on record, or it was taken back before.")]
            )
        _say("lease-source:drift-cleared", source, [day])


def _doubts(source: LeaseSource, day: date) -> bool:
    return source.doubted_from == _twelve_hours_before(day)


def _twelve_hours_before(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) - HALF_A_DAY


def _found() -> Q:
    """Select the days on which logs show a clock that is too wrong, unless somebody has accepted as much."""
    return Q(found_offset__gt=CLOCK_LIMIT) & Q(found_offset__gt=F("accepted_offset"))


def _tell_of_clocks(source: LeaseSource, now: datetime) -> None:
    """Say once of each day that logs show a clock that was too wrong, and again if it was taken back meanwhile."""
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

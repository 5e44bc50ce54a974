"""The collectors of logs, and how wrong their clocks were."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from broker.leases.models.fields import REFERENCE, SpansField
from broker.leases.rows import LONGEST_SILENCE


class LeaseSource(models.Model):
    """A collector of logs: the unit whose delivery can be complete and whose clock can be wrong.

    clocks, serial: the latest moment each device of its logs has written, and the number of its newest holding.
    retired: those of the devices that are gone (`attribution.retired`).
    coverage: the spans for which it has delivered everything it saw; stated: those of files of which somebody says so,
    logged: those of logs in the order of their events, which in time show every holding there is: shows_within that
    time, as long at most as one goes on without a record, and LONGEST_SILENCE at most. serves_from, serves_until:
    outside of them it has nothing to say, so it holds up nobody; NULL: always. worst_offset: how wrong its clock may be
    on a day without a measurement. realm: where the private addresses of its logs belong, "" for the operator's only
    one. derived: its rows are conclusions of another system, not what a device wrote. drift_checked_on: the last day
    (UTC) that was looked at for a clock of twelve hours; doubted_from: nothing from this moment on is answered until
    its day has been looked at, too. lags: what measuring the clocks of its devices by its logs has to remember; heard:
    what is remembered of how they write, and of clocks that were put back. in_place: the database of the operator that
    is asked where it is; "" where rows are imported.
    """

    class InPlace(models.TextChoices):
        RADACCT = "radacct", "FreeRADIUS accounting"

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    realm = models.CharField(max_length=64, blank=True)
    worst_offset = models.DurationField(default=timedelta(seconds=1))
    derived = models.BooleanField(default=False)
    coverage = SpansField()
    stated = SpansField(default="{}", db_default="{}")
    logged = SpansField(default="{}", db_default="{}")
    shows_within = models.DurationField(default=LONGEST_SILENCE, db_default=LONGEST_SILENCE)
    clocks = models.JSONField(default=dict)
    retired = models.JSONField(default=list, db_default=[])
    serial = models.BigIntegerField(default=0)
    lags = models.JSONField(default=dict, db_default={})
    heard = models.JSONField(default=dict, db_default={})
    serves_from = models.DateTimeField(null=True)
    serves_until = models.DateTimeField(null=True)
    drift_checked_on = models.DateField(null=True)
    doubted_from = models.DateTimeField(null=True)
    in_place = models.CharField(max_length=16, choices=InPlace.choices, blank=True, default="", db_default="")

    class Meta:
        db_table = "lease_source"
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=REFERENCE), name="lease_source_name"),
            models.CheckConstraint(condition=Q(in_place__in=("", "radacct")), name="lease_source_in_place_known"),
            # The settings name one such database.
            models.UniqueConstraint(fields=["in_place"], condition=~Q(in_place=""), name="lease_source_in_place_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SourceDay(models.Model):
    """How wrong the clock of a source was on a day (UTC): the largest offset that was measured, and how often.

    found_offset: the largest that its logs show between the stamps of a device and those of the collector; up to
    accepted_offset somebody has looked at it and taken it back. told_at: when an event said that it is too large.
    """

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    day = models.DateField()
    largest_offset = models.DurationField()
    measured_count = models.PositiveIntegerField()
    found_offset = models.DurationField(default=timedelta(), db_default=timedelta())
    accepted_offset = models.DurationField(default=timedelta(), db_default=timedelta())
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_source_day"

    def __str__(self) -> str:
        return f"{self.source_id} on {self.day}"


class DriftedDay(models.Model):
    """A day (UTC) on which the stamps of a source look like those of a clock of twelve hours.

    Windows within twelve hours of it get no answer until somebody has looked and taken it back (`cleared_at`); it is
    kept then, so that it is not found again.
    """

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    day = models.DateField()
    found_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_drifted_day"

    def __str__(self) -> str:
        return f"{self.source_id} on {self.day}"

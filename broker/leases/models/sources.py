"""The collectors of logs, and how wrong their clocks were."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q

from broker.leases.models.fields import REFERENCE, SpansField


class LeaseSource(models.Model):
    """A collector of logs: the unit whose delivery can be complete and whose clock can be wrong.

    clocks, serial: the latest moment each device of its logs has written, and the number of its newest holding.
    coverage: the spans for which it has delivered everything it saw. serves_from, serves_until: outside of them it has
    nothing to say, so it holds up nobody; NULL: always. worst_offset: how wrong its clock may be on a day without
    a measurement. realm: where the private addresses of its logs belong, "" for the operator's only one.
    derived: its rows are conclusions of another system, not what a device wrote.
    """

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    realm = models.CharField(max_length=64, blank=True)
    worst_offset = models.DurationField(default=timedelta(seconds=1))
    derived = models.BooleanField(default=False)
    coverage = SpansField()
    clocks = models.JSONField(default=dict)
    serial = models.BigIntegerField(default=0)
    serves_from = models.DateTimeField(null=True)
    serves_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_source"
        constraints = [models.CheckConstraint(condition=Q(name__regex=REFERENCE), name="lease_source_name")]

    def __str__(self) -> str:
        return self.name


class SourceDay(models.Model):
    """How wrong the clock of a source was on a day (UTC): the largest offset that was measured, and how often."""

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    day = models.DateField()
    largest_offset = models.DurationField()
    measured_count = models.PositiveIntegerField()

    class Meta:
        db_table = "lease_source_day"

    def __str__(self) -> str:
        return f"{self.source_id} on {self.day}"

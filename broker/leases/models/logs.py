"""What was taken over: files and logs, how far each was read, and what could not be read."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from broker.leases.models.sources import LeaseSource


class LeaseImport(models.Model):
    """One file or log that was taken over; the rows of evidence name it by its id.

    key: its subject in the events. sha256 recognises a whole file that comes again; NULL for a log that grows, whose
    counts are in `LogProgress`. complete_from, complete_until: the file holds everything its source saw in between; the
    operator's word, or the earliest and latest stamp in the file.
    """

    id = models.AutoField(primary_key=True)
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    sha256 = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - NULL: a log, no whole file
    row_count = models.PositiveIntegerField(null=True)
    complete_from = models.DateTimeField(null=True)
    complete_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_import"
        constraints = [
            models.CheckConstraint(
                condition=Q(complete_from__isnull=True) | Q(complete_from__lte=F("complete_until")),
                name="lease_import_complete_in_order",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="lease_import_sha256"),
        ]

    def __str__(self) -> str:
        return str(self.key)


class LogProgress(models.Model):
    """How far a log has been read; written in the transaction that stores what was read, so a kill loses nothing.

    place: where the log is, as the operator named it. head_sha256: of its first bytes, so that a log that was replaced
    under its name is not taken for the old one. offset: the next byte to read. reader: what its format must remember.
    counts: records, events and rejects so far, by code. told: the options it is read with, NULL if none were kept.
    """

    log = models.OneToOneField(LeaseImport, models.PROTECT, primary_key=True)
    format = models.CharField(max_length=32)
    told = models.JSONField(null=True)
    place = models.CharField(max_length=1000)
    head_bytes = models.IntegerField()
    head_sha256 = models.CharField(max_length=64)
    offset = models.BigIntegerField()
    reader = models.JSONField()
    counts = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "log_progress"

    def __str__(self) -> str:
        return f"log {self.log_id}"


class LogHolding(models.Model):
    """What the reading of a source's logs has to remember of one holding, open or lately closed.

    state: the fields of `attribution.logs.holding.Holding`; holder and session are digests in it.
    """

    pk = models.CompositePrimaryKey("source_id", "serial")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    serial = models.BigIntegerField()
    state = models.JSONField()

    class Meta:
        db_table = "log_holding"

    def __str__(self) -> str:
        return f"holding {self.serial} of source {self.source_id}"


class LogReject(models.Model):
    """A record that could not be read or contradicts others: which one, by its offset, and why."""

    pk = models.CompositePrimaryKey("log_id", "position", "code")
    log = models.ForeignKey(LeaseImport, models.PROTECT, db_index=False)
    position = models.BigIntegerField()
    code = models.CharField(max_length=48)

    class Meta:
        db_table = "log_reject"

    def __str__(self) -> str:
        return f"{self.code} at {self.position} of log {self.log_id}"

"""Who a subscriber reference is, sealed; in a database of its own that knows no addresses and no cases.

The body and the key that opens it are two tables: deleting the key erases the person at once.
Not here: sealing itself (`broker.crypto.records`).
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

REFERENCE = r"^[A-Za-z0-9._-]{1,64}$"


class SubscriberImport(models.Model):
    """One file that was taken over whole; sha256 recognises a file that comes again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    sha256 = models.CharField(max_length=64, unique=True)
    row_count = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        db_table = "subscriber_import"
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="subscriber_import_sha256"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class SealedRecord(models.Model):
    """The sealed identity of one subscriber.

    isp, id, schema and epoch are bound into the seal: a row that is moved or altered does not open.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    subscriber_ref = models.CharField(max_length=64, unique=True)
    isp = models.CharField(max_length=64)
    epoch = models.PositiveIntegerField()
    schema = models.PositiveSmallIntegerField()
    nonce = models.BinaryField()
    body = models.BinaryField()

    class Meta:
        db_table = "sealed_record"
        constraints = [
            models.CheckConstraint(condition=Q(subscriber_ref__regex=REFERENCE), name="sealed_record_reference_opaque"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class SealedKey(models.Model):
    """The data key of one record, wrapped to an epoch's public key."""

    record = models.OneToOneField(SealedRecord, models.CASCADE, primary_key=True, related_name="key")
    epoch = models.PositiveIntegerField()
    suite = models.PositiveSmallIntegerField()
    wrapped = models.BinaryField()

    class Meta:
        db_table = "sealed_key"

    def __str__(self) -> str:
        return str(self.record_id)

"""Work to be done, as rows. Celery is only a doorbell."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class OutboxRow(models.Model):
    """One piece of work for one subject; written with the change that asks for it.

    `version` counts how often the work was asked for: closing compares it, so that a request that arrives
    while the work is being done is not lost.
    """

    class Kind(models.TextChoices):
        ASSESS = "assess"
        CHECK_ORDER = "check-order"
        RELEASE = "release"
        FETCH_REVOCATION = "fetch-revocation"
        DROP_LEASES = "drop-leases"
        HOLD = "hold"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=32, choices=Kind)
    subject_id = models.UUIDField()
    version = models.PositiveIntegerField(default=1)
    done = models.BooleanField(default=False)
    next_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "outbox"
        constraints = [models.UniqueConstraint(fields=["kind", "subject_id"], name="outbox_once_per_subject")]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(done=False), name="outbox_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"

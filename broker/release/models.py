"""The sealed answer: a row, so that it commits with the state it belongs to."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.audit.models import Event
from broker.decisions.models import Tranche


class SealedRelease(models.Model):
    """One package for one tranche, sealed to the recipient; nobody here can open it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tranche = models.OneToOneField(Tranche, models.PROTECT, related_name="release")
    package = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    recipient_fingerprint = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "sealed_release"

    def __str__(self) -> str:
        return str(self.id)

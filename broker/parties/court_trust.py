"""What is registered for a court besides its certificates: what its signatures must bring, where its lists are."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.parties.models import Organisation


class SignaturePolicy(models.Model):
    """What the signatures of a court must bring; a change is a new row, the newest is in force.

    A court without one is held to the defaults, which are strict. key_usage and certificate_policies: lists of the
    names and dotted identifiers that `register.py` reads.
    """

    id = models.BigAutoField(primary_key=True)
    court = models.ForeignKey(Organisation, models.PROTECT, related_name="signature_policies")
    timestamp_required = models.BooleanField(default=False)
    revocation_required = models.BooleanField(default=True)
    revocation_max_age_hours = models.PositiveIntegerField(default=24)
    certificate_policies = models.JSONField(default=list)
    key_usage = models.JSONField(default=list)
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "signature_policy"
        ordering = ["court", "id"]

    def __str__(self) -> str:
        return f"{self.court_id} {self.id}"


class RevocationSource(models.Model):
    """A place of revocation lists that the operator registered for a court, and the list last fetched from it.

    asked_at: when fetching was last asked for. The list is DER; issued_at and next_at are its own words, UTC.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    court = models.ForeignKey(Organisation, models.PROTECT, related_name="revocation_sources")
    url = models.URLField(max_length=500)
    registered_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    content = models.BinaryField(null=True)
    issued_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "revocation_source"
        ordering = ["registered_at"]
        constraints = [
            models.UniqueConstraint(fields=["court", "url"], name="revocation_source_known_once"),
            models.CheckConstraint(
                condition=models.Q(content=None, issued_at=None, fetched_at=None)
                | models.Q(content__isnull=False, issued_at__isnull=False, fetched_at__isnull=False),
                name="revocation_source_whole_or_none",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

"""Who of which bar signed the rules of a place, and who enabled them here on that word."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from broker.audit.models import Event
from broker.parties.models import User

SIGNER_LENGTH = 120
REASON_LENGTH = 1000


class PackRelease(models.Model):
    """One version of a pack that may decide here, because counsel of its place signed it; only ever withdrawn.

    It is bound to what the rules mean: another wording of the same rules stays enabled, any other change does not.
    signed_by, signed_as: name, and bar or role, as text; the signer need not be a user. signed_on: when.
    content: the text that was signed, in the form of `PackVersion.content`. for_trial: nobody signed, and the row was
    made by the embedded default for trying out; such a row counts nowhere else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pack = models.CharField(max_length=32)
    meaning_hash = models.CharField(max_length=64)
    text_hash = models.CharField(max_length=64)
    content = models.TextField()
    signed_by = models.CharField(max_length=SIGNER_LENGTH)
    signed_as = models.CharField(max_length=SIGNER_LENGTH)
    signed_on = models.DateField(null=True)
    for_trial = models.BooleanField(default=False)
    enabled_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    enabled_at = models.DateTimeField(default=timezone.now)
    event = models.OneToOneField(Event, models.PROTECT, related_name="+")
    withdrawn_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    withdrawn_event = models.OneToOneField(Event, models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "pack_release"
        verbose_name = verbose_name_plural = "rules: who reviewed them"
        ordering = ["-enabled_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["pack", "meaning_hash"], condition=Q(withdrawn_at=None), name="pack_release_stands_once"
            ),
            models.CheckConstraint(
                condition=Q(for_trial=False, signed_on__isnull=False, enabled_by__isnull=False)
                | Q(for_trial=True, signed_on=None, enabled_by=None),
                name="pack_release_signed_or_for_trial",
            ),
            models.CheckConstraint(
                condition=Q(meaning_hash__regex=r"^[0-9a-f]{64}$", text_hash__regex=r"^[0-9a-f]{64}$")
                & ~Q(signed_by__regex=r"^\s*$")
                & ~Q(signed_as__regex=r"^\s*$"),
                name="pack_release_says_who_and_what",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_by=None, withdrawn_at=None, withdrawn_reason="", withdrawn_event=None)
                | (
                    Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False, withdrawn_event__isnull=False)
                    & ~Q(withdrawn_reason__regex=r"^\s*$")
                ),
                name="pack_release_withdrawn_whole_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pack} {self.meaning_hash[:16]}"

"""What the rules engine answered, stored verbatim, and the answers people gave to its questions."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import OrderTerms
from broker.parties.models import User


class PackVersion(models.Model):
    """The text of a rule pack by its hash, with what it builds on; kept as long as any assessment names it.

    content: JSON list of [file name, text], the pack's own file last. meaning_hash: what a review of it is bound to.
    """

    text_hash = models.CharField(primary_key=True, max_length=64)
    meaning_hash = models.CharField(max_length=64)
    pack = models.CharField(max_length=32)
    content = models.TextField()

    class Meta:
        db_table = "pack_version"

    def __str__(self) -> str:
        return f"{self.pack} {self.text_hash}"


class AssessmentRecord(models.Model):
    """One answer of the engine, byte for byte; lines whose facts are the same share it."""

    digest = models.CharField(primary_key=True, max_length=64)
    pack_version = models.ForeignKey(PackVersion, models.PROTECT)
    content = models.TextField()
    outcome = models.CharField(max_length=16)
    granted = models.JSONField()

    class Meta:
        db_table = "assessment_record"

    def __str__(self) -> str:
        return self.digest


class LineAssessment(models.Model):
    """The engine's answer for one line at one moment; the newest one counts.

    terms: the version of the order's terms it rests on, None while there is no order. provisional: as of a day
    in the past, for study; a trigger keeps such a line from ever being approved. hold_allowed: as the record says.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    line = models.ForeignKey(RequestLine, models.PROTECT, related_name="assessments")
    record = models.ForeignKey(AssessmentRecord, models.PROTECT)
    terms = models.ForeignKey(OrderTerms, models.PROTECT, null=True)
    for_study = models.BooleanField()
    hold_allowed = models.BooleanField(default=False)
    sequence = models.BigIntegerField()
    made_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "line_assessment"
        constraints = [models.UniqueConstraint(fields=["line", "sequence"], name="line_assessment_sequence")]
        indexes = [
            models.Index(fields=["line"], condition=models.Q(hold_allowed=True), name="line_assessment_may_hold"),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} #{self.sequence}"


class FactAnswer(models.Model):
    """One person's answer to one question of the engine, with the reason; the newest answer counts.

    person: the natural person behind the account, written by the database. Where a fact takes two people, the newest
    answer of each person counts. settled_by: of whom the pack asks it; "" for answers from before that was written.
    """

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="answers")
    fact = models.CharField(max_length=64)
    value = models.JSONField()
    reason = models.CharField(max_length=1000)
    settled_by = models.CharField(max_length=16)
    answered_by = models.ForeignKey(User, models.PROTECT)
    person = models.UUIDField()
    answered_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "fact_answer"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.request_id} {self.fact}"

"""What named persons decided about a line, and the lines decided together."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.assessment.models import LineAssessment
from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import OrderTerms
from broker.parties.models import RecipientKey, User


class Decision(models.Model):
    """One seat of one round: a person's verdict on a line, with reasons.

    A round has two seats and two different people; a denial by either ends it. A third person may open one
    more round. person is the natural person, so that a second account does not make a second pair of eyes.
    """

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        DENY = "deny"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    line = models.ForeignKey(RequestLine, models.PROTECT, related_name="decisions")
    round = models.PositiveSmallIntegerField()
    seat = models.PositiveSmallIntegerField()
    person = models.UUIDField()
    decided_by = models.ForeignKey(User, models.PROTECT)
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.CharField(max_length=2000)
    assessment = models.ForeignKey(LineAssessment, models.PROTECT)
    decided_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "decision"
        ordering = ["round", "seat"]
        constraints = [
            models.UniqueConstraint(fields=["line", "round", "person"], name="decision_two_people"),
            models.UniqueConstraint(fields=["line", "round", "seat"], name="decision_one_per_seat"),
            models.CheckConstraint(condition=models.Q(seat__in=[1, 2]), name="decision_two_seats"),
            models.CheckConstraint(condition=models.Q(round__in=[1, 2]), name="decision_two_rounds"),
            models.CheckConstraint(condition=models.Q(verdict__in=["approve", "deny"]), name="decision_verdict_known"),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} round {self.round} seat {self.seat}"


class Tranche(models.Model):
    """Lines of one request approved together: they are answered in one package.

    terms and recipient_key are frozen here: a later correction or key change does not redirect the answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="tranches")
    terms = models.ForeignKey(OrderTerms, models.PROTECT)
    recipient_key = models.ForeignKey(RecipientKey, models.PROTECT)
    created_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "tranche"

    def __str__(self) -> str:
        return str(self.id)


class TrancheLine(models.Model):
    """One line of a tranche; a line is answered once."""

    line = models.OneToOneField(RequestLine, models.PROTECT, primary_key=True, related_name="tranche_line")
    tranche = models.ForeignKey(Tranche, models.PROTECT, related_name="tranche_lines")

    class Meta:
        db_table = "tranche_line"

    def __str__(self) -> str:
        return f"{self.tranche_id} {self.line_id}"


class Note(models.Model):
    """Why a person contested, reopened or recalled lines; the event says which lines."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="notes")
    move = models.CharField(max_length=16)
    reason = models.CharField(max_length=2000)
    written_by = models.ForeignKey(User, models.PROTECT)
    event = models.OneToOneField(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "decision_note"

    def __str__(self) -> str:
        return f"{self.request_id} {self.move}"

"""Who had log rows kept for which lines, why and until when, and what ended it early; rows are only ever added.

That rows were found, or that there were none, is not known here: only the release worker reaches them.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.assessment.models import LineAssessment
from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, RequestLine
from broker.parties.models import User


class HoldAct(models.Model):
    """One act: log rows of some lines of a request are kept through a day (UTC). A later act extends it.

    made_by: None where the law has the hold made on receipt, so that nobody was asked. made_at: the database's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="+")
    until_on = models.DateField()
    reason = models.CharField(max_length=1000, blank=True)
    made_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "hold_act"
        ordering = ["made_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(made_by=None) | ~models.Q(reason=""), name="hold_act_has_its_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} until {self.until_on}"


class LineHold(models.Model):
    """One line of an act. assessment: the answer of the law that allows it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    act = models.ForeignKey(HoldAct, models.PROTECT, related_name="lines")
    line = models.ForeignKey(RequestLine, models.PROTECT, related_name="holds")
    assessment = models.ForeignKey(LineAssessment, models.PROTECT, related_name="+")

    class Meta:
        db_table = "line_hold"
        constraints = [models.UniqueConstraint(fields=["act", "line"], name="line_hold_once_an_act")]

    def __str__(self) -> str:
        return f"{self.line_id} by {self.act_id}"


class HoldEnd(models.Model):
    """A hold of a line that ended before its day. ended_by, reason: where a person ended it."""

    class Why(models.TextChoices):
        ANSWERED = "answered", "the line was answered"
        WITHDRAWN = "withdrawn", "the line was withdrawn"
        RECALLED = "recalled", "the approval was recalled"
        EXPIRED = "expired", "the line expired"
        DENIED = "denied", "the line was denied for good"
        REFUSED = "refused", "the law refuses the line and allows no hold any more"
        PERSON = "person", "ended by legal staff"

    line_hold = models.OneToOneField(LineHold, models.PROTECT, primary_key=True, related_name="end")
    why = models.CharField(max_length=12, choices=Why)
    reason = models.CharField(max_length=1000, blank=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "hold_end"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    why__in=["answered", "withdrawn", "recalled", "expired", "denied", "refused"],
                    ended_by=None,
                )
                | (models.Q(why="person", ended_by__isnull=False) & ~models.Q(reason="")),
                name="hold_end_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_hold_id} {self.why}"

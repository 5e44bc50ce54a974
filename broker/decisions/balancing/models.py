"""What people graded and concluded about one record of the law's answer; rows are only ever added."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.assessment.models import AssessmentRecord
from broker.audit.models import Event
from broker.intake.models import DisclosureRequest
from broker.parties.models import User
from legal_rules.weigh import SCALES

# The grades of `legal_rules.weigh` as columns.
GRADES = tuple(SCALES)
# A check that comes to NULL holds, so that "not null" has to be said as well.
_GRADED = models.Q(
    ended="", **{f"{name}__in": [1, 2, 4] for name in GRADES}, **{f"{name}__isnull": False for name in GRADES}
)


class Balancing(models.Model):
    """One weighing, review or conflict of one record, for all lines of the request that share the record.

    rule: its id in the record. A later answer of the law is another record, and is judged anew.
    """

    class Kind(models.TextChoices):
        WEIGH = "weigh"
        REVIEW = "review"
        CONFLICT = "conflict"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="balancings")
    record = models.ForeignKey(AssessmentRecord, models.PROTECT)
    rule = models.CharField(max_length=255)
    kind = models.CharField(max_length=8, choices=Kind)
    opened_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "balancing"
        constraints = [
            models.UniqueConstraint(fields=["request", "record", "rule"], name="balancing_once_a_record"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["weigh", "review", "conflict"]), name="balancing_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.rule}"


class Grading(models.Model):
    """One person's judgement: seat 1 or 2 of a weighing. Others see it once both are given.

    ended: the step that failed, "" when all three were taken. The grades are those of `legal_rules.weigh`, with a
    reliability of 1/2 written as 2 and 1/4 as 4; none where a step failed. content: the answers and reasons, factors
    and milder means, as JSON (`services.give_grading`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    balancing = models.ForeignKey(Balancing, models.PROTECT, related_name="gradings")
    seat = models.PositiveSmallIntegerField()
    person = models.UUIDField()
    graded_by = models.ForeignKey(User, models.PROTECT)
    ended = models.CharField(max_length=9, blank=True)
    interference = models.PositiveSmallIntegerField(null=True)
    privacy_weight = models.PositiveSmallIntegerField(null=True)
    privacy_reliability = models.PositiveSmallIntegerField(null=True)
    importance = models.PositiveSmallIntegerField(null=True)
    claim_weight = models.PositiveSmallIntegerField(null=True)
    claim_reliability = models.PositiveSmallIntegerField(null=True)
    content = models.JSONField()
    graded_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "balancing_grading"
        ordering = ["seat"]
        constraints = [
            models.UniqueConstraint(fields=["balancing", "person"], name="balancing_grading_two_people"),
            models.UniqueConstraint(fields=["balancing", "seat"], name="balancing_grading_one_per_seat"),
            models.CheckConstraint(condition=models.Q(seat__in=[1, 2]), name="balancing_grading_two_seats"),
            models.CheckConstraint(
                condition=_GRADED | models.Q(ended__in=["suitable", "necessary"], **dict.fromkeys(GRADES)),
                name="balancing_grading_whole_or_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.balancing_id} seat {self.seat}"


class Opinion(models.Model):
    """What conclusion and review share: one person's verdict with reasons.

    favourable: for the disclosure. person is the natural person, as with decisions.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    person = models.UUIDField()
    favourable = models.BooleanField()
    reason = models.CharField(max_length=4000)
    given_by = models.ForeignKey(User, models.PROTECT)
    given_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class Conclusion(Opinion):
    """How a balancing ends. content: everything it rests on, as JSON text (`record.write_record`); digest: its SHA-256.

    It stands for the disclosure only if it is favourable and no third person who had to confirm it is missing or
    disagrees.
    """

    balancing = models.OneToOneField(Balancing, models.PROTECT, related_name="conclusion")
    content = models.TextField()
    digest = models.CharField(max_length=64)

    class Meta(Opinion.Meta):
        db_table = "balancing_conclusion"

    def __str__(self) -> str:
        return f"{self.balancing_id} {'for' if self.favourable else 'against'}"


class SecondReview(Opinion):
    """The third person's verdict: before the conclusion where graders differ, else after one against the formula."""

    balancing = models.OneToOneField(Balancing, models.PROTECT, related_name="second_review")

    class Meta(Opinion.Meta):
        db_table = "balancing_review"

    def __str__(self) -> str:
        return f"{self.balancing_id} {'for' if self.favourable else 'against'}"

"""Requests and their lines. The line has the state; see `lifecycle`."""

from __future__ import annotations

import secrets
import uuid

from django.db import models
from django.utils import timezone

from broker.audit.models import Event
from broker.intake.observation import PROTOCOLS, say_port
from broker.parties.models import Organisation, User


class Proceeding(models.TextChoices):
    """The split that every rule starts from; nothing flows between them."""

    CIVIL = "civil"
    CRIMINAL = "criminal"
    ADMINISTRATIVE = "administrative"
    EMERGENCY = "emergency"


class Measure(models.TextChoices):
    """What is asked for. Only a disclosure is ever made here, and a preservation is a hold; the others are refused."""

    DISCLOSURE = "disclosure", "Disclosure of the subscriber"
    PRESERVATION = "preservation", "Preservation of data"
    DISCONNECTION = "disconnection", "Disconnection of a subscriber"
    FILTERING = "filtering", "Filtering or blocking"
    MONITORING = "monitoring", "Monitoring from now on"
    REPEAT_INFRINGER_NOTICE = "repeat-infringer-notice", "Notice or sanction for repeated infringement"


# Data categories: the ids of the packs (eu.md 0.2 with hyphens). Nothing else can be asked for.
CATEGORIES: dict[str, str] = {
    "name": "Name",
    "postal-address": "Postal address",
    "installation-address": "Address where the connection is installed",
    "email": "E-mail address",
    "phone": "Telephone number",
    "account-id": "Customer number",
}


class State(models.TextChoices):
    """States of a line, in the order of the way through (architecture.md 5)."""

    RECEIVED = "RECEIVED"
    REFUSED = "REFUSED"
    INCOMPLETE = "INCOMPLETE"
    AWAITING_ORDER = "AWAITING_ORDER"
    UNDER_REVIEW = "UNDER_REVIEW"
    DENIED = "DENIED"
    CONTESTED = "CONTESTED"
    HELD = "HELD"
    APPROVED = "APPROVED"
    WAITING = "WAITING"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    RECALLED = "RECALLED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"


def new_reference() -> str:
    """Make a public reference that tells nothing and cannot be guessed, such as R-7Q2M-XK4T-9HDC."""
    alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "R-" + "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))


class DisclosureRequest(models.Model):
    """One request of one party: what it relies on, and its lines.

    categories: ids of data categories asked for. facts: answers of the requester to the questions of the
    pack, {fact: value}. as_of: a day in the past for study and the demo; such a request can never be approved.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    reference = models.CharField(max_length=20, unique=True, default=new_reference)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="requests")
    filed_by = models.ForeignKey(User, models.PROTECT)
    court = models.ForeignKey(Organisation, models.PROTECT, related_name="requests_before_it")
    proceeding = models.CharField(max_length=16, choices=Proceeding)
    jurisdiction = models.CharField(max_length=8)
    measure = models.CharField(max_length=32, choices=Measure)
    legal_relation = models.CharField(max_length=500)
    purpose = models.CharField(max_length=2000)
    categories = models.JSONField()
    facts = models.JSONField(default=dict)
    as_of = models.DateField(null=True)
    filed_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "disclosure_request"
        ordering = ["-filed_at"]

    def __str__(self) -> str:
        return self.reference


class RequestLine(models.Model):
    """One address, port and instant, with its state.

    protocol: of the port, "" where it was not logged. observed_at: UTC. observed_text: what was typed, verbatim, offset
    included. unit_seconds: granularity of the instant as written. event: the event that put the line into its state; a
    trigger holds it to that.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    address = models.GenericIPAddressField()
    source_port = models.PositiveIntegerField(null=True)
    protocol = models.CharField(max_length=3, blank=True, default="", db_default="")
    observed_at = models.DateTimeField()
    observed_text = models.CharField(max_length=64)
    unit_seconds = models.DecimalField(max_digits=9, decimal_places=3)
    evidence = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=State)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "request_line"
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="request_line_number"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="request_line_state_known"),
            models.CheckConstraint(
                condition=models.Q(source_port=None) | models.Q(source_port__gte=1, source_port__lte=65535),
                name="request_line_port_range",
            ),
            models.CheckConstraint(
                condition=models.Q(protocol__in=["", *PROTOCOLS]), name="request_line_protocol_known"
            ),
        ]
        indexes = [models.Index(fields=["state", "request"], name="request_line_state")]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.number}"

    @property
    def port_shown(self) -> str:
        """The source port with its protocol, for people; "" where neither is known."""
        return say_port(self.source_port, self.protocol)


class EvidenceFile(models.Model):
    """The file that a request's lines were typed from, as received; the client's file name is never kept.

    content: the bytes of a text that was read; None for a document that was not, of which only the digest is kept.
    kind: `text`, or what kind of document. zone: what the sender says that times without a zone are in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.OneToOneField(DisclosureRequest, models.PROTECT, related_name="evidence_file")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    content = models.BinaryField(null=True)
    zone = models.CharField(max_length=64, blank=True)
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "evidence_file"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="text", content__isnull=False)
                | (~models.Q(kind="text") & models.Q(content=None)),
                name="evidence_file_keeps_what_was_read",
            )
        ]

    def __str__(self) -> str:
        return self.sha256


class LineQuestion(models.Model):
    """A question about what was typed, to whoever typed it. code: one of `slips.FINDINGS`.

    evidence_line: the line of the evidence file that it points to; None where it points to none.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    line = models.ForeignKey(RequestLine, models.PROTECT, related_name="slip_questions")
    code = models.CharField(max_length=40)
    evidence_line = models.PositiveIntegerField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "line_question"
        ordering = ["line__number", "code"]
        constraints = [models.UniqueConstraint(fields=["line", "code"], name="line_question_once")]

    def __str__(self) -> str:
        return f"{self.line_id} {self.code}"


class LineAnswer(models.Model):
    """Why a questioned line is right as typed; given once, by the organisation that typed it.

    explanation: in the person's own words, which may hold personal data; seen by that organisation and legal staff.
    """

    class Reason(models.TextChoices):
        COMPARED = "compared", "I compared it with the original record, and it is right as typed"
        OTHER_SOURCE = "other-source", "The line rests on other evidence than this file"
        EVIDENCE_CLOCK = "evidence-clock", "The clock or the zone of the evidence is known to be off"
        EVIDENCE_FORM = "evidence-form", "The evidence writes the same address or moment in another way"

    question = models.OneToOneField(LineQuestion, models.PROTECT, primary_key=True, related_name="answer")
    reason = models.CharField(max_length=20, choices=Reason)
    explanation = models.CharField(max_length=500)
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "line_answer"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reason__in=["compared", "other-source", "evidence-clock", "evidence-form"]),
                name="line_answer_reason_known",
            )
        ]

    def __str__(self) -> str:
        return str(self.question_id)

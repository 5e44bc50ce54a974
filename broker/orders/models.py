"""Court orders: the document as received, the terms the clerk entered, the checks of both."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, Proceeding, RequestLine
from broker.intake.observation import PROTOCOLS, say_port
from broker.parties.models import Organisation, User


class OrderDocument(models.Model):
    """The bytes of an order as received, named by their digest; the client's file name is never kept."""

    sha256 = models.CharField(primary_key=True, max_length=64)
    content = models.BinaryField()
    size_bytes = models.PositiveIntegerField()

    class Meta:
        db_table = "order_document"

    def __str__(self) -> str:
        return self.sha256


class CourtOrder(models.Model):
    """One order of one court, attached to one request. Its state is that of the document."""

    class State(models.TextChoices):
        RECEIVED = "RECEIVED"
        VERIFIED = "VERIFIED"
        REJECTED = "REJECTED"
        REVOKED = "REVOKED"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    request = models.ForeignKey(DisclosureRequest, models.PROTECT, related_name="orders")
    court = models.ForeignKey(Organisation, models.PROTECT, related_name="orders")
    file_number = models.CharField(max_length=100)
    document = models.ForeignKey(OrderDocument, models.PROTECT)
    uploaded_by = models.ForeignKey(User, models.PROTECT)
    uploaded_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=16, choices=State)
    # What the signature stands for, however the file was saved since; known once the document is verified.
    signed_identity = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - null is "not known yet"
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "court_order"
        ordering = ["uploaded_at"]
        constraints = [
            # The same order twice is a constraint violation, not a check (security.md 4.6): the same file at once,
            # the same signature in another file when it is verified. What was rejected may be tried again.
            models.UniqueConstraint(
                fields=["court", "document"],
                condition=~models.Q(state="REJECTED"),
                name="court_order_attached_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["RECEIVED", "REJECTED"], signed_identity=None)
                | models.Q(state__in=["VERIFIED", "REVOKED"], signed_identity__isnull=False),
                name="court_order_identity_if_verified",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["RECEIVED", "VERIFIED", "REJECTED", "REVOKED"]),
                name="court_order_state_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class OrderTerms(models.Model):
    """What the order says, as the clerk entered it; a correction is a new version, the old one stays.

    findings: what the order finds, {fact of the pack: value}. Days are calendar days of the court's place.
    """

    class OrderBy(models.TextChoices):
        COURT = "court", "A court"
        INVESTIGATING_JUDGE = "investigating-judge", "An investigating judge"
        PROSECUTOR = "prosecutor", "A public prosecutor"
        POLICE = "police", "The police"
        INDEPENDENT_AUTHORITY = "independent-authority", "An independent authority"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    order = models.ForeignKey(CourtOrder, models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    order_by = models.CharField(max_length=32, choices=OrderBy)
    proceeding = models.CharField(max_length=16, choices=Proceeding)
    judge = models.CharField(max_length=200)
    issued_on = models.DateField()
    expires_on = models.DateField()
    addressee = models.CharField(max_length=200)
    legal_basis = models.CharField(max_length=500)
    categories = models.JSONField()
    recipient = models.CharField(max_length=200)
    use_terms = models.CharField(max_length=1000)
    notice_terms = models.CharField(max_length=1000)
    findings = models.JSONField(default=dict)
    entered_by = models.ForeignKey(User, models.PROTECT)
    entered_at = models.DateTimeField(default=timezone.now)
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "order_terms"
        ordering = ["order", "version"]
        constraints = [models.UniqueConstraint(fields=["order", "version"], name="order_terms_version")]

    def __str__(self) -> str:
        return f"{self.order_id} v{self.version}"


class TermsLine(models.Model):
    """One address, port and interval [from_at, until_at) in UTC that the order covers.

    protocol: of the port, "" where the order names none and so covers all.
    """

    id = models.BigAutoField(primary_key=True)
    terms = models.ForeignKey(OrderTerms, models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    address = models.GenericIPAddressField()
    source_port = models.PositiveIntegerField(null=True)
    protocol = models.CharField(max_length=3, blank=True, default="", db_default="")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()

    class Meta:
        db_table = "terms_line"
        ordering = ["terms", "number"]
        constraints = [
            models.UniqueConstraint(fields=["terms", "number"], name="terms_line_number"),
            models.CheckConstraint(condition=models.Q(from_at__lt=models.F("until_at")), name="terms_line_interval"),
            models.CheckConstraint(condition=models.Q(protocol__in=["", *PROTOCOLS]), name="terms_line_protocol_known"),
            models.UniqueConstraint(
                fields=["terms", "address", "source_port", "protocol", "from_at", "until_at"],
                nulls_distinct=False,
                name="terms_line_selector_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terms_id}/{self.number}"

    @property
    def port_shown(self) -> str:
        """The port with its protocol, for people; "" where the order names neither."""
        return say_port(self.source_port, self.protocol)


class OrderCheck(models.Model):
    """One numbered check of a document or of one version of its terms, with its result.

    passed: None when an earlier failure made the check pointless.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(CourtOrder, models.PROTECT, related_name="checks")
    terms = models.ForeignKey(OrderTerms, models.PROTECT, null=True, related_name="checks")
    line = models.ForeignKey(RequestLine, models.PROTECT, null=True, related_name="order_checks")
    number = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    passed = models.BooleanField(null=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "order_check"
        ordering = ["order", "number", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "terms", "line", "number"],
                nulls_distinct=False,
                name="order_check_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.code}"


class OrderRevocation(models.Model):
    """Why the court took its order back."""

    order = models.OneToOneField(CourtOrder, models.PROTECT, primary_key=True, related_name="revocation")
    reason = models.CharField(max_length=1000)
    revoked_by = models.ForeignKey(User, models.PROTECT)
    event = models.OneToOneField(Event, models.PROTECT, related_name="+")

    class Meta:
        db_table = "order_revocation"

    def __str__(self) -> str:
        return str(self.order_id)

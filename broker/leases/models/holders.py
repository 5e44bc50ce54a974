"""Whom rows of evidence name, and to which contract a connection belonged."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from broker.leases.models.fields import REFERENCE, InetField


class Holder(models.Model):
    """Whoever a row of evidence names.

    A subscriber is named by the reference of the store of identities; a line by what the log calls a connection,
    digested (which contract it belonged to is in `LineTerm`); an inner address, behind address translation, is looked
    up itself, at the same time and in its realm.
    """

    class Kind(models.TextChoices):
        SUBSCRIBER = "subscriber", "Reference of a contract"
        LINE = "line", "Connection as a log names it"
        INNER = "inner", "Inner address"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    reference = models.CharField(max_length=64, blank=True)
    inner_address = InetField(null=True)
    realm = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "lease_holder"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=("subscriber", "line"), reference__regex=REFERENCE, inner_address__isnull=True, realm=""
                )
                | Q(kind="inner", reference="", inner_address__isnull=False),
                name="lease_holder_form",
            ),
            models.UniqueConstraint(
                fields=["reference", "kind", "inner_address", "realm"], nulls_distinct=False, name="lease_holder_once"
            ),
        ]

    def __str__(self) -> str:
        return f"holder {self.id}"


class LineTerm(models.Model):
    """A connection belonged to a contract for a time; who holds the contract and where the line ends is in its record.

    holder: the connection as the logs name it. subscriber_ref: the contract, as in the store of identities.
    from_at, to_at: half-open, UTC; to_at NULL: until further notice. unit: how finely both ends are known; a day
    for most contracts.
    """

    id = models.BigAutoField(primary_key=True)
    holder = models.ForeignKey(Holder, models.PROTECT, db_index=False)
    subscriber_ref = models.CharField(max_length=64)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    unit = models.DurationField(default=timedelta(days=1))

    class Meta:
        db_table = "line_term"
        indexes = [models.Index(fields=["holder", "from_at"], name="line_term_holder")]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_at__isnull=True) | Q(to_at__gt=F("from_at")), name="line_term_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(subscriber_ref__regex=REFERENCE), name="line_term_opaque"),
        ]

    def __str__(self) -> str:
        return f"term {self.id}"

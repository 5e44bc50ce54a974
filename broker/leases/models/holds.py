"""Rows kept from expiring for a case, and copies of those of the operator's RADIUS database."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from broker.leases.models.fields import InetField, SpansField
from broker.leases.models.holders import Holder
from broker.leases.models.sources import LeaseSource


class Hold(models.Model):
    """Rows are kept from expiring for a case, until a day; the hold knows no case but an id.

    Nobody is looked up: rows of one address are copied for one window. Source: architecture.md 4, step 1.
    settled: for what time the logs of our own store that an answer would rest on were complete when rows were copied;
    what came later is not among them. shown: for what time those of the address itself showed everybody by then. NULL:
    not known. radius_settled: for what time the operator's RADIUS database held everything when its rows were copied;
    NULL: none was asked.
    """

    id = models.BigAutoField(primary_key=True)
    case_id = models.UUIDField()
    address = InetField()
    port = models.IntegerField(null=True)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    made_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    settled = SpansField(null=True)
    shown = SpansField(null=True)
    radius_settled = SpansField(null=True)

    class Meta:
        db_table = "lease_hold"
        indexes = [models.Index(fields=["address"], name="lease_hold_address")]
        constraints = [
            models.CheckConstraint(condition=Q(to_at__gt=F("from_at")), name="hold_ends_after_it_begins"),
            models.CheckConstraint(condition=Q(lapses_at__gt=F("made_at")), name="hold_lapses_after_it_is_made"),
        ]

    def __str__(self) -> str:
        return f"hold {self.id}"


class HeldLease(models.Model):
    """A row of evidence as it stood when it was held."""

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, models.CASCADE)
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    import_id = models.IntegerField()
    source_pos = models.BigIntegerField()
    port_from = models.IntegerField(null=True)
    port_to = models.IntegerField(null=True)
    port_step = models.SmallIntegerField(null=True)
    protocol = models.SmallIntegerField(null=True)
    address = InetField()
    holder = models.ForeignKey(Holder, models.PROTECT, db_index=False)
    possible_from = models.DateTimeField()
    possible_to = models.DateTimeField(null=True)
    certain_from = models.DateTimeField()
    certain_to = models.DateTimeField()
    flags = models.SmallIntegerField()

    class Meta:
        db_table = "held_lease"

    def __str__(self) -> str:
        return f"held row {self.id}"


class HeldSession(models.Model):
    """A row of the operator's RADIUS accounting as it stood when it was held; its columns are called as they are there.

    holder: the connection, digested as in logs; "" where it names none. What such rows prove is decided when they are
    asked, together with what the database still holds, so they are kept as they are and not as evidence.
    """

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, models.CASCADE)
    radacctid = models.BigIntegerField()
    holder = models.CharField(max_length=64, blank=True)
    acctstarttime = models.DateTimeField(null=True)
    acctupdatetime = models.DateTimeField(null=True)
    acctstoptime = models.DateTimeField(null=True)
    acctinterval = models.BigIntegerField(null=True)
    acctsessiontime = models.BigIntegerField(null=True)
    acctterminatecause = models.TextField(blank=True)
    framedipaddress = InetField(null=True)
    framedipv6address = InetField(null=True)
    framedipv6prefix = InetField(null=True)
    delegatedipv6prefix = InetField(null=True)

    class Meta:
        db_table = "held_radacct"

    def __str__(self) -> str:
        return f"held session {self.id}"

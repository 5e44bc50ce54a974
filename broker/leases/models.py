"""Evidence of who held which address when, in a database of its own that knows no names and no cases.

Rows are only ever added; overlapping rows are kept, because refusing one would hide a conflict of sources.
Not here: month partitions and expiry (`broker.retention`), and what a row proves (`broker.attribution`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    # Django's fields take type parameters in the stubs only.
    _Field = models.Field

# A subscriber reference is opaque: random or counted, never a name or a line number that people know.
REFERENCE = r"^[A-Za-z0-9._-]{1,64}$"


class CidrField(_Field):
    """A prefix, as PostgreSQL's cidr: host bits must be zero."""

    def db_type(self, connection: Any) -> str:
        return "cidr"


class LeaseImport(models.Model):
    """One file that was taken over whole.

    source: the collector it came from. complete_from, complete_until: the file holds everything its source
    saw in between; the operator's word, or the earliest and latest stamp in the file. sha256 recognises a
    file that comes again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    source = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, unique=True)
    row_count = models.PositiveIntegerField()
    overlap_count = models.PositiveIntegerField()
    complete_from = models.DateTimeField()
    complete_until = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        db_table = "lease_import"
        constraints = [
            models.CheckConstraint(
                condition=Q(complete_from__lte=F("complete_until")), name="lease_import_complete_in_order"
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="lease_import_sha256"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Lease(models.Model):
    """A subscriber held an address, or a block of its ports, for a time; one line of one imported file.

    source_pos: the line. source: as of the import, repeated here because look-ups compare it row by row.
    valid_from, valid_to: the widest the line allows, half-open, UTC; valid_to NULL: still open when exported.
    certain_from, certain_to: the part the source positively shows. port_from, port_to: first and last port,
    both NULL if the line says nothing of ports.
    """

    pk = models.CompositePrimaryKey("lease_import_id", "source_pos")
    lease_import = models.ForeignKey(LeaseImport, models.PROTECT, db_index=False)
    source_pos = models.BigIntegerField()
    source = models.CharField(max_length=64)
    address = models.GenericIPAddressField(unpack_ipv4=True)
    port_from = models.IntegerField(null=True)
    port_to = models.IntegerField(null=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)
    certain_from = models.DateTimeField()
    certain_to = models.DateTimeField()
    subscriber_ref = models.CharField(max_length=64)
    provenance = models.CharField(max_length=24)

    class Meta:
        db_table = "lease"
        indexes = [models.Index(fields=["address", "valid_from"], name="lease_address_from")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="lease_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(certain_from__gte=F("valid_from"), certain_to__gte=F("certain_from"))
                & (Q(valid_to__isnull=True) | Q(certain_to__lte=F("valid_to"))),
                name="lease_certain_inside_possible",
            ),
            models.CheckConstraint(
                condition=Q(port_from__isnull=True, port_to__isnull=True)
                | Q(port_from__gte=0, port_to__gte=F("port_from"), port_to__lte=65535),
                name="lease_ports_both_or_none",
            ),
            models.CheckConstraint(
                condition=Q(provenance__in=("business", "statutory-retention", "preserved")),
                name="lease_provenance_known",
            ),
            models.CheckConstraint(condition=Q(subscriber_ref__regex=REFERENCE), name="lease_reference_opaque"),
        ]

    def __str__(self) -> str:
        return f"line {self.source_pos} of {self.lease_import_id}"


class AddressPlan(models.Model):
    """How a prefix was used for a time; an address that any row calls shared is shared.

    from_at, to_at: half-open, UTC; to_at NULL: until further notice.
    """

    class Sharing(models.TextChoices):
        DEDICATED = "dedicated", "One subscriber for each address"
        SHARED = "shared", "Several subscribers behind each address"

    id = models.BigAutoField(primary_key=True)
    prefix = CidrField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    sharing = models.CharField(max_length=16, choices=Sharing.choices)

    class Meta:
        db_table = "address_plan"
        constraints = [
            models.CheckConstraint(
                condition=Q(to_at__isnull=True) | Q(to_at__gt=F("from_at")), name="plan_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(sharing__in=("dedicated", "shared")), name="plan_sharing_known"),
        ]

    def __str__(self) -> str:
        return f"plan {self.id}"

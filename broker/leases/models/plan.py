"""How the operator used its addresses."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from broker.leases.models.fields import CidrField
from broker.leases.models.sources import LeaseSource


class AddressPlan(models.Model):
    """How a prefix was used for a time; an address that any row calls shared is shared.

    from_at, to_at: half-open, UTC; to_at NULL: until further notice. What no row covers is not the operator's.
    source: whose log tells who held it; NULL: any of them may, so all have to be complete.
    """

    class Sharing(models.TextChoices):
        DEDICATED = "dedicated", "One subscriber for each address"
        STATIC = "static", "One subscriber for each address, by contract"
        CGN_BLOCK = "cgn-block", "Carrier-grade NAT, port blocks in the log"
        CGN_SESSION = "cgn-session", "Carrier-grade NAT, every flow in the log"
        DETERMINISTIC = "deterministic", "Deterministic NAT (RFC 7422)"
        MAP = "map", "MAP-E or MAP-T (RFC 7597, RFC 7599)"
        LW4O6 = "lw4o6", "Lightweight 4over6 (RFC 7596)"
        DS_LITE = "ds-lite", "Dual-Stack Lite (RFC 6333)"
        NAT64 = "nat64", "Stateful NAT64 (RFC 6146)"
        SHARED = "shared", "Several subscribers behind each address, otherwise"
        UNKNOWN = "unknown", "Not known; treated as shared"

    id = models.BigAutoField(primary_key=True)
    prefix = CidrField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    sharing = models.CharField(max_length=16, choices=Sharing.choices)
    source = models.ForeignKey(LeaseSource, models.PROTECT, null=True, db_index=False)

    class Meta:
        db_table = "address_plan"
        constraints = [
            models.CheckConstraint(
                condition=Q(to_at__isnull=True) | Q(to_at__gt=F("from_at")), name="plan_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(
                    sharing__in=(
                        "dedicated",
                        "static",
                        "cgn-block",
                        "cgn-session",
                        "deterministic",
                        "map",
                        "lw4o6",
                        "ds-lite",
                        "nat64",
                        "shared",
                        "unknown",
                    )
                ),
                name="plan_sharing_known",
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.id}"

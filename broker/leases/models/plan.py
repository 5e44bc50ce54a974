"""How the operator used its addresses."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from broker.leases.models.fields import REFERENCE, CidrField, CidrsField
from broker.leases.models.sources import LeaseSource

# What the plan can say of a prefix without making it shared; everything else needs a port.
DEDICATED = ("dedicated", "static")
# Where the port leads to the holder by arithmetic, and no log tells but of a pool of ports.
COMPUTED = ("deterministic", "map")


class AddressPlan(models.Model):
    """How a prefix was used for a time; an address that any row calls shared is shared.

    from_at, to_at: half-open, UTC; to_at NULL: until further notice. What no row covers is not the operator's.
    source: whose log tells who held it; NULL: any of them may, so all have to be complete. port_from, port_to: first
    and last port that anybody is given, both included, of an address that is shared and not by a rule; NULL: any.
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
    port_from = models.PositiveIntegerField(null=True)
    port_to = models.PositiveIntegerField(null=True)

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
            models.CheckConstraint(
                condition=Q(port_from=None, port_to=None)
                | (
                    Q(port_from__isnull=False, port_to__isnull=False)
                    & Q(port_from__lte=F("port_to"), port_to__lte=65_535)
                    & ~Q(sharing__in=(*DEDICATED, *COMPUTED))
                ),
                name="plan_ports_of_a_pool",
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.id}"


class MappingEpoch(models.Model):
    """A rule by which addresses are shared, as it was configured for a time; a new configuration is a new row.

    configuration: by the keys of the file it came from; outside: the outside prefixes in it, to be found by.
    from_at, to_at: half-open, UTC; to_at NULL: until further notice. stated_at: when the operator last said so; what
    came after is not known. realm: where the inside addresses belong. The rows of one name do not overlap.
    """

    class Kind(models.TextChoices):
        DETERMINISTIC_NAT = "deterministic-nat", "Deterministic NAT (RFC 7422)"
        MAP = "map", "MAP-E or MAP-T (RFC 7597, RFC 7599)"

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    realm = models.CharField(max_length=64, blank=True)
    configuration = models.JSONField()
    outside = CidrsField()
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    stated_at = models.DateTimeField()

    class Meta:
        db_table = "mapping_epoch"
        constraints = [
            models.UniqueConstraint(fields=["name", "from_at"], name="mapping_begins_once"),
            models.CheckConstraint(condition=Q(name__regex=REFERENCE), name="mapping_name"),
            models.CheckConstraint(condition=Q(kind__in=("deterministic-nat", "map")), name="mapping_kind_known"),
            models.CheckConstraint(
                condition=Q(to_at__isnull=True) | Q(to_at__gt=F("from_at")), name="mapping_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=Q(stated_at__gte=F("from_at")), name="mapping_stated_once_in_force"),
        ]

    def __str__(self) -> str:
        return f"mapping {self.id}"

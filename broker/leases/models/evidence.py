"""Who held which address when: open leases, evidence by month, and the shapes it is searched by.

The tables of evidence (`lease`, `port_block`, `odd_block`) are cut into months and made by the migration; what has
begun and not ended stands in `open_lease`. Not here: what a row proves (`broker.attribution`).
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from broker.leases.models.fields import InetField
from broker.leases.models.holders import Holder
from broker.leases.models.sources import LeaseSource


class OpenLease(models.Model):
    """What has begun and not ended, or ends in the future; it moves to the evidence when it has ended.

    possible_to: when it ends by itself at the latest; NULL: unknown. certain_from, certain_to: the part shown so far.
    serial: of the holding of its log, see `LogHolding`; NULL for files of whole intervals.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    import_id = models.IntegerField()
    source_pos = models.BigIntegerField()
    address = InetField()
    port_from = models.IntegerField(null=True)
    port_to = models.IntegerField(null=True)
    port_step = models.SmallIntegerField(null=True)
    protocol = models.SmallIntegerField(null=True)
    holder = models.ForeignKey(Holder, models.PROTECT, db_index=False)
    possible_from = models.DateTimeField()
    possible_to = models.DateTimeField(null=True)
    certain_from = models.DateTimeField()
    certain_to = models.DateTimeField()
    flags = models.SmallIntegerField()
    serial = models.BigIntegerField(null=True)

    class Meta:
        db_table = "open_lease"
        indexes = [models.Index(fields=["address"], name="open_lease_address")]
        constraints = [
            models.CheckConstraint(
                condition=Q(certain_from__gte=F("possible_from"), certain_to__gte=F("certain_from"))
                & (Q(possible_to__isnull=True) | Q(possible_to__gte=F("certain_to"))),
                name="open_lease_certain_inside_possible",
            ),
            models.CheckConstraint(
                condition=Q(port_from__isnull=True, port_to__isnull=True, port_step__isnull=True)
                | Q(port_from__gte=0, port_to__gte=F("port_from"), port_to__lte=65535, port_step__gt=0),
                name="open_lease_ports_all_or_none",
            ),
            models.UniqueConstraint(
                fields=["source", "address", "port_from", "port_to", "possible_from", "holder"],
                nulls_distinct=False,
                condition=Q(serial__isnull=True),
                name="open_lease_once",
            ),
            models.UniqueConstraint(fields=["source", "serial"], name="open_lease_of_one_holding"),
        ]

    def __str__(self) -> str:
        return f"open lease {self.id}"


class AddressWidth(models.Model):
    """A prefix length that occurs in the evidence; every one is probed, so no binding can be missed."""

    pk = models.CompositePrimaryKey("family", "width")
    family = models.SmallIntegerField()
    width = models.SmallIntegerField()

    class Meta:
        db_table = "address_width"

    def __str__(self) -> str:
        return f"/{self.width} of IPv{self.family}"


class BlockShape(models.Model):
    """A way of cutting ports into blocks that occurs in `port_block`: the block of any port can be computed from it.

    span: ports from the first of a group of interleaved blocks to the first of the next; phase: where the groups begin,
    modulo span; step: distance of neighbouring ports of one block, 1 for plain ones.
    """

    pk = models.CompositePrimaryKey("span", "phase", "step")
    span = models.IntegerField()
    phase = models.IntegerField()
    step = models.SmallIntegerField()

    class Meta:
        db_table = "block_shape"

    def __str__(self) -> str:
        return f"{self.span}+{self.phase}/{self.step}"


class Evidence(models.Model):
    """What `lease`, `port_block` and `odd_block` have in common; each row is the part of an interval in one month.

    valid_from, valid_to: the widest the log allows, half-open, UTC. certain_after, certain_before: the part that is
    positively shown begins and ends that many seconds inside. flags: see `rows`.
    """

    pk = models.CompositePrimaryKey("import_id", "source_pos", "valid_from")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    holder = models.ForeignKey(Holder, models.DO_NOTHING, related_name="+")
    source_pos = models.BigIntegerField()
    certain_after = models.IntegerField()
    certain_before = models.IntegerField()
    import_id = models.IntegerField()
    source = models.ForeignKey(LeaseSource, models.DO_NOTHING, related_name="+")
    flags = models.SmallIntegerField()
    address = InetField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"position {self.source_pos} of import {self.import_id}"


class Lease(Evidence):
    """Somebody held an address or prefix."""

    class Meta:
        db_table = "lease"


class Block(Evidence):
    """Somebody held a block of ports of an address; port_step above 1: only every so manyeth port."""

    port_from = models.IntegerField()
    port_to = models.IntegerField()
    port_step = models.SmallIntegerField()
    protocol = models.SmallIntegerField(null=True)

    class Meta:
        abstract = True


class PortBlock(Block):
    """Blocks of a shape in `BlockShape`, found by where they begin."""

    class Meta:
        db_table = "port_block"


class OddBlock(Block):
    """Blocks of all other shapes, found by their address."""

    class Meta:
        db_table = "odd_block"

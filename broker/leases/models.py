"""Evidence of who held which address when, in a database of its own that knows no names and no cases.

Rows are only ever added; overlapping rows are kept, because refusing one would hide a conflict of sources.
The tables of evidence (`lease`, `port_block`, `odd_block`) are cut into months and made by the migration; what has
begun and not ended stands in `open_lease`. Not here: what a row proves (`broker.attribution`).
Source: attribution.md 1.6.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    # Django's fields take type parameters in the stubs only.
    _Field = models.Field

# A reference is opaque: random, counted or digested, never a name or a line number that people know.
REFERENCE = r"^[A-Za-z0-9._-]{1,64}$"
PROVENANCES = ("business", "statutory-retention", "preserved")


class CidrField(_Field):
    """A prefix, as PostgreSQL's cidr: host bits must be zero."""

    def db_type(self, connection: Any) -> str:
        return "cidr"


class InetField(_Field):
    """An address or prefix, as PostgreSQL's inet."""

    def db_type(self, connection: Any) -> str:
        return "inet"


class SpansField(_Field):
    """Disjoint spans of time, as PostgreSQL's tstzmultirange."""

    def db_type(self, connection: Any) -> str:
        return "tstzmultirange"


class CidrsField(_Field):
    """Prefixes in an order that counts, as PostgreSQL's cidr[]."""

    def db_type(self, connection: Any) -> str:
        return "cidr[]"


class LeaseSource(models.Model):
    """A collector of logs: the unit whose delivery can be complete and whose clock can be wrong.

    clocks, serial: the latest moment each device of its logs has written, and the number of its newest holding.
    coverage: the spans for which it has delivered everything it saw. serves_from, serves_until: outside of them it has
    nothing to say, so it holds up nobody; NULL: always. worst_offset: how wrong its clock may be on a day without
    a measurement. realm: where the private addresses of its logs belong, "" for the operator's only one.
    derived: its rows are conclusions of another system, not what a device wrote. drift_checked_on: the last day (UTC)
    that was looked at for a clock of twelve hours. in_place: the database of the operator that is asked where it is; ""
    where rows are imported.
    """

    class InPlace(models.TextChoices):
        RADACCT = "radacct", "FreeRADIUS accounting"

    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    realm = models.CharField(max_length=64, blank=True)
    worst_offset = models.DurationField(default=timedelta(seconds=1))
    derived = models.BooleanField(default=False)
    coverage = SpansField()
    clocks = models.JSONField(default=dict)
    serial = models.BigIntegerField(default=0)
    serves_from = models.DateTimeField(null=True)
    serves_until = models.DateTimeField(null=True)
    drift_checked_on = models.DateField(null=True)
    in_place = models.CharField(max_length=16, choices=InPlace.choices, blank=True, default="", db_default="")

    class Meta:
        db_table = "lease_source"
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=REFERENCE), name="lease_source_name"),
            models.CheckConstraint(condition=Q(in_place__in=("", "radacct")), name="lease_source_in_place_known"),
            # The settings name one such database.
            models.UniqueConstraint(fields=["in_place"], condition=~Q(in_place=""), name="lease_source_in_place_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SourceDay(models.Model):
    """How wrong the clock of a source was on a day (UTC): the largest offset that was measured, and how often."""

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    day = models.DateField()
    largest_offset = models.DurationField()
    measured_count = models.PositiveIntegerField()

    class Meta:
        db_table = "lease_source_day"

    def __str__(self) -> str:
        return f"{self.source_id} on {self.day}"


class DriftedDay(models.Model):
    """A day (UTC) on which the stamps of a source look like those of a clock of twelve hours.

    Windows that touch it get no answer until somebody has looked and taken it back (`cleared_at`); it is kept then,
    so that it is not found again.
    """

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    day = models.DateField()
    found_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_drifted_day"

    def __str__(self) -> str:
        return f"{self.source_id} on {self.day}"


class LeaseImport(models.Model):
    """One file or log that was taken over; the rows of evidence name it by its id.

    key: its subject in the events. sha256 recognises a whole file that comes again; NULL for a log that grows, whose
    counts are in `LogProgress`. complete_from, complete_until: the file holds everything its source saw in between; the
    operator's word, or the earliest and latest stamp in the file.
    """

    id = models.AutoField(primary_key=True)
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    sha256 = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - NULL: a log, no whole file
    row_count = models.PositiveIntegerField(null=True)
    complete_from = models.DateTimeField(null=True)
    complete_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "lease_import"
        constraints = [
            models.CheckConstraint(
                condition=Q(complete_from__isnull=True) | Q(complete_from__lte=F("complete_until")),
                name="lease_import_complete_in_order",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="lease_import_sha256"),
        ]

    def __str__(self) -> str:
        return str(self.key)


class LogProgress(models.Model):
    """How far a log has been read; written in the transaction that stores what was read, so a kill loses nothing.

    place: where the log is, as the operator named it. head_sha256: of its first bytes, so that a log that was replaced
    under its name is not taken for the old one. offset: the next byte to read. reader: what its format must remember.
    counts: records, events and rejects so far, by code.
    """

    log = models.OneToOneField(LeaseImport, models.PROTECT, primary_key=True)
    format = models.CharField(max_length=32)
    place = models.CharField(max_length=1000)
    head_bytes = models.IntegerField()
    head_sha256 = models.CharField(max_length=64)
    offset = models.BigIntegerField()
    reader = models.JSONField()
    counts = models.JSONField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "log_progress"

    def __str__(self) -> str:
        return f"log {self.log_id}"


class LogHolding(models.Model):
    """What the reading of a source's logs has to remember of one holding, open or lately closed.

    state: the fields of `attribution.logs.holding.Holding`; holder and session are digests in it.
    """

    pk = models.CompositePrimaryKey("source_id", "serial")
    source = models.ForeignKey(LeaseSource, models.PROTECT, db_index=False)
    serial = models.BigIntegerField()
    state = models.JSONField()

    class Meta:
        db_table = "log_holding"

    def __str__(self) -> str:
        return f"holding {self.serial} of source {self.source_id}"


class LogReject(models.Model):
    """A record that could not be read or contradicts others: which one, by its offset, and why."""

    pk = models.CompositePrimaryKey("log_id", "position", "code")
    log = models.ForeignKey(LeaseImport, models.PROTECT, db_index=False)
    position = models.BigIntegerField()
    code = models.CharField(max_length=48)

    class Meta:
        db_table = "log_reject"

    def __str__(self) -> str:
        return f"{self.code} at {self.position} of log {self.log_id}"


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


class Hold(models.Model):
    """Rows are kept from expiring for a case, until a day; the hold knows no case but an id.

    Nobody is looked up: rows of one address are copied for one window. Source: architecture.md 4, step 1.
    """

    id = models.BigAutoField(primary_key=True)
    case_id = models.UUIDField()
    address = InetField()
    port = models.IntegerField(null=True)
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    made_at = models.DateTimeField()
    lapses_at = models.DateTimeField()

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

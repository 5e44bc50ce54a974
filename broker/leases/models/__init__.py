"""Evidence of who held which address when, in a database of its own that knows no names and no cases.

Rows are only ever added; overlapping rows are kept, because refusing one would hide a conflict of sources.
Here only what Django, the migrations and the users of the store have to find. Source: attribution.md 1.6.
"""

from broker.leases.models.evidence import AddressWidth, BlockShape, Lease, OddBlock, OpenLease, PortBlock
from broker.leases.models.fields import REFERENCE, CidrField, CidrsField, InetField, SpansField
from broker.leases.models.holders import Holder, LineTerm
from broker.leases.models.holds import HeldLease, HeldSession, Hold
from broker.leases.models.logs import LeaseImport, LogHolding, LogProgress, LogReject
from broker.leases.models.plan import COMPUTED, DEDICATED, AddressPlan, MappingEpoch
from broker.leases.models.sources import DriftedDay, LeaseSource, SourceDay

__all__ = [
    "COMPUTED",
    "DEDICATED",
    "REFERENCE",
    "AddressPlan",
    "AddressWidth",
    "BlockShape",
    "CidrField",
    "CidrsField",
    "DriftedDay",
    "HeldLease",
    "HeldSession",
    "Hold",
    "Holder",
    "InetField",
    "Lease",
    "LeaseImport",
    "LeaseSource",
    "LineTerm",
    "LogHolding",
    "LogProgress",
    "LogReject",
    "MappingEpoch",
    "OddBlock",
    "OpenLease",
    "PortBlock",
    "SourceDay",
    "SpansField",
]

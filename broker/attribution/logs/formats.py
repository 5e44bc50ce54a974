"""The formats of logs that can be read, by the name an operator types, and what each has to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from broker.attribution.logs.cgn_a10 import CgnA10
from broker.attribution.logs.cgn_cisco_xr import CgnCiscoXr
from broker.attribution.logs.cgn_junos import CgnJunos
from broker.attribution.logs.cgn_mikrotik import CgnMikrotik
from broker.attribution.logs.conntrack import Conntrack
from broker.attribution.logs.events import LogFormat
from broker.attribution.logs.holding import Policy
from broker.attribution.logs.ipfix import Ipfix, between
from broker.attribution.logs.ipfix_nat import Numbering
from broker.attribution.logs.isc_dhcpd import IscDhcpd
from broker.attribution.logs.kea_forensic import KeaForensic
from broker.attribution.logs.kea_memfile import KeaMemfile
from broker.attribution.logs.radacct import Radacct
from broker.attribution.logs.radius_detail import NETMASKS, RadiusDetail
from broker.attribution.spans import Span
from broker.errors import InputError, Problem


@dataclass(frozen=True, slots=True)
class Told:
    """What the operator says of a log: which device wrote it, what names a connection, its zone, its numbering.

    netmask: whether a mask gives the whole network to a holder. address_fixed: no session ever changed its address
    (`BROKER_RADIUS_ADDRESS_FIXED`).
    """

    device: str | None = None
    holder: str | None = None
    zone: tzinfo | None = None
    numbering: str | None = None
    netmask: str | None = None
    address_fixed: bool = False

    def as_texts(self) -> dict[str, str]:
        """Give the options that were given, as they were written; what is kept with a log."""
        return {name: str(value) for name in OPTIONS if (value := getattr(self, name)) is not None}


# What is given for one log; its records mean something else with another one.
OPTIONS = ("device", "holder", "zone", "numbering", "netmask")


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """A format. needs: what must be told, `Told`'s names; takes: what may be. derived: its rows are conclusions.

    policy: how its holdings are folded. A log that can lose a release proves a lease to its last renewal only.
    between: gives the times of which records may be missing between logs with the same options, by the states of their
    readers.
    """

    make: Callable[[Told], LogFormat]
    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    derived: bool = False
    policy: Policy = field(default_factory=lambda: Policy(expiry_is_certain=False))
    between: Callable[[Iterable[dict[str, Any]]], list[Span]] = lambda states: []


def _device(told: Told) -> str:
    return told.device or ""


# Not written in the order of its stamps: a table, or a file that is written anew from a table.
_TABLE = Policy(expiry_is_certain=False, in_order=False, rhythmic=False)
# A flow shows itself when its state changes, at no rhythm.
_FLOWS = Policy(expiry_is_certain=False, rhythmic=False)
_ZONE = frozenset({"zone"})
_DEVICE = frozenset({"device"})
_HOLDER = frozenset({"holder"})

FORMATS: Mapping[str, KnownFormat] = {
    "radius-detail": KnownFormat(
        lambda t: RadiusDetail(t.holder or "User-Name", t.zone, t.netmask), takes=_HOLDER | _ZONE | {"netmask"}
    ),
    "radacct": KnownFormat(
        lambda t: Radacct(t.holder or "username", t.zone), takes=_HOLDER | _ZONE, derived=True, policy=_TABLE
    ),
    "kea-forensic": KnownFormat(
        lambda t: KeaForensic(_device(t), t.holder or "", t.zone), needs=_DEVICE | _HOLDER, takes=_ZONE
    ),
    "kea-memfile": KnownFormat(
        lambda t: KeaMemfile(_device(t), t.holder or ""), needs=_DEVICE | _HOLDER, policy=_TABLE
    ),
    "isc-dhcpd": KnownFormat(lambda t: IscDhcpd(_device(t), t.holder or ""), needs=_DEVICE | _HOLDER, policy=_TABLE),
    "cgn-junos": KnownFormat(lambda t: CgnJunos(t.zone), takes=_ZONE),
    "cgn-cisco-xr": KnownFormat(lambda t: CgnCiscoXr(t.zone), takes=_ZONE),
    "cgn-a10": KnownFormat(lambda t: CgnA10(t.zone), takes=_ZONE, policy=_FLOWS),
    "cgn-mikrotik": KnownFormat(lambda t: CgnMikrotik(t.zone), takes=_ZONE, policy=_FLOWS),
    "conntrack": KnownFormat(lambda t: Conntrack(_device(t)), needs=_DEVICE, policy=_FLOWS),
    "ipfix": KnownFormat(
        lambda t: Ipfix(Numbering(t.numbering or ""), _device(t)),
        needs=_DEVICE | frozenset({"numbering"}),
        policy=_FLOWS,
        between=between,
    ),
}


_OTHER = "A log of the format {name} does not say its {option}; give it with --{option}."
_MISSING = {
    "holder": "Say with --holder by which id of the relay a log of the format {name} names a line: circuit-id, "
    "remote-id or subscriber-id. A client chooses its own identity: --holder client only if your network lets it "
    "take no other."
}


def make_format(name: str, told: Told) -> LogFormat:
    """Make the reader of a log; raises InputError that says what is missing, or too much."""
    known = FORMATS.get(name)
    if known is None:
        raise _refusal("format", f"Expected one of: csv, {', '.join(FORMATS)}.")
    if known.derived and not told.address_fixed:
        raise _refusal(
            "format",
            f"An address that changed inside a session is overwritten in {name}, so its rows name the wrong holder. "
            "Import the detail files. Set BROKER_RADIUS_ADDRESS_FIXED only if no session ever changes its address.",
        )
    for option in OPTIONS:
        value = getattr(told, option)
        if value is None and option in known.needs:
            raise _refusal(option, _MISSING.get(option, _OTHER).format(name=name, option=option))
        if value is not None and option not in known.needs | known.takes:
            raise _refusal(option, f"A log of the format {name} takes no --{option}.")
    try:
        return known.make(told)
    except (ValueError, KeyError) as error:
        option = "numbering" if told.numbering else "netmask" if told.netmask not in (None, *NETMASKS) else "holder"
        raise _refusal(option, f"This is no {option} of a log of the format {name}; the README has those.") from error


def _refusal(field_name: str, message: str) -> InputError:
    return InputError([Problem("log.option", field_name, message)])

"""Read translation records of Cisco IOS XR (CRS, ASR 9000): groups in brackets, several in a datagram.

    <134>1 2026 Mar 01 06:30:11 192.0.2.1 - - NAT44 - [UserbasedA - 100.64.3.9 ivrf - 203.0.113.7 - 20480 20991 - -]

The fields of a group: event, layer 4, inner IPv4 address, inside VRF, inner IPv6 address (DS-Lite), translated address,
inner port, first and last translated port, destination and its port; `-` stands where a field does not apply. Some
releases leave the two last fields out. A (assigned) and W (withdrawn), with a D if the destination is given.
The stamp has a year and no zone. With DS-Lite the inner IPv4 address is the same in every home: the IPv6 address of the
tunnel is the holder.
Source: Cisco IOS XR Carrier Grade NAT Configuration Guide for the Cisco CRS Router, Release 5.2.x, "External Logging",
"Syslog Message Format".
Checked on 2026-11-28 against that section: events, order of the fields, several groups in a datagram, and that bulk
allocation has no protocol. The form with nine fields is from memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from broker.attribution.logs import cgn, text
from broker.attribution.logs.events import Event, Kind, RecordError
from broker.attribution.logs.syslog import Header, SyslogLines, is_framed

_KINDS = {
    "UserbasedA": Kind.BEGIN,
    "UserbasedW": Kind.END,
    "SessionbasedA": Kind.BEGIN,
    "SessionbasedAD": Kind.BEGIN,
    "SessionbasedW": Kind.END,
    "SessionbasedWD": Kind.END,
}
# Says that nobody got anything.
_EXHAUSTED = "Portblockrunout"
_OURS = re.compile(r"(?:NAT44|DS-?LITE|DSLite|NAT64)\b|Userbased|Sessionbased|Portblock")
_GROUPS = re.compile(r"(?:\[[!-Z\\^-~]{1,128}(?: [!-Z\\^-~]{1,128}){8,10}\] ?)+")
_GROUP = re.compile(r"\[([^\]]+)\]")


class CgnCiscoXr(SyslogLines):
    """One log. zone: that of the devices' stamps, which never say it."""

    BEFORE = re.compile(r"(?:- ){0,2}(?:(?:NAT44|DS-?LITE|DSLite|NAT64) )?(?:- )?")

    def _read(self, pos: int, line: str) -> Iterable[Event]:
        if not _OURS.search(line):
            if not is_framed(line):
                raise RecordError("RECORD_SYNTAX")
            return ()
        start = line.find("[")
        if start < 0 or not _GROUPS.fullmatch(line, start):
            raise RecordError("RECORD_SYNTAX")
        header = self._header(line[:start])
        groups = [group.split(" ") for group in _GROUP.findall(line, start)]
        events = [_event(pos, header, fields) for fields in groups]
        return [event for event in events if event is not None]


def _event(pos: int, header: Header, fields: list[str]) -> Event | None:
    """Give what one group says; None if nobody got or lost a port."""
    if len(fields) not in (9, 11):
        raise RecordError("RECORD_SYNTAX")
    name, layer4, inner4, vrf, inner6, public, _, first, last, *_ = fields
    if name == _EXHAUSTED:
        return None
    if (kind := _KINDS.get(name)) is None:
        raise RecordError("EVENT_UNKNOWN")
    protocol = _protocol(layer4)
    if name.startswith("Userbased"):
        ports = cgn.block(first, last)
    else:
        if last not in ("-", first):
            raise RecordError("RECORD_CONTRADICTS")
        if protocol is not None and protocol not in cgn.WITH_PORTS:
            return None
        ports = cgn.port(first)
    inner = inner4 if inner6 == "-" else inner6
    if inner == "-":
        raise RecordError("HOLDER_MISSING")
    holder = cgn.inner(inner, "" if vrf == "-" else vrf)
    at, device = header.moment(), header.device
    return Event(
        pos,
        kind,
        at,
        device,
        text.address(public),
        ports,
        protocol,
        holder,
        unit=header.unit,
        received_at=header.received_at,
    )


def _protocol(layer4: str) -> int | None:
    if layer4 == "-":
        return None
    if layer4.upper() == "ICMP":
        return 1
    if layer4.upper() in cgn.PROTOCOLS:
        return cgn.PROTOCOLS[layer4.upper()]
    return text.number(layer4, 255)

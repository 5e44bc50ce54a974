"""Read port blocks of Junos: SRX and MX SPC3 (`RT_SRC_NAT_PBA_*`), MS-MPC (`JSERVICES_NAT_PORT_BLOCK_*`).

Shapes, with what matters of them:

    RT_NAT - RT_SRC_NAT_PBA_ALLOC [internal-ip="..." block-port-low="..." ... epoch-time-64="69a3dcf3"]
    2026-03-01 06:30:11: {set1}[jservices-nat]: JSERVICES_NAT_PORT_BLOCK_ALLOC: <inner> -> <public>:1024-1151 0x69a3dcf3

- the epoch is hexadecimal. In INTERIM and ACTIVE it is the moment of the allocation, so the moment of the record itself
  is the stamp before it. In RT_SRC_NAT_PBA_RELEASE it is the moment of the release, in JSERVICES_..._RELEASE that of
  the allocation;
- the public address is called reflexive;
- for MS-MPC a subscriber is an inner address within a service set, which stands in the braces.

Source: Juniper, "System Log Error Messages for Next Gen Services" (structured form), "Secured Port Block Allocation
Interim Logging".
Checked on 2026-11-28: the PBA lines, their attributes and what their epochs mean against Juniper TechPost, K. Hendrych,
"SRX4600 CGN Configuration Breakdown" (revision of March 2025), appendix 2; the MS-MPC line against two public
collectors, which show stamp, service set, addresses and ports and nothing of the number at the end: that it is the time
of the allocation is from memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from broker.attribution.logs import cgn, text
from broker.attribution.logs.events import Event, Kind, RecordError
from broker.attribution.logs.syslog import Header, SyslogLines, is_framed

_PBA = re.compile(
    r"RT_NAT - RT_SRC_NAT_PBA_([A-Z_]{1,32}) "
    r"\[(?:junos@[0-9.]{1,64} )?([^\]]{1,2048})\](?: .*)?"
)
_PAIR = re.compile(r"([a-z0-9-]+)=\"([^\"]*)\"(?: |$)")
_BLOCK = re.compile(
    r"(.{0,512}?)(?:([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}): ?)?[^ {}]{0,64}\{([^ {}]{1,64})\} ?"
    r"\[jservices-nat\]: JSERVICES_NAT_PORT_BLOCK_([A-Z_]{1,32}): "
    r"([0-9A-Fa-f.:]{2,45}) -> ([0-9.]{7,15}):([0-9]{1,5})-([0-9]{1,5}) (0x[0-9a-fA-F]{8,16})"
)
_MARKS = ("RT_SRC_NAT_PBA", "JSERVICES_NAT_PORT_BLOCK")
# The names of other messages are complete if something follows them; a line cut off in a name may be ours.
_CUT = re.compile(r"(?:RT_NAT|RT_NAT - |RT_SRC_NAT\w*|JSERVICES_\w*|\[jservices-nat\]:? ?)$")
_UNSTRUCTURED = re.compile(r"RT_SRC_NAT_PBA_[A-Z]+: ")

_PBA_KINDS = {"ALLOC": Kind.BEGIN, "INTERIM": Kind.ALIVE, "RELEASE": Kind.END}
_BLOCK_KINDS = {"ALLOC": Kind.BEGIN, "ACTIVE": Kind.ALIVE, "RELEASE": Kind.END}
_NEEDED = ("internal-ip", "reflexive-ip", "block-port-low", "block-port-high", "epoch-time-64")
# An attribute that is not known might name the realm of the inner address, so it is refused and not passed over.
_KNOWN = frozenset(
    {*_NEEDED, "block-used", "block-max-per-host", "nat-pool-name", "logical-system-id", "service-set-name", "prefix"}
)
# Interim records begin half an hour after the allocation: an epoch as late as the record is none of an allocation.
_SOON = timedelta(minutes=1)
# Zones differ by quarters of an hour, and no relay holds a message that long.
_QUARTER = timedelta(minutes=15)


class CgnJunos(SyslogLines):
    """One log of port blocks. zone: that of stamps in messages and headers without an offset."""

    BEFORE = re.compile(r"(?:\(FPC Slot [0-9]{1,2}, PIC Slot [0-9]{1,2}\) )?")

    def _read(self, pos: int, line: str) -> Iterable[Event]:
        start = line.find("RT_NAT - RT_SRC_NAT_PBA_")
        if start >= 0 and (match := _PBA.fullmatch(line, start)):
            return (self._pba(pos, self._header(line[:start]), match),)
        if _MARKS[1] in line and (match := _BLOCK.fullmatch(line)):
            return (self._block(pos, self._header(match[1]), match),)
        if _UNSTRUCTURED.search(line):
            raise RecordError("FORM_UNSUPPORTED")
        if any(mark in line for mark in _MARKS) or _CUT.search(line) or not is_framed(line):
            raise RecordError("RECORD_SYNTAX")
        return ()

    def _pba(self, pos: int, header: Header, match: re.Match[str]) -> Event:
        pairs = _PAIR.findall(match[2])
        values = dict(pairs)
        # What stands between the pairs is only a blank each.
        if sum(len(name) + len(value) + 4 for name, value in pairs) - 1 != len(match[2].rstrip(" ")):
            raise RecordError("RECORD_SYNTAX")
        if len(values) != len(pairs):
            raise RecordError("ATTRIBUTE_SEVERAL")
        if not values.keys() <= _KNOWN:
            raise RecordError("FIELD_UNKNOWN")
        if any(name not in values for name in _NEEDED):
            raise RecordError("FIELD_MISSING")
        if (kind := _PBA_KINDS.get(match[1])) is None:
            raise RecordError("EVENT_UNKNOWN")
        at = epoch = cgn.hex_epoch(values["epoch-time-64"])
        since = None
        unit, received_at = timedelta(seconds=1), header.heard_at
        if kind is Kind.ALIVE:
            at, unit, received_at = header.moment(), header.unit, header.received_at
            if at < epoch - _SOON:
                raise RecordError("TIME_ORDER")
            since = epoch if at - epoch > _SOON else None
        realm = values.get("service-set-name", "")
        if values.get("logical-system-id", "0") != "0":
            realm = f"{realm}/{values['logical-system-id']}"
        return Event(
            pos,
            kind,
            at,
            header.device,
            text.address(values["reflexive-ip"]),
            cgn.block(values["block-port-low"], values["block-port-high"]),
            holder=cgn.inner(values["internal-ip"], realm),
            since=since,
            unit=unit,
            received_at=received_at,
        )

    def _block(self, pos: int, header: Header, match: re.Match[str]) -> Event:
        _, stamp, realm, name, inner, public, first, last, digits = match.groups()
        if (kind := _BLOCK_KINDS.get(name)) is None:
            raise RecordError("EVENT_UNKNOWN")
        at = allocated = cgn.hex_epoch(digits)
        since = None
        unit, received_at = timedelta(seconds=1), header.heard_at
        if kind is not Kind.BEGIN:
            if stamp is None:
                at, unit, received_at = header.moment(), header.unit, header.received_at
            else:
                at, unit = text.stamp(stamp, self._zone)
            since = allocated
            if at < since:
                raise RecordError("TIME_ORDER")
        elif self._zone and stamp and not self._agree(stamp, allocated):
            # Both stamps are of the same moment and the same clock; the other records need the zone to be right.
            raise RecordError("ZONE_CONFLICT")
        return Event(
            pos,
            kind,
            at,
            header.device,
            text.address(public),
            cgn.block(first, last),
            holder=cgn.inner(inner, realm),
            since=since,
            unit=unit,
            received_at=received_at,
        )

    def _agree(self, stamp: str, allocated: datetime) -> bool:
        """Tell whether a stamp in the configured zone is of the same quarter of an hour as the epoch beside it."""
        try:
            return abs(text.stamp(stamp, self._zone)[0] - allocated) < _QUARTER
        except RecordError as error:
            # In the repeated hour the epoch still says which of the two moments it was.
            if error.unread is None:
                raise
            return error.unread[0] - _QUARTER < allocated < error.unread[1] + _QUARTER

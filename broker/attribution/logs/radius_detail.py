"""Read the detail files of FreeRADIUS: one accounting packet after the other, as the server received it.

Source of the shape: FreeRADIUS, src/modules/rlm_detail/rlm_detail.c and rlm_detail(5): a header line (by default the
local date, without zone), then one attribute a line after a tabulator, `Timestamp` in seconds since 1970, and an empty
line. RFC 2866 for the status types and Acct-Delay-Time, RFC 2869 for Event-Timestamp, RFC 3162, 4818 and 6911 for the
IPv6 attributes.
Checked on 2026-11-28 against rlm_detail.c of release 3; tests/flow/test_real_freeradius.py has FreeRADIUS write one
where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import IPv4Network
from typing import Any, BinaryIO

from broker.attribution.logs import text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError

# Which attribute may name the holder, and the kind of its identity. Circuit ids are opaque bytes.
HOLDERS = {"User-Name": "user", "Calling-Station-Id": "calling", "ADSL-Agent-Circuit-Id": "circuit"}

_KINDS = {
    "Start": Kind.BEGIN,
    "Interim-Update": Kind.ALIVE,
    "Alive": Kind.ALIVE,
    "Stop": Kind.END,
    "Accounting-On": Kind.RESTART,
    "Accounting-Off": Kind.RESTART,
    # Dictionaries that lack the names show the numbers.
    "1": Kind.BEGIN,
    "3": Kind.ALIVE,
    "2": Kind.END,
    "7": Kind.RESTART,
    "8": Kind.RESTART,
}
# Each kind of address is a holding of its own, so that a change of one inside a session does not look like the other.
_ADDRESSES = (
    ("Framed-IP-Address", "4", text.address),
    ("Framed-IPv6-Address", "6a", text.address),
    ("Framed-IPv6-Prefix", "6p", text.prefix),
    ("Delegated-IPv6-Prefix", "6d", text.prefix),
)
# What may come several times, and each time routes one more prefix to the holder (RFC 2865 5.22, RFC 3162 2.5).
_ROUTES = ("Framed-Route", "Framed-IPv6-Route")
# Whether the rest of a network is the holder's too, or its mask only tells a host how to behave among others.
NETMASKS = ("network", "host")
_OTHERS = (
    "Framed-IP-Netmask",
    "Packet-Type",
    "Acct-Status-Type",
    "Acct-Session-Id",
    "Acct-Session-Time",
    "Acct-Delay-Time",
    "Event-Timestamp",
    "Timestamp",
    "NAS-IP-Address",
    "NAS-IPv6-Address",
    "NAS-Identifier",
)
_BLANK = re.compile(rb"\r?\n")
_END = re.compile(rb"\n\r?\n")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEADER = re.compile(rf"({'|'.join(_DAYS)}) ({_MONTH}) ([ 0-3]?[0-9]) ([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}) ([0-9]{{4}})")
_EVENT = re.compile(rf"({_MONTH}) ([ 0-3]?[0-9]) ([0-9]{{4}}) ([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?: \S+)?)")


class RadiusDetail:
    """One file of accounting packets.

    holder: the attribute that identifies the line, one of HOLDERS. zone: that of the server, for local times; without
    it a record that has only local times is refused. netmask: one of NETMASKS; without it a record that has a mask is
    refused.
    """

    def __init__(self, holder: str = "User-Name", zone: tzinfo | None = None, netmask: str | None = None) -> None:
        if netmask not in (None, *NETMASKS):
            raise ValueError("the netmask must be of a network or of a host")
        self._holder, self._kind, self._zone, self._netmask = holder, HOLDERS[holder], zone, netmask
        self._whole = text.Whole()
        names = {holder, *_OTHERS, *_ROUTES, *(n for n, _, _ in _ADDRESSES)}
        wanted = "|".join(sorted(names, key=len, reverse=True))
        self._attribute = re.compile(rf"\n\t({wanted}) [:+]?= ([^\r\n]*)")

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Split the file after each empty line. It is read in large parts, for its lines are many and short."""
        pos, start, rest = offset, 0, b""
        # A pipe that stays open gives what there is: its next record may come tomorrow.
        read = getattr(stream, "read1", stream.read)
        while chunk := read(text.LIMIT):
            rest, start = rest[start:] + chunk, 0
            while True:
                match = _BLANK.match(rest, start) or _END.search(rest, start)
                # A record that is too long is cut where its bytes say, not where the reads happen to end.
                if match is not None and match.end() - start <= text.LIMIT:
                    end = match.end()
                elif len(rest) - start > text.LIMIT:
                    end = start + text.LIMIT
                else:
                    break
                yield RawRecord(pos, pos + end - start, rest[start:end])
                pos, start = pos + end - start, end
        if rest[start:]:
            yield RawRecord(pos, pos + len(rest) - start, rest[start:], complete=False)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside = state["inside"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give one event for each address or prefix of the packet; nothing for other packets and other statuses.

        1. Collect the attributes. 2. Say what happened, when and to whom. 3. Say it of every address.
        """
        data = record.data
        blank = data.isspace()
        self._whole.check(record, blank or data.endswith((b"\n\n", b"\n\r\n")))
        if blank:
            return ()
        # 1. A header, attributes, an empty line: any other line means that two records have run into each other.
        if data.count(b"\n\t") + 2 != data.count(b"\n") or data[:1] in b"\t ":
            raise RecordError("RECORD_SYNTAX")
        values, routes = self._attributes(data)
        # 2. What, when, who.
        status = values.get("Acct-Status-Type")
        if status is None:
            if values.get("Packet-Type", "Accounting-Request") != "Accounting-Request":
                return ()
            raise RecordError("STATUS_MISSING")
        kind = _KINDS.get(status)
        if kind is None:
            return ()
        at, received_at, reckoned = self._times(data, values)
        device = _device(values)
        if kind is Kind.RESTART:
            return (Event(record.pos, kind, at, device, received_at=received_at, reckoned=reckoned),)
        addresses = self._addresses(values, routes)
        if not addresses:
            # A session may begin before its address is known; but an end that names none leaves a holding open.
            if kind is Kind.END:
                raise RecordError("ADDRESS_MISSING")
            if kind is Kind.BEGIN or not any(name in values for name, _, _ in _ADDRESSES):
                return ()
            # It has none now. Any that it had before may be somebody else's, and which that was it does not say.
            return (Event(record.pos, kind, at, device, received_at=received_at, reckoned=reckoned),)
        if self._holder not in values:
            raise RecordError("HOLDER_MISSING")
        holder = _identity(self._kind, values[self._holder])
        session = text.name("", _bytes(values["Acct-Session-Id"]))[1:] if "Acct-Session-Id" in values else None
        since = None
        if kind is not Kind.BEGIN and "Acct-Session-Time" in values:
            since = text.plausible(at - timedelta(seconds=text.number(values["Acct-Session-Time"], 2**32 - 1)))
        # 3. Each address.
        return [
            Event(
                record.pos,
                kind,
                at,
                device,
                address,
                holder=holder,
                session=None if session is None else f"{session}/{suffix}",
                since=since,
                received_at=received_at,
                reckoned=reckoned,
            )
            for suffix, address in addresses
        ]

    def _attributes(self, data: bytes) -> tuple[dict[str, str], list[str]]:
        """Collect the attributes that matter, and the routes; another one that comes twice must say the same."""
        values: dict[str, str] = {}
        routes: list[str] = []
        for name, value in self._attribute.findall(data.decode("latin-1")):
            if name in _ROUTES:
                routes.append(value)
            elif values.setdefault(name, value) != value:
                raise RecordError("ATTRIBUTE_SEVERAL")
        return values, routes

    def _addresses(self, values: dict[str, str], routes: list[str]) -> list[tuple[str, str | None]]:
        """Give each address or prefix of the packet with what it is; None for one that the packet does not tell.

        Raises ADDRESS_UNUSABLE if it tells none of those it has, NETMASK_UNCLEAR if nobody said what its mask means.
        """
        found: list[tuple[str, str | None]] = [
            (suffix, text.usable(read, values[name]))
            for name, suffix, read in _ADDRESSES
            if name in values and not text.is_unfilled(values[name])
        ]
        destinations = [to for to in map(_destination, routes) if not text.is_unfilled(to)]
        found += ((f"r{prefix}", prefix) for prefix in map(_routed, destinations))
        own = values.get("Framed-IP-Address")
        network = None if own is None or text.is_unfilled(own) else _network(own, values.get("Framed-IP-Netmask"))
        if network is not None:
            if self._netmask is None:
                raise RecordError("NETMASK_UNCLEAR")
            if self._netmask == "network":
                found.append(("4n", text.usable(text.prefix, network)))
        if found and all(key is None for _, key in found):
            raise RecordError("ADDRESS_UNUSABLE")
        return found

    def _times(self, data: bytes, values: dict[str, str]) -> tuple[datetime, datetime | None, bool]:
        """Give when it happened, when the server received the packet if it says, and whether the one is by the other.

        Event-Timestamp is the clock of the device at the event. Without it, the packet was received that long after
        the event as the device says it has been trying to send it.
        """
        received_at = text.epoch(values["Timestamp"]) if "Timestamp" in values else None
        if "Event-Timestamp" in values:
            try:
                return _event_time(values["Event-Timestamp"], self._zone), received_at, False
            except RecordError as error:
                # In the repeated hour of autumn the server's own seconds still say which of the two it was.
                if error.code != "TIME_FOLD" or received_at is None:
                    raise
        delay = timedelta(seconds=text.number(values.get("Acct-Delay-Time", "0"), 2**32 - 1))
        if received_at is None:
            header = data[: data.index(b"\n")].decode("latin-1").rstrip("\r")
            received_at = _header_time(header, self._zone)
        return text.plausible(received_at - delay), received_at, True


@lru_cache(maxsize=4096)
def _destination(route: str) -> str:
    """Give the first word of `"198.51.100.40/29 198.51.100.7 1"`."""
    words = _bytes(route).decode("latin-1").split()
    if not words:
        raise RecordError("ADDRESS_SYNTAX")
    return words[0]


def _routed(destination: str) -> str | None:
    """Read where a route leads; None if its length is not said: it goes by old classes."""
    return text.usable(text.prefix, destination) if "/" in destination else None


@lru_cache(maxsize=4096)
def _network(address: str, mask: str | None) -> str | None:
    """Give the network of an address by its mask, None if that is the address alone."""
    if mask is None or mask == "255.255.255.255":
        return None
    try:
        return str(IPv4Network((address, mask), strict=False))
    except ValueError:
        raise RecordError("ADDRESS_SYNTAX") from None


def _bytes(value: str) -> bytes:
    """Give the bytes of a value: in quotes with escapes, as 0x and hexadecimal digits, or bare."""
    if value.startswith('"'):
        return text.unquote(value)
    if value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            raise RecordError("IDENTITY_SYNTAX") from None
    return value.encode("latin-1")


def _identity(kind: str, value: str) -> str:
    return text.octets(kind, _bytes(value).hex()) if kind == "circuit" else text.name(kind, _bytes(value))


def _device(values: dict[str, str]) -> str:
    """Name the device by its address, which every packet of it repeats; by its own name if it has none."""
    for name in ("NAS-IP-Address", "NAS-IPv6-Address"):
        if name in values:
            return text.address(values[name])
    if "NAS-Identifier" in values:
        return text.name("nas", _bytes(values["NAS-Identifier"]))
    raise RecordError("DEVICE_MISSING")


@lru_cache(maxsize=4096)
def _event_time(value: str, zone: tzinfo | None) -> datetime:
    """Read `"Mar  1 2026 06:30:11 UTC"`, which FreeRADIUS 3 writes, or an ISO stamp, or seconds since 1970."""
    value = value.strip('"')
    if value.isdecimal():
        return text.epoch(value)
    if match := _EVENT.fullmatch(value):
        month, day, year, rest = match.groups()
        return text.stamp(f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02} {rest}", zone)[0]
    return text.stamp(value, zone)[0]


def _header_time(line: str, zone: tzinfo | None) -> datetime:
    """Read `Sun Mar  1 06:30:11 2026`."""
    match = _HEADER.fullmatch(line)
    if match is None:
        raise RecordError("TIME_FORMAT")
    weekday, month, day, clock, year = match.groups()
    date = f"{year}-{_MONTHS.index(month) + 1:02}-{int(day):02}"
    at = text.stamp(f"{date} {clock}", zone)[0]
    if datetime.fromisoformat(date).weekday() != _DAYS.index(weekday):
        raise RecordError("RECORD_CONTRADICTS")
    return at

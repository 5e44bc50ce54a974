"""Say what a row of an IPFIX message with a natEvent says. Pure; how rows are found is not here.

Two numberings of natEvent are in use, and the same number means different things: that of RFC 8158, and that of the
early drafts, which Junos documents for its own. Which one an exporter uses is configured and never guessed; what
contradicts it (a NAT44 event from an IPv6 address, a range of ports with an event that has none) is refused.
Source: IANA, IPFIX Information Elements and natEvent; RFC 8158 4.3 and 5; draft-ietf-behave-ipfix-nat-logging-02.
Checked on 2026-11-28: the first numbering against the table of RFC 8158 4.3 as nfdump prints it and against the IANA
registry as two more collectors have it; the second against Juniper, "Mapping Between Field Values for IPFIX Flow
Templates and Logs Exported From an MX Series Router or NFX250".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address

from broker.attribution.logs import cgn, ipfix_wire, text
from broker.attribution.logs.events import Event, Kind, Ports, RecordError


class Numbering(StrEnum):
    """What the numbers of natEvent mean."""

    RFC_8158 = "rfc8158"
    EARLY_DRAFT = "early-draft"


class _What(StrEnum):
    NAT44 = "nat44"  # a session or a mapping of an IPv4 address
    NAT64 = "nat64"  # the same of an IPv6 address
    BLOCK = "block"  # a set of ports


def _pair(first: int, what: _What) -> dict[int, tuple[Kind, _What]]:
    return {first: (Kind.BEGIN, what), first + 1: (Kind.END, what)}


_EVENTS: dict[Numbering, dict[int, tuple[Kind, _What]]] = {
    Numbering.RFC_8158: {
        **_pair(4, _What.NAT44),
        **_pair(6, _What.NAT64),
        **_pair(8, _What.NAT44),
        **_pair(10, _What.NAT64),
        **_pair(16, _What.BLOCK),
    },
    Numbering.EARLY_DRAFT: {
        **_pair(1, _What.NAT44),
        **_pair(4, _What.NAT64),
        **_pair(6, _What.NAT44),
        **_pair(8, _What.NAT64),
        **_pair(14, _What.BLOCK),
    },
}
# Exhausted pools, quotas, thresholds; and bindings of addresses, which give nobody a port.
_SILENT = {
    Numbering.RFC_8158: frozenset({3, 12, 13, 14, 15, 18}),
    Numbering.EARLY_DRAFT: frozenset({3, 10, 11, 12, 13}),
}

NAT_EVENT = 230
_SOURCE4, _SOURCE6, _PUBLIC4, _PUBLIC6 = 8, 27, 225, 281
_PROTOCOL, _VRF, _ORIGIN, _PORT, _REALM = 4, 234, 229, 227, 464
_START, _END, _STEP, _COUNT = 361, 362, 363, 364
_SECONDS, _MILLISECONDS = 322, 323
# Bytes of each element: exactly for addresses and times, at most for numbers (RFC 7011 6.2), any for the realm.
_EXACT = {_SOURCE4: 4, _SOURCE6: 16, _PUBLIC4: 4, _PUBLIC6: 16, _SECONDS: 4, _MILLISECONDS: 8}
_AT_MOST = {_PROTOCOL: 1, _ORIGIN: 1, NAT_EVENT: 1, _VRF: 4, _PORT: 2, _START: 2, _END: 2, _STEP: 2, _COUNT: 2}
WANTED = {**_EXACT, **_AT_MOST, _REALM: ipfix_wire.VARIABLE}
_PRIVATE, _OUTSIDE = 1, 2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = 253_370_764_800_000


def event(pos: int, row: dict[int, bytes], numbering: Numbering, device: str) -> Event | None:
    """Say what a row says; None if nobody got or lost a port.

    row: the bytes of each element of WANTED that its template has, with lengths that `check_length` allows.
    """
    number = row[NAT_EVENT][0]
    if number in _SILENT[numbering]:
        if any(row.get(_START, b"")):
            raise RecordError("EVENT_NUMBERING")
        return None
    meaning = _EVENTS[numbering].get(number)
    if meaning is None:
        raise RecordError("EVENT_NUMBERING")
    kind, what = meaning
    # A flow from outside to a subscriber shows who is inside in other fields, and opens no port.
    origin = _number(row, _ORIGIN)
    if origin == _OUTSIDE:
        return None
    if origin not in (None, 0, _PRIVATE):
        raise RecordError("EVENT_UNKNOWN")
    protocol = _number(row, _PROTOCOL) or None
    inner = _inner(row, what)
    if what is _What.BLOCK:
        ports = _block(row)
    else:
        if protocol is not None and protocol not in cgn.WITH_PORTS:
            return None
        ports = cgn.ports(*(_needed(row, _PORT),) * 2)
        if not ports.first:
            raise RecordError("PORTS_RANGE")
    at, unit = _moment(row)
    return Event(
        pos,
        kind,
        at,
        device,
        _either(row, _PUBLIC4, _PUBLIC6),
        ports,
        protocol,
        cgn.inner(inner, _realm(row)),
        unit=unit,
    )


def check_length(element: int, length: int) -> None:
    """Refuse a template in which an element that is wanted has a length it cannot have."""
    if element in _EXACT and length != _EXACT[element]:
        raise RecordError("TEMPLATE_SYNTAX")
    if element in _AT_MOST and not 0 < length <= _AT_MOST[element]:
        raise RecordError("TEMPLATE_SYNTAX")


def _number(row: dict[int, bytes], element: int) -> int | None:
    return int.from_bytes(row[element]) if element in row else None


def _needed(row: dict[int, bytes], element: int) -> int:
    if element not in row:
        raise RecordError("FIELD_MISSING")
    return int.from_bytes(row[element])


@lru_cache(maxsize=65_536)
def _address(packed: bytes) -> str:
    return text.address(str(ip_address(packed)))


def _either(row: dict[int, bytes], four: int, six: int) -> str:
    """Give the address of a row, whose other family is absent or all zeros."""
    found = [row[element] for element in (four, six) if any(row.get(element, b""))]
    if not found:
        raise RecordError("FIELD_MISSING")
    if len(found) > 1:
        raise RecordError("RECORD_CONTRADICTS")
    return _address(found[0])


def _inner(row: dict[int, bytes], what: _What) -> str:
    inner = _either(row, _SOURCE4, _SOURCE6)
    if (what is _What.NAT44 and ":" in inner) or (what is _What.NAT64 and ":" not in inner):
        raise RecordError("EVENT_NUMBERING")
    return inner


def _realm(row: dict[int, bytes]) -> str:
    """Name the realm of the inner address, by the inside VRF and the realm the exporter names."""
    vrf, realm = _number(row, _VRF), row.get(_REALM, b"")
    if len(realm) > 64:
        raise RecordError("IDENTITY_SYNTAX")
    return "/".join(part for part in (str(vrf) if vrf else "", realm.hex()) if part)


def _moment(row: dict[int, bytes]) -> tuple[datetime, timedelta]:
    """Give when a row happened by its own field; when the message was sent is not that."""
    millis, seconds = _number(row, _MILLISECONDS), _number(row, _SECONDS)
    if millis and seconds and millis // 1000 != seconds:
        raise RecordError("RECORD_CONTRADICTS")
    unit = timedelta(milliseconds=1) if millis else timedelta(seconds=1)
    millis = millis or (seconds or 0) * 1000
    if not millis:
        raise RecordError("TIME_MISSING")
    if millis > _LAST_MILLISECOND:
        raise RecordError("TIME_IMPLAUSIBLE")
    return text.plausible(_EPOCH + timedelta(milliseconds=millis)), unit


def _block(row: dict[int, bytes]) -> Ports:
    """Give a set of ports from start, end, step and count, of which two may be left out; what is there must agree."""
    if _START not in row:
        # Other events have no range: this number is not a block's.
        raise RecordError("EVENT_NUMBERING")
    start, end, step, count = (_number(row, element) for element in (_START, _END, _STEP, _COUNT))
    step = 1 if step is None else step
    if start is None or (end is None and count is None):
        raise RecordError("FIELD_MISSING")
    if step < 1 or count == 0:
        raise RecordError("PORTS_RANGE")
    by_count = None if count is None else start + step * (count - 1)
    by_end = None if end is None else end - (end - start) % step
    if by_count is not None and by_end is not None and by_count != by_end:
        raise RecordError("RECORD_CONTRADICTS")
    return cgn.ports(start, by_count if by_count is not None else by_end or 0, step)

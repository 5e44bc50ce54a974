"""What logs of address translation share: the holder, who is an inner address, and the ports that he has.

Destinations are not kept (RFC 6888, REQ-12): a format reads past them, and no event has a place for one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from broker.attribution.logs import text
from broker.attribution.logs.events import Ports, RecordError

TCP, UDP = 6, 17
# Of these only, a flow has ports; an ICMP identifier is none.
PROTOCOLS = {"TCP": TCP, "UDP": UDP, "DCCP": 33, "SCTP": 132, "UDPLITE": 136}
WITH_PORTS = frozenset(PROTOCOLS.values())

_LAST_PORT = 65_535
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{8,16})")
_REALM = re.compile(r"[!-~]{1,128}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 2106; a decimal epoch read as hexadecimal lies far beyond.
_LAST_SECOND = 0xFFFF_FFFF


@lru_cache(maxsize=65_536)
def inner(address: str, realm: str = "") -> str:
    """Name the holder: `inner:100.64.3.9`, or `inner:100.64.3.9@vrf1`, as the same address exists in other realms."""
    if not realm:
        return f"inner:{text.address(address)}"
    if not _REALM.fullmatch(realm):
        raise RecordError("IDENTITY_SYNTAX")
    return f"inner:{text.address(address)}@{realm}"


@lru_cache(maxsize=65_536)
def block(first: str, last: str) -> Ports:
    """Read a block of ports, both ends in it."""
    if not (_PORT.fullmatch(first) and _PORT.fullmatch(last)):
        raise RecordError("NUMBER_SYNTAX")
    return ports(int(first), int(last))


def ports(first: int, last: int, step: int = 1) -> Ports:
    """Give a set of ports, or refuse one that is none."""
    if not 0 <= first <= last <= _LAST_PORT or step < 1:
        raise RecordError("PORTS_RANGE")
    return Ports(first, last, step)


@lru_cache(maxsize=65_536)
def port(number: str) -> Ports:
    """Read the one port of a flow; 0 is none."""
    if not _PORT.fullmatch(number):
        raise RecordError("NUMBER_SYNTAX")
    if not 0 < int(number) <= _LAST_PORT:
        raise RecordError("PORTS_RANGE")
    return Ports(int(number), int(number))


def check_whole(digits: str) -> None:
    """Refuse a port that is the last thing of a line if it may have lost digits where a relay cut the line off.

    Behind the digits of 6554 and more no other one makes a port.
    """
    if _PORT.fullmatch(digits) and int(digits) * 10 <= _LAST_PORT:
        raise RecordError("RECORD_MAYBE_CUT")


@lru_cache(maxsize=4096)
def hex_epoch(digits: str) -> datetime:
    """Read whole seconds since 1970 in hexadecimal digits."""
    match = _HEX.fullmatch(digits)
    if match is None:
        raise RecordError("TIME_FORMAT")
    seconds = int(match[1], 16)
    if seconds > _LAST_SECOND:
        raise RecordError("TIME_FORMAT")
    return text.plausible(_EPOCH + timedelta(seconds=seconds))

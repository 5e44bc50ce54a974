"""Write IPFIX messages for the tests and the fixtures, byte by byte as RFC 7011 has them, right or wrong."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

# 2026-03-01T06:30:11Z
SECONDS = 1_772_346_611
MILLIS = SECONDS * 1000 + 204

# Elements in the order of the rows below: event, inner and public address, ports, protocol, moment.
SESSION = [(230, 1), (8, 4), (225, 4), (7, 2), (227, 2), (4, 1), (323, 8)]
SESSION6 = [(230, 1), (27, 16), (225, 4), (7, 2), (227, 2), (4, 1), (323, 8)]
# Event, inner and public address, inside VRF, start, end, step and number of the ports, moment.
BLOCK = [(230, 1), (8, 4), (225, 4), (234, 4), (361, 2), (362, 2), (363, 2), (364, 2), (323, 8)]


def message(*sets: tuple[int, bytes], domain: int = 7, exported: int = SECONDS + 1, sequence: int = 0) -> bytes:
    body = b"".join(struct.pack("!HH", number, len(data) + 4) + data for number, data in sets)
    return struct.pack("!HHIII", 10, 16 + len(body), exported, sequence, domain) + body


def template(number: int, fields: Sequence[tuple[int, int]]) -> tuple[int, bytes]:
    """Give a set of one template; a field of an enterprise has 0x8000 in its element and that of number 32473."""
    data = struct.pack("!HH", number, len(fields))
    for element, length in fields:
        data += struct.pack("!HH", element, length)
        if element & 0x8000:
            data += struct.pack("!I", 32_473)
    return 2, data


def row(fields: Sequence[tuple[int, int]], *values: int | str | bytes) -> bytes:
    """Give a row: numbers, addresses as text, bytes as they are."""
    data = b""
    for (_, length), value in zip(fields, values, strict=True):
        if isinstance(value, str):
            value = ip_address(value).packed
        if isinstance(value, int):
            value = value.to_bytes(length)
        if length == 0xFFFF:
            value = (bytes([len(value)]) if len(value) < 255 else b"\xff" + struct.pack("!H", len(value))) + value
        data += value
    return data


def session(event: int, port: int = 20_480, *, inner: str = "100.64.3.9", protocol: int = 6) -> bytes:
    fields = SESSION6 if ":" in inner else SESSION
    return row(fields, event, inner, "203.0.113.7", 40_112, port, protocol, MILLIS)


def block(
    event: int, start: int = 20_480, end: int = 20_991, step: int = 1, count: int = 512, *, vrf: int = 0
) -> bytes:
    return row(BLOCK, event, "100.64.3.9", "203.0.113.7", vrf, start, end, step, count, MILLIS)


# What most tests begin with: 256 are sessions, 257 blocks of ports, 258 sessions from IPv6 addresses.
TEMPLATES = message(template(256, SESSION), template(257, BLOCK), template(258, SESSION6))

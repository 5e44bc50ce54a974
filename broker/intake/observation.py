"""What counterparties write about an observation, read strictly: address, instant, source port, transport protocol.

Nothing is guessed and nothing repaired. A value that can be read in two ways is refused with a sentence that
says what to write instead; the value itself never appears in a message, because messages reach logs.
Not here: whose address it was (`broker.attribution`), which needs an order and two people first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from zoneinfo import ZoneInfo

from broker.errors import BrokerError, Problem

MAX_TEXT = 80

DOCUMENTATION = tuple(IPv4Network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
DOCUMENTATION_V6 = (IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
# IANA special-purpose registry: none of these reaches a server on the public internet as a source address.
NOT_PUBLIC = tuple(
    IPv4Network(n)
    for n in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
IETF_PROTOCOLS_V6 = IPv6Network("2001::/23")
# NAT64 (RFC 6052, RFC 8215), SIIT (RFC 2765), Teredo (RFC 4380), 6to4 (RFC 3056).
TRANSLATED_V6 = tuple(
    IPv6Network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "2001::/32", "2002::/16")
)

# Well-known ports of web servers: what a log shows here is where somebody connected to, not from where.
DESTINATION_PORTS = frozenset({80, 443})

# Transport protocols that have ports, by their IANA numbers; a request may say which it was.
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17}
PROTOCOLS = tuple(PROTOCOL_NUMBERS)

_LOCAL = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
)
_OFFSET = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2})")
_ZONE = re.compile(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}")
# Ahead of UTC as people write it, behind it as the names of the IANA database and of POSIX have it.
_SIGNED_NAME = re.compile(r"(?:Etc/GMT|[A-Za-z]{2,5})[+-](?!0$)[0-9]{1,2}(?::?[0-9]{2})?", re.IGNORECASE)
_ABBREVIATION = re.compile(r"[A-Za-z]{2,5}")
_MEANINGS = {
    "IST": "India (+05:30), Israel (+02:00), Ireland (+01:00)",
    "CST": "China (+08:00), Cuba (-05:00), North America (-06:00)",
    "BST": "Britain (+01:00), Bangladesh (+06:00), Bougainville (+11:00)",
    "AST": "the Atlantic (-04:00), Arabia (+03:00)",
    "EST": "North America (-05:00), Australia (+10:00)",
}
# The last year whose every moment can be written in every zone.
_LAST_YEAR = 9998
_MAX_OFFSET = timedelta(hours=14)
_FORM = (
    "Write YYYY-MM-DDTHH:MM:SS with 24 hours and an offset, for example 2026-09-14T21:17:03+02:00 or "
    "2026-09-14T19:17:03Z."
)


class ObservationError(BrokerError):
    """An address, instant or port that cannot be used; the message says what to write instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def problem(self, field: str, line: int | None = None) -> Problem:
        """Give the entry for the list of defects of a form or file."""
        return Problem(self.code, field, self.message, line)


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment in UTC and how finely it was written, in seconds: 1 for `14:05:09`, 60 for `14:05`.

    A unit below a millisecond is given as a millisecond: no clock in question is better.
    """

    value: datetime
    unit: Decimal


def parse_address(text: str, *, allow_documentation: bool = False) -> IPv4Address | IPv6Address:
    """Read one public address of a host.

    text: IPv4 in four decimal numbers without leading zeros, or IPv6; IPv4-mapped IPv6 becomes IPv4.
    allow_documentation: accept the ranges of RFC 5737, RFC 3849 and RFC 9637, which the demo uses.

    Raises ObservationError: ADDRESS_SYNTAX, ADDRESS_TRANSLATED or ADDRESS_NOT_PUBLIC.
    Source: attribution.md 2.1; IANA special-purpose address registries.
    """
    if "/" in text:
        raise ObservationError(
            "ADDRESS_SYNTAX", "A whole prefix was given; give the one full address that was observed."
        )
    if "%" in text:
        raise ObservationError(
            "ADDRESS_SYNTAX",
            "The address carries a zone id (the part after %); give a public address without it.",
        )
    try:
        address = ip_address(text) if len(text) <= MAX_TEXT else None
    except ValueError:
        address = None
    if address is None:
        raise ObservationError(
            "ADDRESS_SYNTAX",
            "This is not an IP address. Write IPv4 as four numbers from 0 to 255 without leading zeros, or "
            "IPv6, with nothing before or after it.",
        )
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address) and any(address in n for n in TRANSLATED_V6):
        raise ObservationError(
            "ADDRESS_TRANSLATED",
            "This IPv6 address is made by a translator (NAT64, 6to4 or Teredo); the address inside it is not "
            "the subscriber's. Give the address that the server itself logged before translation.",
        )
    if _is_documentation(address):
        if allow_documentation:
            return address
    elif _is_public(address):
        return address
    raise ObservationError(
        "ADDRESS_NOT_PUBLIC",
        "This address belongs to a private, shared, reserved or documentation range, which no server on the "
        "public internet sees. Give the public address that was observed.",
    )


def _is_documentation(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in n for n in DOCUMENTATION)
    return any(address in n for n in DOCUMENTATION_V6)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in n for n in NOT_PUBLIC)
    return address in GLOBAL_UNICAST_V6 and address not in IETF_PROTOCOLS_V6


def parse_port(text: str) -> int:
    """Read the source port, 1 to 65535.

    Raises ObservationError: PORT_SYNTAX, or PORT_LOOKS_LIKE_DESTINATION for the ports of web servers. Port
    8080 passes: port blocks of carriers begin at 1024, so it is a possible source port.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise ObservationError(
            "PORT_SYNTAX", "Write the source port as a whole number from 1 to 65535, or leave it empty."
        )
    if int(text) in DESTINATION_PORTS:
        raise ObservationError(
            "PORT_LOOKS_LIKE_DESTINATION",
            "This is the port of a web server. Give the source port, the one on the subscriber's side, or "
            "leave it empty if it was not logged.",
        )
    return int(text)


def parse_protocol(text: str) -> str:
    """Read the transport protocol: `tcp`, `udp`, or "" where it was not logged.

    Raises ObservationError: PROTOCOL_SYNTAX. What has no ports, such as ICMP, cannot be asked for by one.
    Source: RFC 6302, which tells servers to log it beside the port.
    """
    name = text.lower()
    if name not in (*PROTOCOLS, "unknown", ""):
        raise ObservationError(
            "PROTOCOL_SYNTAX", "Write the transport protocol as tcp or udp, or leave it empty if it was not logged."
        )
    return name if name in PROTOCOLS else ""


def say_port(port: int | None, protocol: str) -> str:
    """Write a source port and its transport protocol for people, such as `50001 TCP`; "" where neither is known."""
    return " ".join(part for part in ("" if port is None else str(port), protocol.upper()) if part)


def parse_instant(text: str, now: datetime) -> Instant:
    """Read the moment of an observation; it must say its own offset from UTC, or name its zone.

    text: ISO 8601 date and time to minutes, seconds or fractions, then `Z`, `UTC`, `+02:00`, a zone as
        `[Europe/Madrid]` or ` Europe/Madrid`, or offset and zone. `:60` is the following second.
    now: aware; moments after it are refused.

    1. Split the local time from what follows it. 2. Find the one offset. 3. Convert and check.

    Raises ObservationError: TIME_FORMAT, ZONE_MISSING, ZONE_AMBIGUOUS (an abbreviation, or a name with a
    number such as Etc/GMT+2), ZONE_UNKNOWN,
    ZONE_CONFLICT (offset and zone disagree), TIME_NONEXISTENT (skipped in spring), DST_FOLD (happened twice
    in autumn and no offset says which), TIME_FUTURE. ValueError if `now` is naive.
    Source: attribution.md 2.1; RFC 3339; RFC 9557 for the bracketed zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    # 1. The local time.
    match = _LOCAL.match(text) if len(text) <= MAX_TEXT else None
    if match is None:
        raise ObservationError("TIME_FORMAT", f"This is not a date and time that reads in one way. {_FORM}")
    second = int(match["second"] or 0)
    try:
        local = datetime.fromisoformat(f"{match['date']}T{match['hour']}:{match['minute']}:00")
        local += timedelta(seconds=second, microseconds=int((match["fraction"] or "").ljust(6, "0")))
    except (ValueError, OverflowError):
        raise ObservationError("TIME_FORMAT", f"There is no such day or time of day. {_FORM}") from None
    if second > 60 or (second == 60 and match["fraction"]) or not 1970 <= local.year <= _LAST_YEAR:
        raise ObservationError("TIME_FORMAT", f"There is no such second, or no log has this year. {_FORM}")
    # 2. The offset; 3. the conversion.
    value = (local - _offset(local, text[match.end() :])).replace(tzinfo=UTC)
    if value > now:
        raise ObservationError(
            "TIME_FUTURE", "This moment lies in the future. Check the day, the year and the offset from UTC."
        )
    return Instant(value, _unit(match))


def _unit(match: re.Match[str]) -> Decimal:
    if match["second"] is None:
        return Decimal(60)
    return max(Decimal(1).scaleb(-len(match["fraction"] or "")), Decimal("0.001"))


def _offset(local: datetime, text: str) -> timedelta:
    """Find the offset from UTC that `text`, the part after the local time, gives for that local time."""
    if text in ("Z", " UTC", "[UTC]"):
        return timedelta()
    offset: timedelta | None = None
    if match := _OFFSET.match(text):
        if match[0] == "-00:00":
            raise ObservationError(
                "ZONE_MISSING",
                "-00:00 means that the offset is unknown (RFC 3339). Write the real offset, or Z for UTC.",
            )
        offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
        if offset > _MAX_OFFSET or int(match["minutes"]) > 59:
            raise ObservationError("TIME_FORMAT", f"No place on earth has this offset. {_FORM}")
        offset = -offset if match["sign"] == "-" else offset
        text = text[match.end() :]
    if not text:
        if offset is None:
            raise ObservationError(
                "ZONE_MISSING",
                "The time does not say its offset from UTC, and there is no default zone. Add it: Z for UTC, "
                "or for example +02:00.",
            )
        return offset
    bracketed = text.startswith("[") and text.endswith("]")
    name = text[1:-1] if bracketed else text[1:] if text.startswith(" ") else ""
    if offset is None and _SIGNED_NAME.fullmatch(name):
        raise ObservationError(
            "ZONE_AMBIGUOUS",
            "A zone named with a number has two meanings: Etc/GMT+2 is two hours behind UTC (-02:00), and most who "
            "write UTC+2 mean two hours ahead (+02:00). Write the offset alone, such as +02:00.",
        )
    if _ZONE.fullmatch(name):
        return _offset_in_zone(local, name, offset)
    if _ABBREVIATION.fullmatch(name) and name.upper() not in ("AM", "PM"):
        meanings = _MEANINGS.get(name.upper())
        known = f" This one can mean {meanings}." if meanings else ""
        raise ObservationError(
            "ZONE_AMBIGUOUS",
            f"Abbreviations of time zones have several meanings.{known} Write the offset, such as +02:00.",
        )
    raise ObservationError("TIME_FORMAT", f"What follows the time cannot be read in one way. {_FORM}")


def _offset_in_zone(local: datetime, name: str, stated: timedelta | None) -> timedelta:
    """Give the one offset the zone had at that local time.

    A local time has one offset, none (skipped in spring) or two (repeated in autumn); `stated` picks one.
    """
    try:
        zone = ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        # LookupError is ZoneInfoNotFoundError's parent; OSError is a name that is a folder of the database.
        raise ObservationError(
            "ZONE_UNKNOWN",
            "The time zone is not in the IANA database. Write it like Europe/Madrid, or better the offset.",
        ) from None
    possible: list[timedelta] = []
    for fold in (0, 1):
        offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
        if offset is None or offset in possible:
            continue
        back = (local - offset).replace(tzinfo=UTC).astimezone(zone)
        if back.replace(tzinfo=None) == local:
            possible.append(offset)
    if not possible:
        raise ObservationError(
            "TIME_NONEXISTENT",
            "The clocks of this zone were put forward over this local time, so it never existed. Check the "
            "time in the log and write it in UTC.",
        )
    if stated is not None:
        if stated not in possible:
            raise ObservationError(
                "ZONE_CONFLICT",
                "The zone did not have this offset at that time. Correct the one that is wrong, or leave out the zone.",
            )
        return stated
    if len(possible) > 1:
        hours = " and ".join(_show(offset) for offset in possible)
        raise ObservationError(
            "DST_FOLD",
            f"This local time happened twice when the clocks were put back. Add the offset: {hours} are "
            "possible. If the log does not say which, do not file a line for each: one of the two may lead to "
            "somebody else.",
        )
    return possible[0]


def _show(offset: timedelta) -> str:
    sign = "-" if offset < timedelta() else "+"
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"

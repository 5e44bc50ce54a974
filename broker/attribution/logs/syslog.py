"""What relays put before the message of a device: priority, stamps, host. One line is one datagram.

Shapes of the part before the message, each piece optional, in this order:

    2026-03-01T06:30:12.5+00:00 relay1 <134>1 2026-03-01T06:30:11Z cgn1 APP PROCID MSGID
    the collector's own stamp          PRI and version, stamp of the device, host, what the vendor puts before

The stamp of the device is that of RFC 5424, that of RFC 3164 (`Mar  1 06:30:11`, no year and no zone), or one with a
year and no zone (`2026-03-01 06:30:11`, `2026 Mar 01 06:30:11`, `Mar 01 2026 06:30:11`). What a stamp lacks comes from
the configured zone and from the year of the collector's stamp; otherwise the moment is unknown and a record that needs
it is refused.
Source: RFC 3164 4.1, RFC 5424 6, RFC 3339; Cisco IOS XR Carrier Grade NAT Configuration Guide, "Syslog Message Format".
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from broker.attribution.logs import text
from broker.attribution.logs.events import Event, RawRecord, RecordError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_LOCAL = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}"
_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
# No host ends with a colon, as a tag does.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,253}[A-Za-z0-9])?"
_PRI = r"<(?:0|[1-9][0-9]{0,2})>"
_BSD = (
    rf"(?:(?P<year1>[0-9]{{4}}) )?(?P<month>{_MONTH}) (?P<day>[ 0-3]?[0-9]) "
    rf"(?:(?P<year2>[0-9]{{4}}) )?(?P<clock>{_CLOCK})"
)
_HEADER = re.compile(
    rf"(?:(?P<first>{_LOCAL}{_OFFSET}) (?:{_HOST} (?=<))?)?(?:{_PRI})?(?:1 )?"
    rf"(?:(?P<full>{_LOCAL}{_OFFSET}?) |{_BSD}[: ] ?|(?P<nil>- ))?"
    # A host is named after a stamp only.
    rf"(?:(?<=[0-9Z:-] )(?P<host>{_HOST}|-) )?"
)

# Headers are remembered, so that their number and their length are bounded.
_LONGEST = 1024
# How far a stamp without a year may lie from the collector's, which tells its year.
_NEAR = timedelta(days=30)


class Header(NamedTuple):
    """What stands before a message.

    at: the moment of the device's stamp, or of the collector's if there is no other; None if it cannot be known, and
    `missing` is then the code why, `unread` as in `RecordError`. received_at: by the collector's stamp. device: "" if
    no host is named.
    """

    at: datetime | None
    missing: str
    unit: timedelta
    received_at: datetime | None
    device: str
    unread: tuple[datetime, datetime] | None = None

    @property
    def heard_at(self) -> datetime | None:
        """When the message was heard, if it has a stamp of its own: by the collector, else by whoever wrote this."""
        return self.received_at or self.at

    def moment(self) -> datetime:
        """Give the moment, or refuse the record that needs it."""
        if self.at is None:
            raise RecordError(self.missing, self.unread)
        return self.at


class SyslogLines(ABC):
    """A log of one device's or several devices' messages, one a line; each vendor says what a message is.

    zone: that of stamps without an offset. device: who logs, if a line names no host.
    BEFORE: what the vendor puts between the host and the message. Nothing else may stand there: a program that logs
    what a stranger typed would let him write a record.
    """

    BEFORE = re.compile("")

    def __init__(self, zone: tzinfo | None = None, device: str = "") -> None:
        self._zone, self._device = zone, device
        self._whole = text.Whole()

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Every line is a record."""
        return text.lines(stream, offset)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside = state["inside"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give what the message of a line says."""
        self._whole.check(record)
        return self._read(record.pos, record.data.decode("latin-1").rstrip("\r\n "))

    @abstractmethod
    def _read(self, pos: int, line: str) -> Iterable[Event]:
        """Say what the message in a line says; the vendor's part."""

    def _header(self, head: str) -> Header:
        """Read what stands before a message, with the device named."""
        if len(head) > _LONGEST:
            raise RecordError("RECORD_SYNTAX")
        found = header(head, self.BEFORE, self._zone)
        if found.device:
            return found
        if not self._device:
            raise RecordError("DEVICE_MISSING")
        return found._replace(device=self._device)


def is_framed(line: str) -> bool:
    """Say whether a line begins with a priority or a stamp, as a line of a syslog file does, whatever its message."""
    match = _HEADER.match(line)
    return match is not None and (line[:1] == "<" or any(match[name] for name in ("first", "full", "clock")))


@lru_cache(maxsize=4096)
def header(head: str, before: re.Pattern[str], zone: tzinfo | None = None) -> Header:
    """Read what stands before the message of a line.

    Raises RecordError: RECORD_SYNTAX if it is none of the shapes, or the code of a collector's stamp that is wrong. A
    stamp of the device that is wrong or lacks something raises nothing here: the message may have one of its own.
    """
    match = _HEADER.match(head)
    if match is None or not before.fullmatch(head, match.end()):
        raise RecordError("RECORD_SYNTAX")
    device = match["host"] or ""
    if device == "-":
        device = ""
    received_at = _full(match["first"], None)[0] if match["first"] else None
    if match["full"] or match["clock"]:
        try:
            at, unit = _full(match["full"], zone) if match["full"] else _bsd(match, zone, received_at)
        except RecordError as error:
            return Header(None, error.code, timedelta(seconds=1), received_at, device, error.unread)
        return Header(at, "", unit, received_at, device)
    if match["first"]:
        # The only stamp there is: the collector's, or the device's that it kept. Two equal stamps would show no drift.
        at, unit = _full(match["first"], None)
        return Header(at, "", unit, None, device)
    return Header(None, "TIME_MISSING", timedelta(seconds=1), None, device)


def _full(stamp: str, zone: tzinfo | None) -> tuple[datetime, timedelta]:
    """Read a stamp with a date. Its whole second is remembered, as many records are of the same one."""
    if stamp[19:20] != ".":
        return text.stamp(stamp, zone)
    rest = stamp[20:].lstrip("0123456789")
    fraction = stamp[20 : len(stamp) - len(rest)]
    at, _ = text.stamp(stamp[:19] + rest, zone)
    # No clock in question is better than a millisecond.
    unit = timedelta(milliseconds=10 ** (3 - min(len(fraction), 3)))
    return at + timedelta(microseconds=int(fraction[:6].ljust(6, "0"))), unit


def _bsd(match: re.Match[str], zone: tzinfo | None, received_at: datetime | None) -> tuple[datetime, timedelta]:
    """Give the moment of a stamp without an offset, and perhaps without a year."""
    if match["year1"] and match["year2"]:
        raise RecordError("TIME_FORMAT")
    month = _MONTHS.index(match["month"]) + 1
    rest = f"-{month:02}-{int(match['day']):02} {match['clock']}"
    if year := match["year1"] or match["year2"]:
        return text.stamp(year + rest, zone)
    if zone is None:
        raise RecordError("ZONE_MISSING")
    if received_at is None:
        raise RecordError("YEAR_MISSING")
    here = received_at.astimezone(zone)
    near: list[tuple[datetime, timedelta]] = []
    for candidate in (here.year - 1, here.year, here.year + 1):
        if (month, int(match["day"])) == (2, 29) and not _is_leap(candidate):
            continue
        # Only one of three years can be near, so no choice is made here.
        local = datetime(candidate, month, 1, tzinfo=UTC)
        if abs(local - received_at) < _NEAR + timedelta(days=32):
            at, unit = text.stamp(f"{candidate:04}{rest}", zone)
            if abs(at - received_at) <= _NEAR:
                near.append((at, unit))
    if not near:
        raise RecordError("YEAR_MISSING")
    return near[0]


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

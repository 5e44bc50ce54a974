"""What all formats share: lines of a stream, stamps, addresses and identities, each read strictly.

Records are bytes in no certain encoding. A format decodes them as Latin-1, one character for each byte, which never
fails and loses nothing; only `name` decides what the bytes of an identity are. Every function here raises
RecordError with a code of `codes` and guesses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import BinaryIO

from broker.attribution.logs.events import RawRecord, RecordError

# Far above every documented record, and small enough that a file without a line end cannot fill the memory.
LIMIT = 65_536
# A RADIUS attribute has at most 253 bytes and a DUID 130.
IDENTITY_BYTES = 255

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = re.compile(
    r"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?: ?(\S+))?"
)
_OFFSET = re.compile(r"([+-])([0-9]{2})(?::?([0-9]{2}))?")
_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_HEX = re.compile(r"[0-9a-f]{2}(?:[:.-]?[0-9a-f]{2})*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\[0-3][0-7]{2}|\\[^0-9])*"')
_ESCAPE = re.compile(r"\\([0-3][0-7]{2}|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def lines(stream: BinaryIO, offset: int, limit: int = LIMIT) -> Iterator[RawRecord]:
    """Split a stream into its lines, each with its line end; only `readline` of the stream is used.

    A line of more than `limit` bytes comes in pieces of that size, the same whatever the reads are; `Whole` refuses
    them all. The last line is incomplete if it has no line end.
    """
    pos = offset
    while data := stream.readline(limit):
        end = pos + len(data)
        yield RawRecord(pos, end, data, data.endswith(b"\n") or len(data) == limit)
        pos = end


def grouped(
    stream: BinaryIO, offset: int, begin: Callable[[], Callable[[bytes], bool]], limit: int = LIMIT
) -> Iterator[RawRecord]:
    """Join lines into records.

    begin: called at the start of each record and piece; what it gives says of each line, in order, whether it is the
    last one. So where a record ends depends on nothing before it, and reading can be taken up at any of them.

    A record of more than `limit` bytes comes in pieces, each of whole lines unless a line itself is too long.
    """
    parts: list[bytes] = []
    is_last = begin()
    pos, size = offset, 0
    # As `lines` does, but without an object for each line: these are most of the time of a long log.
    readline = stream.readline
    while data := readline(limit):
        if parts and size + len(data) > limit:
            yield RawRecord(pos, pos + size, b"".join(parts))
            parts, pos, size, is_last = [], pos + size, 0, begin()
        parts.append(data)
        size += len(data)
        if is_last(data) and (data.endswith(b"\n") or len(data) == limit):
            yield RawRecord(pos, pos + size, b"".join(parts))
            parts, pos, size, is_last = [], pos + size, 0, begin()
    if parts:
        yield RawRecord(pos, pos + size, b"".join(parts), complete=False)


class Whole:
    """Refuse what is no whole record: the unfinished last one, and each piece of one that is too long.

    inside: the last record was a piece and the next one goes on with it. It belongs to the state of a format, for the
    end of a piece is a place where reading may be taken up again, and what follows may look like a record.
    """

    def __init__(self) -> None:
        self.inside = False

    def check(self, record: RawRecord, ended: bool | None = None) -> None:
        """Raise RecordError unless this is a whole record without NUL bytes; to be called once for each, in order.

        ended: whether the record ends here; by default if it ends with a line end.
        """
        if not record.complete:
            raise RecordError("RECORD_INCOMPLETE")
        inside, self.inside = self.inside, not (record.data.endswith(b"\n") if ended is None else ended)
        if inside or self.inside:
            raise RecordError("RECORD_TOO_LONG")
        if b"\0" in record.data:
            raise RecordError("RECORD_NUL")


@lru_cache(maxsize=4096)
def stamp(text: str, zone: tzinfo | None = None) -> tuple[datetime, timedelta]:
    """Read a date and time; give it in UTC, and how finely it was written.

    text: `2026-03-01 06:30:11`, also with slashes, a `T` and a fraction, then nothing, `Z`, `UTC`, `GMT`, an
        abbreviation, or an offset as `+02`, `+0200` or `+02:00`. Second 60 is the following second.
    zone: that of stamps which give no offset. An abbreviation counts only if it is what this zone was called then; it
        does not choose between the two meanings of a repeated hour.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        raise RecordError("TIME_FORMAT")
    year, _, month, day, hour, minute, second, fraction, suffix = match.groups()
    local = wall_clock(int(year), int(month), int(day), int(hour), int(minute), int(second))
    unit = timedelta(seconds=1)
    if fraction:
        local += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
        # No clock in question is better than a millisecond.
        unit = timedelta(milliseconds=10 ** (3 - min(len(fraction), 3)))
    if suffix in ("Z", "UTC", "GMT"):
        return plausible(local.replace(tzinfo=UTC)), unit
    if suffix is None or suffix[0] not in "+-":
        if suffix is not None and not _ABBREVIATION.fullmatch(suffix):
            raise RecordError("TIME_FORMAT")
        if suffix in ("AM", "PM"):
            # A clock of twelve hours is a change of the format, and may have been one before it showed.
            raise RecordError("TIME_FORMAT")
        return instant(local, zone, suffix), unit
    parts = _OFFSET.fullmatch(suffix)
    if parts is None:
        raise RecordError("TIME_FORMAT")
    sign, hours, minutes = parts.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > timedelta(hours=14) or int(minutes or 0) > 59:
        raise RecordError("TIME_FORMAT")
    if sign == "-":
        if not offset:
            # RFC 3339: this offset says that the offset is unknown.
            raise RecordError("ZONE_MISSING")
        offset = -offset
    return plausible((local - offset).replace(tzinfo=UTC)), unit


def wall_clock(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
    """Give the naive local time these numbers are; TIME_FORMAT if there is none."""
    if not 0 <= second <= 60:
        raise RecordError("TIME_FORMAT")
    try:
        return datetime(year, month, day, hour, minute) + timedelta(seconds=second)  # noqa: DTZ001 - the caller's zone
    except (ValueError, OverflowError):
        raise RecordError("TIME_FORMAT") from None


def instant(local: datetime, zone: tzinfo | None, abbreviation: str | None = None) -> datetime:
    """Give the one moment at which the clocks of a zone showed a naive local time.

    Raises RecordError: ZONE_MISSING or ZONE_AMBIGUOUS without a zone, TIME_FOLD with the time that happened twice,
    TIME_NONEXISTENT, ZONE_CONFLICT if the zone was called by another abbreviation then.
    """
    if zone is None:
        raise RecordError("ZONE_MISSING" if abbreviation is None else "ZONE_AMBIGUOUS")
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    # In a gap the two folds differ as well, but neither of them comes back to the same local time.
    if first.astimezone(zone).replace(tzinfo=None, fold=0) != local:
        raise RecordError("TIME_NONEXISTENT")
    if first != second:
        raise RecordError("TIME_FOLD", _repeated(first, second, zone))
    if abbreviation is not None and first.astimezone(zone).tzname() != abbreviation:
        raise RecordError("ZONE_CONFLICT")
    return plausible(first)


def _repeated(first: datetime, second: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Give all the time that the clocks of a zone showed twice, from two moments of it that they showed alike.

    The clocks were put back after the first and not after the second, by as much as lies between them.
    """
    before, after = first, second
    offset = second.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    # Clocks are changed at a whole second.
    changed = after.replace(microsecond=0)
    return changed - (second - first), changed + (second - first)


def epoch(text: str) -> datetime:
    """Read whole seconds since 1970 in decimal digits."""
    seconds = number(text)
    if seconds > 253_370_764_800:
        raise RecordError("TIME_IMPLAUSIBLE")
    return plausible(_EPOCH + timedelta(seconds=seconds))


def plausible(at: datetime) -> datetime:
    """Give the moment back, or refuse one that only a clock shows which was not set."""
    if not _EARLIEST <= at < _LATEST:
        raise RecordError("TIME_IMPLAUSIBLE")
    return at


def number(text: str, last: int = 2**63 - 1) -> int:
    """Read a whole number from 0 to `last` in plain decimal digits, without sign or leading zeros."""
    if not _NUMBER.fullmatch(text) or int(text) > last:
        raise RecordError("NUMBER_SYNTAX")
    return int(text)


@lru_cache(maxsize=65_536)
def address(text: str) -> str:
    """Give the normal form of one address of a host; an IPv4-mapped one becomes IPv4.

    Private and shared ranges are allowed, unlike in a request: inside a network they are what holders have.
    """
    try:
        value = ip_address(text)
    except ValueError:
        raise RecordError("ADDRESS_SYNTAX") from None
    if isinstance(value, IPv6Address):
        if value.scope_id is not None:
            raise RecordError("ADDRESS_SYNTAX")
        value = value.ipv4_mapped or value
    _check_usable(value)
    return str(value)


@lru_cache(maxsize=65_536)
def prefix(text: str) -> str:
    """Give the normal form of a prefix with its length; one that holds a single address is that address."""
    head, slash, length = text.partition("/")
    if not slash or not _NUMBER.fullmatch(length):
        raise RecordError("ADDRESS_SYNTAX")
    try:
        value = ip_network(text)
    except ValueError:
        raise RecordError("ADDRESS_SYNTAX") from None
    if value.prefixlen == value.max_prefixlen:
        return address(head)
    if value.prefixlen < 8:
        # Nobody holds that much.
        raise RecordError("ADDRESS_UNUSABLE")
    _check_usable(value.network_address)
    return str(value)


@lru_cache(maxsize=4096)
def is_unfilled(text: str) -> bool:
    """Tell whether an address or prefix is all zeros, as an attribute is that was not filled in; it says nothing.

    A prefix of no length is one as well, for nobody holds everything. Between that and 0.0.0.0/8 and ::/8, which are
    reserved, there would be others' addresses in it.
    """
    try:
        value = ip_network(text)
    except ValueError:
        return False
    return value.network_address.is_unspecified and not 0 < value.prefixlen < 8


def usable(read: Callable[[str], str], value: str) -> str | None:
    """Read an address or prefix that stands beside others; None if it is one that no holder has.

    What else a record says counts all the same.
    """
    try:
        return read(value)
    except RecordError as error:
        if error.code != "ADDRESS_UNUSABLE":
            raise
        return None


def _check_usable(value: IPv4Address | IPv6Address) -> None:
    reserved = isinstance(value, IPv4Address) and value.is_reserved
    if value.is_unspecified or value.is_loopback or value.is_link_local or value.is_multicast or reserved:
        raise RecordError("ADDRESS_UNUSABLE")


def name(kind: str, raw: bytes) -> str:
    """Give an identity that is written as text, with its kind: `user:line-48113`.

    Bytes that are no UTF-8, or contain control characters, are not decoded but shown: `user-hex:6dfc...`. So two
    identities are equal exactly if their bytes are, whatever encoding a device uses.
    """
    if not 0 < len(raw) <= IDENTITY_BYTES:
        raise RecordError("IDENTITY_SYNTAX")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"{kind}-hex:{raw.hex()}"
    return f"{kind}-hex:{raw.hex()}" if _CONTROL.search(text) else f"{kind}:{text}"


def octets(kind: str, text: str) -> str:
    """Give an identity that is opaque bytes, from hexadecimal pairs with or without separators: `duid:00030001`.

    It is never decoded to text: circuit and remote ids are whatever the access node put there (RFC 3046).
    """
    text = text.lower()
    if not _HEX.fullmatch(text):
        raise RecordError("IDENTITY_SYNTAX")
    digits = text.translate(_SEPARATORS)
    if len(digits) > 2 * IDENTITY_BYTES:
        raise RecordError("IDENTITY_SYNTAX")
    return f"{kind}:{digits}"


def unquote(text: str) -> bytes:
    """Give the bytes of a string in quotes with backslash escapes, octal ones too; FreeRADIUS and dhcpd write these."""
    if "\\" not in text and text.find('"', 1) == len(text) - 1 and text[:1] == '"':
        return text[1:-1].encode("latin-1")
    if not _QUOTED.fullmatch(text):
        raise RecordError("RECORD_SYNTAX")
    return _ESCAPE.sub(_unescape, text[1:-1]).encode("latin-1")


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)


_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_SEPARATORS = str.maketrans("", "", ":.-")

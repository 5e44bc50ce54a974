"""Read an evidence file by its lines: which public address was seen when. Pure; nothing is guessed, nothing repaired.

A text log or CSV is read line by line; a table by the names of its columns, if they say which is which
(`evidence_columns`). Where a line says its time in a way that can be read in two, the line counts as
seen without a time, with the reason. What a document such as a PDF says is not read; see `kind_of`.
Not here: what follows for a line of a request (`slips`). No message quotes the file, which holds other people's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from broker.errors import InputError, Problem
from broker.intake.evidence_columns import Columns, columns_of
from broker.intake.evidence_ends import End, ends_of
from broker.intake.observation import Instant, ObservationError, parse_address, parse_instant

TEXT = "text"
TIME_MISSING = "TIME_MISSING"
MAX_LINE_LENGTH = 65_536
# A line of a log tells of one connection, or of two ends of it; a line with more is a list and would be read wrongly.
MOST_ON_A_LINE = 16
# Times of a line that are no farther apart say the same moment: every question is asked with that much tolerance.
_SAME_MOMENT = timedelta(minutes=1)

_FIELD = "evidence_file"
# Documents whose bytes are not read and not kept: a digest shows later that it is the same file.
_DOCUMENTS = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "office"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Names that follow a time in logs; words such as INFO or GET do too and are none.
_ZONE_NAMES = (
    "UTC|GMT|WET|WEST|CET|CEST|EET|EEST|MSK|IST|BST|AST|ADT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|JST|KST|HKT|SGT|AEST|AEDT"
)
_AREA = "(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[A-Za-z_/+-]+[0-9]*"
_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
_STAMP = re.compile(
    # Year first, or the month by its name: only these two orders read in one way.
    rf"(?<![0-9])(?:(?P<iso>[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}})(?:[T ]|\"?[,;\t]\"?)"
    rf"|(?P<day>[0-9]{{1,2}})[ /-](?P<month>{'|'.join(_MONTHS)})[ /-](?P<year>[0-9]{{4}})[: ])"
    rf"(?P<clock>{_CLOCK})(?![0-9:])"
    rf"(?P<zone>Z(?![A-Za-z])| ?[+-][0-9]{{2}}:?[0-9]{{2}}(?![0-9:])|[+-][0-9]{{2}}(?![0-9:])"
    rf"| ?[\[(]?{_AREA}[\])]?| ?[\[(]?(?:{_ZONE_NAMES})(?: ?[+-][0-9]{{1,2}}(?::?[0-9]{{2}})?(?![0-9]))?(?![A-Za-z]))?"
    rf"(?P<half> ?[AaPp]\.?[Mm](?![A-Za-z]))?"
)
# Days as numbers, or without a year: which is the day and which the month is not said, or not which year.
_UNCLEAR = re.compile(
    rf"(?<![0-9])[0-9]{{1,2}}[./-][0-9]{{1,2}}[./-][0-9]{{2,4}}[T ,;\t]+[0-9]{{1,2}}:[0-9]{{2}}"
    rf"|\b(?:{'|'.join(_MONTHS)}) {{1,2}}[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}"
)
# A zone in a cell of its own, as tables have it.
_ZONE_CELL = re.compile(rf"(?:^|[,;\t])\"?(Z|UTC|[+-][0-9]{{2}}:[0-9]{{2}}|{_AREA})\"?(?=[,;\t]|$)")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::(?P<port4>[0-9]{1,5}))?(?!\w|[.:][0-9])"
    r"|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\](?::(?P<port6>[0-9]{1,5}))?|(?P<bare>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)(?!\w))"
)
_PORT = re.compile(r"\b(?:src_?port|source_?port|sport|spt|port)[=: ]+\"?([0-9]{1,5})\b", re.IGNORECASE)
# By its name, or by its IANA number where that is said to be one.
_PROTOCOL = re.compile(r"\b(tcp|udp)\b|\b(?:proto|protocol)[\"']?[=: ]+[\"']?(6|17)\b|^(6|17)$", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.:])[1-9][0-9]{0,4}(?![\w.:])")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One address on one line, with one of the line's times.

    line: counted from 1. at: UTC; None where no time can be read in one way, and `defect` says why. local: the same
    moment as the line writes it. ports: those named as ports; numbers: whatever else may be one. doubts: codes of
    `slips.FINDINGS` for what the line leaves open: whether this address of its several, and this time, belong together.
    protocol: the transport protocol, where the line names one and no other.
    """

    line: int
    address: str
    at: datetime | None
    local: datetime | None
    unit: timedelta
    defect: str
    ports: frozenset[int]
    numbers: frozenset[int]
    doubts: frozenset[str] = frozenset()
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class _Time:
    """One time of a line: the instant and how it was written, or why it cannot be read. own: it says its zone."""

    instant: Instant | None
    written: str
    defect: str
    own: bool = True


def kind_of(content: bytes) -> str:
    """Say what a file is: TEXT, or the kind of a document that is not read. Raises InputError for anything else."""
    for start, kind in _DOCUMENTS:
        if content.startswith(start):
            return kind
    if not content:
        raise _refusal("empty", "The file is empty. Send the log, or leave it out.")
    if b"\x00" in content:
        raise _refusal("binary", "The file is neither text nor a PDF. Send the log as text or CSV in UTF-8.")
    return TEXT


def read_evidence(
    content: bytes, zone: str, now: datetime, *, max_bytes: int, allow_documentation: bool = False
) -> list[Sighting]:
    """Find every public address with its time in a text file, in the order of the lines.

    content: UTF-8; a byte order mark is fine. zone: what times without a zone are in, as `Europe/Madrid`, `+02:00` or
        `Z`; "" where nobody says. now: aware; later moments count as unreadable.

    Raises InputError with one sentence for a file that is too large, no UTF-8, has too long lines or no public address,
    and for a zone that cannot be read.
    Source: attribution.md 2.1; the Common Log Format of the Apache HTTP Server, RFC 3339, RFC 5322.
    """
    if len(content) > max_bytes:
        raise _refusal("too-large", f"The file is larger than {max_bytes} bytes. Send the lines that matter.")
    suffix = _suffix(zone, now)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise _refusal("encoding", "This line is not UTF-8. Save the file as UTF-8.", number) from None
    found: list[Sighting] = []
    columns: Columns | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        if len(raw) > MAX_LINE_LENGTH:
            raise _refusal("line", f"This line is longer than {MAX_LINE_LENGTH} characters.", number)
        line = raw.rstrip("\r")
        if number == 1:
            columns = columns_of(line)
        row = None if columns is None else columns.row(line)
        if row is None:
            found += _read_line(line, number, suffix, now, allow_documentation)
        else:
            found += (
                # The table says which number is the port; no other one may be it.
                replace(
                    seen, ports=seen.ports | _ports(row.ports), numbers=frozenset(), protocol=_protocol(row.protocol)
                )
                if row.knows_port
                else replace(
                    seen, numbers=_ports(_NUMBER.findall(_STAMP.sub(" ", line))), protocol=_protocol(row.protocol)
                )
                for seen in _read_line(row.words, number, row.suffix or suffix, now, allow_documentation)
            )
    if not found:
        raise _refusal(
            "nothing-found",
            "No line of the file has a public address. Send the log that shows what you typed, or leave it out.",
        )
    return found


def written_time(text: str) -> datetime:
    """Give the local time that a strictly read instant begins with, without a zone; `:60` is the next second."""
    second = int(text[17:19]) if text[16:17] == ":" else 0
    fraction = re.match(r"\.([0-9]{1,6})", text[19:]) if text[16:17] == ":" else None
    micro = int(fraction[1].ljust(6, "0")) if fraction else 0
    return datetime.fromisoformat(f"{text[:10]}T{text[11:16]}:00") + timedelta(seconds=second, microseconds=micro)


def _suffix(zone: str, now: datetime) -> str:
    if not zone:
        return ""
    suffix = zone if zone == "Z" or zone[0] in "+-" else f" {zone}"
    try:
        parse_instant(f"2000-01-01T12:00:00{suffix}", now)
    except ObservationError:
        # A zone may be right and its offset of that day another one, so that only names and offsets are looked at.
        problem = "Write the zone as Europe/Madrid, as an offset such as +02:00, or as Z; or leave it empty."
        raise InputError([Problem("evidence.zone", "evidence_zone", problem)]) from None
    return suffix


def _read_line(line: str, number: int, suffix: str, now: datetime, allow_documentation: bool) -> Iterator[Sighting]:
    stamps = list(_STAMP.finditer(line))
    # A clock must not be taken for an address or a port, so what was read as a time is blanked.
    rest = _STAMP.sub(lambda m: " " * len(m[0]), line)
    unclear = _UNCLEAR.search(rest) is not None
    addresses = _addresses(rest, allow_documentation)
    if len(addresses) > MOST_ON_A_LINE or len(stamps) > MOST_ON_A_LINE:
        raise _refusal("line", f"This line has more than {MOST_ON_A_LINE} addresses or times: this is no log.", number)
    if not addresses:
        return
    named = _ports(_PORT.findall(rest))
    numbers = _ports(_NUMBER.findall(rest))
    protocol = _protocol(rest)
    times = [_read_stamp(stamp, line, suffix, now) for stamp in stamps] or [
        _Time(None, "", "TIME_FORMAT" if unclear else TIME_MISSING)
    ]
    for address, (port, end) in addresses.items():
        # The port of the other end is no source port.
        ports = named | _ports([port] if port and end is not End.OTHER else [])
        of_address = {"ADDRESS_OTHER_END"} if end is End.OTHER else set()
        if end is End.UNSAID and len(addresses) > 1:
            of_address = {"ADDRESS_ONE_OF_SEVERAL"}
        for time in times:
            instant = time.instant
            yield Sighting(
                number,
                address,
                None if instant is None else instant.value,
                None if instant is None else written_time(time.written),
                timedelta(seconds=float(Decimal(1) if instant is None else instant.unit)),
                time.defect,
                ports,
                numbers,
                frozenset(of_address | {"TIME_ONE_OF_SEVERAL" for other in times if _contradicts(other, time)}),
                protocol,
            )


def _contradicts(other: _Time, time: _Time) -> bool:
    """Tell whether another time of the line may be the one that is meant.

    A time that says its own zone is not put in doubt by one that was read in the zone somebody gave for the file.
    """
    if time.instant is None or other.instant is None or (time.own and not other.own):
        return False
    units = timedelta(seconds=float(time.instant.unit + other.instant.unit))
    return abs(other.instant.value - time.instant.value) > _SAME_MOMENT + units


def _addresses(text: str, allow_documentation: bool) -> dict[str, tuple[str, End]]:
    """Every public address of a line once, each with the port written to it, and which end of a connection it is."""
    found: list[tuple[str, str]] = []
    places: list[tuple[int, int]] = []
    for match in _ADDRESS.finditer(text):
        try:
            address = parse_address(
                match["v4"] or match["v6"] or _without_end(match["bare"]), allow_documentation=allow_documentation
            )
        except ObservationError:
            # A private address, a hardware address, a version number: nothing that a request could ask about.
            continue
        found.append((str(address), match["port4"] or match["port6"] or ""))
        places.append(match.span())
    once: dict[str, tuple[str, End]] = {}
    for (address_text, port), end in zip(found, ends_of(text, places), strict=True):
        first_port, first_end = once.get(address_text, (port, end))
        # Named once as the source and once in another way, it is the source.
        once[address_text] = (first_port, end if end is End.SOURCE else first_end)
    return once


def _without_end(text: str) -> str:
    """Take off the colon or full stop that a sentence puts after an address."""
    return text if text.endswith("::") else text.rstrip(":.")


def _read_stamp(stamp: re.Match[str], line: str, suffix: str, now: datetime) -> _Time:
    if stamp["half"] or len(stamp["clock"]) > 15:
        # Twelve hours with or without their half of the day: which line has which clock is never guessed.
        return _Time(None, "", "TIME_FORMAT")
    day = stamp["iso"]
    if day is None:
        day = f"{stamp['year']}-{_MONTHS.index(stamp['month']) + 1:02}-{int(stamp['day']):02}"
    written = f"{day.replace('/', '-')}T{stamp['clock'].replace(',', '.')}"
    zone = (stamp["zone"] or "").strip(" []()")
    if re.fullmatch(r"[+-][0-9]{2}(?:[0-9]{2})?", zone):
        zone = f"{zone[:3]}:{zone[3:] or '00'}"
    if not zone:
        cells = set(_ZONE_CELL.findall(line))
        zone = cells.pop() if len(cells) == 1 else ""
    own, zone = bool(zone), zone or suffix.strip()
    try:
        instant = parse_instant(written + (zone if zone[:1] in ("Z", "+", "-", "") else f" {zone}"), now)
    except ObservationError as error:
        return _Time(None, "", error.code)
    return _Time(instant, written, "", own)


def _protocol(text: str) -> str:
    """Give the transport protocol that a text names; "" for none, and for both."""
    found = {
        (match[1] or {"6": "tcp", "17": "udp"}[match[2] or match[3]]).lower() for match in _PROTOCOL.finditer(text)
    }
    return found.pop() if len(found) == 1 else ""


def _ports(texts: list[str]) -> frozenset[int]:
    return frozenset(int(text) for text in texts if 1 <= int(text) <= 65_535)


def _refusal(code: str, message: str, line: int | None = None) -> InputError:
    return InputError([Problem(f"evidence.{code}", _FIELD, message, line)])

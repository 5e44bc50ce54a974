"""Read an evidence file by its lines: which public address was seen when. Pure; nothing is guessed, nothing repaired.

A text log or CSV is read line by line; a table by the names of its columns, if they say which is which
(`evidence_columns`). Where a line says its time in a way that can be read in two (`evidence_times`), the line counts as
seen without a time, with the reason. What a document such as a PDF says is not read; see `kind_of`.
Not here: what follows for a line of a request (`slips`). No message quotes the file, which holds other people's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from broker.errors import InputError, Problem
from broker.intake.evidence_columns import Columns, Row, columns_of
from broker.intake.evidence_ends import Connection, End, connection_of, ports_in, without_paths
from broker.intake.evidence_times import Time, Zones, in_doubt, says_moment, times_of, without_times, zones_in_cells
from broker.intake.observation import PROTOCOL_NUMBERS, ObservationError, parse_instant

TEXT = "text"
MAX_LINE_LENGTH = 65_536
# A line of a log tells of one connection, or of two ends of it; a line with more is a list and would be read wrongly.
MOST_ON_A_LINE = 16

_FIELD = "evidence_file"
# Documents whose bytes are not read and not kept: a digest shows later that it is the same file.
_DOCUMENTS = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "office"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
)

# By its name, as a word of its own and no part of a path or host, or by its IANA number where that is said to be one.
_PROTOCOL = re.compile(
    r"(?<![\w./?&%@~+-])(tcp|udp)(?![\w?&%@~=+-]|\.\w|/[^0-9])|(?<=[0-9]/)(tcp|udp)\b"
    r"|\b(?:proto|protocol)[\"']?[=: ]+[\"']?(6|17)\b|^(6|17)$",
    re.IGNORECASE,
)
_PROTOCOL_NAMES = {str(number): name for name, number in PROTOCOL_NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Sighting:
    """One address on one line, with one of the line's times.

    line: counted from 1. at: UTC; None where no time can be read in one way, and `defect` says why. local: the same
    moment as the line writes it. ports: those said to be its source port; numbers: whatever else may be one. doubts:
    codes of `slips.FINDINGS` for what the line leaves open: whether this address of its several, and this time, belong
    together. protocol: the transport protocol, where the line names one and no other.
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
class _Given:
    """What holds for a whole file. zone: of times that give none, "" where nobody says; now: aware."""

    zone: str
    now: datetime
    allow_documentation: bool


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
    _check_zone(zone, now)
    given = _Given(zone, now, allow_documentation)
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
        if columns is None or row is None:
            found += _read_line(line, number, columns, given)
        else:
            found += _read_row(row, line, number, columns, given)
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


def _check_zone(zone: str, now: datetime) -> None:
    if not zone:
        return
    suffix = zone if zone == "Z" or zone[0] in "+-" else f" {zone}"
    try:
        parse_instant(f"2000-01-01T12:00:00{suffix}", now)
    except ObservationError:
        # A zone may be right and its offset of that day another one, so that only names and offsets are looked at.
        problem = "Write the zone as Europe/Madrid, as an offset such as +02:00, or as Z; or leave it empty."
        raise InputError([Problem("evidence.zone", "evidence_zone", problem)]) from None


def _read_row(row: Row, line: str, number: int, columns: Columns, given: _Given) -> Iterator[Sighting]:
    seen = connection_of(row.address, allow_documentation=given.allow_documentation)
    if not seen.ends:
        return
    of_column = ports_in([row.port] if re.fullmatch(r"[1-9][0-9]{0,4}", row.port) else [])
    seen = replace(
        seen,
        ports={address: ports | of_column for address, ports in seen.ports.items()},
        numbers=connection_of(without_times(row.other), allow_documentation=given.allow_documentation).numbers,
    )
    # Under the name `utc` beside the time stands a second moment, or else an offset that the name does not vouch for.
    second = times_of(row.utc, Zones("", said=("Z",)), given.now, line) if says_moment(row.utc) else []
    said = (*columns.zones, *(zone for zone in (row.zone, "" if second else row.utc) if zone))
    sure = row.zone or (columns.zones and not columns.zone_of_day)
    times = times_of(row.time, Zones(given.zone, said, unsure=not sure), given.now, line)
    yield from _sightings(number, seen, [*times, *second], _protocol(row.protocol))


def _read_line(line: str, number: int, columns: Columns | None, given: _Given) -> Iterator[Sighting]:
    """Read a line of a log, or a row that has not the shape of its table.

    Of such a row nothing says which cell is which, so that it counts only for what needs no such knowledge.
    """
    text = without_times(line)
    seen = connection_of(text, allow_documentation=given.allow_documentation)
    if not seen.ends:
        return
    found, unsure = zones_in_cells(line)
    zones = Zones(given.zone, found=found, unsure=unsure)
    if columns is not None:
        zones = Zones(given.zone, columns.zones, unsure=columns.zone_of_day)
        if columns.has_zone:
            # Some cell has the zone, unless that is what is missing.
            zones = Zones("", columns.zones, found)
        if columns.has_port:
            seen = replace(seen, numbers=frozenset())
    one_of_several = columns is not None and columns.has_other_end
    yield from _sightings(number, seen, times_of(line, zones, given.now, line), _protocol(text), one_of_several)


def _sightings(
    number: int, seen: Connection, times: Sequence[Time], protocol: str, one_of_several: bool = False
) -> Iterator[Sighting]:
    """Give every address of a line with every time of it. one_of_several: an address without an end may be either."""
    if len(seen.ends) > MOST_ON_A_LINE or len(times) > MOST_ON_A_LINE:
        raise _refusal("line", f"This line has more than {MOST_ON_A_LINE} addresses or times: this is no log.", number)
    several = one_of_several or seen.has_source or len(seen.ends) > 1
    for address, end in seen.ends.items():
        of_address = {"ADDRESS_OTHER_END"} if end is End.OTHER else set()
        if end is End.UNSAID and several:
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
                seen.ports[address],
                seen.numbers,
                frozenset(of_address | ({"TIME_ONE_OF_SEVERAL"} if in_doubt(time, times) else set())),
                protocol,
            )


def _protocol(text: str) -> str:
    """Give the transport protocol that a text names; "" for none, and for both."""
    words = [match[1] or match[2] or match[3] or match[4] for match in _PROTOCOL.finditer(without_paths(text))]
    found = {_PROTOCOL_NAMES.get(word, word.lower()) for word in words}
    return found.pop() if len(found) == 1 else ""


def _refusal(code: str, message: str, line: int | None = None) -> InputError:
    return InputError([Problem(f"evidence.{code}", _FIELD, message, line)])

"""Read the times of a line of evidence, each in the zone that is said for it. Pure; no time and no zone is guessed.

A time that may be in one of two zones has two readings, and each puts the other in doubt. Not here: which cell of a
table is a time or a zone (`evidence_columns`), and how strictly one moment is read (`observation`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.intake.observation import Instant, ObservationError, parse_instant

# Times of a line that are no farther apart say the same moment: every question is asked with that much tolerance.
_SAME_MOMENT = timedelta(minutes=1)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Names that follow a time in logs; words such as INFO or GET do too and are none.
ZONE_NAMES = (
    "UTC|utc|GMT|WET|WEST|CET|CEST|MEZ|MESZ|EET|EEST|MSK|IST|BST|AST|ADT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|JST|KST|HKT"
    "|SGT|AEST|AEDT"
)
AREA = "(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)/[A-Za-z_/+-]+[0-9]*"
# Hours of an offset that are no number: those have no plus and no zero before them, but -10 may be one.
_NO_NUMBER = r"(?:[+-]0[0-9]|\+1[0-4])"
_ZONE = (
    rf"[Zz](?![A-Za-z])| ?[+-][0-9]{{2}}:?[0-9]{{2}}(?![0-9:])|[+-][0-9]{{2}}(?![0-9:])| {_NO_NUMBER}(?![\w:.])"
    rf"| ?[\[(]?{AREA}[\])]?| ?[\[(]?(?:{ZONE_NAMES})(?: ?[+-][0-9]{{1,2}}(?::?[0-9]{{2}})?(?![0-9]))?(?![A-Za-z])"
)
_HALF = r"[AaPp](?:\.\s?)?[Mm](?![A-Za-z])"
_STAMP = re.compile(
    # Year first, or the month by its name: only these two orders read in one way.
    rf"(?<![0-9])(?:(?P<iso>[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}})(?:[T ]|\"?[,;\t]\"?)"
    rf"|(?P<day>[0-9]{{1,2}})[ /-](?P<month>{'|'.join(_MONTHS)})[ /-](?P<year>[0-9]{{4}})[: ])"
    # What stands after a comma may be the next cell; before a zone it is a fraction.
    rf"(?P<clock>[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,9}}|,[0-9]{{1,9}}(?={_ZONE}|\s{{0,3}}{_HALF}))?)?)(?![0-9:])"
    rf"(?P<zone>{_ZONE})?(?P<half>\s{{0,3}}{_HALF})?"
)
# Days as numbers, or without a year: which is the day and which the month is not said, or not which year.
_UNCLEAR = re.compile(
    rf"(?<![0-9])[0-9]{{1,2}}[./-][0-9]{{1,2}}[./-][0-9]{{2,4}}[T ,;\t]+[0-9]{{1,2}}:[0-9]{{2}}"
    rf"|\b(?:{'|'.join(_MONTHS)}) {{1,2}}[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}"
)
# A zone in a cell of its own, and what may be one.
_ZONE_CELL = re.compile(
    rf"(?:^|[,;\t]) {{0,3}}\"?(?:({AREA}|{ZONE_NAMES}|Z|[+-][0-9]{{2}}:[0-9]{{2}}"
    rf"|{_NO_NUMBER}(?:[0-5][0-9])?)|(-1[0-4](?:[0-5][0-9])?))\"? {{0,3}}(?=[,;\t]|$)"
)
_HALF_CELL = re.compile(rf"(?:^|[,;\t]) {{0,3}}\"?{_HALF}\.?\"? {{0,3}}(?=[,;\t]|$)")
_OFFSET = re.compile(r"([+-])(?:([0-9]{1,2})|([0-9]{1,2}):([0-9]{2})|([0-9]{2})([0-9]{2}))")


@dataclass(frozen=True, slots=True)
class Time:
    """One reading of one time: the instant and how it was written, or why it cannot be read.

    own: it was read in a zone that it says itself, or its table.
    """

    instant: Instant | None
    written: str
    defect: str
    own: bool = True


@dataclass(frozen=True, slots=True)
class Zones:
    """What says the zone of times, each as it is written there.

    file: by whoever sent the file ("": nobody), for times of which nothing else says it. said: by the header or a cell
    of a table. found: by cells that look like zones, where no header says so; only for times that say none.
    unsure: `file` is another reading, since what is said or found may mean something else.
    """

    file: str
    said: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    unsure: bool = False

    def of(self, own: str) -> list[str]:
        """All zones that a time may be in. own: the one it says itself, or ""."""
        zones = [own, *self.said] if own else [*self.said, *self.found]
        if not zones or (self.unsure and not own):
            zones.append(self.file)
        return zones


def zones_in_cells(line: str) -> tuple[tuple[str, ...], bool]:
    """Find the cells of a line that look like zones, and say whether one of them may be something else."""
    cells = _ZONE_CELL.findall(line)
    return tuple(sure or unsure for sure, unsure in cells), any(unsure for _, unsure in cells)


def says_moment(text: str) -> bool:
    return _STAMP.search(text) is not None


def without_times(text: str) -> str:
    """Blank what is read as a time: a clock must not be taken for an address or a port."""
    return _STAMP.sub(lambda match: " " * len(match[0]), text)


def times_of(text: str, zones: Zones, now: datetime, line: str) -> list[Time]:
    """Read all times of a text, at least one entry: of none, why.

    line: the whole line, of which another cell may say that its clock is one of twelve hours.
    """
    halves = _HALF_CELL.search(line) is not None
    found = [time for stamp in _STAMP.finditer(text) for time in _readings(stamp, zones, now, halves)]
    unclear = _UNCLEAR.search(without_times(text)) is not None
    return found or [Time(None, "", "TIME_FORMAT" if unclear else "TIME_MISSING")]


def in_doubt(time: Time, times: Iterable[Time]) -> bool:
    """Tell whether another time of the line may be the one that is meant.

    A time that says its own zone is not put in doubt by one that was read in the zone somebody gave for the file.
    """
    return any(_contradicts(other, time) for other in times)


def _contradicts(other: Time, time: Time) -> bool:
    if time.instant is None or other.instant is None or (time.own and not other.own):
        return False
    units = timedelta(seconds=float(time.instant.unit + other.instant.unit))
    return abs(other.instant.value - time.instant.value) > _SAME_MOMENT + units


def _readings(stamp: re.Match[str], zones: Zones, now: datetime, halves: bool) -> Sequence[Time]:
    clock = stamp["clock"]
    if stamp["half"] or len(clock) > 15 or (halves and 1 <= int(clock[:2]) <= 12):
        # Twelve hours with or without their half of the day: which line has which clock is never guessed.
        return [Time(None, "", "TIME_FORMAT")]
    day = stamp["iso"]
    if day is None:
        day = f"{stamp['year']}-{_MONTHS.index(stamp['month']) + 1:02}-{int(stamp['day']):02}"
    written = f"{day.replace('/', '-')}T{clock.replace(',', '.')}"
    own = _suffix(stamp["zone"] or "")
    sure = bool(own) or (bool(zones.said or zones.found) and not zones.unsure)
    found: dict[datetime, Time] = {}
    for zone in zones.of(own):
        try:
            instant = parse_instant(written + _suffix(zone), now)
        except ObservationError as error:
            if own and found:
                # It has been read in its own zone, and needs no other.
                continue
            of_zone = error.code == "TIME_FORMAT" and not _defect(written, now)
            return [Time(None, "", "ZONE_UNKNOWN" if of_zone else error.code)]
        found.setdefault(instant.value, Time(instant, written, "", sure))
    return list(found.values())


def _defect(written: str, now: datetime) -> str:
    """Give what is wrong with a local time whatever its zone, "" if nothing."""
    try:
        parse_instant(f"{written}Z", now)
    except ObservationError as error:
        return "" if error.code == "TIME_FUTURE" else error.code
    return ""


def _suffix(zone: str) -> str:
    """Write a zone as it follows a time that `parse_instant` reads; what is no zone becomes something it refuses."""
    zone = zone.strip(" []()")
    if zone.upper() in ("Z", "UTC"):
        return "Z"
    if match := _OFFSET.fullmatch(zone):
        hours = match[2] or match[3] or match[5]
        return f"{match[1]}{hours:0>2}:{match[4] or match[6] or '00'}"
    return zone if zone[:1] in ("+", "-", "") else f" {zone}"

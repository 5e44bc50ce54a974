"""Compare what was typed with the evidence for it, before anybody decides. Pure: values in, findings out.

People who ask for the wrong day, the wrong hour or an address with a digit too few get somebody else's name. A finding
is a question to whoever typed the line. It points to a line of the evidence and proposes no value: the person compares,
and says which of the two is right. Source: attribution.md 3.9, where the documented cases are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address

from broker.errors import InputError, Problem
from broker.intake.evidence_file import Sighting

# Code -> what was found; {line} is a line of the evidence file. Codes are published and never renamed.
FINDINGS: dict[str, str] = {
    "DAY_MONTH_SWAPPED": "Line {line} of the evidence has this address at this time of day, day and month exchanged.",
    "YEAR_OFF_BY_ONE": "Line {line} of the evidence has this address on this day and time, one year apart.",
    "DAY_OFF": "Line {line} of the evidence has this address at this time of day, but on another day.",
    "TWELVE_HOURS_OFF": "Line {line} of the evidence has this address exactly twelve hours apart, as when a clock of "
    "twelve hours is read as one of twenty-four.",
    "HOUR_OFF_BY_ZONE": "Line {line} of the evidence has this address, but apart by hours as a time zone or the change "
    "to or from summer time would put it.",
    "DIGITS_TRANSPOSED": "Line {line} of the evidence differs from this in two neighbouring digits that are exchanged.",
    "DIGIT_MISSING": "Line {line} of the evidence has an address at this moment with one character more than this one.",
    "DIGIT_ADDED": "Line {line} of the evidence has an address at this moment with one character less than this one.",
    "DIGIT_DIFFERS": "Line {line} of the evidence differs from this in one digit.",
    "GROUPS_TRANSPOSED": "Line {line} of the evidence has an address at this moment with two neighbouring groups of "
    "this one exchanged.",
    "PORT_DIFFERS": "Line {line} of the evidence has this address at this moment, but not this source port.",
    "PORT_LEFT_OUT": "Line {line} of the evidence has this address at this moment with a source port; none was typed.",
    "PROTOCOL_DIFFERS": "Line {line} of the evidence has this address at this moment, but with the other transport "
    "protocol.",
    "ADDRESS_DIFFERS": "Line {line} of the evidence has this moment and this source port with another address.",
    "ADDRESS_OTHER_END": "Line {line} of the evidence has this address as the other end of the connection: the "
    "destination or the server, not the source.",
    "ADDRESS_ONE_OF_SEVERAL": "Line {line} of the evidence has this address beside others and does not say which of "
    "them is the source. A table with a header that names its columns says it for all lines.",
    "TIME_ONE_OF_SEVERAL": "Line {line} of the evidence has this moment beside others and does not say at which of "
    "them the address was seen, or in which zone. A table with a header that names its columns says it for all lines.",
    "ZONE_MISSING_IN_EVIDENCE": "Line {line} of the evidence has this address, but its time does not say its zone.",
    "ZONE_AMBIGUOUS_IN_EVIDENCE": "Line {line} of the evidence has this address, but the zone of its time has several "
    "meanings.",
    "DST_FOLD_IN_EVIDENCE": "Line {line} of the evidence has this address at a local time that happened twice when the "
    "clocks were put back.",
    "TIME_FORMAT_IN_EVIDENCE": "Line {line} of the evidence has this address, but its time reads in more than one way: "
    "twelve hours, or day and month as numbers.",
    "TIME_UNREADABLE_IN_EVIDENCE": "Line {line} of the evidence has this address, but no time that can be read.",
    "TIME_NOT_IN_EVIDENCE": "The evidence has this address (line {line}), but not at this moment.",
    "NOT_IN_EVIDENCE": "The evidence has no line with this address.",
    "ORDER_BEFORE_EVENT": "By its date an order for this request was made before this moment, in the court's time.",
    "ADDRESS_NOT_OURS": "This address lies outside the ranges that the operator says are its own.",
}
_ORDER = {code: place for place, code in enumerate(FINDINGS)}
_DEFECTS = {code: f"{code}_IN_EVIDENCE" for code in ("ZONE_MISSING", "ZONE_AMBIGUOUS", "DST_FOLD", "TIME_FORMAT")}

_MINUTE = timedelta(minutes=1)
_QUARTER = timedelta(minutes=15)
_FARTHEST_ZONE = timedelta(hours=14)
# How many pairs are looked at closely for one file. Beyond it the question is put all the same, with a plainer code.
_MOST_COMPARED = 100_000
# How many lines are looked at because they have the address and the minute; nothing can stand in for these.
_MOST_AT_MOMENT = 2_000_000


@dataclass(frozen=True, slots=True)
class Typed:
    """One line as typed. local: its time as written, without zone. unit: how finely it was written.

    protocol: `tcp`, `udp`, or "" if none was typed.
    """

    number: int
    address: str
    source_port: int | None
    at: datetime
    local: datetime
    unit: timedelta
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about one line. evidence_line: where to look; None where there is nothing to look at."""

    number: int
    code: str
    evidence_line: int | None

    @property
    def says(self) -> str:
        return sentence(self.code, self.evidence_line)


def sentence(code: str, evidence_line: int | str | None) -> str:
    """Say in words what was found where; a letter for the line says it in general."""
    return FINDINGS[code].format(line=evidence_line)


def compare(lines: Iterable[Typed], evidence: Sequence[Sighting]) -> list[Finding]:
    """Find what in the evidence speaks against each line; a line that stands in it is not questioned.

    A line whose address or moment is not there gets one question, which names the slip most particularly; one that is
    there gets a question for each thing that differs or is left open.

    1. The address at the moment: the port can be wrong, or which address and which time of its line was typed.
    2. The address at other times: how do they differ? 3. Another address at the moment: is it this one mistyped?
    """
    seen = _Index(evidence)
    found = []
    for typed in lines:
        if typed.address not in seen.by_address:
            found.append(_about_address(typed, seen))  # 3.
        elif here := seen.of_both(typed):
            found += _about_line(typed, here)  # 1.
        else:
            found.append(_about_time(typed, seen))  # 2.
    return found


def outside(lines: Iterable[Typed], own: Sequence[IPv4Network | IPv6Network]) -> list[Finding]:
    """Question addresses outside the operator's own ranges; of no ranges, nothing is asked."""
    if not own:
        return []
    return [
        Finding(typed.number, "ADDRESS_NOT_OURS", None)
        for typed in lines
        if not any(ip_address(typed.address) in network for network in own)
    ]


class _Index:
    """The evidence by address and by minute, and how much of it may still be looked at."""

    def __init__(self, evidence: Sequence[Sighting]) -> None:
        self.by_address: dict[str, list[Sighting]] = defaultdict(list)
        self._by_minute: dict[datetime, list[Sighting]] = defaultdict(list)
        self._by_both: dict[tuple[str, datetime], list[Sighting]] = defaultdict(list)
        self._left, self._left_at_moment = _MOST_COMPARED, _MOST_AT_MOMENT
        for sighting in evidence:
            self.by_address[sighting.address].append(sighting)
            if sighting.at is not None:
                for minute in _minutes(sighting.at, sighting.unit):
                    self._by_minute[minute].append(sighting)
                    self._by_both[sighting.address, minute].append(sighting)

    def of_both(self, typed: Typed) -> list[Sighting]:
        """What was seen of the address of a line at its moment, as finely as both were written."""
        rows = [
            row for minute in _minutes(typed.at, typed.unit) for row in self._by_both.get((typed.address, minute), ())
        ]
        self._left_at_moment -= len(rows)
        if self._left_at_moment < 0:
            message = "The file has too many lines about the same address and minute. Send the lines that matter."
            raise InputError([Problem("evidence.too-many", "evidence_file", message)])
        return [row for row in rows if _at_moment(typed, row)]

    def of_moment(self, typed: Typed) -> Iterator[Sighting]:
        """What was seen at the moment of a line, as long as there is room to look."""
        for minute in _minutes(typed.at, typed.unit):
            yield from (row for row in self.closely(self._by_minute.get(minute, ())) if _at_moment(typed, row))

    def closely(self, sightings: Iterable[Sighting]) -> Iterator[Sighting]:
        for sighting in sightings:
            if self._left <= 0:
                return
            self._left -= 1
            yield sighting


def _at_moment(typed: Typed, sighting: Sighting) -> bool:
    return sighting.at is not None and _meet(typed.at, typed.unit, sighting.at, sighting.unit)


def _minutes(at: datetime, unit: timedelta) -> Iterator[datetime]:
    minute = at.replace(second=0, microsecond=0)
    while minute < at + unit:
        yield minute
        minute += _MINUTE


def _meet(at: datetime, unit: timedelta, other: datetime, other_unit: timedelta) -> bool:
    return at < other + other_unit and other < at + unit


def _about_line(typed: Typed, here: Sequence[Sighting]) -> Iterator[Finding]:
    wrong_port = _about_port(typed, here)
    if wrong_port is not None:
        yield wrong_port
    elif typed.source_port is not None:
        here = [s for s in here if _has_port(s, typed.source_port)]
    if typed.protocol and all(s.protocol and s.protocol != typed.protocol for s in here):
        yield Finding(typed.number, "PROTOCOL_DIFFERS", here[0].line)
    here = [s for s in here if s.protocol in ("", typed.protocol)] or here
    # One line that leaves nothing open is enough.
    clearest = min(here, key=lambda s: len(s.doubts))
    for doubt in sorted(clearest.doubts):
        yield Finding(typed.number, doubt, clearest.line)


def _has_port(sighting: Sighting, port: int) -> bool:
    return port in (sighting.ports or sighting.numbers)


def _about_port(typed: Typed, here: Sequence[Sighting]) -> Finding | None:
    if typed.source_port is None:
        with_port = [s for s in here if s.ports]
        return Finding(typed.number, "PORT_LEFT_OUT", with_port[0].line) if len(with_port) == len(here) else None
    if any(_has_port(s, typed.source_port) for s in here):
        return None
    return Finding(typed.number, "PORT_DIFFERS", here[0].line)


def _about_time(typed: Typed, seen: _Index) -> Finding:
    of_address = seen.by_address[typed.address]
    fallback = Finding(typed.number, "TIME_NOT_IN_EVIDENCE", of_address[0].line)
    found = [Finding(typed.number, _time_slip(typed, s), s.line) for s in seen.closely(of_address)]
    return min(found, key=lambda f: _ORDER[f.code], default=fallback)


def _time_slip(typed: Typed, sighting: Sighting) -> str:
    if sighting.at is None or sighting.local is None:
        return _DEFECTS.get(sighting.defect, "TIME_UNREADABLE_IN_EVIDENCE")
    # A line may be typed in the zone of the log or in another one, so both readings of the log are compared.
    offset = typed.local - typed.at.astimezone(UTC).replace(tzinfo=None)
    here = sighting.at.astimezone(UTC).replace(tzinfo=None) + offset
    readings = (sighting.local, here)
    slips = [_day_slip(typed, local, sighting.unit) for local in readings]
    slips.append(_hour_slip(typed, sighting.at, sighting.unit))
    written = _digits(typed.local, typed.unit, sighting.unit)
    slips += [_digit_slip(written, _digits(local, typed.unit, sighting.unit)) for local in readings]
    return min((slip for slip in slips if slip), key=_ORDER.__getitem__, default="TIME_NOT_IN_EVIDENCE")


def _day_slip(typed: Typed, local: datetime, unit: timedelta) -> str:
    days = local.date() - typed.local.date()
    if not days or not _meet(typed.local, typed.unit, local - days, unit):
        return ""
    if (local.day, local.month, local.year) == (typed.local.month, typed.local.day, typed.local.year):
        return "DAY_MONTH_SWAPPED"
    same_day = (local.day, local.month) == (typed.local.day, typed.local.month)
    return "YEAR_OFF_BY_ONE" if same_day and abs(local.year - typed.local.year) == 1 else "DAY_OFF"


def _hour_slip(typed: Typed, at: datetime, unit: timedelta) -> str:
    apart = round((at - typed.at) / _QUARTER) * _QUARTER
    if not apart or abs(apart) > _FARTHEST_ZONE or not _meet(typed.at + apart, typed.unit, at, unit):
        return ""
    return "TWELVE_HOURS_OFF" if abs(apart) == timedelta(hours=12) else "HOUR_OFF_BY_ZONE"


def _digits(local: datetime, unit: timedelta, other: timedelta) -> str:
    return f"{local:%Y%m%d%H%M}" if max(unit, other) >= _MINUTE else f"{local:%Y%m%d%H%M%S}"


def _digit_slip(typed: str, seen: str) -> str:
    """Say how one text becomes another by one slip of the hand; "" if it takes more."""
    if len(typed) == len(seen):
        differ = [i for i, (one, other) in enumerate(zip(typed, seen, strict=True)) if one != other]
        if len(differ) == 1:
            return "DIGIT_DIFFERS"
        neighbours = len(differ) == 2 and differ[1] == differ[0] + 1
        swapped = neighbours and (typed[differ[0]], typed[differ[1]]) == (seen[differ[1]], seen[differ[0]])
        return "DIGITS_TRANSPOSED" if swapped else ""
    if abs(len(typed) - len(seen)) != 1:
        return ""
    short, long = sorted((typed, seen), key=len)
    start = next((i for i, (one, other) in enumerate(zip(short, long, strict=False)) if one != other), len(short))
    if short[start:] != long[start + 1 :]:
        return ""
    return "DIGIT_MISSING" if len(typed) < len(seen) else "DIGIT_ADDED"


def _address_slip(typed: str, seen: str) -> str:
    """Say how one address becomes another by one slip of the hand, however zeros are left out; "" if it takes more."""
    one, other = ip_address(typed), ip_address(seen)
    slips = [_digit_slip(typed, seen)]
    if one.version == other.version:
        short = [re.split("[.:]", text) for text in (typed, seen)]
        if [len(group) for group in short[0]] == [len(group) for group in short[1]]:
            slips.append(_digit_slip(*("".join(groups) for groups in short)))
        mark = "." if one.version == 4 else ":"
        full = [address.exploded.split(mark) for address in (one, other)]
        if one.version == 6:
            slips.append(_digit_slip(*("".join(groups) for groups in full)))
        swapped = [i for i, (a, b) in enumerate(zip(*full, strict=True)) if a != b]
        if len(swapped) == 2 and swapped[1] == swapped[0] + 1:
            i, j = swapped
            if (full[0][i], full[0][j]) == (full[1][j], full[1][i]):
                slips.append("GROUPS_TRANSPOSED")
    return min((slip for slip in slips if slip), key=_ORDER.__getitem__, default="")


def _about_address(typed: Typed, seen: _Index) -> Finding:
    found = [Finding(typed.number, "NOT_IN_EVIDENCE", None)]
    for sighting in seen.of_moment(typed):
        slip = _address_slip(typed.address, sighting.address)
        if not slip and typed.source_port is not None and typed.source_port in sighting.ports:
            slip = "ADDRESS_DIFFERS"
        if slip:
            found.append(Finding(typed.number, slip, sighting.line))
    return min(found, key=lambda finding: _ORDER[finding.code])

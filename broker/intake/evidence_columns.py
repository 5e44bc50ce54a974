"""Know the columns of a table of evidence by their names. Pure; a name that could be two things is none.

A header counts if it names exactly one column of addresses, one or two of the time, and no role twice; otherwise the
file is read as a log, line by line. Names say which cell is what and never how a cell is read: the order of day and
month is not taken from them. Not here: how a time, a zone or an address is read (`evidence_times`, `evidence_ends`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from broker.intake.evidence_ends import (
    ENDS_OF_SOURCE,
    NAMES_OF_SOURCE,
    PORTS_OF_OTHER,
    PORTS_OF_SOURCE,
    End,
    end_named,
)
from broker.intake.evidence_times import AREA, ZONE_NAMES


class _Role(Enum):
    ADDRESS = "address"
    PORT = "port"
    MOMENT = "moment"
    DAY = "day"
    UTC = "utc"
    ZONE = "zone"
    PROTOCOL = "protocol"


_NAMES = {
    _Role.ADDRESS: f"address ip ip_address ipaddress ip_addr public_ip {NAMES_OF_SOURCE}",
    _Role.PORT: f"port {' '.join(PORTS_OF_SOURCE)}",
    _Role.MOMENT: "time timestamp time_stamp datetime date_time observed_at seen_at logged_at event_time clock ts",
    _Role.DAY: "date day",
    _Role.UTC: "utc",
    _Role.ZONE: "zone timezone time_zone tz offset utc_offset",
    _Role.PROTOCOL: "protocol proto ip_protocol transport transport_protocol l4_protocol",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
# Names of the address that may mean something else: a `source` may also be a sensor.
_DOUBTFUL = frozenset(ENDS_OF_SOURCE.split())
# A name may say the zone of the times below it: `time_utc`, `Timestamp (UTC)`, `Time [Europe/Madrid]`.
_ZONED = re.compile(
    rf"(?P<name>.*?)[\W_]+(?P<zone>(?:{AREA}|{ZONE_NAMES})(?: ?[+-][0-9:]{{1,5}})?)[\W_]*", re.IGNORECASE
)
# Names are shorter; a file may be anything.
_LONGEST_NAME = 80
_ADDRESS_CELL = re.compile(r"\[?[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+\]?(?::[0-9]+)?")
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """What the cells of one row say, "" where a cell is empty or its column missing.

    time: day and moment. utc: what stands under the name `utc` beside them, a second moment or an offset. other: the
    cells without a role, in which a number may be a port; "" where the table says which column has the port.
    """

    time: str
    utc: str
    zone: str
    address: str
    port: str
    protocol: str
    other: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A table: what parts its cells, how many a row has, and which cell has which role.

    others: the cells without a role in which a number may be a port. zones: those that the header gives the times.
    zone_of_day: it gives one to the day and none to the time beside it. has_port: a column has ports, of whichever end.
    has_other_end: a column has the other end. doubtful: the column of addresses may be something else by its name.
    """

    delimiter: str
    count: int
    cells: dict[_Role, int]
    others: tuple[int, ...]
    zones: tuple[str, ...]
    zone_of_day: bool
    has_port: bool
    has_other_end: bool
    doubtful: bool

    @property
    def has_zone(self) -> bool:
        return _Role.ZONE in self.cells or _Role.UTC in self.cells

    def row(self, line: str) -> Row | None:
        """Take one row apart; None if it has not the shape of the table."""
        cells = _cells(line, self.delimiter)
        if len(cells) != self.count:
            return None

        def cell(role: _Role) -> str:
            return cells[self.cells[role]].strip() if role in self.cells else ""

        address = cell(_Role.ADDRESS)
        if self.doubtful and address and not _ADDRESS_CELL.fullmatch(address):
            return None
        return Row(
            time=f"{cell(_Role.DAY)} {cell(_Role.MOMENT)}".strip(),
            utc=cell(_Role.UTC),
            zone=cell(_Role.ZONE),
            address=address,
            port=cell(_Role.PORT),
            protocol=cell(_Role.PROTOCOL),
            other=" ".join(cells[place] for place in self.others),
        )


def columns_of(line: str) -> Columns | None:
    """Read the first line of a file as the header of a table; None if it is none that says which column is which."""
    for delimiter in _DELIMITERS:
        header = _cells(line, delimiter)
        if len(header) > 1:
            columns = _columns(delimiter, header)
            if columns is not None:
                return columns
    return None


def _columns(delimiter: str, header: Sequence[str]) -> Columns | None:
    # 1. The names, and the zones that they end with. 2. The roles: none twice, and none missing.
    names, zones = zip(*(_name_and_zone(cell.strip()) for cell in header), strict=True)
    has_other_end = any(end_named(name) is End.OTHER and name not in PORTS_OF_OTHER for name in names)
    roles = _roles(names, has_other_end)
    cells = {role: place for place, role in roles.items()}
    if len(cells) < len(roles) or _Role.ADDRESS not in cells or not cells.keys() & {_Role.MOMENT, _Role.DAY}:
        return None
    # 3. What follows for the rows.
    of_time = {role: zones[place] for role, place in cells.items() if role in (_Role.MOMENT, _Role.DAY)}
    knows_port = "port" in names or _Role.PORT in cells
    return Columns(
        delimiter,
        len(names),
        cells,
        others=tuple(
            place
            for place, name in enumerate(names)
            if not knows_port and place not in roles and end_named(name) is not End.OTHER
        ),
        zones=tuple(zone for zone in of_time.values() if zone),
        zone_of_day=bool(of_time.get(_Role.DAY)) and of_time.get(_Role.MOMENT) == "",
        has_port=knows_port or not PORTS_OF_OTHER.isdisjoint(names),
        has_other_end=has_other_end,
        doubtful=names[cells[_Role.ADDRESS]] in _DOUBTFUL,
    )


def _name_and_zone(cell: str) -> tuple[str, str]:
    """Take apart a cell of a header: its name in small letters, joined by `_`, and the zone of its times, or ""."""
    name = _plain(cell)
    if name == "utc":
        return name, "Z"
    match = _ZONED.fullmatch(cell[:_LONGEST_NAME])
    if match and _ROLES.get(_plain(match["name"])) in (_Role.MOMENT, _Role.DAY):
        return _plain(match["name"]), "Z" if match["zone"].upper() in ("UTC", "GMT") else match["zone"]
    return name, ""


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _roles(names: Sequence[str], has_other_end: bool) -> dict[int, _Role]:
    """Give columns their roles; a name that may mean something else has none where another column says it better."""
    roles = {place: _ROLES[name] for place, name in enumerate(names) if name in _ROLES}
    if _Role.MOMENT not in roles.values():
        # Beside a time, `utc` may be its offset.
        roles = {place: _Role.MOMENT if role is _Role.UTC else role for place, role in roles.items()}
    addresses = [place for place, role in roles.items() if role is _Role.ADDRESS]
    doubtful = [place for place in addresses if names[place] in _DOUBTFUL]
    if len(doubtful) < len(addresses):
        roles = {place: role for place, role in roles.items() if place not in doubtful}
    if has_other_end:
        # Beside two ends, a `port` is that of the one it follows.
        ends = [End.SOURCE if place in addresses else end_named(name) for place, name in enumerate(names)]
        for place in [place for place in roles if names[place] == "port"]:
            before = [end for end in ends[:place] if end is not End.UNSAID]
            if before[-1:] != [End.SOURCE]:
                del roles[place]
    return roles


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return rows[0] if len(rows) == 1 else []

"""Know the columns of a table of evidence by their names. Pure; a name that could be two things is none.

A header counts if it names exactly one column of addresses, one or two of the time, and no role twice; otherwise the
file is read as a log, line by line. Names say which cell is what and never how a cell is read: the order of day and
month is not taken from them. Not here: how a time or an address is read (`evidence_file`).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from enum import Enum


class _Role(Enum):
    ADDRESS = "address"
    PORT = "port"
    MOMENT = "moment"
    DAY = "day"
    ZONE = "zone"
    PROTOCOL = "protocol"


_ENDS = "client source src remote peer"
# Names of whoever was seen; those of the other end (destination, server, local) have no role.
NAMES_OF_SOURCE = (
    f"{_ENDS} src_ip source_ip src_address source_address src_addr saddr client_ip client_address remote_ip "
    "remote_addr remote_address peer_ip peer_address c_ip user_ip"
)
_NAMES = {
    _Role.ADDRESS: f"address ip ip_address ipaddress ip_addr public_ip {NAMES_OF_SOURCE}",
    _Role.PORT: "port source_port src_port sport spt client_port remote_port peer_port c_port user_port",
    _Role.MOMENT: "time timestamp time_stamp datetime date_time observed_at seen_at logged_at event_time clock ts",
    _Role.DAY: "date day",
    _Role.ZONE: "zone timezone time_zone tz offset utc_offset",
    _Role.PROTOCOL: "protocol proto ip_protocol transport transport_protocol l4_protocol",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()} | {"utc": _Role.MOMENT}
# Names that count where no other column has their role: a `source` may also be a sensor, and `utc` an offset.
_IF_ALONE = frozenset(f"{_ENDS} utc".split())
# A name may say that the times below it are in UTC: `time_utc`, `Timestamp (UTC)`.
_UTC = re.compile(r"_(?:utc|gmt)$")
_ADDRESS_CELL = re.compile(r"\[?[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+\]?(?::[0-9]+)?")
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Row:
    """What the cells of one row say: words with its time, zone and address, and apart from them port and protocol.

    knows_port: the table has a column of ports, so that no other number of the row is one. suffix: the zone that the
    header gives to times which give none; "" if it gives none.
    """

    words: str
    ports: list[str]
    knows_port: bool
    suffix: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A table: what parts its cells, how many a row has, and which cell has which role.

    suffix: the zone of its times by their name. doubtful: the name of the column of addresses may mean something else.
    """

    delimiter: str
    count: int
    cells: dict[_Role, int]
    suffix: str
    doubtful: bool

    def row(self, line: str) -> Row | None:
        """Take one row apart; None if it has not the shape of the table."""
        cells = _cells(line, self.delimiter)
        if len(cells) != self.count:
            return None
        address = cells[self.cells[_Role.ADDRESS]].strip()
        if self.doubtful and address and not _ADDRESS_CELL.fullmatch(address):
            return None

        def cell(role: _Role) -> str:
            return cells[self.cells[role]].strip() if role in self.cells else ""

        time = f"{cell(_Role.DAY)} {cell(_Role.MOMENT)}".strip()
        port = cell(_Role.PORT)
        return Row(
            # Zone and address keep cells of their own, as the reading of a line expects them.
            words=",".join((time, cell(_Role.ZONE), cell(_Role.ADDRESS))),
            ports=[port] if re.fullmatch(r"[1-9][0-9]{0,4}", port) else [],
            knows_port=_Role.PORT in self.cells,
            suffix=self.suffix,
            protocol=cell(_Role.PROTOCOL),
        )


def columns_of(line: str) -> Columns | None:
    """Read the first line of a file as the header of a table; None if it is none that says which column is which."""
    for delimiter in _DELIMITERS:
        names = [re.sub(r"[^a-z0-9]+", "_", cell.strip().lower()).strip("_") for cell in _cells(line, delimiter)]
        cells: dict[_Role, int] = {}
        for place, name in sorted(enumerate(names), key=lambda each: each[1] in _IF_ALONE):
            role = _ROLES.get(name) or _ROLES.get(_UTC.sub("", name))
            if role is None or (role in cells and name in _IF_ALONE and names[cells[role]] not in _IF_ALONE):
                continue
            if role in cells:
                return None
            cells[role] = place
        moment = names[cells[_Role.MOMENT]] if _Role.MOMENT in cells else ""
        suffix = "Z" if moment == "utc" or (moment and moment not in _ROLES) else ""
        if len(names) > 1 and _Role.ADDRESS in cells and (_Role.MOMENT in cells or _Role.DAY in cells):
            return Columns(delimiter, len(names), cells, suffix, names[cells[_Role.ADDRESS]] in _IF_ALONE)
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return rows[0] if len(rows) == 1 else []

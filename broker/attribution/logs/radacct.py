"""Read an export of FreeRADIUS' table radacct, made by PostgreSQL: `COPY radacct TO ... CSV HEADER`.

The table is `DERIVED`: a state that every packet overwrites, not a history. What it cannot say any more:

- an address that changed inside a session has left no trace: the row shows the last one only;
- if the Start was lost, the session began before `acctstarttime`; its own count of seconds tells;
- sessions of a device that restarted are closed at the restart, whenever their holders left.

Take the detail files instead where there are any. The rows are in no order of time.
Source of the shape: FreeRADIUS, raddb/mods-config/sql/main/postgresql (schema.sql, queries.conf); PostgreSQL, COPY.
Checked on 2026-11-28 against that schema.sql: the columns, and that stamps have a zone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any, BinaryIO

from broker.attribution.logs import text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError
from broker.attribution.spans import FOREVER

# The column that names the holder, and the kind of its identity; the same kinds as in a detail file.
HOLDERS = {"username": "user", "callingstationid": "calling"}

_NEEDED = ("acctuniqueid", "nasipaddress", "acctstarttime", "acctstoptime", "framedipaddress")
_RESTART = ("NAS-Reboot",)
# Somebody else than the user ended the session, and when is known only from what the device told before.
_UNCERTAIN = ("Lost-Carrier", "Lost-Service", "Admin-Reset", "Admin-Reboot", "Port-Error", "NAS-Error")


class Radacct:
    """One export. holder: the column that identifies the line. zone: that of stamps without offset."""

    DERIVED = True

    def __init__(self, holder: str = "username", zone: tzinfo | None = None) -> None:
        self._holder, self._kind, self._zone = holder, HOLDERS[holder], zone
        self._columns: list[str] | None = None
        self._lost = False

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Split into rows: a line end inside quotes belongs to the value."""
        return text.grouped(stream, offset, _Quotes)

    def state(self) -> dict[str, Any]:
        return {"columns": self._columns, "lost": self._lost}

    def restore(self, state: dict[str, Any]) -> None:
        self._columns, self._lost = state["columns"], state["lost"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give what a row shows of each of its addresses, or nothing for the header and a session without address."""
        row = self._fields(record)
        if row is None:
            return ()
        if self._columns is None:
            names = [name.lower() for name in row]
            if not {*_NEEDED, self._holder} <= set(names) or len(set(names)) != len(names):
                raise RecordError("HEADER_UNKNOWN")
            self._columns = names
            return ()
        if len(row) != len(self._columns):
            raise RecordError("RECORD_SYNTAX")
        named = dict(zip(self._columns, row, strict=True))
        try:
            return list(self._row(record.pos, named))
        except RecordError as error:
            raise RecordError(error.code, error.unread or self._time_of(named)) from None

    def _time_of(self, row: dict[str, str]) -> tuple[datetime, datetime] | None:
        """Give the time of a session of which something else cannot be read; None if that is the time."""
        try:
            start, stop, _, unit = self._stamps(row)
        except (RecordError, KeyError):
            return None
        # One that is not over may go on.
        return start, FOREVER if stop is None else max(start, stop) + unit

    def _fields(self, record: RawRecord) -> list[str] | None:
        if not record.complete:
            raise RecordError("RECORD_INCOMPLETE")
        # After a row that is too long nothing tells quoted text from rows: what follows could be made to look right.
        self._lost = self._lost or not record.data.endswith(b"\n") or record.data.count(b'"') % 2 != 0
        if self._lost:
            raise RecordError("RECORD_TOO_LONG")
        if b"\0" in record.data:
            raise RecordError("RECORD_NUL")
        line = record.data.decode("latin-1")
        if not line.strip():
            return None
        try:
            rows = list(csv.reader([line], strict=True))
        except csv.Error:
            raise RecordError("RECORD_SYNTAX") from None
        if len(rows) != 1:
            raise RecordError("RECORD_SYNTAX")
        return rows[0]

    def _row(self, pos: int, row: dict[str, str]) -> Iterator[Event]:
        """1. Read the stamps. 2. Say it of each address. 3. Tell a restart of the device."""
        # 1. The stamps; an empty field is NULL.
        if not row["acctstarttime"]:
            raise RecordError("TIME_FORMAT")
        start, stop, updated, unit = self._stamps(row)
        cause = row.get("acctterminatecause", "")
        restarted, uncertain = cause in _RESTART, cause in _RESTART or cause in _UNCERTAIN
        last = stop if stop is not None and not uncertain else updated
        if stop is not None and stop < start:
            raise RecordError("TIME_ORDER")
        last = start if last is None else max(start, last)
        since = None
        if row.get("acctsessiontime") and last > start:
            since = text.plausible(last - timedelta(seconds=text.number(row["acctsessiontime"], 2**40)))
        device = text.address(row["nasipaddress"])
        addresses = list(_keys(row))
        if addresses and all(key is None for _, key in addresses):
            raise RecordError("ADDRESS_UNUSABLE")
        if addresses and not row[self._holder]:
            raise RecordError("HOLDER_MISSING")
        # 2. The addresses.
        for suffix, key in addresses:
            shown = Event(
                pos,
                Kind.BEGIN,
                start,
                device,
                key,
                holder=text.name(self._kind, row[self._holder].encode("latin-1")),
                session=f"{text.name('', row['acctuniqueid'].encode('latin-1'))[1:]}/{suffix}",
                unit=unit,
            )
            if since is not None and since < start:
                # The Start was lost and an interim stands in its place.
                shown = shown._replace(kind=Kind.ALIVE, since=since)
            yield shown
            if last > start:
                ended = stop is not None and not uncertain
                yield shown._replace(kind=Kind.END if ended else Kind.ALIVE, at=last, since=since)
            elif stop is not None and not uncertain:
                yield shown._replace(kind=Kind.END, at=stop)
        # 3. The restart.
        if restarted and stop is not None:
            yield Event(pos, Kind.RESTART, stop, device, unit=unit)

    def _stamps(self, row: dict[str, str]) -> tuple[datetime, datetime | None, datetime | None, timedelta]:
        """Read start, stop and latest sign of life, and how finely the start is written.

        Raises TIME_FOLD for all the time from the first of them to the last: of a session with a stamp that cannot be
        dated nothing is used.
        """
        read: dict[str, tuple[datetime, timedelta]] = {}
        folded: list[datetime] = []
        for column in ("acctstarttime", "acctstoptime", "acctupdatetime"):
            if not row.get(column):
                continue
            try:
                read[column] = text.stamp(row[column], self._zone)
            except RecordError as error:
                if error.unread is None:
                    raise
                folded += error.unread
        if folded:
            folded += (at for at, _ in read.values())
            raise RecordError("TIME_FOLD", (min(folded), max(folded)))
        start, unit = read["acctstarttime"]
        stop, updated = (read[c][0] if c in read else None for c in ("acctstoptime", "acctupdatetime"))
        return start, stop, updated, unit


class _Quotes:
    """Say of each line whether a row ends with it: outside of quotes, their number so far is even."""

    def __init__(self) -> None:
        self._open = False

    def __call__(self, line: bytes) -> bool:
        self._open ^= line.count(b'"') % 2 != 0
        return not self._open


def _keys(row: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Give the addresses of a row with what each is, None for one that no holder has.

    `inet` shows a length only if it is not the full one. A row of which none is filled in is one without address.
    """
    for column, suffix in (
        ("framedipaddress", "4"),
        ("framedipv6address", "6a"),
        ("framedipv6prefix", "6p"),
        ("delegatedipv6prefix", "6d"),
    ):
        value = row.get(column)
        if value and not text.is_unfilled(value):
            yield suffix, text.usable(text.prefix if "/" in value else text.address, value)

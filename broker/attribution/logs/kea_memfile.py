"""Read the lease file of Kea's memfile backend, lease4 or lease6: a journal in which each row is a lease as it is now.

Source of the shape: Kea, src/lib/dhcpsrv/csv_lease_file4.cc, csv_lease_file6.cc and memfile_lease_mgr.cc. Checked on
2026-11-28: columns of v4 and states 0 to 3 against public readers of the file; tests/flow/test_real_kea.py has Kea
write one where it is installed. State 4 is from memory, unverified. What matters:

- `expire` is the client's last transaction plus `valid_lifetime`, so the last grant is their difference;
- whether a row is the first grant or a renewal is not said, so it shows a holder and no beginning;
- a lifetime of 0 deletes the lease, and its stamp is the last grant: when it was deleted is nowhere. The row says
  nothing then, and the holding stays possible until the expiry it had, or the next holder;
- commas inside a value are written as `&#x2c`, so a row is a line and has no quotes;
- the clean-up (LFC) drops what is out of date: ship the file continuously or use the forensic log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from broker.attribution.logs import relay, text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError
from broker.attribution.spans import FOREVER

_V4 = frozenset({"address", "hwaddr", "client_id", "valid_lifetime", "expire"})
_V6 = frozenset({"address", "duid", "valid_lifetime", "expire", "lease_type", "iaid", "prefix_len"})
_INFINITE = 0xFFFF_FFFF
_ACTIVE, _DECLINED = "0", "1"
# 2 is expired and reclaimed; 3, of later releases, is released by the client.
_GONE = ("2", "3")
# 4, of later releases: an address that a client made itself and only registered (RFC 9686).
_REGISTERED = "4"


class KeaMemfile:
    """One lease file. device: names the server. holder: as for the forensic log; an id of the relay is known only if
    the server keeps it with the lease."""

    def __init__(self, device: str, holder: str) -> None:
        self._device, self._wanted = device, relay.check_wanted(holder)
        self._whole = text.Whole()
        self._columns: list[str] | None = None

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Every line is a record."""
        return text.lines(stream, offset)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside, "columns": self._columns}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside, self._columns = state["inside"], state["columns"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give what a row shows; a deletion and the header, wherever it stands, give none."""
        self._whole.check(record)
        line = record.data.decode("latin-1").rstrip("\r\n")
        if not line:
            return ()
        fields = line.split(",")
        if fields[0] == "address" or self._columns is None:
            self._columns = None
            names = set(fields)
            if not (names >= _V4 or names >= _V6) or len(names) != len(fields):
                raise RecordError("HEADER_UNKNOWN")
            self._columns = fields
            return ()
        if len(fields) != len(self._columns):
            raise RecordError("RECORD_SYNTAX")
        row = dict(zip(self._columns, fields, strict=True))
        try:
            return self._row(record.pos, row)
        except RecordError as error:
            raise RecordError(error.code, _time_of(row)) from None

    def _row(self, pos: int, row: dict[str, str]) -> Sequence[Event]:
        key = text.address(row["address"])
        if "duid" in row and row["lease_type"] == "2":
            key = text.prefix(f"{row['address']}/{row['prefix_len']}")
        elif "duid" in row and row["lease_type"] not in ("0", "1"):
            raise RecordError("RECORD_SYNTAX")
        lifetime, granted, expire = _times(row)
        state = row.get("state", _ACTIVE)
        if state == _DECLINED:
            # Somebody else was found to use the address; the row names nobody any more.
            return (Event(pos, Kind.END, granted, self._device, key),)
        if state not in (_ACTIVE, *_GONE, _REGISTERED):
            raise RecordError("RECORD_SYNTAX")
        client = _client(row)
        ids = relay.from_context(row.get("user_context", "").replace("&#x2c", ","))
        holder, session = relay.holder(self._wanted, ids, client), f"{client}@{key}"
        if lifetime == 0:
            return ()
        event = Event(pos, Kind.END, expire, self._device, key, holder=holder, session=session)
        if state not in _GONE:
            expires_at = None if lifetime == _INFINITE else expire
            event = event._replace(kind=Kind.ALIVE, at=granted, expires_at=expires_at)
        return relay.beside(event, self._wanted, ids)


def _times(row: dict[str, str]) -> tuple[int, datetime, datetime]:
    """Give the lifetime in seconds, the last grant and the expiry."""
    lifetime = text.number(row["valid_lifetime"], _INFINITE)
    expire = text.epoch(row["expire"])
    return lifetime, text.plausible(expire - timedelta(seconds=lifetime)), expire


def _time_of(row: dict[str, str]) -> tuple[datetime, datetime] | None:
    """Give the time of a lease of which something else cannot be read; None if that is the time."""
    try:
        lifetime, granted, expire = _times(row)
    except RecordError:
        return None
    return granted, FOREVER if lifetime == _INFINITE else expire + timedelta(seconds=1)


def _client(row: dict[str, str]) -> str:
    if "duid" in row:
        return text.octets("duid", row["duid"])
    if row["client_id"]:
        return text.octets("client", row["client_id"])
    return text.octets("hw", row["hwaddr"])

"""Read the forensic ("legal") log of Kea: one line for each address or prefix given, renewed or released.

Source of the shape: Kea, src/hooks/dhcp/forensic_log (lease4_callouts.cc, lease6_callouts.cc, command_callouts.cc,
rotating_file.cc) and the legal_log page of its manual. Checked on 2026-11-28 against the callouts and that page. What
matters of it:

- a client chooses its client id, and a printable one is repeated as text in brackets: that text may look like the rest
  of a line. So lines are read from left to right, and a text in brackets must be the bytes before it;
- current releases log whatever they grant or renew as "assigned" (pkt4_send, pkt6_send), and "renewed" no more. So an
  assignment shows who holds it and not whether that begins: what the same holder still has goes on;
- a declined lease is logged as released; nothing is logged when a lease runs out;
- a custom format replaces all but the lines of commands; each of its lines has the stamp and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any, BinaryIO

from broker.attribution.logs import relay, text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError

_STAMP = r"(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]{8}\S*(?: [^ :]+)?) "
_DURATION = (
    r"(?:(?P<infinite>infinite duration)|(?:(?P<days>[0-9]{1,5}) days? )?(?P<hours>[0-9]{1,2}) hrs? "
    r"(?P<minutes>[0-9]{1,2}) mins? (?P<seconds>[0-9]{1,2}) secs?)"
)
_LEASE = re.compile(
    _STAMP + r"(?:Address|Prefix): ?(?P<key>[0-9A-Fa-f:./]+) has been "
    rf"(?:(?P<verb>assigned|renewed) for {_DURATION} to|released from) a device with "
)
_COMMAND = re.compile(
    _STAMP + r"(?:Administrator|HA partner) (?:(?P<verb>added a lease|updated information on the lease) of "
    r"(?:address|prefix): (?P<key>[0-9A-Fa-f:./]+) to a device with |deleted the lease for address: "
    r"(?P<deleted>[0-9A-Fa-f:./]+)|(?P<unnamed>deleted a lease for a device identified by: ))"
)
_COMMAND_DURATION = re.compile(rf" for {_DURATION}")
_HEX = r"(?P<hex>(?:[0-9A-Fa-f]{2}:?)*[0-9A-Fa-f]{2})"
# The second "hardware address:" is written by releases that doubled it.
_HARDWARE = re.compile(rf"(?:,| and)? ?(?:hardware address: )+(?:hwtype=[0-9]+ )?{_HEX}(?: \(from [A-Za-z0-9 ]+\))?")
_CLIENT = re.compile(rf", client-id: {_HEX}")
_DUID = re.compile(rf"DUID: {_HEX}")
_RELAY = re.compile(
    r" connected via relay at address: [0-9A-Fa-f:.]+"
    r"(?: for client on link address: [0-9A-Fa-f:.]+, hop count: [0-9]+)?(?P<ids>, identified by )?"
)
_ID = re.compile(rf"(?P<name>circuit-id|remote-id|subscriber-id): {_HEX}")
_LOCATION = re.compile(rf", connected at location interface-id: {_HEX}")
_CONTEXT = ", context: "


class KeaForensic:
    """One forensic log.

    device: names the server; its partner has a log and a name of its own. holder: which id of the relay names the line
    (`circuit-id`, `remote-id`, `subscriber-id`), or `client` for the client's own identity. zone: that of the stamps,
    if they are not in UTC or with offset.
    """

    def __init__(self, device: str, holder: str, zone: tzinfo | None = None) -> None:
        self._device, self._wanted, self._zone = device, relay.check_wanted(holder), zone
        self._whole = text.Whole()

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Every line is a record."""
        return text.lines(stream, offset)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside = state["inside"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give what a line shows."""
        self._whole.check(record)
        line = record.data.decode("latin-1").rstrip("\r\n")
        if not line.strip():
            return ()
        if match := _LEASE.match(line):
            return self._lease(record.pos, line, match)
        if match := _COMMAND.match(line):
            return self._command(record.pos, line, match)
        at = re.match(_STAMP, line)
        if at is None:
            raise RecordError("TIME_FORMAT")
        self._at(at["stamp"])
        raise RecordError("ENTRY_CUSTOM")

    def _at(self, stamp: str) -> tuple[datetime, timedelta]:
        # `%Q` of Kea writes microseconds as two groups of three digits.
        return text.stamp(re.sub(r"(\.[0-9]{3})\.([0-9]{3})", r"\1\2", stamp), self._zone)

    def _lease(self, pos: int, line: str, match: re.Match[str]) -> list[Event]:
        at, unit = self._at(match["stamp"])
        key = _key(match["key"])
        client, rest = _client(line, match.end())
        ids, context = _ids(line, rest)
        if context is not None and self._wanted not in ids:
            ids |= relay.from_context(context)
        holder = relay.holder(self._wanted, ids, client)
        kind = Kind.ALIVE if match["verb"] else Kind.END
        expires_at = _expiry(at, match) if match["verb"] else None
        event = Event(
            pos, kind, at, self._device, key, holder=holder, session=f"{client}@{key}", expires_at=expires_at, unit=unit
        )
        return relay.beside(event, self._wanted, ids)

    def _command(self, pos: int, line: str, match: re.Match[str]) -> list[Event]:
        """Read the line of a command: the administrator, or the partner that tells what it did itself."""
        at, unit = self._at(match["stamp"])
        if match["unnamed"] is not None:
            raise RecordError("ADDRESS_MISSING")
        if match["deleted"] is not None:
            if match.end() != len(line):
                raise RecordError("ENTRY_CUSTOM")
            # Nobody is named: whoever holds the address lets it go.
            return [Event(pos, Kind.END, at, self._device, _key(match["deleted"]), unit=unit)]
        key = _key(match["key"])
        client, rest = _client(line, match.end())
        expires_at = None
        duration = _COMMAND_DURATION.match(line, rest)
        if duration is not None:
            expires_at, rest = _expiry(at, duration), duration.end()
        ids, context = _ids(line, rest)
        if context is not None:
            ids |= relay.from_context(context)
        holder = relay.holder(self._wanted, ids, client)
        kind = Kind.BEGIN if match["verb"] == "added a lease" and holder else Kind.ALIVE
        event = Event(
            pos, kind, at, self._device, key, holder=holder, session=f"{client}@{key}", expires_at=expires_at, unit=unit
        )
        return relay.beside(event, self._wanted, ids)


def _key(value: str) -> str:
    return text.prefix(value) if "/" in value else text.address(value)


def _expiry(at: datetime, match: re.Match[str]) -> datetime | None:
    if match["infinite"] is not None:
        return None
    hours, minutes, seconds = int(match["hours"]), int(match["minutes"]), int(match["seconds"])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise RecordError("NUMBER_SYNTAX")
    return at + timedelta(days=int(match["days"] or 0), hours=hours, minutes=minutes, seconds=seconds)


def _client(line: str, start: int) -> tuple[str, int]:
    """Read who the client says it is: its DUID, or its client id, or its hardware address; and where that ends."""
    if duid := _DUID.match(line, start):
        end = _after(line, duid)
        hardware = _HARDWARE.match(line, end)
        return text.octets("duid", duid["hex"]), hardware.end() if hardware else end
    hardware = _HARDWARE.match(line, start)
    if hardware is None:
        raise RecordError("ENTRY_CUSTOM")
    client = _CLIENT.match(line, hardware.end())
    if client is None:
        return text.octets("hw", hardware["hex"]), hardware.end()
    return text.octets("client", client["hex"]), _after(line, client)


def _ids(line: str, start: int) -> tuple[dict[str, str], str | None]:
    """Read what the relay added, and the context at the end of the line; the line must end there."""
    ids: dict[str, str] = {}
    end = start
    if match := _RELAY.match(line, end):
        end = match.end()
        more = match["ids"] is not None
        while more:
            found = _ID.match(line, end)
            if found is None:
                raise RecordError("ENTRY_CUSTOM")
            ids[found["name"]] = found["hex"]
            end = _after(line, found)
            more = line.startswith(" and ", end)
            end += len(" and ") if more else 0
        if location := _LOCATION.match(line, end):
            ids["interface-id"] = location["hex"]
            end = _after(line, location)
    if line.startswith(_CONTEXT, end):
        return ids, line[end + len(_CONTEXT) :]
    if end != len(line):
        raise RecordError("ENTRY_CUSTOM")
    return ids, None


def _after(line: str, match: re.Match[str]) -> int:
    """Say where a hexadecimal value ends, past its own text in brackets if that follows."""
    end = match.end()
    if not line.startswith(" (", end):
        return end
    shown = f" ({bytes.fromhex(match['hex'].replace(':', '')).decode('latin-1')})"
    if not line.startswith(shown, end):
        raise RecordError("ENTRY_CUSTOM")
    return end + len(shown)

"""Read dhcpd.leases of ISC DHCP, v4 (`lease`) and v6 (`ia-na`, `ia-ta`, `ia-pd`): a journal of blocks.

A later block for the same address replaces the earlier one, and the file is rewritten now and then: it is no history
unless it is shipped continuously. Times are in UTC, or seconds since 1970 with `db-time-format local`.
Source of the shape: dhcpd.leases(5) and server/db.c of ISC DHCP, which writes `ia-na` where the manual says `ia_na`.
Checked on 2026-11-28: the journal against dhcpd.leases(5), DESCRIPTION; UTC and epoch against public readers. The names
of the states are from memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from broker.attribution.logs import relay, text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError
from broker.attribution.spans import FOREVER

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{};"]|[^\s{};"]+')
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|#[^\n]*')
# States in which nobody holds the lease; `ends` then says since when.
_GONE = ("free", "backup", "expired", "released", "abandoned", "reset")
# Declarations that are none of our business.
_IGNORED = ("authoring-byte-order", "server-duid", "failover", "host", "group", "subgroup", "class", "subclass")
_ASSOCIATIONS = ("ia-na", "ia-ta", "ia-pd", "ia_na", "ia_ta", "ia_pd")

# `on expiry` and conditions nest a little; nothing written by the server goes deeper.
_DEEPEST = 8
# A statement is its words; a block is its words and the statements in it.
_Statement = tuple[list[str], "list[_Statement] | None"]


class IscDhcpd:
    """One lease file. device: names the server. holder: `circuit-id`, `remote-id`, or `client`, its own."""

    def __init__(self, device: str, holder: str) -> None:
        self._device, self._wanted = device, relay.check_wanted(holder)
        self._whole = text.Whole()

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Split after each line on which all braces are closed."""
        return text.grouped(stream, offset, _Braces)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside = state["inside"]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give what a block shows of its address, or of each address and prefix in it."""
        self._whole.check(record, record.data.endswith(b"\n") and _depth(record.data) <= 0)
        source = _COMMENT.sub(lambda match: match[1] or "", record.data.decode("latin-1"))
        tokens = iter(_TOKEN.findall(source))
        events: list[Event] = []
        for words, body in _statements(tokens):
            if words[0] == "lease" and len(words) == 2 and body is not None:
                try:
                    events += self._lease(record.pos, words[1], body)
                except RecordError as error:
                    raise RecordError(error.code, _time_of(body)) from None
            elif words[0] in _ASSOCIATIONS and len(words) == 2 and body is not None:
                events += self._association(record.pos, words[1], body)
            elif words[0] not in _IGNORED:
                raise RecordError("RECORD_SYNTAX")
        return events

    def _lease(self, pos: int, address: str, body: list[_Statement]) -> Iterator[Event]:
        key = text.address(address)
        values = _values(body)
        client = ""
        if "uid" in values:
            client = text.octets("client", _octets(values["uid"]))
        elif "hardware" in values:
            client = text.octets("hw", values["hardware"].split()[-1])
        ids = {name: _octets(value) for name, value in values.items() if name in relay.HOLDERS}
        # Very old files have no binding state: a lease in them is active until it ends.
        state = values.get("binding state", "active")
        if not client:
            if state == "active":
                raise RecordError("HOLDER_MISSING")
            return
        holder, session = relay.holder(self._wanted, ids, client), f"{client}@{key}"
        ends = _moment(values.get("ends"))
        if state in _GONE:
            if ends is None:
                raise RecordError("TIME_FORMAT")
            gone = Event(pos, Kind.END, ends, self._device, key, holder=holder, session=session)
            yield from relay.beside(gone, self._wanted, ids)
            return
        if state != "active" or "ends" not in values:
            raise RecordError("RECORD_SYNTAX")
        starts = _moment(values.get("starts"))
        at = _moment(values["cltt"]) if "cltt" in values else starts
        if at is None or starts is None:
            raise RecordError("TIME_FORMAT")
        shown = Event(pos, Kind.ALIVE, at, self._device, key, holder=holder, session=session, expires_at=ends)
        if starts < at:
            shown = shown._replace(since=starts)
        elif holder:
            shown = shown._replace(kind=Kind.BEGIN)
        yield from relay.beside(shown, self._wanted, ids)

    def _association(self, pos: int, name: str, body: list[_Statement]) -> Iterator[Event]:
        """Read an identity association: four bytes of its own number, then the DUID of the client."""
        digits = _octets(name)
        if len(digits) < 10:
            raise RecordError("IDENTITY_SYNTAX")
        client, number = text.octets("duid", digits[8:]), digits[:8]
        at = _moment(_values(body).get("cltt"))
        for words, inner in body:
            if inner is None or words[0] not in ("iaaddr", "iaprefix"):
                continue
            if len(words) != 2:
                raise RecordError("RECORD_SYNTAX")
            key = text.prefix(words[1]) if words[0] == "iaprefix" else text.address(words[1])
            values = _values(inner)
            ends, state = _moment(values.get("ends")), values.get("binding state")
            event = Event(
                pos,
                Kind.END,
                datetime.min,  # noqa: DTZ901 - replaced below
                self._device,
                key,
                holder=relay.holder(self._wanted, {}, client),
                session=f"{client}/{number}@{key}",
            )
            if state == "active" and at is not None and "ends" in values:
                yield event._replace(kind=Kind.ALIVE, at=at, expires_at=ends)
            elif state in _GONE and ends is not None:
                yield event._replace(at=ends)
            else:
                raise RecordError("RECORD_SYNTAX")


class _Braces:
    """Say of each line whether a record ends with it: all braces are closed."""

    def __init__(self) -> None:
        self._open = 0

    def __call__(self, line: bytes) -> bool:
        self._open += _depth(line)
        return self._open <= 0


def _depth(data: bytes) -> int:
    """Count how many more braces open than close, outside of strings and comments."""
    if b"{" not in data and b"}" not in data:
        return 0
    bare = _COMMENT.sub("", data.decode("latin-1"))
    return bare.count("{") - bare.count("}")


def _statements(tokens: Iterator[str], depth: int = 0) -> Iterator[_Statement]:
    """Read statements up to the brace that closes them, or to the end."""
    words: list[str] = []
    for part in tokens:
        if part == "}":
            if not depth or words:
                raise RecordError("RECORD_SYNTAX")
            return
        if part in '{;"':
            # A lone quotation mark is a string without end, and what a client chose would stand outside of it.
            if not words or part == '"' or depth > _DEEPEST:
                raise RecordError("RECORD_SYNTAX")
            yield words, list(_statements(tokens, depth + 1)) if part == "{" else None
            words = []
        else:
            words.append(part)
    if depth or words:
        raise RecordError("RECORD_SYNTAX")


def _values(body: list[_Statement]) -> dict[str, str]:
    """Collect the plain statements that matter; one that comes twice makes the block ambiguous."""
    values: dict[str, str] = {}
    for words, inner in body:
        if inner is not None:
            continue
        name, value = words[0], words[1:]
        if words[:2] == ["binding", "state"]:
            name, value = "binding state", words[2:]
        elif words[0] == "option" and len(words) == 3 and words[1] in ("agent.circuit-id", "agent.remote-id"):
            name, value = words[1].removeprefix("agent."), words[2:]
        elif name not in ("starts", "ends", "cltt", "hardware", "uid"):
            continue
        if not value:
            raise RecordError("RECORD_SYNTAX")
        if values.setdefault(name, " ".join(value)) != " ".join(value):
            raise RecordError("ATTRIBUTE_SEVERAL")
    return values


def _time_of(body: list[_Statement]) -> tuple[datetime, datetime] | None:
    """Give the time of a lease of which something else cannot be read; None if that is the time."""
    try:
        values = _values(body)
        starts, ends = _moment(values.get("starts")), _moment(values.get("ends"))
    except RecordError:
        return None
    if starts is None or "ends" not in values:
        return None
    return starts, FOREVER if ends is None else max(starts, ends) + timedelta(seconds=1)


def _octets(value: str) -> str:
    """Give the bytes of a string in quotes or of a list of hexadecimal octets, as digits."""
    if value.startswith('"'):
        return text.unquote(value).hex()
    # dhcpd leaves out leading zeros in such a list.
    return "".join(part.rjust(2, "0") for part in value.split(":"))


def _moment(value: str | None) -> datetime | None:
    """Read `0 2026/03/01 06:30:11`, `epoch 1772346611` or `never`; None for never and for what is not there."""
    if value is None or value == "never":
        return None
    kind, _, rest = value.partition(" ")
    if kind == "epoch":
        return text.epoch(rest)
    if kind not in "0123456" or len(kind) != 1 or len(rest) != len("2026/03/01 06:30:11"):
        raise RecordError("TIME_FORMAT")
    at = text.stamp(f"{rest} UTC")[0]
    if at.isoweekday() % 7 != int(kind):
        # The server computes the day of the week from the date, so one of the two was altered.
        raise RecordError("RECORD_CONTRADICTS")
    return at

"""Read the NAT events of IPFIX messages, one after the other as a collector or exporter writes them (RFC 5655).

Two numberings of natEvent are in use, and the same number means different things: that of RFC 8158, and that of the
early drafts, which Junos documents for its own. Which one an exporter uses is configured and never guessed; what
contradicts it (a NAT44 event from an IPv6 address, a range of ports with an event that has none) is refused.

A record is one message and counts as a whole: if anything in it cannot be read, nothing of it is used but its
templates. Data whose template comes later wait for it, in bounded memory; `waiting` says since where. Sequence numbers
are not checked here.
Source: IANA, IPFIX Information Elements and natEvent; RFC 8158 4.2 and 5; draft-ietf-behave-ipfix-nat-logging-02 and
the Junos table "Mapping Between Field Values for IPFIX Flow Templates and Logs".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, BinaryIO, NamedTuple

from broker.attribution.logs import cgn, ipfix_wire, text
from broker.attribution.logs.events import Event, Kind, Ports, RawRecord, RecordError
from broker.attribution.logs.ipfix_wire import Layout, Template


class Numbering(StrEnum):
    """What the numbers of natEvent mean."""

    RFC_8158 = "rfc8158"
    EARLY_DRAFT = "early-draft"


class _What(StrEnum):
    NAT44 = "nat44"  # a session or a mapping of an IPv4 address
    NAT64 = "nat64"  # the same of an IPv6 address
    BLOCK = "block"  # a set of ports


def _pair(first: int, what: _What) -> dict[int, tuple[Kind, _What]]:
    return {first: (Kind.BEGIN, what), first + 1: (Kind.END, what)}


_EVENTS: dict[Numbering, dict[int, tuple[Kind, _What]]] = {
    Numbering.RFC_8158: {
        **_pair(4, _What.NAT44),
        **_pair(6, _What.NAT64),
        **_pair(8, _What.NAT44),
        **_pair(10, _What.NAT64),
        **_pair(16, _What.BLOCK),
    },
    Numbering.EARLY_DRAFT: {
        **_pair(1, _What.NAT44),
        **_pair(4, _What.NAT64),
        **_pair(6, _What.NAT44),
        **_pair(8, _What.NAT64),
        **_pair(14, _What.BLOCK),
    },
}
# Exhausted pools, quotas, thresholds; and bindings of addresses, which give nobody a port.
_SILENT = {
    Numbering.RFC_8158: frozenset({3, 12, 13, 14, 15, 18}),
    Numbering.EARLY_DRAFT: frozenset({3, 10, 11, 12, 13}),
}

_SOURCE4, _SOURCE6, _PUBLIC4, _PUBLIC6 = 8, 27, 225, 281
_PROTOCOL, _VRF, _ORIGIN, _EVENT, _PORT, _REALM = 4, 234, 229, 230, 227, 464
_START, _END, _STEP, _COUNT = 361, 362, 363, 364
_SECONDS, _MILLISECONDS = 322, 323
# Bytes of each element: exactly for addresses and times, at most for numbers (RFC 7011 6.2), any for the realm.
_EXACT = {_SOURCE4: 4, _SOURCE6: 16, _PUBLIC4: 4, _PUBLIC6: 16, _SECONDS: 4, _MILLISECONDS: 8}
_AT_MOST = {_PROTOCOL: 1, _ORIGIN: 1, _EVENT: 1, _VRF: 4, _PORT: 2, _START: 2, _END: 2, _STEP: 2, _COUNT: 2}
_WANTED = {**_EXACT, **_AT_MOST, _REALM: ipfix_wire.VARIABLE}
_PRIVATE, _OUTSIDE = 1, 2

# Bounds: an exporter has a few templates of some twenty fields, and repeats them every few minutes.
_MOST_FIELDS = 65_536
_MOST_WAITING = 262_144
# What an entry takes beside its bytes, so that many small ones are bounded as well.
_ENTRY = 64
_PATIENCE = 3600
_LOST_PIECE = text.LIMIT
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND = 253_370_764_800_000

_Key = tuple[int, int]


class _Waiting(NamedTuple):
    """A data set without template: where its message begins, when it was exported, domain and id, its bytes."""

    pos: int
    exported: int
    key: _Key
    body: bytes


class _Known(NamedTuple):
    """A template; where in its rows the fields stand; whether they are of NAT events; what is wrong with it."""

    template: Template
    layout: Layout
    ours: bool
    wrong: str


class Ipfix:
    """The messages of one exporter. numbering: that of its natEvent. device: names it; the messages do not."""

    def __init__(self, numbering: Numbering, device: str) -> None:
        self._numbering, self._device = Numbering(numbering), device
        # By domain and number, with what `_learn` found out about each.
        self._templates: dict[int, dict[int, _Known]] = {}
        self._fields = 0
        self._waiting: list[_Waiting] = []
        # Messages have no mark at which reading could be taken up: once out of step, nothing more is read.
        self._lost = False

    @property
    def waiting(self) -> int | None:
        """The offset of the first message of which something still waits for its template."""
        return min((one.pos for one in self._waiting), default=None)

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Split into messages, which say their own length."""
        lost = self._lost
        while True:
            data = _read(stream, _LOST_PIECE if lost else ipfix_wire.MESSAGE.size)
            if not data:
                return
            complete = True
            if not lost:
                lost = not _begins(data)
                length = _LOST_PIECE if lost else int.from_bytes(data[2:4])
                if lost or len(data) == ipfix_wire.MESSAGE.size:
                    data += _read(stream, length - len(data))
                complete = lost or len(data) == length
            yield RawRecord(offset, offset + len(data), data, complete)
            offset += len(data)

    def state(self) -> dict[str, Any]:
        return {
            "lost": self._lost,
            "templates": [
                [domain, number, known.template.options, [list(field) for field in known.template.fields]]
                for domain, numbers in self._templates.items()
                for number, known in numbers.items()
            ],
            "waiting": [[one.pos, one.exported, *one.key, b64encode(one.body).decode()] for one in self._waiting],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._lost = state["lost"]
        self._templates, self._fields = {}, 0
        for domain, number, options, fields in state["templates"]:
            self._learn(domain, number, Template(options, tuple((element, length) for element, length in fields)))
        self._waiting = [
            _Waiting(pos, exported, (domain, number), b64decode(body))
            for pos, exported, domain, number, body in state["waiting"]
        ]

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give the events of a message, and of earlier data that waited for a template in it.

        1. Split it. 2. Go through its sets in order. 3. Take up what waited. 4. Keep what still waits.
        """
        if not record.complete:
            raise RecordError("RECORD_INCOMPLETE")
        if self._lost or not _begins(record.data):
            self._lost = True
            raise RecordError("RECORD_SYNTAX")
        # 1. If the message is not whole, not even its templates are trusted.
        message = ipfix_wire.message(record.data)
        definitions = {
            place: list(ipfix_wire.templates(set_id, body))
            for place, (set_id, body) in enumerate(message.sets)
            if set_id < ipfix_wire.FIRST_DATA
        }
        # 2. The first error is kept until all templates are learnt.
        events: list[Event] = []
        waiting: list[_Waiting] = []
        late: list[_Waiting] = []
        error: RecordError | None = None
        for place, (set_id, body) in enumerate(message.sets):
            try:
                if place in definitions:
                    self._define(message.domain, set_id, definitions[place])
                elif known := self._known((message.domain, set_id)):
                    events += self._events(record.pos, known, body)
                else:
                    waiting.append(_Waiting(record.pos, message.exported, (message.domain, set_id), body))
            except RecordError as found:
                error = error or found
        # 3. An error of earlier data refuses the message at hand as well, for there is no other place to tell it.
        for one in self._waiting + waiting:
            if (known := self._known(one.key)) is None:
                continue
            try:
                if abs(message.exported - one.exported) > _PATIENCE:
                    # By then the exporter may have given the number to another template.
                    raise RecordError("TEMPLATE_LATE")
                events += self._events(one.pos, known, one.body)
            except RecordError as found:
                late.append(one)
                error = error or (found if one.pos == record.pos else RecordError("TEMPLATE_LATE"))
        # 4. A message that is refused keeps nothing of its own, and leaves to the next what waited before it.
        still = [one for one in self._waiting + waiting if self._known(one.key) is None]
        if error is None and sum(len(one.body) + _ENTRY for one in still) > _MOST_WAITING:
            error = RecordError("TEMPLATE_MISSING")
        if error is not None:
            self._waiting = [one for one in self._waiting if one not in late]
            raise error
        self._waiting = still
        return events

    def _known(self, key: _Key) -> _Known | None:
        return self._templates.get(key[0], {}).get(key[1])

    def _define(self, domain: int, set_id: int, found: list[tuple[int, Template | None]]) -> None:
        for number, template in found:
            if template is not None:
                self._learn(domain, number, template)
            elif number == set_id:
                options = set_id == ipfix_wire.OPTIONS
                numbers = self._templates.get(domain, {})
                for gone in [n for n, known in numbers.items() if known.template.options == options]:
                    self._forget(domain, gone)
            else:
                self._forget(domain, number)

    def _forget(self, domain: int, number: int) -> None:
        if (known := self._templates.get(domain, {}).pop(number, None)) is not None:
            self._fields -= len(known.template.fields)

    def _learn(self, domain: int, number: int, template: Template) -> None:
        """Keep a template, and where in its rows stands what we want. What is wrong with it is told with its data."""
        known = self._known((domain, number))
        if known is not None and known.template == template:
            return
        self._forget(domain, number)
        if self._fields + len(template.fields) > _MOST_FIELDS:
            raise RecordError("TEMPLATE_LIMIT")
        ours, wrong = not template.options and any(element == _EVENT for element, _ in template.fields), ""
        shape = ipfix_wire.layout(template, {})
        if ours:
            try:
                for element, length in template.fields:
                    _check_length(element, length)
                shape = ipfix_wire.layout(template, _WANTED)
            except RecordError as error:
                wrong = error.code
        self._fields += len(template.fields)
        self._templates.setdefault(domain, {})[number] = _Known(template, shape, ours, wrong)

    def _events(self, pos: int, known: _Known, body: bytes) -> list[Event]:
        if known.wrong:
            raise RecordError(known.wrong)
        rows = ipfix_wire.rows(known.layout, body)
        if not known.ours:
            # But a set that does not fit its template shows that something is wrong with one of them.
            for _ in rows:
                pass
            return []
        return [event for row in rows if (event := self._event(pos, row)) is not None]

    def _event(self, pos: int, row: dict[int, bytes]) -> Event | None:
        """Say what a row says; None if nobody got or lost a port."""
        number = row[_EVENT][0]
        if number in _SILENT[self._numbering]:
            if any(row.get(_START, b"")):
                raise RecordError("EVENT_NUMBERING")
            return None
        meaning = _EVENTS[self._numbering].get(number)
        if meaning is None:
            raise RecordError("EVENT_NUMBERING")
        kind, what = meaning
        # A flow from outside to a subscriber shows who is inside in other fields, and opens no port.
        origin = _number(row, _ORIGIN)
        if origin == _OUTSIDE:
            return None
        if origin not in (None, 0, _PRIVATE):
            raise RecordError("EVENT_UNKNOWN")
        protocol = _number(row, _PROTOCOL) or None
        inner = _inner(row, what)
        if what is _What.BLOCK:
            ports = _block(row)
        else:
            if protocol is not None and protocol not in cgn.WITH_PORTS:
                return None
            ports = cgn.ports(*(_needed(row, _PORT),) * 2)
            if not ports.first:
                raise RecordError("PORTS_RANGE")
        at, unit = _moment(row)
        return Event(
            pos,
            kind,
            at,
            self._device,
            _either(row, _PUBLIC4, _PUBLIC6),
            ports,
            protocol,
            cgn.inner(inner, _realm(row)),
            unit=unit,
        )


def _read(stream: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or all there are."""
    parts: list[bytes] = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def _begins(data: bytes) -> bool:
    """Say whether a message may begin so; the first bytes of one that is not all there may."""
    if len(data) < 4:
        return data[:2] == b"\x00\x0a"[: len(data)]
    return data[:2] == b"\x00\x0a" and int.from_bytes(data[2:4]) >= ipfix_wire.MESSAGE.size


def _check_length(element: int, length: int) -> None:
    if element in _EXACT and length != _EXACT[element]:
        raise RecordError("TEMPLATE_SYNTAX")
    if element in _AT_MOST and not 0 < length <= _AT_MOST[element]:
        raise RecordError("TEMPLATE_SYNTAX")


def _number(row: dict[int, bytes], element: int) -> int | None:
    return int.from_bytes(row[element]) if element in row else None


def _needed(row: dict[int, bytes], element: int) -> int:
    if element not in row:
        raise RecordError("FIELD_MISSING")
    return int.from_bytes(row[element])


@lru_cache(maxsize=65_536)
def _address(packed: bytes) -> str:
    return text.address(str(ip_address(packed)))


def _either(row: dict[int, bytes], four: int, six: int) -> str:
    """Give the address of a row, whose other family is absent or all zeros."""
    found = [row[element] for element in (four, six) if any(row.get(element, b""))]
    if not found:
        raise RecordError("FIELD_MISSING")
    if len(found) > 1:
        raise RecordError("RECORD_CONTRADICTS")
    return _address(found[0])


def _inner(row: dict[int, bytes], what: _What) -> str:
    inner = _either(row, _SOURCE4, _SOURCE6)
    if (what is _What.NAT44 and ":" in inner) or (what is _What.NAT64 and ":" not in inner):
        raise RecordError("EVENT_NUMBERING")
    return inner


def _realm(row: dict[int, bytes]) -> str:
    """Name the realm of the inner address, by the inside VRF and the realm the exporter names."""
    vrf, realm = _number(row, _VRF), row.get(_REALM, b"")
    if len(realm) > 64:
        raise RecordError("IDENTITY_SYNTAX")
    return "/".join(part for part in (str(vrf) if vrf else "", realm.hex()) if part)


def _moment(row: dict[int, bytes]) -> tuple[datetime, timedelta]:
    """Give when a row happened by its own field; when the message was sent is not that."""
    millis, seconds = _number(row, _MILLISECONDS), _number(row, _SECONDS)
    if millis and seconds and millis // 1000 != seconds:
        raise RecordError("RECORD_CONTRADICTS")
    unit = timedelta(milliseconds=1) if millis else timedelta(seconds=1)
    millis = millis or (seconds or 0) * 1000
    if not millis:
        raise RecordError("TIME_MISSING")
    if millis > _LAST_MILLISECOND:
        raise RecordError("TIME_IMPLAUSIBLE")
    return text.plausible(_EPOCH + timedelta(milliseconds=millis)), unit


def _block(row: dict[int, bytes]) -> Ports:
    """Give a set of ports from start, end, step and count, of which two may be left out; what is there must agree."""
    if _START not in row:
        # Other events have no range: this number is not a block's.
        raise RecordError("EVENT_NUMBERING")
    start, end, step, count = (_number(row, element) for element in (_START, _END, _STEP, _COUNT))
    step = 1 if step is None else step
    if start is None or (end is None and count is None):
        raise RecordError("FIELD_MISSING")
    if step < 1 or count == 0:
        raise RecordError("PORTS_RANGE")
    by_count = None if count is None else start + step * (count - 1)
    by_end = None if end is None else end - (end - start) % step
    if by_count is not None and by_end is not None and by_count != by_end:
        raise RecordError("RECORD_CONTRADICTS")
    return cgn.ports(start, by_count if by_count is not None else by_end or 0, step)

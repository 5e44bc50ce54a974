"""Read the NAT events of IPFIX messages, one after the other as a collector or exporter writes them (RFC 5655).

A record is one message and counts as a whole: if anything in it cannot be read, nothing of it is used but its
templates. Data whose template comes later wait for it, for an hour and in bounded memory; then they are given up.
Messages that never came show in the numbers of the others (`ipfix_sequence`).
Source: RFC 7011, RFC 5655; what the rows say: `ipfix_nat`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from broker.attribution.logs import ipfix_nat, ipfix_wire, text
from broker.attribution.logs.events import Event, Missing, RawRecord, RecordError
from broker.attribution.logs.ipfix_nat import Numbering
from broker.attribution.logs.ipfix_sequence import Place, Sequences
from broker.attribution.logs.ipfix_wire import Layout, Template

# Bounds: an exporter has a few templates of some twenty fields, and repeats them every few minutes.
_MOST_FIELDS = 65_536
_MOST_WAITING = 262_144
# What an entry takes beside its bytes, so that many small ones are bounded as well.
_ENTRY = 64
_PATIENCE = 3600
_LOST_PIECE = text.LIMIT

_Key = tuple[int, int]


class _Waiting(NamedTuple):
    """A data set without template: where its message begins, when it was exported, domain and id, its bytes.

    since: of what second the message before it told; what it says is of the time from then until it was exported.
    """

    pos: int
    exported: int
    key: _Key
    body: bytes
    since: int


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
        self._sequences = Sequences()
        # Found since `missing` was called.
        self._gaps: list[tuple[int, int]] = []
        self._given_up: list[tuple[int, str]] = []
        # Messages have no mark at which reading could be taken up: once out of step, nothing more is read.
        self._lost = False

    def missing(self) -> Missing:
        """Say what has been found missing since the last call, and what is kept until its template comes."""
        gaps, given_up = [_span(*gap) for gap in self._gaps], self._given_up
        self._gaps, self._given_up = [], []
        return Missing(gaps, given_up, [_span(one.since, one.exported + 1) for one in self._waiting])

    def keeps(self, pos: int) -> bool:
        """Tell whether data of the message at this position wait for their template."""
        return any(one.pos == pos for one in self._waiting)

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
            "waiting": [
                [one.pos, one.exported, *one.key, b64encode(one.body).decode(), one.since] for one in self._waiting
            ],
            "sequences": self._sequences.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._lost = state["lost"]
        self._templates, self._fields = {}, 0
        for domain, number, options, fields in state["templates"]:
            self._learn(domain, number, Template(options, tuple((element, length) for element, length in fields)))
        self._waiting = [
            _Waiting(pos, exported, (domain, number), b64decode(body), since)
            for pos, exported, domain, number, body, since in state["waiting"]
        ]
        self._sequences.restore(state["sequences"])

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give the events of a message, and of earlier data that waited for a template in it.

        1. Split it. 2. Go through its sets in order, and count. 3. Take up what waited. 4. Keep what still waits.
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
        exported, count = message.exported, 0
        before = self._sequences.before(message.domain)
        since = exported if before is None else min(before, exported)
        waiting: list[_Waiting] = []
        late: list[_Waiting] = []
        error: RecordError | None = None
        for place, (set_id, body) in enumerate(message.sets):
            try:
                if place in definitions:
                    self._define(message.domain, set_id, definitions[place])
                elif known := self._known((message.domain, set_id)):
                    found, rows = self._events(record.pos, known, body)
                    events += found
                    count += rows
                else:
                    waiting.append(_Waiting(record.pos, exported, (message.domain, set_id), body, since))
            except RecordError as refused:
                error = error or refused
        earliest = min((int(event.at.timestamp()) for event in events), default=exported)
        counted = None if waiting or error else count
        own = Place(message.sequence, counted, min(earliest, exported), exported)
        if (gap := self._sequences.follow(message.domain, own)) is not None:
            self._gaps.append(gap)
        # 3. An error of earlier data refuses the message at hand as well, for there is no other place to tell it.
        for one in self._waiting + waiting:
            if (known := self._known(one.key)) is None:
                continue
            try:
                if abs(exported - one.exported) > _PATIENCE:
                    # By then the exporter may have given the number to another template.
                    raise RecordError("TEMPLATE_LATE")
                events += self._events(one.pos, known, one.body)[0]
            except RecordError as refused:
                late.append(one)
                error = error or (refused if one.pos == record.pos else RecordError("TEMPLATE_LATE"))
        # 4. A message that is refused keeps nothing of its own, and leaves to the next what waited before it.
        still = [one for one in self._waiting + waiting if self._known(one.key) is None]
        if error is None and sum(len(one.body) + _ENTRY for one in still) > _MOST_WAITING:
            error = RecordError("TEMPLATE_MISSING")
        self._give_up([one for one in late if one.pos != record.pos], "TEMPLATE_LATE")
        if error is not None:
            self._waiting = [one for one in self._waiting if one not in late]
            raise error
        over = [one for one in still if exported - one.exported > _PATIENCE]
        self._give_up(over, "TEMPLATE_MISSING")
        self._waiting = [one for one in still if one not in over]
        return events

    def _give_up(self, ones: list[_Waiting], code: str) -> None:
        for one in ones:
            self._gaps.append((one.since, one.exported + 1))
            if (one.pos, code) not in self._given_up:
                self._given_up.append((one.pos, code))

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
        ours, wrong = not template.options and any(element == ipfix_nat.NAT_EVENT for element, _ in template.fields), ""
        shape = ipfix_wire.layout(template, {})
        if ours:
            try:
                for element, length in template.fields:
                    ipfix_nat.check_length(element, length)
                shape = ipfix_wire.layout(template, ipfix_nat.WANTED)
            except RecordError as error:
                wrong = error.code
        self._fields += len(template.fields)
        self._templates.setdefault(domain, {})[number] = _Known(template, shape, ours, wrong)

    def _events(self, pos: int, known: _Known, body: bytes) -> tuple[list[Event], int]:
        """Give what the rows of a set say, and how many there are."""
        if known.wrong:
            raise RecordError(known.wrong)
        events: list[Event] = []
        count = 0
        # Also where it is not ours: a set that does not fit its template shows that something is wrong with one.
        for row in ipfix_wire.rows(known.layout, body):
            count += 1
            if known.ours and (event := ipfix_nat.event(pos, row, self._numbering, self._device)) is not None:
                events.append(event)
        return events, count


def _span(lo: int, hi: int) -> tuple[datetime, datetime]:
    return datetime.fromtimestamp(lo, UTC), datetime.fromtimestamp(hi, UTC)


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

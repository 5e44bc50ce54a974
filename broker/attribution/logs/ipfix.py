"""Read the NAT events of IPFIX messages, one after the other as a collector or exporter writes them (RFC 5655).

A record is one message and counts as a whole: if anything in it cannot be read, nothing of it is used but its
templates. Data whose template comes later wait for it, for an hour and in bounded memory; then they are given up.
Messages that never came show in the numbers of the others (`ipfix_sequence`).

Templates are of a session of the exporter (RFC 7011 8), which no file tells. A new log goes on with those of another
one only where its first message goes on by its number, soon after: that is the same session. Others wait for their own.
Source: RFC 7011, RFC 5655; what the rows say: `ipfix_nat`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from broker.attribution.logs import ipfix_nat, ipfix_sequence, ipfix_wire, text
from broker.attribution.logs.events import Event, Missing, RawRecord, RecordError
from broker.attribution.logs.ipfix_nat import Numbering
from broker.attribution.logs.ipfix_sequence import Place, Sequences
from broker.attribution.logs.ipfix_templates import Key, Known, Templates

# Templates are repeated every few minutes.
_MOST_WAITING = 262_144
# What an entry takes beside its bytes, so that many small ones are bounded as well.
_ENTRY = 64
_PATIENCE = 3600
_LOST_PIECE = text.LIMIT


class _Waiting(NamedTuple):
    """A data set without template: where its message begins, when it was exported, domain and id, its bytes.

    since: of what second the message before it told; what it says is of the time from then until it was exported.
    """

    pos: int
    exported: int
    key: Key
    body: bytes
    since: int


class _Said(NamedTuple):
    """What a set says: its events, how many rows it has, None if it cannot be cut into rows, and why it is refused."""

    events: list[Event]
    rows: int | None
    error: RecordError | None


class Ipfix:
    """The messages of one exporter. numbering: that of its natEvent. device: names it; the messages do not."""

    def __init__(self, numbering: Numbering, device: str) -> None:
        self._numbering, self._device = Numbering(numbering), device
        self._templates = Templates()
        self._waiting: list[_Waiting] = []
        self._sequences = Sequences()
        # Those of other logs of this exporter.
        self._others: Sequence[dict[str, Any]] = ()
        # Found since `missing` was called.
        self._gaps: list[tuple[int, int]] = []
        self._given_up: list[tuple[int, str]] = []
        # Messages have no mark at which reading could be taken up: once out of step, nothing more is read.
        self._lost = False

    def missing(self) -> Missing:
        """Say what has been found missing since the last call, and what is kept until its template comes."""
        gaps, given_up = [_span(*gap) for gap in self._gaps], self._given_up
        self._gaps, self._given_up = [], []
        waiting = [(one.since, one.exported + 1) for one in self._waiting] + self._sequences.open()
        return Missing(gaps, given_up, [_span(*span) for span in waiting])

    def keeps(self, pos: int) -> bool:
        """Tell whether data of the message at this position wait for their template."""
        return any(one.pos == pos for one in self._waiting)

    def inherit(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on beside these logs of this exporter: what `state` gave of each."""
        self._others = states
        self._sequences.inherit(map(_sequences, states))

    def outlived(self, state: dict[str, Any]) -> tuple[Missing, dict[str, Any]] | None:
        """Give up what another log waits for, if this one was begun after it and has gone on for an hour.

        Gives what is missing there and the state of that log from then on; None if nothing is given up.
        """
        streams = self._sequences.streams.values()
        if not state["waiting"] or not streams:
            return None
        first, latest = min(stream.begin.exported for stream in streams), max(stream.end for stream in streams)
        other = Ipfix(self._numbering, self._device)
        other.restore(state)
        over = [one for one in other._waiting if one.exported <= first and latest - one.exported > _PATIENCE]
        if not over:
            return None
        other._waiting = [one for one in other._waiting if one not in over]
        for one in over:
            other._give_up(one, "TEMPLATE_MISSING", None)
        return other.missing(), other.state()

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
            "templates": self._templates.state(),
            "waiting": [
                [one.pos, one.exported, *one.key, b64encode(one.body).decode(), one.since] for one in self._waiting
            ],
            "streams": self._sequences.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._lost = state["lost"]
        self._templates = Templates()
        self._templates.learn(state["templates"])
        self._waiting = [
            _Waiting(pos, exported, (domain, number), b64decode(body), since)
            for pos, exported, domain, number, body, since in state["waiting"]
        ]
        self._sequences = _sequences(state)

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give the events of a message, and of earlier data that waited for a template in it.

        1. Split it. 2. Go through its sets in order, and count. 3. Keep what waits, and its place. 4. Take up what
        waited before, or give it up. A message that is refused keeps nothing of its own, and leaves that to the next.
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
        domain, exported = message.domain, message.exported
        self._take_over(domain, message.sequence, exported)
        # 2. The first error is kept until all templates are learnt.
        before = self._sequences.before(domain, exported)
        since = exported if before is None else min(before, exported)
        said: list[_Said] = []
        waiting: list[_Waiting] = []
        for place, (set_id, body) in enumerate(message.sets):
            if place in definitions:
                try:
                    self._templates.define(domain, set_id, definitions[place])
                except RecordError as refused:
                    said.append(_Said([], 0, refused))
            elif known := self._templates.get((domain, set_id)):
                said.append(self._say(record.pos, known, body))
            else:
                waiting.append(_Waiting(record.pos, exported, (domain, set_id), body, since))
        said += [self._say(one.pos, known, one.body) for one in waiting if (known := self._templates.get(one.key))]
        waiting = [one for one in waiting if self._templates.get(one.key) is None]
        # 3.
        error = next((one.error for one in said if one.error is not None), None)
        if waiting and error is None:
            kept = [one for one in self._waiting if self._templates.get(one.key) is None]
            if sum(len(one.body) + _ENTRY for one in kept + waiting) > _MOST_WAITING:
                error = RecordError("TEMPLATE_MISSING")
        events = [event for one in said for event in one.events]
        counted = [one.rows for one in said if one.rows is not None]
        lost = len(counted) < len(said) or (error is not None and waiting)
        records, waits = None if lost else sum(counted), 0 if error is not None else len(waiting)
        own = Place(record.pos, message.sequence, records, waits, _earliest(events, exported), exported)
        self._gaps += self._sequences.follow(domain, own)
        if error is not None:
            raise error
        # 4.
        earlier, self._waiting = self._waiting, []
        for one in earlier:
            # By then the exporter may have given the number to another template.
            late = abs(exported - one.exported) > _PATIENCE
            if (known := self._templates.get(one.key)) is None:
                if exported - one.exported > _PATIENCE:
                    self._give_up(one, "TEMPLATE_MISSING", None)
                else:
                    self._waiting.append(one)
                continue
            found = _Said([], None, RecordError("TEMPLATE_LATE")) if late else self._say(one.pos, known, one.body)
            if found.error is not None:
                self._give_up(one, "TEMPLATE_LATE", found.rows)
            else:
                events += found.events
                self._count(one, found.rows, found.events)
        self._waiting += waiting
        return events

    def _count(self, one: _Waiting, rows: int | None, events: list[Event]) -> None:
        self._gaps += self._sequences.count(one.key[0], one.pos, rows, _earliest(events, one.exported))

    def _give_up(self, one: _Waiting, code: str, rows: int | None) -> None:
        """Give up a set that waits. rows: how many it has, None if that is not known."""
        self._gaps.append((one.since, one.exported + 1))
        if (one.pos, code) not in self._given_up:
            self._given_up.append((one.pos, code))
        self._count(one, rows, [])

    def _take_over(self, domain: int, number: int, exported: int) -> None:
        """Go on with the templates of another log where the first message of a domain goes on."""
        found = self._sequences.goes_on_from(domain, number, exported)
        if found is None or exported - found[1] > _PATIENCE:
            return
        with suppress(RecordError):
            self._templates.learn(self._others[found[0]]["templates"], domain)

    def _say(self, pos: int, known: Known, body: bytes) -> _Said:
        wrong = RecordError(known.wrong) if known.wrong else None
        try:
            # Also where it is not ours: a set that does not fit its template shows that something is wrong with one.
            rows = list(ipfix_wire.rows(known.layout, body))
        except RecordError as refused:
            return _Said([], None, wrong or refused)
        if wrong is not None or not known.ours:
            return _Said([], len(rows), wrong)
        try:
            found = [ipfix_nat.event(pos, row, self._numbering, self._device) for row in rows]
        except RecordError as refused:
            return _Said([], len(rows), refused)
        return _Said([event for event in found if event is not None], len(rows), None)


def between(states: Iterable[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Give the times, [from, to) in UTC, in which messages may be missing between logs of one exporter.

    states: what `Ipfix.state` gave of each.
    """
    return [_span(*gap) for gap in ipfix_sequence.between(_sequences(state).streams for state in states)]


def _sequences(state: dict[str, Any]) -> Sequences:
    found = Sequences()
    # Logs that were begun when this was not kept have none.
    found.restore(state.get("streams", []))
    return found


def _earliest(events: list[Event], exported: int) -> int:
    """Give the earliest second of which a message tells, in seconds since 1970."""
    return min([exported, *(int(event.at.timestamp()) for event in events)])


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

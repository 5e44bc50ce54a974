"""What the sequence numbers of IPFIX messages say of messages that never came, in one log and between two. Pure.

A message bears the number of data records that its stream had sent before it, modulo 2^32, for each observation domain.
So the next one is that plus the records of this message. What else comes:

- a larger number: what lies between was lost, or comes later out of order;
- a smaller one: the exporter has started anew, or the message is late. Neither is a loss, but then nothing says whether
  there was one. The numbers after it show which it was;
- the same one: the message is a copy, or the exporter does not count, which says nothing;
- one more: the exporter counts messages, as it did in NetFlow 9. In a stream that counts records no loss looks so,
  unless the message before had none. In one that counts messages, some that are lost after one of several records look
  as if all were counted; so how a stream counts is known when two of its steps have shown it, and not by the first.

A message is counted once there are templates for all it has; what comes after it is checked then. If its records cannot
be counted, there may be anything after it.
Source: RFC 7011 3.1 (Sequence Number); RFC 3954 5.1 for NetFlow 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_ALL = 2**32
# The year 2000: an earlier clock was not set.
_SET = 946_684_800

# Half-open [from, to) in seconds since 1970.
Seconds = tuple[int, int]


class Place(NamedTuple):
    """A message in its stream: where it begins in the log, its number, how many data records are counted in it.

    records: None if they cannot be counted. waits: how many of its sets are not counted yet. since, exported: the
    earliest second of which it tells, and the one in which it was sent, since 1970.
    """

    pos: int
    number: int
    records: int | None
    waits: int
    since: int
    exported: int


@dataclass(slots=True)
class Stream:
    """The messages of one domain in one log.

    begin: the first. last: the last one; after a smaller number also the one before it, for either may go on.
    by_message: whether it counts messages, None while nothing has shown it. doubt: the only step that has shown that it
        counts records. counting: by position, messages that are not counted yet, each with the one after it.
    """

    begin: Place
    last: list[Place]
    by_message: bool | None = None
    doubt: Seconds | None = None
    counting: dict[int, tuple[Place, Place | None]] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The latest second in which one of the last was sent."""
        return max(place.exported for place in self.last)

    def follow(self, place: Place) -> list[Seconds]:
        """Go on with a message; gives when messages may be missing before it."""
        if self.begin.exported < _SET <= place.exported:
            # The exporter had no time yet, by which the log could be put behind others.
            self.begin = place
        known, self.last = self.last, [place]
        newest, distance = known[0], _distance(known[0], place)
        if place.waits:
            self.counting[place.pos] = place, None
        if len(known) > 1:
            fits = any(_leads_to(one, place, self.by_message) for one in known)
            found = [] if fits else [_span(newest, place)]
        elif newest.waits and 0 < distance < _ALL // 2:
            self.counting[newest.pos] = newest, place
            return []
        else:
            found = self._step(newest, place)
        if found and distance >= _ALL // 2:
            self.last = [place, newest]
        return found

    def count(self, pos: int, records: int | None, since: int) -> list[Seconds]:
        """Count a set of a message that waited, None if that cannot be; gives when messages may be missing after it.

        since: the earliest second of which the set tells.
        """
        place, after = self.counting.pop(pos)
        total = None if records is None or place.records is None else place.records + records
        place = place._replace(records=total, waits=place.waits - 1, since=min(since, place.since))
        self.last = [place if one.pos == pos else one for one in self.last]
        if self.begin.pos == pos:
            self.begin = place
        if place.waits:
            self.counting[pos] = place, after
            return []
        return [] if after is None else self._step(place, after)

    def leads_to(self, other: Stream) -> bool:
        """Tell whether nothing is missing between this and the stream of another log."""
        by_message = other.by_message if self.by_message is None else self.by_message
        return any(_leads_to(last, other.begin, by_message) for last in self.last)

    def _step(self, before: Place, place: Place) -> list[Seconds]:
        """Give when messages may be missing between two, and learn from them how the stream counts."""
        distance, records, span = _distance(before, place), before.records, _span(before, place)
        if distance == 0:
            return []
        if records is None or distance not in (1, records):
            return [span]
        if records == 1:
            return []
        known, found = self.by_message, distance == 1
        if records == 0 and not known:
            return [span]
        self.by_message = found
        doubt, self.doubt = self.doubt, None
        if known is found:
            return []
        if not found:
            # All are counted, or those between are lost.
            self.doubt = span
            return [] if known is None else [span]
        if known is None:
            return []
        return [span if doubt is None else doubt]


class Sequences:
    """The streams of one exporter in one log, one for each observation domain."""

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}
        # Of each domain, its streams in other logs, each with the number of the log.
        self._others: dict[int, list[tuple[int, Stream]]] = {}

    def inherit(self, logs: Iterable[Sequences]) -> None:
        """Take these for the other logs of the same exporter."""
        self._others = {}
        for number, log in enumerate(logs):
            for domain, stream in log.streams.items():
                self._others.setdefault(domain, []).append((number, stream))

    def before(self, domain: int, exported: int) -> int | None:
        """Give the earliest second of which the message tells that was sent before this one; None if there was none."""
        stream = self.streams.get(domain) or self._ended(domain, exported)[1]
        return None if stream is None else stream.last[0].since

    def goes_on_from(self, domain: int, number: int, exported: int) -> tuple[int, int] | None:
        """Say where a message surely goes on with which the domain begins here: in which log, and when that was sent.

        One that has begun anew begins with number 0.
        """
        if domain in self.streams:
            return None
        log, stream = self._ended(domain, exported)
        if stream is None or len(stream.last) > 1 or number == 0:
            return None
        last = stream.last[0]
        if last.waits or (number - last.number) % _ALL != (1 if stream.by_message else last.records):
            return None
        return log, last.exported

    def follow(self, domain: int, place: Place) -> list[Seconds]:
        """Go on with a message; gives when messages may be missing before it."""
        if (stream := self.streams.get(domain)) is not None:
            return stream.follow(place)
        stream = self.streams[domain] = Stream(place, [place])
        if place.waits:
            stream.counting[place.pos] = place, None
        before = self._ended(domain, place.exported)[1]
        if before is not None:
            stream.by_message, stream.doubt = before.by_message, before.doubt
        return []

    def count(self, domain: int, pos: int, records: int | None, since: int) -> list[Seconds]:
        """Count a set of a message that waited; as `Stream.count`."""
        stream = self.streams.get(domain)
        # What waits since before this was kept has no place.
        return [] if stream is None or pos not in stream.counting else stream.count(pos, records, since)

    def open(self) -> list[Seconds]:
        """Give when messages may be missing after those that are not counted yet."""
        pairs = (pair for stream in self.streams.values() for pair in stream.counting.values())
        return [_span(place, after) for place, after in pairs if after is not None]

    def state(self) -> list[Any]:
        return [
            [
                domain,
                list(stream.begin),
                [list(place) for place in stream.last],
                stream.by_message,
                stream.doubt,
                [[list(place), after and list(after)] for place, after in stream.counting.values()],
            ]
            for domain, stream in self.streams.items()
        ]

    def restore(self, state: list[Any]) -> None:
        self.streams = {
            domain: Stream(
                Place(*begin),
                [Place(*place) for place in last],
                by_message,
                doubt and (doubt[0], doubt[1]),
                {place[0]: (Place(*place), after and Place(*after)) for place, after in counting},
            )
            for domain, begin, last, by_message, doubt, counting in state
        }

    def _ended(self, domain: int, exported: int) -> tuple[int, Stream | None]:
        """Give the stream of another log that ended last before this second, with the number of that log."""
        ended = [(number, stream) for number, stream in self._others.get(domain, []) if stream.end <= exported]
        return max(ended, key=lambda one: one[1].end, default=(-1, None))


def between(logs: Iterable[Mapping[int, Stream]]) -> list[Seconds]:
    """Give when messages may be missing between logs of one exporter. logs: the streams of each, by domain.

    A stream goes on where the last one of its domain ended before it; it does not where another one was being written
    that has its first message as well. One that seems to be written still and does not have it ended in a wrong stamp.
    """
    domains: dict[int, list[Stream]] = {}
    for log in logs:
        for domain, stream in log.items():
            domains.setdefault(domain, []).append(stream)
    found: list[Seconds] = []
    for streams in domains.values():
        beside: list[Stream] = []
        before: list[Stream] = []
        for stream in sorted(streams, key=lambda one: (one.begin.exported, one.end)):
            first = stream.begin
            ended = [*before, *(other for other in beside if other.end <= first.exported)]
            before = [max(ended, key=lambda one: one.end)] if ended else []
            beside = [other for other in beside if other.end > first.exported]
            earlier = [*before, *(other for other in beside if other.begin.exported < first.exported)]
            if earlier and not any(_has(other, first) for other in earlier):
                nearest = max(earlier, key=lambda one: one.begin.exported)
                if not any(other.leads_to(stream) for other in earlier):
                    since = min(nearest.last[0].since, first.since)
                    found.append((since, first.exported + 1))
            beside.append(stream)
    return found


def _has(stream: Stream, place: Place) -> bool:
    """Tell whether the message of another log is among those of a stream, which shows what is missing around it."""
    far = (stream.last[0].number - stream.begin.number) % _ALL
    return stream.end > place.exported and (place.number - stream.begin.number) % _ALL <= far


def _leads_to(before: Place, place: Place, by_message: bool | None) -> bool:
    """Tell whether nothing is missing between two messages."""
    distance, records = _distance(before, place), before.records
    if distance == 0:
        return True
    if records is None or before.waits:
        return False
    if by_message is None:
        return distance in (1, records) and records > 0
    return distance == (1 if by_message else records)


def _distance(before: Place, place: Place) -> int:
    return (place.number - before.number) % _ALL


def _span(before: Place, place: Place) -> Seconds:
    return min(before.since, place.since), max(before.exported, place.exported) + 1

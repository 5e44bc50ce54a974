"""What the sequence numbers of IPFIX messages say of messages that never came. Pure.

A message bears the number of data records that its stream had sent before it, modulo 2^32, for each observation domain.
So the next one is that plus the records of this message. What else comes:

- a larger number: what lies between was lost, or comes later out of order;
- a smaller one: the exporter has started anew, or the message is late. Neither is a loss, but then nothing says whether
  there was one. The numbers after it show which it was;
- the same one: the message is a copy, or the exporter does not count, which says nothing;
- one more: the exporter counts messages, as it did in NetFlow 9. In a stream that counts records no loss looks so,
  unless the message before had none.

After a message whose records could not be counted nothing is checked; the message itself is a gap then.
Source: RFC 7011 3.1 (Sequence Number); RFC 3954 5.1 for NetFlow 9.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_ALL = 2**32


class Place(NamedTuple):
    """A message in its stream: its number, and how many data records it has, None if that is not known.

    since, exported: the earliest second of which it tells, and the one in which it was sent, since 1970.
    """

    number: int
    records: int | None
    since: int
    exported: int


class Sequences:
    """The streams of one exporter, one for each observation domain."""

    def __init__(self) -> None:
        # The last message; after a smaller number also the one before it, for either may go on.
        self._last: dict[int, list[Place]] = {}

    def before(self, domain: int) -> int | None:
        """Give the earliest second of which the last message of a domain tells; None if there was none."""
        last = self._last.get(domain)
        return None if last is None else last[0].since

    def follow(self, domain: int, place: Place) -> tuple[int, int] | None:
        """Go on with a message; gives from which second to which one may be missing before it, if so."""
        known = self._last.get(domain)
        self._last[domain] = [place]
        if known is None or any(_goes_on(last, place) for last in known):
            return None
        newest = known[0]
        if (place.number - newest.number) % _ALL >= _ALL // 2:
            self._last[domain] = [place, newest]
        return min(newest.since, place.since), max(newest.exported, place.exported) + 1

    def state(self) -> list[Any]:
        return [[domain, [list(place) for place in places]] for domain, places in self._last.items()]

    def restore(self, state: list[Any]) -> None:
        self._last = {domain: [Place(*place) for place in places] for domain, places in state}


def _goes_on(last: Place, place: Place) -> bool:
    if last.records is None:
        return True
    distance = (place.number - last.number) % _ALL
    return distance in (0, last.records) or (distance == 1 and last.records > 0)

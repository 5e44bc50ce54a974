"""Know which end of a connection the addresses and ports of a line are, by the word before each or an arrow. Pure.

A line of a log often has two addresses: whoever was seen, and what was reached. Where nothing says which is which, that
is said, and never guessed from the order of the two. Not here: the cells of a table (`evidence_columns`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from broker.intake.observation import ObservationError, parse_address


class End(Enum):
    """Which end of a connection an address or a port is, by what its line says."""

    SOURCE = "source"
    OTHER = "other"
    UNSAID = "unsaid"


# Words for either end, which may also stand alone, and the names made of them.
ENDS_OF_SOURCE = "client source src remote peer"
_ENDS_OF_OTHER = "dst dest destination server local upstream"
NAMES_OF_SOURCE = (
    f"{ENDS_OF_SOURCE} src_ip source_ip src_address source_address src_addr saddr client_ip client_address remote_ip "
    "remote_addr remote_address peer_ip peer_address c_ip user_ip"
)
PORTS_OF_SOURCE = frozenset({"sport", "spt", "rport", "c_port"}) | {
    f"{end}{joint}port" for end in f"{ENDS_OF_SOURCE} user from".split() for joint in ("", "_")
}
PORTS_OF_OTHER = frozenset({"dport", "dpt", "lport", "s_port"}) | {
    f"{end}{joint}port" for end in f"{_ENDS_OF_OTHER} target to".split() for joint in ("", "_")
}
_SOURCE = PORTS_OF_SOURCE.union(f"{NAMES_OF_SOURCE} from ip_src user_address rhost".split())
_OTHER = PORTS_OF_OTHER.union({"daddr", "ip_dst", "s_ip", "target", "to", "vip"}) | {
    f"{end}{kind}" for end in _ENDS_OF_OTHER.split() for kind in ("", "_ip", "_addr", "_address")
}

_ADDRESS = re.compile(
    # A port may also follow as /40112, #40112 or (40112); with fewer digits that is a prefix, or something else.
    r"(?<![\w.:])(?:(?P<v4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})"
    r"(?::(?P<port4>[0-9]{1,5})|[/#](?P<after4>[0-9]{4,5})|\((?P<in4>[0-9]{4,5})\))?(?!\w|[.:][0-9])"
    r"|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\](?::(?P<port6>[0-9]{1,5}))?|(?P<bare>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)(?!\w))"
)
# One or two words, then what stands between a name and its value.
_NAMED = re.compile(r"(?:([A-Za-z]+)[ ])?([A-Za-z][A-Za-z_.-]*)[\"']?[ ]?[:=]?[ ]?[\"'\[(]*$")
# Before it may stand the port of the left address, and after it a bracket or the interface of the right one.
_ARROW = re.compile(
    r"[ ]?(?:port[ =:]{1,3})?[ :0-9\]\"'),]*(?:[-=]{1,3}>|→|[ ]>[ ])[ ]*(?:[A-Za-z][\w-]{0,20}[/:])?[\[\"'(]*"
)
# A name ends well before this, and a line may be long.
_FARTHEST_NAME = 60
_PORT = re.compile(
    r"(?<![\w.-])(?:([A-Za-z]{1,12})[ ])?([A-Za-z][A-Za-z_.-]{0,30})[\"']?[=: ]{1,3}[\"']?([0-9]{1,5})(?!\w|[.:][0-9])"
)
_NUMBER = re.compile(r"(?<![\w.:])[1-9][0-9]{0,4}(?![\w.:])")
# A path or URL; whatever stands in it is what was asked for, and by whom is said elsewhere.
_PATH = re.compile(r"(?:\b[A-Za-z]{2,10}://|(?<![^\s\"'=(,;])/)[^\s\"',;]*")


@dataclass(frozen=True, slots=True)
class Connection:
    """What a line says of a connection.

    ends: of each public address. ports: of each, what the line says to be its source port. numbers: whatever else may
    be a port and is not said to be that of the other end. has_source: the line says which of its addresses is the
    source, be it public or not.
    """

    ends: dict[str, End]
    ports: dict[str, frozenset[int]]
    numbers: frozenset[int]
    has_source: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an address stands, and where the port that is written to it (-1: none).

    public: the address, "" if it is not public. port: "" where none is written.
    """

    start: int
    stop: int
    public: str
    port: str
    port_at: int


def end_named(name: str) -> End:
    """Say which end has this name; its words in small letters, joined by `_`."""
    return End.SOURCE if name in _SOURCE else End.OTHER if name in _OTHER else End.UNSAID


def connection_of(text: str, *, allow_documentation: bool) -> Connection:
    """Find the addresses and ports of a text whose times are blanked.

    1. All addresses: a private one is no answer, but it may say which end the other is. 2. Their ends. 3. The named
    ports: one without its end is that of the public address before it; a second one there may be anybody's.
    4. The ports of each public address.
    """
    # 1.
    places = list(_places(text, allow_documentation))
    # 2.
    ends = ends_of(text, [(place.start, place.stop) for place in places])
    # 3.
    of_source: set[str] = set()
    beside: dict[int, str] = {}
    anybodys: set[str] = set()
    of_other = {place.port_at for place, end in zip(places, ends, strict=True) if end is End.OTHER}
    stops = [place.stop for place in places]
    plain = without_paths(text)
    for match in _PORT.finditer(plain):
        end, owner = _end_of_port(match), bisect_right(stops, match.start()) - 1
        if end is End.OTHER or (end is End.UNSAID and owner >= 0 and ends[owner] is End.OTHER):
            of_other.add(match.start(3))
        elif end is End.SOURCE:
            of_source.add(match[3])
        elif end is End.UNSAID and owner >= 0 and places[owner].public and owner not in beside:
            beside[owner] = match[3]
        elif end is End.UNSAID:
            anybodys.add(match[3])
    # 4.
    by_address: dict[str, list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        by_address[place.public].append(number)
    by_address.pop("", None)
    found: dict[str, End] = {}
    ports: dict[str, frozenset[int]] = {}
    for address, of_address in by_address.items():
        # Said once to be the source and once something else, it is the source.
        found[address] = End.SOURCE if any(ends[n] is End.SOURCE for n in of_address) else ends[of_address[0]]
        # The port of the other end is no source port.
        mine = [n for n in of_address if ends[n] is not End.OTHER]
        written = of_source.union(places[n].port for n in mine if places[n].port)
        near = {beside[n] for n in mine if n in beside}
        ports[address] = ports_in(written or near or (anybodys if mine else ()))
    numbers = ports_in(match[0] for match in _NUMBER.finditer(plain) if match.start() not in of_other)
    return Connection(found, ports, numbers, End.SOURCE in ends)


def ends_of(text: str, places: Sequence[tuple[int, int]]) -> list[End]:
    """Say of each address of a line which end it is.

    places: where each begins and ends in `text`, in that order. An address without a name is the source where all
    others are said to be the other end.
    """
    arrows = [_ARROW.fullmatch(text, end, start) is not None for (_, end), (start, _) in pairwise(places)]
    found = []
    for number, (start, _) in enumerate(places):
        after = places[number - 1][1] if number else 0
        end = _named(text[max(after, start - _FARTHEST_NAME) : start])
        reached = number > 0 and arrows[number - 1]
        reaches = number < len(arrows) and arrows[number]
        # In the middle of a chain it is the one and the other.
        if end is End.UNSAID and reached != reaches:
            end = End.OTHER if reached else End.SOURCE
        found.append(end)
    if found.count(End.UNSAID) == 1 and End.SOURCE not in found and len(found) > 1:
        found[found.index(End.UNSAID)] = End.SOURCE
    return found


def without_paths(text: str) -> str:
    """Blank paths and URLs."""
    return _PATH.sub(lambda match: " " * len(match[0]), text)


def ports_in(texts: Iterable[str]) -> frozenset[int]:
    """Take those numbers that can be ports."""
    return frozenset(int(text) for text in texts if 1 <= int(text) <= 65_535)


def _places(text: str, allow_documentation: bool) -> Iterator[_Place]:
    for match in _ADDRESS.finditer(text):
        written = match["v4"] or match["v6"] or _without_end(match["bare"])
        try:
            public = str(parse_address(written, allow_documentation=allow_documentation))
        except ObservationError as error:
            if error.code == "ADDRESS_SYNTAX":
                # A hardware address, a version number.
                continue
            public = ""
        port = next((name for name in ("port4", "after4", "in4", "port6") if match[name]), None)
        yield _Place(match.start(), match.end(), public, *((match[port], match.start(port)) if port else ("", -1)))


def _without_end(text: str) -> str:
    """Take off the colon or full stop that a sentence puts after an address."""
    return text if text.endswith("::") else text.rstrip(":.")


def _names(match: re.Match[str]) -> tuple[str, str]:
    """Give the two names that one or two words before a value may be: both words, or the last."""
    last = re.sub(r"[.-]", "_", match[2].lower()).strip("_")
    return (f"{match[1].lower()}_{last}" if match[1] else last, last)


def _named(before: str) -> End:
    match = _NAMED.search(before)
    if match is None:
        return End.UNSAID
    both, last = (end_named(name) for name in _names(match))
    return last if both is End.UNSAID else both


def _end_of_port(match: re.Match[str]) -> End | None:
    """Say whose port a number is by its name; None where it is not named as a port."""
    names = _names(match)
    for name in names:
        if name in PORTS_OF_SOURCE or name in PORTS_OF_OTHER:
            return end_named(name)
    return End.UNSAID if names[1] == "port" else None

"""Know which end of a connection the addresses of a line are, by the word before each or an arrow. Pure.

A line of a log often has two addresses: whoever was seen, and what was reached. Where nothing says which is which, that
is said, and never guessed from the order of the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from itertools import pairwise

from broker.intake.evidence_columns import NAMES_OF_SOURCE


class End(Enum):
    """Which end of a connection an address is, by what its line says."""

    SOURCE = "source"
    OTHER = "other"
    UNSAID = "unsaid"


_SOURCE = frozenset(f"{NAMES_OF_SOURCE} from ip_src user_address rhost".split())
_OTHER = frozenset({"daddr", "ip_dst", "s_ip", "target", "to", "vip"}) | {
    f"{end}{kind}"
    for end in ("dst", "dest", "destination", "server", "local", "upstream")
    for kind in ("", "_ip", "_addr", "_address")
}
# One or two words, then what stands between a name and its value.
_NAMED = re.compile(r"(?:([A-Za-z]+)[ ])?([A-Za-z][A-Za-z_.-]*)[\"']?[ ]?[:=]?[ ]?[\"'\[(]*$")
_ARROW = re.compile(r"[ :0-9\]\"']*(?:[-=]{1,3}>|→|[ ]>[ ])[ \[\"']*")
# A name ends well before this, and a line may be long.
_FARTHEST_NAME = 60


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
        if end is End.UNSAID and number and arrows[number - 1]:
            end = End.OTHER
        elif end is End.UNSAID and number < len(arrows) and arrows[number]:
            end = End.SOURCE
        found.append(end)
    if found.count(End.UNSAID) == 1 and End.SOURCE not in found and len(found) > 1:
        found[found.index(End.UNSAID)] = End.SOURCE
    return found


def _named(before: str) -> End:
    match = _NAMED.search(before)
    if match is None:
        return End.UNSAID
    last = re.sub(r"[.-]", "_", match[2].lower()).strip("_")
    for name in (f"{match[1].lower()}_{last}" if match[1] else last, last):
        if name in _SOURCE:
            return End.SOURCE
        if name in _OTHER:
            return End.OTHER
    return End.UNSAID

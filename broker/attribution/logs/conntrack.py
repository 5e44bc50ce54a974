"""Read the event log of the Linux connection table: `conntrack -E -o timestamp,id`.

    [1772346611.204113]  [NEW] tcp      6 120 SYN_SENT src=100.64.3.9 dst=198.51.100.80 sport=40112 dport=443
    [UNREPLIED] src=198.51.100.80 dst=203.0.113.7 sport=443 dport=20480 id=3735928559            (one line)

- the second tuple is the expected answer: its destination is the public endpoint. It differs from the source of the
  first tuple only if the source was translated; other flows are none of our business;
- NEW begins, UPDATE shows, DESTROY ends; `delta-time` of DESTROY says how long the flow lived;
- one port may serve several flows, even of two hosts. `id` tells them apart; without `-o id` the end of a flow shows
  that its host held the port until then, and does not show that he let it go;
- **the part after the point is a whole number of microseconds without leading zeros**, padded with blanks behind;
- the id is written last, so that a line without one was cut where others have it; without `-o id`, a line that ends in
  its zone or in a port which may have lost digits is refused. A cut id or lifetime names no other holder;
- when the kernel drops events the tool says so (ENOBUFS); such a line is refused, because it is a gap.

Source: conntrack-tools, src/conntrack.c (stamp, warnings) and conntrack(8); libnetfilter_conntrack,
src/conntrack/snprintf_default.c (order of the fields).
Checked on 2026-11-28 against both files: the stamp, the order, the flags and all the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, BinaryIO

from broker.attribution.logs import cgn, text
from broker.attribution.logs.events import Event, Kind, RawRecord, RecordError

_LINE = re.compile(
    r"\[([0-9]{1,12})\.([0-9]{1,6}) *\]\s+\[([A-Z]{1,16})\] +"
    r"(?:ipv[46] +[0-9]{1,2} +)?[a-z0-9-]{1,16} +([0-9]{1,3}) +(?:[0-9]{1,10} +)?(?:[A-Z0-9_]{1,16} +)?"
    # Flows without ports have other keys here, as `type` and `code` of ICMP.
    r"src=([0-9A-Fa-f.:]{2,45}) dst=[0-9A-Fa-f.:]{2,45} "
    r"(?:sport=[0-9]{1,5} dport=[0-9]{1,5} |(?:[a-z]{1,16}=[0-9a-fx]{1,10} ){1,3})?"
    r"((?:(?:zone|zone-orig|packets|bytes)=[0-9]{1,20} |\[[A-Z_]{1,16}\] ){0,5})"
    r"src=[0-9A-Fa-f.:]{2,45} dst=([0-9A-Fa-f.:]{2,45})(?: sport=[0-9]{1,5} dport=([0-9]{1,5}))?"
    r"((?: [!-~]{1,128}){0,16}) *"
)
_UNSTAMPED = re.compile(r" *\[[A-Z]+\] ")
_KINDS = {"NEW": Kind.BEGIN, "UPDATE": Kind.ALIVE, "DESTROY": Kind.END}
_FLAGS = frozenset({"[UNREPLIED]", "[ASSURED]", "[OFFLOAD]", "[HW_OFFLOAD]"})
# What may follow the tuples; a key that is not known might name a realm.
_KNOWN = frozenset(
    {"packets", "bytes", "mark", "use", "id", "zone", "zone-orig", "zone-reply", "delta-time", "secctx", "secmark"}
    | {"labels", "helper"}
)
_LOST = "ENOBUFS"
# What the tool itself says around the events.
_TALK = ("conntrack v", "This message means that", "Please, check --buffer-size")


class Conntrack:
    """One event log. device: names the router; the lines do not."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._whole = text.Whole()
        self._has_ids = False

    def records(self, stream: BinaryIO, offset: int) -> Iterator[RawRecord]:
        """Every line is a record."""
        return text.lines(stream, offset)

    def state(self) -> dict[str, Any]:
        return {"inside": self._whole.inside, "ids": self._has_ids}

    def restore(self, state: dict[str, Any]) -> None:
        self._whole.inside, self._has_ids = state["inside"], state.get("ids", False)

    def read(self, record: RawRecord) -> Iterable[Event]:
        """Give the one event of a line, if its source was translated."""
        self._whole.check(record)
        line = record.data.decode("latin-1").rstrip("\r\n")
        match = _LINE.fullmatch(line)
        if match is None:
            if _LOST in line:
                raise RecordError("EVENTS_LOST")
            if _UNSTAMPED.match(line):
                raise RecordError("TIME_MISSING")
            if line.startswith(_TALK):
                return ()
            raise RecordError("RECORD_SYNTAX")
        seconds, micros, name, protocol, inner, middle, public, port, tail = match.groups()
        if (kind := _KINDS.get(name)) is None:
            raise RecordError("EVENT_UNKNOWN")
        if int(protocol) not in cgn.WITH_PORTS:
            return ()
        if port is None:
            raise RecordError("RECORD_SYNTAX")
        if text.address(inner) == text.address(public):
            return ()
        extra = _extra(middle, tail)
        self._check_whole(extra, port, tail)
        if kind is Kind.END and "id" not in extra:
            kind = Kind.ALIVE
        at = text.epoch(seconds) + timedelta(microseconds=int(micros))
        since = None
        if "delta-time" in extra:
            # A lifetime in whole seconds; longer than 31 years is no lifetime.
            since = text.plausible(at - timedelta(seconds=text.number(extra["delta-time"], 10**9)))
        zone = extra.get("zone") or extra.get("zone-orig")
        return (
            Event(
                record.pos,
                kind,
                at,
                self._device,
                text.address(public),
                cgn.port(port),
                int(protocol),
                cgn.inner(inner, f"zone{zone}" if zone else ""),
                extra.get("id"),
                since,
                unit=timedelta(milliseconds=1),
            ),
        )

    def _check_whole(self, extra: dict[str, str], port: str, tail: str) -> None:
        """Refuse a line that may have been cut off behind its port, in it or in its zone. The id is the last of all."""
        if "id" in extra:
            self._has_ids = True
        elif self._has_ids or tail.split()[-1:] == [f"zone={extra.get('zone')}"]:
            raise RecordError("RECORD_MAYBE_CUT")
        elif not tail.strip():
            cgn.check_whole(port)


def _extra(middle: str, tail: str) -> dict[str, str]:
    """Read what stands between and after the tuples; each key but the counters once."""
    extra: dict[str, str] = {}
    for word in middle.split() + tail.split():
        if word in _FLAGS or word.startswith(("packets=", "bytes=")):
            continue
        key, sign, value = word.partition("=")
        if not sign or key not in _KNOWN:
            raise RecordError("FIELD_UNKNOWN")
        if key in extra:
            raise RecordError("ATTRIBUTE_SEVERAL")
        extra[key] = value
    return extra

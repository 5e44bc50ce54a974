"""Read what a `log` rule in the srcnat chain of a MikroTik router writes: the first packet of each translated flow.

    firewall,info srcnat: in:br1 out:wan, connection-state:new proto TCP (SYN), 100.64.3.9:40112->198.51.100.80:443,
    NAT (100.64.3.9:40112->203.0.113.7:20480)->198.51.100.80:443, len 60            (one line)

Only the first packet of a flow passes this chain and nothing is logged when the flow ends: a record shows a beginning
and no more. How long the holder may have had the port is decided in `holding`, and never that he surely had it.

- **The lines of this chain that public collectors have in their tests show no NAT part**: a rule sees the packet before
  it is translated. That somebody got a port and not which is a loss.
- Other chains (forward, prerouting) show the part from the second packet on, with `,snat` in the connection state of
  newer releases. When such a flow began and how long it lasted does not show; refused as well, for a port that somebody
  is shown to have is not nobody's.
- Answers have it the other way round: `NAT 198.51.100.80:443->(203.0.113.7:20480->100.64.3.9:40112)`.

Packets that no chain shows to be translated, and flows without ports, are none of our business.
There is no stamp but that of the header, by default RFC 3164. Names of interfaces may contain blanks.
Source: RouterOS manual, "Log", "NAT" and "Packet Flow"; it does not give the form of a line.
Checked on 2026-11-28 against lines that public collectors have in their tests, of srcnat, forward and prerouting. That
srcnat shows a NAT part at all, and `prio`, is from memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from broker.attribution.logs import cgn, text
from broker.attribution.logs.events import Event, Kind, RecordError
from broker.attribution.logs.syslog import SyslogLines, is_framed

_ADDRESS = r"(?:[0-9.]{7,15}|\[?[0-9A-Fa-f:.]{2,45}\]?)"
_PAIR = rf"{_ADDRESS}(?::[0-9]{{1,5}})?"
_RULE = re.compile(
    r"([A-Za-z0-9_.-]{1,64}): in:[^,]{0,64} out:[^,]{0,64}, ((?:[a-z-]{1,32}:\S{1,64} )*)"
    r"(?:src-mac [0-9A-Fa-f:]{17}, )?"
    rf"proto ([A-Za-z0-9-]{{1,16}})(?: \([^()]{{0,64}}\))?, ({_PAIR})->({_PAIR})(?:, NAT ([^ ]{{1,256}}))?"
    r"(?:, prio [0-9]{1,3}->[0-9]{1,3})?, len [0-9]{1,5}"
)
_RULE_START = re.compile(r"[A-Za-z0-9_.-]{1,64}: in:")
_SOURCE = re.compile(rf"\(({_PAIR})->({_PAIR})\)->(?:\(({_PAIR})->{_PAIR}\)|({_PAIR}))")
_DESTINATION = re.compile(rf"{_PAIR}->\({_PAIR}->{_PAIR}\)")
_TOPIC = "firewall,"


class CgnMikrotik(SyslogLines):
    """One log. zone: that of header stamps without an offset."""

    # The topics and the prefix of the rule; other topics have a comma as well, so they are no prefix.
    BEFORE = re.compile(r"(?:firewall,[a-z,]{1,32} )?(?:[A-Za-z0-9_.:#\[\]-]{1,64} ){0,2}")

    def _read(self, pos: int, line: str) -> Iterable[Event]:
        start = _RULE_START.search(line)
        match = _RULE.fullmatch(line, start.start()) if start else None
        if start is None or match is None:
            # Messages of other topics are not ours; one of the firewall that has not its shape might be.
            if start is None and _TOPIC not in line and is_framed(line):
                return ()
            raise RecordError("RECORD_SYNTAX")
        chain, words, protocol, source, destination, translation = match.groups()
        if protocol.upper() not in cgn.PROTOCOLS:
            return ()
        known = dict(word.split(":", 1) for word in words.split())
        states = known.get("connection-state", "new").split(",")
        if translation is not None and _DESTINATION.fullmatch(translation):
            # Nothing of whom the packet comes from.
            translation = None
        if chain != "srcnat":
            if translation is None and "snat" not in states:
                return ()
            raise RecordError("EVENT_UNKNOWN")
        if translation is None:
            raise RecordError("FIELD_MISSING")
        nat = _SOURCE.fullmatch(translation)
        if nat is None:
            raise RecordError("RECORD_SYNTAX")
        inner, public, before, unchanged = nat.groups()
        if inner != source or (before or unchanged) != destination:
            raise RecordError("RECORD_CONTRADICTS")
        if "new" not in states:
            raise RecordError("EVENT_UNKNOWN")
        inner_host, _ = _split(inner)
        public_host, port = _split(public)
        if text.address(inner_host) == text.address(public_host):
            return ()
        header = self._header(line[: start.start()])
        return (
            Event(
                pos,
                Kind.BEGIN,
                header.moment(),
                header.device,
                text.address(public_host),
                cgn.port(port),
                cgn.PROTOCOLS[protocol.upper()],
                cgn.inner(inner_host),
                unit=header.unit,
                received_at=header.received_at,
            ),
        )


def _split(pair: str) -> tuple[str, str]:
    """Split address and port of a flow that has ports."""
    host, colon, port = pair.rpartition(":")
    if not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise RecordError("RECORD_SYNTAX")
    return host.strip("[]"), port

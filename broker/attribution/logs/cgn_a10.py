"""Read translation logs of A10 Thunder CGN in their ASCII form.

    NAT-TCP-C: 100.64.3.9:40112<-->203.0.113.7:20480 to 198.51.100.80:443
    FIXED-NAT-PORTS 100.64.3.9->203.0.113.7:3000-4000

C is a port given, D one taken back. Other letters stand for batches and updates, whose fields are not the same; they
are refused. So are the compact (hexadecimal), binary and CEF forms and the session form, which has two pairs of
endpoints: `cgnv6 template logging` of the device chooses the form. A fixed block is configured and not given at the
moment of its line: the line shows the holder and no beginning.
There is no stamp but that of the header, and no mark at the end: 2048 may be what a relay left of 20480. A line that
ends in such a port is refused; let the device log the destination behind it (`include-destination`).
Source: A10 Thunder, CGN logging (`cgnv6 template logging`, `format`).
Checked on 2026-11-28 against the sample lines and patterns of the public collector cgn-ec (handler `a10_thunder`): the
port mapping, session, fixed and CEF forms. Its manual was not found; DCCP and UDPLITE are from memory, unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from broker.attribution.logs import cgn, text
from broker.attribution.logs.events import Event, Kind, Ports, RecordError
from broker.attribution.logs.syslog import Header, SyslogLines, is_framed

_ENDPOINT = r"(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\]):([0-9]{1,5})"
_FLOW = re.compile(
    rf"NAT-([A-Z0-9]{{1,8}})-([A-Z]{{1,4}}): {_ENDPOINT}(?:<-->| -> ){_ENDPOINT}(?: to [0-9A-Fa-f.:\[\]]{{4,54}})?"
)
_FIXED = re.compile(r"FIXED-NAT-PORTS:? ([0-9A-Fa-f.:]{2,45})->([0-9.]{7,15}):([0-9]{1,5})-([0-9]{1,5})")
_MESSAGE = re.compile(r"FIXED-NAT-|NAT-[A-Z0-9]+-[A-Z]+:")
_KINDS = {"C": Kind.BEGIN, "D": Kind.END}
_SESSION = re.compile(r"NAT-[A-Z0-9]{1,8}-[A-Z]{1,4}: \S+<->\S+, ?\S+")
# CEF names itself; the compact form is hexadecimal, the binary one no text at all.
_OTHER_FORM = re.compile(r"CEF:[0-9]|(?<![0-9A-Za-z])[0-9A-Fa-f]{16,}|[^\t -~]")
_ADMINISTRATION = "a10logd"


class CgnA10(SyslogLines):
    """One log. zone: that of header stamps without an offset."""

    BEFORE = re.compile(r"(?:- ){0,4}")

    def _read(self, pos: int, line: str) -> Iterable[Event]:
        start = _MESSAGE.search(line)
        if start is None:
            if _OTHER_FORM.search(line):
                raise RecordError("FORM_UNSUPPORTED")
            if _ADMINISTRATION in line and is_framed(line):
                return ()
            raise RecordError("RECORD_SYNTAX")
        if match := _FLOW.fullmatch(line, start.start()):
            protocol, letter, inner4, inner6, _, public4, public6, port = match.groups()
            if (kind := _KINDS.get(letter)) is None:
                raise RecordError("EVENT_UNKNOWN")
            if protocol == "ICMP":
                return ()
            if protocol not in cgn.PROTOCOLS:
                raise RecordError("EVENT_UNKNOWN")
            public, inner = public4 or public6, inner4 or inner6
            if match.end(8) == len(line):
                cgn.check_whole(port)
            header = self._header(line[: start.start()])
            return (_event(pos, header, kind, public, cgn.port(port), cgn.PROTOCOLS[protocol], inner),)
        if match := _FIXED.fullmatch(line, start.start()):
            inner, public, first, last = match.groups()
            block = cgn.block(first, last)
            cgn.check_whole(last)
            header = self._header(line[: start.start()])
            return (_event(pos, header, Kind.ALIVE, public, block, None, inner),)
        if _SESSION.fullmatch(line, start.start()):
            raise RecordError("FORM_UNSUPPORTED")
        raise RecordError("RECORD_SYNTAX")


def _event(pos: int, header: Header, kind: Kind, public: str, ports: Ports, protocol: int | None, inner: str) -> Event:
    return Event(
        pos,
        kind,
        header.moment(),
        header.device,
        text.address(public),
        ports,
        protocol,
        cgn.inner(inner),
        unit=header.unit,
        received_at=header.received_at,
    )

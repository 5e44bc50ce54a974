"""What a log proves, in the form in which it is stored: without the names of people."""

from __future__ import annotations

from broker.attribution.logs.events import Event
from broker.attribution.logs.holding import NO_FLAG, LogInterval
from broker.attribution.logs.identity import HolderDigest
from broker.leases.rows import LOG_FLAG_SHIFT, NewRow

_INNER = "inner:"
_NOBODY = "nobody"


class LogRows:
    """Makes rows of one source. flags: of each. realm: where its private addresses belong, "" for the only one."""

    def __init__(self, flags: int, realm: str, digest: HolderDigest) -> None:
        self._flags, self._realm, self._digest = flags, realm, digest

    def without_identity(self, event: Event, number: int) -> Event:
        """Put references in place of names. number: of the log, above the position of the record."""
        holder = event.holder
        if holder and not holder.startswith(_INNER):
            holder = self._digest.reference(holder)
        session = None if event.session is None else self._digest.reference(event.session)
        return event._replace(pos=number | event.pos, holder=holder, session=session)

    def row(self, interval: LogInterval, serial: int | None = None) -> NewRow:
        """Give an interval as a row. serial: of its holding, if it may go on."""
        kind, reference, inner, realm = "line", interval.holder or _NOBODY, None, ""
        if interval.holder.startswith(_INNER):
            inner, _, realm = interval.holder.removeprefix(_INNER).partition("@")
            kind, reference = "inner", ""
            realm = realm or self._realm
        ports = interval.ports
        flags = self._flags | int(interval.flags) << LOG_FLAG_SHIFT
        return NewRow(
            interval.pos,
            interval.address,
            None if ports is None else ports.first,
            None if ports is None else ports.last,
            None if ports is None else ports.step,
            interval.protocol,
            kind,
            reference,
            inner,
            realm,
            interval.possible_from,
            interval.possible_to,
            interval.certain_from,
            interval.certain_to,
            flags,
            serial,
        )

    def shown(self, event: Event) -> NewRow:
        """Give the moment of an event the form of a row."""
        at, end = event.at, event.at + event.unit
        held = event.address or "", event.ports, event.protocol, event.holder
        return self.row(LogInterval(*held, at, end, at, at, event.pos, NO_FLAG))

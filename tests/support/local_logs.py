"""Write an invented history as devices do whose clocks are set to local time, and read it back through its format.

The stamps say neither zone nor offset, so that what happened in the hour that autumn repeats cannot be dated.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from broker.attribution.logs.cgn_cisco_xr import CgnCiscoXr
from broker.attribution.logs.cgn_junos import CgnJunos
from broker.attribution.logs.events import Event, Kind, LogFormat, RecordError
from broker.attribution.logs.kea_forensic import KeaForensic
from broker.attribution.logs.radius_detail import RadiusDetail
from broker.attribution.spans import Span, merge
from tests.support.histories import History


class Change(NamedTuple):
    """The clocks of a zone are changed at this moment."""

    zone: ZoneInfo
    at: datetime


def _change(zone: str, *moment: int) -> Change:
    return Change(ZoneInfo(zone), datetime(2026, *moment, tzinfo=UTC))  # type: ignore[arg-type, misc]  # month to minute


# One zone before UTC's day, one after it, and one whose clocks change by half an hour.
SPRING = (
    _change("Europe/Madrid", 3, 29, 1),
    _change("America/New_York", 3, 8, 7),
    _change("Australia/Lord_Howe", 10, 3, 15, 30),
)
AUTUMN = (
    _change("Europe/Madrid", 10, 25, 1),
    _change("America/New_York", 11, 1, 6),
    _change("Australia/Lord_Howe", 4, 4, 15),
)
FORMATS = {
    "radius": ("radius-detail",),
    "prefix": ("radius-detail",),
    "dhcp": ("kea-forensic",),
    "cgn": ("cgn-cisco-xr", "cgn-junos"),
}


class Reading(NamedTuple):
    """What a format read: the events with the names of the truth, when records could not be read, and how many."""

    events: list[Event]
    unread: list[Span]
    refused: int


def read_in_local_time(history: History, zone: ZoneInfo, format_name: str) -> Reading:
    """Write a history's log with stamps of a zone and read it again."""
    log = _format(format_name, zone)
    data = "".join(_written(history, zone, format_name)).encode()
    events: list[Event] = []
    unread: list[Span] = []
    records = refused = used = 0
    for record in log.records(io.BytesIO(data), 0):
        records += 1
        try:
            found = list(log.read(record))
        except RecordError as error:
            # Nothing is wrong with these logs but that the hour was repeated; anything else fails the test.
            if error.code != "TIME_FOLD" or error.unread is None:
                raise
            unread.append(error.unread)
            refused += 1
            continue
        used += len(found)
        events += (event._replace(holder=_true_name(event.holder)) for event in found)
    assert records == used + refused
    return Reading(events, merge(unread), refused)


def _format(name: str, zone: ZoneInfo) -> LogFormat:
    if name == "radius-detail":
        return RadiusDetail(zone=zone)
    if name == "kea-forensic":
        return KeaForensic("kea", "client", zone)
    return CgnCiscoXr(zone) if name == "cgn-cisco-xr" else CgnJunos(zone)


def _true_name(holder: str) -> str:
    """Give the name that the truth has for whoever a format names."""
    if holder.startswith("hw:"):
        return f"user:line-{int(holder[-2:])}"
    return holder.removesuffix("@set1")


def _written(history: History, zone: ZoneInfo, format_name: str) -> Iterable[str]:
    begins: dict[tuple[object, ...], list[datetime]] = {}
    for event in sorted(history.written(), key=lambda e: e.at):
        if event.kind is Kind.BEGIN:
            begins.setdefault((event.device, event.address, event.ports, event.holder), []).append(event.at)
    for event in history.events:
        local = event.at.astimezone(zone)
        if format_name == "radius-detail":
            yield _packet(event, local)
        elif format_name == "kea-forensic":
            yield _lease(event, local)
        elif format_name == "cgn-cisco-xr":
            yield from _group(event, local)
        elif event.kind is not Kind.RESTART:
            allocated = begins[event.device, event.address, event.ports, event.holder]
            yield _block(event, local, max(at for at in allocated if at <= event.at))


def _packet(event: Event, local: datetime) -> str:
    statuses = {Kind.BEGIN: "Start", Kind.ALIVE: "Interim-Update", Kind.END: "Stop", Kind.RESTART: "Accounting-On"}
    attribute = "Delegated-IPv6-Prefix" if "/" in (event.address or "") else "Framed-IP-Address"
    lines = [
        local.strftime("%a %b %e %H:%M:%S %Y"),
        f"\tAcct-Status-Type = {statuses[event.kind]}",
        f"\tNAS-IP-Address = 192.0.2.{250 + int(event.device[-1])}",
    ]
    if event.address is not None:
        lines += [f'\tAcct-Session-Id = "{event.session}"', f'\tUser-Name = "{event.holder.removeprefix("user:")}"']
        lines += [f"\t{attribute} = {event.address}"]
    return "\n".join(lines) + "\n\n"


def _lease(event: Event, local: datetime) -> str:
    number = int(event.holder.rpartition("-")[2])
    device = f"a device with hardware address: hwtype=1 02:00:00:00:00:{number:02}"
    said = f"released from {device}"
    if event.kind is not Kind.END:
        assert event.expires_at is not None
        minutes, seconds = divmod(int((event.expires_at - event.at).total_seconds()), 60)
        verb = "assigned" if event.kind is Kind.BEGIN else "renewed"
        said = f"{verb} for {minutes // 60} hrs {minutes % 60} mins {seconds} secs to {device}"
    return f"{local:%Y-%m-%d %H:%M:%S} Address: {event.address} has been {said}\n"


def _group(event: Event, local: datetime) -> Iterable[str]:
    # These devices write no sign of life and nothing of a restart.
    if event.kind in (Kind.BEGIN, Kind.END) and event.ports is not None:
        inner, letter = event.holder.removeprefix("inner:"), "A" if event.kind is Kind.BEGIN else "W"
        yield (
            f"<134>1 {local:%Y %b %d %H:%M:%S} {event.device} - - NAT44 - [Userbased{letter} - {inner} - - "
            f"{event.address} - {event.ports.first} {event.ports.last} - -]\n"
        )


def _block(event: Event, local: datetime, allocated: datetime) -> str:
    assert event.ports is not None
    names = {Kind.BEGIN: "ALLOC", Kind.ALIVE: "ACTIVE", Kind.END: "RELEASE"}
    heard = (event.at + timedelta(seconds=1)).isoformat()
    return (
        f"{heard} {event.device} {local:%Y-%m-%d %H:%M:%S}: {{set1}}[jservices-nat]: "
        f"JSERVICES_NAT_PORT_BLOCK_{names[event.kind]}: {event.holder.removeprefix('inner:')} -> "
        f"{event.address}:{event.ports.first}-{event.ports.last} 0x{int(allocated.timestamp()):x}\n"
    )

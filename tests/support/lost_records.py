"""Logs of which records are lost: two lines behind a NAT, what its log and that of their inner addresses say."""

from __future__ import annotations

from datetime import datetime

from broker.leases.models import LeaseSource
from tests.support.detail_log import DAY, HOUR, contracts, log, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

PUBLIC = "203.0.113.7"
MINUTE = HOUR / 60
Records = list[tuple[datetime, str]]


def two_lines() -> None:
    """Plan the addresses, and say whose line-1 and line-2 are."""
    plan(*OURS, ("203.0.113.0/24", "cgn-block"))
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def in_order(records: Records) -> list[str]:
    return [text for _, text in sorted(records, key=lambda record: record[0])]


def spans() -> list[tuple[datetime, datetime]]:
    """When the latest source vouches for everything."""
    return [(r.lower, r.upper) for r in LeaseSource.objects.order_by("pk").reverse()[0].coverage]


def inner_log() -> None:
    """Two lines hold an inner address each, all day."""
    records = [
        packet(DAY + h * HOUR, "Interim-Update" if h else "Start", f"s{n}", f"line-{n}", f"100.64.3.{n}", h * 3600)
        for h in range(24)
        for n in (1, 2)
    ]
    read(log(*records), source="radius")


def xr(at: datetime, event: str, inner: int, first: int, device: str = "192.0.2.1") -> tuple[datetime, str]:
    """Say that an inner address gets (A) or gives back (W) a block of 512 ports."""
    return at, (
        f"<134>1 {at:%Y %b %d %H:%M:%S} {device} - - NAT44 - "
        f"[Userbased{event} - 100.64.3.{inner} - - {PUBLIC} - {first} {first + 511} - -]\n"
    )


def cut(record: tuple[datetime, str]) -> tuple[datetime, str]:
    return record[0], record[1][:70] + "\n"

"""Records of logs as devices write them, one at a time."""

from __future__ import annotations

from datetime import datetime


def packet(
    at: datetime,
    status: str,
    session: str,
    user: str,
    address: str,
    seconds: int | None = None,
    nas: str = "192.0.2.9",
    stamp: datetime | None = None,
) -> str:
    """One record of a detail file, as FreeRADIUS writes them when they come; stamp: by the clock of the device."""
    lines = [
        at.strftime("%a %b %d %H:%M:%S %Y"),
        f"\tAcct-Status-Type = {status}",
        f'\tAcct-Session-Id = "{session}"',
        f'\tUser-Name = "{user}"',
        f"\tNAS-IP-Address = {nas}",
        f"\tFramed-IP-Address = {address}",
        *([] if seconds is None else [f"\tAcct-Session-Time = {seconds}"]),
        *([] if stamp is None else [f'\tEvent-Timestamp = "{stamp:%b %d %Y %H:%M:%S} UTC"']),
        f"\tTimestamp = {int(at.timestamp())}",
    ]
    return "\n".join(lines) + "\n\n"


def block(
    at: datetime, began: datetime, inner: str, first: int, kind: str = "ALLOC", outer: str = "203.0.113.7"
) -> str:
    """One line of a port block log of a Junos device: ALLOC, INTERIM or RELEASE."""
    return (
        f"<14>1 {at:%Y-%m-%dT%H:%M:%S.000Z} nat1 RT_NAT - RT_SRC_NAT_PBA_{kind} "
        f'[junos@2636.1.1.1.2.129 internal-ip="{inner}" block-used="1" block-max-per-host="4" block-port-low="{first}" '
        f'block-port-high="{first + 511}" reflexive-ip="{outer}" nat-pool-name="p1" '
        f'epoch-time-64="{int(began.timestamp()):x}"]\n'
    )

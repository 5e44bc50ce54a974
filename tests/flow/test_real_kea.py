"""Kea itself, with a lease file of its own: what its lines say is what our reader of lease files builds on."""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import until

HOOK = next(iter(Path("/usr/lib").glob("*/kea/hooks/libdhcp_lease_cmds.so")), None)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("kea-dhcp4") is None or HOOK is None, reason="needs kea-dhcp4 with its hook lease_cmds"
    ),
]

GRANTED = 1_795_850_000
LIFETIME = 3600


class Kea:
    """A DHCP server that listens on no interface; leases are made through its control socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "control"
        self.leases = folder / "leases.csv"

    def command(self, name: str, **arguments: Any) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            line.sendall(json.dumps({"command": name, "arguments": arguments}).encode())
            line.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: line.recv(65_536), b""))
        assert json.loads(said)["result"] == 0, said

    def rows(self) -> list[dict[str, str]]:
        with self.leases.open() as file:
            return list(csv.DictReader(file))


@pytest.fixture
def kea() -> Iterator[Kea]:
    # Not pytest's own folder: a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="kea-") as name:
        folder = Path(name)
        server = Kea(folder)
        configuration = {
            "interfaces-config": {"interfaces": [], "re-detect": False},
            "control-socket": {"socket-type": "unix", "socket-name": str(server.socket)},
            "lease-database": {"type": "memfile", "persist": True, "name": str(server.leases), "lfc-interval": 0},
            "valid-lifetime": LIFETIME,
            "hooks-libraries": [{"library": str(HOOK)}],
            "subnet4": [{"id": 1, "subnet": "203.0.113.0/24"}],
        }
        (folder / "kea.json").write_text(json.dumps({"Dhcp4": configuration}))
        places = {f"KEA_{what}_DIR": name for what in ("PIDFILE", "LOCKFILE")}
        # The port is above those that only root may open.
        process = subprocess.Popen(
            ["kea-dhcp4", "-c", str(folder / "kea.json"), "-p", "16767"],
            env=os.environ | places | {"KEA_LOGGER_DESTINATION": str(folder / "log")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(server.socket.exists, 30)
            yield server
        finally:
            process.terminate()
            process.wait(10)


def lease(address: str, granted: int, **more: str) -> dict[str, Any]:
    return {
        "ip-address": address,
        "hw-address": "02:00:5e:10:00:01",
        "subnet-id": 1,
        "expire": granted + LIFETIME,
        "valid-lft": LIFETIME,
        **more,
    }


def test_the_lease_file_has_a_line_for_each_grant_and_renewal(kea: Kea) -> None:
    kea.command("lease4-add", **lease("203.0.113.7", GRANTED))
    kea.command("lease4-update", **lease("203.0.113.7", GRANTED + 1800))
    kea.command("lease4-add", **lease("203.0.113.8", GRANTED, **{"client-id": "01:02:00:5e:10:00:02"}))
    rows = kea.rows()
    assert [(row["address"], int(row["expire"]) - int(row["valid_lifetime"]), row["state"]) for row in rows] == [
        ("203.0.113.7", GRANTED, "0"),
        ("203.0.113.7", GRANTED + 1800, "0"),
        ("203.0.113.8", GRANTED, "0"),
    ]
    assert (rows[0]["hwaddr"], rows[2]["client_id"]) == ("02:00:5e:10:00:01", "01:02:00:5e:10:00:02")


def test_a_deleted_lease_is_a_line_without_lifetime_that_does_not_say_when(kea: Kea) -> None:
    kea.command("lease4-add", **lease("203.0.113.7", GRANTED))
    kea.command("lease4-del", **{"ip-address": "203.0.113.7"})
    last = kea.rows()[-1]
    # Where the end stood now stands the last grant: how long the lease was held after it is lost.
    assert (last["valid_lifetime"], int(last["expire"])) == ("0", GRANTED)

"""Kea itself, with a lease file of its own: what its lines say, and what the file answers once it is imported."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from broker.attribution.history_import import import_lines
from broker.attribution.logs.identity import holder_digest
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason, Resolution, Verdict
from tests.support.deployment import until
from tests.support.lease_files import OURS, plan

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


def lease(address: str, granted: int, **more: Any) -> dict[str, Any]:
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


MINUTE, HOUR = 60, 3600
# The lines of two relays, as the server keeps them with a lease.
CIRCUITS = {1: "eth0", 2: "eth1"}


def at_circuit(number: int, address: str, granted: int, lifetime: int = LIFETIME) -> dict[str, Any]:
    """A lease of a client whose relay says where it is. All clients call themselves the same."""
    circuit = CIRCUITS[number].encode()
    option = f"0x01{len(circuit):02X}{circuit.hex().upper()}"
    context = {"ISC": {"relay-agent-info": {"sub-options": option}}}
    return lease(address, granted, **{"valid-lft": lifetime, "expire": granted + lifetime, "user-context": context})


@pytest.mark.django_db(databases=["default", "leases"])
@pytest.mark.parametrize("holder", ["circuit-id", "client"])
def test_an_imported_lease_file_names_who_is_shown_and_nobody_else(
    kea: Kea, holder: str, settings: Any, tmp_path: Path
) -> None:
    start = int(datetime.now(UTC).timestamp()) - 10 * HOUR
    # Renewed and in force to this day.
    for granted in (start, start + HOUR, start + 5 * HOUR):
        command = "lease4-add" if granted == start else "lease4-update"
        kea.command(command, **at_circuit(1, "203.0.113.7", granted, 12 * HOUR))
    # Held until it expired, which the server found out later.
    kea.command("lease4-add", **at_circuit(2, "203.0.113.8", start + HOUR))
    kea.command("leases-reclaim", remove=False)
    # Let go at a time that the file does not tell.
    kea.command("lease4-add", **at_circuit(2, "203.0.113.9", start + HOUR, 12 * HOUR))
    kea.command("lease4-del", **{"ip-address": "203.0.113.9"})
    # Another one later shows how far the file goes.
    kea.command("lease4-add", **at_circuit(2, "203.0.113.10", start + 9 * HOUR, 12 * HOUR))
    assert [(row["address"], row["state"], row["valid_lifetime"]) for row in kea.rows()] == [
        *[("203.0.113.7", "0", "43200")] * 3,
        ("203.0.113.8", "0", "3600"),
        ("203.0.113.8", "2", "3600"),
        ("203.0.113.9", "0", "43200"),
        ("203.0.113.9", "0", "0"),
        ("203.0.113.10", "0", "43200"),
    ]

    settings.KEY_DIR = tmp_path
    plan(*OURS)
    now = datetime.now(UTC)
    rows = [f"circuit:{name.encode().hex()},c-{number},2020-01-01T00:00:00Z," for number, name in CIRCUITS.items()]
    rows.append("hw:02005e100001,c-1,2020-01-01T00:00:00Z,")
    lines = io.BytesIO("\n".join(["identity,subscriber,from,to", *rows, ""]).encode())
    import_lines(lines, now=now, digest=holder_digest(tmp_path), unit=timedelta(seconds=1))
    options = ["--format=kea-memfile", "--source=kea", "--device=dhcp1", f"--holder={holder}"]
    out = io.StringIO()
    call_command("import_leases", str(kea.leases), *options, stdout=out)
    assert "9 records read" in out.getvalue()

    def ask(address: str, moment: float) -> Verdict:
        observed = datetime.fromtimestamp(start + moment, UTC)
        return attribute([Observation("q", address, None, observed)], tolerance=timedelta(seconds=5), now=now)["q"]

    renewed, expired = ask("203.0.113.7", 3 * HOUR), ask("203.0.113.8", 1.5 * HOUR)
    if holder == "client":
        # One client on two lines: what it says of itself names neither.
        assert renewed.subscriber is expired.subscriber is None
        return
    assert (renewed.subscriber, expired.subscriber) == ("c-1", "c-2")
    # After its last renewal a client may be gone before the expiry, and the file would not tell.
    for address, moment in (("203.0.113.7", 6 * HOUR), ("203.0.113.9", 2 * HOUR)):
        verdict = ask(address, moment)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.UNCERTAIN_EDGE})
    # What the clean-up of the file may have dropped, it does not show.
    for address, moment in (("203.0.113.8", 3 * HOUR), ("203.0.113.77", 3 * HOUR)):
        verdict = ask(address, moment)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.NOT_SHOWN})

"""Each wall around the examination of a document stops what it is there for, and nothing else did.

Every attempt is made by real code in a process of its own: once without any wall, where it has to succeed, and once
behind each wall that stops it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker.checks import documents_are_shut_in
from broker.orders.sandbox import ask_child, missing_walls, run_verification
from broker.orders.trust import CourtTrust
from broker.orders.verification import verify_document
from broker.orders.walls import WALLS
from tests.broker.orders.test_verification import EXPECTED, FIXTURES, TRUST
from tests.support.court import SIGNED_AT

ROOT = Path(__file__).parents[3]
CHILD = ROOT / "broker" / "orders" / "verify_process.py"
REFUSE = (sys.executable, str(Path(__file__).with_name("refuse_walls.py")))
AT = SIGNED_AT + timedelta(hours=1)
MISSING = missing_walls()

STOPPED, SUCCEEDED = 7, 0
# An attempt that is stopped raises; whatever else happens is seen as neither.
AROUND = """
import mmap, os, runpy, socket, sys
walls = runpy.run_path({walls!r}, run_name="walls")
for name in {names!r}:
    if name == "limits":
        # Root is not bound by the limit on processes.
        os.geteuid() or os.setuid(65534)
        walls["limit_resources"](20)
    elif not walls["raise_wall"](name):
        sys.exit(9)
try:
    {attempt}
except (OSError, MemoryError, ValueError):
    sys.exit({stopped})
os._exit(0)
"""
ATTEMPTS = {
    "network": "socket.socket().connect(('127.0.0.1', PORT))",
    "socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "key": "assert open(KEY).read() == 'a key'",
    "write": "open(NEW, 'w', buffering=1).write('leak\\n')",
    "remove": "os.unlink(KEY)",
    # Without reserving (0x4000), because only the asking counts here and not what the machine has.
    "memory": "mmap.mmap(-1, 4 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)",
    "fork": "[os.fork() or os._exit(0) for _ in range(8)]",
    "program": "os.execv('/bin/true', ['true'])",
    "signal": "os.kill(os.getppid(), 0)",
}
STOPS = [
    ("network", "network"),
    ("network", "calls"),
    ("socket", "network"),
    ("socket", "calls"),
    ("key", "files"),
    ("key", "calls"),
    ("write", "files"),
    ("write", "calls"),
    ("write", "limits"),
    ("remove", "files"),
    ("remove", "calls"),
    ("memory", "limits"),
    ("fork", "limits"),
    ("fork", "calls"),
    ("program", "files"),
    ("program", "calls"),
    ("signal", "calls"),
]


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def attempt(name: str, names: list[str], folder: Path, port: int) -> int:
    """Make one attempt behind these walls; return the exit status of the process that made it."""
    folder.chmod(0o777)
    key, new = folder / "key", folder / "new"
    key.write_text("a key")
    key.chmod(0o600)
    code = ATTEMPTS[name].replace("PORT", str(port)).replace("KEY", repr(str(key))).replace("NEW", repr(str(new)))
    program = AROUND.format(walls=str(CHILD.with_name("walls.py")), names=names, attempt=code, stopped=STOPPED)
    status = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program], timeout=60, stdin=subprocess.DEVNULL
    ).returncode
    written = new.exists() and new.stat().st_size > 0
    assert status != SUCCEEDED or name != "write" or written
    assert status == SUCCEEDED or not written
    assert (name == "remove" and status == SUCCEEDED) is not key.exists()
    return status


def says_what_is_missing(wall: str) -> None:
    """Where the kernel does not offer a wall, the system check has to say so."""
    [found] = documents_are_shut_in(None)
    assert wall in found.msg or found.id == "broker.E008"


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_attempt_succeeds_without_a_wall(name: str, tmp_path: Path, port: int) -> None:
    assert attempt(name, [], tmp_path, port) == SUCCEEDED


@pytest.mark.parametrize(("name", "wall"), STOPS)
def test_the_wall_alone_stops_the_attempt(name: str, wall: str, tmp_path: Path, port: int) -> None:
    if wall in MISSING:
        says_what_is_missing(wall)
        return
    # Over the limit on files, a process is ended by a signal.
    assert attempt(name, [wall], tmp_path, port) in {STOPPED, -25}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_all_walls_together_stop_every_attempt(name: str, tmp_path: Path, port: int) -> None:
    if "calls" in MISSING:
        says_what_is_missing("calls")
        return
    names = ["limits", *(wall for wall in WALLS if wall not in MISSING)]
    assert attempt(name, names, tmp_path, port) in {STOPPED, -25}


def test_every_wall_and_every_attempt_is_tried() -> None:
    assert {wall for _, wall in STOPS} == {*WALLS, "limits"}
    assert {name for name, _ in STOPS} == set(ATTEMPTS)


@pytest.mark.parametrize("name", sorted({*EXPECTED, *(f"good/{p.stem}" for p in (FIXTURES / "good").glob("*.pdf"))}))
def test_the_walls_change_no_verdict(name: str) -> None:
    pdf = (FIXTURES / f"{name}.pdf").read_bytes()
    assert run_verification(pdf, TRUST, AT) == verify_document(pdf, TRUST, at=AT)


def test_an_ordinary_user_has_the_same_walls() -> None:
    code = (
        f"import os, runpy; walls = runpy.run_path({str(CHILD.with_name('walls.py'))!r})\n"
        "os.geteuid() or os.setuid(65534)\n"
        "print([name for name in walls['WALLS'] if walls['raise_wall'](name)])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([name for name in WALLS if name not in MISSING])


def question() -> bytes:
    header = {"at": AT.isoformat(), "pdf_bytes": 0, "trust": CourtTrust().to_data()}
    return json.dumps(header).encode() + b"\n"


@pytest.mark.parametrize(
    ("refused", "expected"),
    [("network", "order.empty"), ("network,files", "order.empty"), ("network,files,calls", "order.sandbox-missing")],
)
def test_examines_behind_what_is_left_and_not_at_all_behind_nothing(refused: str, expected: str) -> None:
    verdict = ask_child([*REFUSE, refused, sys.executable, "-I", "-B", str(CHILD), "20"], question(), timeout=30)
    assert verdict.failure is not None
    assert verdict.failure.code == expected


@pytest.mark.parametrize(
    ("refused", "says", "status"),
    [
        ("network", "broker.W009) Orders are examined without these walls: network.", 0),
        ("network,files", "broker.W009) Orders are examined without these walls: network, files.", 0),
        ("network,files,calls", "broker.E008", 1),
    ],
)
def test_the_system_check_names_the_walls_that_are_missing(
    refused: str, says: str, status: int, tmp_path: Path
) -> None:
    # The command itself, without the embedded PostgreSQL that manage.py starts for it and that it does not ask.
    check = "import django; django.setup(); from django.core.management import call_command; call_command('check')"
    done = subprocess.run(
        [*REFUSE, refused, sys.executable, "-c", check],
        cwd=ROOT,
        env=os.environ
        | {"BROKER_PROCESS": "owner", "BROKER_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "broker.settings"},
        capture_output=True,
        text=True,
    )
    assert says in done.stderr, done.stderr
    assert done.returncode == status

"""`manage.py up`: everything runs, what dies comes back, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings

from tests.support.deployment import until


def processes_of(home: Path) -> dict[int, str]:
    """Command lines of the processes that work for this home, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"BROKER_HOME={home}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # Gone, or somebody else's.
    return found


def log_in(port: int, said: str, environment: dict[str, str]) -> str:
    """Log in as a demo person with nothing but what `up` and `totp` print; give the address of the page reached."""
    password = re.search(r"every demo log-in has the password (\S+)", said, re.I)
    assert password is not None
    assert "carla" in said
    manage = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py")]
    code = subprocess.run(
        [*manage, "totp", "carla"], env=environment, capture_output=True, text=True, check=True
    ).stdout
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    address = f"http://localhost:{port}/login/"
    for sent in ({"login": "carla", "password": password[1]}, {"code": code.split()[0]}):
        with browser.open(address) as page:
            token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
        assert token is not None
        body = urlencode({**sent, "csrfmiddlewaretoken": token[1]}).encode()
        headers = {"Origin": f"http://localhost:{port}"}
        with browser.open(urllib.request.Request(address, body, headers)) as page:
            address = page.url
    return address


def test_runs_restarts_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BROKER_", "DJANGO_"))}
    output = tmp_path / "output"
    with output.open("w") as said:
        up = subprocess.Popen(
            [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "up", "--port", str(port)],
            env=environment | {"BROKER_HOME": str(home)},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "Ctrl-C stops everything" in output.read_text(), 120)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login/") as page:
            assert page.status == 200
        assert log_in(port, output.read_text(), environment | {"BROKER_HOME": str(home)}).endswith("/requests/")
        (worker, *_) = [pid for pid, line in processes_of(home).items() if "-Q release" in line]
        os.kill(worker, signal.SIGKILL)
        until(lambda: "worker was killed by SIGKILL; starting it again" in output.read_text(), 30)
        until(lambda: any("-Q release" in line for pid, line in processes_of(home).items() if pid != worker), 30)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
    # PostgreSQL ends a moment after the command that stopped it.
    until(lambda: not processes_of(home), 10)

"""The processes of one deployment on one machine, as command lines and environments; used by `up` and `demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from broker.databases import Process
from broker.errors import BrokerError
from broker.supervise import Supervisor

MANAGE = Path(settings.BASE_DIR) / "manage.py"


class StepFailed(BrokerError):
    """A command that prepares the ground failed; the message has what it printed."""

    code = "step.failed"


def environment(process: Process) -> dict[str, str]:
    """Our own environment for a child of this kind of process, with the same home."""
    return os.environ | {
        "BROKER_PROCESS": process.value,
        "BROKER_HOME": str(settings.HOME),
        "DJANGO_SETTINGS_MODULE": "broker.settings",
        "PYTHONUNBUFFERED": "1",
    }


def run_command(process: Process, *arguments: str) -> str:
    """Run one management command to its end as a process of this kind; returns what it printed.

    Raises StepFailed with the command's own words when it fails.
    """
    done = subprocess.run(
        [sys.executable, str(MANAGE), *arguments],
        env=environment(process),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepFailed(f"'{arguments[0]}' failed:\n{done.stdout.strip()}")
    return done.stdout


def start_workers(supervisor: Supervisor, extra: dict[str, str] | None = None) -> None:
    """Start the release worker, the jobs worker and the relay, and wait until they are ready.

    extra: further environment variables for all of them.
    """
    _start_celery(supervisor, "worker", Process.WORKER, "release", extra or {})
    _start_celery(supervisor, "jobs", Process.JOBS, "jobs", extra or {})
    supervisor.start("relay", [sys.executable, str(MANAGE), "relay"], env=environment(Process.JOBS) | (extra or {}))
    supervisor.wait_ready({name: _prints(supervisor.log(name), " ready.") for name in ("worker", "jobs")}, timeout=60)


def start_web(supervisor: Supervisor, address: str, extra: dict[str, str] | None = None) -> None:
    """Start the web server on `host:port` and wait until it listens."""
    # Without --no-control-socket it would leave a socket in the home folder of whoever runs it.
    options = ["--no-control-socket", "--bind", address, "--workers", "2", "--threads", "4"]
    supervisor.start(
        "web",
        [sys.executable, "-m", "gunicorn", *options, "broker.wsgi"],
        env=environment(Process.WEB) | (extra or {}),
        cwd=Path(settings.BASE_DIR),
    )
    supervisor.wait_ready({"web": _prints(supervisor.log("web"), "Listening at")}, timeout=60)


def _start_celery(supervisor: Supervisor, name: str, process: Process, queue: str, extra: dict[str, str]) -> None:
    # One process at a time keeps a release's plaintext in one short-lived child; more throughput is more workers.
    arguments = ["worker", "-Q", queue, "-n", f"{name}@broker", "-c", "1", "-l", "INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    supervisor.start(
        name,
        [sys.executable, "-m", "celery", "-A", "broker.celery", *arguments, *quiet],
        env=environment(process) | extra,
        cwd=Path(settings.BASE_DIR),
    )


class _prints:
    """A probe: has the child's log this text yet?"""

    def __init__(self, log: Path, text: str) -> None:
        self._log, self._text = log, text

    def __call__(self) -> bool:
        return self._text in self._log.read_text(errors="replace")

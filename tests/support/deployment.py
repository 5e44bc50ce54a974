"""Real processes on the test databases: release worker, jobs, relay and, where asked for, the web server."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections

from broker.processes import start_web, start_workers
from broker.supervise import Supervisor


def environment_of_tests() -> dict[str, str]:
    """What a process needs to work on the test databases instead of those of its home."""
    urls = {}
    for alias, name in (
        ("default", "BROKER_DATABASE_URL"),
        ("leases", "BROKER_LEASES_DATABASE_URL"),
        ("identities", "BROKER_IDENTITIES_DATABASE_URL"),
    ):
        database = connections[alias].settings_dict
        urls[name] = f"postgresql:///{database['NAME']}?host={database['HOST']}&port={database['PORT']}"
    return urls | {
        "BROKER_SECRET_KEY": settings.SECRET_KEY,
        "BROKER_OPERATOR_ID": settings.OPERATOR_ID,
        "BROKER_ALLOWED_HOSTS": "localhost,127.0.0.1",
        "BROKER_ALLOW_DOCUMENTATION_ADDRESSES": "true",
        "BROKER_KEY_DIR": str(settings.KEY_DIR),
        "BROKER_PASSWORD_DIR": str(settings.PASSWORD_DIR),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
    }


@contextmanager
def workers(logs: Path, extra: dict[str, str] | None = None) -> Iterator[Supervisor]:
    """Run worker, jobs and relay for the length of the block."""
    with Supervisor(logs, say=lambda _: None) as supervisor:
        start_workers(supervisor, environment_of_tests() | (extra or {}))
        yield supervisor
    # A killed process leaves its session behind until the server notices; the test database cannot go before.
    until(nobody_else_connected)


def nobody_else_connected() -> bool:
    """Whether every session on the test databases is our own."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = ANY (%s) AND usename <> current_user",
            [[connections[alias].settings_dict["NAME"] for alias in connections]],
        )
        return bool(cursor.fetchone()[0])


def add_web(supervisor: Supervisor) -> str:
    """Start the web server on a free port and return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Cookies over plain HTTP, as on the embedded default: this server is reached from this machine only.
    start_web(supervisor, f"127.0.0.1:{port}", environment_of_tests() | {"BROKER_PLAIN_HTTP": "true"})
    return f"http://127.0.0.1:{port}"


def until(happened: Callable[[], bool], seconds: float = 60, every: float = 0.05) -> None:
    """Wait until something is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(every)

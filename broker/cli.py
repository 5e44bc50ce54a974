"""What `manage.py` does around a command: say errors in one sentence, keep the embedded server running."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from broker.errors import BrokerError, InputError

# Commands that work without a database, also where none can be started.
_NO_DATABASE = {"help", "version", "--help", "--version", "-h", "make_keys", "makemigrations", "collectstatic"}


def run(argv: Sequence[str]) -> int:
    """Run one management command; returns the exit status. Errors of ours are one sentence, not a traceback."""
    if argv[1:2] == ["demo"]:
        _give_demo_a_home()
    try:
        from django.conf import settings
        from django.core.management import execute_from_command_line

        if settings.EMBEDDED and not _NO_DATABASE & set(argv[1:2] or ["help"]):
            from broker.embedded import Cluster
            from broker.stop_signals import StopSignals

            with StopSignals(), Cluster(settings.EMBEDDED_FOLDER).running() as cluster:
                cluster.create_databases(_names())
                execute_from_command_line(list(argv))
        else:
            execute_from_command_line(list(argv))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except InputError as error:
        for problem in error.problems:
            where = f"line {problem.line}, " if problem.line is not None else ""
            print(f"{where}{problem.field}: {problem.message} [{problem.code}]", file=sys.stderr)
        return 1
    except BrokerError as error:
        print(f"{error} [{error.code}]", file=sys.stderr)
        return 1
    return 0


def _give_demo_a_home() -> None:
    """Let the demo play in stores of its own, thrown away afterwards, whatever this machine is set up for."""
    base = Path(os.environ.get("BROKER_HOME") or Path(__file__).resolve().parent.parent / ".var")
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = tempfile.mkdtemp(prefix="demo-", dir=base)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("BROKER_") and name != "BROKER_PROCESS"]:
        del os.environ[name]
    # The cases are of 2026 and stay playable; a real provider keeps leases for as long as its law says.
    os.environ |= {"BROKER_HOME": home, "BROKER_LEASE_RETENTION_DAYS": "3660"}


def _names() -> list[str]:
    from broker.databases import EMBEDDED_NAMES

    return list(EMBEDDED_NAMES.values())

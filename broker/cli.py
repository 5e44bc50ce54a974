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
    try:
        if argv[1:2] == ["demo"]:
            _give_demo_a_home()
        elif argv[1:2] == ["up"]:
            # The addresses to try are of 2026 and stay answerable, as in the demo.
            os.environ.setdefault("BROKER_LEASE_RETENTION_DAYS", "3660")
        from django.conf import settings

        from broker.databases import Process

        needs_database = not _NO_DATABASE & set(argv[1:2] or ["help"])
        checked = needs_database and settings.PROCESS in (Process.JOBS, Process.FEEDER)
        if settings.EMBEDDED and needs_database:
            from broker.bootstrap import bootstrap_server
            from broker.databases import EMBEDDED_NAMES
            from broker.embedded import Cluster
            from broker.stop_signals import StopSignals

            with StopSignals(), Cluster(settings.EMBEDDED_FOLDER).running() as cluster:
                bootstrap_server(cluster.conninfo(), EMBEDDED_NAMES, None)
                _execute(argv, checked=checked)
        else:
            _execute(argv, checked=checked)
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
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename or 'a file or socket'}. [system]", file=sys.stderr)
        return 1
    except Exception as error:
        if (sentence := _about_database(error)) is None:
            raise
        print(f"{sentence} [database]", file=sys.stderr)
        return 1
    return 0


def _execute(argv: Sequence[str], *, checked: bool) -> None:
    """Run the command; checked: only if the databases are as they have to be."""
    from django.core.management import execute_from_command_line

    if checked:
        import django

        from broker.checks import require_safe_start

        django.setup()
        require_safe_start()
    execute_from_command_line(list(argv))


def _about_database(error: Exception) -> str | None:
    """Say in one sentence what an operator can mend about a database; None for every other error."""
    from django.db import OperationalError, ProgrammingError

    if isinstance(error, OperationalError):
        # The first line has host and database, never a statement or a value.
        return f"The database cannot be used: {str(error).strip().splitlines()[0]}"
    if isinstance(error, ProgrammingError) and getattr(error.__cause__, "sqlstate", "") == "42P01":
        return "The database has no tables of ours yet. Run 'BROKER_PROCESS=owner manage.py prepare' first."
    return None


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

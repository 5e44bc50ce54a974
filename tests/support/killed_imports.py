"""Imports as processes of their own that are killed by SIGKILL, at moments a test chooses."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from broker.crypto.epochs import new_epoch, save_public
from broker.leases.models import (
    AddressWidth,
    Lease,
    LeaseImport,
    LeaseSource,
    LogHolding,
    LogProgress,
    LogReject,
    OddBlock,
    OpenLease,
    PortBlock,
    SourceDay,
)
from broker.leases.rows import POSITION_BITS
from tests.support.deployment import environment_of_tests, until
from tests.support.servers import admin_conninfo

_OF_A_LOG = (1 << POSITION_BITS) - 1


class Forked:
    """An import in a copy of this process, which is there at once; it works as the role of the tests."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid:
            return
        # The connections of the parent must be neither used nor closed here.
        self._inherited = [connections[alias].connection for alias in connections]
        code = 1
        try:
            for alias in connections:
                connections[alias].connection = None
            call_command("import_leases", *arguments, stdout=StringIO())
            code = 0
        finally:
            os._exit(code)

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        until(lambda: self.poll() is not None)
        return self._code or 0


class Feeder:
    """Imports leases as the feeder does, with a key folder of its own.

    fork: in copies of this process instead of by `manage.py`, whose start takes a second and more.
    """

    def __init__(self, folder: Path, *, fork: bool = False) -> None:
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o700, exist_ok=True)
        save_public(new_epoch(1).public, self.keys / "epoch.public")
        self._said, self._fork = folder / "said", fork
        self.kills = 0

    def start(self, *arguments: object, stdin: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Begin an import by the command."""
        names = ("PATH", "LANG", "HOME")
        mine = {name: os.environ[name] for name in names if name in os.environ}
        mine |= {"BROKER_PROCESS": "feeder", "BROKER_HOME": str(settings.HOME)}
        with self._said.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "manage.py", "import_leases", *map(str, arguments)],
                cwd=settings.BASE_DIR,
                env=mine | environment_of_tests() | {"BROKER_KEY_DIR": str(self.keys)},
                stdin=stdin,
                stdout=said,
                stderr=said,
            )

    def finish(self, *arguments: object, stdin: Path | None = None) -> None:
        """Import undisturbed."""
        assert self._begin(arguments, stdin).wait() == 0, self._said.read_text() if self._said.exists() else ""

    def kill_before(self, statement: str, *arguments: object, stdin: Path | None = None, alias: str = "leases") -> bool:
        """Kill an import when it needs what `statement` locks: a moment inside a transaction, always the same one.

        Gives whether it was killed, like the others: an import that finds nothing more to do ends by itself.
        """
        with held(statement, alias):
            running = self._begin(arguments, stdin)
            until(lambda: running.poll() is not None or waiting(alias))
            return self._kill(running)

    def kill_fed(self, data: bytes, *arguments: object) -> bool:
        """Kill an import that has taken exactly these bytes from its standard input and waits for more."""
        running = self.start(*arguments, stdin=subprocess.PIPE)
        assert running.stdin is not None
        running.stdin.write(data)
        running.stdin.flush()
        pipe = running.stdin.fileno()
        until(lambda: _unread(pipe) == 0)
        killed = self._kill(running)
        running.stdin.close()
        return killed

    def kill_after(self, seconds: float, *arguments: object, stdin: Path | None = None) -> bool:
        """Kill an import this long after it has reached the database."""
        running = self._begin(arguments, stdin)
        until(lambda: running.poll() is not None or connected(), every=0.002)
        time.sleep(seconds)
        return self._kill(running)

    def _begin(self, arguments: Sequence[object], stdin: Path | None) -> subprocess.Popen[bytes] | Forked:
        if self._fork:
            return Forked([str(argument) for argument in arguments])
        with (stdin or Path(os.devnull)).open("rb") as log:
            return self.start(*arguments, stdin=log)

    def _kill(self, running: subprocess.Popen[bytes] | Forked) -> bool:
        if running.poll() is None:
            running.kill()
        code = running.wait()
        assert code in (0, -signal.SIGKILL), self._said.read_text() if self._said.exists() else code
        self.kills += code != 0
        return code != 0


@contextmanager
def held(statement: str, alias: str) -> Iterator[None]:
    """Hold a lock in one of the stores for the length of the block, as somebody else."""
    with psycopg.connect(admin_conninfo(connections[alias].settings_dict["NAME"])) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


def waiting(alias: str) -> bool:
    """Whether somebody waits for a lock in one of the stores."""
    return _somebody("wait_event_type = 'Lock'", alias)


def connected() -> bool:
    """Whether the feeder has come to the store of leases."""
    return _somebody("usename = 'broker_feeder' AND query ~ 'lease_'", "leases")


def _somebody(condition: str, alias: str) -> bool:
    with psycopg.connect(admin_conninfo(connections[alias].settings_dict["NAME"]), autocommit=True) as connection:
        (found,) = connection.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        ).fetchone() or (0,)
        return bool(found)


def _unread(pipe: int) -> int:
    """How many bytes nobody has taken from a pipe yet."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def stored() -> dict[str, list[Any]]:
    """Everything that imports left, without the numbers and times that the database and the clock gave."""
    of_holder = ("holder__kind", "holder__reference", "holder__inner_address", "holder__realm")
    by = ("source__name", "source_pos", "address", "flags", *of_holder)
    ends = ("valid_from", "valid_to", "certain_after", "certain_before")
    ports = ("port_from", "port_to", "port_step", "protocol")
    open_ends = ("possible_from", "possible_to", "certain_from", "certain_to", "serial")
    # Which of the two tables a block stands in depends on what was seen before it.
    blocks = [row for table in (PortBlock, OddBlock) for row in table.objects.values_list(*by, *ends, *ports)]
    holdings = LogHolding.objects.order_by("source__name", "serial").values_list("source__name", "serial", "state")
    return {
        "leases": _ordered(Lease.objects.values_list(*by, *ends)),
        "blocks": _ordered(blocks),
        "open": _ordered(OpenLease.objects.values_list(*by, *open_ends, *ports)),
        "holdings": [(name, serial, state | {"pos": state["pos"] & _OF_A_LOG}) for name, serial, state in holdings],
        "rejects": _ordered(LogReject.objects.values_list("log__source__name", "position", "code")),
        "progress": _ordered(LogProgress.objects.values_list("place", "offset", "reader", "counts", "head_sha256")),
        "files": _ordered(LeaseImport.objects.values_list("sha256", "row_count", "complete_from", "complete_until")),
        "sources": [
            (*values, str(spans))
            for *values, spans in LeaseSource.objects.order_by("name").values_list(
                "name", "realm", "clocks", "serial", "lags", "coverage"
            )
        ],
        "clocks": _ordered(SourceDay.objects.values_list("source__name", "day", "found_offset")),
        "widths": _ordered(AddressWidth.objects.values_list("family", "width")),
    }


def _ordered(rows: Any) -> list[Any]:
    return sorted(rows, key=str)


def forget_everything() -> None:
    """Empty the store of leases, so that another history can be compared with the one before."""
    with connections["leases"].cursor() as cursor:
        cursor.execute(
            "TRUNCATE lease, port_block, odd_block, open_lease, log_holding, log_reject, log_progress, lease_import, "
            "lease_holder, line_term, held_lease, held_radacct, lease_hold, lease_source_day, lease_drifted_day, "
            "lease_source, address_plan, address_width, block_shape"
        )

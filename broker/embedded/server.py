"""One PostgreSQL server process on one data folder: initialise, start, stop.

Whether the server lives is told by a lock and never by a process id: the starter locks `.server.lock` and
the server inherits the open file, so the kernel frees the lock when the last process of the server is gone,
however it went. Process ids are used again after a power loss; locks are not. The lock is taken before
anything is prepared, so that of several processes that start at once one starts and the others wait.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from broker.embedded.errors import EmbeddedError
from broker.embedded.places import make_private
from broker.embedded.programs import MAJOR_VERSION, Programs, find_programs, remove_copy
from broker.log_tail import last_lines

USER = "postgres"
PORT = "5432"
START_SECONDS = 120.0  # Recovery after a power loss has to fit in.
_POLL_SECONDS = 0.02
_LOG_KEEP_BYTES = 1024 * 1024

# Small, without network, and silent about statements: an error's text, its detail and its statement may name
# persons, so errors go to the client that made them and the log keeps what concerns the server itself.
_OPTIONS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "2",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    # Shared memory as files of the data folder: nothing is left in /dev/shm, which is tiny in containers.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Server:
    """The server of the cluster in `folder`, whoever started it."""

    def __init__(self, folder: Path, socket_dir: Path) -> None:
        self.folder = folder
        self.socket_dir = socket_dir
        self.data = folder / "data"
        self.log = folder / "server.log"

    def ensure_running(self, *, durable: bool) -> None:
        """Start the server unless it runs, and wait until it takes connections.

        Raises EmbeddedError with the end of the server's log if it does not come up, and when durable writes
        are wanted from a server that was started without them.
        """
        deadline = time.monotonic() + START_SECONDS
        started = False
        while self._ping() is not Ping.OK:
            with self._lock() as lock:
                if lock is not None and started:
                    raise self._failure("PostgreSQL stopped while it was starting")
                if lock is not None:
                    self._start(lock, durable=durable)
                    started = True
            # Held by a server that is starting, stopping, or dying after its main process was killed: wait.
            if time.monotonic() > deadline:
                raise self._failure(f"PostgreSQL took no connection within {START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        if durable and "fsync=off" in (self.data / "postmaster.opts").read_text():
            raise EmbeddedError(
                f"The server in {self.folder} runs without durable writes, for tests: end what uses it first."
            )

    def stop(self) -> None:
        """Stop the server if it lives: politely, then at once, then by force. Returns when it is gone."""
        for number, seconds in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            deadline = time.monotonic() + seconds
            signalled = False
            while time.monotonic() < deadline:
                if self._is_gone():
                    self._tidy()
                    return
                signalled = signalled or self._signal(number)
                time.sleep(_POLL_SECONDS)
        raise self._failure("PostgreSQL did not stop")

    def _start(self, lock: int, *, durable: bool) -> None:
        with self._open_log() as log:
            programs = find_programs(self.folder, log)
            self._initialise(programs, log, durable=durable)
            self._make_socket_folder(programs)
            self._forget_dead_server()
            options = _OPTIONS if durable else _OPTIONS | _NOT_DURABLE
            with programs.naming(self.data, self.socket_dir) as ((data, socket_dir), keep):
                quoted = socket_dir.replace('"', '""')
                pairs = {"unix_socket_directories": f'"{quoted}"'} | options
                status = programs.run(
                    "postgres",
                    "-D",
                    data,
                    *(part for pair in pairs.items() for part in ("-c", "=".join(pair))),
                    keep=(lock, *keep),
                    log=log,
                    steps=("detach",),
                )
        if status != 0:
            raise self._failure(f"PostgreSQL could not be started (exit status {status})")

    def _initialise(self, programs: Programs, log: int, *, durable: bool) -> None:
        """Make the data folder under another name and rename it, so that half a folder is never used."""
        if self.data.exists():
            self._check_version()
            programs.own(self.data)
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        programs.own(fresh)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        sync = () if durable else ("--no-sync",)
        with programs.naming(fresh) as ((name,), keep):
            status = programs.run("initdb", "-D", name, "-U", USER, "--auth=trust", *locale, *sync, keep=keep, log=log)
        if status != 0:
            raise self._failure(f"initdb could not make the data folder (exit status {status})")
        fresh.rename(self.data)

    def _check_version(self) -> None:
        try:
            version = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(f"{self.data} is not a data folder of PostgreSQL: move it away.") from None
        if version != MAJOR_VERSION:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {version}, this one is {MAJOR_VERSION}: move the folder "
                f"away, or set BROKER_DATABASE_URL to a server of version {version} that uses it."
            )

    def _make_socket_folder(self, programs: Programs) -> None:
        if self.socket_dir.parent != self.folder:
            make_private(self.socket_dir.parent)
        shutil.rmtree(self.socket_dir, ignore_errors=True)
        self.socket_dir.mkdir(mode=0o700)
        programs.own(self.socket_dir)

    def _forget_dead_server(self) -> None:
        """Remove the process id of a dead server: PostgreSQL would refuse if another process has it now.

        We hold the server's lock, so no server of ours lives. One that somebody started by hand on this
        folder has it as its working folder; then the file stays, and PostgreSQL refuses.
        """
        file = self.data / "postmaster.pid"
        pid = self._pid()
        try:
            if pid is not None and Path(f"/proc/{pid}/cwd").samefile(self.data):
                return
        except PermissionError:
            return
        except FileNotFoundError:
            pass
        file.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> bool:
        """Signal the main process if it is known; the lock has told us that some process of it lives."""
        pid = self._pid()
        if pid is None:
            return False
        try:
            if not Path(f"/proc/{pid}/cwd").samefile(self.data):
                return False  # The main process is dead and its id belongs to somebody else.
        except FileNotFoundError:
            if Path("/proc/self/cwd").exists():
                return False
        except PermissionError:
            pass  # Root without the right to look at another user's process: ours runs as another user.
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def _pid(self) -> int | None:
        try:
            first = (self.data / "postmaster.pid").read_text().partition("\n")[0]
        except FileNotFoundError:
            return None
        return int(first) if first.isdecimal() else None

    def _ping(self) -> Ping:
        # A connection would fail when all are taken; a ping says that the server is there.
        info = make_conninfo(host=str(self.socket_dir), port=PORT, user=USER, dbname=USER, connect_timeout=5)
        return Ping(PGconn.ping(info.encode()))

    def _is_gone(self) -> bool:
        with self._lock() as lock:
            return lock is not None

    @contextmanager
    def _lock(self) -> Iterator[int | None]:
        """Give a descriptor that holds the server's lock, or None while any process of the server lives."""
        try:
            descriptor = os.open(self.folder / ".server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self.folder} was removed under a running server, which ends by itself within a minute."
            ) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        large = self.log.exists() and self.log.stat().st_size > _LOG_KEEP_BYTES
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if large else 0)
        descriptor = os.open(self.log, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _tidy(self) -> None:
        """Remove what lies outside the cluster's folder."""
        remove_copy(self.folder)
        if self.socket_dir.parent != self.folder:
            shutil.rmtree(self.socket_dir.parent, ignore_errors=True)

    def _failure(self, what: str) -> EmbeddedError:
        return EmbeddedError(
            f"{what}. The end of {self.log}:\n{last_lines(self.log)}\n"
            "Correct what it names, or set BROKER_DATABASE_URL to a server."
        )

"""Run several programs together: start them, start again what dies, and leave no process behind.

Every child has a session of its own. Ctrl-C in a terminal reaches the supervisor alone, which then stops the
children in reverse order; and what a child started (pool processes) is killed with the child's process group.
When the supervisor itself is killed, the kernel sends every child SIGTERM, and a watcher in every group kills
after the same grace what is left. Linux only.
A child must stay in the foreground and must not start sessions of its own; what does so escapes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from broker import launch
from broker.errors import BrokerError
from broker.log_tail import last_lines
from broker.stop_signals import StopSignals

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A child that lived this long was well: the next death starts counting from one.
WELL_SECONDS = 30.0
# From this many deaths in a row on, the end of the child's log is shown.
KEEPS_DYING = 3
_TICK_SECONDS = 0.05
_GROUP_SECONDS = 2.0


class SuperviseError(BrokerError):
    """A child did not become ready; the message has the end of its log."""

    code = "supervise.not-ready"


@dataclass
class _Child:
    """One program and how it has been doing."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None
    cwd: Path | None
    log: Path
    grace: float
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    deaths: int = 0

    def start(self, lifeline: int) -> None:
        step = f"die-with={os.getpid()}:{lifeline}:{self.grace}"
        command = [sys.executable, "-I", "-S", launch.__file__, step, "--", *self.argv]
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=self.env,
                cwd=self.cwd,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        self.started_at = time.monotonic()

    def has_ended(self) -> bool:
        """Look without reaping: while the dead child is kept, its id can be given to no other group."""
        if self.process is None:
            return False
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def clear(self) -> int:
        """Kill what is left of the group, reap the child, and give its exit status as Popen does."""
        if self.process is None:
            return 0
        group = self.process.pid
        os.killpg(group, signal.SIGKILL)
        deadline = time.monotonic() + _GROUP_SECONDS
        while _lives(group) and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS / 5)
        status = self.process.wait()
        self.process = None
        return status


class Supervisor:
    """A set of child processes, kept alive for the length of a `with` block.

    logs: folder for one log file for each child, made anew each time (0700, files 0600).
    grace: seconds a child has between SIGTERM and SIGKILL.
    say: takes one message at a time for the person watching.
    """

    def __init__(self, logs: Path, *, grace: float = 10.0, say: Callable[[str], None] = print) -> None:
        self._logs = logs
        self._grace = grace
        self._say = say
        self._children: dict[str, _Child] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._stack = ExitStack()
        self._lifeline = (-1, -1)
        self._signals = StopSignals()
        # The kernel ties "die with the parent" to the thread that started a child, so that one thread starts
        # all of them, stops all of them, and ends last.
        self._keeper = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._signals = self._stack.enter_context(self._signals)
        # Its writing end closes with this process, however it ends; that is what the watchers wait for.
        self._lifeline = os.pipe()
        for end in self._lifeline:
            self._stack.callback(os.close, end)
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            self.stop()

    def start(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        """Add a child and start it soon; children are stopped in the reverse order of these calls.

        env: the child's whole environment; None means ours.
        """
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)
        with self._guard:
            if name in self._children:
                raise ValueError(f"there is a child named {name!r} already")
            self._children[name] = _Child(name, list(argv), env, cwd, log, self._grace)

    def pid(self, name: str) -> int | None:
        """Give the process id of a child, or None while it is not running."""
        process = self._children[name].process
        return process.pid if process else None

    def log(self, name: str) -> Path:
        """Give the log file of a child."""
        return self._children[name].log

    def wait_ready(self, probes: Mapping[str, Callable[[], bool]], timeout: float) -> None:
        """Wait until every probe has said True once.

        probes: name of a child -> a call that says whether it is ready; OSError means not yet.
        timeout: seconds for all of them together.

        Raises SuperviseError with the end of the child's log, at once for a child that keeps dying.
        """
        deadline = time.monotonic() + timeout
        waiting = dict(probes)
        while waiting:
            for name, probe in list(waiting.items()):
                if _says_ready(probe):
                    del waiting[name]
                elif self._children[name].deaths >= KEEPS_DYING:
                    raise self._not_ready(name, "keeps dying")
            if waiting and time.monotonic() > deadline:
                raise self._not_ready(next(iter(waiting)), f"was not ready within {timeout:g} s")
            time.sleep(_TICK_SECONDS)

    def run(self) -> None:
        """Keep the children alive until SIGINT, SIGTERM or SIGHUP, then stop them. Main thread only.

        Such a signal before this call is a KeyboardInterrupt, which ends the `with` block in the same order.
        """
        try:
            while self._keeper.is_alive():
                time.sleep(_TICK_SECONDS)
        except KeyboardInterrupt:
            pass
        self.stop()

    def stop(self) -> None:
        """Stop the children in reverse order and return when no process of theirs is left.

        A second signal from the person waiting kills at once what is still there.
        """
        with self._signals.held():
            if self._children and not self._stopping.is_set():
                with suppress(OSError):
                    self._say("Stopping ...")
            self._stopping.set()
            self._keeper.join()

    def _keep(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            for child in self._all():
                self._tend(child)
        for child in reversed(self._all()):
            self._end(child)

    def _all(self) -> list[_Child]:
        with self._guard:
            return list(self._children.values())

    def _tend(self, child: _Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_at:
                try:
                    child.start(self._lifeline[0])
                except OSError as error:
                    self._mourn(child, f"could not be started ({error.strerror})")
        elif child.has_ended():
            if time.monotonic() - child.started_at >= WELL_SECONDS:
                child.deaths = 0
            self._mourn(child, _ending(child.clear()))

    def _mourn(self, child: _Child, what: str) -> None:
        child.deaths += 1
        # The exponent is bounded because a float is not.
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(child.deaths - 1, 16))
        child.start_at = time.monotonic() + pause
        message = f"{child.name} {what}; starting it again in {pause:g} s"
        if child.deaths >= KEEPS_DYING:
            message += f". The end of {child.log}:\n{last_lines(child.log)}"
        # The person may have gone and closed the pipe; the children are looked after all the same.
        with suppress(OSError):
            self._say(message)

    def _end(self, child: _Child) -> None:
        if child.process is None:
            return
        # Not Popen.terminate, which would reap a dead child and so free its id before its group is killed.
        os.kill(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + child.grace
        while not child.has_ended() and time.monotonic() < deadline and not self._signals.again.is_set():
            time.sleep(_TICK_SECONDS / 5)
        child.clear()

    def _not_ready(self, name: str, what: str) -> SuperviseError:
        log = self._children[name].log
        return SuperviseError(f"{name} {what}. The end of {log}:\n{last_lines(log)}")


def _says_ready(probe: Callable[[], bool]) -> bool:
    try:
        return probe()
    except OSError:
        return False


def _ending(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _lives(group: int) -> bool:
    """Whether a process of this group is alive; the dead that nobody has reaped yet do not count."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may contain anything; state, parent and group follow the last one.
            state, _parent, its_group = file.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue  # Ended while we looked.
        if int(its_group) == group and state not in "ZX":
            return True
    return False

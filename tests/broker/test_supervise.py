"""The supervisor, with real processes: they are found by a mark in their environment."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.stop_signals import StopSignals
from broker.supervise import SuperviseError, Supervisor

HERE = Path(__file__).parent
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def marked(mark: str) -> list[int]:
    """Every living process that has this mark in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK_OF_TEST={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue  # Ended meanwhile, or a process that is not ours.
    return found


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def env(mark: str) -> dict[str, str]:
    return os.environ | {"MARK_OF_TEST": mark}


@pytest.fixture(autouse=True)
def _hang_up_is_heard() -> Iterator[None]:
    # Where the tests themselves run under nohup, a hang-up would rightly be ignored, by our children too.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


class Terminal:
    """A program in the foreground of a terminal of its own."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, *arguments], env)  # noqa: S606 - the terminal is the point
        self.output = b""

    def read_until(self, words: bytes, seconds: float = 20.0) -> bool:
        deadline = time.monotonic() + seconds
        while words not in self.output and time.monotonic() < deadline:
            if select.select([self.handle], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self.handle, 4096)
                except OSError:
                    break  # The program has gone and with it the terminal.
        return words in self.output

    def type(self, key: bytes) -> None:
        os.write(self.handle, key)

    def wait(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.handle)
        return status


def supervised(folder: Path, kind: str, grace: float = 60) -> tuple[str, ...]:
    return str(HERE / "supervised.py"), str(folder), kind, str(grace)


class TestStopping:
    def test_control_c_stops_children_in_reverse_order_and_leaves_no_process(
        self, tmp_path: Path, mark: str, env: dict[str, str]
    ) -> None:
        terminal = Terminal(env, *supervised(tmp_path, "obedient"))
        assert terminal.read_until(b"ready"), terminal.output
        # The supervisor, three children with a watcher each, two processes of a pool.
        assert len(marked(mark)) == 9
        terminal.type(b"\x03")
        assert terminal.read_until(b"stopped"), terminal.output
        assert terminal.wait() == 0
        assert marked(mark) == []
        assert (tmp_path / "order").read_text().split() == ["last", "noting", "pool"]
        assert b"Traceback" not in terminal.output

    def test_a_second_control_c_kills_what_does_not_stop(self, tmp_path: Path, mark: str, env: dict[str, str]) -> None:
        terminal = Terminal(env, *supervised(tmp_path, "stubborn"))
        assert terminal.read_until(b"ready"), terminal.output
        terminal.type(b"\x03")
        # Its grace is a minute: it is still there until we insist.
        assert not terminal.read_until(b"stopped", seconds=0.5)
        assert len(marked(mark)) == 9
        terminal.type(b"\x03")
        assert terminal.read_until(b"stopped"), terminal.output
        assert terminal.wait() == 0
        assert marked(mark) == []

    def test_a_first_request_that_had_to_wait_is_not_taken_for_impatience(self) -> None:
        with StopSignals() as signals:
            with pytest.raises(KeyboardInterrupt), signals.held():
                os.kill(os.getpid(), signal.SIGINT)
            assert not signals.again.is_set()
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.again.is_set()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_stops_like_control_c(
        self, tmp_path: Path, mark: str, env: dict[str, str], number: signal.Signals
    ) -> None:
        with subprocess.Popen(
            [sys.executable, *supervised(tmp_path, "obedient")],
            env=env,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            assert process.stdout.readline() == b"Stopping ...\n"
            assert process.stdout.readline() == b"stopped\n"
        assert process.returncode == 0
        assert marked(mark) == []

    def test_leaves_no_process_when_the_supervisor_is_killed(
        self, tmp_path: Path, mark: str, env: dict[str, str]
    ) -> None:
        with subprocess.Popen(
            [sys.executable, *supervised(tmp_path, "stubborn", grace=1)],
            env=env,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            process.kill()
        order = tmp_path / "order"
        assert eventually(lambda: marked(mark) == [])
        assert sorted(order.read_text().split()) == ["noting", "pool"]

    def test_kills_a_child_that_ignores_sigterm_after_its_grace(
        self, tmp_path: Path, mark: str, env: dict[str, str]
    ) -> None:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
        with Supervisor(tmp_path, grace=0.3) as supervisor:
            supervisor.start("stubborn", [sys.executable, "-c", code], env=env)
            supervisor.wait_ready({"stubborn": lambda: "up" in supervisor.log("stubborn").read_text()}, 10)
            began = time.monotonic()
        assert 0.3 <= time.monotonic() - began < 5
        assert marked(mark) == []

    def test_leaves_no_process_when_the_block_ends_by_an_error(
        self, tmp_path: Path, mark: str, env: dict[str, str]
    ) -> None:
        def broken() -> None:
            with Supervisor(tmp_path) as supervisor:
                supervisor.start("sleeping", SLEEP, env=env)
                supervisor.wait_ready({"sleeping": lambda: "up" in supervisor.log("sleeping").read_text()}, 10)
                assert len(marked(mark)) == 2  # And its watcher.
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            broken()
        assert marked(mark) == []


class TestRestarting:
    def test_starts_again_a_child_that_was_killed_and_kills_what_it_left(
        self, tmp_path: Path, mark: str, env: dict[str, str]
    ) -> None:
        said: list[str] = []
        code = "import os, time; os.fork(); print('up', flush=True); time.sleep(600)"
        with Supervisor(tmp_path, say=said.append) as supervisor:
            supervisor.start("worker", [sys.executable, "-c", code], env=env)
            assert eventually(lambda: len(marked(mark)) == 3)  # Two, and a watcher.
            first = supervisor.pid("worker")
            left = set(marked(mark)) - {first}
            assert first is not None
            os.kill(first, signal.SIGKILL)
            assert eventually(lambda: len(marked(mark)) == 3 and supervisor.pid("worker") not in (None, first))
            assert left.isdisjoint(marked(mark))
            assert said == ["worker was killed by SIGKILL; starting it again in 0.5 s"]
        assert marked(mark) == []

    def test_shows_the_end_of_the_log_of_a_child_that_keeps_dying(self, tmp_path: Path) -> None:
        said: list[str] = []
        with Supervisor(tmp_path, say=said.append) as supervisor:
            code = "print('first words'); raise SystemExit('the queue folder is gone')"
            supervisor.start("worker", [sys.executable, "-c", code])
            began = time.monotonic()
            with pytest.raises(SuperviseError, match="keeps dying") as caught:
                supervisor.wait_ready({"worker": lambda: False}, timeout=60)
            assert time.monotonic() - began < 20
        assert "the queue folder is gone" in str(caught.value)
        assert said[0] == "worker ended with status 1; starting it again in 0.5 s"
        assert said[1] == "worker ended with status 1; starting it again in 1 s"
        assert "starting it again in 2 s" in said[2]
        assert "the queue folder is gone" in said[2]

    @pytest.mark.parametrize("what", ["program", "folder"])
    def test_reports_a_child_that_cannot_be_started(self, tmp_path: Path, what: str) -> None:
        said: list[str] = []
        argv = [str(tmp_path / "no-such-program")] if what == "program" else SLEEP
        cwd = tmp_path / "no-such-folder" if what == "folder" else None
        with Supervisor(tmp_path / "logs", say=said.append) as supervisor:
            supervisor.start("sleeping", SLEEP)
            supervisor.start("broken", argv, cwd=cwd)
            assert eventually(lambda: said)
            assert supervisor.pid("sleeping") is not None
        expected = {"program": "ended with status 127", "folder": "could not be started"}[what]
        assert said[0].startswith(f"broken {expected}")

    def test_waits_for_probes_and_says_which_child_was_not_ready(self, tmp_path: Path) -> None:
        def not_yet() -> bool:
            raise ConnectionRefusedError

        with Supervisor(tmp_path) as supervisor:
            supervisor.start("web", SLEEP)
            supervisor.wait_ready({"web": lambda: "up" in supervisor.log("web").read_text()}, 10)
            with pytest.raises(SuperviseError, match=r"web was not ready within 0\.3 s") as caught:
                supervisor.wait_ready({"web": not_yet}, timeout=0.3)
        assert "    up" in str(caught.value)

    def test_keeps_logs_from_other_users(self, tmp_path: Path) -> None:
        with Supervisor(tmp_path / "logs") as supervisor:
            supervisor.start("web", SLEEP)
            assert eventually(supervisor.log("web").exists)
        assert (tmp_path / "logs").stat().st_mode & 0o077 == 0
        assert supervisor.log("web").stat().st_mode & 0o077 == 0


class TestStopSignals:
    def test_the_first_signal_interrupts_and_the_second_only_hurries(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with StopSignals() as signals:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            assert not signals.again.is_set()
            signal.raise_signal(signal.SIGINT)
            assert signals.again.is_set()
        assert signal.getsignal(signal.SIGTERM) is before

    def test_a_signal_that_was_held_back_interrupts_afterwards(self) -> None:
        reached = False

        def cleaning(signals: StopSignals) -> None:
            nonlocal reached
            with signals.held():
                signal.raise_signal(signal.SIGINT)
                reached = True

        with StopSignals() as signals, pytest.raises(KeyboardInterrupt):
            cleaning(signals)
        assert reached

    def test_an_inner_use_shares_the_outer_one(self) -> None:
        with StopSignals() as outer:
            with StopSignals() as inner:
                assert inner is outer
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGHUP)

"""A supervisor as a process of its own, like `manage.py up`; started by test_supervise.py, never imported.

Arguments: FOLDER for logs, KIND of children, GRACE in seconds. Three children that note when they are asked
to stop; the first has a pool of two processes, which it leaves behind; the last ignores the request if the
kind is "stubborn". Prints "ready" when they run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# The tests start this file by its path, also where the project is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from broker.supervise import Supervisor

NOTE = """
import pathlib, signal, sys, time
def note(*_):
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, note)
print("up", flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
WITH_POOL = """
import multiprocessing, os, signal, sys, time
def wait():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(600)
if __name__ == "__main__":
    pool = [multiprocessing.get_context("fork").Process(target=wait) for _ in range(2)]
    for process in pool:
        process.start()
    def leave(*_):
        with open(sys.argv[1], "a") as file:
            file.write("pool\\n")
        os._exit(0)
    signal.signal(signal.SIGTERM, leave)
    print("up", flush=True)
    time.sleep(600)
"""


def main() -> None:
    folder = Path(sys.argv[1])
    kind = sys.argv[2]
    order = str(folder / "order")
    with Supervisor(folder / "logs", grace=float(sys.argv[3])) as supervisor:
        supervisor.start("pool", [sys.executable, "-c", WITH_POOL, order])
        supervisor.start("noting", [sys.executable, "-c", NOTE, order, "noting"])
        supervisor.start("last", [sys.executable, "-c", STUBBORN if kind == "stubborn" else NOTE, order, "last"])
        names = ("pool", "noting", "last")
        supervisor.wait_ready({name: _is_up(supervisor.log(name)) for name in names}, timeout=20)
        print("ready", flush=True)
        supervisor.run()


def _is_up(log: Path) -> Callable[[], bool]:
    return lambda: "up" in log.read_text()


if __name__ == "__main__":
    # An interruption that comes before run() is an exception.
    with suppress(KeyboardInterrupt):
        main()
    print("stopped", flush=True)

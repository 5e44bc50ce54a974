"""Being asked to stop, once or impatiently."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopSignals:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, so that `with` blocks clean up.

    Later ones cannot break that cleaning: they only set `again`, which means "hurry". Uses inside another use
    share the outer one. Outside the main thread, where Python allows no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self.again = threading.Event()
        self._seen = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        outer = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        if isinstance(outer, StopSignals):
            return outer
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                # Under nohup a hang-up is to be ignored; a shell's `&` ignores SIGINT, which we do want.
                if number != signal.SIGHUP or before is not signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing interrupt this block; a first signal that came meanwhile interrupts after it."""
        seen, self._seen = self._seen, True
        try:
            yield
        finally:
            self._seen = seen
        if not seen and self.again.is_set():
            self.again.clear()
            self._handle()

    def _handle(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        if self._seen:
            self.again.set()
            return
        self._seen = True
        raise KeyboardInterrupt

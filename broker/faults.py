"""Places where a test kills the process, to see that nothing is left half-done.

Named by `BROKER_FAULT`, which only the test settings read; without them `fault_point` does nothing.
"""

from __future__ import annotations

import os
import signal

from django.conf import settings


def fault_point(step: str) -> None:
    """Die here by SIGKILL if a test asked for it, once: the file named in the setting is removed first."""
    fault = getattr(settings, "FAULT", None)
    if fault is not None and fault[0] == step and fault[1].exists():
        fault[1].unlink()
        os.kill(os.getpid(), signal.SIGKILL)

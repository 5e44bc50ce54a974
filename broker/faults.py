"""Places where a test kills the process, to see that nothing is left half-done.

The setting FAULT_FILE exists in test settings only; without it `fault_point` does nothing.
"""

from __future__ import annotations

import os
import signal

from django.conf import settings


def fault_point(step: str) -> None:
    """Die here by SIGKILL if a test asked for it: the armed file names the step, and is removed first."""
    armed = getattr(settings, "FAULT_FILE", None)
    if armed is not None and armed.exists() and armed.read_text() == step:
        armed.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

"""Settings of a worker process that a test kills: the broker's own, and the step at which it dies."""

from __future__ import annotations

import os
from pathlib import Path

from broker.settings import *  # noqa: F403 - these settings are the broker's with one addition

# While this file exists, the process kills itself at the step the file names.
FAULT_FILE = Path(os.environ["FAULT_FILE"])

"""The end of a log file, for messages about a process that died."""

from __future__ import annotations

import os
from pathlib import Path

_LOOK_BACK_BYTES = 16 * 1024


def last_lines(path: Path, count: int = 10) -> str:
    """Give the last lines of a file, indented for a message; a file that is missing or empty says so."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOOK_BACK_BYTES))
            lines = file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    {line}" for line in lines or ["(nothing was written)"])

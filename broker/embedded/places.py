"""Where things of the embedded server are: its socket, and folders under the system's temporary folder.

Temporary folders have names made from the cluster's folder, so that every process finds the same ones; since
anybody may make a name there, they are used only if they are ours and closed to others.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from broker.embedded.errors import EmbeddedError

SOCKET_NAME = ".s.PGSQL.5432"
# The kernel's limit for the path of a unix socket, without the closing NUL (sys/un.h).
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103


def socket_folder(folder: Path) -> Path:
    """Say where the socket of a cluster is; makes nothing.

    Inside the cluster's folder if the path is short enough for a unix socket and has no comma, at which
    clients split a list of hosts; else inside a folder of ours under the temporary folder. Raises
    EmbeddedError if there is no such place.
    """
    for place in (folder, *(Path(base) / _name(folder) for base in _temporary_bases())):
        path = os.fsencode(place / "socket" / SOCKET_NAME)
        if len(path) <= SOCKET_PATH_BYTES and b"," not in path:
            return place / "socket"
    raise EmbeddedError("Every temporary folder has too long a name for a socket: set TMPDIR to a shorter one.")


def make_private(path: Path) -> None:
    """Make a folder only we may enter, or make sure that the one there is such a folder."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_private(path.lstat(), os.geteuid()):
        raise EmbeddedError(f"{path} must be a folder that belongs to this user with mode 0700, and is not: remove it.")


def is_private(found: os.stat_result, user: int) -> bool:
    """Tell whether what was found is a folder that `user` owns and nobody else may enter."""
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077


def program_copy_folder(folder: Path) -> Path | None:
    """Say where a copy of the programs goes so that every user can reach it, if there is such a place."""
    for base in _temporary_bases():
        resolved = Path(base).resolve()
        if all(part.stat().st_mode & stat.S_IXOTH for part in (resolved, *resolved.parents)):
            return resolved / f"{_name(folder)}-programs"
    return None


def _temporary_bases() -> list[str]:
    bases = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108 - guarded by make_private and mkdir
    return [base for base in bases if Path(base).is_dir()]


def _name(folder: Path) -> str:
    return f"broker-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"

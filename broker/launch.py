"""Change something about this process, then become another program.

Run by its path (`python -I -S launch.py STEP... -- PROGRAM ARGUMENT...`) and never imported: the steps are
calls that a process with threads must not make between fork and exec, so a fresh interpreter makes them.
Standard library only, and no import of the broker, because `-I -S` sees neither.

Steps, done in the order given:
    die-with=PID        get SIGTERM when the thread that started us ends (Linux); PID is that parent's
    namespace=UID:GID   enter a user namespace where we are UID and GID, as PostgreSQL refuses root (Linux)
    drop=UID:GID        become another user for good; needs root
    detach              go on in a child of our own that belongs to nobody, and exit 0 here

Exit status 71 means that the kernel refused a step; the reason is on standard error.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

REFUSED = 71  # EX_OSERR of sysexits.h
CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: str) -> None:
    """Ask the kernel for SIGTERM at our parent's end, and notice a parent that is gone already."""
    if sys.platform == "linux":
        _check(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0))
    if os.getppid() != int(parent):
        sys.exit(0)


def enter_namespace(ids: str) -> None:
    """Map exactly one id, our own, to `ids`; everything else of the system stays as it is."""
    uid, gid = ids.split(":")
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER))
    # The kernel takes a group map from the process itself only after setgroups has been given up.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def drop(ids: str) -> None:
    """Become another user; groups first, because afterwards we may no longer."""
    uid, gid = (int(part) for part in ids.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def detach(_: str) -> None:
    """Leave our parent, so that it has nobody to wait for."""
    if os.fork():
        os._exit(0)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


STEPS: dict[str, Callable[[str], None]] = {
    "die-with": die_with,
    "namespace": enter_namespace,
    "drop": drop,
    "detach": detach,
}


def main(arguments: list[str]) -> None:
    """Do the steps and become the program; never returns."""
    end = arguments.index("--")
    for step in arguments[:end]:
        name, _, value = step.partition("=")
        try:
            STEPS[name](value)
        except (OSError, AttributeError) as error:
            # AttributeError: this C library has no unshare, so this is not Linux.
            print(f"launch: {step} refused: {error}", file=sys.stderr)
            sys.exit(REFUSED)
    command = arguments[end + 1 :]
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        print(f"launch: cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])

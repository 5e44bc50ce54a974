"""Change something about this process, then become another program.

Run by its path (`python -I -S launch.py STEP... -- PROGRAM ARGUMENT...`), imported only to learn that path:
the steps are calls that a process with threads must not make between fork and exec, so a fresh interpreter
makes them. Standard library only, and no import of the broker, because `-I -S` sees neither.

Steps, done in the order given:
    die-with=PID:FD:GRACE   end when our parent PID ends: by SIGTERM, and GRACE seconds later by force; FD is
                            the reading end of a pipe whose other end the parent alone has open (Linux)
    namespace=UID:GID       enter a user namespace where we are UID and GID, for PostgreSQL, which refuses
                            root (Linux)
    drop=UID:GID            become another user for good; needs root
    detach                  go on in a child of our own that belongs to nobody, and exit 0 here

Exit status 71 means that the kernel refused a step; the reason is on standard error.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

REFUSED = 71  # EX_OSERR of sysexits.h
CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent_lifeline_grace: str) -> None:
    """Ask the kernel for SIGTERM at our parent's end, and leave a watcher in our group to finish that.

    The signal comes when the thread ends that started us, so that thread must live as long as the parent. We
    must lead a process group of our own. What the program starts is in that group and gets no signal from the
    kernel, and the program may take its time or ignore its own: the watcher kills the whole group.
    """
    parent, descriptor, grace = parent_lifeline_grace.split(":")
    lifeline = int(descriptor)
    _check(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0))
    if os.getppid() != int(parent) or os.getpgrp() != os.getpid():
        sys.exit(REFUSED)  # The parent has gone already, or this is not our own group to kill.
    os.set_inheritable(lifeline, False)
    if (child := os.fork()) == 0:
        # The watcher is nobody's child, so that the program never waits for a process it does not know.
        if os.fork() == 0:
            _watch(os.getpgrp(), lifeline, float(grace))
        os._exit(0)
    os.waitpid(child, 0)


def _watch(group: int, lifeline: int, grace: float) -> None:
    """Wait for the parent's end, then for the leader's, then kill the group and with it this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(lifeline, 1)  # Nobody writes: this returns when the last holder of the other end is gone.
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        try:
            os.kill(group, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    os.killpg(0, signal.SIGKILL)


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

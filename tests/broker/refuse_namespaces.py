"""Run a program where the kernel refuses further user namespaces; never imported.

A user namespace with the ids that its parent has to give, and its own limit of nested ones set to zero: what most
containers look like to the broker. Root has all ids to give, an ordinary user only its own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def give(child: int, kind: str, own: int) -> None:
    """Write one map of the child's namespace: every id we have, else our own, which is all that we may give."""
    ids = Path(f"/proc/self/{kind}").read_text().split()
    try:
        Path(f"/proc/{child}/{kind}").write_text(f"{ids[0]} {ids[0]} {min(int(ids[2]), 65536)}")
    except PermissionError:
        if kind == "gid_map":
            Path(f"/proc/{child}/setgroups").write_text("deny")
        Path(f"/proc/{child}/{kind}").write_text(f"{own} {own} 1")


def main() -> int:
    entered, entered_write = os.pipe()
    mapped, mapped_write = os.pipe()
    child = os.fork()
    if child == 0:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
            os._exit(99)
        os.write(entered_write, b".")
        os.read(mapped, 1)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - becoming the program is the purpose
    os.read(entered, 1)
    for kind, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
        give(child, kind, own)
    os.write(mapped_write, b".")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())

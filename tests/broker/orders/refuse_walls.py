"""Run a program where the kernel refuses some of the walls; never imported.

`python refuse_walls.py network,files,calls PROGRAM ARGUMENT...`: a seccomp filter, which the program inherits, lets the
calls that raise these walls fail, as an older kernel or a strict container would.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

# (x86_64, aarch64), and the first argument to refuse, None for any.
REFUSED = {"network": (272, 97, None), "files": (444, 444, None), "calls": (157, 167, 22)}


def main(names: list[str], command: list[str]) -> None:
    column = ["x86_64", "aarch64"].index(platform.machine())
    rows = []
    for name in names:
        number, argument = REFUSED[name][column], REFUSED[name][2]
        rows += [(0x20, 0, 0, 0), (0x15, number, 0, 1 if argument is None else 3)]
        rows += [] if argument is None else [(0x20, 16, 0, 0), (0x15, argument, 0, 1)]
        rows.append((0x06, 0x00050001, 0, 0))
    rows.append((0x06, 0x7FFF0000, 0, 0))
    code = b"".join(struct.pack("=HBBI", kind, yes, no, value) for kind, value, yes, no in rows)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(rows), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
        sys.exit(99)
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2:])

"""The walls around the examination of a document, each raised by the process itself, for good.

    limits        time, memory, file size, processes: setrlimit, everywhere
    network       a network namespace of its own, without a single interface
    files         Landlock: no file can be opened any more, none made, nobody connected to
    calls         seccomp: computing, memory, and reading and writing what is open; nothing else

None needs a privilege. The kernel may refuse the last three; a process that got none of them must not open a document.
Calls alone stop everything that the other two do; those are there for the day on which somebody finds a way round.
Standard library only, Linux on x86_64 and aarch64. Source: seccomp(2), landlock(7), network_namespaces(7).
"""

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Callable
from typing import Final

MEMORY_BYTES: Final = 1 << 30
_OPEN_FILES: Final = 32

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
# The same numbers on every architecture (include/uapi/asm-generic/unistd.h).
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_VERSION: Final = 1
# By the version of Landlock from which on they are known: rights over files, rights over TCP, scopes.
_LANDLOCK_FILES: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_LANDLOCK_NETWORK: Final = {4: 0b11}
_LANDLOCK_SCOPES: Final = {6: 0b11}


class WallRefused(OSError):
    """The kernel does not offer this wall."""


def limit_resources(cpu_seconds: int) -> None:
    """Take from this process what an examination does not need; limits are only ever lowered.

    A root user is not bound by the limit on processes; the others hold.
    """
    limits = {
        # More than the wall clock allows, so that the parent's timeout comes first. The signal at the softer
        # limit tells the parent what happened; the harder one kills.
        resource.RLIMIT_CPU: (cpu_seconds + 1, cpu_seconds + 2),
        resource.RLIMIT_AS: (MEMORY_BYTES, MEMORY_BYTES),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
        resource.RLIMIT_NPROC: (0, 0),
    }
    for name, wanted in limits.items():
        # A stricter limit that the parent already lives under stays.
        _, hard = resource.getrlimit(name)
        if hard != resource.RLIM_INFINITY:
            wanted = (min(wanted[0], hard), min(wanted[1], hard))
        resource.setrlimit(name, wanted)


def leave_network() -> None:
    """Enter a network namespace of our own; an ordinary user needs a user namespace for that."""
    _check(_libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET))


def hide_files() -> None:
    """Give up opening files, of whomever; what is open stays open. Where Landlock knows more, give that up too."""
    libc = _libc()
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        _check(-1)
    known = [
        sum(bits for since, bits in rights.items() if since <= version)
        for rights in (_LANDLOCK_FILES, _LANDLOCK_NETWORK, _LANDLOCK_SCOPES)
    ]
    # An older kernel refuses a structure that is longer than its own and not zero there.
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, struct.pack("=QQQ", *known), size, 0)
    if rules < 0:
        _check(-1)
    try:
        _give_up_privileges(libc)
        _check(libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def restrict_calls() -> None:
    """Allow only the system calls of `_CALLS`; every other fails with EPERM, those of a foreign kind kill."""
    code = _filter(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = _libc()
    _give_up_privileges(libc)
    _check(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0))


WALLS: Final[dict[str, Callable[[], None]]] = {
    "network": leave_network,
    "files": hide_files,
    "calls": restrict_calls,
}


def raise_wall(name: str) -> bool:
    """Raise one wall of `WALLS`; say whether the kernel offers it."""
    try:
        WALLS[name]()
    except WallRefused:
        return False
    return True


# What an interpreter needs that computes, waits for its own event loop, reads and writes open files, and ends.
# Numbers are (x86_64, aarch64); where one call has taken the place of another, both have its number.
_CALLS: Final[dict[str, tuple[int, int]]] = {
    "brk": (12, 214),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_pwait": (281, 22),
    "epoll_wait": (232, 22),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "getsockname": (51, 204),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "lseek": (8, 62),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "read": (0, 63),
    "readv": (19, 65),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "sigaltstack": (131, 132),
    # Two ends joined to each other, which an event loop makes to wake itself; it leads nowhere.
    "socketpair": (53, 199),
    "write": (1, 64),
    "writev": (20, 66),
}
# ioctl only to make such an end not wait (FIONBIO): (x86_64, aarch64).
_IOCTL: Final = (16, 29)
_FIONBIO: Final = 0x5421

# AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h, and the index into the tables above.
_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# linux/filter.h, linux/seccomp.h. Offsets are those of struct seccomp_data, little-endian.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _SECOND_ARGUMENT = 0, 4, 24
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_X32: Final = 0x40000000  # calls of another kind under the same architecture


def _filter(machine: str) -> bytes:
    """Write the seccomp program for an architecture; raise WallRefused for one that we do not know."""
    if machine not in _ARCHITECTURES:
        raise WallRefused(f"No table of system calls for {machine}.")
    architecture, column = _ARCHITECTURES[machine]
    numbers = sorted({call[column] for call in _CALLS.values()})
    # (code, value, skip if true, skip if false); skips count from the next row.
    rows = [
        (_LOAD, _ARCHITECTURE, 0, 0),
        (_EQUAL, architecture, 1, 0),
        (_RETURN, _KILL, 0, 0),
        (_LOAD, _NUMBER, 0, 0),
        (_AT_LEAST, _X32, 0, 1),
        (_RETURN, _KILL, 0, 0),
        (_EQUAL, _IOCTL[column], 0, 4),
        (_LOAD, _SECOND_ARGUMENT, 0, 0),
        (_EQUAL, _FIONBIO, 0, 1),
        (_RETURN, _ALLOW, 0, 0),
        (_RETURN, _EPERM, 0, 0),
        *((_EQUAL, number, len(numbers) - index, 0) for index, number in enumerate(numbers)),
        (_RETURN, _EPERM, 0, 0),
        (_RETURN, _ALLOW, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", code, yes, no, value) for code, value, yes, no in rows)


def _give_up_privileges(libc: ctypes.CDLL) -> None:
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise WallRefused(number, os.strerror(number))

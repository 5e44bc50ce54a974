"""Run the examination of an order at arm's length: a child process that can do nothing but answer.

What the child lacks: our environment, our open files, time beyond the limit, memory beyond a gigabyte, and what
the walls of `walls.py` take from it: network, files, processes.
Whatever goes wrong in the child is a refusal with a code, never a pass and never an exception.
"""

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from broker.orders.trust import CourtTrust
from broker.orders.verdict import DocumentVerdict, verdict_without_examination
from broker.orders.walls import WALLS

# What the child says when it could shut itself in by no wall at all.
NO_WALLS: Final = 65
_CHILD: Final = Path(__file__).with_name("verify_process.py")
_MAX_ANSWER_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024


def run_verification(pdf: bytes, trust: CourtTrust, at: datetime, *, timeout: float = 20.0) -> DocumentVerdict:
    """Examine an order document in a child process; the arguments are those of `verify_document`.

    timeout: seconds of wall clock, the start of the child included.

    Returns the verdict of `verify_document`, or check 0 failed with `order.verifier-timeout`,
    `order.verifier-crashed` or `order.sandbox-missing`. Raises ValueError for a naive `at`, OSError if no process
    can be started.
    """
    if at.tzinfo is None:
        raise ValueError("The instant of examination needs an offset; pass an aware datetime.")
    header = {"at": at.isoformat(), "pdf_bytes": len(pdf), "trust": trust.to_data()}
    # -I: no environment, no user packages, no working directory on the path; -B: writes no bytecode.
    command = [sys.executable, "-I", "-B", str(_CHILD), str(math.ceil(timeout))]
    return ask_child(command, json.dumps(header).encode() + b"\n" + pdf, timeout=timeout)


def missing_walls() -> list[str]:
    """Ask a child which walls this machine's kernel does not offer; all of them if it cannot say."""
    command = [sys.executable, "-I", "-B", str(_CHILD), "--walls"]
    try:
        done = subprocess.run(command, env={}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        offered = json.loads(done.stdout) if done.returncode == 0 else []
    except (subprocess.TimeoutExpired, ValueError):
        offered = []
    return [name for name in WALLS if name not in offered]


def ask_child(command: Sequence[str], question: bytes, *, timeout: float) -> DocumentVerdict:
    """Start a command, write the question to it, and make a verdict of what it answers in time."""
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
        bufsize=0,
    ) as child:
        try:
            answer = _converse(child, question, deadline)
            status = child.wait(max(0.0, deadline - time.monotonic())) if answer is not None else None
        except (TimeoutError, subprocess.TimeoutExpired):
            return verdict_without_examination(
                "order.verifier-timeout", f"The examination did not end within {timeout:g} seconds."
            )
        finally:
            if child.returncode is None:
                # The whole group, in case the child got round the limit on processes. Only while the child
                # is ours to wait for: afterwards its number may belong to somebody else.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
    if answer is None:
        return verdict_without_examination("order.verifier-crashed", "The answer was longer than any verdict.")
    if status == -signal.SIGXCPU:
        return verdict_without_examination(
            "order.verifier-timeout", f"The examination used {timeout:g} seconds of computing time."
        )
    if status == NO_WALLS:
        return verdict_without_examination("order.sandbox-missing", "The kernel offers no wall for the examination.")
    if status != 0:
        return verdict_without_examination("order.verifier-crashed", f"The examination ended with status {status}.")
    try:
        return DocumentVerdict.from_json(answer)
    except ValueError:
        return verdict_without_examination("order.verifier-crashed", "The answer was no verdict.")


def _converse(child: subprocess.Popen[bytes], question: bytes, deadline: float) -> bytes | None:
    """Write and read at once until the child closes its output; return None if it says too much.

    Raises TimeoutError at the deadline. Neither a child that does not read nor one that does not stop
    writing can hold us or fill our memory.
    """
    if child.stdin is None or child.stdout is None:
        raise OSError("The child was started without pipes.")
    os.set_blocking(child.stdin.fileno(), False)
    left, answer = memoryview(question), bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdin, selectors.EVENT_WRITE)
        ready.register(child.stdout, selectors.EVENT_READ)
        while True:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError
            for key, _ in ready.select(seconds):
                if key.fileobj is child.stdout:
                    chunk = os.read(child.stdout.fileno(), _CHUNK_BYTES)
                    answer += chunk
                    if not chunk or len(answer) > _MAX_ANSWER_BYTES:
                        return bytes(answer) if not chunk else None
                    continue
                try:
                    left = left[os.write(child.stdin.fileno(), left[:_CHUNK_BYTES]) :]
                except BrokenPipeError:
                    # The child ended early; its status will say how.
                    left = left[:0]
                if not left:
                    ready.unregister(child.stdin)
                    child.stdin.close()

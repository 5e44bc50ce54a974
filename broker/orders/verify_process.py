"""The child process of `sandbox.py`: limit itself, read one order from standard input, write one verdict.

Input: one line of JSON, then the PDF to the end of the stream. Output: the JSON of a verdict, or nothing.
Started by path with `python -I -B`, so that neither the environment nor the working directory decides
what is imported. It never imports Django and has no way to the database or a key.
"""

import json
import logging
import resource
import sys
from datetime import datetime
from pathlib import Path

MEMORY_BYTES = 1 << 30
_OPEN_FILES = 32


def limit_resources(cpu_seconds: int) -> None:
    """Take from this process, for good, what an examination does not need.

    Done by the child itself before it reads a byte of the document: code run between fork and exec is not
    safe in a parent with threads. A root user is not bound by the limit on processes; the others hold.
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
        # A stricter limit that the parent already lives under stays; limits are only ever lowered.
        _, hard = resource.getrlimit(name)
        if hard != resource.RLIM_INFINITY:
            wanted = (min(wanted[0], hard), min(wanted[1], hard))
        resource.setrlimit(name, wanted)


def main() -> int:
    """Examine the order on standard input; return the exit status."""
    cpu_seconds = int(sys.argv[1])
    limit_resources(cpu_seconds)
    # The libraries log what they find, names included; nothing of a document may reach a log.
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from broker.orders.trust import CourtTrust
    from broker.orders.verification import verify_document

    header = json.loads(sys.stdin.buffer.readline())
    pdf = sys.stdin.buffer.read()
    if len(pdf) != header["pdf_bytes"]:
        return 2
    verdict = verify_document(pdf, CourtTrust.from_data(header["trust"]), at=datetime.fromisoformat(header["at"]))
    sys.stdout.write(verdict.to_json())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

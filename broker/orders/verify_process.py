"""The child process of `sandbox.py`: shut itself in, read one order from standard input, write one verdict.

Input: one line of JSON, then the PDF to the end of the stream. Output: the JSON of a verdict, or nothing. With
`--walls` as its only argument it says as JSON which walls the kernel offers, and examines nothing.
Started by path with `python -I -B`, so that neither the environment nor the working directory decides
what is imported. It never imports Django and has no way to the database or a key.
"""

import json
import logging
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

# Imported by the libraries only when first used, which is too late: no file can be opened any more then.
_USED_LATE = (
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.punycode",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "lxml.etree",
    "pyhanko.pdf_utils.crypt.pdfmac",
    "pyhanko.pdf_utils.filters",
    "pyhanko.pdf_utils.metadata.xmp_xml",
    "pyhanko_certvalidator.validate",
)
NO_WALLS = 65  # as in sandbox.py, which this process does not import


class _Nothing(ModuleType):
    """A library with all the names anybody may ask for and nothing behind them."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def leave_out_fetching() -> None:
    """Let the libraries find nothing to fetch with: nothing is fetched here, and loading it takes as long as the rest.

    pyHanko imports aiohttp for classes that only its fetching uses.
    """
    sys.modules["aiohttp"] = _Nothing("aiohttp")


def main(arguments: list[str]) -> int:
    """Examine the order on standard input; return the exit status."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from broker.orders.walls import WALLS, limit_resources, raise_wall

    if arguments == ["--walls"]:
        sys.stdout.write(json.dumps([name for name in WALLS if raise_wall(name)]))
        return 0
    limit_resources(int(arguments[0]))
    # The libraries log what they find, names included; nothing of a document may reach a log.
    logging.disable(logging.CRITICAL)
    leave_out_fetching()
    from broker.orders.trust import CourtTrust
    from broker.orders.verification import verify_document

    for name in _USED_LATE:
        import_module(name)
    # The walls are raised last, because importing opens files, and first, because not a byte has been read yet.
    if not [name for name in WALLS if raise_wall(name)]:
        return NO_WALLS
    header = json.loads(sys.stdin.buffer.readline())
    pdf = sys.stdin.buffer.read()
    if len(pdf) != header["pdf_bytes"]:
        return 2
    verdict = verify_document(pdf, CourtTrust.from_data(header["trust"]), at=datetime.fromisoformat(header["at"]))
    sys.stdout.write(verdict.to_json())
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Make an opaque reference of what a log calls a connection.

User names, circuits and hardware addresses can name a person, so none of them enters the store. A keyed digest takes
their place: the same for the same connection, and nothing to anybody without the key. The feeder has it, and the
release worker where it asks a database of the operator in place.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from broker.crypto import suites
from broker.errors import ConfigurationError
from broker.private_files import read_or_create_secret

KEY_FILE = "holders.key"


class HolderDigest:
    """The references of one deployment; the key has to stay, or nothing that was stored is found again."""

    def __init__(self, key: bytes) -> None:
        # Logs repeat their names, so each is digested once.
        self.reference = lru_cache(maxsize=262_144)(lambda holder: _reference(key, holder))


def _reference(key: bytes, holder: str) -> str:
    return f"h-{suites.hmac_sha256(key, holder.encode('utf-8')).hex()[:40]}"


def holder_digest(folder: Path) -> HolderDigest:
    """Read the key from the folder of this process's keys, or make it there."""
    return HolderDigest(read_or_create_secret(folder / KEY_FILE).encode("ascii"))


def stored_digest(folder: Path) -> HolderDigest:
    """Read the key that the feeder made; a new one would find nothing. Raises ConfigurationError if it is not there."""
    if not (folder / KEY_FILE).exists():
        raise ConfigurationError(f"{KEY_FILE} is not in BROKER_KEY_DIR. Put a copy of the feeder's there.")
    return holder_digest(folder)

"""Epoch keys: the key pairs that records are sealed to, and the files they live in.

An epoch is a span of time with its own key pair; destroying the private key ends access to all its records.
The files are text of our own, because no standard format holds a hybrid key as cryptography has it:

    disclosure-broker epoch key, private        (or: public)
    epoch: 7
    suite: 1
    key: <base64 of the raw key of that suite, see suites.py>
    check: <SHA-256, in hexadecimal, of the lines above with their line ends>

The check line matters for the public file: a record sealed to a damaged public key is lost for good.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from broker.crypto import suites
from broker.crypto.errors import KeyFileError, SuiteError

_TITLE = "disclosure-broker epoch key, "
_MAXIMUM_FILE_BYTES = 8192
_MAXIMUM_EPOCH = 2**31 - 1


@dataclass(frozen=True)
class EpochPublicKey:
    """What sealing needs: the epoch's number and its public key."""

    epoch_id: int
    hpke: suites.HpkePublicKey

    @property
    def suite(self) -> int:
        """Return the id of the wrapping suite, as stored beside each wrapped key."""
        return self.hpke.suite_id


@dataclass(frozen=True)
class EpochPrivateKey:
    """What opening needs; only the worker ever has one."""

    epoch_id: int
    hpke: suites.HpkePrivateKey = field(repr=False)

    @property
    def suite(self) -> int:
        """Return the id of the wrapping suite."""
        return self.hpke.suite_id

    @property
    def public(self) -> EpochPublicKey:
        """Return the public half."""
        return EpochPublicKey(self.epoch_id, self.hpke.public)


def new_epoch(epoch_id: int, suite: int = suites.HPKE_HYBRID) -> EpochPrivateKey:
    """Make the key pair of a new epoch; raise SuiteError if the suite is unknown or not available here."""
    if not 1 <= epoch_id <= _MAXIMUM_EPOCH:
        raise KeyFileError(f"Epoch {epoch_id} is out of range; number epochs from 1 to {_MAXIMUM_EPOCH}.")
    return EpochPrivateKey(epoch_id, suites.HpkePrivateKey.generate(suite))


def save_private(key: EpochPrivateKey, path: Path) -> None:
    """Write a private key, readable by its owner only; never overwrite a file."""
    _write_new(path, _to_text("private", key.epoch_id, key.suite, key.hpke.raw), 0o600)


def save_public(key: EpochPublicKey, path: Path) -> None:
    """Write a public key, readable by everybody; never overwrite a file."""
    _write_new(path, _to_text("public", key.epoch_id, key.suite, key.hpke.raw), 0o644)


def load_private(path: Path) -> EpochPrivateKey:
    """Read a private key; raise KeyFileError if the file is missing, damaged or open to other users."""
    data, mode = _read(path)
    # Group read is allowed because systemd hands credentials over as 0440 with an access list behind it.
    if mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP):
        raise KeyFileError(f"{path.name} is open to other users (mode {stat.S_IMODE(mode):o}); run chmod 600 on it.")
    epoch_id, suite, raw = _from_text("private", data, path.name)
    try:
        return EpochPrivateKey(epoch_id, suites.HpkePrivateKey(suite, raw))
    except SuiteError as error:
        raise _unusable(path.name, error) from error


def load_public(path: Path) -> EpochPublicKey:
    """Read a public key; raise KeyFileError if the file is missing or damaged."""
    data, _ = _read(path)
    epoch_id, suite, raw = _from_text("public", data, path.name)
    try:
        return EpochPublicKey(epoch_id, suites.HpkePublicKey(suite, raw))
    except SuiteError as error:
        raise _unusable(path.name, error) from error


def _unusable(name: str, error: SuiteError) -> KeyFileError:
    return KeyFileError(f"{name} holds no usable key: {error}")


def _to_text(half: str, epoch_id: int, suite: int, raw: bytes) -> bytes:
    head = f"{_TITLE}{half}\nepoch: {epoch_id}\nsuite: {suite}\nkey: {base64.b64encode(raw).decode('ascii')}\n"
    return f"{head}check: {suites.sha256_hex(head.encode('ascii'))}\n".encode("ascii")


def _from_text(half: str, data: bytes, name: str) -> tuple[int, int, bytes]:
    """Read what _to_text wrote, and nothing else: the file is rebuilt and compared."""
    damaged = KeyFileError(f"{name} is no {half} epoch key or is damaged; restore it from its backup.")
    try:
        title, epoch, suite, key, _check = data.decode("ascii").splitlines()
        epoch_id, suite_id = int(epoch.removeprefix("epoch: ")), int(suite.removeprefix("suite: "))
        raw = base64.b64decode(key.removeprefix("key: "), validate=True)
    except (ValueError, binascii.Error):
        # The cause is dropped on purpose: it may quote a line of the key.
        raise damaged from None
    if title != f"{_TITLE}{half}" or data != _to_text(half, epoch_id, suite_id, raw):
        raise damaged
    return epoch_id, suite_id, raw


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            return file.read(_MAXIMUM_FILE_BYTES + 1), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise KeyFileError(f"The key file {path.name} cannot be read: {error.strerror}.") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write beside the target, then link: a reader sees the whole file or none, and an old key survives."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise KeyFileError(f"{path.name} exists and a key is never overwritten; choose another name.") from error
    except OSError as error:
        raise KeyFileError(f"The key file {path.name} cannot be written: {error.strerror}.") from error

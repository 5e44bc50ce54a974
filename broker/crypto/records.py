"""Sealing of identity records at rest: one random key for each record, wrapped to the epoch's public key.

1. A fresh 256-bit key encrypts the record once, with AES-256-GCM.
2. HPKE wraps that key to the epoch's public key.
3. Both are bound to the same bytes: domain, operator, record, schema, epoch and suite. A body or a wrapped
   key moved to another record, operator or epoch does not open.

Not here: what a record's plaintext looks like, and where the two parts are stored (the identities database).
Source: security.md 3.1; RFC 9180; NIST SP 800-38D.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from broker.crypto import suites
from broker.crypto.epochs import EpochPrivateKey, EpochPublicKey
from broker.crypto.errors import SealError, UnsealError

_DOMAIN = b"disclosure-broker sealed record v1"


@dataclass(frozen=True)
class SealedRecordParts:
    """A sealed record as its columns; `body` and `wrapped_key` are kept in two tables."""

    nonce: bytes
    body: bytes
    suite: int
    epoch_id: int
    wrapped_key: bytes


def seal_record(
    plaintext: bytes, *, isp: str, record_id: UUID, schema: int, epoch: EpochPublicKey
) -> SealedRecordParts:
    """Seal one record to an epoch.

    plaintext: the record's bytes, at least one.
    isp: the operator's id. schema: version of the plaintext's form, 0 to 2**32 - 1.

    Raises SealError for an empty record, SuiteError if the epoch's suite is refused.
    """
    if not plaintext:
        raise SealError(f"Record {record_id} is empty; an identity without a field is not stored.")
    binding = _binding(isp, record_id, schema, epoch.epoch_id, epoch.suite)
    data_key = suites.random_bytes(suites.AEAD_KEY_BYTES)
    nonce = suites.random_bytes(suites.AEAD_NONCE_BYTES)
    return SealedRecordParts(
        nonce=nonce,
        body=suites.aead_seal(data_key, nonce, plaintext, binding),
        suite=epoch.suite,
        epoch_id=epoch.epoch_id,
        wrapped_key=epoch.hpke.wrap(data_key, binding),
    )


def open_record(
    parts: SealedRecordParts, *, isp: str, record_id: UUID, schema: int, epoch_private: EpochPrivateKey
) -> bytes:
    """Open one record; the result is never empty.

    Raises UnsealError if the parts belong to another operator, record, schema, epoch or suite, or were
    altered; SuiteError if their suite is unknown or refused.
    """
    suites.usable(parts.suite)
    if (parts.epoch_id, parts.suite) != (epoch_private.epoch_id, epoch_private.suite):
        raise UnsealError(
            f"Record {record_id} is sealed to epoch {parts.epoch_id}, suite {parts.suite}; "
            f"the key given is of epoch {epoch_private.epoch_id}, suite {epoch_private.suite}."
        )
    binding = _binding(isp, record_id, schema, parts.epoch_id, parts.suite)
    try:
        data_key = epoch_private.hpke.unwrap(parts.wrapped_key, binding)
        plaintext = suites.aead_open(data_key, parts.nonce, parts.body, binding)
    except UnsealError as error:
        raise UnsealError(f"Record {record_id} did not open: {error}") from error
    if not plaintext:
        raise UnsealError(f"Record {record_id} opened to nothing, which sealing never produces.")
    return plaintext


def _binding(isp: str, record_id: UUID, schema: int, epoch_id: int, suite: int) -> bytes:
    """Join what a record is bound to; lengths come first, so that no two lists give the same bytes."""
    fields = (
        _DOMAIN,
        isp.encode("utf-8"),
        record_id.bytes,
        schema.to_bytes(4, "big"),
        epoch_id.to_bytes(4, "big"),
        suite.to_bytes(2, "big"),
    )
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)

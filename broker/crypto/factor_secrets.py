"""Secrets of second factors (codes of an app, recovery codes) as they lie in the database: sealed.

The key comes from the secret key of the deployment, which is in no database and no backup of one. Whoever changes
that key makes these secrets unreadable; passkeys, which are public keys, stay.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

from django.conf import settings

from broker.crypto import suites
from broker.crypto.errors import UnsealError

_LABEL = b"disclosure-broker second factor v1"


def seal_factor_secret(text: str) -> str:
    """Seal a secret; the result is text for a JSON column."""
    nonce = suites.random_bytes(suites.AEAD_NONCE_BYTES)
    return b64encode(nonce + suites.aead_seal(_key(), nonce, text.encode(), _LABEL)).decode("ascii")


def open_factor_secret(sealed: str) -> str:
    """Open a secret; raise UnsealError for one that was altered or sealed under another secret key."""
    try:
        raw = b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise UnsealError("A second factor's secret is not in the form we store; set the factor up again.") from None
    nonce, body = raw[: suites.AEAD_NONCE_BYTES], raw[suites.AEAD_NONCE_BYTES :]
    return suites.aead_open(_key(), nonce, body, _LABEL).decode()


def _key() -> bytes:
    return suites.derive_key(settings.SECRET_KEY.encode(), _LABEL)

"""An independent reading of RFC 9180 (base mode, X25519, HKDF-SHA256, AES-256-GCM), only for comparison."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM_SUITE = b"KEM" + (0x0020).to_bytes(2, "big")
_HPKE_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def open_base_x25519(sealed: bytes, private_raw: bytes, info: bytes) -> bytes:
    """Open the encapsulated key followed by the ciphertext; RFC 9180 sections 4.1, 5.1 and 6.1."""
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    private = X25519PrivateKey.from_private_bytes(private_raw)
    shared = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    kem_context = encapsulated + private.public_key().public_bytes_raw()
    extracted = _extract(b"", _KEM_SUITE, b"eae_prk", shared)
    secret = _expand(extracted, _KEM_SUITE, b"shared_secret", kem_context, 32)
    context = b"\0" + _extract(b"", _HPKE_SUITE, b"psk_id_hash", b"") + _extract(b"", _HPKE_SUITE, b"info_hash", info)
    scheduled = _extract(secret, _HPKE_SUITE, b"secret", b"")
    key = _expand(scheduled, _HPKE_SUITE, b"key", context, 32)
    nonce = _expand(scheduled, _HPKE_SUITE, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def _extract(salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + material, hashlib.sha256).digest()


def _expand(key: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    block = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.new(key, block, hashlib.sha256).digest()[:length]

"""Every cryptographic algorithm this product uses, by number, and the only door to them.

No other module imports primitives: what is not in ALGORITHMS is not used. The table is also the cryptographic
inventory (OWASP ASVS 5.0, 11.1.2). Ids are stored in rows and never reused. Not here: what is sealed and why
(records.py, age.py), signatures in CMS (cades.py), files (epochs.py).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.crypto.errors import SealError, SuiteError, UnsealError


class Status(StrEnum):
    """Whether an algorithm may be used: for new things, only for what fits nothing newer, or not at all."""

    CURRENT = "current"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True)
class Algorithm:
    """One row of the inventory; `successor` is the id to move to, None while nothing better is known."""

    id: int
    name: str
    use: str
    status: Status
    successor: int | None
    source: str


HPKE_HYBRID = 1
HPKE_X25519 = 2
RECORD_AEAD = 10
DERIVED_KEY = 11
KEYED_DIGEST = 12
DIGEST_SHA256 = 20
SIGN_ECDSA_P256 = 30
SIGN_RSA_PSS = 31
RELEASE_AGE = 40

_ROWS = (
    Algorithm(
        HPKE_HYBRID,
        "HPKE ML-KEM-768+X25519, SHAKE256, AES-256-GCM",
        "wrap a record's data key",
        Status.CURRENT,
        None,
        "RFC 9180, FIPS 203, draft-ietf-hpke-pq",
    ),
    Algorithm(
        HPKE_X25519,
        "HPKE X25519, HKDF-SHA256, AES-256-GCM",
        "wrap a record's data key where the platform has no ML-KEM",
        Status.ACCEPTED,
        HPKE_HYBRID,
        "RFC 9180",
    ),
    Algorithm(RECORD_AEAD, "AES-256-GCM", "record body, one key per record", Status.CURRENT, None, "SP 800-38D"),
    Algorithm(
        DERIVED_KEY,
        "HKDF-SHA256, AES-256-GCM",
        "secrets of second factors, under a key made from the secret key",
        Status.CURRENT,
        None,
        "RFC 5869, SP 800-38D",
    ),
    Algorithm(
        KEYED_DIGEST,
        "HMAC-SHA-256",
        "references of connections in the address log",
        Status.CURRENT,
        None,
        "RFC 2104",
    ),
    Algorithm(DIGEST_SHA256, "SHA-256", "digests and fingerprints", Status.CURRENT, None, "FIPS 180-4"),
    Algorithm(21, "SHA-1", "nothing", Status.REFUSED, DIGEST_SHA256, "FIPS 180-4"),
    Algorithm(SIGN_ECDSA_P256, "ECDSA P-256, SHA-256", "operator's seal", Status.CURRENT, None, "FIPS 186-5"),
    Algorithm(
        SIGN_RSA_PSS,
        "RSA-PSS, 3072 bits or more, SHA-256",
        "operator's seal",
        Status.ACCEPTED,
        SIGN_ECDSA_P256,
        "RFC 8017",
    ),
    Algorithm(32, "RSA PKCS#1 v1.5", "nothing of ours", Status.REFUSED, SIGN_RSA_PSS, "RFC 8017"),
    Algorithm(
        RELEASE_AGE,
        "age v1: X25519, HKDF-SHA256, ChaCha20-Poly1305",
        "release packages",
        Status.CURRENT,
        None,
        "C2SP age",
    ),
    # What the log-in's libraries use on our behalf.
    Algorithm(50, "Argon2id", "passwords", Status.CURRENT, None, "RFC 9106"),
    Algorithm(51, "scrypt", "passwords stored before", Status.ACCEPTED, 50, "RFC 7914"),
    Algorithm(52, "WebAuthn with user verification", "second factor", Status.CURRENT, None, "W3C WebAuthn 3"),
    Algorithm(53, "TOTP, HMAC-SHA-1", "second factor", Status.ACCEPTED, 52, "RFC 6238"),
)
ALGORITHMS: Mapping[int, Algorithm] = MappingProxyType({row.id: row for row in _ROWS})

AEAD_KEY_BYTES = 32
AEAD_NONCE_BYTES = 12
_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184
_MINIMUM_RSA_BITS = 3072


def inventory() -> list[dict[str, object]]:
    """Return the table as plain rows in id order, for the help page and the auditors."""
    return [asdict(ALGORITHMS[number]) | {"status": str(ALGORITHMS[number].status)} for number in sorted(ALGORITHMS)]


def usable(algorithm_id: int) -> Algorithm:
    """Return an algorithm that may be used; raise SuiteError if its id is unknown or refused."""
    algorithm = ALGORITHMS.get(algorithm_id)
    if algorithm is None:
        raise SuiteError(f"Algorithm {algorithm_id} is unknown to this version; upgrade before opening this data.")
    if algorithm.status is Status.REFUSED:
        raise SuiteError(f"Algorithm {algorithm_id} ({algorithm.name}) is refused; use {algorithm.successor}.")
    return algorithm


# Digests and random bytes


def sha256(data: bytes) -> bytes:
    """Return the 32-byte SHA-256 digest."""
    return hashlib.sha256(data).digest()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 digest as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """Return the 32-byte HMAC-SHA-256."""
    return hmac.digest(key, data, "sha256")


def random_bytes(count: int) -> bytes:
    """Return bytes of the operating system's generator."""
    return os.urandom(count)


def derive_key(secret: bytes, label: bytes) -> bytes:
    """Make a 256-bit key for one purpose, named by its label, from a secret of high entropy (HKDF-SHA256)."""
    return HKDF(hashes.SHA256(), AEAD_KEY_BYTES, salt=None, info=label).derive(secret)


# Authenticated encryption of record bodies


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt with AES-256-GCM; the caller never uses a nonce twice with one key."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def aead_open(key: bytes, nonce: bytes, body: bytes, aad: bytes) -> bytes:
    """Decrypt with AES-256-GCM; raise UnsealError if anything about it does not fit."""
    try:
        return AESGCM(key).decrypt(nonce, body, aad)
    except (InvalidTag, ValueError) as error:
        raise UnsealError("The sealed body does not belong to this key, record and schema, or was altered.") from error


# Hybrid public key encryption of data keys


@dataclass(frozen=True)
class _Hpke:
    """How one HPKE suite makes, reads and splits its keys."""

    suite: Callable[[], hpke.Suite]
    private_bytes: int
    public_bytes: int


_HPKE: Mapping[int, _Hpke] = MappingProxyType(
    {
        HPKE_HYBRID: _Hpke(
            lambda: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM),
            _MLKEM_SEED_BYTES + 32,
            _MLKEM_PUBLIC_BYTES + 32,
        ),
        HPKE_X25519: _Hpke(
            lambda: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
            32,
            32,
        ),
    }
)


def _hpke(suite_id: int, wanted: str, raw: bytes) -> _Hpke:
    usable(suite_id)
    if suite_id not in _HPKE:
        raise SuiteError(f"Algorithm {suite_id} cannot wrap keys; use {HPKE_HYBRID} or {HPKE_X25519}.")
    kind = _HPKE[suite_id]
    expected = kind.private_bytes if wanted == "private" else kind.public_bytes
    if len(raw) != expected:
        raise SuiteError(f"A {wanted} key of suite {suite_id} has {expected} bytes, this one has {len(raw)}.")
    return kind


class HpkePublicKey:
    """The public half of a wrapping key. `raw` is the ML-KEM part, if any, then 32 bytes of X25519."""

    __slots__ = ("_key", "_suite", "raw", "suite_id")

    def __init__(self, suite_id: int, raw: bytes) -> None:
        """Read a key from its raw form; raise SuiteError if it does not fit the suite."""
        kind = _hpke(suite_id, "public", raw)
        self.suite_id, self.raw = suite_id, raw
        try:
            self._suite = kind.suite()
            curve = x25519.X25519PublicKey.from_public_bytes(raw[-32:])
            self._key = (
                hpke.MLKEM768X25519PublicKey(mlkem.MLKEM768PublicKey.from_public_bytes(raw[:-32]), curve)
                if suite_id == HPKE_HYBRID
                else curve
            )
        except (UnsupportedAlgorithm, ValueError) as error:
            raise SuiteError(_unavailable(suite_id)) from error

    def wrap(self, data_key: bytes, info: bytes) -> bytes:
        """Encrypt a data key to this key, bound to `info`; raise SealError if the key is degenerate."""
        try:
            return self._suite.encrypt(data_key, self._key, info=info)
        except (InvalidTag, ValueError) as error:
            raise SealError(f"The public key of suite {self.suite_id} cannot be sealed to; replace it.") from error


class HpkePrivateKey:
    """The private half of a wrapping key. `raw` is the ML-KEM seed, if any, then 32 bytes of X25519."""

    __slots__ = ("_key", "_suite", "public", "raw", "suite_id")

    def __init__(self, suite_id: int, raw: bytes) -> None:
        """Read a key from its raw form; raise SuiteError if it does not fit the suite."""
        kind = _hpke(suite_id, "private", raw)
        self.suite_id, self.raw = suite_id, raw
        try:
            self._suite = kind.suite()
            self._key: hpke.MLKEM768X25519PrivateKey | x25519.X25519PrivateKey
            curve = x25519.X25519PrivateKey.from_private_bytes(raw[-32:])
            public = curve.public_key().public_bytes_raw()
            if suite_id == HPKE_HYBRID:
                lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:-32])
                public = lattice.public_key().public_bytes_raw() + public
                self._key = hpke.MLKEM768X25519PrivateKey(lattice, curve)
            else:
                self._key = curve
        except (UnsupportedAlgorithm, ValueError) as error:
            raise SuiteError(_unavailable(suite_id)) from error
        self.public = HpkePublicKey(suite_id, public)

    @classmethod
    def generate(cls, suite_id: int) -> HpkePrivateKey:
        """Make a new key; a seed of ML-KEM and a scalar of X25519 are any random bytes."""
        if suite_id not in _HPKE:
            raise SuiteError(f"Algorithm {suite_id} cannot wrap keys; use {HPKE_HYBRID} or {HPKE_X25519}.")
        return cls(suite_id, random_bytes(_HPKE[suite_id].private_bytes))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Decrypt a data key; raise UnsealError unless it was wrapped to this key with this very `info`."""
        try:
            return self._suite.decrypt(wrapped, self._key, info=info)
        except (InvalidTag, ValueError) as error:
            raise UnsealError("The wrapped key does not belong to this record and epoch, or was altered.") from error

    def __repr__(self) -> str:
        """Name the suite only: a traceback must not show the key."""
        return f"<HpkePrivateKey suite {self.suite_id}>"


def _unavailable(suite_id: int) -> str:
    return (
        f"Suite {suite_id} does not work with this key on this platform; check that the key is of that "
        f"suite, and use suite {HPKE_X25519} where the library has no ML-KEM."
    )


def ml_kem_available() -> bool:
    """Say whether this platform can use the hybrid suite."""
    try:
        mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(_MLKEM_SEED_BYTES))
    except UnsupportedAlgorithm:
        return False
    return True


def x25519_accepts(public: bytes) -> bool:
    """Say whether 32 bytes are an X25519 key that leads to a secret: the small-order points do not."""
    try:
        x25519.X25519PrivateKey.generate().exchange(x25519.X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


# Keys of the operator's seal

SealKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NewSealKey = ec.EllipticCurvePrivateKey
SealPublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def generate_seal_key() -> NewSealKey:
    """Make a new ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def seal_hash() -> hashes.SHA256:
    """Return the hash that certificates of ours are signed with."""
    return hashes.SHA256()


def seal_algorithm(public_key: object) -> Algorithm:
    """Return the row a seal key belongs to; raise SuiteError for any other curve, size or kind of key."""
    if isinstance(public_key, ec.EllipticCurvePublicKey) and isinstance(public_key.curve, ec.SECP256R1):
        return ALGORITHMS[SIGN_ECDSA_P256]
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size >= _MINIMUM_RSA_BITS:
        return ALGORITHMS[SIGN_RSA_PSS]
    raise SuiteError(f"A seal key must be ECDSA P-256 or RSA of {_MINIMUM_RSA_BITS} bits or more.")


def seal_key_to_pem(key: SealKey) -> bytes:
    """Write a seal key as unencrypted PKCS#8 PEM; the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Write a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def certificate_der(certificate: x509.Certificate) -> bytes:
    """Write a certificate as DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def seal_key_to_der(key: SealKey) -> bytes:
    """Write a seal key as unencrypted PKCS#8 DER, for the signer in this process."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def seal_key_from_pem(pem: bytes) -> SealKey:
    """Read an unencrypted PEM key; raise SuiteError if it is none or of a kind we do not use."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is dropped on purpose: the library may quote what it could not read.
        raise SuiteError("This is no unencrypted PEM private key; give the seal key as PKCS#8 PEM.") from None
    seal_algorithm(key.public_key())
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise SuiteError("A seal key must be an ECDSA or RSA private key.")
    return key


def public_bytes_der(public_key: SealPublicKey) -> bytes:
    """Write a public key as SubjectPublicKeyInfo DER, so that two keys can be compared."""
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

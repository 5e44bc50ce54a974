"""Sealing to a recipient with age, and the checks on the keys people hand us.

The only module that calls pyrage. Recipients make their own key (`age-keygen`) and give us the public
half, one word that begins with `age1`. Plug-in, SSH and passphrase recipients are refused: a recipient must
be able to open a package with age alone. Source: C2SP age specification.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pyrage

from broker.crypto import suites
from broker.crypto.errors import RecipientKeyError, SealError, SecretKeyGivenError, UnsealError

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_PUBLIC_KEY_LENGTH = 62
PAYLOAD_NONCE_BYTES = 16
CHUNK_BYTES = 64 * 1024
CHUNK_TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + CHUNK_TAG_BYTES
MAXIMUM_HEADER_BYTES = 2048


def validate_age_recipient(text: str) -> str:
    """Return the public key in its one normal form: lower case, no blanks around it.

    Raises SecretKeyGivenError if the text holds a secret key, which is then to be thrown away, and
    RecipientKeyError for anything else that is not an `age1...` X25519 key. Neither message repeats the text.
    """
    if "AGE-SECRET-KEY" in text.upper():
        raise SecretKeyGivenError(
            "This is the SECRET half of an age key. It was not stored. Treat the key as lost: make a new one "
            "with age-keygen and give only the word that begins with age1."
        )
    key = text.strip()
    # Bech32 may be written all in capitals, but never mixed.
    key = key.lower() if key.isupper() else key
    try:
        pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise RecipientKeyError(
            "This is no age public key. Expected one word of 62 characters that begins with age1, as "
            "age-keygen prints it after 'public key:'."
        ) from None
    if len(key) != _PUBLIC_KEY_LENGTH or not suites.x25519_accepts(_point(key)):
        raise RecipientKeyError("This age public key protects nothing; make a new one with age-keygen.")
    return key


def recipient_fingerprint(age_public_key: str) -> str:
    """Return the SHA-256 of the normal form as 64 hexadecimal digits; RecipientKeyError for a bad key."""
    return suites.sha256_hex(validate_age_recipient(age_public_key).encode("ascii"))


def new_identity() -> str:
    """Make a secret key, for tests, the demo and challenges; recipients make their own."""
    return str(pyrage.x25519.Identity.generate())


def public_key_of(identity: str) -> str:
    """Return the public half of a secret key; raise RecipientKeyError if it is none. Never quotes the key."""
    return str(_identity(identity).to_public())


def seal_to(recipient: str, plaintext: bytes) -> bytes:
    """Seal bytes to one recipient in the binary age format; the length varies by some random bytes."""
    sealed: bytes = pyrage.encrypt(plaintext, [pyrage.x25519.Recipient.from_str(validate_age_recipient(recipient))])
    return sealed


def unseal_with(identity: str, sealed: bytes) -> bytes:
    """Open a sealed file; raise UnsealError if it is for another key, cut short or altered."""
    key = _identity(identity)
    try:
        plaintext: bytes = pyrage.decrypt(sealed, [key])
    except pyrage.DecryptError:
        raise UnsealError(
            "The file does not open with this key: it was sealed to another key, cut short or altered. "
            "Download it again, then compare the key's fingerprint with the one on the release's page."
        ) from None
    return plaintext


def seal_to_size(recipient: str, plaintext: bytes, *, size: int, ending: Callable[[int], bytes]) -> bytes:
    """Seal bytes so that the file has exactly `size` bytes.

    age writers add a random part to the header, so the room that is left is known only once the header is
    written. `ending` is then called with the number of bytes still to fill and returns that many, which are
    sealed after `plaintext`. Plaintext must exceed one chunk and one read (80 KiB), or the header is still in
    pyrage's buffer at that moment.

    Raises SealError if the file would not have that size; RecipientKeyError for a bad key.
    """
    key = pyrage.x25519.Recipient.from_str(validate_age_recipient(recipient))
    out = io.BytesIO()
    source = _Source(plaintext, lambda: ending(_room(out.getvalue(), len(plaintext), size)))
    try:
        pyrage.encrypt_io(source, out, [key])
    except pyrage.EncryptError as error:
        raise SealError(f"The file could not be sealed to {size} bytes: {error}") from error
    sealed = out.getvalue()
    if len(sealed) != size:
        raise SealError(f"The sealed file has {len(sealed)} bytes instead of {size}; nothing may be delivered.")
    return sealed


def sealed_length(header: int, plaintext: int) -> int:
    """Return the length of an age file from those of its header and its plaintext."""
    chunks = max(1, -(-plaintext // CHUNK_BYTES))
    return header + PAYLOAD_NONCE_BYTES + plaintext + CHUNK_TAG_BYTES * chunks


class _Source:
    """A file for pyrage to read: the plaintext, then whatever `ending` answers when it is reached."""

    def __init__(self, plaintext: bytes, ending: Callable[[], bytes]) -> None:
        self._file = io.BytesIO(plaintext)
        self._ending: Callable[[], bytes] | None = ending

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        if not data and self._ending is not None:
            self._file, self._ending = io.BytesIO(self._ending()), None
            data = self._file.read(count)
        return data


def _room(written: bytes, plaintext: int, size: int) -> int:
    """Return how many bytes the ending must have; `written` begins with the whole header."""
    mac = written.find(b"\n--- ", 0, MAXIMUM_HEADER_BYTES)
    header = written.find(b"\n", mac + 1) + 1 if mac >= 0 else 0
    if not header:
        raise SealError("The age library did not write its header first; its version is not one we know.")
    for chunks in range(1, size // CHUNK_BYTES + 2):
        room = size - header - PAYLOAD_NONCE_BYTES - CHUNK_TAG_BYTES * chunks - plaintext
        if room >= 0 and sealed_length(header, plaintext + room) == size:
            return room
    raise SealError(f"A plaintext of {plaintext} bytes cannot be sealed to exactly {size} bytes.")


def _identity(text: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(text.strip())
    except pyrage.IdentityError:
        raise RecipientKeyError("This is no age secret key; expected one line that begins AGE-SECRET-KEY-1.") from None


def _point(key: str) -> bytes:
    """Decode the 32 bytes of a key whose Bech32 checksum pyrage has already verified."""
    bits = 0
    symbols = key.split("1", 1)[1][:-6]
    for symbol in symbols:
        bits = bits << 5 | _BECH32.index(symbol)
    return (bits >> (5 * len(symbols) - 256)).to_bytes(32, "big")

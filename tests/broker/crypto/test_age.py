"""Recipients' keys, and files of an exact size that age itself can open."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from broker.crypto import age, suites
from broker.crypto.errors import RecipientKeyError, SealError, SecretKeyGivenError, UnsealError

IDENTITY = age.new_identity()
PUBLIC_KEY = age.public_key_of(IDENTITY)

needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="needs age")


def test_a_key_has_one_normal_form_and_one_fingerprint() -> None:
    spellings = [PUBLIC_KEY, f"  {PUBLIC_KEY}\n", PUBLIC_KEY.upper()]
    assert {age.validate_age_recipient(spelling) for spelling in spellings} == {PUBLIC_KEY}
    fingerprint = suites.sha256_hex(PUBLIC_KEY.encode())
    assert {age.recipient_fingerprint(spelling) for spelling in spellings} == {fingerprint}


@pytest.mark.parametrize(
    "text",
    [IDENTITY, IDENTITY.lower(), f"# public key: {PUBLIC_KEY}\n{IDENTITY}\n", f'"{IDENTITY}"'],
    ids=["alone", "small letters", "whole file", "quoted"],
)
def test_refuses_a_secret_key_loudly_and_does_not_repeat_it(text: str) -> None:
    with pytest.raises(SecretKeyGivenError, match="SECRET") as caught:
        age.validate_age_recipient(text)
    assert IDENTITY[16:30].lower() not in str(caught.value).lower()
    assert caught.value.code == "crypto.secret-key-given"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        PUBLIC_KEY[:-1],
        PUBLIC_KEY[:-1] + ("q" if PUBLIC_KEY[-1] != "q" else "p"),
        PUBLIC_KEY.capitalize(),
        f"{PUBLIC_KEY} {PUBLIC_KEY}",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
        "age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt",
        "аge1" + PUBLIC_KEY[4:],
    ],
    ids=["empty", "prefix", "short", "checksum", "mixed", "two", "ssh", "plug-in", "cyrillic"],
)
def test_refuses_what_is_no_age_key_without_repeating_it(text: str) -> None:
    with pytest.raises(RecipientKeyError) as caught:
        age.validate_age_recipient(text)
    assert len(text) < 5 or text not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
        "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqj7vrya",
        "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
        "age1ur4h5lpmgxu2u9jku0a0r87ydtdqnr0tnsetrlvxvgz3vh6fhqqqzyt4v9",
    ],
)
def test_refuses_a_key_that_everybody_could_open(key: str) -> None:
    with pytest.raises(RecipientKeyError, match="protects nothing"):
        age.validate_age_recipient(key)


def test_a_bad_secret_key_is_not_repeated() -> None:
    with pytest.raises(RecipientKeyError) as caught:
        age.public_key_of(IDENTITY[:-1])
    assert IDENTITY[16:30] not in str(caught.value)


def test_seals_and_opens() -> None:
    assert age.unseal_with(IDENTITY, age.seal_to(PUBLIC_KEY, b"a name")) == b"a name"


def test_every_defect_of_a_sealed_file_is_an_unseal_error() -> None:
    sealed = age.seal_to(PUBLIC_KEY, b"a name")
    bad = [
        b"",
        b"no age file",
        sealed[:20],
        sealed[:-1],
        sealed + b"x",
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
    ]
    for data in [*bad, age.seal_to(age.public_key_of(age.new_identity()), b"a name")]:
        with pytest.raises(UnsealError):
            age.unseal_with(IDENTITY, data)


@pytest.mark.parametrize("length", [90_000, 131_072, 300_000])
def test_reaches_the_exact_size_whatever_the_header_was(length: int) -> None:
    size = length + 6000
    for _ in range(100):
        sealed = age.seal_to_size(PUBLIC_KEY, b"x" * length, size=size, ending=lambda room: b" " * room)
        assert len(sealed) == size
        assert age.unseal_with(IDENTITY, sealed).rstrip(b" ") == b"x" * length


@pytest.mark.parametrize("size", [200_001, 199_000, 10])
def test_refuses_a_size_that_cannot_be_met(size: int) -> None:
    with pytest.raises(SealError):
        age.seal_to_size(PUBLIC_KEY, b"x" * 200_000, size=size, ending=lambda room: b" " * room)


def test_refuses_a_plaintext_so_short_that_the_header_is_not_known_in_time() -> None:
    with pytest.raises(SealError, match="header first"):
        age.seal_to_size(PUBLIC_KEY, b"x", size=8192, ending=lambda room: b" " * room)


def test_refuses_to_deliver_when_the_ending_is_not_as_long_as_asked() -> None:
    with pytest.raises(SealError, match="nothing may be delivered"):
        age.seal_to_size(PUBLIC_KEY, b"x" * 200_000, size=204_800, ending=lambda room: b" " * (room - 1))


@needs_age
def test_age_itself_opens_a_file_of_exact_size(tmp_path: Path) -> None:
    sealed = age.seal_to_size(PUBLIC_KEY, b"x" * 200_000, size=204_800, ending=lambda room: b"." * room)
    (tmp_path / "key").write_text(IDENTITY)
    opened = subprocess.run(
        ["age", "--decrypt", "--identity", str(tmp_path / "key")],
        input=sealed,
        capture_output=True,
        check=True,
    )
    assert opened.stdout.rstrip(b".") == b"x" * 200_000


@needs_age
def test_opens_what_age_itself_sealed() -> None:
    sealed = subprocess.run(
        ["age", "--encrypt", "--recipient", PUBLIC_KEY], input=b"a name", capture_output=True, check=True
    )
    assert age.unseal_with(IDENTITY, sealed.stdout) == b"a name"

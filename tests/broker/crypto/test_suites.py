"""The table of algorithms, and that nothing goes round it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from broker.crypto import suites
from broker.crypto.errors import SealError, SuiteError, UnsealError

PROJECT = Path(__file__).resolve().parents[3]


def test_every_row_that_is_not_current_names_a_usable_successor() -> None:
    for row in suites.ALGORITHMS.values():
        if row.status is not suites.Status.CURRENT:
            assert row.successor is not None
            assert suites.usable(row.successor).status is not suites.Status.REFUSED


def test_ids_are_frozen_because_rows_of_the_database_hold_them() -> None:
    assert {row["id"]: row["name"] for row in suites.inventory()} == {
        1: "HPKE ML-KEM-768+X25519, SHAKE256, AES-256-GCM",
        2: "HPKE X25519, HKDF-SHA256, AES-256-GCM",
        10: "AES-256-GCM",
        11: "HKDF-SHA256, AES-256-GCM",
        12: "HMAC-SHA-256",
        20: "SHA-256",
        21: "SHA-1",
        30: "ECDSA P-256, SHA-256",
        31: "RSA-PSS, 3072 bits or more, SHA-256",
        32: "RSA PKCS#1 v1.5",
        40: "age v1: X25519, HKDF-SHA256, ChaCha20-Poly1305",
        50: "Argon2id",
        51: "scrypt",
        52: "WebAuthn with user verification",
        53: "TOTP, HMAC-SHA-1",
    }


@pytest.mark.parametrize("number", [0, 99, -1])
def test_refuses_an_unknown_algorithm(number: int) -> None:
    with pytest.raises(SuiteError, match="unknown"):
        suites.usable(number)


def test_refuses_a_refused_algorithm_and_names_its_successor() -> None:
    with pytest.raises(SuiteError, match="refused; use 20"):
        suites.usable(21)


def test_no_other_module_of_sealing_and_release_imports_primitives() -> None:
    modules = [*(PROJECT / "broker/crypto").glob("*.py"), *(PROJECT / "broker/release").glob("*.py")]
    offenders = [
        path.name for path in modules if path.name != "suites.py" and any("hazmat" in name for name in _imported(path))
    ]
    assert len(modules) > 10
    assert offenders == []


def _imported(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


@pytest.mark.parametrize("suite", [suites.HPKE_HYBRID, suites.HPKE_X25519])
def test_a_key_read_back_from_its_raw_form_unwraps(suite: int) -> None:
    private = suites.HpkePrivateKey.generate(suite)
    public = suites.HpkePublicKey(suite, private.public.raw)
    again = suites.HpkePrivateKey(suite, private.raw)
    assert again.unwrap(public.wrap(b"k" * 32, b"place"), b"place") == b"k" * 32


@pytest.mark.parametrize("suite", [suites.HPKE_HYBRID, suites.HPKE_X25519])
@pytest.mark.parametrize("damage", [b"", b"\0", b"x" * 4000])
def test_refuses_keys_of_another_length(suite: int, damage: bytes) -> None:
    with pytest.raises(SuiteError, match="bytes"):
        suites.HpkePublicKey(suite, damage)
    with pytest.raises(SuiteError, match="bytes"):
        suites.HpkePrivateKey(suite, damage)


def test_refuses_to_wrap_with_an_algorithm_that_wraps_nothing() -> None:
    with pytest.raises(SuiteError, match="cannot wrap"):
        suites.HpkePrivateKey.generate(suites.RECORD_AEAD)
    with pytest.raises(SuiteError, match="cannot wrap"):
        suites.HpkePublicKey(suites.RECORD_AEAD, bytes(32))


def test_refuses_to_wrap_to_a_key_that_leads_to_no_secret() -> None:
    degenerate = suites.HpkePublicKey(suites.HPKE_X25519, bytes(32))
    with pytest.raises(SealError, match="replace it"):
        degenerate.wrap(b"k" * 32, b"place")


def test_a_private_key_does_not_show_itself() -> None:
    private = suites.HpkePrivateKey.generate(suites.HPKE_X25519)
    assert private.raw.hex() not in repr(private)
    assert repr(private.raw) not in repr(private)


def test_opening_with_a_key_of_the_wrong_length_is_an_unseal_error() -> None:
    with pytest.raises(UnsealError):
        suites.aead_open(b"short", bytes(12), bytes(32), b"")

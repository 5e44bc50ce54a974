"""The operator's seal: key and certificate belong together and may sign."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from broker.crypto import suites
from broker.crypto.errors import SealCertificateError
from broker.crypto.seal_certificate import load_seal_certificate, load_seal_signer
from tests.support.recipient import VALID_FROM, VALID_UNTIL, operator_seal

SEAL = operator_seal()


def _own(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    """Make a self-signed certificate without any extension; return key and certificate as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Operator (example)")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def test_loads_a_seal_with_the_certificates_above_it() -> None:
    signer = load_seal_signer(SEAL.key, SEAL.certificate + SEAL.authority)
    assert signer.algorithm == suites.SIGN_ECDSA_P256
    assert len(signer.chain) == 1
    assert (signer.valid_from, signer.valid_until) == (VALID_FROM, VALID_UNTIL)


def test_the_demo_seal_is_issued_by_its_demo_authority() -> None:
    authority = x509.load_pem_x509_certificate(SEAL.authority)
    x509.load_pem_x509_certificate(SEAL.certificate).verify_directly_issued_by(authority)


def test_accepts_rsa_keys_that_are_long_enough() -> None:
    key, certificate = _own(rsa.generate_private_key(public_exponent=65537, key_size=3072))
    assert load_seal_signer(key, certificate).algorithm == suites.SIGN_RSA_PSS


def test_refuses_other_kinds_of_keys() -> None:
    for private in (
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP384R1()),
    ):
        key, certificate = _own(private)
        with pytest.raises(SealCertificateError, match="P-256"):
            load_seal_signer(key, certificate)
        with pytest.raises(SealCertificateError, match="P-256"):
            load_seal_certificate(certificate)


def test_refuses_a_certificate_for_another_key() -> None:
    other = operator_seal("Another operator")
    with pytest.raises(SealCertificateError, match="another key"):
        load_seal_signer(other.key, SEAL.certificate)
    with pytest.raises(SealCertificateError, match="another key"):
        load_seal_signer(SEAL.key, SEAL.authority + SEAL.certificate)


def test_refuses_a_certificate_that_may_not_sign() -> None:
    with pytest.raises(SealCertificateError, match="key usage"):
        load_seal_certificate(SEAL.authority)


@pytest.mark.parametrize("text", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_refuses_what_is_no_certificate(text: bytes) -> None:
    with pytest.raises(SealCertificateError, match="PEM"):
        load_seal_certificate(text)


def test_refuses_what_is_no_key_without_quoting_it() -> None:
    with pytest.raises(SealCertificateError, match="PEM private key"):
        load_seal_signer(SEAL.certificate, SEAL.certificate)


def test_an_encrypted_key_is_refused_with_what_to_do() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    locked = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    with pytest.raises(SealCertificateError, match="unencrypted"):
        load_seal_signer(locked, SEAL.certificate)


def test_keys_do_not_show_themselves() -> None:
    signer = load_seal_signer(SEAL.key, SEAL.certificate)
    assert repr(signer.key) not in repr(signer)
    assert "PRIVATE" not in repr(SEAL)
    assert datetime.now(UTC) < signer.valid_until

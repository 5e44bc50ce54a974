"""The operator's signature: only these bytes, only this certificate, only CAdES."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import rsa

from broker.crypto.cades import sign_detached, verify_detached
from broker.crypto.errors import SealCertificateError, SignatureError
from broker.crypto.seal_certificate import load_seal_signer, make_demo_seal
from tests.broker.crypto.test_seal_certificate import _own
from tests.support.recipient import ISSUED_AT, VALID_FROM, VALID_UNTIL, operator_seal, signer_of

SEAL = operator_seal()
MANIFEST = b"<manifest/>"
SIGNATURE = sign_detached(MANIFEST, signer_of(SEAL), signed_at=ISSUED_AT)

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def test_accepts_what_was_signed() -> None:
    verify_detached(MANIFEST, SIGNATURE, certificate_pem=SEAL.certificate)


def test_accepts_the_seal_certificate_followed_by_others() -> None:
    verify_detached(MANIFEST, SIGNATURE, certificate_pem=SEAL.certificate + SEAL.authority)


def test_signs_and_checks_with_rsa_pss() -> None:
    key, certificate = _own(rsa.generate_private_key(public_exponent=65537, key_size=3072))
    signature = sign_detached(MANIFEST, load_seal_signer(key, certificate), signed_at=ISSUED_AT)
    verify_detached(MANIFEST, signature, certificate_pem=certificate)
    with pytest.raises(SignatureError):
        verify_detached(MANIFEST + b" ", signature, certificate_pem=certificate)


def test_names_its_certificate_and_time_inside_and_carries_the_chain() -> None:
    signed = cms.ContentInfo.load(SIGNATURE)["content"]
    attributes = {item["type"].native: item["values"][0].native for item in signed["signer_infos"][0]["signed_attrs"]}
    assert set(attributes) == {"content_type", "message_digest", "signing_certificate_v2", "signing_time"}
    assert attributes["signing_time"] == ISSUED_AT
    assert len(signed["certificates"]) == 2
    assert signed["encap_content_info"]["content"].native is None


@pytest.mark.parametrize("content", [b"", MANIFEST + b" ", MANIFEST.upper()])
def test_refuses_other_bytes(content: bytes) -> None:
    with pytest.raises(SignatureError, match="altered"):
        verify_detached(content, SIGNATURE, certificate_pem=SEAL.certificate)


def test_refuses_a_certificate_of_the_same_name_with_another_key() -> None:
    namesake = make_demo_seal("Telecable Ejemplo S.A.", valid_from=VALID_FROM, valid_until=VALID_UNTIL)
    with pytest.raises(SignatureError):
        verify_detached(MANIFEST, SIGNATURE, certificate_pem=namesake.certificate)


def test_any_changed_byte_of_signature_or_signed_attributes_is_refused() -> None:
    """The rest of the structure holds certificates that the pinned one makes irrelevant."""
    signer_info = cms.ContentInfo.load(SIGNATURE)["content"]["signer_infos"][0]
    start = SIGNATURE.index(signer_info["signed_attrs"].untag().dump()[2:])
    for index in range(start, len(SIGNATURE)):
        changed = SIGNATURE[:index] + bytes([SIGNATURE[index] ^ 0x01]) + SIGNATURE[index + 1 :]
        with pytest.raises(SignatureError):
            verify_detached(MANIFEST, changed, certificate_pem=SEAL.certificate)


@pytest.mark.parametrize(
    "signature",
    [b"", b"\x30", b"text", SIGNATURE[:-1], SIGNATURE + b"\0", b"\0" * 70_000],
    ids=["empty", "tag", "text", "short", "long", "huge"],
)
def test_refuses_what_is_no_signature(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        verify_detached(MANIFEST, signature, certificate_pem=SEAL.certificate)


def test_refuses_a_second_signer() -> None:
    doubled = cms.ContentInfo.load(SIGNATURE)
    infos = doubled["content"]["signer_infos"]
    infos.append(infos[0].copy())
    with pytest.raises(SignatureError, match="exactly one"):
        verify_detached(MANIFEST, doubled.dump(force=True), certificate_pem=SEAL.certificate)


@needs_openssl
def test_refuses_a_cms_signature_that_does_not_name_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "seal.key").write_bytes(SEAL.key)
    (tmp_path / "seal.crt").write_bytes(SEAL.certificate)
    command = [
        "openssl",
        "cms",
        "-sign",
        "-binary",
        "-md",
        "sha256",
        "-outform",
        "DER",
        "-signer",
        "seal.crt",
        "-inkey",
        "seal.key",
    ]
    signed = subprocess.run(command, cwd=tmp_path, input=MANIFEST, capture_output=True, check=True)
    with pytest.raises(SignatureError, match="no CAdES"):
        verify_detached(MANIFEST, signed.stdout, certificate_pem=SEAL.certificate)


@needs_openssl
def test_accepts_a_cades_signature_that_openssl_made(tmp_path: Path) -> None:
    (tmp_path / "seal.key").write_bytes(SEAL.key)
    (tmp_path / "seal.crt").write_bytes(SEAL.certificate)
    command = [
        "openssl",
        "cms",
        "-sign",
        "-cades",
        "-binary",
        "-md",
        "sha256",
        "-outform",
        "DER",
        "-signer",
        "seal.crt",
        "-inkey",
        "seal.key",
    ]
    signed = subprocess.run(command, cwd=tmp_path, input=MANIFEST, capture_output=True, check=True)
    verify_detached(MANIFEST, signed.stdout, certificate_pem=SEAL.certificate)


@pytest.mark.parametrize("signed_at", [VALID_FROM - timedelta(seconds=1), VALID_UNTIL + timedelta(seconds=1)])
def test_refuses_to_sign_outside_the_certificates_validity(signed_at: datetime) -> None:
    with pytest.raises(SealCertificateError, match="successor"):
        sign_detached(MANIFEST, signer_of(SEAL), signed_at=signed_at)


def test_refuses_a_time_without_its_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        sign_detached(MANIFEST, signer_of(SEAL), signed_at=ISSUED_AT.replace(tzinfo=None))

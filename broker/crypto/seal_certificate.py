"""The operator's seal: the certificate that proves to a recipient that a package comes from the operator.

A real seal certificate comes from a trust service provider. make_demo_seal() makes one for tests and the
demo, under a certification authority of its own that nobody trusts. Not here: signing (cades.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from broker.crypto import suites
from broker.crypto.errors import SealCertificateError, SuiteError


@dataclass(frozen=True)
class SealSigner:
    """A seal ready to sign with: DER certificate, DER certificates above it, DER private key (PKCS#8)."""

    certificate: bytes
    chain: tuple[bytes, ...]
    key: bytes = field(repr=False)
    algorithm: int
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class DemoSeal:
    """What make_demo_seal made, as PEM: the authority, the seal certificate and the seal's private key."""

    authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)


def load_seal_signer(key_pem: bytes, certificate_pem: bytes) -> SealSigner:
    """Read a seal from its key and its certificate, the latter optionally followed by those above it.

    Raises SealCertificateError if the two do not belong together, if the key is of a kind we do not use, or
    if the certificate may not sign documents.
    """
    certificate, *chain = _certificates(certificate_pem)
    try:
        key = suites.seal_key_from_pem(key_pem)
        algorithm = suites.seal_algorithm(key.public_key())
    except SuiteError as error:
        raise SealCertificateError(f"The seal key cannot be used: {error}") from error
    if suites.public_bytes_der(key.public_key()) != suites.public_bytes_der(_public_key(certificate)):
        raise SealCertificateError(
            "The seal certificate is for another key; give the pair that was issued together, the seal's own "
            "certificate first in its file."
        )
    _check_may_sign(certificate)
    return SealSigner(
        certificate=suites.certificate_der(certificate),
        chain=tuple(suites.certificate_der(above) for above in chain),
        key=suites.seal_key_to_der(key),
        algorithm=algorithm.id,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def load_seal_certificate(certificate_pem: bytes) -> x509.Certificate:
    """Read the seal certificate a recipient holds: the first of the file; it must be allowed to sign."""
    certificate = _certificates(certificate_pem)[0]
    try:
        suites.seal_algorithm(_public_key(certificate))
    except SuiteError as error:
        raise SealCertificateError(f"The seal certificate cannot be used: {error}") from error
    _check_may_sign(certificate)
    return certificate


def make_demo_seal(operator: str, *, valid_from: datetime, valid_until: datetime) -> DemoSeal:
    """Make a throw-away authority and a seal certificate under it, both valid in the span (aware times)."""
    authority_key, seal_key = suites.generate_seal_key(), suites.generate_seal_key()
    authority_name = _name(operator, f"{operator} demo authority")
    authority = _sign(
        _builder(authority_name, authority_name, authority_key, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True),
        authority_key,
    )
    seal = _sign(
        _builder(_name(operator, f"{operator} demo seal"), authority_name, seal_key, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True),
        authority_key,
    )
    return DemoSeal(suites.certificate_pem(authority), suites.certificate_pem(seal), suites.seal_key_to_pem(seal_key))


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SealCertificateError("The seal certificate is no PEM certificate; export it as PEM.") from error


def _public_key(certificate: x509.Certificate) -> suites.SealPublicKey:
    key = certificate.public_key()
    if not isinstance(key, suites.SealPublicKey):
        raise SealCertificateError("The seal certificate must hold an ECDSA P-256 or RSA key.")
    return key


def _check_may_sign(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise SealCertificateError("The seal certificate's key usage does not include signing; get one that does.")


def _name(operator: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: suites.NewSealKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, key: suites.NewSealKey) -> x509.Certificate:
    return builder.sign(key, suites.seal_hash())


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )

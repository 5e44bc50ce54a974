"""One detached CAdES-B signature: making it with the operator's seal, checking it with a known certificate.

Checking pins the certificate: the signer is the one the recipient was given, whatever else the signature
carries. Chains, revocation and timestamps are not looked at here.
Source: ETSI EN 319 122-1; RFC 5652; RFC 5035.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from asn1crypto import cms, core, keys, x509
from pyhanko.sign.general import (
    CMSExtractionError,
    NonexistentAttributeError,
    extract_signer_info,
    find_unique_cms_attribute,
)
from pyhanko.sign.signers.pdf_cms import (
    PdfCMSSignedAttributes,
    SimpleSigner,
)
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko_certvalidator.registry import SimpleCertificateStore

from broker.crypto import suites
from broker.crypto.errors import SealCertificateError, SignatureError
from broker.crypto.seal_certificate import SealSigner, load_seal_certificate

_DIGEST = "sha256"
_ALGORITHMS = {suites.SIGN_ECDSA_P256: "sha256_ecdsa", suites.SIGN_RSA_PSS: "rsassa_pss"}
_MAXIMUM_SIGNATURE_BYTES = 64 * 1024


def sign_detached(content: bytes, signer: SealSigner, *, signed_at: datetime) -> bytes:
    """Sign bytes and return the CMS structure (DER) that carries the certificates but not the bytes.

    signed_at: aware time, written into the signature as the signer's claim.

    Raises SealCertificateError if the seal is not valid at that time.
    """
    if signed_at.tzinfo is None:
        raise ValueError("signed_at must be an aware time")
    if not signer.valid_from <= signed_at <= signer.valid_until:
        raise SealCertificateError(
            f"The seal certificate is valid from {signer.valid_from:%Y-%m-%d} to "
            f"{signer.valid_until:%Y-%m-%d}, not on {signed_at:%Y-%m-%d}; install its successor."
        )
    store = SimpleCertificateStore()
    store.register_multiple(x509.Certificate.load(above) for above in signer.chain)
    pyhanko_signer = SimpleSigner(
        signing_cert=x509.Certificate.load(signer.certificate),
        signing_key=keys.PrivateKeyInfo.load(signer.key),
        cert_registry=store,
        prefer_pss=True,
    )
    signed: bytes = asyncio.run(
        pyhanko_signer.async_sign_general_data(
            content,
            _DIGEST,
            use_cades=True,
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=signed_at),
        )
    ).dump()
    return signed


def verify_detached(content: bytes, signature: bytes, *, certificate_pem: bytes) -> None:
    """Check that exactly these bytes were signed with exactly this certificate's key.

    certificate_pem: the seal certificate the recipient holds (the first, if the file has several).

    Raises SignatureError if anything does not fit, SealCertificateError if the certificate is none to trust.
    """
    pinned = load_seal_certificate(certificate_pem)
    expected = _ALGORITHMS[suites.seal_algorithm(pinned.public_key()).id]
    certificate = x509.Certificate.load(suites.certificate_der(pinned))
    try:
        signer_info = _single_signer(signature)
        if signer_info["digest_algorithm"]["algorithm"].native != _DIGEST:
            raise SignatureError("The signature does not use SHA-256.")
        algorithm = signer_info["signature_algorithm"]
        if algorithm["algorithm"].native != expected or algorithm.hash_algo != _DIGEST:
            raise SignatureError("The signature uses another algorithm than the operator's certificate allows.")
        # CAdES: the certificate is named inside what is signed. pyHanko compares it only where it is present.
        find_unique_cms_attribute(signer_info["signed_attrs"], "signing_certificate_v2")
        intact, valid = validate_sig_integrity(signer_info, certificate, "data", suites.sha256(content))
    except (SignatureValidationError, CMSExtractionError) as error:
        raise SignatureError(f"The signature does not fit the operator's certificate: {error}") from error
    except (NonexistentAttributeError, ValueError, TypeError, KeyError) as error:
        raise SignatureError("The signature is no CAdES signature or is damaged.") from error
    if not valid:
        raise SignatureError("The signature was not made with the key of the operator's certificate.")
    if not intact:
        raise SignatureError("The signature is for other bytes: what it covers was altered after signing.")


def _single_signer(signature: bytes) -> cms.SignerInfo:
    if len(signature) > _MAXIMUM_SIGNATURE_BYTES:
        raise SignatureError("The signature is larger than any of ours; do not trust this file.")
    envelope = cms.ContentInfo.load(signature, strict=True)
    if envelope["content_type"].native != "signed_data":
        raise SignatureError("The signature file holds something else than a signature.")
    signed_data = envelope["content"]
    if signed_data["encap_content_info"]["content"].native is not None:
        raise SignatureError("The signature carries content of its own; ours never do.")
    signer_info = extract_signer_info(signed_data)
    if signer_info["signed_attrs"] is core.VOID or not signer_info["signed_attrs"].native:
        raise SignatureError("The signature has no signed attributes; CAdES requires them.")
    return signer_info

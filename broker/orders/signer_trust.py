"""Decide whether a signer is the one registered for a court, and whether its certificates hold at an instant.

Not here: fetching revocation lists or answers (only evidence inside the document is read) and proving an
earlier signing time by a timestamp. Until that exists, the time of signing is known only as "not after the
examination", so every certificate must be valid at the examination itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import algos, keys, x509
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import (
    InsufficientRevinfoError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms
from pyhanko_certvalidator.validate import async_validate_path

from broker.orders.verdict import Problem

CLOCK_TOLERANCE: Final = timedelta(minutes=10)

_DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})
# Signature algorithms by asn1crypto's names: those that name their digest, and those that leave it open.
_NAMED_SCHEMES: Final = frozenset(f"{digest}_{scheme}" for digest in _DIGESTS for scheme in ("rsa", "ecdsa"))
_BARE_SCHEMES: Final = frozenset({"rsassa_pkcs1v15", "ecdsa"})
_RSA_BITS: Final = 2048  # the floor of ETSI TS 119 312 (RSA) still met by seal certificates in use
_EC_BITS: Final = 256
# Uses that a signing certificate may be limited to. Serving a web site, stamping time, signing code or
# answering for revocation are other people's jobs.
_SIGNING_USES: Final = frozenset(
    {
        "any_extended_key_usage",
        "client_auth",
        "email_protection",
        "1.3.6.1.5.5.7.3.36",  # document signing, RFC 9336
        "1.3.6.1.4.1.311.10.3.12",  # document signing, as Microsoft's authorities write it
        "1.2.840.113583.1.1.5",  # authentic documents, as Adobe's authorities write it
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the document brings along: further certificates and revocation evidence, none of it trusted."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    ocsps: tuple[asn1_ocsp.OCSPResponse, ...] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """The certificates that the operator has registered for one court or one timestamp authority.

    An authority's certificate says: whoever this authority certifies signs for the court. As soon as a
    signer's own certificate is registered too, only the signers registered so are accepted.
    """

    authorities: tuple[x509.Certificate, ...]
    signers: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, certificates: Sequence[bytes]) -> "Registered":
        """Read DER certificates; raise ValueError if one is none."""
        parsed = [x509.Certificate.load(der, strict=True) for der in certificates]
        for certificate in parsed:
            # asn1crypto reads lazily; asking for the key and the validity reads the whole.
            _ = certificate.public_key.native, certificate.not_valid_after, certificate.ca
        return cls(
            authorities=tuple(c for c in parsed if c.ca),
            signers=tuple(c for c in parsed if not c.ca),
        )


def find_path(signer: x509.Certificate, registered: Registered, evidence: Evidence) -> ValidationPath | Problem:
    """Return a verified chain from a registered certificate to the signer's, or why there is none.

    Validity in time, revocation and strength are not judged here but by `judge_path`: links are verified
    at the first instant at which all certificates of the chain were valid.
    """
    if not registered.authorities and not registered.signers:
        return Problem("order.no-registered-certificate", "The court has no registered certificate.")
    path = _verified_path(signer, registered.authorities, evidence)
    if path is None:
        # A registered signer is trusted by itself when its authority is not registered.
        path = _verified_path(signer, registered.signers, evidence)
    if path is None:
        if signer.self_issued:
            return Problem("order.self-signed", "The signer's certificate names itself as its issuer.")
        return Problem("order.unknown-signer", "No registered certificate stands at the end of the signer's chain.")
    if registered.signers and signer.dump() not in {c.dump() for c in registered.signers}:
        return Problem("order.wrong-signer", "The signer's certificate is not among those registered for the court.")
    return path


def judge_path(path: ValidationPath, evidence: Evidence, *, at: datetime, use: str = "sign") -> Problem | None:
    """Return why the certificates of a verified chain do not hold at an instant, or None.

    at: the latest instant at which the signature can have been made, aware.
    use: "sign" for a court's signature, "timestamp" for a timestamp authority's.
    A revocation proved by evidence inside the document that is fresh at that instant counts whenever it
    happened, because without a trusted timestamp nobody knows whether the signature came before. Missing or
    stale evidence proves nothing either way and is not held against the signer here.
    """
    chain = _certificates(path)
    for certificate in chain:
        if at > certificate.not_valid_after:
            return Problem("order.certificate-expired", f"A certificate ended {certificate.not_valid_after:%Y-%m-%d}.")
        if at < certificate.not_valid_before:
            return Problem(
                "order.certificate-not-yet-valid",
                f"A certificate begins {certificate.not_valid_before:%Y-%m-%d}.",
            )
    for index, certificate in enumerate(chain):
        weakness = _weak_key(certificate.public_key)
        if weakness is None and index > 0:
            weakness = weak_signature(certificate["signature_algorithm"])
        if weakness is not None:
            return Problem("order.weak-algorithm", f"Certificate {index + 1} of the chain uses {weakness}.")
    if not _may(chain[-1], use):
        return Problem("order.key-usage", "The signer's certificate does not allow this use.")
    context = ValidationContext(
        trust_roots=[chain[0]],
        other_certs=[*chain[1:], *evidence.certificates],
        moment=at,
        crls=evidence.crls,
        ocsps=evidence.ocsps,
        revocation_mode="soft-fail",
        allow_fetching=False,
    )
    try:
        asyncio.run(async_validate_path(context, path))
    except RevokedError as error:
        return Problem("order.certificate-revoked", f"A certificate was revoked {error.revocation_dt:%Y-%m-%d}.")
    except InsufficientRevinfoError:
        # The links are already verified by `find_path`; whoever made the document could as well have left
        # stale evidence out, so refusing it would protect nobody.
        return None
    except ValidationError:
        return Problem("order.certificate-rejected", "The chain of certificates does not validate.")
    return None


def weak_signature(algorithm: algos.SignedDigestAlgorithm, digest: str | None = None) -> str | None:
    """Name the weakness of a signature algorithm, or return None.

    digest: the digest named beside the algorithm, by asn1crypto's name; it counts too, and counts alone for
        algorithms that name none of their own.
    """
    if digest is not None and digest not in _DIGESTS:
        return "a digest outside the accepted ones"
    named = algorithm["algorithm"].native
    if named == "ed25519" or (named in _BARE_SCHEMES and digest is not None):
        return None
    if named == "rsassa_pss":
        parameters = algorithm["parameters"]
        used = {
            parameters["hash_algorithm"]["algorithm"].native,
            parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native,
        }
        return None if used <= _DIGESTS else "a digest outside the accepted ones"
    return None if named in _NAMED_SCHEMES else "an algorithm outside the accepted ones"


def _weak_key(key: keys.PublicKeyInfo) -> str | None:
    kind = key.algorithm
    if kind in {"rsa", "rsassa_pss"}:
        return None if key.bit_size >= _RSA_BITS else f"an RSA key of {key.bit_size} bits"
    if kind == "ec":
        return None if key.bit_size >= _EC_BITS else f"a curve of {key.bit_size} bits"
    return None if kind == "ed25519" else "a kind of key outside the accepted ones"


def _may(certificate: x509.Certificate, use: str) -> bool:
    usage = certificate.key_usage_value.native if certificate.key_usage_value is not None else set()
    purposes = certificate.extended_key_usage_value.native if certificate.extended_key_usage_value is not None else []
    if use == "timestamp":
        return purposes == ["time_stamping"]
    if not usage & {"digital_signature", "non_repudiation"}:
        return False
    return not purposes or not _SIGNING_USES.isdisjoint(purposes)


def _verified_path(
    signer: x509.Certificate, anchors: Sequence[x509.Certificate], evidence: Evidence
) -> ValidationPath | None:
    if not anchors:
        return None
    return asyncio.run(_first_verified_path(signer, anchors, evidence))


async def _first_verified_path(
    signer: x509.Certificate, anchors: Sequence[x509.Certificate], evidence: Evidence
) -> ValidationPath | None:
    builder = ValidationContext(trust_roots=list(anchors), other_certs=evidence.certificates).path_builder
    try:
        paths = await builder.async_build_paths(signer)
    except PathBuildingError:
        return None
    path: ValidationPath
    for path in paths:
        chain = _certificates(path)
        context = ValidationContext(
            trust_roots=[chain[0]],
            other_certs=chain[1:],
            moment=max(certificate.not_valid_before for certificate in chain),
            algorithm_usage_policy=AcceptAllAlgorithms(),
        )
        try:
            await async_validate_path(context, path)
        except ValidationError:
            continue
        return path
    return None


def _certificates(path: ValidationPath) -> list[x509.Certificate]:
    """List the chain from the registered certificate to the signer's."""
    return [certificate for certificate in path.iter_certs(include_root=True) if certificate is not None]

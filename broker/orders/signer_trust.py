"""Decide whether a signer is one registered for a court, and whether its certificates hold at an instant.

Not here: revocation (`revocation.py`) and what the instant is (`signing_time.py`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms, PKIXValidationParams
from pyhanko_certvalidator.validate import async_validate_path

from broker.orders.algorithms import weak_key, weak_signature
from broker.orders.revocation import Evidence, certificates_of
from broker.orders.trust import SignaturePolicy
from broker.orders.verdict import Problem

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


def judge_path(path: ValidationPath, evidence: Evidence, policy: SignaturePolicy, *, when: datetime) -> Problem | None:
    """Return why the certificates of a verified chain do not hold for a court's signature, or None.

    when: the latest instant at which the signature can have been made, aware.
    """
    usage, _ = _uses(path.last)
    if not policy.key_usage <= usage:
        return Problem(
            "order.key-usage", "The signer's certificate lacks a use that the court's registration asks for."
        )
    if policy.certificate_policies and not policy.certificate_policies & _policies(path.last):
        return Problem("order.policy-missing", "The signer's certificate names none of the policies registered.")
    parameters = None
    if policy.certificate_policies:
        parameters = PKIXValidationParams(policy.certificate_policies, initial_explicit_policy=True)
    return _judge(path, evidence, parameters, when=when, use="sign")


def judge_timestamp_path(path: ValidationPath, evidence: Evidence, *, when: datetime) -> Problem | None:
    """Return why the certificates of a verified chain do not hold for a timestamp, or None."""
    return _judge(path, evidence, None, when=when, use="timestamp")


def _judge(
    path: ValidationPath, evidence: Evidence, parameters: PKIXValidationParams | None, *, when: datetime, use: str
) -> Problem | None:
    chain = certificates_of(path)
    for certificate in chain:
        if when > certificate.not_valid_after:
            return Problem("order.certificate-expired", f"A certificate ended {certificate.not_valid_after:%Y-%m-%d}.")
        if when < certificate.not_valid_before:
            return Problem(
                "order.certificate-not-yet-valid",
                f"A certificate begins {certificate.not_valid_before:%Y-%m-%d}.",
            )
    for index, certificate in enumerate(chain):
        weakness = weak_key(certificate.public_key)
        if weakness is None and index > 0:
            weakness = weak_signature(certificate["signature_algorithm"])
        if weakness is not None:
            return Problem("order.weak-algorithm", f"Certificate {index + 1} of the chain uses {weakness}.")
    if not _may(chain[-1], use):
        return Problem("order.key-usage", "The signer's certificate does not allow this use.")
    context = ValidationContext(
        trust_roots=[chain[0]],
        other_certs=[*chain[1:], *evidence.certificates],
        moment=when,
        allow_fetching=False,
        revocation_mode="none",
    )
    try:
        asyncio.run(async_validate_path(context, path, parameters))
    except ValidationError:
        return Problem("order.certificate-rejected", "The chain of certificates does not validate.")
    return None


def _uses(certificate: x509.Certificate) -> tuple[set[str], list[str]]:
    usage = certificate.key_usage_value.native if certificate.key_usage_value is not None else set()
    purposes = certificate.extended_key_usage_value.native if certificate.extended_key_usage_value is not None else []
    return usage, purposes


def _may(certificate: x509.Certificate, use: str) -> bool:
    usage, purposes = _uses(certificate)
    if use == "timestamp":
        return purposes == ["time_stamping"]
    if not usage & {"digital_signature", "non_repudiation"}:
        return False
    return not purposes or not _SIGNING_USES.isdisjoint(purposes)


def _policies(certificate: x509.Certificate) -> frozenset[str]:
    named = certificate.certificate_policies_value or ()
    return frozenset(policy["policy_identifier"].dotted for policy in named)


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
        chain = certificates_of(path)
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

"""Decide whether a certificate of a chain was revoked at an instant, and whether that is known well enough.

The evidence comes with the document or was fetched before; nothing is fetched here. Signatures of lists and
answers, and who may make them, are pyhanko-certvalidator's work. The rules added to it are:
1. A revocation that any evidence proves counts, however old the evidence is.
2. Evidence proves that a certificate was good only if it is not from the future, was issued before the
   certificate ended (afterwards authorities forget), uses an accepted algorithm, and is fresh.
3. Fresh means: issued after the signing time, or before it by no more than the court's policy allows and
   not past its own end.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import algos, x509
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import InsufficientRevinfoError, RevokedError, StaleRevinfoError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    REQUIRE_REVINFO,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    FreshnessReqType,
)
from pyhanko_certvalidator.validate import async_validate_path

from broker.orders.algorithms import weak_signature
from broker.orders.trust import SignaturePolicy
from broker.orders.verdict import Problem

CLOCK_TOLERANCE: Final = timedelta(minutes=10)

# certvalidator lets a revocation at the very instant pass; instants of signatures have whole seconds.
_INSTANT: Final = timedelta(seconds=1)
_HOWEVER_OLD: Final = CertRevTrustPolicy(
    REQUIRE_REVINFO, timedelta(days=36_500), FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION
)
_FRESH: Final = CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Further certificates and evidence of revocation, from the document or fetched; none of it trusted."""

    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[asn1_crl.CertificateList, ...] = ()
    ocsps: tuple[asn1_ocsp.OCSPResponse, ...] = ()


def certificates_of(path: ValidationPath) -> list[x509.Certificate]:
    """List the chain from the registered certificate to the signer's."""
    return [certificate for certificate in path.iter_certs(include_root=True) if certificate is not None]


def judge_revocation(
    path: ValidationPath, evidence: Evidence, policy: SignaturePolicy, *, when: datetime, at: datetime
) -> Problem | None:
    """Return why the certificates of a verified chain may have been revoked at an instant, or None.

    when: the latest instant at which the signature can have been made; at: the examination. Both aware.
    Source: RFC 5280 6.3; RFC 6960 3.2; ETSI EN 319 102-1 5.2.5.4.
    """
    chain = certificates_of(path)
    # Rule 1. Each kind by itself: a good answer of one kind would keep the other from being looked at.
    for known in (replace(evidence, ocsps=()), replace(evidence, crls=())):
        try:
            _validate(path, chain, known, _HOWEVER_OLD, when)
        except RevokedError as error:
            return Problem("order.certificate-revoked", f"A certificate was revoked {error.revocation_dt:%Y-%m-%d}.")
        except ValidationError:
            continue
    if not policy.revocation_required:
        return None
    if len(chain) < 2:
        return Problem(
            "order.revocation-unknown",
            "The signer is registered without its authority, so nobody can say whether it was revoked.",
        )
    fresh = _usable(evidence, chain, earliest=when - policy.revocation_max_age, latest=at + CLOCK_TOLERANCE)
    try:
        _validate(path, chain, fresh, _FRESH, when)
    except InsufficientRevinfoError as error:
        dropped = (len(fresh.crls), len(fresh.ocsps)) != (len(evidence.crls), len(evidence.ocsps))
        if dropped or isinstance(error, StaleRevinfoError):
            return Problem("order.revocation-stale", "The evidence for a certificate is too old, too weak or misdated.")
        return Problem("order.revocation-unknown", "There is no evidence for a certificate of the chain.")
    except ValidationError:
        return Problem("order.revocation-unknown", "The evidence for a certificate does not validate.")
    return None


def _validate(
    path: ValidationPath,
    chain: list[x509.Certificate],
    evidence: Evidence,
    policy: CertRevTrustPolicy,
    when: datetime,
) -> None:
    context = ValidationContext(
        trust_roots=[chain[0]],
        other_certs=[*chain[1:], *evidence.certificates],
        moment=when + _INSTANT,
        crls=evidence.crls,
        ocsps=sorted(evidence.ocsps, key=_newest_first),
        revinfo_policy=policy,
        allow_fetching=False,
        # The chain's algorithms are judged elsewhere by a list of what is accepted, evidence by `_usable`.
        algorithm_usage_policy=AcceptAllAlgorithms(),
        time_tolerance=_INSTANT,
    )
    asyncio.run(async_validate_path(context, path))


def _usable(evidence: Evidence, chain: list[x509.Certificate], *, earliest: datetime, latest: datetime) -> Evidence:
    # Rule 2, and of rule 3 what certvalidator does not do. The end is that of the first certificate to end,
    # which may be stricter than needed for the others, never laxer.
    latest = min(latest, *(certificate.not_valid_after for certificate in chain[1:]))

    def usable(algorithm: algos.SignedDigestAlgorithm, issued: Iterable[datetime]) -> bool:
        return weak_signature(algorithm) is None and all(earliest <= moment <= latest for moment in issued)

    return Evidence(
        evidence.certificates,
        tuple(
            crl
            for crl in evidence.crls
            if usable(crl["signature_algorithm"], [crl["tbs_cert_list"]["this_update"].native])
        ),
        tuple(
            ocsp
            for ocsp in evidence.ocsps
            if ocsp["response_status"].native == "successful"
            and usable(ocsp.basic_ocsp_response["signature_algorithm"], _issued(ocsp))
        ),
    )


def _issued(ocsp: asn1_ocsp.OCSPResponse) -> list[datetime]:
    return [single["this_update"].native for single in ocsp.response_data["responses"]]


def _newest_first(ocsp: asn1_ocsp.OCSPResponse) -> float:
    issued = _issued(ocsp) if ocsp["response_status"].native == "successful" else []
    return -min((moment.timestamp() for moment in issued), default=0.0)

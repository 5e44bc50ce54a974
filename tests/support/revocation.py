"""What an invented court's authority says about revocation: lists and answers, and putting them into an order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from broker.orders.trust import SignaturePolicy
from tests.support.court import Court

DAY: Final = timedelta(days=1)
# For tests about something else; what the strict default asks for has tests of its own.
LENIENT: Final = SignaturePolicy(revocation_required=False)


def revocation_list(
    court: Court,
    issued: datetime,
    *,
    revoked_at: datetime | None = None,
    lasts: timedelta = DAY,
    digest: str = "sha256",
) -> bytes:
    """Sign a revocation list of the court's authority, DER; with `revoked_at` it names the court's seal."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(court.authority.subject)
        .last_update(issued)
        .next_update(issued + lasts)
    )
    if revoked_at is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(court.seal.serial_number).revocation_date(revoked_at)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(court.authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def status_answer(court: Court, issued: datetime, *, revoked_at: datetime | None = None) -> bytes:
    """Sign an OCSP response of the court's authority about its seal, DER."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        court.seal,
        court.authority,
        hashes.SHA256(),
        ocsp.OCSPCertStatus.GOOD if revoked_at is None else ocsp.OCSPCertStatus.REVOKED,
        this_update=issued,
        next_update=issued + DAY,
        revocation_time=revoked_at,
        revocation_reason=None if revoked_at is None else x509.ReasonFlags.key_compromise,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, court.authority)
    return builder.sign(court.authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def add_evidence(pdf: bytes, *, crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = ()) -> bytes:
    """Add validation data (DSS) in a revision of its own: what makes PAdES B-LT of B-T."""
    out = BytesIO(pdf)
    DocumentSecurityStore.add_dss(
        out,
        None,
        crls=[asn1_crl.CertificateList.load(der) for der in crls],
        ocsps=[asn1_ocsp.OCSPResponse.load(der) for der in ocsps],
    )
    return out.getvalue()

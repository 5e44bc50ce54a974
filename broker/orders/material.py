"""Gather what is registered for a court into the values that an examination takes."""

from __future__ import annotations

import uuid
from datetime import timedelta

from broker.orders.trust import CourtTrust, SignaturePolicy
from broker.parties.court_trust import RevocationSource
from broker.parties.court_trust import SignaturePolicy as RegisteredPolicy
from broker.parties.models import CourtCertificate


def court_trust(court_id: uuid.UUID) -> CourtTrust:
    """Everything registered for a court that is not withdrawn, with the revocation lists last fetched."""
    certificates: dict[str, list[bytes]] = {use: [] for use in CourtCertificate.Use}
    for certificate in CourtCertificate.objects.filter(court=court_id, withdrawn_at=None):
        certificates[certificate.use].append(bytes(certificate.der))
    sources = RevocationSource.objects.filter(court=court_id, withdrawn_at=None).exclude(content=None)
    return CourtTrust(
        certificates=tuple(certificates[CourtCertificate.Use.SIGNATURE]),
        timestamp_authorities=tuple(certificates[CourtCertificate.Use.TIMESTAMP]),
        revocation_lists=tuple(bytes(source.content) for source in sources if source.content is not None),
        policy=_policy(court_id),
    )


def _policy(court_id: uuid.UUID) -> SignaturePolicy:
    row = RegisteredPolicy.objects.filter(court=court_id).last()
    if row is None:
        return SignaturePolicy()
    return SignaturePolicy(
        timestamp_required=row.timestamp_required,
        revocation_required=row.revocation_required,
        revocation_max_age=timedelta(hours=row.revocation_max_age_hours),
        certificate_policies=frozenset(row.certificate_policies),
        key_usage=frozenset(row.key_usage),
    )

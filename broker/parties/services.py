"""Register keys and certificates."""

from __future__ import annotations

from ssl import PEM_cert_to_DER_cert

from asn1crypto.x509 import Certificate
from django.db import transaction
from django.utils import timezone

from broker.audit.services import record
from broker.crypto.age import recipient_fingerprint, validate_age_recipient
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, Problem
from broker.parties.models import CourtCertificate, Organisation, RecipientKey, Role, User


def register_recipient_key(user: User, public_key: str) -> RecipientKey:
    """Register the age public key to which the answers of the user's organisation are sealed.

    Replaces the active key; releases already approved stay sealed to the key frozen then. Raises NotAllowed for
    people who receive no answers and RecipientKeyError for a text that is no age public key.
    """
    if user.role not in (Role.COUNSEL, Role.AUTHORITY):
        raise NotAllowed("Only counsel and authorities receive answers and register a key.")
    normal = validate_age_recipient(public_key)
    with transaction.atomic():
        active = RecipientKey.objects.select_for_update().filter(organisation=user.organisation_id, withdrawn_at=None)
        if (same := active.filter(public_key=normal).first()) is not None:
            return same
        active.update(withdrawn_at=timezone.now())
        key = RecipientKey.objects.create(
            organisation_id=user.organisation_id,
            public_key=normal,
            fingerprint=recipient_fingerprint(normal),
            registered_by=user,
        )
        record(
            "recipient-key:registered",
            "organisation",
            user.organisation_id,
            {"fingerprint": key.fingerprint},
            actor=user.id,
        )
    return key


def _certificate_der(pem_or_der: bytes) -> bytes:
    try:
        text = pem_or_der.decode("ascii") if pem_or_der.lstrip().startswith(b"-----BEGIN") else ""
        der = PEM_cert_to_DER_cert(text.strip()) if text else pem_or_der
        # Parsed to the end, so that a file that is no certificate is refused now and not with the first order.
        _ = Certificate.load(der, strict=True).native
    except ValueError:
        raise InputError(
            [Problem("certificate.unreadable", "certificate", "Give one X.509 certificate, as PEM or DER.")]
        ) from None
    return der


def register_court_certificate(
    court: Organisation, pem_or_der: bytes, use: CourtCertificate.Use = CourtCertificate.Use.SIGNATURE
) -> CourtCertificate:
    """Register a certificate to which the orders of this court must chain; doing it twice changes nothing.

    use: with TIMESTAMP it is a timestamp authority's, whose timestamps over this court's orders are believed.
    Raises InputError for a file that is not one X.509 certificate.
    """
    der = _certificate_der(pem_or_der)
    with transaction.atomic():
        certificate, made = CourtCertificate.objects.get_or_create(
            court=court, sha256=sha256_hex(der), use=use, defaults={"der": der}
        )
        if made:
            record(
                "court-certificate:registered",
                "organisation",
                court.id,
                {"sha256": certificate.sha256, "use": certificate.use},
            )
    return certificate

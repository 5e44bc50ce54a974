"""Checks 7 and 8: whose signature it is, and whether its certificates hold."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.orders.trust import CourtTrust, SignaturePolicy
from broker.orders.verification import verify_document
from tests.support.court import SIGNED_AT, Court, TimestampAuthority, order_pdf
from tests.support.revocation import LENIENT

AT = SIGNED_AT + timedelta(hours=1)
COURT = Court.create("Juzgado de ejemplo")
PDF = order_pdf("Auto (ejemplo)", ["Datos del abonado."])


def outcome(
    pdf: bytes,
    trusted: list[bytes],
    at: datetime = AT,
    tsa: TimestampAuthority | None = None,
    policy: SignaturePolicy = LENIENT,
) -> str:
    authorities = () if tsa is None else (tsa.certificate_der,)
    verdict = verify_document(pdf, CourtTrust(tuple(trusted), authorities, policy=policy), at=at)
    return "passed" if verdict.passed else f"{verdict.failure.number} {verdict.failure.code}"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "trusted",
    [
        [COURT.certificate_der],
        [COURT.seal_der],
        [COURT.certificate_der, COURT.seal_der],
        [Court.create("Otro").certificate_der, COURT.certificate_der],
    ],
    ids=["authority", "signer", "both", "one of two authorities"],
)
def test_accepts_the_signer_registered_in_any_of_the_ways(trusted: list[bytes]) -> None:
    assert outcome(COURT.sign(PDF), trusted) == "passed"


def test_refuses_a_signer_of_another_court() -> None:
    assert outcome(COURT.sign(PDF), [Court.create("Otro").certificate_der]) == "7 order.unknown-signer"


def test_refuses_the_right_names_with_the_wrong_keys() -> None:
    forger = Court.create("Juzgado de ejemplo", seed="forger")
    assert forger.seal.subject == COURT.seal.subject
    assert outcome(forger.sign(PDF), [COURT.certificate_der]) == "7 order.unknown-signer"
    assert outcome(forger.sign(PDF), [COURT.seal_der]) == "7 order.unknown-signer"


def test_refuses_a_self_signed_certificate_unless_it_is_the_registered_one() -> None:
    alone = Court.create_self_signed("Juzgado de ejemplo")
    assert outcome(alone.sign(PDF), [COURT.certificate_der]) == "7 order.self-signed"
    assert outcome(alone.sign(PDF), [alone.seal_der]) == "passed"


def test_refuses_another_signer_of_the_authority_once_a_signer_is_registered() -> None:
    other = COURT.second_seal("Secretaría")
    assert outcome(other.sign(PDF), [COURT.certificate_der]) == "passed"
    assert outcome(other.sign(PDF), [COURT.certificate_der, COURT.seal_der]) == "7 order.wrong-signer"


def test_refuses_a_second_signature_of_a_stranger() -> None:
    twice = Court.create("Extraño").sign(COURT.sign(PDF), field="Segundo")
    assert outcome(twice, [COURT.certificate_der]) == "7 order.unknown-signer"


@pytest.mark.parametrize("trusted", [[], [b""], [b"no certificate"]], ids=["none", "empty", "garbage"])
def test_refuses_everything_for_a_court_without_a_usable_certificate(trusted: list[bytes]) -> None:
    assert outcome(COURT.sign(PDF), trusted) == "7 order.no-registered-certificate"


def test_accepts_a_closing_timestamp_of_a_registered_authority_only() -> None:
    tsa = TimestampAuthority.create("Sellado de tiempo")
    stamped = tsa.timestamp(COURT.sign(PDF))
    assert outcome(stamped, [COURT.certificate_der], tsa=tsa) == "passed"
    assert outcome(stamped, [COURT.certificate_der]) == "7 order.timestamp-untrusted"
    assert outcome(stamped, [COURT.certificate_der, tsa.certificate_der]) == "7 order.timestamp-untrusted"


def test_refuses_a_timestamp_by_a_certificate_that_is_not_for_timestamps() -> None:
    other = TimestampAuthority(Court.create("Otra cosa", rsa_bits=2048))
    stamped = other.timestamp(COURT.sign(PDF))
    assert outcome(stamped, [COURT.certificate_der], tsa=other) == "8 order.key-usage"


def test_a_timestamp_authority_cannot_sign_orders() -> None:
    tsa = TimestampAuthority.create("Sellado de tiempo")
    assert outcome(tsa.court.sign(PDF), [COURT.certificate_der], tsa=tsa) == "7 order.unknown-signer"


def test_refuses_outside_the_validity_of_the_signer_to_the_second() -> None:
    start, end = AT - timedelta(days=1), AT + timedelta(days=1)
    court = Court.create("Breve", valid_from=start, valid_until=end)
    signed = court.sign(PDF, at=start)
    assert outcome(signed, [court.certificate_der], end) == "passed"
    assert outcome(signed, [court.certificate_der], end + timedelta(seconds=1)) == "8 order.certificate-expired"
    assert outcome(signed, [court.certificate_der], start) == "passed"
    early = start - timedelta(seconds=1)
    assert outcome(signed, [court.certificate_der], early) == "8 order.certificate-not-yet-valid"
    # A registered signer is an anchor; its validity counts all the same.
    assert outcome(signed, [court.seal_der], end + timedelta(seconds=1)) == "8 order.certificate-expired"


def test_refuses_outside_the_validity_of_the_authority() -> None:
    late = datetime(2044, 1, 2, tzinfo=UTC)
    court = Court.create("Largo", valid_until=datetime(2060, 1, 1, tzinfo=UTC))
    assert outcome(court.sign(PDF), [court.certificate_der], late) == "8 order.certificate-expired"


def test_refuses_a_signature_that_claims_the_future() -> None:
    signed = COURT.sign(PDF, at=AT + timedelta(minutes=10))
    assert outcome(signed, [COURT.certificate_der]) == "passed"
    signed = COURT.sign(PDF, at=AT + timedelta(minutes=11))
    assert outcome(signed, [COURT.certificate_der]) == "8 order.signed-in-the-future"


def test_refuses_a_signature_that_claims_to_be_older_than_its_certificate() -> None:
    signed = COURT.sign(PDF, at=datetime(2023, 12, 31, tzinfo=UTC))
    assert outcome(signed, [COURT.certificate_der]) == "8 order.certificate-not-yet-valid"


def test_refuses_sha_1_and_short_keys_and_accepts_the_floor() -> None:
    assert outcome(COURT.sign(PDF, digest="sha1"), [COURT.certificate_der]) == "8 order.weak-algorithm"
    for bits, expected in ((1024, "8 order.weak-algorithm"), (2048, "passed")):
        court = Court.create("Con RSA", rsa_bits=bits)
        assert outcome(court.sign(PDF), [court.certificate_der]) == expected


def test_refuses_a_timestamp_over_a_weak_digest_of_the_file() -> None:
    tsa = TimestampAuthority.create("Sellado de tiempo")
    stamped = tsa.timestamp(COURT.sign(PDF), digest="sha1")
    assert outcome(stamped, [COURT.certificate_der], tsa=tsa) == "8 order.weak-algorithm"


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
def test_accepts_the_longer_digests(digest: str) -> None:
    assert outcome(COURT.sign(PDF, digest=digest), [COURT.certificate_der]) == "passed"


def test_refuses_certificates_not_meant_for_signing() -> None:
    for court in (
        Court.create("Cifrado", key_usage=False),
        Court.create("Web", extended=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        Court.create("Tiempo", extended=(ExtendedKeyUsageOID.TIME_STAMPING,)),
    ):
        assert outcome(court.sign(PDF), [court.certificate_der]) == "8 order.key-usage", court.name
        assert outcome(court.sign(PDF), [court.seal_der]) == "8 order.key-usage", court.name
    mail = Court.create("Correo", extended=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    assert outcome(mail.sign(PDF), [mail.certificate_der]) == "passed"


def test_refuses_an_authority_that_signs_orders_itself() -> None:
    itself = Court(COURT.name, COURT.authority, COURT.authority_key, COURT.authority, COURT.authority_key)
    assert outcome(itself.sign(PDF), [COURT.certificate_der]) == "8 order.key-usage"

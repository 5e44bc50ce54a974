"""Certificates and time: an order holds if its certificates held when it was signed, and that is proved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.orders.trust import CourtTrust, SignaturePolicy
from broker.orders.verification import verify_document
from tests.support.court import SIGNED_AT, VALID_UNTIL, Court, TimestampAuthority, order_pdf
from tests.support.revocation import DAY, LENIENT, add_evidence, revocation_list, status_answer

COURT = Court.create("Juzgado de ejemplo")
TSA = TimestampAuthority.create("Sellado de tiempo")
PLAIN = order_pdf("Auto (ejemplo)", ["Datos del abonado."])
B_B = COURT.sign(PLAIN)
B_T = COURT.sign(PLAIN, timestamper=TSA.at(SIGNED_AT))
AT = SIGNED_AT + timedelta(hours=1)
LATER = SIGNED_AT + 400 * DAY
STRICT = SignaturePolicy()
POLICY = "1.3.6.1.4.1.99999.1"


def outcome(
    pdf: bytes,
    at: datetime = AT,
    *lists: bytes,
    policy: SignaturePolicy = STRICT,
    court: Court = COURT,
    tsa: TimestampAuthority = TSA,
) -> str:
    trust = CourtTrust((court.certificate_der,), (tsa.certificate_der,), lists, policy)
    verdict = verify_document(pdf, trust, at=at)
    assert verdict.passed is (verdict.failure is None)
    return "passed" if verdict.failure is None else verdict.failure.code


def fresh(at: datetime, court: Court = COURT, tsa: TimestampAuthority = TSA) -> tuple[bytes, bytes]:
    return revocation_list(court, at), revocation_list(tsa.court, at)


def long_term(pdf: bytes, at: datetime = SIGNED_AT, court: Court = COURT, tsa: TimestampAuthority = TSA) -> bytes:
    return add_evidence(pdf, crls=fresh(at, court, tsa))


# The levels of PAdES.


def test_accepts_every_level_of_pades_and_two_signers() -> None:
    lists = fresh(SIGNED_AT)
    colleague = COURT.second_seal("Colega")
    b_lt = long_term(B_T)
    b_lta = TSA.timestamp(b_lt, at=SIGNED_AT + timedelta(minutes=5))
    for pdf in (B_B, B_T, b_lt, b_lta, colleague.sign(B_B, field="Segundo"), colleague.sign(B_T, field="Segundo")):
        assert outcome(pdf, AT, *lists) == "passed"
    # These two bring everything along; nothing was fetched.
    assert outcome(b_lt) == outcome(b_lta) == "passed"


def test_an_archived_order_outlives_every_certificate_through_a_chain_of_timestamps() -> None:
    end = SIGNED_AT + 30 * DAY
    court = Court.create("Breve", valid_until=end)
    old = TimestampAuthority.create("Sellado viejo", valid_until=SIGNED_AT + 60 * DAY)
    new = TimestampAuthority.create("Sellado nuevo")
    trust = CourtTrust((court.certificate_der,), (old.certificate_der, new.certificate_der), (), STRICT)
    signed = long_term(court.sign(PLAIN, timestamper=old.at(SIGNED_AT)), SIGNED_AT, court, old)
    archived = old.timestamp(signed, at=SIGNED_AT + timedelta(minutes=1))
    # Before the old authority ended, the new one stamped over it, with evidence about the old one of that day.
    renewed_at = SIGNED_AT + 59 * DAY
    renewed = new.timestamp(long_term(archived, renewed_at, court, old), at=renewed_at, field="Tiempo nuevo")

    def code(pdf: bytes, at: datetime) -> str:
        lists = (revocation_list(new.court, at), revocation_list(old.court, at))
        failure = verify_document(pdf, replace(trust, revocation_lists=lists), at=at).failure
        return "passed" if failure is None else failure.code

    assert code(archived, SIGNED_AT + 45 * DAY) == "passed"
    assert code(archived, LATER) == "order.certificate-expired"
    assert code(renewed, LATER) == "passed"
    assert code(court.sign(PLAIN), SIGNED_AT + 45 * DAY) == "order.certificate-expired"


# Validity in time.


def test_refuses_what_was_signed_outside_the_certificates_validity() -> None:
    expired = Court.create("Caducado", valid_until=SIGNED_AT - DAY)
    early = Court.create("Prematuro", valid_from=SIGNED_AT + DAY)
    for court, code in ((expired, "order.certificate-expired"), (early, "order.certificate-not-yet-valid")):
        for pdf in (court.sign(PLAIN), court.sign(PLAIN, timestamper=TSA.at(SIGNED_AT))):
            assert outcome(pdf, AT, *fresh(SIGNED_AT, court), court=court) == code


def test_only_a_timestamp_that_holds_itself_proves_an_earlier_time() -> None:
    end = SIGNED_AT + DAY
    court = Court.create("Breve", valid_until=end)
    late = end + timedelta(seconds=1)
    for stamped in (court.sign(PLAIN, timestamper=TSA.at(SIGNED_AT)), TSA.timestamp(court.sign(PLAIN))):
        assert outcome(stamped, late, court=court, policy=LENIENT) == "passed"
        assert outcome(court.sign(PLAIN), late, court=court, policy=LENIENT) == "order.certificate-expired"
        # A timestamp that was made too late proves nothing.
    too_late = court.sign(PLAIN, timestamper=TSA.at(late))
    assert outcome(too_late, late, court=court, policy=LENIENT) == "order.certificate-expired"
    # Nor does one whose own authority has run out.
    short = TimestampAuthority.create("Sellado breve", valid_until=end)
    stamped = court.sign(PLAIN, timestamper=short.at(SIGNED_AT))
    assert outcome(stamped, late, court=court, tsa=short, policy=LENIENT) == "order.certificate-expired"


def test_refuses_a_timestamp_from_the_future_and_one_that_the_signature_contradicts() -> None:
    assert outcome(COURT.sign(PLAIN, timestamper=TSA.at(AT + DAY)), policy=LENIENT) == "order.signed-in-the-future"
    backdated = COURT.sign(PLAIN, timestamper=TSA.at(SIGNED_AT - DAY))
    assert outcome(backdated, policy=LENIENT) == "order.timestamp-contradicted"
    inner_later = TSA.timestamp(COURT.sign(PLAIN, timestamper=TSA.at(SIGNED_AT + DAY)), at=SIGNED_AT)
    assert outcome(inner_later, LATER, policy=LENIENT) == "order.timestamp-contradicted"


def test_a_timestamp_can_be_required() -> None:
    required = replace(LENIENT, timestamp_required=True)
    assert outcome(B_B, policy=required) == "order.timestamp-missing"
    assert outcome(B_T, policy=required) == outcome(TSA.timestamp(B_B), policy=required) == "passed"
    # A timestamp stands for what comes before it, not for a signature added afterwards.
    colleague = COURT.second_seal("Colega")
    assert outcome(colleague.sign(B_T, field="Segundo"), policy=required) == "order.timestamp-missing"


def test_refuses_the_timestamp_of_an_authority_that_is_not_registered_for_this_court() -> None:
    stranger = TimestampAuthority.create("Extraño")
    for pdf in (COURT.sign(PLAIN, timestamper=stranger.at(SIGNED_AT)), stranger.timestamp(B_B)):
        assert outcome(pdf, policy=LENIENT) == "order.timestamp-untrusted"


# Revocation.


@pytest.mark.parametrize("policy", [STRICT, LENIENT], ids=["required", "not required"])
def test_refuses_a_certificate_revoked_before_the_signature_however_that_is_known(policy: SignaturePolicy) -> None:
    before = SIGNED_AT - DAY
    listed = revocation_list(COURT, SIGNED_AT, revoked_at=before)
    stamps = revocation_list(TSA.court, SIGNED_AT)
    asked = Court.create("Con OCSP", ocsp=True)
    answered = add_evidence(asked.sign(PLAIN), ocsps=[status_answer(asked, SIGNED_AT, revoked_at=before)])
    assert outcome(B_B, AT, listed, policy=policy) == "order.certificate-revoked"
    assert outcome(B_T, AT, listed, stamps, policy=policy) == "order.certificate-revoked"
    assert outcome(add_evidence(B_B, crls=[listed]), policy=policy) == "order.certificate-revoked"
    assert outcome(answered, policy=policy, court=asked) == "order.certificate-revoked"


def test_a_good_answer_does_not_hide_a_revocation_that_something_else_proves() -> None:
    court = Court.create("Con OCSP", ocsp=True)
    listed = revocation_list(court, SIGNED_AT, revoked_at=SIGNED_AT - DAY)
    good = status_answer(court, SIGNED_AT - DAY)
    assert (
        outcome(add_evidence(court.sign(PLAIN), ocsps=[good]), AT, listed, court=court) == "order.certificate-revoked"
    )
    older = revocation_list(COURT, SIGNED_AT - 2 * DAY)
    newer = revocation_list(COURT, SIGNED_AT, revoked_at=SIGNED_AT - DAY)
    assert outcome(add_evidence(B_B, crls=[older]), AT, newer) == "order.certificate-revoked"
    # A list that has run out proves a revocation all the same.
    stale = revocation_list(COURT, SIGNED_AT - 90 * DAY, revoked_at=SIGNED_AT - 100 * DAY)
    assert outcome(B_B, AT, stale, policy=LENIENT) == "order.certificate-revoked"


def test_a_revocation_after_the_signature_counts_unless_a_timestamp_proves_the_order_of_the_two() -> None:
    revoked_at = SIGNED_AT + DAY
    at = SIGNED_AT + 2 * DAY
    lists = (revocation_list(COURT, at, revoked_at=revoked_at), revocation_list(TSA.court, at))
    assert outcome(B_B, at, *lists) == "order.certificate-revoked"
    assert outcome(B_T, at, *lists) == "passed"
    assert outcome(TSA.timestamp(B_B), at, *lists) == "passed"
    # At the same second, nobody knows which was first.
    same = (revocation_list(COURT, at, revoked_at=SIGNED_AT), revocation_list(TSA.court, at))
    assert outcome(B_T, at, *same) == "order.certificate-revoked"


def test_refuses_a_timestamp_whose_authority_was_revoked() -> None:
    lists = (revocation_list(COURT, AT), revocation_list(TSA.court, AT, revoked_at=SIGNED_AT - DAY))
    assert outcome(B_T, AT, *lists) == "order.certificate-revoked"


def test_without_evidence_an_order_is_refused_unless_the_registration_says_otherwise() -> None:
    assert outcome(B_B) == "order.revocation-unknown"
    assert outcome(B_B, policy=LENIENT) == "passed"
    # The court's list says nothing about the timestamp authority.
    assert outcome(B_T, AT, revocation_list(COURT, AT)) == "order.revocation-unknown"
    # A list of somebody else under the same name is none of this court.
    forger = Court.create("Juzgado de ejemplo", seed="forger")
    assert outcome(B_B, AT, revocation_list(forger, AT)) == "order.revocation-unknown"


def test_an_answer_that_nobody_could_fetch_is_a_refusal_and_one_inside_the_order_is_enough() -> None:
    court = Court.create("Con OCSP", ocsp=True)
    signed = court.sign(PLAIN)
    assert outcome(signed, court=court) == "order.revocation-unknown"
    assert outcome(add_evidence(signed, ocsps=[status_answer(court, SIGNED_AT)]), court=court) == "passed"
    assert outcome(add_evidence(signed, ocsps=[status_answer(COURT, SIGNED_AT)]), court=court) != "passed"


def test_refuses_evidence_that_is_stale_or_misdated() -> None:
    day_old = timedelta(hours=24)
    assert outcome(B_B, AT, revocation_list(COURT, AT - day_old, lasts=7 * DAY)) == "passed"
    stale = revocation_list(COURT, AT - day_old - timedelta(seconds=1), lasts=7 * DAY)
    assert outcome(B_B, AT, stale) == "order.revocation-stale"
    assert outcome(B_B, AT, stale, policy=replace(STRICT, revocation_max_age=2 * day_old)) == "passed"
    # Past its own end, however generous the policy.
    ended = revocation_list(COURT, AT - 3 * DAY)
    assert outcome(B_B, AT, ended, policy=replace(STRICT, revocation_max_age=9 * DAY)) == "order.revocation-stale"
    assert outcome(B_B, AT, revocation_list(COURT, AT + DAY)) == "order.revocation-stale"


def test_evidence_issued_after_a_certificate_ended_proves_nothing_about_it() -> None:
    court = Court.create("Breve", valid_until=SIGNED_AT + DAY)
    stamped = court.sign(PLAIN, timestamper=TSA.at(SIGNED_AT))
    forgotten = revocation_list(court, LATER)
    assert (
        outcome(stamped, LATER, forgotten, revocation_list(TSA.court, LATER), court=court) == "order.revocation-stale"
    )
    known = add_evidence(stamped, crls=[revocation_list(court, SIGNED_AT)])
    assert outcome(known, LATER, revocation_list(TSA.court, LATER), court=court) == "passed"


def test_a_signer_registered_without_its_authority_cannot_be_known_not_to_be_revoked() -> None:
    for registered, expected in (
        ((COURT.seal_der,), "order.revocation-unknown"),
        ((COURT.seal_der, COURT.certificate_der), ""),
    ):
        trust = CourtTrust(registered, (), (revocation_list(COURT, AT),), STRICT)
        failure = verify_document(B_B, trust, at=AT).failure
        assert (failure.code if failure else "") == expected


# What the registration asks of the certificate, and of algorithms.


def test_refuses_a_certificate_that_names_no_policy_registered_for_the_court() -> None:
    asked = replace(LENIENT, certificate_policies=frozenset({POLICY, "1.2.3"}))
    named = Court.create("Con política", policies=(POLICY,))
    other = Court.create("Con otra política", policies=("1.3.6.1.4.1.99999.2",))
    for court, expected in ((named, "passed"), (other, "order.policy-missing"), (COURT, "order.policy-missing")):
        assert outcome(court.sign(PLAIN), court=court, policy=asked) == expected
        assert outcome(court.sign(PLAIN), court=court, policy=LENIENT) == "passed"


def test_refuses_a_certificate_that_lacks_a_use_registered_for_the_court() -> None:
    assert outcome(B_B, policy=replace(LENIENT, key_usage=frozenset({"non_repudiation"}))) == "passed"
    assert outcome(B_B, policy=replace(LENIENT, key_usage=frozenset({"key_agreement"}))) == "order.key-usage"


def test_refuses_sha_1_in_signature_and_timestamp() -> None:
    assert outcome(COURT.sign(PLAIN, digest="sha1"), policy=LENIENT) == "order.weak-algorithm"
    assert outcome(TSA.timestamp(B_B, digest="sha1"), policy=LENIENT) == "order.weak-algorithm"


def test_the_invented_certificates_outlast_these_tests() -> None:
    assert LATER < VALID_UNTIL

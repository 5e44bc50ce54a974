"""A PDF changed after signing is refused, whatever the change is and whatever is done to cover it up.

The files of `fixtures/orders` are the published list, with a code for each; here the changes are combined.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from broker.orders.trust import CourtTrust
from broker.orders.verdict import CODES
from broker.orders.verification import verify_document
from tests.broker.orders.test_verification import EXPECTED
from tests.support import alterations as alter
from tests.support.court import SIGNED_AT, Court, TimestampAuthority, order_pdf
from tests.support.revocation import LENIENT, add_evidence, revocation_list

AT = SIGNED_AT + timedelta(hours=1)
COURT = Court.create("Juzgado de ejemplo")
COLLEAGUE = COURT.second_seal("Colega")
TSA = TimestampAuthority.create("Sellado de tiempo")
TRUST = CourtTrust((COURT.certificate_der,), (TSA.certificate_der,), policy=LENIENT)
PLAIN = order_pdf("Auto (ejemplo)", ["Datos del abonado."])
FORM = alter.add_text_field(PLAIN)


def long_term(pdf: bytes) -> bytes:
    return add_evidence(pdf, crls=[revocation_list(COURT, SIGNED_AT)])


# How an order may be signed; each of them passes when nobody touches it.
SIGNED: dict[str, bytes] = {
    "approved": COURT.sign(FORM),
    "certified": COURT.sign(FORM, certify=True),
    "certified and approved": COLLEAGUE.sign(COURT.sign(FORM, certify=True), field="Segundo"),
    "B-T": COURT.sign(FORM, timestamper=TSA.at(SIGNED_AT)),
    "B-LT": long_term(COURT.sign(FORM)),
    "B-LTA": TSA.timestamp(long_term(COURT.sign(FORM))),
}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "annotation": alter.add_annotation,
    "page swap": alter.swap_page,
    "form fill": alter.fill_text_field,
    "form drawn otherwise": alter.change_form,
    "unused object": alter.add_unused_object,
    "second revision": alter.add_revision,
    "empty signature field": alter.add_empty_signature_field,
    "trailing bytes": alter.append_bytes,
    "whole file once more": lambda pdf: pdf + pdf,
    "one byte": alter.change_one_byte,
}
COVERS: dict[str, Callable[[bytes], bytes]] = {
    "validation data": long_term,
    "a timestamp": lambda pdf: TSA.timestamp(pdf, field="Otro tiempo"),
    "both": lambda pdf: TSA.timestamp(long_term(pdf), field="Otro tiempo"),
    "a colleague's signature": lambda pdf: COLLEAGUE.sign(pdf, field="Tercero"),
}


def outcome(pdf: bytes) -> str:
    failure = verify_document(pdf, TRUST, at=AT).failure
    return "passed" if failure is None else failure.code


@pytest.mark.parametrize("how", SIGNED)
def test_accepts_an_untouched_order(how: str) -> None:
    assert outcome(SIGNED[how]) == "passed"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("how", SIGNED)
def test_refuses_a_change_after_signing(how: str, change: str) -> None:
    changed = CHANGES[change](SIGNED[how])
    assert changed != SIGNED[how]
    assert outcome(changed) in {"order.changed-after-signing", "order.trailing-bytes", "order.altered"}


@pytest.mark.parametrize("cover", COVERS)
@pytest.mark.parametrize("change", [name for name in CHANGES if name not in {"trailing bytes", "whole file once more"}])
def test_refuses_a_change_that_is_covered_up_afterwards(change: str, cover: str) -> None:
    covered = COVERS[cover](CHANGES[change](SIGNED["approved"]))
    assert outcome(covered) in {
        "order.changed-between-signatures",
        "order.changed-after-signing",
        "order.altered",
    }


def test_refuses_a_byte_range_moved_over_other_bytes() -> None:
    assert outcome(alter.move_byte_range(COURT.sign(PLAIN))) == "order.byte-range"


@pytest.mark.parametrize("hidden", [b"%192.0.2.99\n", b"99 0 obj\n<</Evil true>>\nendobj\n", b"\x01", b"<html>"])
def test_unsigned_validation_data_hides_nothing(hidden: bytes) -> None:
    b_lt = long_term(COURT.sign(PLAIN))
    assert outcome(b_lt) == "passed"
    assert outcome(alter.hide_before_table(b_lt, hidden)) == "order.changed-after-signing"


def test_validation_data_that_is_none_is_refused() -> None:
    crl = revocation_list(COURT, SIGNED_AT)
    b_lt = add_evidence(COURT.sign(PLAIN), crls=[crl])
    assert outcome(b_lt) == "passed"
    for junk in (b"x" * len(crl), b"0\x03\x02\x01\x01" + b"\n" * (len(crl) - 5)):
        assert outcome(b_lt.replace(crl, junk)) == "order.malformed"


def test_two_revisions_of_validation_data_that_nobody_signed_are_one_too_many() -> None:
    twice = add_evidence(long_term(COURT.sign(PLAIN)), crls=[revocation_list(COURT, SIGNED_AT + timedelta(minutes=1))])
    assert outcome(twice) == "order.changed-after-signing"
    assert outcome(TSA.timestamp(twice)) == "passed"


def test_thirty_altered_orders_and_more_are_published_each_with_its_code() -> None:
    assert len(EXPECTED) >= 30
    assert {entry["code"] for entry in EXPECTED.values()} <= set(CODES)

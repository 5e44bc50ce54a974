"""The signature gate as a whole: every defect has its own code, and the untouched order passes."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.orders import verification
from broker.orders.trust import CourtTrust
from broker.orders.verdict import (
    CODES,
    NUMBERS,
    TITLES,
    DocumentVerdict,
    build_verdict,
    verdict_without_examination,
)
from broker.orders.verification import verify_document
from tests.support import alterations as alter
from tests.support.court import SIGNED_AT, Court, TimestampAuthority, order_pdf
from tests.support.revocation import LENIENT

FIXTURES = Path(__file__).parents[3] / "fixtures" / "orders"
EXPECTED = tomllib.loads((FIXTURES / "expected.toml").read_text())
AT = SIGNED_AT + timedelta(hours=1)

COURT = Court.create("Juzgado de ejemplo")
COLLEAGUE = COURT.second_seal("Colega")
TSA = TimestampAuthority.create("Sellado de tiempo")
PLAIN = order_pdf("Auto (ejemplo)", ["Datos del abonado: nombre y domicilio."])
SIGNED = COURT.sign(PLAIN)


TRUST = CourtTrust((COURT.certificate_der,), (TSA.certificate_der,), policy=LENIENT)


def outcome(pdf: bytes) -> str:
    verdict = verify_document(pdf, TRUST, at=AT)
    failure = verdict.failure
    assert verdict.passed is (failure is None)
    return "passed" if failure is None else f"{failure.number} {failure.code}"


def fixture_verdict(path: Path) -> DocumentVerdict:
    anchor, authority = (
        x509.load_pem_x509_certificate((FIXTURES / name).read_bytes()).public_bytes(serialization.Encoding.DER)
        for name in ("court.crt", "timestamp-authority.crt")
    )
    return verify_document(path.read_bytes(), CourtTrust((anchor,), (authority,), policy=LENIENT), at=AT)


@pytest.mark.parametrize("path", sorted((FIXTURES / "good").glob("*.pdf")), ids=lambda path: path.stem)
def test_accepts_the_good_order(path: Path) -> None:
    verdict = fixture_verdict(path)
    assert verdict.failure is None
    assert verdict.passed
    assert tuple(check.number for check in verdict.checks) == NUMBERS


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_refuses_the_order_with_the_code_of_its_defect(name: str) -> None:
    verdict = fixture_verdict(FIXTURES / f"{name}.pdf")
    assert not verdict.passed
    assert verdict.failure is not None
    assert (verdict.failure.number, verdict.failure.code) == (EXPECTED[name]["check"], EXPECTED[name]["code"])
    # Everything before the failure holds, nothing after it was looked at.
    for check in verdict.checks:
        assert check.passed is (None if check.number > verdict.failure.number else check is not verdict.failure)
        assert check.code in CODES
        assert check.title == TITLES[check.number]


def test_every_bad_fixture_is_listed_and_every_listed_one_is_there() -> None:
    assert {path.stem for path in FIXTURES.glob("*.pdf")} == set(EXPECTED)


def test_five_altered_orders_give_five_different_codes() -> None:
    names = ("annotation-after-signing", "trailing-bytes", "wrong-certificate", "unsigned", "image-only")
    assert len({EXPECTED[name]["code"] for name in names}) == 5


@pytest.mark.parametrize(
    ("order", "certificate", "expected"),
    [
        ("case2-civil", "court-madrid-mercantil", None),
        ("case3-criminal", "court-madrid-instruccion", None),
        ("case4-forged", "court-madrid-mercantil", "order.unknown-signer"),
        ("case5-shared", "court-madrid-mercantil", None),
        ("case2-civil", "court-madrid-instruccion", "order.unknown-signer"),
        ("case2-civil", "other-court", "order.unknown-signer"),
    ],
)
def test_the_orders_of_the_demonstration_hold_for_their_own_court_only(
    order: str, certificate: str, expected: str | None
) -> None:
    demo = FIXTURES.parent / "demo"
    anchor = x509.load_pem_x509_certificate((demo / f"{certificate}.crt").read_bytes())
    verdict = verify_document(
        (demo / "orders" / f"{order}.pdf").read_bytes(),
        CourtTrust((anchor.public_bytes(serialization.Encoding.DER),), policy=LENIENT),
        at=datetime(2026, 10, 23, tzinfo=UTC),
    )
    assert (verdict.failure.code if verdict.failure else None) == expected


@pytest.mark.parametrize(
    "change",
    [
        alter.add_annotation,
        alter.swap_page,
        alter.add_unused_object,
        alter.add_revision,
        alter.add_empty_signature_field,
    ],
)
@pytest.mark.parametrize("certify", [False, True], ids=["approved", "certified"])
def test_refuses_a_change_after_the_last_signature(change: object, certify: bool) -> None:
    assert callable(change)
    signed = COURT.sign(PLAIN, certify=certify)
    assert outcome(signed) == "passed"
    assert outcome(change(signed)) == "6 order.changed-after-signing"
    assert outcome(change(TSA.timestamp(signed))) == "6 order.changed-after-signing"


@pytest.mark.parametrize(
    "change",
    [
        alter.add_annotation,
        alter.swap_page,
        alter.add_unused_object,
        alter.add_empty_signature_field,
        alter.change_form,
    ],
)
def test_refuses_a_change_that_a_later_signature_covers_up(change: object) -> None:
    assert callable(change)
    changed = change(SIGNED)
    assert outcome(COLLEAGUE.sign(changed, field="Segundo")) == "6 order.changed-between-signatures"
    assert outcome(TSA.timestamp(changed)) == "6 order.changed-between-signatures"


def test_refuses_a_form_filled_before_a_later_signature() -> None:
    form = COURT.sign(alter.add_text_field(PLAIN))
    assert outcome(form) == "passed"
    filled = COLLEAGUE.sign(alter.fill_text_field(form), field="Segundo")
    assert outcome(filled) == "6 order.changed-between-signatures"


def test_refuses_a_timestamp_that_shows_something() -> None:
    prepared = COURT.sign(alter.add_empty_signature_field(PLAIN, "Tiempo"))
    assert outcome(prepared) == "passed"
    assert outcome(TSA.timestamp(prepared)) == "6 order.changed-between-signatures"


def test_accepts_several_signers_closed_by_a_timestamp() -> None:
    assert outcome(TSA.timestamp(COLLEAGUE.sign(SIGNED, field="Segundo"))) == "passed"


@pytest.mark.parametrize("extra", [b" ", b"\n", b"\0", b"%%EOF", b"<html></html>", b"x" * 5000, SIGNED])
def test_refuses_whatever_follows_the_end(extra: bytes) -> None:
    assert outcome(SIGNED + extra) != "passed"


def test_refuses_bytes_before_the_beginning() -> None:
    assert outcome(b"<html></html>" + SIGNED) == "2 order.not-a-pdf"


def test_refuses_a_timestamp_without_any_signature() -> None:
    assert outcome(TSA.timestamp(PLAIN)) == "4 order.unsigned"


def test_refuses_a_script_whose_name_is_spelled_with_escapes() -> None:
    spelled = alter.add_spelled_javascript(PLAIN)
    assert b"/JavaScript" not in spelled
    assert outcome(COURT.sign(spelled)) == "3 order.javascript"


def test_refuses_a_script_left_in_an_older_revision() -> None:
    removed = alter.replace_opening_action(alter.add_javascript(PLAIN))
    assert outcome(COURT.sign(removed)) == "3 order.javascript"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://sede.example/verificar", "passed"),
        ("mailto:registro@juzgado.example", "passed"),
        ("file:///etc/passwd", "3 order.external-reference"),
        ("javascript:alert(1)", "3 order.external-reference"),
        ("smb://host/share", "3 order.external-reference"),
        ("", "3 order.external-reference"),
    ],
)
def test_accepts_only_links_to_the_web_or_mail_that_somebody_clicks(target: str, expected: str) -> None:
    assert outcome(COURT.sign(alter.add_annotation(PLAIN, A=alter.web_link(target)))) == expected


def test_refuses_a_signature_of_a_kind_that_is_not_accepted() -> None:
    assert outcome(alter.add_odd_signature(PLAIN)) == "4 order.signature-format"
    # A good signature beside it does not help, nor does it hide the odd one.
    assert outcome(COURT.sign(alter.add_odd_signature(PLAIN))) == "4 order.signature-format"


def test_refuses_film_and_files_attached_as_notes() -> None:
    film = alter.add_annotation(PLAIN, Subtype=alter.name("Movie"))
    assert outcome(COURT.sign(film)) == "3 order.multimedia"
    note = alter.add_annotation(PLAIN, Subtype=alter.name("FileAttachment"))
    assert outcome(COURT.sign(note)) == "3 order.embedded-file"


def test_refuses_two_tables_of_contents_in_one_file() -> None:
    assert outcome(alter.hybrid_document()) == "2 order.ambiguous-structure"


def test_refuses_empty_and_oversized_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(b"") == "1 order.empty"
    monkeypatch.setattr(verification, "MAX_BYTES", len(SIGNED))
    assert outcome(SIGNED) == "passed"
    monkeypatch.setattr(verification, "MAX_BYTES", len(SIGNED) - 1)
    assert outcome(SIGNED) == "1 order.too-large"


def test_refuses_more_objects_or_revisions_than_an_order_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(verification, "_MAX_OBJECTS", 10)
        assert outcome(SIGNED) == "2 order.too-complex"
    monkeypatch.setattr(verification, "_MAX_REVISIONS", 1)
    assert outcome(SIGNED) == "2 order.too-complex"


def test_rejects_an_instant_without_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        verify_document(SIGNED, TRUST, at=datetime(2026, 10, 21))  # noqa: DTZ001 - a naive time is the point


def test_the_same_instant_in_another_zone_gives_the_same_verdict() -> None:
    assert verify_document(SIGNED, TRUST, at=AT) == verify_document(SIGNED, TRUST, at=AT.astimezone(UTC))


def test_refuses_a_signature_made_without_the_key() -> None:
    forged = alter.change_signature_value(SIGNED)
    assert forged != SIGNED
    assert outcome(forged) == "5 order.altered"


def test_refuses_a_timestamp_made_for_another_file() -> None:
    stamped, other = TSA.timestamp(SIGNED), TSA.timestamp(COLLEAGUE.sign(PLAIN))
    (first, last), (other_first, other_last) = (alter.signature_space(pdf, 1) for pdf in (stamped, other))
    token = other[other_first:other_last]
    assert len(token) == last - first
    assert outcome(stamped) == "passed"
    assert outcome(stamped[:first] + token + stamped[last:]) == "5 order.altered"


@settings(max_examples=150, derandomize=True)
@given(position=st.integers(0, len(SIGNED) - 1), value=st.integers(0, 255))
def test_no_changed_byte_passes_outside_the_signature_itself(position: int, value: int) -> None:
    # Inside it some bytes are free, for instance those of a copy of the authority's certificate: two files
    # can carry one signature, but never two contents.
    first, last = alter.signature_space(SIGNED)
    changed = bytearray(SIGNED)
    changed[position] = value
    result = outcome(bytes(changed))
    assert result != "passed" or first <= position < last or bytes(changed) == SIGNED


@settings(max_examples=60, derandomize=True)
@given(start=st.integers(0, len(SIGNED)), length=st.integers(1, 400), data=st.binary(max_size=80))
def test_no_cut_or_insertion_passes_and_none_raises(start: int, length: int, data: bytes) -> None:
    changed = SIGNED[:start] + data + SIGNED[start + length :]
    assert outcome(changed) != "passed" or changed == SIGNED


def test_a_verdict_survives_json_and_nothing_else_does() -> None:
    verdict = verify_document(alter.append_bytes(SIGNED), TRUST, at=AT)
    assert DocumentVerdict.from_json(verdict.to_json()) == verdict
    passed = verify_document(SIGNED, TRUST, at=AT).to_json()
    assert DocumentVerdict.from_json(passed).passed
    for wrong in (
        "",
        "[]",
        "{}",
        '{"checks": []}',
        '{"checks": [{"number": 1, "code": "order.passed", "passed": true, "detail": ""}]}',
        passed.replace("order.passed", "order.fine"),
        passed.replace('"number": 8', '"number": 9'),
        passed.replace('"passed": true', '"passed": 1'),
        passed.replace('"detail": ""', '"detail": "\\u0007"'),
        verdict.to_json().replace("order.not-reached", "order.passed"),
        verdict.to_json().replace("null", "true"),
    ):
        with pytest.raises(ValueError, match="verdict"):
            DocumentVerdict.from_json(wrong)


def test_a_verdict_without_examination_never_passes() -> None:
    verdict = verdict_without_examination("order.verifier-crashed", "")
    assert not verdict.passed
    assert verdict.failure is not None
    assert verdict.failure.number == 0
    assert not build_verdict([None] * 7).passed
    assert not DocumentVerdict(()).passed


def test_every_published_code_says_what_to_do() -> None:
    for code, sentence in CODES.items():
        assert code.startswith("order.")
        assert sentence.endswith(".")
        assert len(sentence) > 20

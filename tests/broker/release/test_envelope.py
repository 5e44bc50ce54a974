"""Packages: sealed to one recipient, signed by one operator, and refused for every defect."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.crypto.errors import RecipientKeyError, SealCertificateError, UnsealError
from broker.errors import BrokerError
from broker.release.content import NOTICE
from broker.release.envelope import open_package, seal_release
from broker.release.errors import ForeignSealError, ReleaseContentError
from tests.support.recipient import (
    SUBSCRIBER,
    VALID_UNTIL,
    Recipient,
    identified,
    not_identified,
    operator_seal,
    release_content,
    signer_of,
)

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "envelopes"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())
ALTERED = sorted(name for name, case in EXPECTED.items() if case["code"])
OPERATOR_CERTIFICATE = (FOLDER / "operator.crt").read_bytes()
SEAL = operator_seal()
RECIPIENT = Recipient.create("Asociación Fonográfica Ejemplo")


def _identity(name: str) -> str:
    return (FOLDER / name).read_text().splitlines()[-1]


def test_every_file_of_the_folder_has_its_expectation() -> None:
    assert {path.name for path in FOLDER.glob("*.age")} == set(EXPECTED)
    assert len(ALTERED) >= 20


def test_a_package_of_an_earlier_version_still_opens() -> None:
    old = FOLDER / "version-1"
    opened = open_package(
        (old / "good.age").read_bytes(),
        _identity("version-1/recipient.key"),
        operator_certificate=(old / "operator.crt").read_bytes(),
    )
    assert opened.release["version"] == 1
    assert opened.release["lines"][0]["subscriber"] == SUBSCRIBER
    assert opened.document.startswith(b"%PDF-")


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_package_fails_with_its_code(name: str) -> None:
    case = EXPECTED[name]
    with pytest.raises(BrokerError) as caught:
        open_package(
            (FOLDER / name).read_bytes(),
            _identity(case["identity"]),
            operator_certificate=OPERATOR_CERTIFICATE,
        )
    assert caught.value.code == case["code"]
    assert not any(value in str(caught.value) for value in SUBSCRIBER.values())


def test_only_the_recipient_opens_a_package() -> None:
    sealed = seal_release(release_content(RECIPIENT), signer_of(SEAL), RECIPIENT.public_key)
    opened = RECIPIENT.open(sealed, SEAL.certificate)
    assert opened.release["lines"][0]["subscriber"] == SUBSCRIBER
    assert opened.release["recipient"]["key_fingerprint"] == RECIPIENT.fingerprint
    assert opened.release["notice"] == NOTICE
    with pytest.raises(UnsealError):
        Recipient.create("A stranger").open(sealed, SEAL.certificate)


def test_nothing_of_the_content_can_be_read_from_a_sealed_package() -> None:
    sealed = seal_release(release_content(RECIPIENT), signer_of(SEAL), RECIPIENT.public_key)
    for text in (*SUBSCRIBER.values(), "198.51.100.23", "DP 118/2026", "Telecable", RECIPIENT.fingerprint):
        assert text.encode() not in sealed


def test_refuses_a_package_of_another_operator() -> None:
    sealed = seal_release(release_content(RECIPIENT), signer_of(SEAL), RECIPIENT.public_key)
    with pytest.raises(ForeignSealError):
        RECIPIENT.open(sealed, operator_seal("Another operator").certificate)


def test_refuses_to_seal_to_a_key_the_content_does_not_name() -> None:
    other = Recipient.create("Asociación Fonográfica Ejemplo")
    with pytest.raises(ReleaseContentError, match="another recipient key"):
        seal_release(release_content(RECIPIENT), signer_of(SEAL), other.public_key)


def test_refuses_to_seal_to_a_secret_key() -> None:
    with pytest.raises(RecipientKeyError):
        seal_release(release_content(RECIPIENT), signer_of(SEAL), RECIPIENT.identity)


def test_refuses_to_issue_with_an_expired_seal() -> None:
    late = release_content(RECIPIENT, issued_at=VALID_UNTIL + timedelta(seconds=1))
    with pytest.raises(SealCertificateError):
        seal_release(late, signer_of(SEAL), RECIPIENT.public_key)


def test_a_package_holds_granted_categories_and_no_others() -> None:
    line = identified(subscriber={"name": SUBSCRIBER["name"]})
    content = release_content(RECIPIENT, (line,), requested=("email", "name", "postal-address"))
    opened = RECIPIENT.open(seal_release(content, signer_of(SEAL), RECIPIENT.public_key), SEAL.certificate)
    assert opened.release["lines"][0]["subscriber"] == {"name": SUBSCRIBER["name"]}
    assert opened.release["requested"] == ["email", "name", "postal-address"]


def test_release_json_is_the_same_bytes_for_the_same_content() -> None:
    lines = (identified(1), not_identified(2, "ambiguous", "Two subscribers held it."))
    first = release_content(RECIPIENT, lines).to_json()
    second = release_content(
        RECIPIENT,
        (replace(lines[0], subscriber=dict(reversed(list(SUBSCRIBER.items())))), lines[1]),
        requested=("postal-address", "name"),
    ).to_json()
    assert first == second


def test_release_json_has_exactly_these_keys() -> None:
    release = json.loads(release_content(RECIPIENT, (identified(1), not_identified(2))).to_json())
    assert list(release) == [
        "format",
        "version",
        "release_id",
        "request_reference",
        "operator",
        "issued_at",
        "order",
        "recipient",
        "notice",
        "terms",
        "pack",
        "requested",
        "lines",
    ]
    assert release["order"] == {
        "court": "Juzgado de lo Mercantil n.º 99 de Madrid (ejemplo ficticio)",
        "file_number": "DP 118/2026",
        "sha256": "ab" * 32,
        "issued_on": "2026-10-20",
        "legal_basis": "LEC 256.1.11",
    }
    assert release["lines"][0]["observed_at"] == "2026-09-14T19:05:09Z"
    assert release["lines"][0]["window"] == {"from": "2026-09-14T19:05:07Z", "until": "2026-09-14T19:05:12Z"}
    assert release["lines"][0]["address_is"] == "contract-only-address"
    assert "not necessarily where the connection is installed" in release["lines"][0]["address_note"]
    assert (release["lines"][1]["address_is"], release["lines"][1]["address_note"]) == (None, "")
    assert release["lines"][1]["outcome"] == "not-identified"
    assert release["lines"][1]["subscriber"] == {}

"""What a release may not hold: each refusal names the field and never the value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.release.content import MAX_FIELD_BYTES, LineOutcome, ReleaseContent, field_problem
from broker.release.errors import ReleaseContentError
from tests.support.recipient import OBSERVED_AT, Recipient, identified, not_identified, release_content

RECIPIENT = Recipient.create("Asociación Fonográfica Ejemplo")
GOOD = release_content(RECIPIENT)

LINES: dict[str, tuple[dict[str, Any], str]] = {
    "identified without data": ({"subscriber": {}, "address_is": None}, "only them"),
    "data without identification": ({"outcome": LineOutcome.NOT_IDENTIFIED}, "only them"),
    "category not requested": ({"subscriber": {"email": "a@example.es"}, "address_is": None}, "not requested"),
    "value with escape sequence": ({"subscriber": {"name": "\x1b[2J"}, "address_is": None}, "control"),
    "value with eight-bit control": ({"subscriber": {"name": "\x9b2J"}, "address_is": None}, "control"),
    "value with lone surrogate": ({"subscriber": {"name": "\udc80"}, "address_is": None}, "control"),
    "empty value": ({"subscriber": {"name": " "}, "address_is": None}, "empty"),
    "value too long": ({"subscriber": {"name": "x" * MAX_FIELD_BYTES}, "address_is": None}, "longer"),
    "address in another form": ({"address": "198.51.100.23 "}, "address"),
    "address in capitals": ({"address": "2001:DB8::1"}, "address"),
    "port zero": ({"source_port": 0}, "source_port"),
    "port too large": ({"source_port": 65536}, "source_port"),
    "protocol that has no ports": ({"protocol": "icmp"}, "protocol"),
    "reason that is no code": ({"reason": "No one"}, "reason"),
    "reason missing": ({"reason": ""}, "reason"),
    "time without zone": ({"observed_at": OBSERVED_AT.replace(tzinfo=None)}, "offset"),
    "window without zone": ({"window": (OBSERVED_AT, OBSERVED_AT.replace(tzinfo=None))}, "offset"),
    "explanation too long": ({"explanation": "x" * 300}, "explanation"),
    "line number zero": ({"line": 0}, "line numbers"),
    "postal address that does not say which": ({"address_is": None}, "which address"),
    "a word on an address that is not there": ({"subscriber": {"name": "A"}}, "which address"),
}

CONTENTS: dict[str, tuple[ReleaseContent, str]] = {
    "no line": (replace(GOOD, lines=()), "lines"),
    "a line twice": (replace(GOOD, lines=(identified(1), not_identified(1))), "twice"),
    "too many lines": (replace(GOOD, lines=(not_identified(),) * 10_001), "10000"),
    "no category": (replace(GOOD, requested=()), "requested"),
    "a category twice": (replace(GOOD, requested=("name", "name")), "requested"),
    "a category that is no code": (replace(GOOD, requested=("name", "postal_address")), "requested"),
    "too many categories": (replace(GOOD, requested=tuple(f"c{n}" for n in range(17))), "requested"),
    "time of issue without zone": (replace(GOOD, issued_at=GOOD.issued_at.replace(tzinfo=None)), "issued_at"),
    "court too long": (replace(GOOD, order=replace(GOOD.order, court="x" * 600)), "order.court"),
    "court missing": (replace(GOOD, order=replace(GOOD.order, court="")), "order.court"),
    "order without digest": (replace(GOOD, order=replace(GOOD.order, sha256="")), "order.sha256"),
    "digest in capitals": (replace(GOOD, pack=replace(GOOD.pack, text_hash="AB" * 32)), "pack.text_hash"),
    "recipient without key": (
        replace(GOOD, recipient=replace(GOOD.recipient, key_fingerprint="")),
        "key_fingerprint",
    ),
}


@pytest.mark.parametrize("defect", LINES)
def test_refuses_a_line_with_this_defect(defect: str) -> None:
    change, message = LINES[defect]
    with pytest.raises(ReleaseContentError, match=message) as caught:
        replace(GOOD, lines=(replace(identified(), **change),)).to_json()
    assert "example.es" not in str(caught.value)


@pytest.mark.parametrize("defect", CONTENTS)
def test_refuses_a_release_with_this_defect(defect: str) -> None:
    content, message = CONTENTS[defect]
    with pytest.raises(ReleaseContentError, match=message):
        content.to_json()


@pytest.mark.parametrize("value", ["Inés", 'O\'Neill "Pat" \\', "李小龍", "محمد", "Ζωή", "Two\nlines", "x" * 510])
def test_accepts_names_of_all_kinds(value: str) -> None:
    assert field_problem(value) is None
    replace(GOOD, lines=(identified(subscriber={"name": value}),)).to_json()


def test_the_limit_counts_bytes_as_json_writes_them() -> None:
    assert field_problem('"' * 255) is None
    assert field_problem('"' * 256) == "is longer than 512 bytes"
    assert field_problem("é" * 255) is None
    assert field_problem("é" * 256) == "is longer than 512 bytes"


def test_terms_may_be_empty_where_the_order_says_enough() -> None:
    assert b'"use": ""' in replace(GOOD, terms=replace(GOOD.terms, use="")).to_json()


def test_a_release_does_not_show_its_lines() -> None:
    assert "Inés" not in repr(GOOD)
    assert "Inés" not in repr(GOOD.lines[0])

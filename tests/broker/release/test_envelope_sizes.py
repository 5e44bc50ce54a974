"""A package's size tells how much was asked and never what was found."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from broker.crypto import age
from broker.release import sizes
from broker.release.content import (
    MAX_CATEGORIES,
    MAX_EXPLANATION_BYTES,
    MAX_FIELD_BYTES,
    MAX_LINES,
    MAX_TERMS_BYTES,
    MAX_TEXT_BYTES,
    ReleaseContent,
    ReleaseOrder,
    ReleasePack,
    ReleaseTerms,
)
from broker.release.document import render_document
from broker.release.envelope import seal_release
from broker.release.errors import ReleaseContentError
from broker.release.which_address import SENTENCES, WhichAddress
from tests.support.recipient import (
    Recipient,
    identified,
    not_identified,
    operator_seal,
    release_content,
    signer_of,
)

RECIPIENT = Recipient.create("Asociación Fonográfica Ejemplo")
SIGNER = signer_of(operator_seal())
GLYPHS = "".join(
    chr(code) for code in (*range(0x21, 0x7F), *range(0xC0, 0x180), *range(0x391, 0x3A2), *range(0x400, 0x460))
)


def _filler(limit: int, rng: random.Random) -> str:
    """Make text of at most `limit` bytes as JSON counts them, with as many different glyphs as it takes."""
    text, used = "", 2
    for sign in rng.sample(GLYPHS, len(GLYPHS)) * 4:
        used += len(sign.encode()) + (sign in '"\\')
        if used > limit:
            break
        text += sign
    return text


def _largest(line_count: int, category_count: int) -> ReleaseContent:
    """Build the longest release that the limits allow."""
    rng = random.Random(line_count * 100 + category_count)
    categories = ("postal-address", *(f"{'x' * 61}-{chr(98 + number)}" for number in range(category_count - 1)))
    base = release_content(RECIPIENT)
    line = replace(
        identified(),
        address="2001:0db8:1234:5678:9abc:def0:1234:5678",
        observed_at=base.issued_at.replace(microsecond=123456),
        window=(base.issued_at.replace(microsecond=123456), base.issued_at.replace(microsecond=123456)),
        reason="r" * 64,
        protocol="tcp",
        address_is=max(WhichAddress, key=lambda which: len(which + SENTENCES[which])),
    )
    return replace(
        base,
        request_reference=_filler(MAX_TEXT_BYTES, rng),
        operator=_filler(MAX_TEXT_BYTES, rng),
        order=ReleaseOrder(
            _filler(MAX_TEXT_BYTES, rng),
            _filler(MAX_TEXT_BYTES, rng),
            "ab" * 32,
            base.order.issued_on,
            _filler(MAX_TEXT_BYTES, rng),
        ),
        recipient=replace(base.recipient, organisation=_filler(MAX_TEXT_BYTES, rng)),
        issued_at=base.issued_at.replace(microsecond=123456),
        requested=categories,
        terms=ReleaseTerms(_filler(MAX_TERMS_BYTES, rng), _filler(MAX_TERMS_BYTES, rng)),
        pack=ReleasePack("p" * 64, "ef" * 32, "01" * 32, _filler(MAX_TERMS_BYTES, rng)),
        lines=tuple(
            replace(
                line,
                line=999_990_000 + number,
                explanation=_filler(MAX_EXPLANATION_BYTES, rng),
                subscriber={category: _filler(MAX_FIELD_BYTES, rng) for category in categories},
            )
            for number in range(line_count)
        ),
    )


@pytest.mark.parametrize("line_count", [1, 2, 10, 250])
def test_hit_miss_late_refusal_and_every_mix_have_the_same_size(line_count: int) -> None:
    late = "The order was revoked before this was answered."
    answers = {
        "hit": tuple(identified(n + 1) for n in range(line_count)),
        "miss": tuple(not_identified(n + 1) for n in range(line_count)),
        "late refusal": tuple(not_identified(n + 1, "refused", late) for n in range(line_count)),
        "mix": tuple((identified if n % 2 else not_identified)(n + 1) for n in range(line_count)),
    }
    found = {
        kind: len(seal_release(release_content(RECIPIENT, lines), SIGNER, RECIPIENT.public_key))
        for kind, lines in answers.items()
    }
    assert set(found.values()) == {sizes.padded_size(line_count, 2)}


def test_the_size_does_not_vary_from_one_sealing_to_the_next() -> None:
    hit, miss = release_content(RECIPIENT), release_content(RECIPIENT, (not_identified(),))
    found = {len(seal_release(content, SIGNER, RECIPIENT.public_key)) for content in (hit, miss) * 25}
    assert found == {sizes.padded_size(1, 2)}


@pytest.mark.parametrize(("line_count", "category_count"), [(1, 1), (1, 16), (10, 2), (60, 3), (300, 2)])
def test_the_longest_release_of_its_kind_fits(line_count: int, category_count: int) -> None:
    largest = _largest(line_count, category_count)
    assert len(largest.to_json()) <= sizes.json_limit(line_count, category_count)
    assert len(render_document(largest)) <= sizes.document_limit(line_count, category_count)
    sealed = seal_release(largest, SIGNER, RECIPIENT.public_key)
    assert len(sealed) == sizes.padded_size(line_count, category_count)


def test_the_limits_are_not_far_above_what_the_longest_release_needs() -> None:
    used = len(_largest(200, 2).to_json())
    assert used > 0.75 * sizes.json_limit(200, 2)


def test_every_size_is_a_multiple_of_four_kibibytes_and_grows_with_what_is_asked() -> None:
    found = [
        [sizes.padded_size(lines, categories) for lines in (1, 2, 3, 10, 99, 100, 200, 201, 5000, MAX_LINES)]
        for categories in range(1, MAX_CATEGORIES + 1)
    ]
    assert all(size % 4096 == 0 for row in found for size in row)
    assert all(row == sorted(row) and row[0] < row[-1] for row in found)
    assert all(list(column) == sorted(column) for column in zip(*found, strict=True))


def test_every_size_can_be_met_whatever_header_age_draws() -> None:
    reachable = 0
    for lines in (*range(1, 400), 1000, 9999):
        size, package = sizes.padded_size(lines, 2), sizes.package_size(lines, 2)
        for header in range(180, age.MAXIMUM_HEADER_BYTES, 3):
            chunks = -(-(size - header - age.PAYLOAD_NONCE_BYTES) // age.SEALED_CHUNK_BYTES)
            plaintext = size - header - age.PAYLOAD_NONCE_BYTES - chunks * age.CHUNK_TAG_BYTES
            assert age.sealed_length(header, plaintext) == size
            assert package <= plaintext <= package + 60_000
            reachable += 1
    assert reachable > 200_000


@pytest.mark.parametrize(("lines", "categories"), [(0, 1), (1, 0), (MAX_LINES + 1, 1), (1, MAX_CATEGORIES + 1)])
def test_refuses_a_count_that_no_package_holds(lines: int, categories: int) -> None:
    with pytest.raises(ReleaseContentError, match="split the tranche"):
        sizes.padded_size(lines, categories)

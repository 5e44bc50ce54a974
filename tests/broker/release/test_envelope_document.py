"""release.pdf: readable, PDF/A, and deaf to whatever a name tries to say to the typesetter."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import typst
from pyhanko.pdf_utils.reader import PdfFileReader

from broker.release import document
from broker.release.content import ReleaseContent
from broker.release.document import document_within, render_document
from broker.release.errors import ReleaseContentError
from broker.release.which_address import SENTENCES, WhichAddress
from tests.support.recipient import Recipient, identified, not_identified, release_content

RECIPIENT = Recipient.create("Asociación Fonográfica Ejemplo")


def _named(name: str) -> ReleaseContent:
    return release_content(RECIPIENT, (identified(subscriber={"name": name}),))


def _metadata(pdf: bytes) -> bytes:
    reader = PdfFileReader(io.BytesIO(pdf))
    return bytes(reader.root["/Metadata"].data)


def test_says_that_it_is_pdf_a_3b_and_when_it_was_issued() -> None:
    metadata = _metadata(render_document(release_content(RECIPIENT)))
    assert b"<pdfaid:part>3</pdfaid:part>" in metadata
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert b"2026-11-02T09:30:00" in metadata


def test_is_the_same_bytes_for_the_same_content() -> None:
    content = release_content(RECIPIENT)
    assert render_document(content) == render_document(content)


@pytest.mark.parametrize(
    "name",
    [
        '#panic("x")',
        '#read("/absent")',
        '#include "absent.typ"',
        "#sys.inputs.absent",
        "an unclosed $x",
        "a [bracket #(",
        "@nobody",
        "#eval(release)",
    ],
)
def test_a_name_that_would_stop_the_typesetter_as_markup_is_only_text(name: str) -> None:
    with pytest.raises(typst.TypstError):
        typst.compile(name.encode())
    assert len(PdfFileReader(io.BytesIO(render_document(_named(name)))).root["/Pages"]["/Kids"]) == 1


def test_the_template_never_evaluates_anything() -> None:
    template = Path(document.__file__).with_name("release.typ").read_text()
    assert not re.search(r"\b(eval|include|import|read|plugin)\b", template)


@pytest.mark.parametrize(
    "name", ["李小龍", "محمد", "नाम", "😀", "a\u202eb", "\u200bx", "\ufeffx", "\U0010ffff", "\u0600"]
)
def test_characters_without_a_glyph_become_squares_and_do_not_stop_a_release(name: str) -> None:
    assert "□" in document._page_data(_named(name), summary=False)
    render_document(_named(name))


def test_shows_every_character_it_claims_to() -> None:
    claimed = [chr(code) for first, last in document._SHOWN for code in range(first, last + 1)]
    assert len(claimed) > 800
    for start in range(0, len(claimed), 60):
        name = "x" + "x".join(claimed[start : start + 60])
        content = _named(name)
        # Capitals and bold are where the template could meet a glyph that the fonts lack.
        content = replace(content, operator=name, order=replace(content.order, court=name))
        assert len(render_document(content)) > 10_000


def test_a_decomposed_name_is_shown_composed() -> None:
    assert "Inés" in document._page_data(_named("Ine\u0301s"), summary=False)


@pytest.mark.parametrize("which", WhichAddress)
def test_says_beside_the_holder_which_address_it_gives(which: WhichAddress) -> None:
    content = release_content(RECIPIENT, (replace(identified(), address_is=which),))
    (line,) = json.loads(document._page_data(content, summary=False))["lines"]
    assert line["address_note"] == SENTENCES[which]
    assert len(render_document(content)) > len(render_document(_named("Inés"))) + len(SENTENCES[which]) / 4


def test_lines_beyond_the_limit_are_left_to_release_json() -> None:
    few = render_document(release_content(RECIPIENT, tuple(not_identified(n + 1) for n in range(200))))
    many = render_document(release_content(RECIPIENT, tuple(not_identified(n + 1) for n in range(2000))))
    assert abs(len(many) - len(few)) < 4000


def test_a_document_over_its_limit_is_set_without_answers_instead_of_failing() -> None:
    content = release_content(RECIPIENT, tuple(identified(n + 1) for n in range(50)))
    full, summary = render_document(content), render_document(content, summary=True)
    assert len(summary) < len(full) / 2
    assert document_within(content, limit=len(full)) == full
    assert document_within(content, limit=len(full) - 1) == summary


def test_content_that_breaks_a_limit_is_refused_before_anything_is_set() -> None:
    with pytest.raises(ReleaseContentError, match="subscriber"):
        document_within(_named("x" * 600), limit=10**6)


def test_needs_no_font_of_the_machine() -> None:
    assert set(document._fonts().families()) >= {"Libertinus Serif", "DejaVu Sans Mono"}
    assert all(font.path is None for font in document._fonts().fonts())

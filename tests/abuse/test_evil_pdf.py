"""A PDF that does something, or is something else as well, is refused; and what is served is never run.

What a document's own code would try if it got out of the reader is tried in `tests/broker/orders/test_walls.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from pyhanko.pdf_utils import generic

from broker.orders.sandbox import run_verification
from broker.orders.trust import CourtTrust
from broker.orders.verification import verify_document
from tests.support import alterations as alter
from tests.support.cases import attach_and_check, cover, file_lines, make_desk, make_line
from tests.support.court import SIGNED_AT, Court, order_pdf
from tests.support.parties import page_client
from tests.support.revocation import LENIENT

AT = SIGNED_AT + timedelta(hours=1)
COURT = Court.create("Juzgado de ejemplo")
TRUST = CourtTrust((COURT.certificate_der,), policy=LENIENT)
PLAIN = order_pdf("Auto (ejemplo)", ["Datos del abonado."])


def outcome(pdf: bytes) -> str:
    failure = verify_document(pdf, TRUST, at=AT).failure
    return "passed" if failure is None else failure.code


def action(kind: str, **entries: generic.PdfObject) -> Callable[[bytes], bytes]:
    """Return a change that adds a note with an action of that kind, run when somebody clicks it."""
    value = generic.DictionaryObject({generic.pdf_name("/S"): alter.name(kind)})
    value.update({generic.pdf_name(f"/{key}"): entry for key, entry in entries.items()})
    return lambda pdf: alter.add_annotation(pdf, A=value)


def field_script(pdf: bytes) -> bytes:
    script = generic.DictionaryObject({generic.pdf_name("/S"): alter.name("JavaScript")})
    return alter.add_annotation(pdf, AA=generic.DictionaryObject({generic.pdf_name("/E"): script}))


EVIL: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "script on opening": (alter.add_javascript, "order.javascript"),
    "script spelled otherwise": (alter.add_spelled_javascript, "order.javascript"),
    "script left in an old revision": (
        lambda pdf: alter.replace_opening_action(alter.add_javascript(pdf)),
        "order.javascript",
    ),
    "script on entering": (field_script, "order.automatic-action"),
    "program on opening": (alter.add_launch, "order.launch-action"),
    "program on a click": (action("Launch", F=generic.pdf_string("calc.exe")), "order.launch-action"),
    "web page on opening": (alter.add_automatic_link, "order.automatic-action"),
    "link to a file": (action("URI", URI=generic.pdf_string("file:///etc/passwd")), "order.external-reference"),
    "link to a script": (action("URI", URI=generic.pdf_string("javascript:alert(1)")), "order.external-reference"),
    "form sent elsewhere": (action("SubmitForm", F=generic.pdf_string("http://a.example")), "order.external-reference"),
    "data from elsewhere": (action("ImportData", F=generic.pdf_string("a.fdf")), "order.external-reference"),
    "other document": (action("GoToR", F=generic.pdf_string("//host/a.pdf")), "order.external-reference"),
    "embedded document": (action("GoToE"), "order.embedded-file"),
    "attachment": (alter.add_attachment, "order.embedded-file"),
    "XFA": (alter.add_xfa, "order.xfa"),
    "entity in XMP": (alter.add_external_entity, "order.external-reference"),
    "page from elsewhere": (alter.add_external_page, "order.external-reference"),
    "web page and PDF": (alter.begin_as_web_page, "order.ambiguous-structure"),
}


@pytest.mark.parametrize("name", EVIL)
def test_refuses_a_signed_order_with(name: str) -> None:
    change, code = EVIL[name]
    signed = COURT.sign(change(PLAIN))
    assert outcome(signed) == code
    # The same behind the walls: nothing of it depends on a file or an address that could be reached.
    verdict = run_verification(signed, TRUST, AT)
    assert verdict.failure is not None
    assert verdict.failure.code == code


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda pdf: b"<html><script>alert(1)</script></html>" + pdf,
        lambda pdf: pdf + b"<html><script>alert(1)</script></html>",
        lambda pdf: b"GIF89a" + pdf,
        lambda pdf: b"PK\3\4" + pdf,
        lambda pdf: b"\xef\xbb\xbf" + pdf,
    ],
    ids=["page before", "page after", "picture before", "archive before", "mark before"],
)
def test_refuses_a_file_that_is_something_else_as_well(wrapped: Callable[[bytes], bytes]) -> None:
    assert outcome(COURT.sign(PLAIN)) == "passed"
    assert outcome(wrapped(COURT.sign(PLAIN))) in {"order.not-a-pdf", "order.trailing-bytes"}


@pytest.mark.django_db
def test_a_refused_document_is_handed_out_to_be_saved_and_never_run() -> None:
    desk = make_desk()
    evil = COURT.sign(alter.add_javascript(PLAIN))
    order = attach_and_check(desk, file_lines(desk), [cover(make_line(1))], document=evil)
    assert order.state == "REJECTED"
    for client, path in (
        (page_client(desk.clerk), f"/orders/{order.id}/document/"),
        (page_client(desk.ana), f"/admin/broker/disclosurerequest/orders/{order.id}/document/"),
    ):
        response = client.get(path)
        assert response.content == evil
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    assert Client().get(f"/orders/{order.id}/document/").status_code == 302

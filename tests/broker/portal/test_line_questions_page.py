"""The pages on which what was typed is questioned, by the party that typed it and beside the line for both seats."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from broker.intake.models import DisclosureRequest, LineAnswer, LineQuestion, State
from broker.intake.slips import FINDINGS
from tests.support.answers import STATEMENTS, answer_as_staff
from tests.support.cases import assess, attach_and_check, cover, states
from tests.support.parties import Cast, make_cast, page_client

pytestmark = pytest.mark.django_db

LINES = """address,source_port,observed_at,evidence
198.51.100.70,50001,2026-09-14T21:05:09+02:00,A-1
198.51.100.8,50008,2026-09-14T21:05:09+02:00,A-2
"""
LOG = b"2026-09-14T21:05:09+02:00 198.51.100.170:50001\n2026-09-14T21:05:09+02:00 198.51.100.8:50008\n"
ASKED = "Is this what you meant?"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def send(cast: Cast, log: bytes = LOG, **changes: Any) -> Any:
    facts = {
        f"facts.es.{name}": str(value).lower() if isinstance(value, bool) else value
        for name, value in STATEMENTS.items()
    }
    typed = {
        "court": str(cast.desk.court.id),
        "jurisdiction": "es",
        "proceeding": "civil",
        "measure": "disclosure",
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address"],
        "lines": LINES,
        "evidence_file": SimpleUploadedFile("log.txt", log),
        "evidence_zone": "",
        **facts,
    } | changes
    return page_client(cast.desk.filer).post("/requests/new/", typed)


@pytest.fixture
def filed(cast: Cast) -> DisclosureRequest:
    response = send(cast)
    assert response.status_code == 302, response.content.decode()
    request = DisclosureRequest.objects.get()
    answer_as_staff(request, [cast.desk.ana, cast.desk.luis])
    return request


def page(user: Any, request: DisclosureRequest) -> str:
    return html.unescape(page_client(user).get(f"/requests/{request.reference}/").content.decode())


def test_asks_the_party_about_the_line_with_its_day_of_the_week(cast: Cast, filed: DisclosureRequest) -> None:
    shown = page(cast.colleague, filed)
    assert ASKED in shown
    assert "Line 1 of the evidence has an address at this moment with one character more than this one." in shown
    assert "Mon 2026-09-14 21:05:09 +02:00" in shown
    assert "198.51.100.170" not in shown


def test_confirms_a_filing_with_the_day_of_the_week_as_typed_in_utc_and_in_court_time(cast: Cast) -> None:
    lines = "address,source_port,observed_at,evidence\n198.51.100.8,50008,2026-09-15T00:30:10+05:30,A-1\n"
    response = send(cast, lines=lines, log=b"2026-09-15T00:30:10+05:30 198.51.100.8:50008\n")
    shown = html.unescape(page_client(cast.desk.filer).get(response["Location"]).content.decode())
    assert "Are these the moments you meant?" in shown
    for moment in ("Tue 2026-09-15 00:30:10 +05:30", "Mon 2026-09-14 19:00:10 UTC", "Mon 2026-09-14 21:00:10 +02:00"):
        assert moment in shown
    request = DisclosureRequest.objects.get()
    assert "Are these the moments" not in page(cast.colleague, request)
    assert "Withdraw line 1<" in shown
    page_client(cast.desk.filer).post(f"/requests/{request.reference}/withdraw/", {"line": "1"})
    assert states(request) == [State.WITHDRAWN]
    after = page_client(cast.desk.filer).get(response["Location"]).content.decode()
    assert "Withdraw line 1<" not in after


def test_shows_the_court_the_lines_and_no_question(cast: Cast, filed: DisclosureRequest) -> None:
    shown = page(cast.desk.clerk, filed)
    assert "198.51.100.70" in shown
    assert ASKED not in shown
    assert "SHA-256" not in shown
    for path in ("evidence/", "line-questions/"):
        client = page_client(cast.desk.clerk)
        assert client.get(f"/requests/{filed.reference}/{path}").status_code in (403, 405)


def test_takes_the_answer_and_shows_it_to_both_seats_beside_the_line(cast: Cast, filed: DisclosureRequest) -> None:
    question = LineQuestion.objects.get()
    path = f"/requests/{filed.reference}/line-questions/"
    said = {"question": str(question.id), "reason": "compared", "explanation": "The server's own log says .70."}
    client = page_client(cast.desk.filer)
    wrong = client.post(path, said | {"reason": ""})
    assert wrong.status_code == 422
    assert "The server&#x27;s own log says .70." in wrong.content.decode()
    assert client.post(path, said).status_code == 302
    assert ASKED not in page(cast.desk.filer, filed)
    lines = [{"address": f"198.51.100.{n}", "source_port": port} for n, port in ((70, 50001), (8, 50008))]
    attach_and_check(cast.desk, filed, [cover(line) for line in lines])
    assess(filed)
    assert states(filed) == [State.UNDER_REVIEW, State.UNDER_REVIEW]
    for seat in (cast.desk.ana, cast.desk.luis):
        admin = f"/admin/broker/disclosurerequest/{filed.id}/"
        shown = html.unescape(page_client(seat).get(f"{admin}change/").content.decode())
        assert "with one character more than this one." in shown
        assert "The server's own log says .70." in shown
        assert page_client(seat).get(f"{admin}evidence/").content == LOG


def test_shows_both_seats_that_a_question_is_open(cast: Cast, filed: DisclosureRequest) -> None:
    assess(filed)
    shown = page_client(cast.desk.ana).get(f"/admin/broker/disclosurerequest/{filed.id}/change/").content.decode()
    assert "Not answered by who typed it." in shown
    assert "with one character more than this one." in shown


def test_withdraws_the_questioned_line_and_no_other(cast: Cast, filed: DisclosureRequest) -> None:
    client = page_client(cast.desk.filer)
    path = f"/requests/{filed.reference}/withdraw/"
    # What names no line must not withdraw them all.
    for nothing in ("", "x", "1x", "99"):
        assert client.post(path, {"line": nothing}).status_code == 403
    assert client.post(path, {"line": "1"}).status_code == 302
    assert states(filed) == [State.WITHDRAWN, State.RECEIVED]
    assert ASKED not in page(cast.desk.filer, filed)
    assert not LineAnswer.objects.exists()


def test_hands_the_evidence_back_to_its_party_and_to_no_stranger(cast: Cast, filed: DisclosureRequest) -> None:
    path = f"/requests/{filed.reference}/evidence/"
    assert page_client(cast.colleague).get(path).content == LOG
    for other, status in ((cast.stranger, 404), (cast.authority, 404), (cast.desk.clerk, 403), (cast.auditor, 403)):
        assert page_client(other).get(path).status_code == status
    admin = f"/admin/broker/disclosurerequest/{filed.id}/evidence/"
    for other in (cast.stranger, cast.desk.filer, cast.desk.clerk, cast.engineer):
        assert page_client(other).get(admin).status_code in (302, 403, 404)


def test_says_beside_the_field_why_evidence_cannot_be_read(cast: Cast) -> None:
    response = send(cast, log=b"ok\n\xff 198.51.100.70")
    assert response.status_code == 422
    shown = html.unescape(response.content.decode())
    assert "This line is not UTF-8." in shown
    assert "evidence file" in shown
    assert not DisclosureRequest.objects.exists()


def test_says_that_the_file_has_to_be_chosen_again_when_something_else_was_wrong(cast: Cast) -> None:
    again = "Choose the evidence file again; it was not kept."
    assert again in send(cast, purpose="").content.decode()
    assert again in send(cast, choose="1").content.decode()
    assert again not in send(cast, purpose="", evidence_file="").content.decode()


def test_says_that_a_document_was_compared_with_nothing(cast: Cast) -> None:
    assert send(cast, log=b"%PDF-1.7 not read").status_code == 302
    filed = DisclosureRequest.objects.get()
    assert "only its digest is kept, and nothing was compared" in page(cast.desk.filer, filed)
    assert page_client(cast.desk.filer).get(f"/requests/{filed.reference}/evidence/").status_code == 404
    admin = page_client(cast.desk.ana).get(f"/admin/broker/disclosurerequest/{filed.id}/change/").content.decode()
    assert "Nothing was compared with it." in admin


def test_the_help_page_explains_every_code_of_a_question() -> None:
    shown = Client().get("/help/").content.decode()
    assert [code for code in FINDINGS if f"<code>{code}</code>" not in shown] == []

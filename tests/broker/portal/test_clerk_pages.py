"""The clerk's pages: which requests await an order, attach one, read its checks, correct its terms."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder
from broker.orders.verdict import CODES
from tests.support.accounts import log_in, totp_code
from tests.support.answers import FINDINGS
from tests.support.cases import (
    assess,
    attach_and_check,
    cover,
    file_lines,
    make_line,
    make_reviewed,
    order_terms,
    signed_order,
)
from tests.support.parties import Cast, make_cast, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def waiting(cast: Cast) -> DisclosureRequest:
    request = file_lines(cast.desk, [make_line(1), make_line(2)])
    assess(request)
    return request


def typed(cast: Cast, **changes: Any) -> dict[str, Any]:
    terms = order_terms(cast.desk, [])
    del terms["findings"]
    words = {True: "true", False: "false"}
    return (
        terms
        | {f"findings.{name}": words.get(value, value) for name, value in FINDINGS.items()}
        | {
            "file_number": "DP 118/2026",
            "document": SimpleUploadedFile("whatever.pdf", signed_order()),
            "lines": "address,source_port,from,until\n"
            "198.51.100.1,50001,2026-09-14T21:05:00+02:00,2026-09-14T21:06:00+02:00\n",
        }
        | changes
    )


def test_lists_only_requests_before_the_own_court_that_await_an_order(cast: Cast, waiting: DisclosureRequest) -> None:
    refused = file_lines(cast.desk, measure="filtering")
    assess(refused)
    client = page_client(cast.desk.clerk)
    awaiting = client.get("/requests/").content.decode()
    assert waiting.reference in awaiting
    assert refused.reference not in awaiting
    assert refused.reference in client.get("/requests/?show=all").content.decode()
    assert waiting.reference not in page_client(cast.other_clerk).get("/requests/?show=all").content.decode()


def test_attaches_an_order_and_leads_to_its_page(cast: Cast, waiting: DisclosureRequest) -> None:
    client = page_client(cast.desk.clerk)
    path = f"/requests/{waiting.reference}/orders/new/"
    assert "Attach the order" in client.get(path).content.decode()
    response = client.post(path, typed(cast))
    order = CourtOrder.objects.get()
    assert response.headers["Location"] == f"/orders/{order.id}/"
    terms = order.terms.get()
    assert (terms.findings, terms.categories) == (FINDINGS, ["name", "postal-address"])
    assert [line.address for line in terms.lines.all()] == ["198.51.100.1"]
    page = client.get(f"/orders/{order.id}/").content.decode()
    assert "being checked" in page
    assert "<dd>National order</dd>" in page


def test_shows_the_form_of_an_order_to_no_other_court_and_to_no_party(cast: Cast, waiting: DisclosureRequest) -> None:
    path = f"/requests/{waiting.reference}/orders/new/"
    for user, status in ((cast.other_clerk, 404), (cast.desk.filer, 403), (cast.stranger, 403), (cast.auditor, 403)):
        client = page_client(user)
        assert client.get(path).status_code == status
        assert client.post(path, typed(cast)).status_code == status
    assert not CourtOrder.objects.exists()


def test_keeps_the_terms_and_lists_every_problem(cast: Cast, waiting: DisclosureRequest) -> None:
    lines = "address,source_port,from,until\n198.51.100.1,50001,2026-09-14T21:05:00,\n"
    sent = typed(cast, judge="", issued_on="2026-02-30", recipient="Kept & whole", lines=lines)
    del sent["document"]
    response = page_client(cast.desk.clerk).post(f"/requests/{waiting.reference}/orders/new/", sent)
    page = response.content.decode()
    assert response.status_code == 422
    rows = re.findall(r'<td data-label="Line">(.*?)</td><td data-label="Field">(.*?)</td>', page)
    assert rows == [("–", "Order"), ("–", "Judge"), ("–", "Issued on"), ("line 1", "from")]
    assert "Kept &amp; whole" in page
    assert "198.51.100.1,50001,2026-09-14T21:05:00," in page
    assert re.search(r'name="findings.order-defers-notice".*?<option value="false" selected>', page, re.DOTALL)
    assert not CourtOrder.objects.exists()


@pytest.mark.parametrize("lines", ["", "address,port\n", "address;source_port;from;until\n", 'address,"\n'])
def test_reports_lines_that_are_no_table_with_the_other_problems(
    cast: Cast, waiting: DisclosureRequest, lines: str
) -> None:
    response = page_client(cast.desk.clerk).post(
        f"/requests/{waiting.reference}/orders/new/", typed(cast, judge="", lines=lines)
    )
    assert response.status_code == 422
    page = response.content.decode()
    assert '<td data-label="Field">Judge</td>' in page
    assert '<td data-label="Field">Lines the order covers</td>' in page or "row 1 of the text" in page


def test_shows_numbered_checks_and_the_lines_that_fail(cast: Cast, waiting: DisclosureRequest) -> None:
    order = attach_and_check(cast.desk, waiting, [cover(make_line(1))], addressee="Otra Operadora")
    for user in (cast.desk.clerk, cast.desk.filer):
        page = page_client(user).get(f"/orders/{order.id}/").content.decode()
        numbers = re.findall(r'<th scope="row" data-label="No.">(\d+)</th>', page)
        assert numbers[:17] == [*map(str, range(1, 10)), *map(str, range(21, 28)), "31"]
        assert page.count("state failed") == 2
        assert "terms.addressee" in page
        assert '<td data-label="Line">2</td>' in page
    for user, status in ((cast.stranger, 404), (cast.other_clerk, 404), (cast.auditor, 403)):
        assert page_client(user).get(f"/orders/{order.id}/").status_code == status


def test_corrects_terms_from_a_form_that_holds_the_newest_version(cast: Cast, waiting: DisclosureRequest) -> None:
    covered = [cover(make_line(1)), cover(make_line(2), source_port=None)]
    order = attach_and_check(cast.desk, waiting, covered, addressee="Otra Operadora")
    client = page_client(cast.desk.clerk)
    form = client.get(f"/orders/{order.id}/terms/").context["form"]
    entered = {name: value if (value := form[name].value()) is not None else "" for name in form.fields}
    assert entered["addressee"] == "Otra Operadora"
    response = client.post(f"/orders/{order.id}/terms/", entered | {"addressee": cast.desk.operator.name})
    assert response.status_code == 302
    first, second = order.terms.order_by("version")
    assert (first.addressee, second.addressee) == ("Otra Operadora", cast.desk.operator.name)
    for field in ("order_by", "judge", "issued_on", "expires_on", "categories", "findings", "notice_terms"):
        assert getattr(first, field) == getattr(second, field), field
    columns = ("number", "address", "source_port", "from_at", "until_at")
    assert list(first.lines.values(*columns)) == list(second.lines.values(*columns))
    page = client.get(f"/orders/{order.id}/").content.decode()
    assert "Version 2, the one that counts" in page
    assert "Otra Operadora" in page


def test_lets_nobody_but_the_courts_clerk_correct_terms(cast: Cast) -> None:
    order = make_reviewed(cast.desk).orders.get()
    for user, status in ((cast.desk.filer, 403), (cast.other_clerk, 404), (cast.desk.ana, 403)):
        client = page_client(user)
        assert client.get(f"/orders/{order.id}/terms/").status_code == status
        assert client.post(f"/orders/{order.id}/terms/", typed(cast)).status_code == status
    assert order.terms.count() == 1


def test_returns_the_document_to_its_court_only_and_never_to_be_shown_in_place(cast: Cast) -> None:
    order = make_reviewed(cast.desk).orders.get()
    response = page_client(cast.desk.clerk).get(f"/orders/{order.id}/document/")
    assert hashlib.sha256(response.content).hexdigest() == order.document_id
    assert response["Content-Disposition"] == f'attachment; filename="order-{order.document_id[:16]}.pdf"'
    assert (response["X-Content-Type-Options"], response["Cache-Control"]) == ("nosniff", "no-store")
    for user, status in ((cast.desk.filer, 403), (cast.other_clerk, 404)):
        assert page_client(user).get(f"/orders/{order.id}/document/").status_code == status


def test_says_which_check_rejected_a_document(cast: Cast, waiting: DisclosureRequest) -> None:
    order = attach_and_check(cast.desk, waiting, [cover(make_line(1))], document=signed_order() + b"\n% more")
    page = page_client(cast.desk.clerk).get(f"/orders/{order.id}/").content.decode()
    assert order.state == CourtOrder.State.REJECTED
    assert "The document was rejected." in page
    assert "order.trailing-bytes" in page
    assert CODES["order.trailing-bytes"] in page
    assert "Correct the terms" not in page


def test_revokes_an_order_with_a_reason_and_shows_it_to_both_sides(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    order = CourtOrder.objects.get(request=request)
    clerk = page_client(cast.desk.clerk)
    path = f"/orders/{order.id}/revoke/"
    refused = clerk.post(path, {"reason": " "})
    assert refused.status_code == 422
    assert "Give the reason in 1 to 1000 characters." in refused.content.decode()
    assert clerk.post(path, {"reason": "Set aside on appeal."}).status_code == 302
    order.refresh_from_db()
    assert order.state == "REVOKED"
    for person in (cast.desk.clerk, cast.desk.filer):
        page = page_client(person).get(f"/orders/{order.id}/").content.decode()
        assert "The court took this order back." in page
        assert "Set aside on appeal." in page
    assert "Revoke for good" not in clerk.get(f"/orders/{order.id}/").content.decode()


def test_revokes_under_a_fresh_second_factor_only_and_then_does_what_was_asked(cast: Cast) -> None:
    order = CourtOrder.objects.get(request=make_reviewed(cast.desk))
    clerk = log_in(Client(), cast.desk.clerk, age=301)
    path = f"/orders/{order.id}/revoke/"
    confirm = clerk.post(path, {"reason": "Set aside on appeal."}).headers["Location"]
    assert confirm.startswith("/account/confirm/?next=")
    order.refresh_from_db()
    assert order.state == "VERIFIED"
    assert clerk.post(confirm, {"code": totp_code()}).headers["Location"] == f"/orders/{order.id}/"
    order.refresh_from_db()
    assert order.state == "REVOKED"


def test_shows_the_revocation_to_nobody_else_and_lets_nobody_else_revoke(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    order = CourtOrder.objects.get(request=request)
    path = f"/orders/{order.id}/revoke/"
    assert page_client(cast.desk.filer).post(path, {"reason": "x"}).status_code == 403
    assert page_client(cast.other_clerk).post(path, {"reason": "x"}).status_code == 404
    assert "Revoke for good" not in page_client(cast.desk.filer).get(f"/orders/{order.id}/").content.decode()
    order.refresh_from_db()
    assert order.state == "VERIFIED"


def test_whoever_comes_back_to_a_revocation_by_its_address_finds_the_order(cast: Cast) -> None:
    order = CourtOrder.objects.get(request=make_reviewed(cast.desk))
    path = f"/orders/{order.id}/revoke/"
    for client in (page_client(cast.desk.clerk), log_in(Client(), cast.desk.clerk, age=600)):
        response = client.get(path)
        assert (response.status_code, response.headers["Location"]) == (302, f"/orders/{order.id}/")
    for user, status in ((cast.other_clerk, 404), (cast.desk.filer, 403), (cast.stranger, 403)):
        assert page_client(user).get(path).status_code == status
    assert page_client(cast.desk.clerk).get(f"/orders/{uuid.uuid4()}/revoke/").status_code == 404
    order.refresh_from_db()
    assert order.state == "VERIFIED"


def test_asks_the_clerk_only_what_the_order_settles_for_these_lines(cast: Cast, waiting: DisclosureRequest) -> None:
    page = page_client(cast.desk.clerk).get(f"/requests/{waiting.reference}/orders/new/").content.decode()
    asked = set(re.findall(r'name="findings\.([a-z-]+)"', page))
    # The events lie within twelve months, so nobody has to find that the operator serves the user.
    assert asked == set(FINDINGS) - {"order-finds-service-relation"}
    assert "offence-named" not in asked

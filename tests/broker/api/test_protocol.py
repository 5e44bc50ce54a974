"""What is the same for every operation: problem responses, strict JSON, keys, places and their questions."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from broker.parties.authentication import new_api_key
from broker.parties.models import ApiKey
from tests.support.parties import Cast, api_client, make_cast, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("delete", "/api/v1/requests/", 405),
        ("put", "/api/v1/courts/", 405),
        ("post", "/api/v1/keys/recipient/", 404),
        ("get", "/api/v1/nothing/", 404),
        ("post", "/api/v1/requests", 404),
        ("get", "/api/v1/requests/not-an-id/", 404),
        ("get", "/api/v1/packs/nowhere/questions/", 404),
        ("get", "/api/v1/packs/..%2Fes/questions/", 404),
    ],
)
def test_answers_unknown_methods_and_addresses_with_a_problem(cast: Cast, method: str, path: str, status: int) -> None:
    response = getattr(api_client(cast.desk.filer), method)(path)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert response.json()["status"] == status


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe{}",
        b'{"purpose": "a", "purpose": "b"}',
        b'{"lines": [NaN]}',
        b"[" * 100_000,
        b'{"lines": ' + b"1" * 5000 + b"}",
    ],
)
def test_answers_a_body_that_is_no_json_object_with_a_problem(cast: Cast, content: bytes) -> None:
    response = api_client(cast.desk.filer).post("/api/v1/requests/", content, content_type="application/json")
    assert response.status_code in (400, 422)
    assert response["Content-Type"] == "application/problem+json"


def test_says_where_json_breaks_off(cast: Cast) -> None:
    response = api_client(cast.desk.filer).post(
        "/api/v1/requests/", b'{"purpose": "x",\n  oops}', content_type="application/json"
    )
    assert "line 2, column 3" in response.json()["detail"]


def test_refuses_other_kinds_of_bodies(cast: Cast) -> None:
    response = api_client(cast.desk.filer).post("/api/v1/requests/", b"<r/>", content_type="application/xml")
    assert (response.status_code, response["Content-Type"]) == (415, "application/problem+json")


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_refuses_a_body_that_is_too_long_without_reading_it_all(cast: Cast) -> None:
    response = api_client(cast.desk.filer).post(
        "/api/v1/requests/", b'{"purpose": "' + b"x" * 1000 + b'"}', content_type="application/json"
    )
    assert (response.status_code, response["Content-Type"]) == (413, "application/problem+json")


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1_000, ORDER_MAX_BYTES=1_000)
def test_refuses_a_file_that_is_too_long_before_reading_it(cast: Cast) -> None:
    file = SimpleUploadedFile("lines.csv", b"x" * 3_000)
    response = api_client(cast.desk.filer).post("/api/v1/requests/csv/", {"file": file}, format="multipart")
    assert (response.status_code, response["Content-Type"]) == (413, "application/problem+json")
    page = page_client(cast.desk.filer).post("/requests/new/", {"file": SimpleUploadedFile("l.csv", b"x" * 3_000)})
    assert (page.status_code, "could not be read" in page.content.decode()) == (413, True)


@override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=3)
def test_refuses_a_form_with_too_many_fields(cast: Cast) -> None:
    response = api_client(cast.desk.filer).post(
        "/api/v1/requests/csv/", {str(number): "x" for number in range(10)}, format="multipart"
    )
    assert (response.status_code, response["Content-Type"]) == (413, "application/problem+json")


def test_lists_courts_to_people_with_a_key_only(cast: Cast) -> None:
    assert Client().get("/api/v1/courts/").status_code == 401
    names = [court["name"] for court in api_client(cast.stranger).get("/api/v1/courts/").json()]
    assert names == ["Juzgado de Otro Lugar", cast.desk.court.name]


def questions(cast: Cast, kind: str) -> Any:
    return api_client(cast.desk.filer).get(f"/api/v1/packs/es/questions/?{kind}")


def test_lists_what_the_rules_ask_requester_and_order_but_not_what_rows_tell(cast: Cast) -> None:
    asked = questions(cast, "proceeding=civil").json()
    requester = {question["fact"]: question for question in asked["requester"]}
    order = {question["fact"] for question in asked["order"]}
    assert requester["civil-matter"]["values"] == ["intellectual-property", "industrial-property", "other"]
    assert {"order-cites-basis", "order-defers-notice"} <= order
    assert not order & {"order-by", "order-verified", "order-date", "order-names-further-data"}
    assert not {"log-provenance", "address-shared", "proceedings"} & (set(requester) | order)
    assert {"settlement-pattern", "works-sensitive"} <= {question["fact"] for question in asked["legal_staff"]}


def test_asks_another_proceeding_other_questions(cast: Cast) -> None:
    asked = questions(cast, "proceeding=criminal&measure=disclosure").json()
    order = {question["fact"] for question in asked["order"]}
    assert (asked["requester"], asked["legal_staff"], asked["refused"]) == ([], [], False)
    assert "offence-named" in order
    assert "security-lodged" not in order


def test_asks_nothing_about_what_is_refused_anyway_and_says_what_fits(cast: Cast) -> None:
    asked = questions(cast, "proceeding=civil&measure=filtering").json()
    assert (asked["requester"], asked["order"], asked["legal_staff"]) == ([], [], [])
    assert asked["refused"]
    assert "injunction" in asked["instead"][0]


@pytest.mark.parametrize("kind", ["", "measure=disclosure", "proceeding=divorce", "proceeding=civil&measure=revenge"])
def test_names_the_kinds_of_request_where_it_is_asked_about_none(cast: Cast, kind: str) -> None:
    response = questions(cast, kind)
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert api_client(cast.desk.filer).get("/api/v1/packs/eu/questions/?proceeding=civil").status_code == 404


def test_keeps_no_api_key_in_clear(cast: Cast) -> None:
    text = new_api_key(cast.desk.filer)
    stored = ApiKey.objects.get(user=cast.desk.filer)
    prefix, _, secret = text.partition(".")
    assert (prefix, len(secret) >= 40, secret in stored.digest) == (stored.prefix, True, False)
    header = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/courts/", headers=header).status_code == 200


def test_knows_no_browser_sessions(cast: Cast) -> None:
    response = page_client(cast.desk.filer).get("/api/v1/courts/")
    assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")

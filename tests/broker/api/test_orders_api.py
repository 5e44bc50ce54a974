"""Orders over the API: the court's clerk attaches and corrects, the party reads along, nobody else does either."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder
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
from tests.support.parties import Cast, api_client, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def send(client: APIClient, request: DisclosureRequest, said: dict[str, Any], **changes: Any) -> Any:
    fields = {
        "file_number": "DP 118/2026",
        "terms": json.dumps(said),
        "document": SimpleUploadedFile("whatever.pdf", signed_order(), content_type="application/pdf"),
    } | changes
    present = {name: value for name, value in fields.items() if value is not None}
    return client.post(f"/api/v1/requests/{request.id}/orders/", present, format="multipart")


def test_attaches_an_order_for_the_courts_clerk_and_for_nobody_else(cast: Cast) -> None:
    request = file_lines(cast.desk)
    terms = order_terms(cast.desk, [cover(make_line(1))])
    for user, status in ((cast.other_clerk, 404), (cast.stranger, 404), (cast.desk.filer, 403), (cast.desk.ana, 403)):
        assert send(api_client(user), request, terms).status_code == status
    assert not CourtOrder.objects.exists()
    response = send(api_client(cast.desk.clerk), request, terms)
    assert response.status_code == 201
    order = CourtOrder.objects.get(id=response.json()["id"])
    assert (order.request, order.uploaded_by, order.terms.get().judge) == (request, cast.desk.clerk, terms["judge"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"document": None}, "document"),
        ({"document": SimpleUploadedFile("a.pdf", b"")}, "document"),
        ({"document": SimpleUploadedFile("a.pdf", b"MZ no PDF")}, "document"),
        ({"file_number": ""}, "file_number"),
        ({"state": "VERIFIED"}, "state"),
        ({"file_number": "DP \x00"}, "file_number"),
    ],
)
def test_refuses_an_order_that_cannot_be_used_naming_the_field(cast: Cast, changes: dict[str, Any], field: str) -> None:
    request = file_lines(cast.desk)
    terms = order_terms(cast.desk, [cover(make_line(1))])
    response = send(api_client(cast.desk.clerk), request, terms, **changes)
    assert response.status_code == 422
    assert [problem["field"] for problem in response.json()["problems"]] == [field]
    assert not CourtOrder.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": 7}, "version"),
        ({"court": "another"}, "court"),
        ({"categories": [{"name": 1}]}, "categories"),
        ({"judge": "two\nlines"}, "judge"),
        ({"findings": {"order-verified": True}}, "findings.order-verified"),
        ({"findings": {"log-provenance": "business"}}, "facts.log-provenance"),
        ({"lines": "all"}, "lines"),
    ],
)
def test_refuses_terms_that_cannot_be_used_naming_the_field(cast: Cast, changes: dict[str, Any], field: str) -> None:
    request = file_lines(cast.desk)
    terms = order_terms(cast.desk, [cover(make_line(1))]) | changes
    response = send(api_client(cast.desk.clerk), request, terms)
    assert response.status_code == 422
    assert [problem["field"] for problem in response.json()["problems"]] == [field]


@pytest.mark.parametrize("terms", ["", "{", "[]", '"text"', "NaN", '{"judge": 1, "judge": 2}'])
def test_refuses_terms_that_are_no_json_object(cast: Cast, terms: str) -> None:
    request = file_lines(cast.desk)
    response = send(api_client(cast.desk.clerk), request, {}, terms=terms)
    assert response.status_code in (400, 422)
    assert response["Content-Type"] == "application/problem+json"


def test_shows_every_check_to_court_and_party_and_to_no_stranger(cast: Cast) -> None:
    lines = [make_line(1), make_line(2)]
    request = file_lines(cast.desk, lines)
    order = attach_and_check(cast.desk, request, [cover(lines[0])])
    for user in (cast.desk.clerk, cast.desk.filer, cast.colleague):
        shown = api_client(user).get(f"/api/v1/orders/{order.id}/").json()
        assert [check["number"] for check in shown["document_checks"]] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
        assert [check["number"] for check in shown["terms_checks"]] == [21, 22, 23, 24, 25, 26, 27]
        assert [(failed["line"], failed["code"]) for failed in shown["failed_lines"]] == [(2, "line.covered")]
        assert (shown["state"], shown["failed_line_count"]) == ("VERIFIED", 1)
    for user in (cast.stranger, cast.other_clerk, cast.auditor):
        assert api_client(user).get(f"/api/v1/orders/{order.id}/").status_code == 404


def test_stores_corrected_terms_as_the_next_version(cast: Cast) -> None:
    request = file_lines(cast.desk)
    order = attach_and_check(cast.desk, request, [cover(make_line(1))], addressee="Otra Operadora")
    path = f"/api/v1/orders/{order.id}/terms/"
    terms = order_terms(cast.desk, [cover(make_line(1))])
    assert api_client(cast.desk.filer).post(path, terms, format="json").status_code == 403
    assert api_client(cast.other_clerk).post(path, terms, format="json").status_code == 404
    response = api_client(cast.desk.clerk).post(path, terms, format="json")
    assert (response.status_code, response.json()["version"]) == (201, 2)
    assert list(order.terms.values_list("addressee", flat=True)) == ["Otra Operadora", cast.desk.operator.name]


def test_refuses_an_order_for_a_request_that_is_closed(cast: Cast) -> None:
    request = file_lines(cast.desk, measure="filtering")
    assess(request)
    terms = order_terms(cast.desk, [cover(make_line(1))])
    assert send(api_client(cast.desk.clerk), request, terms).status_code == 403


def test_refuses_the_same_order_a_second_time(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    terms = order_terms(cast.desk, [cover(make_line(1))])
    response = send(api_client(cast.desk.clerk), request, terms)
    assert [problem["code"] for problem in response.json()["problems"]] == ["order.replayed"]

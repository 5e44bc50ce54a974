"""Filing and reading requests over the API, by their party, its colleagues, others and strangers."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.release.services import give_up
from tests.support.answers import STATEMENTS
from tests.support.cases import assess, file_lines, line_ids, make_line, make_reviewed
from tests.support.parties import Cast, api_client, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def body(cast: Cast, **changes: Any) -> dict[str, Any]:
    return {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(cast.desk.court.id),
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address"],
        "facts": dict(STATEMENTS),
        "lines": [make_line(1), make_line(2)],
    } | changes


def problem_fields(response: Any) -> set[tuple[object, str]]:
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    return {(problem.get("line"), problem["field"]) for problem in response.json()["problems"]}


def test_files_a_request_and_says_where_its_lines_stand(cast: Cast) -> None:
    response = api_client(cast.desk.filer).post("/api/v1/requests/", body(cast), format="json")
    assert response.status_code == 201
    stored = DisclosureRequest.objects.get(id=response.json()["id"])
    assert response.json()["reference"] == stored.reference
    assert response.json()["states"] == {"RECEIVED": 2}
    assert stored.organisation == cast.desk.counsel
    assert stored.as_of is None


@pytest.mark.parametrize("field", ["as_of", "organisation", "filed_by", "reference", "state", "event"])
def test_refuses_fields_it_does_not_know_by_name(cast: Cast, field: str) -> None:
    response = api_client(cast.desk.filer).post("/api/v1/requests/", body(cast, **{field: "2008-01-29"}), format="json")
    assert problem_fields(response) == {(None, field)}
    assert not DisclosureRequest.objects.exists()


def test_reports_every_defect_at_once_and_stores_nothing(cast: Cast) -> None:
    wrong = body(
        cast,
        purpose="",
        court="nonsense",
        categories=["name", "bank-account"],
        lines=[make_line(1), make_line(2, observed_at="2026-09-14T21:05:09"), make_line(3, address="10.0.0.1")],
    )
    response = api_client(cast.desk.filer).post("/api/v1/requests/", wrong, format="json")
    assert problem_fields(response) == {
        (None, "purpose"),
        (None, "court"),
        (None, "categories"),
        (2, "observed_at"),
        (3, "address"),
    }
    assert not DisclosureRequest.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": [["name"]]},
        {"categories": "name"},
        {"purpose": "nul \x00"},
        {"lines": [make_line(1, evidence="nul \x00")]},
        {"legal_relation": "half a pair \ud800"},
        {"lines": []},
        {"lines": [{"address": "198.51.100.1", "state": "APPROVED"}]},
        {"facts": {"order-verified": True}},
        {"facts": ["civil-matter"]},
        {"proceeding": ["civil"]},
        {"lines": [1, None, "x"]},
    ],
)
def test_refuses_odd_shapes_with_a_problem_response(cast: Cast, changes: dict[str, Any]) -> None:
    # Escaped to ASCII, because half a surrogate pair cannot be sent in any other way.
    sent = json.dumps(body(cast, **changes))
    response = api_client(cast.desk.filer).post("/api/v1/requests/", sent, content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert not DisclosureRequest.objects.exists()


def test_files_a_request_from_csv(cast: Cast) -> None:
    content = (
        "address,source_port,observed_at,evidence\n"
        "198.51.100.7,50000,2026-09-14T21:05:09+02:00,A-1\n"
        '2001:db8::7,,2026-09-14T21:05:09+02:00,"A-2, second page"\n'
    )
    fields = body(cast, facts='{"civil-matter": "other"}')
    del fields["lines"]
    fields["file"] = SimpleUploadedFile("lines.csv", content.encode())
    response = api_client(cast.desk.filer).post("/api/v1/requests/csv/", fields, format="multipart")
    assert response.status_code == 201
    stored = DisclosureRequest.objects.get(id=response.json()["id"])
    assert stored.categories == ["name", "postal-address"]
    assert stored.facts == {"civil-matter": "other"}
    assert [line.evidence for line in stored.lines.all()] == ["A-1", "A-2, second page"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"address;source_port;observed_at;evidence\n", 1),
        (b"address,source_port,observed_at,evidence\n198.51.100.7,,2026-09-14T21:05:09Z,\xff\n", 2),
        (b"address,source_port,observed_at,evidence\n198.51.100.7,,2026-09-14T21:05:09Z,A\x00\n", None),
        (b"address,port\n", 1),
    ],
)
def test_refuses_a_csv_that_cannot_be_read_and_says_where(cast: Cast, content: bytes, line: int | None) -> None:
    fields = body(cast, facts="{}")
    del fields["lines"]
    fields["file"] = SimpleUploadedFile("lines.csv", content)
    response = api_client(cast.desk.filer).post("/api/v1/requests/csv/", fields, format="multipart")
    assert problem_fields(response) == {(line, "file")}


def test_shows_a_request_to_its_party_and_court_and_to_nobody_else(cast: Cast) -> None:
    request = file_lines(cast.desk)
    seen = {
        cast.desk.filer: 200,
        cast.colleague: 200,
        cast.desk.clerk: 200,
        cast.stranger: 404,
        cast.other_clerk: 404,
        cast.authority: 404,
        cast.auditor: 404,
        cast.engineer: 404,
    }
    for user, status in seen.items():
        client = api_client(user)
        for path in ("", "lines/", "releases/", "answers/"):
            response = client.get(f"/api/v1/requests/{request.id}/{path}")
            assert response.status_code == status, (user.username, path)
        listed = client.get("/api/v1/requests/").json()["results"]
        assert [row["id"] for row in listed] == ([str(request.id)] if status == 200 else [])


def test_answers_a_stranger_exactly_like_somebody_who_asks_for_nothing(cast: Cast) -> None:
    request = file_lines(cast.desk)
    client = api_client(cast.stranger)
    stranger = client.get(f"/api/v1/requests/{request.id}/")
    nothing = client.get(f"/api/v1/requests/{uuid.uuid4()}/")
    assert (stranger.status_code, stranger.content) == (nothing.status_code, nothing.content)


def test_refuses_without_a_key_and_with_a_wrong_one(cast: Cast) -> None:
    client = APIClient()
    assert client.get("/api/v1/requests/").status_code == 401
    client.credentials(HTTP_AUTHORIZATION="Bearer 0123456789abcdef.wrong")
    response = client.get("/api/v1/requests/")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response["Content-Type"] == "application/problem+json"


def test_refuses_to_file_for_others_than_counsel_and_authorities(cast: Cast) -> None:
    for user in (cast.desk.clerk, cast.desk.ana, cast.auditor, cast.engineer):
        assert api_client(user).post("/api/v1/requests/", body(cast), format="json").status_code == 403
    assert not DisclosureRequest.objects.exists()


def test_gives_the_grounds_of_a_refusal_with_citation_and_fitting_instrument(cast: Cast) -> None:
    request = file_lines(cast.desk, measure="disconnection")
    assess(request)
    line = api_client(cast.desk.filer).get(f"/api/v1/requests/{request.id}/lines/").json()["results"][0]
    assert line["state"] == "REFUSED"
    grounds = {ground["id"]: ground for ground in line["grounds"]}
    assert "injunction" in grounds["disconnection-is-an-injunction"]["instead"].lower()
    assert all(ground["citations"] for ground in grounds.values())


def test_pages_through_lines_in_hundreds(cast: Cast) -> None:
    request = file_lines(cast.desk, [make_line(number) for number in range(1, 251)])
    client = api_client(cast.desk.filer)
    numbers: list[int] = []
    for page, size in ((1, 100), (2, 100), (3, 50)):
        answer = client.get(f"/api/v1/requests/{request.id}/lines/?page={page}").json()
        assert (answer["count"], len(answer["results"])) == (250, size)
        numbers += [line["number"] for line in answer["results"]]
    assert numbers == list(range(1, 251))
    beyond = client.get(f"/api/v1/requests/{request.id}/lines/?page=4")
    assert (beyond.status_code, beyond["Content-Type"]) == (404, "application/problem+json")


def test_withdraws_for_the_party_and_for_nobody_else(cast: Cast) -> None:
    request = file_lines(cast.desk)
    path = f"/api/v1/requests/{request.id}/withdraw/"
    assert api_client(cast.stranger).post(path).status_code == 404
    assert api_client(cast.desk.clerk).post(path).status_code == 403
    answer = api_client(cast.colleague).post(path)
    assert (answer.status_code, answer.json()["states"]) == (200, {"WITHDRAWN": 1})
    assert api_client(cast.desk.filer).post(path).status_code == 403


def test_takes_answers_to_its_questions_from_the_party_only(cast: Cast) -> None:
    request = file_lines(cast.desk, facts={}, answered=False)
    assess(request)
    path = f"/api/v1/requests/{request.id}/answers/"
    answer = {"fact": "civil-matter", "value": "intellectual-property", "reason": "Phonograms; annex 1."}
    asked = {q["fact"]: q for q in api_client(cast.desk.filer).get(path).json()}
    assert asked["civil-matter"]["settled_by"] == "requester"
    assert api_client(cast.stranger).post(path, answer, format="json").status_code == 404
    assert api_client(cast.desk.clerk).post(path, answer, format="json").status_code == 403
    assert api_client(cast.desk.filer).post(path, answer, format="json").status_code == 201
    assert request.answers.get().value == "intellectual-property"
    wrong = api_client(cast.desk.filer).post(path, answer | {"value": "whales", "reason": ""}, format="json")
    assert problem_fields(wrong) == {(None, "value"), (None, "reason")}
    late = api_client(cast.desk.filer).post(path, answer | {"fact": "order-verified", "value": True}, format="json")
    assert late.status_code == 403


def test_shows_trouble_of_the_worker_as_the_state_before_it(cast: Cast) -> None:
    request = make_reviewed(cast.desk)

    for person in (cast.desk.ana, cast.desk.luis):
        tranche = decide(person, request, line_ids(request), Decision.Verdict.APPROVE, "Compared.")
    assert tranche is not None
    client = api_client(cast.desk.filer)
    paths = [f"/api/v1/requests/{request.id}/{part}" for part in ("", "lines/", "releases/")]
    before = [client.get(path).content for path in paths]
    give_up(tranche.id, "crypto.unseal-failed")
    assert RequestLine.objects.get(request=request).state == State.NEEDS_ATTENTION
    assert [client.get(path).content for path in paths] == before

"""Evidence and questions about what was typed over the API, by their party, its colleagues, the court and strangers."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, State
from tests.support.answers import STATEMENTS, answer_as_staff
from tests.support.cases import assess, make_line, states
from tests.support.parties import Cast, api_client, make_cast

pytestmark = pytest.mark.django_db

LINES = b"""address,source_port,observed_at,evidence
198.51.100.70,50001,2026-09-14T21:05:09+02:00,A-1
198.51.100.8,50008,2026-09-14T21:05:09+02:00,A-2
"""
LOG = b"""2026-09-14 21:05:09 198.51.100.170:50001 somebody@example.org
2026-09-14 21:05:09 198.51.100.8:50008
"""


READ_AS = {
    "written": "Mon 2026-09-14 21:05:09 +02:00",
    "utc": "Mon 2026-09-14 19:05:09 UTC",
    "local": "Mon 2026-09-14 21:05:09 +02:00",
}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def send(cast: Cast, log: bytes = LOG, **changes: Any) -> Any:
    fields = {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(cast.desk.court.id),
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address"],
        "facts": json.dumps(STATEMENTS),
        "file": SimpleUploadedFile("lines.csv", LINES),
        "evidence_file": SimpleUploadedFile("log.txt", log),
        "evidence_zone": "Europe/Madrid",
    } | changes
    return api_client(cast.desk.filer).post("/api/v1/requests/csv/", fields, format="multipart")


@pytest.fixture
def filed(cast: Cast) -> DisclosureRequest:
    response = send(cast)
    assert response.status_code == 201, response.content
    request = DisclosureRequest.objects.get(id=response.json()["id"])
    answer_as_staff(request, [cast.desk.ana, cast.desk.luis])
    return request


def questions(cast: Cast, request: DisclosureRequest) -> list[dict[str, Any]]:
    response = api_client(cast.colleague).get(f"/api/v1/requests/{request.id}/line-questions/")
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def test_questions_what_differs_says_where_and_quotes_nothing(cast: Cast, filed: DisclosureRequest) -> None:
    (question,) = questions(cast, filed)
    assert (question["line"], question["code"], question["evidence_line"]) == (1, "DIGIT_MISSING", 1)
    assert question["answer"] is None
    assert "Line 1 of the evidence" in question["says"]
    assert "example.org" not in json.dumps(question)


def send_json(cast: Cast, log: bytes | None = LOG, **changes: Any) -> Any:
    fields = {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(cast.desk.court.id),
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address"],
        "facts": dict(STATEMENTS),
        "lines": [
            {
                "address": "198.51.100.70",
                "source_port": 50001,
                "observed_at": "2026-09-14T21:05:09+02:00",
                "evidence": "A-1",
            }
        ],
        "evidence_zone": "Europe/Madrid",
    }
    if log is not None:
        fields["evidence_file"] = b64encode(log).decode()
    return api_client(cast.desk.filer).post("/api/v1/requests/", fields | changes, format="json")


def test_takes_evidence_in_json_and_asks_the_same_as_of_a_form(cast: Cast) -> None:
    response = send_json(cast)
    assert response.status_code == 201, response.content
    request = DisclosureRequest.objects.get(id=response.json()["id"])
    stored = EvidenceFile.objects.get(request=request)
    assert (bytes(stored.content or b""), stored.zone) == (LOG, "Europe/Madrid")
    (question,) = questions(cast, request)
    assert (question["line"], question["code"], question["evidence_line"]) == (1, "DIGIT_MISSING", 1)


def test_of_json_without_evidence_nothing_is_asked(cast: Cast) -> None:
    for sent in (send_json(cast, log=None), send_json(cast, log=None, evidence_file=None, evidence_zone=None)):
        assert sent.status_code == 201, sent.content
        assert questions(cast, DisclosureRequest.objects.get(id=sent.json()["id"])) == []
    assert not EvidenceFile.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"evidence_file": "not base64"}, "evidence_file", "evidence.base64"),
        ({"evidence_file": "MjAyNi0w\nOS0x"}, "evidence_file", "evidence.base64"),
        ({"evidence_file": "caf\u00e9"}, "evidence_file", "evidence.base64"),
        ({"evidence_file": ["MjAyNg=="]}, "evidence_file", "evidence.base64"),
        ({"evidence_file": 7}, "evidence_file", "evidence.base64"),
        ({"evidence_file": ""}, "evidence_file", "evidence.empty"),
        ({"evidence_zone": 2}, "evidence_zone", "evidence.zone"),
        ({"evidence_zone": "CET"}, "evidence_zone", "evidence.zone"),
        ({"log": b"\xff 198.51.100.70"}, "evidence_file", "evidence.encoding"),
        ({"log": b"\x00\x01"}, "evidence_file", "evidence.binary"),
        ({"log": b"no address here"}, "evidence_file", "evidence.nothing-found"),
    ],
)
def test_reports_evidence_in_json_that_cannot_be_read_and_files_nothing(
    cast: Cast, changes: dict[str, Any], field: str, code: str
) -> None:
    response = send_json(cast, **changes)
    assert response.status_code == 422
    assert [(problem["field"], problem["code"]) for problem in response.json()["problems"]] == [(field, code)]
    assert not DisclosureRequest.objects.exists()


def test_evidence_in_json_has_the_limit_of_the_form(cast: Cast, settings: Settings) -> None:
    settings.EVIDENCE_MAX_BYTES = len(LOG)
    assert send_json(cast).status_code == 201
    settings.EVIDENCE_MAX_BYTES = len(LOG) - 1
    refused = send_json(cast)
    assert [problem["code"] for problem in refused.json()["problems"]] == ["evidence.too-large"]


def test_gives_the_lines_back_as_they_were_read_by_both_ways_of_filing(cast: Cast) -> None:
    for response in (send(cast), send_json(cast)):
        first = response.json()["lines"][0]
        assert first == {
            "number": 1,
            "address": "198.51.100.70",
            "source_port": 50001,
            "protocol": None,
            "observed_text": "2026-09-14T21:05:09+02:00",
            "read_as": READ_AS,
        }


def test_gives_back_the_day_as_typed_where_it_is_another_one_in_utc_or_before_the_court(cast: Cast) -> None:
    line = {"address": "198.51.100.8", "observed_at": "2026-09-15T00:30+05:30", "evidence": "A-1"}
    shown = send_json(cast, log=None, lines=[line]).json()["lines"][0]["read_as"]
    assert shown == {
        "written": "Tue 2026-09-15 00:30:00 +05:30",
        "utc": "Mon 2026-09-14 19:00:00 UTC",
        "local": "Mon 2026-09-14 21:00:00 +02:00",
    }


def test_gives_back_the_first_hundred_lines_of_a_long_request(cast: Cast) -> None:
    sent = send_json(cast, log=None, lines=[make_line(number) for number in range(1, 151)]).json()
    assert [line["number"] for line in sent["lines"]] == list(range(1, 101))
    assert sent["states"] == {"RECEIVED": 150}


def test_takes_the_answer_of_the_party_and_lets_the_line_go_on(cast: Cast, filed: DisclosureRequest) -> None:
    assess(filed)
    assert states(filed) == [State.INCOMPLETE, State.AWAITING_ORDER]
    (question,) = questions(cast, filed)
    sent = {"question": question["id"], "reason": "compared", "explanation": "The original says .70."}
    path = f"/api/v1/requests/{filed.id}/line-questions/"
    assert api_client(cast.stranger).post(path, sent, format="json").status_code == 404
    assert api_client(cast.desk.clerk).post(path, sent, format="json").status_code == 403
    assert not LineAnswer.objects.exists()
    assert api_client(cast.colleague).post(path, sent, format="json").status_code == 201
    assert api_client(cast.colleague).post(path, sent, format="json").status_code == 422
    assess(filed)
    assert states(filed) == [State.AWAITING_ORDER, State.AWAITING_ORDER]
    (answered,) = questions(cast, filed)
    assert answered["answer"]["reason"] == "compared"
    assert answered["answer"]["explanation"] == "The original says .70."


def test_withdraws_one_line_by_its_number(cast: Cast, filed: DisclosureRequest) -> None:
    path = f"/api/v1/requests/{filed.id}/withdraw/"
    for wrong in ("1", [True], ["1"], 1):
        assert api_client(cast.desk.filer).post(path, {"lines": wrong}, format="json").status_code == 422
    assert api_client(cast.desk.filer).post(path, {"lines": []}, format="json").status_code == 403
    assert api_client(cast.desk.filer).post(path, {"lines": [1]}, format="json").status_code == 200
    assert states(filed) == [State.WITHDRAWN, State.RECEIVED]


def test_gives_the_evidence_back_to_its_party_and_to_nobody_else(cast: Cast, filed: DisclosureRequest) -> None:
    path = f"/api/v1/requests/{filed.id}/evidence/"
    response = api_client(cast.colleague).get(path)
    assert response.content == LOG
    assert response["Content-Disposition"].startswith("attachment;")
    for other in (cast.stranger, cast.desk.clerk, cast.authority):
        assert api_client(other).get(path).status_code == 404


def test_shows_the_court_no_question_about_what_was_typed(cast: Cast, filed: DisclosureRequest) -> None:
    response = api_client(cast.desk.clerk).get(f"/api/v1/requests/{filed.id}/line-questions/")
    assert response.json()["results"] == []


def test_says_each_moment_with_its_day_of_the_week_in_utc_and_in_the_courts_time(
    cast: Cast, filed: DisclosureRequest
) -> None:
    shown = api_client(cast.desk.filer).get(f"/api/v1/requests/{filed.id}/lines/").json()["results"][0]
    assert shown["read_as"] == READ_AS


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"evidence_zone": "CET"}, "evidence_zone"),
        ({"log": b"\xff 198.51.100.70"}, "evidence_file"),
        ({"log": b"\x00\x01"}, "evidence_file"),
        ({"log": b"no address here"}, "evidence_file"),
    ],
)
def test_reports_evidence_that_cannot_be_read_and_files_nothing(
    cast: Cast, changes: dict[str, Any], field: str
) -> None:
    response = send(cast, **changes)
    assert response.status_code == 422
    assert [problem["field"] for problem in response.json()["problems"]] == [field]
    assert not DisclosureRequest.objects.exists()

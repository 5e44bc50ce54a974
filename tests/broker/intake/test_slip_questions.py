"""A line that looks mistyped is questioned when it is filed, and goes no further before its typist has answered."""

from __future__ import annotations

import uuid
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django import Settings

from broker.errors import InputError, NotAllowed, NotFound
from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, LineQuestion, State
from broker.intake.services import file_request, withdraw_request
from broker.intake.slip_questions import SentEvidence, answer_question_about_line
from broker.parties.models import User
from tests.support.answers import STATEMENTS, answer_as_staff
from tests.support.cases import Desk, assess, attach_and_check, cover, states
from tests.support.parties import Cast, make_cast

pytestmark = pytest.mark.django_db

FIXTURES = Path(settings.BASE_DIR) / "fixtures" / "evidence"
RIGHT = {"address": "198.51.100.170", "source_port": 50001, "observed_at": "2026-09-14T21:05:09+02:00", "evidence": "A"}
WRONG = RIGHT | {"address": "198.51.100.70"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def file(desk: Desk, *lines: dict[str, object], evidence: bytes | None = None, **changes: object) -> DisclosureRequest:
    content = (FIXTURES / "address-ends-in-170.log").read_bytes() if evidence is None else evidence
    data = {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(desk.court.id),
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address", "email"],
        "facts": dict(STATEMENTS),
        "lines": list(lines),
        **changes,
    }
    filed = file_request(desk.filer, data, evidence=SentEvidence(content))
    if not changes:
        answer_as_staff(filed, [desk.ana, desk.luis])
    return filed


def question_of(request: DisclosureRequest) -> LineQuestion:
    return LineQuestion.objects.get(line__request=request)


def answer(user: User, request: DisclosureRequest, **changes: str) -> LineAnswer:
    said = {"reason": "compared", "explanation": "The server's own log has .70."} | changes
    return answer_question_about_line(user, request, question_of(request).id, said["reason"], said["explanation"])


def test_stores_the_evidence_as_received_and_questions_only_what_differs(cast: Cast) -> None:
    request = file(cast.desk, RIGHT, WRONG)
    stored = EvidenceFile.objects.get(request=request)
    assert bytes(stored.content or b"") == (FIXTURES / "address-ends-in-170.log").read_bytes()
    assert (stored.kind, stored.size_bytes, stored.uploaded_by) == ("text", len(stored.content or b""), cast.desk.filer)
    question = question_of(request)
    assert (question.line.number, question.code, question.evidence_line) == (2, "DIGIT_MISSING", 1)


def test_keeps_of_a_document_the_digest_and_questions_nothing(cast: Cast) -> None:
    request = file(cast.desk, WRONG, evidence=(FIXTURES / "exhibit.pdf").read_bytes())
    stored = EvidenceFile.objects.get(request=request)
    assert (stored.kind, stored.content) == ("pdf", None)
    assert len(stored.sha256) == 64
    assert not LineQuestion.objects.exists()


@pytest.mark.parametrize("file_name", ["not-utf-8.log", "with-nul-bytes.log", "without-addresses.log"])
def test_files_nothing_with_evidence_that_cannot_be_read(cast: Cast, file_name: str) -> None:
    with pytest.raises(InputError) as error:
        file(cast.desk, RIGHT, evidence=(FIXTURES / file_name).read_bytes())
    assert [problem.field for problem in error.value.problems] == ["evidence_file"]
    assert not DisclosureRequest.objects.exists()


def test_refuses_evidence_larger_than_the_setting(cast: Cast, settings: Settings) -> None:
    settings.EVIDENCE_MAX_BYTES = 10
    with pytest.raises(InputError, match=r"evidence\.too-large"):
        file(cast.desk, RIGHT)


def test_questions_an_address_outside_the_operators_ranges_also_without_evidence(
    cast: Cast, settings: Settings
) -> None:
    settings.OWN_PREFIXES = [ip_network("203.0.113.0/24")]
    assert question_of(file(cast.desk, RIGHT)).code == "ADDRESS_NOT_OURS"


def test_a_questioned_line_waits_for_its_answer_and_no_court_is_asked(cast: Cast) -> None:
    request = file(cast.desk, WRONG)
    assess(request)
    assert states(request) == [State.INCOMPLETE]
    attach_and_check(cast.desk, request, [cover(WRONG)])
    assess(request)
    assert states(request) == [State.INCOMPLETE]
    answer(cast.desk.filer, request)
    assess(request)
    assert states(request) == [State.UNDER_REVIEW]


def test_what_the_law_refuses_is_refused_while_the_question_is_open(cast: Cast) -> None:
    request = file(cast.desk, WRONG, measure="monitoring")
    assess(request)
    assert states(request) == [State.REFUSED]


def test_a_line_is_withdrawn_alone_and_the_others_go_on(cast: Cast) -> None:
    request = file(cast.desk, RIGHT, WRONG)
    withdraw_request(cast.desk.filer, request, [2])
    assess(request)
    assert states(request) == [State.AWAITING_ORDER, State.WITHDRAWN]
    with pytest.raises(NotAllowed, match="None of these lines"):
        withdraw_request(cast.desk.filer, request, [2, 7])
    with pytest.raises(NotAllowed, match="no answer is needed"):
        answer(cast.desk.filer, request)


def test_a_colleague_answers_too_and_nobody_of_another_organisation(cast: Cast) -> None:
    request = file(cast.desk, WRONG)
    for stranger in (cast.stranger, cast.authority, cast.desk.clerk, cast.desk.ana, cast.auditor):
        with pytest.raises(NotAllowed):
            answer(stranger, request)
    assert answer(cast.colleague, request).answered_by == cast.colleague


def test_an_answer_needs_a_known_reason_and_words_and_is_given_once(cast: Cast) -> None:
    request = file(cast.desk, WRONG)
    for changes in ({"reason": "because"}, {"explanation": "  "}, {"explanation": "x" * 501}, {"explanation": "\x00"}):
        with pytest.raises(InputError):
            answer(cast.desk.filer, request, **changes)
    answer(cast.desk.filer, request)
    with pytest.raises(InputError, match=r"question\.answered"):
        answer(cast.desk.filer, request)


def test_a_question_of_another_request_is_not_there(cast: Cast) -> None:
    one, other = file(cast.desk, WRONG), file(cast.desk, WRONG)
    for identifier in (question_of(other).id, uuid.uuid4(), "nonsense"):
        with pytest.raises(NotFound):
            answer_question_about_line(cast.desk.filer, one, identifier, "compared", "x")

"""A questioned line is not put under review, approved or decided for by any statement, and only its party answers."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from broker.audit.services import record
from broker.databases import Process
from broker.intake.models import DisclosureRequest, EvidenceFile, LineAnswer, LineQuestion
from broker.parties.middleware import context_of
from broker.parties.models import Organisation, Role, User
from broker.row_context import RowContext, acting
from tests.support.rows import (
    SET_STATE,
    World,
    assess_as,
    decide_as,
    event_for,
    make_order,
    make_request,
    make_under_review,
    make_user,
    move,
    refused,
)

pytestmark = pytest.mark.django_db

OPEN = "a question about what was typed is open"
NOT_THEIRS = "answered by the organisation that typed it"


def put_question(request: DisclosureRequest, code: str = "DAY_OFF") -> LineQuestion:
    event = record("line:questioned", "request", request.id)
    return LineQuestion.objects.create(line=request.lines.get(), code=code, evidence_line=1, event_id=event)


def add_answer(question: LineQuestion, user: User) -> LineAnswer:
    event = record("line:question-answered", "request", question.line.request_id)
    with transaction.atomic():
        return LineAnswer.objects.create(
            question=question, reason="compared", explanation="x", answered_by=user, event_id=event
        )


def put_question_beside_a_line_that_moved_on(request: DisclosureRequest) -> None:
    """No statement can, so that the other guards are shown with the one against it away."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE line_question DISABLE TRIGGER line_question_guard")
    put_question(request)


def test_refuses_to_put_a_questioned_line_under_review(world: World) -> None:
    request = make_request(world)
    put_question(request)
    assess_as(request, make_order(world, request))
    refused(OPEN, SET_STATE, "UNDER_REVIEW", event_for(request, "UNDER_REVIEW"), request.id)


def test_refuses_to_approve_a_questioned_line_that_two_people_approved(world: World) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    put_question_beside_a_line_that_moved_on(request)
    refused(OPEN, SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_lets_a_questioned_line_be_found_incomplete_and_withdrawn(world: World) -> None:
    request = make_request(world)
    put_question(request)
    move(request, "INCOMPLETE")
    move(request, "WITHDRAWN")


def test_lets_the_line_go_on_once_its_party_has_answered(world: World) -> None:
    request = make_request(world)
    question = put_question(request)
    assess_as(request, make_order(world, request))
    add_answer(question, make_user(world.counsel, Role.COUNSEL))
    move(request, "UNDER_REVIEW")
    decide_as(request.lines.get(), world.first, 1)


def test_refuses_an_approval_of_a_questioned_line_and_lets_it_be_denied(world: World) -> None:
    request, line = make_under_review(world)
    put_question_beside_a_line_that_moved_on(request)
    with pytest.raises(IntegrityError, match=OPEN), transaction.atomic():
        decide_as(line, world.first, 1)
    decide_as(line, world.first, 1, "deny")


def test_refuses_a_question_about_a_line_that_has_moved_on(world: World) -> None:
    request = make_request(world)
    move(request, "AWAITING_ORDER")
    with pytest.raises(IntegrityError, match="questioned when it is received"), transaction.atomic():
        put_question(request)


@pytest.mark.parametrize("state", ["INCOMPLETE", "AWAITING_ORDER"])
def test_lets_an_order_raise_its_question_until_somebody_reviews_the_line(world: World, state: str) -> None:
    request = make_request(world)
    move(request, state)
    put_question(request, "ORDER_BEFORE_EVENT")


def test_refuses_the_question_of_an_order_about_a_line_under_review_or_closed(world: World) -> None:
    request, _ = make_under_review(world)
    closed = make_request(world)
    move(closed, "WITHDRAWN")
    for each in (request, closed):
        with pytest.raises(IntegrityError, match="questioned when it is received"), transaction.atomic():
            put_question(each, "ORDER_BEFORE_EVENT")


def test_jobs_put_the_question_of_an_order_and_no_other(world: World) -> None:
    request = make_request(world)
    with acting(RowContext(Process.JOBS, Process.JOBS.value)):
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            put_question(request)
        with transaction.atomic():
            put_question(request, "ORDER_BEFORE_EVENT")


def test_refuses_the_answers_of_others_and_of_closed_accounts(world: World) -> None:
    request = make_request(world)
    question = put_question(request)
    other = Organisation.objects.create(kind="counsel", name="Other", jurisdiction="es")
    closed = make_user(world.counsel, Role.COUNSEL, is_active=False)
    for user in (world.first, world.clerk, make_user(other, Role.COUNSEL), closed):
        with pytest.raises(IntegrityError, match=NOT_THEIRS):
            add_answer(question, user)


def test_refuses_an_answer_about_a_line_that_is_closed(world: World) -> None:
    request = make_request(world)
    question = put_question(request)
    move(request, "WITHDRAWN")
    with pytest.raises(IntegrityError, match=NOT_THEIRS):
        add_answer(question, world.filer)


def store_evidence(request: DisclosureRequest, user: User) -> EvidenceFile:
    event = record("evidence:received", "request", request.id)
    return EvidenceFile.objects.create(
        request=request, sha256="0" * 64, size_bytes=1, kind="text", content=b"x", uploaded_by=user, event_id=event
    )


def seen(user: User | None, process: Process = Process.WEB) -> tuple[int, int, int]:
    context = context_of(user) if user else RowContext(process, process.value)
    with acting(context), transaction.atomic():
        return EvidenceFile.objects.count(), LineQuestion.objects.count(), LineAnswer.objects.count()


def test_shows_evidence_questions_and_answers_to_the_party_and_to_legal_staff_alone(world: World) -> None:
    request = make_request(world)
    store_evidence(request, world.filer)
    add_answer(put_question(request), world.filer)
    other = Organisation.objects.create(kind="counsel", name="Other", jurisdiction="es")
    assert seen(world.filer) == seen(make_user(world.counsel, Role.COUNSEL)) == seen(world.first) == (1, 1, 1)
    auditor = make_user(Organisation.objects.create(kind="auditor", name="A", jurisdiction="es"), Role.AUDITOR)
    for user in (world.clerk, make_user(other, Role.COUNSEL), make_user(world.operator, Role.ENGINEER), auditor):
        assert seen(user) == (0, 0, 0)


@pytest.mark.parametrize("process", [Process.JOBS, Process.WORKER])
def test_keeps_what_people_wrote_and_sent_from_jobs_and_worker(world: World, process: Process) -> None:
    request = make_request(world)
    store_evidence(request, world.filer)
    add_answer(put_question(request), world.filer)
    for statement in ("SELECT content FROM evidence_file", "SELECT explanation FROM line_answer"):
        with (
            acting(RowContext(process, process.value)),
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_takes_an_answer_in_ones_own_name_only(world: World) -> None:
    request = make_request(world)
    question = put_question(request)
    colleague = make_user(world.counsel, Role.COUNSEL)
    event = record("line:question-answered", "request", request.id)
    with (
        acting(context_of(world.filer)),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        LineAnswer.objects.create(
            question=question, reason="compared", explanation="x", answered_by=colleague, event_id=event
        )


def test_keeps_the_bytes_of_a_text_and_none_of_a_document(world: World) -> None:
    request = make_request(world)
    event = record("evidence:received", "request", request.id)
    for kind, content in (("text", None), ("pdf", b"x")):
        with pytest.raises(IntegrityError, match="evidence_file_keeps_what_was_read"), transaction.atomic():
            EvidenceFile.objects.create(
                request=request, sha256="0" * 64, size_bytes=1, kind=kind, content=content, uploaded_by=world.filer,
                event_id=event,
            )  # fmt: skip

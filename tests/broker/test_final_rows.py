"""Rows that prove something are never rewritten and never deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from broker.assessment.models import FactAnswer
from broker.audit.services import record
from broker.decisions.models import Note
from broker.intake.models import EvidenceFile, LineAnswer, LineQuestion
from broker.orders.models import OrderTerms, TermsLine
from tests.support.rows import (
    OBSERVED_AT,
    World,
    make_approved,
    make_request,
    make_request_with_order,
    make_tranche,
    refused,
    seal,
)

pytestmark = pytest.mark.django_db


def make_terms_line(world: World) -> object:
    make_request_with_order(world)
    terms = OrderTerms.objects.get()
    return TermsLine.objects.create(
        terms=terms, number=1, address="198.51.100.23", from_at=OBSERVED_AT, until_at=OBSERVED_AT + timedelta(hours=1)
    )


def make_answer(world: World) -> object:
    request = make_request(world)
    event = record("question:answered", "request", request.id)
    return FactAnswer.objects.create(
        request=request,
        fact="a-fact",
        value=True,
        reason="seen",
        settled_by="legal staff",
        answered_by=world.first,
        event_id=event,
    )


def make_note(world: World) -> object:
    request = make_request(world)
    event = record("line:moved", "request", request.id)
    return Note.objects.create(request=request, move="contest", reason="r", written_by=world.first, event_id=event)


def make_questioned(world: World) -> object:
    request = make_request(world)
    event = record("line:questioned", "request", request.id)
    EvidenceFile.objects.create(
        request=request, sha256="0" * 64, size_bytes=1, kind="pdf", uploaded_by=world.filer, event_id=event
    )
    question = LineQuestion.objects.create(line=request.lines.get(), code="DAY_OFF", event_id=event)
    return LineAnswer.objects.create(
        question=question, reason="compared", explanation="seen", answered_by=world.filer, event_id=event
    )


FINAL: list[tuple[str, Callable[[World], object]]] = [
    ("decision", make_approved),
    ("order_terms", make_request_with_order),
    ("order_document", make_request_with_order),
    ("order_check", make_request_with_order),
    ("line_assessment", make_approved),
    ("assessment_record", make_approved),
    ("pack_version", make_approved),
    ("tranche_line", lambda world: make_tranche(world, make_approved(world))),
    ("tranche", lambda world: make_tranche(world, make_approved(world))),
    ("sealed_release", lambda world: seal(make_tranche(world, make_approved(world)))),
    ("state_move", make_request),
    ("disclosure_request", make_request),
    ("terms_line", make_terms_line),
    ("fact_answer", make_answer),
    ("evidence_file", make_questioned),
    ("line_question", make_questioned),
    ("line_answer", make_questioned),
    ("decision_note", make_note),
]


@pytest.mark.parametrize(("table", "make"), FINAL, ids=[table for table, _ in FINAL])
def test_refuses_to_rewrite_or_delete_what_proves_something(
    world: World, table: str, make: Callable[[World], object]
) -> None:
    make(world)
    key = connection.introspection.get_primary_key_column(connection.cursor(), table)
    refused("only ever added", f"UPDATE {table} SET {key} = {key}")
    refused("only ever added", f"DELETE FROM {table}")

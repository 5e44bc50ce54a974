"""Events stay as they were written, and get time and transaction from the database."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, connection, transaction

from broker.audit.models import Event
from broker.audit.services import AuditError, record

pytestmark = pytest.mark.django_db


def make_event() -> uuid.UUID:
    return record("request:filed", "request", uuid.uuid4(), {"lines": 1})


@pytest.mark.parametrize(
    "statement",
    ["UPDATE event SET kind = 'request:other' WHERE id = %s", "DELETE FROM event WHERE id = %s"],
)
def test_refuses_to_rewrite_an_event(statement: str) -> None:
    event = make_event()
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [event])
    assert Event.objects.filter(id=event, kind="request:filed").exists()


def test_time_and_transaction_come_from_the_database_whatever_the_writer_says() -> None:
    event = Event(kind="request:filed", subject_kind="request", subject_id=uuid.uuid4(), xid=7)
    event.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid = pg_current_xact_id()::text::bigint, "
            "abs(extract(epoch FROM clock_timestamp() - recorded_at)) < 60 FROM event WHERE id = %s",
            [event.id],
        )
        assert cursor.fetchone() == (True, True)


@pytest.mark.parametrize(
    "body",
    [{"note": "Ana Example"}, {"who": "a@b.example"}, {"address": "198.51.100.23"}, {"a": ["2001:db8::1"]}, {"t": 1.5}],
)
def test_refuses_a_body_that_could_name_somebody(body: dict[str, object]) -> None:
    with pytest.raises(AuditError):
        record("request:filed", "request", uuid.uuid4(), body)
    assert not Event.objects.exists()


@pytest.mark.parametrize("kind", ["filed", "Request:filed", "request:", "request filed"])
def test_refuses_a_kind_that_is_no_tag(kind: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record(kind, "request", uuid.uuid4())

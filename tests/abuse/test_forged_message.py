"""Abuse case 23: whoever can write to the message server makes the worker do nothing that the database does not say."""

from __future__ import annotations

import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from kombu import serialization

from broker import tasks
from broker.audit.models import Event
from broker.celery import app
from broker.intake.models import State
from broker.outbox.models import OutboxRow
from broker.release.models import SealedRelease
from tests.support.deployment import until, workers
from tests.support.flow import HIT, Flow, civil_terms

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])

NONSENSE: list[Any] = ["", "x", "198.51.100.23", "../../etc/passwd", 7, None, {"id": 1}, ["a"], "0" * 100_000]


def everything() -> dict[str, Any]:
    """What a message could have changed: rows of work, answers and events."""
    return {
        "work": list(OutboxRow.objects.order_by("id").values()),
        "answers": SealedRelease.objects.count(),
        "events": Event.objects.count(),
    }


@pytest.mark.parametrize("task", [tasks.release, tasks.assess, tasks.check_order], ids=lambda task: task.name)
def test_a_message_about_nothing_does_nothing(flow: Flow, task: Any) -> None:
    before = everything()
    for argument in [*NONSENSE, *(str(uuid.uuid4()) for _ in range(20))]:
        task(argument)
    assert everything() == before


def test_a_message_that_names_other_work_does_nothing(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.run()
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    work = OutboxRow.objects.get(kind="assess", subject_id=request.id)
    OutboxRow.objects.filter(id=work.id).update(done=False)
    before = everything()
    for name in (request.id, request.lines.get().id, request.orders.get().id, work.id):
        tasks.release(str(name))
    assert everything() == before
    assert request.lines.get().state == State.UNDER_REVIEW


def test_work_of_a_request_that_nobody_approved_is_closed_without_an_answer(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.run()
    # Somebody got as far as writing a row of work; what it names has been approved by nobody.
    OutboxRow.objects.create(kind="release", subject_id=request.id)
    flow.run()
    assert not SealedRelease.objects.exists()
    assert request.lines.get().state == State.AWAITING_ORDER


registry: Any = serialization


class Bomb:
    """What a pickle can do when it is opened: here it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.place, "opened"))


def test_a_pickle_is_not_opened_and_the_worker_goes_on(flow: Flow, tmp_path: Path) -> None:
    place = tmp_path / "opened"
    pickle.loads(pickle.dumps(Bomb(place)))  # noqa: S301 - what the worker must not do
    assert place.read_text() == "opened", "the bomb would work"
    place.unlink()
    with workers(tmp_path / "logs"):
        registry.register("forged", pickle.dumps, pickle.loads, "application/x-python-serialize", "binary")
        try:
            with app.connection_for_write() as connection, connection.Producer() as producer:
                for queue in ("release", "jobs"):
                    producer.publish(
                        ((Bomb(place),), {}, {}), routing_key=queue, exchange=queue, serializer="forged",
                        headers={"task": "release", "id": str(uuid.uuid4())}, declare=[app.amqp.queues[queue]],
                    )  # fmt: skip
        finally:
            registry.unregister("forged")
        request = flow.file([HIT])
        until(lambda: request.lines.get().state == State.AWAITING_ORDER)
    assert not place.exists()

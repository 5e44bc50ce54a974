"""A court takes its order back: nothing is approved or released under it any more, whoever is faster."""

from __future__ import annotations

import os
import random
import time
from functools import partial

import pytest
from rest_framework.test import APIClient

from broker import tasks
from broker.audit.models import Event
from broker.databases import Process
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.intake.models import DisclosureRequest, State
from broker.orders.models import CourtOrder, OrderRevocation
from broker.orders.revoke import revoke_order
from broker.outbox.models import OutboxRow
from broker.parties.authentication import new_api_key
from broker.parties.middleware import context_of
from broker.release.models import SealedRelease
from broker.row_context import RowContext, acting
from tests.abuse.test_races import Beside
from tests.support.flow import HIT, MISS, Flow, civil_terms

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])

ROUNDS = 300 if os.environ.get("BROKER_TESTS_LONG") else 8
DELAY_SECONDS = 0.2


def revoke(flow: Flow, order: CourtOrder, by: str = "marta", reason: str = "Set aside on appeal.") -> OrderRevocation:
    person = flow.person(by)
    with acting(context_of(person)):
        return revoke_order(person, order, reason)


def reviewed(flow: Flow, line: dict[str, str] = HIT) -> tuple[DisclosureRequest, CourtOrder]:
    request = flow.file([line])
    flow.run()
    order = flow.attach(request, civil_terms([line]))
    flow.run()
    assert request.lines.get().state == State.UNDER_REVIEW
    return request, order


def approved(flow: Flow, line: dict[str, str] = HIT) -> tuple[DisclosureRequest, CourtOrder]:
    request, order = reviewed(flow, line)
    flow.approve(request)
    return request, order


def test_a_line_under_a_revoked_order_leaves_the_review(flow: Flow) -> None:
    request, order = reviewed(flow)
    revoke(flow, order)
    order.refresh_from_db()
    assert order.state == "REVOKED"
    with pytest.raises(TransitionConflict):
        flow.approve(request)
    flow.run()
    assert request.lines.get().state != State.UNDER_REVIEW


@pytest.mark.parametrize("line", [HIT, MISS], ids=["hit", "miss"])
def test_an_approved_line_under_a_revoked_order_is_recalled_and_not_answered(flow: Flow, line: dict[str, str]) -> None:
    request, order = approved(flow, line)
    revoke(flow, order)
    flow.run()
    assert request.lines.get().state == State.RECALLED
    assert not SealedRelease.objects.filter(tranche__request=request).exists()


def test_what_was_released_before_stays(flow: Flow) -> None:
    request, order = approved(flow)
    flow.run()
    revoke(flow, order)
    flow.run()
    assert request.lines.get().state == State.RELEASED


def test_another_order_takes_the_place_of_a_revoked_one(flow: Flow) -> None:
    request, order = reviewed(flow)
    revoke(flow, order)
    flow.run()
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    flow.run()
    assert flow.answers(request)[0]["outcome"] == "identified"


@pytest.mark.parametrize("who", ["carla", "laura"])
def test_only_the_court_revokes(flow: Flow, who: str) -> None:
    _, order = reviewed(flow)
    with pytest.raises(NotAllowed):
        revoke(flow, order, by=who)
    order.refresh_from_db()
    assert order.state == "VERIFIED"


def test_an_order_is_revoked_once_with_a_reason_and_only_when_it_was_verified(flow: Flow) -> None:
    request, order = reviewed(flow)
    with pytest.raises(InputError):
        revoke(flow, order, reason="  ")
    revoke(flow, order)
    with pytest.raises(NotAllowed, match="before"):
        revoke(flow, order)
    waiting = flow.attach(request, civil_terms([HIT]))
    with pytest.raises(NotAllowed, match="still being checked"):
        revoke(flow, waiting)
    assert OrderRevocation.objects.get().reason == "Set aside on appeal."


def test_the_api_lets_the_court_revoke_and_answers_strangers_as_if_there_were_nothing(flow: Flow) -> None:
    _, order = reviewed(flow)
    path = f"/api/v1/orders/{order.id}/revoke/"
    answers = {}
    for who in ("carla", "marta"):
        client = APIClient(HTTP_AUTHORIZATION=f"Bearer {new_api_key(flow.person(who))}")
        answers[who] = client.post(path, {"reason": "Set aside."}, format="json")
    assert answers["carla"].status_code == 403
    assert answers["marta"].json()["state"] == "REVOKED"


@pytest.mark.long
def test_an_order_revoked_while_it_is_answered_releases_nobody_afterwards(flow: Flow) -> None:
    chance = random.Random(19)
    released = 0
    for _ in range(ROUNDS):
        request, order = approved(flow)
        work = OutboxRow.objects.get(kind="release", subject_id=request.tranches.get().id)
        answering = Beside(partial(_answer, str(work.id), chance.uniform(0, DELAY_SECONDS)))
        time.sleep(chance.uniform(0, DELAY_SECONDS))
        revoke(flow, order)
        assert answering.done() is None
        flow.run()
        revoked = Event.objects.get(kind="order:revoked", subject_id=order.id)
        sealed = Event.objects.filter(kind="release:sealed", subject_id=work.subject_id).first()
        made = SealedRelease.objects.filter(tranche_id=work.subject_id).count()
        assert request.lines.get().state == (State.RELEASED if sealed else State.RECALLED)
        assert made == (1 if sealed else 0)
        if sealed is not None:
            released += 1
            # Each is written under the lock of the same lines, so their order is that of the two transactions.
            assert sealed.recorded_at is not None
            assert revoked.recorded_at is not None
            assert sealed.recorded_at < revoked.recorded_at
    # Otherwise nothing has raced.
    assert 0 < released < ROUNDS


def _answer(work_id: str, delay: float) -> None:
    time.sleep(delay)
    with acting(RowContext(Process.WORKER, "worker")):
        tasks.release(work_id)

"""Two transactions meet in the worst place: neither is lost to a deadlock, and one of two contrary moves wins whole.

Threads with connections of their own. Where an order of events matters, each side waits for a lock that the
database shows as waited for, never for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from django.db import connection, connections

from broker import tasks
from broker.assessment import services as assessment
from broker.decisions.models import Tranche
from broker.decisions.services import recall
from broker.errors import BrokerError, NotAllowed, TransitionConflict
from broker.intake.models import DisclosureRequest, State
from broker.intake.services import withdraw_request
from broker.orders import services as orders
from broker.outbox.models import OutboxRow
from broker.release.answers import answer_lines
from broker.release.models import SealedRelease
from tests.support.answers import STATEMENTS
from tests.support.flow import HIT, MISS, Flow, civil_terms

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])


class Beside(threading.Thread):
    """Something done in a thread of its own; `done` waits for it and gives what the broker refused, or None.

    Any other error is raised where it is waited for.
    """

    def __init__(self, do: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._do = do
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._do()
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()

    def done(self) -> BrokerError | None:
        self.join(20)
        assert not self.is_alive(), "still waiting for a lock"
        if self._error is None or isinstance(self._error, BrokerError):
            return self._error
        raise self._error


def until_a_lock_is_waited_for() -> None:
    """Wait until some transaction waits for another to end, which is how waiting for a locked row shows."""
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted)")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("Nobody waits for a lock.")


def run_into(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, entry: str, work: Callable[[], None], act: Callable[[], object]
) -> None:
    """Let a worker and a person lock in turns: the worker its row, the person lines, the worker lines, the person more.

    entry: the function of `module` that `work` calls with its row taken. `act` is done in this thread and ends with
    the `ask` of the same module.
    """
    taken, locked = threading.Event(), threading.Event()
    enter, ask = getattr(module, entry), module.ask

    def enter_once_lines_are_locked(subject: object) -> None:
        taken.set()
        assert locked.wait(10)
        enter(subject)

    def ask_once_the_worker_waits(*work: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            locked.set()
            until_a_lock_is_waited_for()
        ask(*work)

    with monkeypatch.context() as patched:
        patched.setattr(module, entry, enter_once_lines_are_locked)
        patched.setattr(module, "ask", ask_once_the_worker_waits)
        worker = Beside(work)
        assert taken.wait(10)
        act()
        assert worker.done() is None


def under_review(flow: Flow) -> DisclosureRequest:
    request = flow.file([MISS, HIT])
    flow.attach(request, civil_terms([MISS, HIT]))
    flow.run()
    return request


def states(request: DisclosureRequest) -> set[str]:
    return set(request.lines.values_list("state", flat=True))


def test_a_question_answered_while_its_request_is_assessed(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    stated = {name: value for name, value in STATEMENTS.items() if name != "suit-prepared"}
    request = flow.file([HIT], facts=stated, answered=False)
    row = OutboxRow.objects.get(kind="assess", subject_id=request.id)
    run_into(
        monkeypatch,
        assessment,
        "assess_request",
        partial(tasks.assess, str(row.id)),
        partial(assessment.answer_question, flow.person("carla"), request, "suit-prepared", True, "It is drafted."),
    )
    row.refresh_from_db()
    assert (row.done, row.tries, row.version) == (False, 0, 2), "what was asked meanwhile is still to be done"
    flow.run()
    assert states(request) == {State.AWAITING_ORDER}


def test_terms_corrected_while_their_order_is_checked(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    request = flow.file([HIT])
    flow.run()
    order = flow.attach(request, civil_terms([MISS]))
    row = OutboxRow.objects.get(kind="check-order", subject_id=order.id)
    run_into(
        monkeypatch,
        orders,
        "check_document",
        partial(tasks.check_order, str(row.id)),
        partial(orders.correct_terms, flow.person("marta"), order, civil_terms([HIT])),
    )
    row.refresh_from_db()
    assert (row.done, row.tries, row.version) == (False, 0, 2), "what was asked meanwhile is still to be done"
    flow.run()
    assert states(request) == {State.UNDER_REVIEW}


def test_an_approval_recalled_while_it_is_answered_is_too_late(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    request = under_review(flow)
    flow.approve(request)
    ids = list(request.lines.values_list("id", flat=True))
    row = OutboxRow.objects.get(kind="release")
    recalls: list[Beside] = []

    def answer_while_others_try(*args: Any, **more: Any) -> object:
        # The same message once more, to another worker: the work is taken, so it leaves at once.
        assert Beside(partial(tasks.release, str(row.id))).done() is None
        recalls.append(Beside(partial(recall, flow.person("laura"), request, ids, "Stop.")))
        until_a_lock_is_waited_for()
        return answer_lines(*args, **more)

    monkeypatch.setattr("broker.release.services.answer_lines", answer_while_others_try)
    tasks.release(str(row.id))
    (recalled,) = recalls
    assert isinstance(recalled.done(), TransitionConflict)
    assert states(request) == {State.RELEASED}
    assert SealedRelease.objects.filter(tranche__request=request).count() == 1


def at_once(*doing: Callable[[], object]) -> list[BrokerError]:
    """Start all of them together; gives what was refused."""
    barrier = threading.Barrier(len(doing))

    def start(do: Callable[[], object]) -> None:
        barrier.wait(10)
        do()

    threads = [Beside(partial(start, do)) for do in doing]
    return [refusal for thread in threads if (refusal := thread.done()) is not None]


def test_two_people_and_one_of_them_twice_approve_at_once(flow: Flow) -> None:
    request = under_review(flow)
    refusals = at_once(*(partial(flow.approve, request, by=[name]) for name in ("laura", "pedro", "laura")))
    (refusal,) = refusals
    assert isinstance(refusal, (NotAllowed, TransitionConflict))
    assert states(request) == {State.APPROVED}
    assert Tranche.objects.filter(request=request).count() == 1


def test_a_request_withdrawn_and_approved_at_once_is_one_of_the_two_as_a_whole(flow: Flow) -> None:
    request = under_review(flow)
    flow.approve(request, by=["laura"])
    refusals = at_once(
        partial(flow.approve, request, by=["pedro"]), partial(withdraw_request, flow.person("carla"), request)
    )
    (refusal,) = refusals
    assert states(request) == ({State.WITHDRAWN} if isinstance(refusal, TransitionConflict) else {State.APPROVED})

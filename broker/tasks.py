"""What Celery runs. A task is a call; the row in the outbox says whether there is anything to do."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from broker.outbox import services as outbox
from broker.outbox.models import OutboxRow

log = logging.getLogger(__name__)

_SECRET = {OutboxRow.Kind.RELEASE: "release.failed", OutboxRow.Kind.HOLD: "hold.failed"}


def run_work(
    work_id: str,
    kind: OutboxRow.Kind,
    do: Callable[[OutboxRow], timedelta | None],
    around: AbstractContextManager[object] | None = None,
) -> None:
    """Do one piece of work in one transaction; on failure roll back, count the try and say which code.

    do: gives how long to wait before it is to be done again, None when it is done.
    around: entered before and left after that transaction; for work that changes another store as well.
    A work id that is no UUID, unknown, done, of another kind or held by another worker is dropped without effect.
    """
    try:
        identifier = uuid.UUID(work_id)
    except (ValueError, TypeError, AttributeError):
        log.warning("A message without a work id was dropped.")
        return
    try:
        with around or nullcontext(), transaction.atomic():
            row = outbox.open_row(identifier)
            if row is None or row.kind != kind:
                return
            wait = do(row)
            if wait is None:
                outbox.close(row)
            else:
                outbox.postpone(row, wait)
    except Exception as error:
        # The one place that sees every failure: whatever it is, the try is counted and nothing is half-done.
        code = str(getattr(error, "code", None) or type(error).__name__)
        log.error("Work %s (%s) failed: %s", identifier, kind, code)
        # Why may depend on what was found; the store that web reads says only that it failed.
        if outbox.failed(identifier, _SECRET.get(kind, code)):
            _give_up(identifier)


def _give_up(work_id: uuid.UUID) -> None:
    row = OutboxRow.objects.get(id=work_id)
    if row.kind == OutboxRow.Kind.RELEASE:
        from broker.release.services import give_up

        give_up(row.subject_id, row.last_error)


@shared_task(name="assess")
def assess(work_id: str) -> None:
    from broker.assessment.services import assess_request
    from broker.decisions.holds.services import hold_on_duty

    def do(row: OutboxRow) -> None:
        assess_request(row.subject_id)
        hold_on_duty(row.subject_id)

    run_work(work_id, OutboxRow.Kind.ASSESS, do)


@shared_task(name="check-order")
def check_order(work_id: str) -> None:
    from broker.orders.services import check_document

    run_work(work_id, OutboxRow.Kind.CHECK_ORDER, lambda row: check_document(row.subject_id))


@shared_task(name="fetch-revocation")
def fetch_revocation(work_id: str) -> None:
    from broker.orders.revocation_lists import fetch_source

    run_work(work_id, OutboxRow.Kind.FETCH_REVOCATION, lambda row: fetch_source(row.subject_id))


@shared_task(name="release")
def release(work_id: str) -> None:
    from broker.release.services import release_tranche

    run_work(work_id, OutboxRow.Kind.RELEASE, lambda row: release_tranche(row.subject_id))


@shared_task(name="drop-leases")
def drop_leases(work_id: str) -> None:
    from broker.attribution.retention import drop_expired
    from broker.leases.services import STORE

    run_work(
        work_id,
        OutboxRow.Kind.DROP_LEASES,
        lambda row: drop_expired(timezone.now()),
        # Left last, so the event is committed before what it says has happened.
        around=transaction.atomic(using=STORE),
    )


@shared_task(name="hold")
def hold(work_id: str) -> None:
    from broker.release.holds import carry_out_holds

    run_work(work_id, OutboxRow.Kind.HOLD, lambda row: carry_out_holds(row.subject_id))

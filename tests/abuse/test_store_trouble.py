"""Only a hit reads an identity, so trouble with the identities must not tell a hit from a miss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from broker import tasks
from broker.decisions.models import Tranche
from broker.intake.models import DisclosureRequest, State
from broker.outbox.models import OutboxRow
from tests.support.flow import HIT, MISS, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

OTHER_HIT = {**HIT, "address": "198.51.100.24"}
HOLDER_OF_HIT = "s-4f1c90a7"


def damage(subscriber: str) -> None:
    """Overwrite a byte of a sealed record, so that it does not open any more."""
    with connections["identities"].cursor() as cursor:
        cursor.execute(
            r"UPDATE sealed_record SET body = overlay(body placing '\x00'::bytea from 5) WHERE subscriber_ref = %s",
            [subscriber],
        )
        assert cursor.rowcount == 1


@contextmanager
def identities_away() -> Iterator[None]:
    """Have every query of the identity store fail, as it does when the store cannot be reached."""
    with transaction.atomic("identities"):
        with connections["identities"].cursor() as cursor:
            cursor.execute("ALTER TABLE sealed_key RENAME TO sealed_key_away")
        yield
        transaction.set_rollback(True, "identities")


def release_once(request: DisclosureRequest) -> tuple[str, int, str]:
    """Try to answer a request; gives what the case store says afterwards: state, failed tries, last error."""
    row = OutboxRow.objects.get(kind="release", subject_id=Tranche.objects.get(request=request).id)
    # A failed query spoils its transaction, which here is the test's own.
    with transaction.atomic("identities"):
        tasks.release(str(row.id))
        transaction.set_rollback(True, "identities")
    row.refresh_from_db()
    return request.lines.get().state, row.tries, row.last_error


def approved(flow: Flow, line: dict[str, str]) -> DisclosureRequest:
    request = flow.file([line])
    flow.run("assess")
    flow.attach(request, civil_terms([line]))
    flow.run("assess", "check-order")
    flow.approve(request)
    return request


def test_a_hit_whose_record_does_not_open_looks_like_a_miss(flow: Flow) -> None:
    damage(HOLDER_OF_HIT)
    hit, miss = approved(flow, HIT), approved(flow, MISS)
    assert release_once(hit) == release_once(miss) == (State.RELEASED, 0, "")
    (answer,) = flow.answers(hit)
    assert (answer["reason"], answer["subscriber"]) == ("no-identity", {})


def test_a_record_that_does_not_open_holds_up_nobody_else(flow: Flow) -> None:
    damage(HOLDER_OF_HIT)
    request = flow.released([HIT, OTHER_HIT])
    assert [(answer["reason"], bool(answer["subscriber"])) for answer in flow.answers(request)] == [
        ("no-identity", False),
        ("unique", True),
    ]


def test_an_identity_store_that_is_away_holds_up_hit_and_miss_alike(flow: Flow) -> None:
    hit, miss = approved(flow, HIT), approved(flow, MISS)
    with identities_away():
        assert release_once(hit) == release_once(miss) == (State.APPROVED, 1, "release.failed")
    assert release_once(hit) == release_once(miss) == (State.RELEASED, 1, "")
    assert flow.answers(hit)[0]["reason"] == "unique"

"""An answer waits until the logs that could show it are delivered, and its waiting tells nothing of what they show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from broker.attribution.services import Observation, awaits_logs
from broker.audit.models import Event, StateMove
from broker.decisions.models import Tranche
from broker.decisions.services import recall
from broker.intake.models import DisclosureRequest, State
from broker.leases.services import cover
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.release.models import SealedRelease
from broker.release.sweep import sweep
from broker.row_context import acting
from tests.support.flow import HIT, MISS, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

OBSERVED = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def delivered(until: datetime, since: datetime = datetime(2026, 8, 1, tzinfo=UTC)) -> None:
    """Say that every source has delivered what it saw in this span, and nothing else; no row changes."""
    with connections["leases"].cursor() as cursor:
        cursor.execute("UPDATE lease_source SET coverage = '{}' RETURNING id")
        for (source,) in cursor.fetchall():
            cover(source, since, until, stated=True)


def approved(flow: Flow, line: dict[str, str], **terms: Any) -> DisclosureRequest:
    request = flow.file([line])
    flow.run()
    flow.attach(request, civil_terms([line], **terms))
    flow.run()
    flow.approve(request)
    return request


def work_of(request: DisclosureRequest) -> OutboxRow:
    return OutboxRow.objects.get(kind="release", subject_id=Tranche.objects.get(request=request).id)


def look_again(flow: Flow, request: DisclosureRequest) -> None:
    """Let the time pass until the work is due."""
    OutboxRow.objects.filter(id=work_of(request).id).update(next_at=timezone.now())
    flow.run()


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Have the worker's clock, which is the database's, show this much more."""
    monkeypatch.setattr("broker.release.services._database_now", lambda: timezone.now() + by)


def test_waits_until_the_log_is_delivered_and_is_answered_then(flow: Flow) -> None:
    delivered(OBSERVED - DAY)
    request = approved(flow, HIT)
    flow.run()
    assert request.lines.get().state == State.WAITING
    assert not SealedRelease.objects.exists()
    work = work_of(request)
    assert (work.done, work.tries, work.last_error) == (False, 0, "")
    assert timedelta(minutes=14) < work.next_at - timezone.now() <= timedelta(minutes=15)
    assert sweep() == {}
    delivered(OBSERVED + DAY)
    look_again(flow, request)
    assert request.lines.get().state == State.RELEASED
    assert flow.answers(request)[0]["outcome"] == "identified"


def test_a_hit_and_a_miss_wait_alike_and_leave_the_same_trace(flow: Flow) -> None:
    delivered(OBSERVED - DAY)
    traces = []
    for line in (HIT, MISS):
        request = approved(flow, line)
        before = timezone.now()
        flow.run()
        look_again(flow, request)
        work = work_of(request)
        events = Event.objects.filter(subject_id=request.id, kind="line:waiting")
        traces.append(
            (
                request.lines.get().state,
                (work.done, work.tries, work.last_error, work.version),
                round((work.next_at - before).total_seconds() / 60),
                [(event.new_state, event.body) for event in events],
                Event.objects.filter(subject_id=Tranche.objects.get(request=request).id)
                .exclude(kind__startswith="tranche")
                .count(),
            )
        )
    assert traces[0] == traces[1]
    assert traces[0][0] == State.WAITING


def test_looking_whether_to_wait_reads_no_evidence(flow: Flow) -> None:
    delivered(OBSERVED - DAY)
    with connections["leases"].cursor() as cursor:
        for table in ("lease", "port_block", "odd_block", "open_lease", "held_lease", "lease_hold", "lease_holder"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    observations = [Observation(line["address"], line["address"], None, OBSERVED) for line in (HIT, MISS)]
    found = awaits_logs(observations, tolerance=timedelta(seconds=60), now=timezone.now())
    assert found == {HIT["address"], MISS["address"]}


@pytest.mark.parametrize(
    ("address", "until", "since"),
    [
        ("198.51.100.23", OBSERVED + DAY, OBSERVED - DAY),  # delivered
        (
            "198.51.100.23",
            OBSERVED + DAY,
            OBSERVED + timedelta(hours=1),
        ),  # nothing was collected then, and never will be
        ("192.0.2.1", OBSERVED - DAY, OBSERVED - 2 * DAY),  # not an address of the operator
        ("203.0.113.7", OBSERVED - DAY, OBSERVED - 2 * DAY),  # shared, and no port was given
    ],
)
def test_does_not_wait_for_what_no_delivery_can_change(
    flow: Flow, address: str, until: datetime, since: datetime
) -> None:
    delivered(until, since)
    observation = Observation("q", address, None, OBSERVED)
    assert not awaits_logs([observation], tolerance=timedelta(seconds=60), now=timezone.now())


@pytest.mark.parametrize("line", [HIT, MISS])
def test_is_answered_as_not_settled_when_the_wait_is_over(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, line: dict[str, str]
) -> None:
    delivered(OBSERVED - DAY)
    request = approved(flow, line)
    flow.run()
    later(monkeypatch, timedelta(hours=71))
    look_again(flow, request)
    assert request.lines.get().state == State.WAITING
    later(monkeypatch, timedelta(hours=73))
    look_again(flow, request)
    assert request.lines.get().state == State.RELEASED
    assert flow.answers(request)[0]["reason"] == "not-settled"


def test_an_order_that_runs_out_meanwhile_is_answered_as_expired(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(OBSERVED - DAY)
    request = approved(flow, HIT, expires_on=str((timezone.now() + DAY).date()))
    flow.run()
    assert request.lines.get().state == State.WAITING
    later(monkeypatch, 2 * DAY)
    look_again(flow, request)
    assert request.lines.get().state == State.RELEASED
    assert flow.answers(request)[0]["reason"] == "order-expired"


def test_a_line_that_waited_is_released_through_releasing(flow: Flow) -> None:
    delivered(OBSERVED - DAY)
    request = approved(flow, HIT)
    flow.run()
    delivered(OBSERVED + DAY)
    look_again(flow, request)
    moves = StateMove.objects.filter(subject_id=request.lines.get().id).order_by("id")
    assert list(moves.values_list("new_state", flat=True))[-4:] == ["APPROVED", "WAITING", "RELEASING", "RELEASED"]


def test_one_line_that_waits_holds_up_its_whole_tranche(flow: Flow) -> None:
    delivered(OBSERVED + DAY)
    late = {**MISS, "observed_at": "2026-09-16T21:05:09+02:00"}
    request = flow.file([HIT, late])
    flow.run()
    flow.attach(request, civil_terms([HIT, late]))
    flow.run()
    flow.approve(request)
    flow.run()
    assert set(request.lines.values_list("state", flat=True)) == {State.WAITING}


def test_a_waiting_line_can_be_recalled_and_is_not_answered_then(flow: Flow) -> None:
    delivered(OBSERVED - DAY)
    request = approved(flow, HIT)
    flow.run()
    with acting(context_of(flow.person("laura"))):
        recall(flow.person("laura"), request, [request.lines.get().id], "Approved by mistake.")
    delivered(OBSERVED + DAY)
    look_again(flow, request)
    assert request.lines.get().state == State.RECALLED
    assert not SealedRelease.objects.exists()

"""A release worker killed in the middle leaves nothing half-done, and the release is made exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.audit.models import Event
from broker.decisions.holds.services import hold
from broker.intake.models import DisclosureRequest, State
from broker.parties.middleware import context_of
from broker.release.models import SealedRelease
from broker.row_context import acting
from tests.support.deployment import until, workers
from tests.support.flow import HIT, Flow, civil_terms, load_stores
from tests.support.holds import in_days, kept_rows

STEPS = ["locked", "answered", "sealed", "stored", "advanced"]


@pytest.mark.long
@pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_any_step_leaves_no_partial_state(tmp_path: Path, step: str) -> None:
    load_stores()
    flow = Flow.create()
    armed = tmp_path / "armed"
    extra = {
        "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
        "FAULT_FILE": str(armed),
        "BROKER_RELAY_LEASE_SECONDS": "2",
    }
    with workers(tmp_path / "logs", extra):
        armed.write_text(step)
        kill_and_recover(flow, armed)


def kill_and_recover(flow: Flow, armed: Path) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    until(lambda: states(request) == {State.UNDER_REVIEW})
    flow.approve(request)
    until(lambda: not armed.exists())
    # The child is dead now; nothing of its transaction may be seen by anybody.
    subjects = [request.id, *request.tranches.values_list("id", flat=True)]
    events = Event.objects.filter(subject_id__in=subjects)
    assert not SealedRelease.objects.filter(tranche__request=request).exists()
    assert states(request) == {State.APPROVED}
    assert not events.filter(kind__in=["release:sealed", "line:released"]).exists()
    until(lambda: states(request) == {State.RELEASED})
    assert SealedRelease.objects.filter(tranche__request=request).count() == 1
    assert events.filter(kind="release:sealed").count() == 1
    assert flow.answers(request)[0]["outcome"] == "identified"


def states(request: DisclosureRequest) -> set[str]:
    return set(request.lines.values_list("state", flat=True))


@pytest.mark.long
@pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])
def test_a_worker_killed_after_it_kept_rows_keeps_them_once(tmp_path: Path) -> None:
    load_stores()
    flow = Flow.create()
    armed = tmp_path / "armed"
    extra = {
        "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
        "FAULT_FILE": str(armed),
        "BROKER_RELAY_LEASE_SECONDS": "2",
    }
    with workers(tmp_path / "logs", extra):
        request = flow.file([HIT], proceeding="criminal")
        until(lambda: states(request) == {State.AWAITING_ORDER})
        armed.write_text("rows-held")
        laura = flow.person("laura")
        with acting(context_of(laura)):
            hold(laura, request, [request.lines.get().id], in_days(30), "The judge is being asked.")
        until(lambda: not armed.exists())
        done = Event.objects.filter(kind="hold:carried-out", subject_id=request.id)
        assert not done.exists()
        until(done.exists)
        assert done.count() == 1
        ((case, lapses_at, rows),) = kept_rows()
    assert (case, lapses_at.date(), rows) == (request.lines.get().id, in_days(31), 1)

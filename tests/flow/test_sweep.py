"""The sweep finds what must never be, and what only needs ringing again is done after all."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from broker.audit.models import Event
from broker.intake.models import DisclosureRequest, State
from broker.outbox.models import OutboxRow
from broker.release.sweep import retry, sweep
from broker.tasks import assess as assess_task
from broker.tasks import release as release_task
from tests.support.flow import HIT, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


def approved(flow: Flow) -> DisclosureRequest:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    return request


def test_finds_nothing_when_all_is_well(flow: Flow) -> None:
    flow.released([HIT])
    assert sweep() == {}
    assert not Event.objects.filter(kind="sweep:alarm").exists()


def test_asks_again_for_an_approval_whose_work_was_lost(flow: Flow) -> None:
    request = approved(flow)
    OutboxRow.objects.filter(kind="release").delete()
    assert sweep() == {"approved-without-work": 1}
    flow.run()
    assert request.lines.get().state == State.RELEASED
    assert sweep() == {}


def test_reports_work_that_was_given_up_and_takes_it_up_again(flow: Flow) -> None:
    request = approved(flow)
    row = OutboxRow.objects.get(kind="release")
    key = settings.KEY_DIR / "epoch.private"
    key.rename(key.with_suffix(".away"))
    try:
        for _ in range(8):
            release_task(str(row.id))
    finally:
        key.with_suffix(".away").rename(key)
    assert sweep() == {"given-up": 1, "needs-attention": 1}
    with pytest.raises(SystemExit, match="1"):
        call_command("sweep")
    assert retry() == 1
    flow.run()
    assert request.lines.get().state == State.RELEASED
    assert sweep() == {}


def test_reports_an_assessment_that_was_given_up_and_takes_it_up_again(flow: Flow) -> None:
    request = flow.file([HIT])
    row = OutboxRow.objects.get(kind="assess")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE line_assessment RENAME TO line_assessment_away")
        for _ in range(8):
            assess_task(str(row.id))
        cursor.execute("ALTER TABLE line_assessment_away RENAME TO line_assessment")
    assert sweep() == {"given-up": 1}
    assert retry() == 1
    flow.run()
    assert request.lines.get().state == State.AWAITING_ORDER
    assert sweep() == {}

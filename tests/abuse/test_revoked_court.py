"""What an order was approved on is asked again at release: a court revoked meanwhile gets no name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from broker import tasks
from broker.outbox.models import OutboxRow
from broker.parties.court_trust import RevocationSource, SignaturePolicy
from broker.parties.models import Organisation
from tests.support.flow import HIT, Flow, civil_terms
from tests.support.revocation import revocation_list

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


def store_list(court: Organisation, der: bytes) -> None:
    now = timezone.now()
    RevocationSource.objects.create(
        court=court, url="http://revocation.example/a.crl", content=der, issued_at=now, fetched_at=now
    )


def test_an_approved_order_waits_while_its_revocation_is_unknown_and_is_released_afterwards(flow: Flow) -> None:
    court = flow.world.organisations["madrid-mercantil"]
    request = flow.file([HIT])
    flow.run()
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    # Between approval and release the registration was made stricter, and no list has been fetched.
    SignaturePolicy.objects.create(court=court)
    row = OutboxRow.objects.get(kind="release")
    tasks.release(str(row.id))
    row.refresh_from_db()
    assert (row.done, row.tries) == (False, 1)
    assert request.lines.get().state == "APPROVED"
    now = timezone.now()
    RevocationSource.objects.create(
        court=court,
        url="http://a.example/a.crl",
        content=revocation_list(flow.court, now),
        issued_at=now,
        fetched_at=now,
    )
    tasks.release(str(row.id))
    assert request.lines.get().state == "RELEASED"
    assert flow.answers(request)[0]["outcome"] == "identified"


def test_an_order_revoked_between_approval_and_release_names_nobody(flow: Flow) -> None:
    court = flow.world.organisations["madrid-mercantil"]
    request = flow.file([HIT])
    flow.run()
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    now = timezone.now()
    listed = revocation_list(flow.court, now, revoked_at=now - timedelta(minutes=5))
    store_list(court, listed)
    flow.run()
    assert flow.answers(request)[0]["outcome"] != "identified"

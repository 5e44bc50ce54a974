"""Nothing is approved, and no approval survives, while its ground is being replaced or disputed."""

from __future__ import annotations

import threading

import pytest
from django.db import connections
from django.db.models import QuerySet

from broker.decisions.services import contest
from broker.errors import TransitionConflict
from broker.intake.models import RequestLine, State
from broker.intake.selectors import decision_under_way
from tests.support.flow import HIT, Flow, civil_terms

STORES = ["default", "leases", "identities"]


@pytest.mark.django_db(databases=STORES)
def test_nobody_approves_under_an_order_while_a_newer_one_waits_for_its_checks(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT], categories=["name", "postal-address", "email"]))
    flow.run()
    flow.attach(request, civil_terms([HIT], categories=["name"]))
    with pytest.raises(TransitionConflict, match="newer order"):
        flow.approve(request)
    flow.run()
    flow.approve(request)
    flow.run()
    assert set(flow.answers(request)[0]["subscriber"]) == {"name"}


@pytest.mark.django_db(transaction=True, databases=STORES)
def test_no_first_approval_slips_in_while_its_line_is_contested(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    approvals: list[threading.Thread] = []

    def look_while_another_approves(lines: QuerySet[RequestLine]) -> bool:
        found = decision_under_way(lines)
        approvals.append(threading.Thread(target=approve_as_laura, daemon=True))
        approvals[0].start()
        # Without the lock the approval is through well within this second; with it, it waits for us.
        approvals[0].join(1)
        return found

    def approve_as_laura() -> None:
        try:
            with pytest.raises(TransitionConflict):
                flow.approve(request, by=["laura"])
        finally:
            connections.close_all()

    monkeypatch.setattr("broker.decisions.services.decision_under_way", look_while_another_approves)
    contest(flow.person("pedro"), request, [request.lines.get().id], "The order names another operator.")
    approvals[0].join(30)
    line = request.lines.get()
    assert line.state == State.CONTESTED
    assert not line.decisions.exists()

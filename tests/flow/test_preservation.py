"""A request that only asks for data to be preserved: from filing to rows that are kept, and never to an answer."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from broker.audit.models import Event
from broker.audit.services import record
from broker.databases import Process
from broker.decisions.holds.models import HoldAct, HoldEnd
from broker.decisions.holds.services import end_hold
from broker.decisions.models import Decision, Tranche
from broker.decisions.services import decide
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.intake.lifecycle import advance
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.intake.selectors import kept_until, timeline
from broker.intake.services import withdraw_request
from broker.orders.models import CourtOrder
from broker.orders.revoke import revoke_order
from broker.parties.middleware import context_of
from broker.release.models import SealedRelease
from broker.release.sweep import sweep
from broker.row_context import RowContext, acting
from tests.support.accounts import log_in
from tests.support.flow import HIT, MISS, Flow, civil_terms
from tests.support.holds import (
    criminal_terms,
    filed,
    held,
    in_days,
    kept_rows,
    months_pass,
    reaches_back_to_september,
)

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

PRESERVE = {"measure": "preservation"}
CIVIL = {"measure": "preservation", "proceeding": "civil", "facts": {}}
JOBS = RowContext(Process.JOBS, "jobs")


@pytest.fixture(autouse=True)
def log(settings: Any) -> None:
    reaches_back_to_september(settings)


def state(request: DisclosureRequest) -> str:
    return request.lines.get().state


def swept(flow: Flow) -> None:
    with acting(JOBS):
        sweep()
    flow.run("hold")


def ordered(flow: Flow) -> tuple[DisclosureRequest, CourtOrder]:
    """A civil request to preserve, with the court's verified order."""
    request = filed(flow, HIT, **CIVIL)
    assert state(request) == State.AWAITING_ORDER
    order = flow.attach(request, civil_terms([HIT]))
    flow.run()
    order.refresh_from_db()
    assert order.state == CourtOrder.State.VERIFIED
    return request, order


def let_days_pass(days: int) -> None:
    """As if every hold had been made so many days earlier; only the owner can say so."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE hold_act DISABLE TRIGGER USER")
        cursor.execute("UPDATE hold_act SET made_at = made_at - %(d)s, until_on = until_on - %(n)s", _days(days))
        cursor.execute("ALTER TABLE hold_act ENABLE TRIGGER USER")


def _days(days: int) -> dict[str, Any]:
    return {"d": timedelta(days=days), "n": days}


def test_a_court_has_rows_kept_and_the_disclosure_that_follows_is_answered_from_them(flow: Flow, settings: Any) -> None:
    request, _ = ordered(flow)
    assert state(request) == State.UNDER_REVIEW
    assert not HoldAct.objects.exists()
    held(flow, request, in_days(60))
    assert state(request) == State.HELD
    ((case, lapses_at, rows),) = kept_rows()
    assert (case, lapses_at, rows) == (request.lines.get().id, datetime.combine(in_days(61), time(), UTC), 1)
    event = Event.objects.get(kind="line:held", subject_id=request.id)
    assert (event.body["lines"], event.body["until"]) == (1, in_days(60).isoformat())
    assert Event.objects.filter(kind="hold:carried-out", subject_id=request.id).exists()
    months_pass(settings)
    (answer,) = flow.answers(flow.released([HIT]))
    assert (answer["outcome"], answer["reason"]) == ("identified", "unique")
    # The request to preserve came to no answer itself.
    assert not SealedRelease.objects.filter(tranche__request=request).exists()
    assert state(request) == State.HELD


@pytest.mark.parametrize(
    "other",
    [
        {"address": "198.51.100.99"},
        {"observed_at": "2026-09-14T21:05:10+02:00"},
        {"source_port": 4000},
    ],
    ids=["address", "moment", "port"],
)
def test_what_is_preserved_answers_about_the_very_same_line_only(
    flow: Flow, settings: Any, other: dict[str, Any]
) -> None:
    request, _ = ordered(flow)
    held(flow, request)
    months_pass(settings)
    (answer,) = flow.answers(flow.released([HIT | other]))
    assert answer["reason"] == "outside-retention"


def test_what_is_preserved_in_criminal_proceedings_answers_no_civil_request(flow: Flow, settings: Any) -> None:
    request = filed(flow, HIT, **PRESERVE)
    held(flow, request)
    months_pass(settings)
    (answer,) = flow.answers(flow.released([HIT]))
    assert answer["reason"] == "outside-retention"


def test_where_the_law_needs_no_order_it_is_put_before_legal_staff_at_once(flow: Flow) -> None:
    request = filed(flow, HIT, **PRESERVE)
    assert state(request) == State.UNDER_REVIEW
    with pytest.raises(InputError):
        held(flow, request, in_days(91))
    held(flow, request, in_days(90))
    assert state(request) == State.HELD
    assert [lapse.date() for _, lapse, _ in kept_rows()] == [in_days(91)]


def test_a_european_preservation_order_is_held_at_once_for_the_days_the_regulation_states(flow: Flow) -> None:
    request = filed(flow, HIT, **PRESERVE)
    flow.attach(request, criminal_terms([HIT], instrument="epoc-pr", **{"epoc-issuing-state": "another-bound-state"}))
    flow.run()
    act = HoldAct.objects.get(request=request)
    assert (act.made_by, act.until_on, state(request)) == (None, in_days(60), State.HELD)
    assert Event.objects.get(kind="line:held").actor is None
    # Extended by people, to ninety days and no further; the line stays what it is.
    held(flow, request, in_days(90))
    assert state(request) == State.HELD
    assert [lapse.date() for _, lapse, _ in kept_rows()] == [in_days(91)]


def test_nobody_can_approve_it_and_the_database_refuses_it_too(flow: Flow) -> None:
    request, _ = ordered(flow)
    line, laura = request.lines.get(), flow.person("laura")
    with acting(context_of(laura)):
        with pytest.raises((NotAllowed, TransitionConflict)):
            decide(laura, request, [line.id], Decision.Verdict.APPROVE, "By mistake.")
        with pytest.raises(IntegrityError, match=r"APPROVED needs|never answered"):
            advance("approve", request.id, [line.id], actor=laura.id)
    assert not Tranche.objects.filter(request=request).exists()
    held(flow, request)
    with acting(context_of(laura)), pytest.raises(TransitionConflict):
        advance("approve", request.id, [line.id], actor=laura.id)


@pytest.mark.parametrize("new", ["UNDER_REVIEW", "APPROVED", "RELEASED", "REFUSED"])
def test_the_database_lets_a_kept_line_go_nowhere_else(flow: Flow, new: str) -> None:
    request, _ = ordered(flow)
    held(flow, request)
    line = request.lines.get()
    with acting(JOBS), transaction.atomic():
        event = record("line:x", "request", request.id, {}, new_state=new, members=[line.id])
        with pytest.raises(IntegrityError, match=r"never answered|not among the moves|needs"), transaction.atomic():
            RequestLine.objects.filter(id=line.id).update(state=new, event_id=event)


@pytest.mark.parametrize("measure", ["disclosure", "preservation"])
def test_the_database_knows_no_kept_line_without_a_hold_or_of_a_disclosure(flow: Flow, measure: str) -> None:
    request = filed(flow, HIT, **(CIVIL | {"measure": measure}), answered=False)
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    line = request.lines.get()
    with acting(JOBS), transaction.atomic():
        event = record("line:held", "request", request.id, {}, new_state="HELD", members=[line.id])
        with pytest.raises(IntegrityError, match="never answered"), transaction.atomic():
            RequestLine.objects.filter(id=line.id).update(state="HELD", event_id=event)


def test_the_queue_asks_legal_staff_to_hold_it_and_nothing_else(flow: Flow, client: Client) -> None:
    request, _ = ordered(flow)
    log_in(client, flow.person("laura"))
    queue = reverse("admin:broker_disclosurerequest_changelist")
    page = client.get(queue).content.decode()
    assert "1 to hold or let expire" in page
    assert "to decide" not in page.replace("Nothing to decide", "")
    held(flow, request)
    assert request.reference not in client.get(queue).content.decode()


def test_an_order_that_fails_its_checks_keeps_nothing(flow: Flow) -> None:
    request = filed(flow, HIT, **CIVIL)
    flow.attach(request, civil_terms([HIT]), document=b"%PDF-1.7 nothing")
    flow.run()
    assert state(request) == State.REFUSED
    assert not HoldAct.objects.exists()
    with pytest.raises(TransitionConflict):
        held(flow, request)
    # A sound one can still be brought.
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    assert state(request) == State.UNDER_REVIEW


def test_an_order_about_another_address_keeps_nothing(flow: Flow) -> None:
    request = filed(flow, HIT, **CIVIL)
    flow.attach(request, civil_terms([MISS]))
    flow.run()
    assert state(request) == State.AWAITING_ORDER
    with pytest.raises(TransitionConflict):
        held(flow, request)


def test_when_the_last_day_has_passed_the_line_is_closed_and_nothing_is_kept(flow: Flow) -> None:
    request, _ = ordered(flow)
    held(flow, request, in_days(30))
    swept(flow)
    assert state(request) == State.HELD
    let_days_pass(31)
    swept(flow)
    assert state(request) == State.EXPIRED
    with acting(context_of(flow.person("carla"))):
        assert kept_until([request.lines.get().id]) == {}


def test_the_court_takes_its_order_back_and_nothing_is_kept_under_it(flow: Flow) -> None:
    request, order = ordered(flow)
    held(flow, request)
    marta = flow.person("marta")
    with acting(context_of(marta)):
        revoke_order(marta, order, "Issued in error.")
    assert state(request) == State.RECALLED
    swept(flow)
    assert HoldEnd.objects.get().why == "recalled"
    assert kept_rows() == []


def test_the_party_withdraws_it_or_legal_staff_end_it(flow: Flow) -> None:
    withdrawn, ended = ordered(flow)[0], ordered(flow)[0]
    for request in (withdrawn, ended):
        held(flow, request)
    carla, pedro = flow.person("carla"), flow.person("pedro")
    with acting(context_of(carla)):
        withdraw_request(carla, withdrawn)
    with acting(context_of(pedro)):
        end_hold(pedro, ended, [ended.lines.get().id], "The judge has decided.")
    swept(flow)
    assert (state(withdrawn), state(ended)) == (State.WITHDRAWN, State.EXPIRED)
    assert kept_rows() == []


def test_who_asked_and_the_court_see_through_which_day_and_nobody_sees_rows(flow: Flow) -> None:
    request, _ = ordered(flow)
    held(flow, request, in_days(40))
    line = request.lines.get()
    for who in ("carla", "marta"):
        with acting(context_of(flow.person(who))):
            assert kept_until([line.id]) == {line.id: in_days(40)}
            assert not HoldAct.objects.exists()
            told = [moment.text for moment in timeline([request.id], recipient=True)]
    assert "Log rows are kept, as was asked" in told
    # Of a disclosure nobody outside the operator learns that it is held.
    other = filed(flow, HIT)
    held(flow, other)
    with acting(context_of(flow.person("carla"))):
        assert kept_until([other.lines.get().id]) == {}


def test_a_hit_and_a_miss_are_preserved_alike(flow: Flow) -> None:
    found = []
    for line in (HIT, MISS):
        request = filed(flow, line, **PRESERVE)
        held(flow, request)
        events = Event.objects.filter(subject_id=request.id).order_by("recorded_at", "kind")
        found.append((state(request), sorted(event.kind for event in events)))
    assert found[0] == found[1]
    assert [rows for *_, rows in kept_rows()] == [1, 0]


def test_other_measures_are_refused_as_before(flow: Flow) -> None:
    for measure in ("disconnection", "filtering", "monitoring", "repeat-infringer-notice"):
        assert state(filed(flow, HIT, measure=measure)) == State.REFUSED


def test_every_answer_of_the_law_comes_out_the_same_again(flow: Flow, capsys: pytest.CaptureFixture[str]) -> None:
    request, _ = ordered(flow)
    held(flow, request)
    call_command("replay")
    assert "2 record(s): 2 the same byte for byte, 0 different." in capsys.readouterr().out

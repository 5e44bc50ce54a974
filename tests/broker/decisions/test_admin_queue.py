"""The queue: what needs legal staff, when it is due, how its lines stand."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from broker.decisions.models import Decision
from broker.decisions.queue import standings, with_due
from broker.decisions.services import decide
from broker.intake.models import DisclosureRequest
from broker.intake.services import withdraw_request
from broker.orders.services import correct_terms
from tests.support.accounts import log_in
from tests.support.cases import (
    Desk,
    assess,
    attach_and_check,
    cover,
    file_lines,
    line_ids,
    make_line,
    order_terms,
    signed_order,
)
from tests.support.court import Court, order_pdf

pytestmark = pytest.mark.django_db

QUEUE = "admin:broker_disclosurerequest_changelist"


@pytest.fixture
def client(desk: Desk) -> Client:
    client = Client()
    log_in(client, desk.ana)
    return client


def reviewed(desk: Desk, *, days: int = 20, count: int = 1) -> DisclosureRequest:
    """A request under review whose order, one of its own, is in force for so many days more."""
    lines = [make_line(number) for number in range(1, count + 1)]
    request = file_lines(desk, lines)
    expires_on = (timezone.now().date() + timedelta(days=days)).isoformat()
    document = signed_order(f"Auto {uuid.uuid4()}")
    attach_and_check(desk, request, [cover(line) for line in lines], document=document, expires_on=expires_on)
    assess(request)
    return request


def listed(client: Client, **filters: str) -> list[str]:
    """References of the requests the queue lists, in order."""
    answer = client.get(reverse(QUEUE), filters)
    assert answer.status_code == 200
    return [row.reference for row in answer.context["cl"].result_list]


def due_on(request: DisclosureRequest) -> date | None:
    return with_due(DisclosureRequest.objects.filter(id=request.id)).get().due_on  # type: ignore[attr-defined,no-any-return] # annotated


def test_shows_first_what_needs_legal_staff_and_is_due_soonest(desk: Desk, client: Client) -> None:
    later, sooner = reviewed(desk, days=30), reviewed(desk, days=2)
    waiting = file_lines(desk)
    assess(waiting)
    assert listed(client) == [sooner.reference, later.reference]
    assert set(listed(client, state="all")) == {sooner.reference, later.reference, waiting.reference}


def test_filters_by_the_state_of_any_line(desk: Desk, client: Client) -> None:
    request = reviewed(desk, count=2)
    decide(desk.ana, request, line_ids(request)[:1], Decision.Verdict.DENY, "no")
    assert listed(client, state="DENIED") == [request.reference]
    assert listed(client, state="UNDER_REVIEW") == [request.reference]
    assert listed(client, state="RELEASED") == []


def test_filters_by_due_day(desk: Desk, client: Client) -> None:
    soon, later = reviewed(desk, days=7), reviewed(desk, days=8)
    expired, none = reviewed(desk, days=-1), file_lines(desk)
    assess(none)
    assert listed(client, due="week") == [soon.reference]
    assert listed(client, due="later") == [later.reference]
    assert listed(client, due="overdue", state="all") == [expired.reference]
    assert listed(client, due="none", state="all") == [none.reference]


def test_filters_by_proceeding_and_place(desk: Desk, client: Client) -> None:
    request = reviewed(desk)
    assert listed(client, proceeding__exact="civil") == [request.reference]
    assert listed(client, proceeding__exact="criminal") == []
    assert listed(client, jurisdiction="es") == [request.reference]
    assert listed(client, jurisdiction="de") == []


def test_searches_by_reference_and_by_the_courts_file_number(desk: Desk, client: Client) -> None:
    one, other = reviewed(desk), reviewed(desk)
    assert listed(client, q=one.reference) == [one.reference]
    assert set(listed(client, q="DP 118/2026")) == {one.reference, other.reference}
    assert listed(client, q="DP 999/2026") == []


def test_due_is_the_expiry_in_the_newest_version_of_the_terms(desk: Desk) -> None:
    request = reviewed(desk, days=20)
    today = timezone.now().date()
    assert due_on(request) == today + timedelta(days=20)
    corrected = order_terms(desk, [cover(make_line(1))], expires_on=(today + timedelta(days=9)).isoformat())
    correct_terms(desk.clerk, request.orders.get(), corrected)
    assert due_on(request) == today + timedelta(days=9)


def test_nothing_is_due_once_every_line_is_decided(desk: Desk) -> None:
    request = reviewed(desk)
    decide(desk.ana, request, line_ids(request), Decision.Verdict.DENY, "no")
    assert due_on(request) is None


def test_nothing_is_due_under_an_order_that_was_rejected(desk: Desk) -> None:
    request = file_lines(desk)
    forger = Court.create("Juzgado de lo Mercantil de ejemplo", seed="forger")
    forged = forger.sign(order_pdf("Auto falso", ["Ejemplo ficticio."]))
    attach_and_check(desk, request, [cover(make_line(1))], document=forged)
    assert due_on(request) is None


def test_says_who_is_next_from_the_viewers_side(desk: Desk) -> None:
    request = reviewed(desk, count=3)
    ids = line_ids(request)
    decide(desk.ana, request, ids[:1], Decision.Verdict.APPROVE, "covered")
    seen_by_ana = standings(desk.ana, [request.id])[request.id].next_step()
    seen_by_luis = standings(desk.luis, [request.id])[request.id].next_step()
    assert seen_by_ana == "2 to decide; 1 wait for another person's second seat"
    assert seen_by_luis == "2 to decide; 1 for the second seat"
    assert "2 to decide" in str(standings(desk.marta, [request.id])[request.id].next_step())


def test_counts_lines_by_state(desk: Desk, client: Client) -> None:
    request = reviewed(desk, count=3)
    decide(desk.ana, request, line_ids(request)[:1], Decision.Verdict.DENY, "no")
    text = client.get(reverse(QUEUE)).content.decode()
    assert "2 under review" in text
    assert "1 denied" in text


def test_needs_as_many_queries_for_many_requests_as_for_one(desk: Desk, client: Client) -> None:
    reviewed(desk)
    client.get(reverse(QUEUE))
    with CaptureQueriesContext(connection) as one:
        assert len(listed(client)) == 1
    for _ in range(4):
        reviewed(desk, count=3)
    with CaptureQueriesContext(connection) as five:
        assert len(listed(client)) == 5
    assert len(five) == len(one)


def test_search_finds_a_request_that_needs_nobody(desk: Desk, client: Client) -> None:
    request = reviewed(desk)
    withdraw_request(request.filed_by, request)
    assert listed(client) == []
    assert listed(client, q=request.reference) == [request.reference]

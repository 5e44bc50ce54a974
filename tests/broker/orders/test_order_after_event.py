"""An order dated before what it is about is a question to whoever typed it, by the day of the court's own place.

The clerk is asked about the lines of the order when they are typed, and they are not taken; the party about those of
its request that the order covers, once the two are compared.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from broker.errors import InputError
from broker.intake.models import LineQuestion, State
from broker.intake.services import withdraw_request
from broker.intake.slip_questions import answer_question_about_line
from broker.orders.matching import Selector, TermsCheck, check_line
from broker.orders.models import CourtOrder, OrderTerms
from broker.orders.services import check_document, correct_terms
from tests.support.cases import (
    assess,
    attach_and_check,
    cover,
    file_lines,
    make_line,
    order_terms,
    signed_order,
    states,
)
from tests.support.court import order_pdf
from tests.support.parties import make_cast

MADRID = ZoneInfo("Europe/Madrid")


def check_32(at: datetime, issued_on: date, zone: ZoneInfo | None) -> TermsCheck:
    observed = Selector("198.51.100.23", None, at, at + timedelta(seconds=1))
    return next(check for check in check_line(observed, [], issued_on=issued_on, zone=zone) if check.number == 32)


@pytest.mark.parametrize(
    ("at", "zone", "passed"),
    [
        # Half past one at night of the 15th in Madrid is still the 14th in UTC.
        (datetime(2026, 9, 14, 23, 30, tzinfo=UTC), MADRID, False),
        (datetime(2026, 9, 14, 21, 59, tzinfo=UTC), MADRID, True),
        (datetime(2026, 9, 14, 22, 0, tzinfo=UTC), MADRID, False),
        (datetime(2026, 9, 15, 22, 0, tzinfo=UTC), None, True),
        (datetime(2026, 9, 16, 0, 0, tzinfo=UTC), None, False),
    ],
)
def test_an_order_of_the_14th_is_about_what_happened_by_then_in_its_own_place(
    at: datetime, zone: ZoneInfo | None, passed: bool
) -> None:
    assert check_32(at, date(2026, 9, 14), zone).passed is passed


def test_the_finding_asks_the_clerk_about_the_day_and_quotes_nothing() -> None:
    finding = check_32(datetime(2026, 9, 15, tzinfo=UTC), date(2026, 9, 1), MADRID)
    assert "Is its day typed as it stands in the order?" in finding.detail
    assert "2026" not in finding.detail


@pytest.mark.django_db
def test_a_line_after_the_day_of_its_order_is_asked_about_when_it_is_typed_and_nothing_is_stored() -> None:
    desk = make_cast().desk
    lines = [make_line(1), make_line(2)]
    request = file_lines(desk, lines)
    assess(request)
    # Half past midnight of the 15th in Madrid is the 14th in UTC.
    late = cover(lines[1], **{"from": "2026-09-14T22:30:00Z", "until": "2026-09-14T22:40:00Z"})
    with pytest.raises(InputError) as error:
        attach_and_check(desk, request, [cover(lines[0]), late], issued_on="2026-09-14")
    (problem,) = error.value.problems
    assert (problem.code, problem.field, problem.line) == ("line.after-order", "from", 2)
    assert "as they stand in the order?" in problem.message
    assert not CourtOrder.objects.exists()
    order = attach_and_check(desk, request, [cover(lines[0])], issued_on="2026-09-14")
    with pytest.raises(InputError, match=r"line\.after-order"):
        correct_terms(desk.clerk, order, order_terms(desk, [late], issued_on="2026-09-14"))
    assert OrderTerms.objects.count() == 1
    correct_terms(desk.clerk, order, order_terms(desk, [late], issued_on="2026-09-15"))


LATE = "2026-09-16T10:00:00+02:00"
# An order of the 14th that covers so much covers what happens after its day.
OVER_ITS_DAY = {"from": "2026-09-14T10:00:00Z", "until": "2026-09-30T10:00:00Z"}


def questions() -> list[tuple[int, str]]:
    return list(LineQuestion.objects.order_by("line__number").values_list("line__number", "code"))


@pytest.mark.django_db
def test_the_party_is_asked_about_a_line_that_an_order_is_dated_before_and_nobody_decides_on_it() -> None:
    desk = make_cast().desk
    lines = [make_line(1), make_line(2, observed_at=LATE)]
    request = file_lines(desk, lines)
    assess(request)
    assert states(request) == [State.AWAITING_ORDER, State.AWAITING_ORDER]
    attach_and_check(desk, request, [cover(lines[0]), cover(lines[1], **OVER_ITS_DAY)], issued_on="2026-09-14")
    assess(request)
    assert questions() == [(2, "ORDER_BEFORE_EVENT")]
    assert states(request) == [State.UNDER_REVIEW, State.INCOMPLETE]
    answer_question_about_line(desk.filer, request, LineQuestion.objects.get().id, "compared", "The log says so.")
    assess(request)
    # It is no more covered than before: what happens after an order is not answered under it.
    assert states(request) == [State.UNDER_REVIEW, State.AWAITING_ORDER]


@pytest.mark.django_db
def test_a_line_that_waits_for_an_order_of_its_own_is_not_asked_about_because_of_an_earlier_one() -> None:
    desk = make_cast().desk
    lines = [make_line(1), make_line(2, observed_at=LATE)]
    request = file_lines(desk, lines)
    attach_and_check(desk, request, [cover(lines[0])], issued_on="2026-09-14")
    assess(request)
    assert (questions(), states(request)) == ([], [State.UNDER_REVIEW, State.AWAITING_ORDER])
    own = cover(lines[1], **{"from": "2026-09-16T07:00:00Z", "until": "2026-09-16T09:00:00Z"})
    attach_and_check(desk, request, [own], issued_on="2026-09-17", document=signed_order("Segundo auto de ejemplo"))
    assess(request)
    assert (questions(), states(request)[1]) == ([], State.UNDER_REVIEW)


@pytest.mark.django_db
def test_a_line_is_asked_about_once_and_not_once_it_is_closed() -> None:
    desk = make_cast().desk
    lines = [make_line(1), make_line(2, observed_at=LATE), make_line(3, observed_at=LATE)]
    request = file_lines(desk, lines)
    withdraw_request(desk.filer, request, [3])
    covered = [cover(lines[0]), *(cover(line, **OVER_ITS_DAY) for line in lines[1:])]
    order = attach_and_check(desk, request, covered, issued_on="2026-09-14")
    assert questions() == [(2, "ORDER_BEFORE_EVENT")]
    correct_terms(desk.clerk, order, order_terms(desk, covered, issued_on="2026-09-15"))
    with transaction.atomic():
        check_document(order.id)
    assert questions() == [(2, "ORDER_BEFORE_EVENT")]


@pytest.mark.django_db
def test_an_order_that_was_rejected_raises_no_question() -> None:
    desk = make_cast().desk
    lines = [make_line(1), make_line(2, observed_at=LATE)]
    request = file_lines(desk, lines)
    unsigned = order_pdf("Auto de ejemplo", ["Ejemplo ficticio."])
    covered = [cover(lines[0]), cover(lines[1], **OVER_ITS_DAY)]
    order = attach_and_check(desk, request, covered, issued_on="2026-09-14", document=unsigned)
    assert order.state == CourtOrder.State.REJECTED
    assert questions() == []

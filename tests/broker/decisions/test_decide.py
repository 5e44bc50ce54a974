"""Two different people of the operator decide; nothing else makes a line APPROVED."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pyrage import x25519

from broker.decisions.models import Decision, Tranche
from broker.decisions.services import decide
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.intake.models import RequestLine
from broker.orders.services import correct_terms
from broker.outbox.models import OutboxRow
from broker.parties.models import RecipientKey, Role, User
from broker.parties.services import register_recipient_key
from tests.support.cases import (
    Desk,
    assess,
    attach_and_check,
    cover,
    file_lines,
    line_ids,
    make_account,
    make_line,
    make_reviewed,
    order_terms,
    signed_order,
    states,
)
from tests.support.rows import assess_as

pytestmark = pytest.mark.django_db

APPROVE, DENY = Decision.Verdict.APPROVE, Decision.Verdict.DENY


def test_first_approval_leaves_the_line_under_review(desk: Desk) -> None:
    request = make_reviewed(desk)
    assert decide(desk.ana, request, line_ids(request), APPROVE, "covered") is None
    assert states(request) == ["UNDER_REVIEW"]
    assert not Tranche.objects.exists()


def test_second_persons_approval_makes_one_tranche_and_asks_for_its_release(desk: Desk) -> None:
    request = make_reviewed(desk, 3)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    tranche = decide(desk.luis, request, line_ids(request), APPROVE, "agreed")
    assert states(request) == ["APPROVED"] * 3
    assert tranche is not None
    assert tranche.tranche_lines.count() == 3
    assert tranche.terms.order.request_id == request.id
    assert tranche.recipient_key == RecipientKey.objects.get(organisation=desk.counsel)
    assert OutboxRow.objects.filter(kind=OutboxRow.Kind.RELEASE, subject_id=tranche.id, done=False).count() == 1


def test_key_registered_after_approval_does_not_redirect_the_answer(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    tranche = decide(desk.luis, request, line_ids(request), APPROVE, "agreed")
    assert tranche is not None
    frozen = tranche.recipient_key_id
    register_recipient_key(desk.filer, str(x25519.Identity.generate().to_public()))
    tranche.refresh_from_db()
    assert tranche.recipient_key_id == frozen
    assert RecipientKey.objects.get(id=frozen).withdrawn_at is not None


def test_refuses_second_seat_to_the_person_of_the_first(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    with pytest.raises(NotAllowed, match="somebody else"):
        decide(desk.ana, request, line_ids(request), APPROVE, "again")
    assert states(request) == ["UNDER_REVIEW"]


def test_refuses_second_seat_to_another_account_of_the_same_person(desk: Desk) -> None:
    twin = make_account(desk.operator, Role.LEGAL, "ana-2", "Ana Arroyo", person_id=desk.ana.person_id)
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    with pytest.raises(NotAllowed, match="somebody else"):
        decide(twin, request, line_ids(request), APPROVE, "also me")


@pytest.mark.parametrize("role", ["filer", "clerk"])
def test_refuses_whoever_filed_the_request_or_brought_its_order(desk: Desk, role: str) -> None:
    involved: User = getattr(desk, role)
    same_person = make_account(desk.operator, Role.LEGAL, "second-job", "Somebody", person_id=involved.person_id)
    request = make_reviewed(desk)
    for verdict in (APPROVE, DENY):
        with pytest.raises(NotAllowed, match="others decide"):
            decide(same_person, request, line_ids(request), verdict, "my own")
    assert not Decision.objects.exists()


def test_refuses_whoever_entered_a_correction_of_the_terms(desk: Desk) -> None:
    colleague = make_account(desk.court, Role.CLERK, "clerk-2", "Clara's colleague")
    request = make_reviewed(desk)
    correct_terms(colleague, request.orders.get(), order_terms(desk, [cover(make_line(1))]))
    same_person = make_account(desk.operator, Role.LEGAL, "second-job", "Somebody", person_id=colleague.person_id)
    with pytest.raises(NotAllowed, match="others decide"):
        decide(same_person, request, line_ids(request), DENY, "my own")


@pytest.mark.parametrize("who", ["filer", "clerk"])
def test_refuses_people_who_are_not_legal_staff(desk: Desk, who: str) -> None:
    request = make_reviewed(desk)
    with pytest.raises(NotAllowed, match="legal staff"):
        decide(getattr(desk, who), request, line_ids(request), APPROVE, "please")


def test_refuses_engineers_of_the_operator(desk: Desk) -> None:
    engineer = make_account(desk.operator, Role.ENGINEER, "engineer", "Enzo Engineer")
    request = make_reviewed(desk)
    with pytest.raises(NotAllowed, match="legal staff"):
        decide(engineer, request, line_ids(request), DENY, "no")


def test_denial_by_the_first_seat_ends_the_round(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), DENY, "not covered")
    assert states(request) == ["DENIED"]
    with pytest.raises(TransitionConflict):
        decide(desk.luis, request, line_ids(request), APPROVE, "but I think so")


def test_denial_by_the_second_seat_ends_the_round(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    decide(desk.luis, request, line_ids(request), DENY, "the judge is not competent")
    assert states(request) == ["DENIED"]
    assert not Tranche.objects.exists()


def test_approval_needs_an_answer_of_the_law_that_allows_it(desk: Desk) -> None:
    request = make_reviewed(desk)
    terms = request.orders.get().terms.get()
    for outcome in ("REFUSED", "INCOMPLETE", "NEEDS_JUDGEMENT"):
        assess_as(request, terms, outcome)
        with pytest.raises(TransitionConflict, match=r"does not allow|have not concluded"):
            decide(desk.ana, request, line_ids(request), APPROVE, "I want to")
    assess_as(request, terms, "PERMITTED")
    for person in (desk.ana, desk.luis):
        decide(person, request, line_ids(request), APPROVE, "the law allows it")
    assert states(request) == ["APPROVED"]


def test_two_approvals_rest_on_the_same_answer_of_the_law(desk: Desk) -> None:
    request = make_reviewed(desk)
    terms = request.orders.get().terms.get()
    decide(desk.ana, request, line_ids(request), APPROVE, "the law allows it")
    assess_as(request, terms, "PERMITTED")
    with pytest.raises(TransitionConflict, match="has changed"):
        decide(desk.luis, request, line_ids(request), APPROVE, "the law allows something else")
    assert states(request) == ["UNDER_REVIEW"]


def test_what_the_law_does_not_allow_can_still_be_denied(desk: Desk) -> None:
    request = make_reviewed(desk)
    assess_as(request, request.orders.get().terms.get(), "NEEDS_JUDGEMENT")
    decide(desk.ana, request, line_ids(request), DENY, "weighed, and no")
    assert states(request) == ["DENIED"]


def test_request_that_studies_a_past_day_is_never_approved(desk: Desk) -> None:
    yesterday = timezone.now().date() - timedelta(days=1)
    request = make_reviewed(desk, as_of=yesterday)
    assert states(request) == ["UNDER_REVIEW"]
    with pytest.raises(NotAllowed, match="never be approved"):
        decide(desk.ana, request, line_ids(request), APPROVE, "looks fine")


def test_refuses_approval_while_there_is_no_key_to_seal_to(desk: Desk) -> None:
    request = make_reviewed(desk)
    RecipientKey.objects.filter(organisation=desk.counsel).update(withdrawn_at=timezone.now())
    with pytest.raises(NotAllowed, match="key"):
        decide(desk.ana, request, line_ids(request), APPROVE, "covered")


def test_no_other_order_comes_between_two_approvals(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "under the first order")
    with pytest.raises(NotAllowed, match="under way"):
        attach_and_check(desk, request, [cover(make_line(1))], document=signed_order("Otro auto"))
    assert request.orders.count() == 1


def test_terms_do_not_change_under_a_decision(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    with pytest.raises(NotAllowed, match="decision"):
        correct_terms(desk.clerk, request.orders.get(), order_terms(desk, [cover(make_line(2))]))


def test_line_that_the_order_does_not_cover_is_not_decided(desk: Desk) -> None:
    lines = [make_line(1), make_line(2)]
    request = file_lines(desk, lines)
    attach_and_check(desk, request, [cover(lines[0])])
    assess(request)
    assert states(request) == ["UNDER_REVIEW", "AWAITING_ORDER"]
    with pytest.raises(TransitionConflict, match="1 of 2"):
        decide(desk.ana, request, line_ids(request), APPROVE, "both")
    assert not Decision.objects.exists()


def test_lines_of_another_request_are_not_decided_along(desk: Desk) -> None:
    one, other = make_reviewed(desk), file_lines(desk)
    with pytest.raises(TransitionConflict):
        decide(desk.ana, one, [*line_ids(one), *line_ids(other)], DENY, "all of it")
    assert states(one) == ["UNDER_REVIEW"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
def test_reason_is_required_and_bounded(desk: Desk, reason: str) -> None:
    request = make_reviewed(desk)
    with pytest.raises(InputError) as refused:
        decide(desk.ana, request, line_ids(request), APPROVE, reason)
    assert [problem.field for problem in refused.value.problems] == ["reason"]


def test_no_lines_is_no_decision(desk: Desk) -> None:
    request = make_reviewed(desk)
    with pytest.raises(InputError) as refused:
        decide(desk.ana, request, [], DENY, "nothing")
    assert [problem.field for problem in refused.value.problems] == ["lines"]


def test_each_approval_names_the_assessment_it_rests_on(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    line = RequestLine.objects.get(request=request)
    assert Decision.objects.get().assessment == line.assessments.latest("sequence")


def test_lines_seated_differently_are_approved_only_where_both_seats_are_taken(desk: Desk) -> None:
    request = make_reviewed(desk, 3)
    ids = line_ids(request)
    decide(desk.ana, request, ids[:2], APPROVE, "the first two")
    tranche = decide(desk.luis, request, ids, APPROVE, "all three")
    assert states(request) == ["APPROVED", "APPROVED", "UNDER_REVIEW"]
    assert tranche is not None
    assert sorted(tranche.tranche_lines.values_list("line_id", flat=True)) == sorted(ids[:2])


def test_thousand_lines_are_decided_in_one_go(desk: Desk) -> None:
    request = make_reviewed(desk, 1000)
    # Autovacuum may have looked while these tables held nothing but what other tests had rolled back: to the planner
    # they are empty then, and it compares all lines with all lines. In service nothing is rolled back that often.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
    decide(desk.ana, request, line_ids(request), APPROVE, "all of annex 1")
    tranche = decide(desk.luis, request, line_ids(request), APPROVE, "agreed")
    assert states(request) == ["APPROVED"] * 1000
    assert tranche is not None
    assert tranche.tranche_lines.count() == 1000
    assert Decision.objects.filter(line__request=request).count() == 2000

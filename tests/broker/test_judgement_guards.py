"""The database itself keeps what people judge: tried by SQL-like inserts that go past the services."""

from __future__ import annotations

import itertools
import random
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.decisions.balancing.models import GRADES, Balancing, Conclusion, Grading, SecondReview
from broker.decisions.balancing.selectors import course_of
from broker.decisions.models import Decision
from broker.intake.models import DisclosureRequest
from broker.parties.models import Role, User
from tests.support.cases import Desk, line_ids
from tests.support.judgement import (
    AGAINST,
    FOR,
    SETTLING,
    STALEMATE,
    ask_the_law_again,
    digest_of,
    make_judged,
    make_judged_by_services,
)
from tests.support.rows import SET_STATE, assess_as, decide_as, event_for, make_user, refused

pytestmark = pytest.mark.django_db


def event_of(request: DisclosureRequest) -> uuid.UUID:
    return record("balancing:tried", "request", request.id)


def begin(request: DisclosureRequest, **changes: Any) -> Balancing:
    row: dict[str, Any] = {"record_id": digest_of(request), "rule": "sensitive-works", "kind": "weigh"}
    return Balancing.objects.create(request=request, event_id=event_of(request), **{**row, **changes})


def grade(balancing: Balancing, user: User, seat: int, grades: Any = FOR, **changes: Any) -> Grading:
    columns: dict[str, Any] = {"ended": grades} if isinstance(grades, str) else {}
    if not columns:
        columns = dict(zip(GRADES, grades, strict=True))
    row = {"person": user.person_id, "graded_by": user, "content": _content(grades)}
    return Grading.objects.create(
        balancing=balancing, seat=seat, event_id=event_of(balancing.request), **{**row, **columns, **changes}
    )


def _content(grades: Any) -> dict[str, Any]:
    rejected = "" if grades == "necessary" else "no"
    means = [] if grades == "suitable" else [{"text": "a notice", "rejected": rejected}]
    return {"steps": {}, "means": means, "reasons": {}, "factors": []}


def end(balancing: Balancing, user: User, favourable: bool, **changes: Any) -> Conclusion:
    row = {"person": user.person_id, "given_by": user, "content": "{}", "digest": sha256_hex(b"{}")}
    return Conclusion.objects.create(
        balancing=balancing,
        favourable=favourable,
        reason="r",
        event_id=event_of(balancing.request),
        **{**row, **changes},
    )


def look(balancing: Balancing, user: User, favourable: bool) -> SecondReview:
    return SecondReview.objects.create(
        balancing=balancing,
        favourable=favourable,
        reason="r",
        person=user.person_id,
        given_by=user,
        event_id=event_of(balancing.request),
    )


def judged(request: DisclosureRequest) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT judged_in_favour(%s, %s)", [request.id, digest_of(request)])
        return bool(cursor.fetchone()[0])


def favourable(desk: Desk) -> tuple[DisclosureRequest, Balancing]:
    request = make_judged(desk)
    balancing = begin(request)
    grade(balancing, desk.ana, 1)
    grade(balancing, desk.luis, 2)
    end(balancing, desk.ana, True)
    return request, balancing


def test_python_and_sql_read_every_pair_of_gradings_alike(desk: Desk) -> None:
    rng = random.Random(7)
    every: list[Any] = [*itertools.product((1, 2, 4), repeat=6), "suitable", "necessary"]
    request = make_judged(desk)
    seen = set()
    for one, other in [(rng.choice(every), rng.choice(every)) for _ in range(120)] + [(FOR, FOR), (STALEMATE, FOR)]:
        sid = transaction.savepoint()
        balancing = begin(request)
        grade(balancing, desk.ana, 1, one)
        grade(balancing, desk.luis, 2, other)
        course = course_of(balancing, "weigh")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT balancing_needs_third(%(b)s, true), balancing_needs_third(%(b)s, false), "
                "balancing_differs(%(b)s), balancing_is_barred(%(b)s)",
                {"b": balancing.id},
            )
            said = cursor.fetchone()
        ours = (course.needs_third(True), course.needs_third(False), course.waits_for_review, course.is_barred)
        assert said == ours, (one, other)
        seen.add(ours)
        transaction.savepoint_rollback(sid)
    assert len(seen) >= 4


def test_stands_with_two_gradings_and_a_conclusion(desk: Desk) -> None:
    request, _ = favourable(desk)
    assert judged(request)
    line = request.lines.get()
    decide_as(line, desk.ana, 1)
    decide_as(line, desk.luis, 2)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SET_STATE, ["APPROVED", event_for(request, "APPROVED"), request.id])
    assert request.lines.get().state == "APPROVED"


def test_refuses_an_approval_before_anything_was_concluded(desk: Desk) -> None:
    request = make_judged(desk)
    with pytest.raises(IntegrityError, match="needs their conclusion"), transaction.atomic():
        decide_as(request.lines.get(), desk.ana, 1)
    decide_as(request.lines.get(), desk.ana, 1, "deny")


def test_refuses_approved_when_the_record_decided_on_is_not_the_newest(desk: Desk) -> None:
    request, _ = favourable(desk)
    line = request.lines.get()
    decide_as(line, desk.ana, 1)
    decide_as(line, desk.luis, 2)
    other = Decision.objects.filter(line=line)[0].assessment
    assess_as(request, other.terms, "CONDITIONAL")
    refused("that permits", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_approved_on_another_record_of_the_same_outcome_and_grant(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    balancing = begin(request)
    grade(balancing, desk.ana, 1)
    grade(balancing, desk.luis, 2)
    end(balancing, desk.ana, True)
    line = request.lines.get()
    decide_as(line, desk.ana, 1)
    decide_as(line, desk.luis, 2)
    # The law is asked again and says the same, on an answer that is another row: another record.
    ask_the_law_again(request, desk.ana)
    refused("exactly this assessment", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


def test_refuses_a_balancing_of_what_the_law_leaves_to_nobody(desk: Desk) -> None:
    request, other = make_judged(desk), make_judged(desk, SETTLING)
    for changes in (
        {"rule": "another"},
        {"kind": "review"},
        {"rule": "abusive-request", "kind": "review"},
        {"record_id": digest_of(other)},
    ):
        with pytest.raises(IntegrityError, match="leaves to people"), transaction.atomic():
            begin(request, **changes)


def test_refuses_a_second_balancing_of_the_same(desk: Desk) -> None:
    request = make_judged(desk)
    begin(request)
    with pytest.raises(IntegrityError, match="once_a_record"), transaction.atomic():
        begin(request)


def test_refuses_one_person_in_both_seats(desk: Desk) -> None:
    balancing = begin(make_judged(desk))
    grade(balancing, desk.ana, 1)
    alias = make_user(desk.operator, Role.LEGAL, person_id=desk.ana.person_id)
    for user in (desk.ana, alias):
        with pytest.raises(IntegrityError, match="two_people"), transaction.atomic():
            grade(balancing, user, 2)


@pytest.mark.parametrize("seat", [2, 3, 0])
def test_refuses_a_seat_out_of_order(desk: Desk, seat: int) -> None:
    balancing = begin(make_judged(desk))
    with pytest.raises(IntegrityError), transaction.atomic():
        grade(balancing, desk.ana, seat)


def test_refuses_to_grade_what_one_has_seen_graded_and_what_is_no_longer_the_newest(desk: Desk) -> None:
    request = make_judged_by_services(desk)
    old = begin(request)
    grade(old, desk.ana, 1)
    ask_the_law_again(request, desk.luis)
    with pytest.raises(IntegrityError, match="only the newest answer"), transaction.atomic():
        grade(old, desk.luis, 2)
    # Ana's grading was never shown, so she grades again; after that nobody of these two does.
    seen = begin(request)
    grade(seen, desk.ana, 1)
    grade(seen, desk.luis, 2)
    ask_the_law_again(request, desk.luis)
    newest = begin(request)
    alias = make_user(desk.operator, Role.LEGAL, person_id=desk.ana.person_id)
    for user in (desk.ana, desk.luis, alias):
        with pytest.raises(IntegrityError, match="has seen this graded"), transaction.atomic():
            grade(newest, user, 1)
    grade(newest, desk.marta, 1)


def test_refuses_a_third_grading(desk: Desk) -> None:
    _, balancing = favourable(desk)
    for seat in (1, 2, 3):
        with pytest.raises(IntegrityError), transaction.atomic():
            grade(balancing, desk.marta, seat)


def test_refuses_grades_on_no_scale_or_half_of_them(desk: Desk) -> None:
    balancing = begin(make_judged(desk))
    for changes in ({"interference": 3}, {"importance": None}, {"ended": "suitable"}, {"ended": "unknown"}):
        with pytest.raises(IntegrityError, match="whole_or_ended"), transaction.atomic():
            grade(balancing, desk.ana, 1, **changes)


@pytest.mark.parametrize("who", ["filer", "clerk", "engineer", "former"])
def test_refuses_judges_who_are_none(desk: Desk, who: str) -> None:
    people = {
        "filer": lambda: make_user(desk.operator, Role.LEGAL, person_id=desk.filer.person_id),
        "clerk": lambda: make_user(desk.operator, Role.LEGAL, person_id=desk.clerk.person_id),
        "engineer": lambda: make_user(desk.operator, Role.ENGINEER),
        "former": lambda: make_user(desk.operator, Role.LEGAL, is_active=False),
    }
    user = people[who]()
    balancing = begin(make_judged(desk))
    for act in (lambda: grade(balancing, user, 1), lambda: end(balancing, user, True)):
        with pytest.raises(IntegrityError, match=r"legal staff|does not judge"), transaction.atomic():
            act()


def test_refuses_a_judgement_in_somebody_elses_person(desk: Desk) -> None:
    balancing = begin(make_judged(desk))
    with pytest.raises(IntegrityError, match="own person"), transaction.atomic():
        grade(balancing, desk.ana, 1, person=desk.luis.person_id)


def test_refuses_a_conclusion_before_two_people_have_graded(desk: Desk) -> None:
    balancing = begin(make_judged(desk))
    grade(balancing, desk.ana, 1)
    with pytest.raises(IntegrityError, match="two people have graded"), transaction.atomic():
        end(balancing, desk.ana, True)


def test_refuses_a_conclusion_where_two_differ_before_a_third_person(desk: Desk) -> None:
    request = make_judged(desk)
    balancing = begin(request)
    grade(balancing, desk.ana, 1)
    grade(balancing, desk.luis, 2, AGAINST)
    with pytest.raises(IntegrityError, match="a third reviews"), transaction.atomic():
        end(balancing, desk.ana, True)
    for involved in (desk.ana, desk.luis):
        with pytest.raises(IntegrityError, match="third person"), transaction.atomic():
            look(balancing, involved, True)
    look(balancing, desk.marta, True)
    with pytest.raises(IntegrityError, match="a third reviews"), transaction.atomic():
        end(balancing, desk.marta, True)
    assert not judged(request)
    end(balancing, desk.ana, True)
    assert judged(request)


def test_refuses_a_conclusion_for_what_both_found_ended(desk: Desk) -> None:
    balancing = begin(make_judged(desk))
    grade(balancing, desk.ana, 1, "necessary")
    grade(balancing, desk.luis, 2, "necessary")
    with pytest.raises(IntegrityError, match="made up for by nothing"), transaction.atomic():
        end(balancing, desk.marta, True)


def test_refuses_a_conclusion_for_a_tie(desk: Desk) -> None:
    request = make_judged(desk)
    balancing = begin(request)
    grade(balancing, desk.ana, 1, STALEMATE)
    grade(balancing, desk.luis, 2, STALEMATE)
    with pytest.raises(IntegrityError, match="made up for by nothing"), transaction.atomic():
        end(balancing, desk.marta, True)
    # A conclusion of before, past the guard, opens nothing either, also with a third person who agrees.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE balancing_conclusion DISABLE TRIGGER balancing_conclusion_guard")
    end(balancing, desk.ana, True)
    look(balancing, desk.marta, True)
    assert not judged(request)


def test_a_conclusion_against_the_formula_does_not_stand_alone(desk: Desk) -> None:
    request = make_judged(desk)
    balancing = begin(request)
    grade(balancing, desk.ana, 1, AGAINST)
    grade(balancing, desk.luis, 2, AGAINST)
    end(balancing, desk.ana, True)
    assert not judged(request)
    look(balancing, desk.marta, True)
    assert judged(request)


def test_refuses_a_third_person_whom_nothing_calls_in(desk: Desk) -> None:
    _, balancing = favourable(desk)
    with pytest.raises(IntegrityError, match="nothing calls in"), transaction.atomic():
        look(balancing, desk.marta, True)


def test_refuses_a_grading_of_what_is_no_weighing(desk: Desk) -> None:
    balancing = begin(make_judged(desk, SETTLING), rule="abusive-request", kind="review")
    with pytest.raises(IntegrityError, match="only a weighing"), transaction.atomic():
        grade(balancing, desk.ana, 1)


def test_refuses_a_record_under_a_wrong_digest(desk: Desk) -> None:
    balancing = begin(make_judged(desk, SETTLING), rule="abusive-request", kind="review")
    with pytest.raises(IntegrityError, match="digest"), transaction.atomic():
        end(balancing, desk.ana, True, content='{"other": 1}')


@pytest.mark.parametrize("table", ["balancing", "balancing_grading", "balancing_conclusion", "balancing_review"])
def test_refuses_to_rewrite_or_delete_what_people_judged(desk: Desk, table: str) -> None:
    favourable(desk)
    if table == "balancing_review":
        other = begin(make_judged(desk))
        grade(other, desk.ana, 1)
        grade(other, desk.luis, 2, AGAINST)
        look(other, desk.marta, True)
    refused("only ever added", f"UPDATE {table} SET id = id")
    refused("only ever added", f"DELETE FROM {table}")


def test_one_lines_conclusion_says_nothing_about_another_request(desk: Desk) -> None:
    favourable(desk)
    other = make_judged(desk)
    assert len(line_ids(other)) == 1
    assert not judged(other)

"""The steps people take in judging one request, by the services, and whether they may then approve it."""

from __future__ import annotations

from typing import Any

from django.db import connection

from broker.decisions.balancing.models import Conclusion, Grading
from broker.decisions.balancing.selectors import judged_records
from broker.decisions.balancing.services import conclude, give_grading, review
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.intake.models import DisclosureRequest
from broker.parties.models import User
from tests.support.cases import Desk, line_ids
from tests.support.judgement import FOR, digest_of, given

ENDING: dict[str, Any] = {"notice_plan": "With the answer, by post.", "redress": "Opposition within five days."}


def grade(user: User, request: DisclosureRequest, grades: Any = FOR) -> Grading:
    """Grade as one person. grades: as `given` takes them, or changes to its answers."""
    answers = given(**grades) if isinstance(grades, dict) else given(grades)
    return give_grading(user, request, digest_of(request), 0, answers)


def end(user: User, request: DisclosureRequest, favourable: bool) -> Conclusion:
    """Conclude for or against the disclosure."""
    return conclude(user, request, digest_of(request), 0, favourable, "After reading both.", **ENDING)


def look(user: User, request: DisclosureRequest, favourable: bool) -> None:
    """Review as the third person."""
    review(user, request, digest_of(request), 0, favourable, "I read the order and both gradings.")


def approve(desk: Desk, request: DisclosureRequest) -> None:
    """Approve every line, by two people."""
    for person in (desk.ana, desk.luis):
        decide(person, request, line_ids(request), Decision.Verdict.APPROVE, "concluded for it")


def may_be_approved(request: DisclosureRequest) -> bool:
    """Ask Python and the database alike; they have to say the same."""
    digest = digest_of(request)
    said = digest in judged_records(request.id, [digest])
    with connection.cursor() as cursor:
        cursor.execute("SELECT judged_in_favour(%s, %s)", [request.id, digest])
        assert cursor.fetchone()[0] is said
    return bool(said)

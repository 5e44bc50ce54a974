"""What the people of a harmless civil case say: the requester, the order, the operator's legal staff.

The one place of the tests that knows which questions the law of Spain asks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.assessment.services import answer_question
from broker.intake.models import DisclosureRequest, Proceeding
from broker.parties.middleware import context_of
from broker.parties.models import User
from broker.row_context import acting

# What a rightholder says of itself when it files.
STATEMENTS: dict[str, Any] = {
    "civil-matter": "intellectual-property",
    "applicant-holds-rights": True,
    "suit-prepared": True,
    "applicant-declares-no-abuse": True,
    "applicant-names-recording-basis": True,
}

# What a court's civil order finds when it says everything the law wants to read in it.
FINDINGS: dict[str, Any] = {
    "instrument": "national-order",
    "order-cites-basis": True,
    "order-finds-evidence": True,
    "order-finds-usefulness": True,
    "order-weighs": True,
    "order-finds-title": True,
    "order-states-redress": True,
    "order-defers-notice": False,
    "order-finds-appreciable-volume": True,
    "order-finds-not-mere-consumer": True,
    "order-finds-service-relation": True,
    "security-lodged": True,
}

# What one, and what two of the legal staff say about a civil request in which nothing is special.
STAFF_ANSWERS: dict[str, Any] = {"settlement-pattern": False}
ANSWERS_OF_TWO: dict[str, Any] = {"works-sensitive": False}


def answer_as_staff(request: DisclosureRequest, staff: Sequence[User]) -> None:
    """Answer a civil request's questions to the operator's legal staff, as two of them; others are asked nothing."""
    if request.proceeding != Proceeding.CIVIL:
        return
    first, second = staff
    said = [(first, STAFF_ANSWERS), (first, ANSWERS_OF_TWO), (second, ANSWERS_OF_TWO)]
    for person, answers in said:
        with acting(context_of(person)):
            for fact, value in answers.items():
                answer_question(person, request, fact, value, "Seen in annex 1.")

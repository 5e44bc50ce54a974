"""The one place that says who may see which rows. Strangers are told that there is nothing.

Every page, API answer and admin list starts from `visible_to`. A model that is not listed here is seen by nobody.
"""

from __future__ import annotations

import uuid
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from broker.errors import NotFound
from broker.parties.models import Role, User

M = TypeVar("M", bound=Model)

# Where each model keeps the request it belongs to, as a lookup path; "" is the request itself.
_TO_REQUEST: dict[str, str] = {
    "disclosurerequest": "",
    "requestline": "request__",
    "evidencefile": "request__",
    "linequestion": "line__request__",
    "courtorder": "request__",
    "orderterms": "order__request__",
    "ordercheck": "order__request__",
    "lineassessment": "line__request__",
    "factanswer": "request__",
    "decision": "line__request__",
    "tranche": "request__",
    "sealedrelease": "tranche__request__",
}
# What is inside the operator: who decided and why is not shown to the parties.
_OPERATOR_ONLY = {"decision", "factanswer"}
# What only the party that asked may fetch, beside legal staff: the court knows that an answer exists from the line's
# state, and what was typed from which evidence is between who typed it and who decides.
_REQUESTER_ONLY = {"sealedrelease", "evidencefile", "linequestion"}


def visible_to(user: User, rows: QuerySet[M]) -> QuerySet[M]:
    """Narrow rows to those the user may see; none for an unknown model, role or an inactive user."""
    name = rows.model._meta.model_name or ""
    if not user.is_active:
        return rows.none()
    if name == "recipientkey":
        return rows.filter(organisation=user.organisation_id)
    if name == "event":
        return rows if user.role == Role.AUDITOR else rows.none()
    if name == "user":
        return rows if user.is_staff else rows.none()
    if name not in _TO_REQUEST:
        return rows.none()
    condition = _request_condition(user, _TO_REQUEST[name], name)
    return rows.none() if condition is None else rows.filter(condition)


def _request_condition(user: User, path: str, name: str) -> Q | None:
    if user.role == Role.LEGAL:
        return Q()
    if name in _OPERATOR_ONLY:
        return None
    if user.role in (Role.COUNSEL, Role.AUTHORITY):
        return Q(**{f"{path}organisation": user.organisation_id})
    if user.role == Role.CLERK and name not in _REQUESTER_ONLY:
        return Q(**{f"{path}court": user.organisation_id})
    return None


def get_visible(user: User, rows: QuerySet[M], identifier: Any, field: str = "id") -> M:
    """Fetch one row the user may see; raise NotFound alike for a stranger's row, no row and a malformed id."""
    try:
        if field == "id" and not isinstance(identifier, uuid.UUID):
            identifier = uuid.UUID(str(identifier))
        found = visible_to(user, rows).filter(**{field: identifier}).first()
    except (ValueError, ValidationError):
        found = None
    if found is None:
        raise NotFound("There is nothing with this id that you may see. Check the id, or ask who sent it to you.")
    return found

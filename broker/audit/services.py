"""The only door into the log."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from broker.audit.models import Event
from broker.errors import BrokerError


class AuditError(BrokerError):
    """An event was about to be written outside a transaction, or with a body that may hold personal data."""

    code = "audit.refused"


# Bodies hold codes, ids, digests and counts. Text with spaces, '@' or address shapes has no business here.
_SAFE_TEXT = re.compile(r"[A-Za-z0-9_:./+-]{0,128}")
_ADDRESS = re.compile(r"(\d{1,3}\.){3}\d{1,3}|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,}")


def record(
    kind: str,
    subject_kind: str,
    subject_id: uuid.UUID,
    facts: Mapping[str, Any] | None = None,
    *,
    actor: uuid.UUID | None = None,
    new_state: str | None = None,
    members: Iterable[uuid.UUID] | None = None,
) -> uuid.UUID:
    """Write one event in the current transaction and return its id.

    kind: `subject:action`, append-only, never renamed.
    facts: JSON values; strings are codes, ids or digests.
    actor: the pseudonymous id of the person who acted; None for the software itself.
    new_state, members: for events that move state: the state, and the ids of all rows that move with it.

    Raises AuditError outside a transaction, or when a body could hold an address or free text.
    """
    if not connection.in_atomic_block:
        raise AuditError(f"Event {kind} must be written in the transaction of the change it records.")
    body = dict(facts or {})
    _refuse_personal_data(kind, body)
    event = Event(
        kind=kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        actor=actor,
        new_state=new_state,
        members_digest=None if members is None else members_digest(members),
        body=body,
    )
    event.save(force_insert=True)
    return event.id


def members_digest(ids: Iterable[uuid.UUID]) -> str:
    """SHA-256 over the ids that one event moves, sorted as text and joined by commas; the triggers agree."""
    return hashlib.sha256(",".join(sorted(map(str, ids))).encode("ascii")).hexdigest()


def _refuse_personal_data(kind: str, value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_personal_data(kind, key)
            _refuse_personal_data(kind, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_personal_data(kind, item)
    elif isinstance(value, str):
        if not _SAFE_TEXT.fullmatch(value) or _ADDRESS.fullmatch(value):
            raise AuditError(f"Event {kind} has a text that is no code, id or digest.")
    elif not isinstance(value, bool | int | None):
        raise AuditError(f"Event {kind} has a value of type {type(value).__name__}.")

"""On whose behalf the database is asked: the process, and in the web process the person.

Row-level security compares rows with three settings of the transaction: `broker.role`, `broker.organisation` and
`broker.user`. The database backend writes them at every outermost BEGIN; where nobody is set, no row is seen.
The settings are local to the transaction, so a pooled connection carries nothing over to the next one.

In a process that acts for another kind of process (the owner, in tests and the demo) the database role is taken
as well, so that its grants hold there too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from broker.databases import ALIASES, Process, role_of


@dataclass(frozen=True, slots=True)
class RowContext:
    """Who asks. role: of the person in the web process, else the process itself; "" sees nothing."""

    process: Process
    role: str = ""
    organisation: uuid.UUID | None = None
    user: uuid.UUID | None = None


_current: ContextVar[RowContext | None] = ContextVar("row_context", default=None)


@contextmanager
def acting(context: RowContext) -> Iterator[None]:
    """Ask on behalf of `context` until the block ends, in open transactions and in new ones."""
    token = _current.set(context)
    try:
        _apply_to_open_transactions()
        yield
    finally:
        _current.reset(token)
        _apply_to_open_transactions()


def change_person(role: str, organisation: uuid.UUID, user: uuid.UUID) -> None:
    """Ask on behalf of a person from here to the end of the surrounding `acting` block."""
    _current.set(RowContext(Process.WEB, role, organisation, user))
    _apply_to_open_transactions()


def apply(connection: BaseDatabaseWrapper) -> None:
    """Tell an open transaction on whose behalf it asks from now on; nothing in one that has failed already."""
    raw = connection.connection
    if raw is None or raw.info.transaction_status == TransactionStatus.INERROR:
        return
    settings = _settings(Process(connection.settings_dict["PROCESS"]), connection.alias)
    if settings:
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        with raw.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [text for pair in settings.items() for text in pair])


def _settings(own: Process, alias: str) -> dict[str, str]:
    """What a transaction of this store has to be told by a connection that belongs to the process `own`."""
    context = _current.get()
    settings: dict[str, str] = {}
    if own == Process.OWNER:
        stands_in = context is not None and alias in ALIASES[context.process]
        settings["role"] = role_of(context.process) if context is not None and stands_in else "none"
    if alias == "default" and (own in (Process.OWNER, Process.WEB)):
        settings |= {
            "broker.role": context.role if context else "",
            "broker.organisation": str((context and context.organisation) or ""),
            "broker.user": str((context and context.user) or ""),
        }
    return settings


def _apply_to_open_transactions() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            apply(connection)

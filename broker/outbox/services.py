"""Ask for work, ring for it, close it.

1. `ask` writes the row with the change that needs the work done.
2. `due_work` hands out due rows for ringing and moves their next ringing into the future.
3. The task does the work and calls `close` in the same transaction, or `failed` after a rollback.

A message that is lost, doubled or late changes nothing: step 2 rings again, step 3 believes only the row.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from broker.outbox.models import OutboxRow

# After this many failed tries a person has to look; poison never loops.
MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Work:
    """One row handed to a task: what to do, for whom, and which asking it answers."""

    id: uuid.UUID
    kind: str
    subject_id: uuid.UUID


def ask(kind: OutboxRow.Kind, subject_id: uuid.UUID) -> None:
    """Ask for work on a subject, once: asking again reopens the same row and counts its version up."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO outbox (id, kind, subject_id, version, done, next_at, tries, last_error)
            VALUES (%s, %s, %s, 1, false, now(), 0, '')
            ON CONFLICT (kind, subject_id) DO UPDATE
               SET version = outbox.version + 1, done = false, next_at = now(), tries = 0, last_error = ''
            """,
            [uuid.uuid4(), kind, subject_id],
        )


def due_work(limit: int = 50) -> list[Work]:
    """Take due rows for ringing; each is due again after its lease, should nobody close it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS (
                SELECT id FROM outbox WHERE NOT done AND next_at <= now()
                ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED)
            UPDATE outbox SET next_at = now() + make_interval(secs => %s * power(2, least(tries, 6)))
              FROM due WHERE outbox.id = due.id
            RETURNING outbox.id, outbox.kind, outbox.subject_id
            """,
            [limit, settings.RELAY_LEASE_SECONDS],
        )
        return [Work(*row) for row in cursor.fetchall()]


def open_row(work_id: uuid.UUID) -> OutboxRow | None:
    """Take a row that still has to be done; None when it is done, unknown or being done by somebody else.

    Taken by an advisory lock until the transaction ends, and not by a row lock: whoever asks for the same work anew
    holds the lines already that the work is about to lock, and the two would wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"outbox {work_id}"])
        if not cursor.fetchone()[0]:
            return None
    return OutboxRow.objects.filter(id=work_id, done=False).first()


def close(row: OutboxRow) -> None:
    """Mark the work done, unless it was asked for again since the row was read."""
    OutboxRow.objects.filter(id=row.id, version=row.version).update(done=True, last_error="")


def postpone(row: OutboxRow, wait: timedelta) -> None:
    """Have the work done again after a while, because what it needs is not there yet; that is no failed try.

    Work that was asked for again since the row was read is due at once.
    """
    OutboxRow.objects.filter(id=row.id, version=row.version).update(next_at=Now() + wait, tries=0, last_error="")


def failed(work_id: uuid.UUID, code: str) -> bool:
    """Count a failed try; True when it was the last one and a person has to look."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE outbox SET tries = tries + 1, last_error = %s, done = tries + 1 >= %s,
                   next_at = now() + make_interval(secs => 0.5 * power(2, least(tries, 8)))
             WHERE id = %s AND NOT done RETURNING done
            """,
            [code[:64], MAX_TRIES, work_id],
        )
        row = cursor.fetchone()
    return bool(row and row[0])

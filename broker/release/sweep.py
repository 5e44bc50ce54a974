"""Look for what must never be: approved work that nobody will do, answers without their ground, work given up.

All counts must be zero; anything else is an alarm. Whatever only needs ringing again is asked for again at once.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from broker.attribution.retention import SUBJECT as LEASE_STORE
from broker.audit.services import record
from broker.decisions.holds.services import close_lapsed_lines, end_idle_holds
from broker.intake.lifecycle import advance
from broker.intake.models import RequestLine, State
from broker.orders.revocation_lists import ask_due_sources
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask

log = logging.getLogger(__name__)

# The log has no request to file an alarm under, so all of them stand under this one subject.
_SUBJECT = uuid.UUID("6d0a7a5e-7a43-5f0b-8f0e-5d1f3f0f2b61")

_DROP_EVERY = timedelta(days=1)

# Each query gives the ids of what is wrong.
BREACHES: dict[str, str] = {
    # Approved, and nothing in the outbox will ever answer it.
    "approved-without-work": """
        SELECT t.tranche_id FROM request_line l JOIN tranche_line t ON t.line_id = l.id
         WHERE l.state IN ('APPROVED', 'WAITING', 'RELEASING') AND NOT EXISTS (
            SELECT 1 FROM outbox o WHERE o.kind = 'release' AND o.subject_id = t.tranche_id AND NOT o.done)""",
    "approved-without-tranche": """
        SELECT l.id FROM request_line l WHERE l.state IN ('APPROVED', 'WAITING', 'RELEASING')
           AND NOT EXISTS (SELECT 1 FROM tranche_line t WHERE t.line_id = l.id)""",
    "released-without-release": """
        SELECT l.id FROM request_line l WHERE l.state = 'RELEASED' AND NOT EXISTS (
            SELECT 1 FROM tranche_line t JOIN sealed_release r ON r.tranche_id = t.tranche_id
             WHERE t.line_id = l.id)""",
    "release-without-event": """
        SELECT r.id FROM sealed_release r WHERE NOT EXISTS (
            SELECT 1 FROM event e
             WHERE e.id = r.event_id AND e.kind = 'release:sealed' AND e.subject_id = r.tranche_id)""",
    # Too many failures: somebody has to find out why, and then say `sweep --retry`.
    "given-up": "SELECT o.id FROM outbox o WHERE o.done AND o.last_error <> ''",
    # Orders of that court are refused, and approved ones wait, until somebody finds out why.
    "revocation-list-stale": """
        SELECT s.id FROM revocation_source s WHERE s.withdrawn_at IS NULL
           AND COALESCE(s.next_at, s.fetched_at + interval '1 day', s.registered_at + interval '1 hour') < now()""",
    "needs-attention": "SELECT l.id FROM request_line l WHERE l.state = 'NEEDS_ATTENTION'",
}


def sweep() -> dict[str, int]:
    """Count every breach, ask again for approved work nobody will do, and raise the alarm; {} when all is well.

    What is due every hour, fetching revocation lists, or every day, dropping expired leases, is asked for as well, and
    holds end of lines that are closed, and lines that were only to be kept and are kept no longer.
    """
    with transaction.atomic():
        if _drop_is_due():
            ask(OutboxRow.Kind.DROP_LEASES, LEASE_STORE)
        end_idle_holds()
        close_lapsed_lines()
        for source in ask_due_sources():
            ask(OutboxRow.Kind.FETCH_REVOCATION, source)
        found = {name: _ids(query) for name, query in BREACHES.items()}
        for tranche in set(found["approved-without-work"]):
            ask(OutboxRow.Kind.RELEASE, tranche)
        counts = {name: len(set(ids)) for name, ids in found.items() if ids}
        if counts:
            record("sweep:alarm", "sweep", _SUBJECT, counts)
    if counts:
        log.error("Sweep: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
    return counts


def retry() -> int:
    """Take up again all work that was given up, after its cause has been mended; returns how much that was."""
    with transaction.atomic():
        rows = list(OutboxRow.objects.select_for_update().filter(done=True).exclude(last_error=""))
        for row in rows:
            if row.kind == OutboxRow.Kind.RELEASE:
                _approve_again(row.subject_id)
            ask(OutboxRow.Kind(row.kind), row.subject_id)
    return len(rows)


def _approve_again(tranche_id: uuid.UUID) -> None:
    lines = RequestLine.objects.select_for_update(of=("self",)).filter(
        tranche_line__tranche_id=tranche_id, state=State.NEEDS_ATTENTION
    )
    ids = list(lines.values_list("id", "request_id"))
    if ids:
        advance("try-again", ids[0][1], [line for line, _ in ids])


def _drop_is_due() -> bool:
    rows = OutboxRow.objects.filter(kind=OutboxRow.Kind.DROP_LEASES, subject_id=LEASE_STORE)
    return not rows.filter(Q(done=False) | Q(next_at__gt=timezone.now() - _DROP_EVERY)).exists()


def _ids(query: str) -> list[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]

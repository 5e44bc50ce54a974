"""What the store of leases forgets: months that have expired, and what was kept for a case whose hold has lapsed.

Only the release worker may call the functions behind this. Not here: who asks for it (`broker.release.sweep`).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings

from broker.audit.services import record
from broker.leases import services as store

# What expires belongs to no request, so all of it stands in the log under this one subject.
SUBJECT = uuid.UUID("0b7f0ad1-6d0f-5a52-9a43-5f6a2c8e7c10")


def retained_from(now: datetime) -> datetime:
    """Give the floor: nothing before it may be answered, unless a hold keeps it."""
    return now - timedelta(days=settings.LEASE_RETENTION_DAYS)


def drop_expired(now: datetime) -> None:
    """Drop months that ended before the floor, and lapsed holds; the event says which parts and how many rows.

    now: aware. Called in transactions of both stores; that of the events has to commit first, because an event
    without its deletion shows as one that failed, and a deletion without an event would show nowhere. How many rows a
    hold kept is not said: it would tell whether there were any.
    """
    months = store.drop_expired(retained_from(now))
    holds = store.drop_lapsed_holds()
    if months or holds:
        record("leases:expired", "lease-store", SUBJECT, {"parts": dict(months), "holds": holds})

"""The events that every change of state writes, and the moves they caused.

Rows are only ever added: triggers refuse UPDATE and DELETE. The Merkle log over these rows comes on top.
"""

from __future__ import annotations

import uuid

from django.db import models


class Event(models.Model):
    """One thing that happened, written by the transaction that made it happen.

    The id is made by the client, because RETURNING would need SELECT. `xid` and `recorded_at` are overwritten
    by a trigger with the transaction id and the database's clock, whatever the writer put there.
    body: UUIDs, digests, counts and codes; never a name, an address or the text of an order.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    xid = models.BigIntegerField(default=0)
    recorded_at = models.DateTimeField(default=None, null=True)
    kind = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    actor = models.UUIDField(null=True)
    # Set on events that move state: the state moved to, and the digest of the ids of the rows moved.
    new_state = models.CharField(max_length=32, null=True)  # noqa: DJ001 - NULL means "moves nothing"
    members_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - same
    body = models.JSONField(default=dict)

    class Meta:
        db_table = "event"
        indexes = [
            models.Index(fields=["subject_id", "recorded_at"], name="event_subject"),
            models.Index(fields=["xid"], name="event_xid"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__regex=r"^[a-z][a-z-]*:[a-z][a-z-]*$"), name="event_kind_is_a_tag"
            ),
            models.CheckConstraint(
                condition=models.Q(new_state=None, members_digest=None)
                | models.Q(new_state__isnull=False, members_digest__regex=r"^[0-9a-f]{64}$"),
                name="event_moves_whole_or_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_kind} {self.subject_id}"


class StateMove(models.Model):
    """One row that changed its state because of one event; inserted by the state triggers only.

    Unique by subject and event: an event that moved a row once can never move it again.
    """

    id = models.BigAutoField(primary_key=True)
    subject_id = models.UUIDField()
    event = models.ForeignKey(Event, models.PROTECT)
    old_state = models.CharField(max_length=32, blank=True)
    new_state = models.CharField(max_length=32)

    class Meta:
        db_table = "state_move"
        constraints = [models.UniqueConstraint(fields=["subject_id", "event"], name="state_move_event_used_once")]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.old_state or 'new'} -> {self.new_state}"

"""Keep how far a log was read, and what its reading has to remember, with what it gave: all of it or nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connections, transaction

from broker.leases import queries
from broker.leases.models import LeaseImport, LeaseSource, LogHolding, LogProgress, LogReject
from broker.leases.rows import NewRow
from broker.leases.services import STORE, drop_staged, stage, store_staged

# Locks of sources, beside the one of imports: two readers of one source would each remember half.
_SOURCE_LOCK = 7_301_003
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a stretch of a log gave. remembered: state of each holding that changed; forgotten: those that are over.

    closed_serials: holdings whose interval is among the rows, or that are over: they are open no longer.
    covered: everything of this time is in, but for the spans of `unread`, which are those of all logs of the source.
    lags, offsets: what measuring the clocks has to remember, and by day (UTC) how wrong it found one. heard: what is
    remembered of how the devices of the source write.
    in_order: the log shows each event as it came, so that in time it shows every holding there is.
    """

    rows: Sequence[NewRow]
    rejects: Sequence[tuple[int, str]]
    remembered: Mapping[int, str]
    forgotten: Sequence[int]
    closed_serials: Sequence[int]
    clocks: Mapping[str, str]
    serial: int
    lags: Mapping[str, Any]
    offsets: Mapping[date, timedelta]
    heard: Mapping[str, Any]
    offset: int
    reader: Mapping[str, Any]
    counts: Mapping[str, Any]
    covered: tuple[datetime, datetime] | None
    unread: Sequence[tuple[datetime, datetime]] = ()
    in_order: bool = False


def lock_source(source: LeaseSource) -> bool:
    """Take the right to read a source's logs, until the connection ends; False if somebody else keeps it.

    Tried for some seconds: the server needs a moment to notice that a reader was killed.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with connections[STORE].cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_SOURCE_LOCK, source.pk])
            if cursor.fetchone()[0]:
                return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)


def unlock_source(source: LeaseSource) -> None:
    """Give the right back."""
    with connections[STORE].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_SOURCE_LOCK, source.pk])


def progress_of(source: LeaseSource) -> list[LogProgress]:
    """Give every log of a source that was begun, the latest first."""
    return list(LogProgress.objects.using(STORE).select_related("log").filter(log__source=source).order_by("-log_id"))


def begin_log(
    source: LeaseSource,
    *,
    format_name: str,
    told: Mapping[str, str],
    place: str,
    head: tuple[int, str],
    reader: Mapping[str, Any],
    now: datetime,
) -> LogProgress:
    """Note a log that was never read before."""
    with transaction.atomic(using=STORE):
        log = LeaseImport.objects.using(STORE).create(source=source, started_at=now)
        return LogProgress.objects.using(STORE).create(
            log=log,
            format=format_name,
            told=dict(told),
            place=place,
            head_bytes=head[0],
            head_sha256=head[1],
            offset=0,
            reader=dict(reader),
            counts={},
            updated_at=now,
        )


def keep_counts(progress: LogProgress, counts: Mapping[str, Any]) -> None:
    """Note of a log what is not about its records."""
    LogProgress.objects.using(STORE).filter(pk=progress.pk).update(counts=dict(counts))


def give_up(
    progress: LogProgress, rejects: Sequence[tuple[int, str]], counts: Mapping[str, Any], reader: Mapping[str, Any]
) -> None:
    """Note of a log that is not read at present what nothing will explain any more; in a transaction."""
    LogReject.objects.using(STORE).bulk_create(
        (LogReject(log_id=progress.pk, position=position, code=code) for position, code in rejects),
        ignore_conflicts=True,
    )
    LogProgress.objects.using(STORE).filter(pk=progress.pk).update(counts=dict(counts), reader=dict(reader))


def holdings_of(source: LeaseSource) -> dict[int, dict[str, Any]]:
    """Give what is remembered of the holdings of a source, by their serial."""
    return dict(LogHolding.objects.using(STORE).filter(source=source).values_list("serial", "state"))


def known(source: LeaseSource, shown: Sequence[tuple[str, NewRow]]) -> set[int]:
    """Give the numbers of those events of which the store shows all they say.

    shown: what each says ("begin", "alive", "end"), and of whom, with its moment as `possible_from` and its unit after
    that. The begin or end of a row is that moment, or the row is certain of it.
    """
    asked = [(n, kind, row) for n, (kind, row) in enumerate(shown) if row.address]
    if not asked:
        return set()
    rows = [row for _, _, row in asked]
    parameters: dict[str, Any] = {
        "source_id": source.pk,
        "ords": [n for n, _, _ in asked],
        "kinds": [kind for _, kind, _ in asked],
        "addresses": [row.address for row in rows],
        "ports": [row.port_from for row in rows],
        "holder_kinds": [row.kind for row in rows],
        "references": [row.reference for row in rows],
        "inners": [row.inner for row in rows],
        "realms": [row.realm for row in rows],
        "ats": [row.possible_from for row in rows],
        "ends": [row.possible_to for row in rows],
    }
    with connections[STORE].cursor() as cursor:
        cursor.execute(queries.KNOWN, parameters)
        return {number for (number,) in cursor.fetchall()}


def store_chunk(progress: LogProgress, source: LeaseSource, chunk: Chunk, *, now: datetime) -> None:
    """Store what a stretch of a log gave and how far it went, in one transaction."""
    with transaction.atomic(using=STORE), connections[STORE].cursor() as cursor:
        of_source: dict[str, Any] = {"source_id": source.pk}
        cursor.execute(queries.FORGET_OPEN, {**of_source, "serials": list(chunk.closed_serials)})
        staged = stage(chunk.rows, now)
        if staged is not None:
            store_staged(source.pk, progress.pk, staged, now=now)
        drop_staged()
        cursor.execute(queries.FORGET_HOLDINGS, {**of_source, "serials": list(chunk.forgotten)})
        states: dict[str, Any] = {"serials": list(chunk.remembered), "states": list(chunk.remembered.values())}
        cursor.execute(queries.REMEMBER_HOLDINGS, {**of_source, **states})
        LogReject.objects.using(STORE).bulk_create(
            (LogReject(log_id=progress.pk, position=position, code=code) for position, code in chunk.rejects),
            batch_size=2_000,
            ignore_conflicts=True,
        )
        cursor.execute(
            "UPDATE lease_source SET clocks = %s, serial = %s, lags = %s, heard = %s WHERE id = %s",
            [
                json.dumps(dict(chunk.clocks)),
                chunk.serial,
                json.dumps(dict(chunk.lags)),
                json.dumps(dict(chunk.heard)),
                source.pk,
            ],
        )
        found: dict[str, Any] = {"days": list(chunk.offsets), "offsets": list(chunk.offsets.values())}
        cursor.execute(queries.NOTE_OFFSETS, {**of_source, **found})
        if chunk.covered is not None:
            first, last = chunk.covered
            how = {"logged": chunk.in_order, "stated": False}
            cursor.execute(queries.EXTEND_COVERAGE, {**of_source, "first": first, "last": last, **how})
        if chunk.unread:
            firsts, lasts = ([span[end] for span in chunk.unread] for end in (0, 1))
            cursor.execute(queries.REDUCE_COVERAGE, {**of_source, "firsts": firsts, "lasts": lasts})
        LogProgress.objects.using(STORE).filter(pk=progress.pk).update(
            offset=chunk.offset,
            told=progress.told,
            reader=dict(chunk.reader),
            counts=dict(chunk.counts),
            updated_at=now,
            head_bytes=progress.head_bytes,
            head_sha256=progress.head_sha256,
        )

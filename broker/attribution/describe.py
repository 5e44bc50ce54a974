"""Take over what the operator knows of a source of evidence: how wrong its clock is, when it served, where it is.

Each change is an event. Not here: how far a source has delivered, which its imports say.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connections, transaction

from broker.attribution.retired import Retired, gone
from broker.audit.services import record
from broker.errors import InputError, Problem
from broker.leases.models import REFERENCE, LeaseSource
from broker.leases.rows import LONGEST_SILENCE
from broker.leases.services import STORE, source_named

# A clock that is wrong by more than a day tells no time at all.
_MOST = timedelta(days=1)
_NO_HOURS = Problem(
    "source.shows-within",
    "shows-within",
    f"Expected hours from 0 to {LONGEST_SILENCE / timedelta(hours=1):g}: "
    "whoever is in no record for longer is taken to hold nothing any more.",
)
_NO_OFFSET = Problem("clock.offset", "seconds", "Expected seconds from 0 to 86400, whichever way the clock was wrong.")


def read_seconds(text: str) -> timedelta:
    """Read a clock offset given in seconds, such as "0.4"; raises InputError."""
    try:
        return timedelta(seconds=float(text))
    except (ValueError, OverflowError) as error:
        raise InputError([_NO_OFFSET]) from error


def read_hours(text: str) -> timedelta:
    """Read a length of time given in hours, such as "0.5"; raises InputError."""
    try:
        return timedelta(hours=float(text))
    except (ValueError, OverflowError) as error:
        raise InputError([_NO_HOURS]) from error


def set_clock(name: str, day: date, offset: timedelta, count: int, *, now: datetime) -> timedelta:
    """Note measurements of a source's clock on a day (UTC): how wrong it was at most, and how often it was measured.

    Gives the largest offset of that day so far, which is never lowered: one bad hour makes the stamps of it doubtful,
    whatever was measured later. Raises InputError for an unknown source, a day that has not come, or a bad number.
    """
    problems = [] if count > 0 else [Problem("clock.count", "count", "Give how many measurements there were.")]
    problems += _bad_offset(offset)
    if day > now.date():
        problems.append(Problem("clock.day", "day", "This day has not come yet (UTC)."))
    _refuse(problems)
    with transaction.atomic(using=STORE):
        source = _known(name)
        measured: list[Any] = [source.pk, day, offset, count]
        with connections[STORE].cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO lease_source_day AS known (source_id, day, largest_offset, measured_count)
                VALUES (%s, %s, %s, %s)
                ON CONFLICT (source_id, day) DO UPDATE
                   SET largest_offset = GREATEST(known.largest_offset, EXCLUDED.largest_offset),
                       measured_count = known.measured_count + EXCLUDED.measured_count
                RETURNING largest_offset
                """,
                measured,
            )
            largest: timedelta = cursor.fetchone()[0]
        _say("lease-source:clock-measured", source, {"day": str(day), "offset_ms": _ms(offset), "count": count})
    return largest


def describe_source(
    name: str,
    *,
    new: bool = False,
    worst_offset: timedelta | None = None,
    serves_from: datetime | None = None,
    serves_until: datetime | None = None,
    shows_within: timedelta | None = None,
    realm: str | None = None,
    in_place: str | None = None,
) -> LeaseSource:
    """Say of a source how wrong its clock may be where nobody measured it, when it served, and its realm.

    shows_within: how long at most a holding goes on without a record: the longest lease, or the distance of interims;
    LONGEST_SILENCE at most, after which a holding counts as over.
    in_place: the database of the operator that is asked in its stead ("radacct"), "" for none.

    What is None stays as it is. new: the source may be unknown so far; its addresses wait for it from then on.
    Raises InputError for an unknown source, a bad number, or ends that are not in order.
    """
    changes: dict[str, Any] = {
        key: value
        for key, value in {
            "worst_offset": worst_offset,
            "serves_from": serves_from,
            "serves_until": serves_until,
            "shows_within": shows_within,
            "realm": realm,
            "in_place": in_place,
        }.items()
        if value is not None
    }
    problems = [] if worst_offset is None else _bad_offset(worst_offset)
    if shows_within is not None and not timedelta() <= shows_within <= LONGEST_SILENCE:
        problems.append(_NO_HOURS)
    if realm and not re.fullmatch(REFERENCE, realm):
        problems.append(Problem("source.realm", "realm", f"Expected a name of the form {REFERENCE}."))
    if in_place and in_place not in LeaseSource.InPlace.values:
        known = ", ".join(LeaseSource.InPlace.values)
        problems.append(Problem("source.in-place", "in-place", f"Expected one of: {known}."))
    if not re.fullmatch(REFERENCE, name):
        problems.append(Problem("source.name", "name", f"Expected a name of the form {REFERENCE}."))
    _refuse(problems)
    with transaction.atomic(using=STORE):
        source = source_named(name) if new else _known(name)
        for key, value in changes.items():
            setattr(source, key, value)
        if source.serves_from and source.serves_until and source.serves_from >= source.serves_until:
            _refuse([Problem("source.serves", "serves-until", "The source ends serving before or when it begins.")])
        others = LeaseSource.objects.using(STORE).exclude(pk=source.pk)
        if in_place and others.filter(in_place=in_place).exists():
            # The settings name one such database, and two sources that are one would vouch for each other.
            _refuse([Problem("source.in-place", "in-place", "Another source is this database already.")])
        if changes:
            # The coverage grows by imports and is left alone here.
            source.save(using=STORE, update_fields=list(changes))
        _say("lease-source:described", source, {key.replace("_", "-"): _code(value) for key, value in changes.items()})
    return source


def retire_device(name: str, device: str, since: datetime, *, now: datetime) -> LeaseSource:
    """Say that a device of a source has gone: after `since` it wrote nothing, and nothing waits for it any more.

    device: as its logs name it. The time since its last record is not vouched for: what it wrote then is not delivered.
    Said again before it has written again, the new time counts. Raises InputError for an unknown source or device, and
    for a time before its last record or after `now`.
    """
    with transaction.atomic(using=STORE):
        source = _known(name)
        # Also one of which only records of the future have come.
        last = (source.heard.get("ahead", {}) | source.clocks).get(device)
        if last is None:
            _refuse([Problem("source.retired", "retired", "The logs of this source name no such device.")])
        if not datetime.fromisoformat(last) <= since <= now:
            message = "Expected a time that has come, and not before the last record of the device."
            _refuse([Problem("source.since", "since", message)])
        since = since.astimezone(UTC)
        others = [found for found in source.retired if found[:2] != [device, last]]
        source.retired = [*others, list(Retired(device, last, since.isoformat()))]
        source.save(using=STORE, update_fields=["retired"])
        # A device may be named by what the log calls it, which no event holds.
        facts = {"devices": len(source.clocks), "retired": gone_count(source), "since": _code(since)}
        _say("lease-source:device-retired", source, facts)
    return source


def gone_count(source: LeaseSource) -> int:
    """Count the devices of a source that are gone."""
    clocks = {device: datetime.fromisoformat(clock) for device, clock in source.clocks.items()}
    return len(gone(clocks, source.retired))


def _known(name: str) -> LeaseSource:
    found = LeaseSource.objects.using(STORE).filter(name=name).first()
    if found is None:
        raise InputError(
            [Problem("source.unknown", "source", "The store has no source of this name. Check its spelling.")]
        )
    return found


def _bad_offset(offset: timedelta) -> list[Problem]:
    if timedelta() <= offset <= _MOST:
        return []
    return [_NO_OFFSET]


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise InputError(problems)


def _say(kind: str, source: LeaseSource, facts: dict[str, Any]) -> None:
    # The event is in another database. It commits first: an event without its change shows as one that failed.
    with transaction.atomic():
        record(kind, "lease-source", uuid.uuid4(), {"source": source.pk, **facts})


def _ms(offset: timedelta) -> int:
    return round(offset / timedelta(milliseconds=1))


def _code(value: object) -> object:
    if isinstance(value, timedelta):
        return _ms(value)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value

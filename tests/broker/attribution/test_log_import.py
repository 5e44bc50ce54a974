"""Logs are read from where they were left, and a kill changes nothing of what they prove."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connections

from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Reason, Resolution
from broker.audit.models import Event
from broker.errors import InputError
from broker.leases import log_store
from broker.leases.models import Holder, Lease, LeaseSource, LogHolding, LogProgress, LogReject, OpenLease, PortBlock
from tests.support import log_lines
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read, two_sessions
from tests.support.killed_imports import forget_everything
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet
from tests.support.servers import admin_conninfo

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MADRID = ZoneInfo("Europe/Madrid")


def test_a_log_names_the_contract_of_the_connection_at_that_time() -> None:
    plan(*OURS)
    contracts("user:line-1,c-old,2026-01-01T00:00:00Z,2026-09-01T00:00:00Z", "user:line-1,c-new,2026-09-01T00:00:00Z,")
    report = read(log(*two_sessions()))
    assert (report.records, report.events, report.rejected.total(), report.open) == (6, 6, 0, 1)
    assert ask("198.51.100.7", DAY + 7 * HOUR).subscriber == "c-new"
    gap = ask("198.51.100.7", DAY + 9 * HOUR + HOUR / 2)
    assert gap.outcome is Resolution.NONE
    unknown = ask("198.51.100.7", DAY + 11 * HOUR)
    assert (unknown.outcome, set(unknown.reasons)) == (Resolution.INCOMPLETE, {Reason.LINE_UNKNOWN})
    # An hour before the latest stamp late records still count.
    late = ask("198.51.100.7", DAY + 13 * HOUR + HOUR / 2)
    assert late.reasons == {Reason.NOT_SETTLED}


def test_a_contract_that_changed_in_the_window_names_nobody() -> None:
    plan(*OURS)
    contracts("user:line-1,c-old,2026-01-01T00:00:00Z,2026-09-14T07:00:00Z", "user:line-1,c-new,2026-09-14T07:00:00Z,")
    read(log(*two_sessions()))
    assert ask("198.51.100.7", DAY + 6 * HOUR + HOUR / 2).subscriber == "c-old"
    assert ask("198.51.100.7", DAY + 7 * HOUR).reasons >= {Reason.CHANGE_IN_WINDOW}
    assert ask("198.51.100.7", DAY + 7 * HOUR + HOUR / 2).subscriber == "c-new"


def test_no_name_of_a_log_enters_the_store() -> None:
    read(log(*two_sessions()))
    kept = [*Holder.objects.values_list("reference", flat=True), *map(str, LogProgress.objects.values())]
    kept += [str(state) for state in LogHolding.objects.values_list("state", flat=True)]
    kept += [str(body) for body in Event.objects.values_list("body", flat=True)]
    assert len(kept) > 4
    assert not any("line-" in text or "s1" in text for text in kept)


def test_a_log_is_read_on_from_where_it_was_left_under_any_name() -> None:
    records = two_sessions()
    first = read(log(*records[:3]), place="detail")
    assert (first.read, first.records) == (3, 3)
    again = read(log(*records[:3]), place="detail")
    assert (again.read, again.records) == (0, 3)
    rest = read(log(*records), place="detail")
    assert (rest.read, rest.records, rest.events) == (3, 6, 6)
    assert LogProgress.objects.count() == 1


def test_a_log_that_ends_within_a_record_is_finished_later() -> None:
    data = "".join(two_sessions()).encode()
    part = read(io.BytesIO(data[:-30]))
    assert (part.records, part.unfinished) == (5, True)
    whole = read(io.BytesIO(data))
    assert (whole.records, whole.unfinished, whole.rejected.total()) == (6, False, 0)


def test_what_cannot_be_read_is_kept_by_its_place_and_every_record_is_accounted_for() -> None:
    records = two_sessions()
    records.insert(2, "no record at all\n\n")
    records.append(packet(DAY - timedelta(days=500), "Start", "s0", "line-1", "198.51.100.9"))
    report = read(log(*records))
    assert report.records == 8
    assert report.rejected["EVENT_BEFORE_RETENTION"] == 1
    assert report.rejected.total() == 2
    assert report.records == report.events + report.ignored + report.rejected.total()
    position = len("".join(records[:2]))
    assert position in LogReject.objects.values_list("position", flat=True)


def test_an_address_of_translation_is_followed_to_the_line_behind_it() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,")
    at = [DAY + n * HOUR for n in range(24)]
    inner = [
        packet(at[1], "Start", "s1", "line-1", "100.64.3.9"),
        packet(at[20], "Interim-Update", "s1", "line-1", "100.64.3.9", 68400),
    ]
    read(log(*inner), source="radius")
    lines = [block(at[2], "100.64.3.9", 20480), block(at[2], "100.64.3.8", 20992)]
    for moment in at[3:20]:
        lines += [block(moment, "100.64.3.9", 20480, "INTERIM"), block(moment, "100.64.3.8", 20992, "INTERIM")]
    report = read(log(*lines), source="nat", format_name="cgn-junos", place="nat")
    assert report.rejected.total() == 0
    assert ask("203.0.113.7", at[6]).reasons == {Reason.PORT_REQUIRED}
    named = ask("203.0.113.7", at[6], port=20500)
    assert (named.outcome, named.subscriber, named.shared) == (Resolution.UNIQUE, "c-1", True)
    # The other inner address has no holder on record: a record is missing, which is no "none".
    missing = ask("203.0.113.7", at[6], port=21000)
    assert (missing.outcome, set(missing.reasons)) == (Resolution.AMBIGUOUS, {Reason.PARTIAL_COVER})


def test_an_inner_address_of_another_realm_is_somebody_else() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,")
    at = [DAY + n * HOUR for n in range(24)]
    LeaseSource.objects.create(name="radius-south", realm="south", coverage="{}")
    inner = [
        packet(at[1], "Start", "s1", "line-1", "100.64.3.9"),
        packet(at[20], "Interim-Update", "s1", "line-1", "100.64.3.9", 68400),
    ]
    read(log(*inner), source="radius-south")
    lines = [block(at[2], "100.64.3.9", 20480)]
    lines += [block(moment, "100.64.3.9", 20480, "INTERIM") for moment in at[3:20]]
    read(log(*lines), source="nat", format_name="cgn-junos", place="nat")
    verdict = ask("203.0.113.7", at[6], port=20500)
    assert verdict.subscriber is None


def block(at: datetime, inner: str, first: int, kind: str = "ALLOC") -> str:
    return log_lines.block(at, DAY + 2 * HOUR, inner, first, kind)


def test_the_hour_that_autumn_repeats_is_a_gap_of_a_source_that_writes_local_time() -> None:
    """Somebody else had the block in that hour, and every record of it is refused."""
    plan(("203.0.113.0/24", "cgn-block"))
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")
    noon = datetime(2026, 10, 24, 12, tzinfo=UTC)
    read(
        log(
            packet(noon, "Start", "s1", "line-1", "100.64.3.9"),
            packet(noon, "Start", "s2", "line-2", "100.64.3.8"),
            packet(noon + 24 * HOUR, "Interim-Update", "s1", "line-1", "100.64.3.9", 86400),
            packet(noon + 24 * HOUR, "Interim-Update", "s2", "line-2", "100.64.3.8", 86400),
        )
    )

    def group(at: datetime, letter: str, inner: str) -> str:
        local = at.astimezone(MADRID)
        return (
            f"<134>1 {local:%Y %b %d %H:%M:%S} nat1 - - NAT44 - "
            f"[Userbased{letter} - {inner} - - 203.0.113.7 - 20480 20991 - -]\n"
        )

    put_back = datetime(2026, 10, 25, 1, tzinfo=UTC)
    nat = [
        group(put_back - 5 * HOUR, "A", "100.64.3.9"),
        group(put_back - HOUR / 2, "W", "100.64.3.9"),
        group(put_back - HOUR / 3, "A", "100.64.3.8"),
        group(put_back + HOUR / 3, "W", "100.64.3.8"),
        group(put_back + HOUR / 2, "A", "100.64.3.9"),
        group(put_back + 5 * HOUR, "W", "100.64.3.9"),
        group(put_back + 7 * HOUR, "A", "100.64.3.9"),
    ]
    told = {"source": "nat", "format_name": "cgn-cisco-xr", "told": Told(zone=MADRID)}
    report = read(log(*nat), **told, chunk_records=2, place="nat")
    assert report.rejected == {"TIME_FOLD": 4}
    # Another log of the source, without a record of that hour, does not fill the gap.
    read(log(group(put_back - 6 * HOUR, "A", "100.64.3.7"), *nat[-1:]), **told, place="other")
    for minutes in (-60, -10, 10, 59):
        verdict = ask("203.0.113.7", put_back + timedelta(minutes=minutes), port=20500)
        assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INCOMPLETE, {Reason.COLLECTION_GAP})
    for hours in (-2, 2):
        assert ask("203.0.113.7", put_back + hours * HOUR, port=20500).subscriber == "c-1"


def test_options_that_do_not_fit_say_which() -> None:
    for changes, name in (
        ({"format_name": "ipfix"}, "device"),
        ({"format_name": "ipfix", "told": Told(device="nat1")}, "numbering"),
        ({"format_name": "conntrack", "told": Told(device="nat1", holder="x")}, "holder"),
        ({"told": Told(holder="Class")}, "holder"),
        ({"format_name": "paper"}, "format"),
    ):
        with pytest.raises(InputError) as refused:
            read(log(*two_sessions()), **changes)
        assert [problem.field for problem in refused.value.problems] == [name]


def test_a_log_that_lost_what_was_read_of_it_is_refused() -> None:
    records = [packet(DAY + n * HOUR / 60, "Interim-Update", "s1", "line-1", "198.51.100.7", n * 60) for n in range(40)]
    read(log(*records))
    with pytest.raises(InputError) as refused:
        read(log(*records[:30]))
    assert [problem.code for problem in refused.value.problems] == ["log.shorter"]


@pytest.mark.django_db(databases=["default", "leases"], transaction=True)
def test_a_source_that_somebody_reads_is_waited_for_a_moment_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = LeaseSource.objects.create(name="radius", coverage="{}")
    with psycopg.connect(admin_conninfo(connections["leases"].settings_dict["NAME"])) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [log_store._SOURCE_LOCK, source.pk])
        monkeypatch.setattr(log_store, "PATIENCE_SECONDS", 0.2)
        with pytest.raises(InputError) as refused:
            read(log(*two_sessions()))
        assert [problem.code for problem in refused.value.problems] == ["log.busy"]
        monkeypatch.setattr(log_store, "PATIENCE_SECONDS", 30)
        ends = threading.Timer(0.5, other.close)
        ends.start()
        assert read(log(*two_sessions())).read == 6
        ends.join()


class Killed(Exception):
    """Stands for the end of the process: nothing after it runs."""


def history(seed: int) -> list[str]:
    """A morning of a few lines on a few addresses, with lost and repeated records."""
    dice = Random(seed)
    records: list[tuple[datetime, str]] = []
    for line in range(6):
        at, number = DAY + timedelta(minutes=dice.randrange(60)), 0
        while at < DAY + 9 * HOUR:
            session, address = f"s{line}-{number}", f"198.51.100.{dice.randrange(1, 5)}"
            length = timedelta(minutes=dice.randrange(5, 90))
            for status, moment in (("Start", at), ("Interim-Update", at + length / 2), ("Stop", at + length)):
                seconds = None if status == "Start" else int((moment - at).total_seconds())
                if dice.random() > 0.15:
                    text = packet(moment, status, session, f"line-{line}", address, seconds)
                    records += [(moment, text)] * (2 if dice.random() < 0.1 else 1)
            at, number = at + length + timedelta(minutes=dice.randrange(1, 20)), number + 1
    return [text for _, text in sorted(records, key=lambda found: found[0])]


def stored() -> dict[str, list[Any]]:
    """Everything the log left, without the numbers the database gave."""
    by = ("source__name", "source_pos", "address", "holder__reference")
    ends = ("valid_from", "valid_to", "certain_after", "certain_before", "flags")
    open_ends = ("possible_from", "possible_to", "certain_from", "certain_to", "flags", "serial")
    found: dict[str, list[Any]] = {
        "leases": sorted(Lease.objects.values_list(*by, *ends)),
        "blocks": sorted(PortBlock.objects.values_list(*by, *ends)),
        "open": sorted(OpenLease.objects.values_list(*by, *open_ends)),
        "rejects": sorted(LogReject.objects.values_list("position", "code")),
        "progress": list(LogProgress.objects.values_list("offset", "counts")),
        "coverage": [str(spans) for spans in LeaseSource.objects.values_list("coverage", flat=True)],
    }
    return found


@pytest.mark.django_db(databases=["default", "leases"], transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_point_and_run_again_it_leaves_what_an_undisturbed_run_leaves(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = "".join(history(seed)).encode()
    read(io.BytesIO(data), source="radius")
    expected = stored()
    forget_everything()
    dice = Random(seed)
    kills = 0
    genuine = log_store.store_chunk
    chunks = iter(range(10_000))

    def dying(*args: Any, **named: Any) -> None:
        fate = dice.random()
        if next(chunks) < 40 and fate < 0.2:
            raise Killed
        genuine(*args, **named)
        if fate > 0.8:
            raise Killed

    monkeypatch.setattr(log_store, "store_chunk", dying)
    while True:
        try:
            read(io.BytesIO(data), chunk_records=dice.randrange(3, 9))
        except Killed:
            kills += 1
        else:
            break
    assert kills > 1
    assert stored() == expected


def test_a_log_that_was_written_anew_behind_the_same_beginning_is_refused() -> None:
    """As a table of leases is when it is cleaned up; reading on in the middle would pass over what is new."""
    records = [packet(DAY + n * HOUR / 60, "Interim-Update", "s1", "line-1", "198.51.100.7", n * 60) for n in range(60)]
    read(log(*records[:50]))
    with pytest.raises(InputError) as refused:
        read(log(*records[:40], *records[42:]))
    assert [problem.code for problem in refused.value.problems] == ["log.changed"]
    assert read(log(*records)).read == 10

"""Months expire whole; what a hold keeps is answered until the hold lapses, and nothing is kept that had expired."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from broker.attribution import retention
from broker.attribution.holding import ToKeep, keep_rows
from broker.attribution.resolve import REACH, SEAM
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict
from broker.audit.models import Event
from broker.leases.models import HeldLease, Hold, Holder, Lease, PortBlock
from broker.leases.services import drop_lapsed_holds, hold_leases
from broker.outbox.models import OutboxRow
from broker.release.sweep import sweep
from broker.tasks import drop_leases
from tests.support.lease_files import NOW, plan, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MARCH = datetime(2026, 3, 18, 20, 41, 10, tzinfo=UTC)
IN_MARCH = "2026-03-10T00:00:00Z,2026-03-25T00:00:00Z"
# What a row of evidence has besides its address, ports and holder.
PLAIN: dict[str, Any] = {
    "import_id": 1,
    "source_pos": 1,
    "flags": 0,
    "certain_after": 0,
    "certain_before": 0,
    "valid_from": MARCH - DAY,
    "valid_to": MARCH + DAY,
}


@pytest.fixture(autouse=True)
def half_a_year(settings: Any) -> None:
    """Keep leases for 183 days: at the NOW of the tests, of 1 November, March has expired and September has not."""
    settings.LEASE_RETENTION_DAYS = 183


# Whose hold it is, and who asks, where nothing else is said.
CASE = uuid.uuid4()


def ask(
    address: str, at: datetime = MARCH, port: int | None = None, now: datetime = NOW, case: uuid.UUID | None = CASE
) -> Verdict:
    return attribute([Observation("q", address, port, at, case=case)], tolerance=MINUTE, now=now)["q"]


def hold(
    address: str,
    at: datetime = MARCH,
    port: int | None = None,
    *,
    days: int = 30,
    keep_from: datetime = MARCH - DAY,
    shared: bool = False,
) -> None:
    """Hold an address around an instant, as of a time at which it had not expired."""
    hold_leases(
        CASE,
        address,
        port,
        at - 10 * MINUTE,
        at + 10 * MINUTE,
        lapses_at=timezone.now() + days * DAY,
        keep_from=keep_from,
        around=REACH + SEAM,
        settled=ALWAYS,
        shown=ALWAYS,
        shared=shared,
    )


def drop(now: datetime = NOW) -> None:
    with transaction.atomic(), transaction.atomic(using="leases"):
        retention.drop_expired(now)


def let_lapse() -> None:
    with connections["leases"].cursor() as cursor:
        cursor.execute(
            "UPDATE lease_hold SET made_at = made_at - interval '2 years', lapses_at = now() - interval '1 s'"
        )


def test_drops_only_months_that_ended_before_the_floor() -> None:
    store(
        f"198.51.100.23,,,{IN_MARCH},s-1,business",
        "198.51.100.23,,,2026-05-01T00:00:00Z,2026-05-03T00:00:00Z,s-1,business",
        "198.51.100.23,,,2026-09-01T00:00:00Z,2026-09-20T00:00:00Z,s-1,business",
    )
    # The floor is the second of May, so of May something may still be answered.
    drop()
    assert sorted(Lease.objects.values_list("valid_from__month", flat=True)) == [5, 9]
    assert ask("198.51.100.23").outcome is Resolution.OUTSIDE_RETENTION
    assert ask("198.51.100.23", at=datetime(2026, 9, 10, tzinfo=UTC)).subscriber == "s-1"


def test_the_event_names_parts_and_counts_and_nothing_else() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business", f"198.51.100.24,,,{IN_MARCH},s-2,business")
    drop()
    event = Event.objects.get(kind="leases:expired")
    assert event.body["parts"]["lease_2026_03"] == 2
    assert set(event.body) == {"parts", "holds"}
    assert "198.51" not in str(event.body)
    assert "s-1" not in str(event.body)


def test_writes_no_event_when_nothing_expired() -> None:
    store("198.51.100.23,,,2026-09-01T00:00:00Z,2026-09-20T00:00:00Z,s-1,business")
    drop()
    assert not Event.objects.filter(kind="leases:expired").exists()


def test_a_held_row_is_answered_with_its_provenance_when_its_month_is_gone() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,statutory-retention", f"198.51.100.24,,,{IN_MARCH},s-2,business")
    hold("198.51.100.23")
    drop()
    assert not Lease.objects.exists()
    verdict = ask("198.51.100.23")
    assert (verdict.outcome, verdict.subscriber) == (Resolution.UNIQUE, "s-1")
    assert verdict.provenance is Provenance.STATUTORY_RETENTION
    assert verdict.margin == REACH
    # Nobody asked to keep the neighbour.
    assert ask("198.51.100.24").outcome is Resolution.OUTSIDE_RETENTION


def test_what_is_kept_for_one_case_answers_no_other() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    drop()
    assert ask("198.51.100.23", case=uuid.uuid4()).outcome is Resolution.OUTSIDE_RETENTION
    assert ask("198.51.100.23", case=None).outcome is Resolution.OUTSIDE_RETENTION
    assert ask("198.51.100.23").subscriber == "s-1"


def test_a_case_is_not_answered_from_the_rows_of_another_hold_of_the_address() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    with connections["leases"].cursor() as cursor:
        cursor.execute("UPDATE lease_hold SET case_id = gen_random_uuid()")
        cursor.execute(
            "INSERT INTO lease_hold (case_id, address, from_at, to_at, made_at, lapses_at, settled, shown) "
            "SELECT %s, address, from_at, to_at, made_at, lapses_at, settled, shown FROM lease_hold",
            [CASE],
        )
    drop()
    assert ask("198.51.100.23").outcome is Resolution.NONE


@pytest.mark.parametrize("delivered", [MARCH - timedelta(hours=1), MARCH + DAY])
def test_what_was_kept_before_its_log_was_complete_names_nobody_afterwards(delivered: datetime) -> None:
    begun = store("198.51.100.23,,,2026-03-01T00:00:00Z,2026-03-02T00:00:00Z,s-1,business", complete_until=delivered)
    # As of a lease that runs until its expiry, should it not be given back before.
    source, holder = begun.imported.source_id, Holder.objects.get()
    Lease.objects.create(source_id=source, holder=holder, address="198.51.100.23", **PLAIN)
    wanted = [ToKeep(Observation(CASE, "198.51.100.23", None, MARCH), timezone.now() + 30 * DAY)]
    assert keep_rows(wanted, tolerance=MINUTE, now=MARCH + DAY)
    # The rest of the log may say that the lease ended earlier, or whose it was next.
    store("198.51.100.24,,,2026-09-01T00:00:00Z,2026-09-20T00:00:00Z,s-2,business", complete_from=delivered)
    drop()
    expected = Resolution.UNIQUE if delivered > MARCH else Resolution.INCOMPLETE
    assert ask("198.51.100.23").outcome is expected


def test_a_hold_keeps_its_window_and_no_other_time() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    drop()
    assert ask("198.51.100.23", at=MARCH + timedelta(minutes=30)).outcome is Resolution.OUTSIDE_RETENTION


def test_a_lapsed_hold_is_answered_no_more_and_its_rows_go() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    drop()
    let_lapse()
    assert ask("198.51.100.23").outcome is Resolution.OUTSIDE_RETENTION
    drop()
    assert not Hold.objects.exists()
    with connections["leases"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM held_lease")
        assert cursor.fetchone()[0] == 0
    assert Event.objects.filter(kind="leases:expired", body__holds=1).count() == 1


def test_a_live_hold_is_not_removed_with_lapsed_ones() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    let_lapse()
    hold("198.51.100.23")
    assert drop_lapsed_holds() == 1
    drop()
    assert ask("198.51.100.23").subscriber == "s-1"


def test_a_hold_without_rows_looks_like_one_with_rows() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    hold("198.51.100.99")
    assert Hold.objects.count() == 2
    drop()
    assert ask("198.51.100.99").outcome is Resolution.NONE


def test_what_has_expired_is_not_held_although_its_month_is_still_there() -> None:
    store(f"198.51.100.23,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23", keep_from=MARCH + DAY)
    assert not Hold.objects.exists()
    hold("198.51.100.23", keep_from=MARCH)
    assert ask("198.51.100.23").outcome is Resolution.OUTSIDE_RETENTION


def test_a_held_prefix_is_found_from_an_address_inside_it() -> None:
    source = store(f"198.51.100.9,,,{IN_MARCH},s-0,business").imported.source_id
    with connections["leases"].cursor() as cursor:
        cursor.execute("INSERT INTO address_width VALUES (6, 56)")
    holder = Holder.objects.create(kind="subscriber", reference="s-7")
    Lease.objects.create(source_id=source, holder=holder, address="2001:db8:7::/56", **PLAIN)
    hold("2001:db8:7:5::1")
    drop()
    assert ask("2001:db8:7:5::1").subscriber == "s-7"


def test_a_held_block_of_ports_answers_for_its_port_alone() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    store(
        f"203.0.113.7,20480,20991,{IN_MARCH},s-1,business",
        f"203.0.113.7,20992,21503,{IN_MARCH},s-2,business",
    )
    hold("203.0.113.7", port=20500, shared=True)
    with connections["leases"].cursor() as cursor:
        cursor.execute("SELECT port_from FROM held_lease")
        assert cursor.fetchall() == [(20480,)]
    drop()
    assert not PortBlock.objects.exists()
    assert ask("203.0.113.7", port=20500).subscriber == "s-1"
    assert ask("203.0.113.7", port=21000).outcome is Resolution.OUTSIDE_RETENTION


def test_a_hold_without_a_port_answers_for_the_port_that_an_order_names() -> None:
    store(
        f"203.0.113.7,20480,20991,{IN_MARCH},s-1,business",
        f"203.0.113.7,20992,21503,{IN_MARCH},s-2,business",
    )
    hold("203.0.113.7")
    drop()
    assert ask("203.0.113.7", port=21000).subscriber == "s-2"


def test_a_hold_for_a_port_answers_nothing_where_no_port_is_asked() -> None:
    store(f"203.0.113.7,20480,20991,{IN_MARCH},s-1,business")
    hold("203.0.113.7", port=20500)
    drop()
    assert ask("203.0.113.7").outcome is Resolution.OUTSIDE_RETENTION


def test_a_hold_without_a_port_remembers_that_the_address_was_shared() -> None:
    store(
        f"203.0.113.7,20480,20991,{IN_MARCH},s-1,business",
        f"203.0.113.7,,,{IN_MARCH},s-3,business",
    )
    hold("203.0.113.7")
    drop()
    assert set(ask("203.0.113.7").reasons) == {Reason.PORT_REQUIRED}


def test_a_hold_for_a_port_remembers_that_an_address_of_one_subscriber_was_shared_all_the_same() -> None:
    store(f"203.0.113.7,,,{IN_MARCH},s-1,business", f"203.0.113.7,5000,5000,{IN_MARCH},s-2,business")
    wanted = ToKeep(Observation(CASE, "203.0.113.7", 40000, MARCH), timezone.now() + 30 * DAY)
    assert keep_rows([wanted], tolerance=MINUTE, now=MARCH + DAY)
    before = ask("203.0.113.7", port=40000, now=MARCH + DAY)
    drop()
    assert set(before.reasons) == set(ask("203.0.113.7", port=40000).reasons) == {Reason.UNCERTAIN_EDGE}


def test_a_hold_for_a_port_keeps_no_other_where_the_plan_says_that_the_address_is_shared() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    store(f"203.0.113.7,4096,4607,{IN_MARCH},s-1,business", f"203.0.113.7,5000,5000,{IN_MARCH},s-2,business")
    wanted = ToKeep(Observation(CASE, "203.0.113.7", 4100, MARCH), timezone.now() + 30 * DAY)
    assert keep_rows([wanted], tolerance=MINUTE, now=MARCH + DAY)
    assert list(HeldLease.objects.values_list("port_from", flat=True)) == [4096]


def test_a_hold_without_a_port_answers_no_port_of_an_address_of_which_others_had_ports() -> None:
    store(f"203.0.113.7,,,{IN_MARCH},s-1,business", f"203.0.113.7,5000,5000,{IN_MARCH},s-2,business")
    hold("203.0.113.7")
    drop()
    assert set(ask("203.0.113.7", port=40000).reasons) == {Reason.UNCERTAIN_EDGE}


def test_a_hold_keeps_nothing_behind_blocks_that_are_kept_only_to_show_that_the_address_was_shared() -> None:
    source = store(f"203.0.113.9,20480,20991,{IN_MARCH},s-0,business").imported.source_id
    for n, port in ((7, 20480), (8, 5000)):
        inner = Holder.objects.create(kind="inner", inner_address=f"10.0.0.{n}", realm="")
        PortBlock.objects.create(
            source_id=source,
            holder=inner,
            address="203.0.113.7",
            port_from=port,
            port_to=port + 9,
            port_step=1,
            **PLAIN,
        )
    hold("203.0.113.7", port=20485)
    assert HeldLease.objects.count() == 2
    assert sorted(Hold.objects.values_list("address", flat=True)) == ["10.0.0.7", "203.0.113.7"]


@pytest.mark.parametrize("stated", [False, True])
def test_a_hold_proves_nobody_only_as_far_as_the_sources_did_when_it_was_made(stated: bool) -> None:
    since, until = (datetime(2026, 1, 1, tzinfo=UTC), NOW) if stated else (None, None)
    other = f"198.51.100.24,,,{IN_MARCH},s-1,business"
    store(other, complete_from=since, complete_until=until)
    wanted = ToKeep(Observation(CASE, "198.51.100.23", None, MARCH), timezone.now() + 30 * DAY)
    assert keep_rows([wanted], tolerance=MINUTE, now=MARCH + DAY)
    # Another file that is said to be complete comes after it, with somebody whose rows are not kept.
    store(other, f"198.51.100.23,,,{IN_MARCH},s-2,business")
    drop()
    verdict = ask("198.51.100.23")
    expected = (Resolution.NONE, {Reason.NO_HOLDER}) if stated else (Resolution.AMBIGUOUS, {Reason.NOT_SHOWN})
    assert (verdict.outcome, set(verdict.reasons)) == expected


def test_a_hold_of_before_it_was_kept_what_sources_show_proves_nobody_away() -> None:
    store(f"198.51.100.24,,,{IN_MARCH},s-1,business")
    hold("198.51.100.23")
    assert ask("198.51.100.23").outcome is Resolution.NONE
    Hold.objects.update(shown=None)
    assert ask("198.51.100.23").reasons == {Reason.NOT_SHOWN}


def test_a_hold_keeps_the_inner_address_that_an_answer_follows() -> None:
    source = store(f"203.0.113.9,20480,20991,{IN_MARCH},s-0,business").imported.source_id
    behind = Holder.objects.create(kind="subscriber", reference="s-9")
    inner = Holder.objects.create(kind="inner", inner_address="10.0.0.7", realm="")
    Lease.objects.create(source_id=source, holder=behind, address="10.0.0.7", **PLAIN)
    PortBlock.objects.create(
        source_id=source, holder=inner, address="203.0.113.7", port_from=20480, port_to=20991, port_step=1, **PLAIN
    )
    hold("203.0.113.7", port=20500)
    drop()
    assert not Lease.objects.exists()
    assert ask("203.0.113.7", port=20500).subscriber == "s-9"


def test_an_open_lease_is_held_as_it_stood() -> None:
    store("198.51.100.23,,,2026-03-10T00:00:00Z,,s-1,business", complete_until=MARCH + DAY)
    hold("198.51.100.23")
    with connections["leases"].cursor() as cursor:
        cursor.execute("DELETE FROM open_lease")
    assert ask("198.51.100.23").subscriber == "s-1"


def test_the_sweep_asks_once_a_day_and_the_worker_drops() -> None:
    long_ago = timezone.now() - timedelta(days=500)
    with connections["leases"].cursor() as cursor:
        cursor.execute("SELECT make_lease_months(%s, %s)", [long_ago, long_ago])
    sweep()
    row = OutboxRow.objects.get(kind="drop-leases")
    drop_leases(str(row.id))
    row.refresh_from_db()
    assert (row.done, row.last_error) == (True, "")
    assert f"lease_{long_ago:%Y_%m}" in Event.objects.get(kind="leases:expired").body["parts"]
    sweep()
    assert OutboxRow.objects.get(kind="drop-leases").done
    OutboxRow.objects.filter(kind="drop-leases").update(next_at=timezone.now() - timedelta(days=1, minutes=1))
    sweep()
    assert not OutboxRow.objects.get(kind="drop-leases").done


def test_a_failed_drop_leaves_months_and_writes_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = timezone.now() - timedelta(days=500)
    with connections["leases"].cursor() as cursor:
        cursor.execute("SELECT make_lease_months(%s, %s)", [long_ago, long_ago])
    sweep()

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("broker.attribution.retention.record", fail)
    drop_leases(str(OutboxRow.objects.get(kind="drop-leases").id))
    assert OutboxRow.objects.get(kind="drop-leases").last_error == "RuntimeError"
    with connections["leases"].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"lease_{long_ago:%Y_%m}"])
        assert cursor.fetchone()[0]

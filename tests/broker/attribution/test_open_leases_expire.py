"""What had its end ahead becomes history when it has ended, expires with its time, and answers as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connections, transaction

from broker.attribution import retention
from broker.attribution.lease_import import import_leases
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Resolution, Verdict
from broker.audit.models import Event
from broker.leases import queries, services
from broker.leases.models import BlockShape, Lease, LeaseSource, LogHolding, OddBlock, OpenLease, PortBlock
from tests.broker.attribution.test_retention import CASE, hold
from tests.support.detail_log import log, read
from tests.support.lease_files import NOW, OURS, lease_file, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
# The files were written then; what lies after it was ahead.
WRITTEN = datetime(2026, 8, 20, 12, tzinfo=UTC)
AGAIN = datetime(2026, 10, 20, tzinfo=UTC)


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def written(*rows: str, at: datetime, source: str = "dhcp") -> None:
    """Import a file as of the time at which it was written, complete from the month before."""
    import_leases(lease_file(*rows), source=source, now=at, complete_from=at - 70 * DAY, complete_until=at)


def row(address: str, begin: datetime, end: datetime | None, who: str, ports: str = ",") -> str:
    return f"{address},{ports},{text(begin)},{'' if end is None else text(end)},{who},business"


def leases(seed: int) -> list[str]:
    """Leases around the end of a month whose expiry lay ahead, of addresses and of port blocks, some in fractions."""
    dice = Random(seed)
    rows = []
    for number in range(60):
        begin = WRITTEN - timedelta(seconds=dice.randrange(900_000))
        end = WRITTEN + timedelta(seconds=dice.randrange(1, 4_000_000), microseconds=dice.choice([0, 0, 250_000]))
        begin += timedelta(microseconds=dice.choice([0, 0, 125_000]))
        first = 1024 + 512 * dice.randrange(4)
        # The last shapes are too many to have a probe each.
        ports = f"{first},{first + 511 + (number if number > 20 else 0)}"
        if dice.random() < 0.5:
            rows.append(row(f"198.51.100.{dice.randrange(6)}", begin, end, f"s-{dice.randrange(5)}"))
        else:
            rows.append(row("203.0.113.7", begin, end, f"s-{dice.randrange(5)}", ports))
    return sorted(set(rows))


def ask_at(moments: list[datetime]) -> list[Verdict]:
    """Ask around these moments, in fractions of a second too."""
    dice = Random(5)
    asked: list[Observation[int]] = []
    for moment in moments:
        for shift in (-3600, -2, -0.75, 0, 0.5, 2, 3600):
            for address, port in (
                (f"198.51.100.{dice.randrange(6)}", None),
                ("203.0.113.7", 1024 + dice.randrange(2048)),
                ("203.0.113.7", None),
            ):
                asked.append(Observation(len(asked), address, port, moment + timedelta(seconds=shift), 0.001))
    verdicts = attribute(asked, tolerance=timedelta(milliseconds=100), now=AGAIN)
    return [verdicts[number] for number in range(len(asked))]


@pytest.mark.parametrize("seed", range(3))
def test_answers_are_the_same_before_and_after_and_history_holds_all_of_it(seed: int) -> None:
    plan(("198.51.100.0/24", "dedicated"), ("203.0.113.0/24", "cgn-block"))
    rows = leases(seed)
    written(*rows, at=WRITTEN)
    source = LeaseSource.objects.get()
    services.cover(source.pk, WRITTEN - 40 * DAY, AGAIN, stated=True)
    assert (OpenLease.objects.count(), Lease.objects.count()) == (len(rows), 0)
    moments = sorted(
        {
            m
            for names in OpenLease.objects.values_list("possible_from", "possible_to", "certain_to")
            for m in names
            if m is not None
        }
    )
    before = ask_at(moments)
    assert {v.outcome for v in before} >= {Resolution.UNIQUE, Resolution.AMBIGUOUS, Resolution.NONE}
    with transaction.atomic(using="leases"):
        assert services.move_expired(source.pk, AGAIN, now=AGAIN) == sum(
            1 for row in rows if row.split(",")[4] <= text(AGAIN)
        )
    assert OpenLease.objects.filter(possible_to__lte=AGAIN).count() == 0
    assert PortBlock.objects.exists()
    assert OddBlock.objects.exists()
    assert ask_at(moments) == before
    # Cut where a month ends, and each with all its parts.
    pieces = [*Lease.objects.all(), *PortBlock.objects.all(), *OddBlock.objects.all()]
    assert all(p.valid_from.month == (p.valid_to - timedelta(microseconds=1)).month for p in pieces)
    kept = {p.source_pos for p in pieces} | set(OpenLease.objects.values_list("source_pos", flat=True))
    assert kept == {number for number, _ in enumerate(rows, start=2)}


def test_the_next_file_of_a_source_moves_what_has_expired_unless_it_knows_better() -> None:
    plan(*OURS)
    began = WRITTEN - DAY
    written(
        row("198.51.100.1", began, WRITTEN + HOUR, "s-1"),
        row("198.51.100.2", began, WRITTEN + HOUR, "s-2"),
        row("198.51.100.3", began, WRITTEN + HOUR, "s-3"),
        row("198.51.100.4", began, None, "s-4"),
        at=WRITTEN,
    )
    written(row("198.51.100.9", began, WRITTEN + HOUR, "s-9"), at=WRITTEN, source="other")
    later = WRITTEN + DAY
    written(
        row("198.51.100.2", began, WRITTEN + HOUR / 2, "s-2"),  # given back before its expiry
        row("198.51.100.3", began, later + HOUR, "s-3"),  # renewed
        at=later,
    )
    moved = {lease.address: lease.valid_to for lease in Lease.objects.all()}
    assert moved == {"198.51.100.1": WRITTEN + HOUR, "198.51.100.2": WRITTEN + HOUR / 2}
    # Another source may still say that its lease ended before.
    assert set(OpenLease.objects.values_list("address", flat=True)) == {
        "198.51.100.3",
        "198.51.100.4",
        "198.51.100.9",
    }


def test_a_lease_is_left_open_until_its_source_has_delivered_beyond_its_expiry() -> None:
    plan(*OURS)
    written(row("198.51.100.1", WRITTEN - DAY, WRITTEN + HOUR, "s-1"), at=WRITTEN)
    file = lease_file(row("198.51.100.2", WRITTEN - DAY, WRITTEN - HOUR, "s-2"))
    import_leases(file, source="dhcp", now=WRITTEN + DAY, complete_from=WRITTEN - DAY, complete_until=WRITTEN)
    assert OpenLease.objects.get().address == "198.51.100.1"


def test_a_lease_that_began_before_any_month_can_be_made_is_moved_without_that_part() -> None:
    plan(*OURS)
    written(row("198.51.100.1", WRITTEN - DAY, WRITTEN + HOUR, "s-1"), at=WRITTEN)
    OpenLease.objects.update(possible_from=datetime(1998, 1, 1, tzinfo=UTC))
    OpenLease.objects.update(certain_from=datetime(1998, 1, 1, tzinfo=UTC))
    with transaction.atomic(using="leases"):
        services.move_expired(LeaseSource.objects.get().pk, AGAIN, now=datetime(2026, 8, 25, tzinfo=UTC))
    assert not OpenLease.objects.exists()
    first = Lease.objects.order_by("valid_from").first()
    assert first is not None
    assert first.valid_from.year == 2007


def test_blocks_too_odd_for_a_probe_are_asked_for_while_one_may_still_be_moved() -> None:
    """Whoever reads the shapes before such a block is moved, and the evidence after it, has to find it."""
    BlockShape.objects.bulk_create(BlockShape(span=100 + n, phase=0, step=1) for n in range(queries.MOST_SHAPES))
    assert not OddBlock.objects.exists()
    with connections["leases"].cursor() as cursor:
        cursor.execute(queries.SHAPES)
        *_, odd, _ = cursor.fetchone()
    assert odd


def drop(now: datetime) -> None:
    with transaction.atomic(), transaction.atomic(using="leases"):
        retention.drop_expired(now)


@pytest.fixture
def half_a_year(settings: Any) -> None:
    settings.LEASE_RETENTION_DAYS = 183


@pytest.mark.usefixtures("half_a_year")
def test_what_ended_before_the_floor_is_dropped_from_the_open_ones_and_the_event_counts_it() -> None:
    plan(*OURS)
    march = datetime(2026, 3, 10, tzinfo=UTC)
    written(
        row("198.51.100.23", march - DAY, march + 8 * DAY, "s-1"),
        row("198.51.100.24", march - DAY, march + 100 * DAY, "s-2"),
        row("198.51.100.25", march - DAY, None, "s-3"),
        at=march,
    )
    drop(NOW)
    assert set(OpenLease.objects.values_list("address", flat=True)) == {"198.51.100.24", "198.51.100.25"}
    assert Event.objects.get(kind="leases:expired").body["parts"]["open_lease"] == 1


@pytest.mark.usefixtures("half_a_year")
def test_a_hold_keeps_an_open_lease_that_is_dropped() -> None:
    plan(*OURS)
    at = datetime(2026, 3, 18, 20, 41, 10, tzinfo=UTC)
    written(row("198.51.100.23", at - DAY, at + 2 * DAY, "s-1"), at=at + DAY)
    services.cover(LeaseSource.objects.get().pk, at - DAY, NOW, stated=True)
    hold("198.51.100.23", at)
    drop(NOW)
    assert not OpenLease.objects.exists()
    asked = Observation("q", "198.51.100.23", None, at, case=CASE)
    verdict = attribute([asked], tolerance=HOUR / 60, now=NOW)["q"]
    assert verdict.subscriber == "s-1"


@pytest.mark.usefixtures("half_a_year")
def test_what_a_silent_device_left_is_forgotten_with_its_holding_and_nothing_that_goes_on() -> None:
    old, late = datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 9, 14, tzinfo=UTC)
    told: dict[str, Any] = {"keep": NOW - old + DAY}
    gone = [
        packet(old, "Start", "s1", "line-1", "198.51.100.7"),
        packet(old + HOUR, "Start", "s2", "line-2", "198.51.100.8"),
        packet(old + 2 * HOUR, "Stop", "s2", "line-2", "198.51.100.8", 3600),
        packet(old + 4 * HOUR, "Interim-Update", "s1", "line-1", "198.51.100.7", 14400),
    ]
    goes_on = [
        packet(late, "Start", "s3", "line-3", "198.51.100.9", nas="192.0.2.2"),
        packet(late + HOUR, "Interim-Update", "s3", "line-3", "198.51.100.9", 3600, nas="192.0.2.2"),
    ]
    read(log(*gone, *goes_on), **told)
    # One that lasts at most a month beyond its last sight, one that is given out and kept for late records.
    assert (OpenLease.objects.count(), LogHolding.objects.count()) == (2, 3)
    drop(NOW)
    assert [lease.address for lease in OpenLease.objects.all()] == ["198.51.100.9"]
    assert [holding.state["address"] for holding in LogHolding.objects.all()] == ["198.51.100.9"]
    parts = Event.objects.get(kind="leases:expired").body["parts"]
    assert (parts["open_lease"], parts["log_holding"]) == (1, 2)
    # Its device comes back, and says that the session is over: that is read as what it is.
    back = packet(late + 2 * HOUR, "Stop", "s1", "line-1", "198.51.100.7", int((late - old).total_seconds()))
    assert read(log(*gone, *goes_on, back), keep=183 * DAY).rejected.total() == 0


def test_only_the_worker_may_have_open_leases_dropped() -> None:
    with connections["leases"].cursor() as cursor:
        for role, may in (("broker_feeder", False), ("broker_worker", True)):
            cursor.execute("SELECT has_function_privilege(%s, 'drop_lease_months(timestamptz)', 'EXECUTE')", [role])
            assert cursor.fetchone()[0] is may

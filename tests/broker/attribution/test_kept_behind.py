"""A hold keeps the log of what lies behind an address also where no row names it and a configuration computes it."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from broker.attribution import retention
from broker.attribution.describe import describe_source
from broker.attribution.holding import ToKeep, keep_rows
from broker.attribution.mapping_import import import_mappings
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Resolution, Verdict
from broker.leases.models import HeldLease, Hold, Lease
from tests.broker.attribution.test_computed_answers import MAP
from tests.support.lease_files import NOW, plan
from tests.support.log_rows import Held, keep

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

EVENING = datetime(2026, 9, 18, 20, 41, 10, tzinfo=UTC)
# As rows are kept for 183 days, September has expired by then.
LATER = datetime(2027, 5, 1, tzinfo=UTC)
MINUTE = timedelta(seconds=60)

# The inside of port 5000 is 100.64.0.1 until the change of configuration, 100.64.0.17 from then on.
NAT = """
[[epoch]]
name = "cgn-1"
kind = "deterministic-nat"
from = 2026-01-01T00:00:00Z
to = 2026-09-25T00:00:00Z
inside = ["100.64.0.0/28"]
outside = ["203.0.113.0/32"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16
dynamic-factor = 2
realm = "north"

[[epoch]]
name = "cgn-1"
kind = "deterministic-nat"
from = 2026-09-25T00:00:00Z
inside = ["100.64.0.16/28"]
outside = ["203.0.113.0/32"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16
dynamic-factor = 2
realm = "north"
"""


@pytest.fixture(autouse=True)
def mapped(settings: Any) -> None:
    settings.LEASE_RETENTION_DAYS = 183
    plan(("203.0.113.0/32", "deterministic"), ("192.0.2.0/24", "map"), ("2001:db8::/40", "dedicated"))
    describe_source("bng", new=True, realm="north")
    describe_source("pd", new=True)
    import_mappings(io.BytesIO((NAT + MAP).encode()), now=NOW)
    keep("bng", *(Held(f"100.64.0.{n}", f"s-{n}") for n in (0, 1, 2, 17)))
    keep("pd", Held("2001:db8:12:3400::/56", "s-34"), Held("2001:db8:12:3500::/56", "s-35"))


def hold(address: str, port: int | None, at: datetime = EVENING) -> uuid.UUID:
    case = uuid.uuid4()
    wanted = [ToKeep(Observation(case, address, port, at), timezone.now() + timedelta(days=30))]
    assert keep_rows(wanted, tolerance=MINUTE, now=NOW)
    return case


def drop() -> None:
    with transaction.atomic(), transaction.atomic(using="leases"):
        retention.drop_expired(LATER)
    assert not Lease.objects.exists()


def ask(case: uuid.UUID, address: str, port: int | None, at: datetime = EVENING, now: datetime = LATER) -> Verdict:
    return attribute([Observation("q", address, port, at, case=case)], tolerance=MINUTE, now=now)["q"]


@pytest.mark.parametrize(
    ("address", "port", "who"), [("203.0.113.0", 5000, "s-1"), ("192.0.2.18", 1234, "s-34")], ids=["nat", "map"]
)
def test_the_log_of_a_computed_inside_is_kept_and_answers_when_its_month_is_gone(
    address: str, port: int, who: str
) -> None:
    case = hold(address, port)
    before = ask(case, address, port, now=NOW)
    drop()
    after = ask(case, address, port)
    assert (after.outcome, after.subscriber) == (Resolution.UNIQUE, who)
    assert (after.provenances, after.margin) == (before.provenances, before.margin)
    # Nobody asked to keep a neighbour's.
    assert HeldLease.objects.count() == 1
    assert ask(uuid.uuid4(), address, port).outcome is Resolution.OUTSIDE_RETENTION


def test_only_the_configuration_of_that_time_says_whose_log_is_kept() -> None:
    hold("203.0.113.0", 5000)
    assert list(Hold.objects.order_by("id").values_list("address", flat=True)) == ["203.0.113.0", "100.64.0.1"]


def test_at_a_change_of_configuration_the_logs_of_both_insides_are_kept() -> None:
    change = datetime(2026, 9, 25, tzinfo=UTC)
    case = hold("203.0.113.0", 5000, change + timedelta(minutes=30))
    drop()
    assert Hold.objects.count() == 3
    assert ask(case, "203.0.113.0", 5000, change + timedelta(minutes=30)).subscriber == "s-17"


def test_without_a_port_nothing_is_computed_and_nobodys_log_is_kept() -> None:
    hold("203.0.113.0", None)
    assert list(Hold.objects.values_list("address", flat=True)) == ["203.0.113.0"]
    assert not HeldLease.objects.exists()


def test_an_inside_that_a_log_names_as_well_is_kept_once() -> None:
    keep("bng", Held("203.0.113.0", "100.64.0.1", ports=(4608, 8191), realm="north"))
    hold("203.0.113.0", 5000)
    assert list(Hold.objects.order_by("id").values_list("address", flat=True)) == ["203.0.113.0", "100.64.0.1"]

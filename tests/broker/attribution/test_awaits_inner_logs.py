"""A shared address waits for the logs that tell who is behind it, whether or not anybody was."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connections

from broker.attribution.services import attribute, awaits_logs
from broker.attribution.sources import Observation
from broker.attribution.verdict import Reason
from broker.leases.models import AddressPlan, LeaseSource
from broker.leases.services import cover
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import NOW
from tests.support.log_lines import block, packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

ASKED = DAY + 6 * HOUR
TOLERANCE = timedelta(seconds=10)
# A block that somebody has, and one that nobody has.
HIT, MISS = 20500, 30000


@pytest.fixture(autouse=True)
def translation() -> None:
    """nat translates for radius; both logs are there, and how far each has delivered is said by the tests."""
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,")
    sights = [packet(DAY + n * HOUR, "Interim-Update", "s1", "line-1", "100.64.3.9", n * 3600) for n in range(1, 21)]
    read(log(*sights), source="radius")
    moments = [DAY + n * HOUR for n in range(3, 20)]
    blocks = [block(DAY + 2 * HOUR, DAY + 2 * HOUR, "100.64.3.9", 20480)]
    read(
        log(*blocks, *(block(at, DAY + 2 * HOUR, "100.64.3.9", 20480, "INTERIM") for at in moments)),
        source="nat",
        **JUNOS,
    )
    nat = LeaseSource.objects.get(name="nat")
    since = DAY - 1000 * HOUR
    AddressPlan.objects.create(prefix="203.0.113.0/24", from_at=since, sharing="cgn-block", source=nat)
    delivered(nat=DAY + 24 * HOUR, radius=DAY + 24 * HOUR)


JUNOS = {"format_name": "cgn-junos", "place": "nat"}


def delivered(since: datetime = DAY - 24 * HOUR, **until: datetime) -> None:
    for name, end in until.items():
        with connections["leases"].cursor() as cursor:
            cursor.execute("UPDATE lease_source SET coverage = '{}' WHERE name = %s", [name])
        cover(LeaseSource.objects.get(name=name).pk, since, end, stated=True)


def waits(port: int | None, at: datetime = ASKED, address: str = "203.0.113.7") -> bool:
    return bool(awaits_logs([Observation("q", address, port, at)], tolerance=TOLERANCE, now=NOW))


@pytest.mark.parametrize("port", [HIT, MISS])
def test_waits_for_the_log_behind_the_translation_whether_or_not_somebody_had_the_port(port: int) -> None:
    assert not waits(port)
    delivered(radius=DAY + 5 * HOUR)
    assert waits(port)
    delivered(radius=DAY + 7 * HOUR)
    assert not waits(port)


def test_what_is_answered_after_the_wait_is_never_not_settled() -> None:
    answered = 0
    for seconds in range(-40, 41, 2):
        delivered(radius=ASKED + timedelta(seconds=seconds))
        if waits(HIT):
            continue
        answered += 1
        verdict = ask("203.0.113.7", ASKED, port=HIT)
        assert Reason.NOT_SETTLED not in verdict.reasons
        assert verdict.subscriber == "c-1"
    assert 0 < answered < 41


@pytest.mark.parametrize("port", [HIT, MISS])
def test_does_not_wait_for_a_log_that_will_never_tell(port: int) -> None:
    delivered(since=DAY + 7 * HOUR, radius=DAY + 24 * HOUR)
    assert not waits(port)
    # It served until before, so nothing of it is missing.
    delivered(radius=DAY + HOUR)
    LeaseSource.objects.filter(name="radius").update(serves_until=DAY + HOUR)
    assert not waits(port)


def test_without_a_port_nothing_is_waited_for() -> None:
    delivered(radius=DAY + 5 * HOUR)
    assert not waits(None)


def test_an_address_that_is_not_shared_waits_for_its_own_log_alone() -> None:
    nat = LeaseSource.objects.get(name="nat")
    AddressPlan.objects.create(
        prefix="198.51.100.0/24", from_at=DAY - 1000 * HOUR, sharing="dedicated", source_id=nat.pk
    )
    delivered(radius=DAY + 5 * HOUR)
    assert not waits(None, address="198.51.100.7")
    delivered(nat=DAY + 5 * HOUR)
    assert waits(None, address="198.51.100.7")


def test_a_realm_waits_for_its_own_sources_and_for_those_a_log_may_name() -> None:
    LeaseSource.objects.filter(name="nat").update(realm="south")
    for name, realm, expected in (("a", "", False), ("b", "south", True), ("c", "north", True)):
        LeaseSource.objects.create(name=name, realm=realm, coverage="{}")
        delivered(**{name: DAY + 5 * HOUR})
        assert waits(HIT) is expected, name
        assert waits(MISS) is expected, name
        delivered(**{name: DAY + 24 * HOUR})
    assert not waits(MISS)


def test_the_verdict_without_waiting_says_that_the_inner_log_is_not_settled() -> None:
    delivered(radius=DAY + 5 * HOUR)
    found = attribute([Observation("q", "203.0.113.7", HIT, ASKED)], tolerance=TOLERANCE, now=NOW)["q"]
    assert found.reasons == {Reason.NOT_SETTLED}

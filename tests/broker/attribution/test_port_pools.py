"""A port outside the pool that the plan states for a shared address is out of range: nobody's name, and no "nobody"."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network

import pytest
from django.db import IntegrityError, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from broker.attribution.history_import import HistoryReport, import_plan
from broker.attribution.pools import Pools
from broker.attribution.resolve import Ground
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.spans import meets
from broker.attribution.verdict import Reason, Resolution, Verdict
from broker.errors import InputError
from broker.leases.models import AddressPlan
from broker.leases.services import STORE
from tests.support.lease_files import NOW, store

AT = datetime(2026, 9, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BLOCK = "203.0.113.7,{},{},2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-1,business"
POOL = "203.0.113.0/24,2020-01-01T00:00:00Z,,cgn-block,,1024,65535"
OPEN = "203.0.113.0/24,2020-01-01T00:00:00Z,,cgn-block,"

stored = pytest.mark.django_db(databases=["default", "leases"])


def state(*rows: str, ports: bool = True) -> HistoryReport:
    header = "prefix,from,to,sharing,source" + (",port_from,port_to" if ports else "")
    return import_plan(io.BytesIO("\n".join([header, *rows, ""]).encode()), now=NOW)


def defects(*rows: str) -> list[tuple[str, str, int | None]]:
    with pytest.raises(InputError) as error:
        state(*rows)
    return [(problem.code, problem.field, problem.line) for problem in error.value.problems]


def ask(port: int, at: datetime = AT) -> Verdict:
    observation = Observation("q", "203.0.113.7", port, at, Decimal(1))
    return attribute([observation], tolerance=timedelta(seconds=60), now=NOW)["q"]


@stored
def test_a_port_outside_the_pool_is_out_of_range_and_one_inside_is_looked_up() -> None:
    state(POOL)
    store(BLOCK.format(20_480, 20_991))
    for port in (1, 100, 1023):
        verdict = ask(port)
        assert verdict.outcome == Resolution.INSUFFICIENT
        assert verdict.reasons == {Reason.PORT_OUT_OF_RANGE}
    assert ask(20_480).subscriber == "s-1"
    assert ask(1024).outcome == Resolution.NONE


@stored
def test_nobody_is_named_by_a_block_that_a_log_has_outside_the_pool() -> None:
    state(POOL)
    store(BLOCK.format(512, 1535))
    assert ask(1000).reasons == {Reason.PORT_OUT_OF_RANGE}
    assert ask(1500).subscriber == "s-1"


@stored
def test_without_a_pool_nothing_changes() -> None:
    state(OPEN, ports=False)
    store(BLOCK.format(512, 1535))
    assert ask(1000).subscriber == "s-1"
    assert ask(100).outcome == Resolution.NONE


@stored
def test_a_window_across_two_pools_needs_the_port_in_both() -> None:
    state(
        "203.0.113.0/24,2020-01-01T00:00:00Z,2026-09-14T12:00:00Z,cgn-block,,1024,65535",
        "203.0.113.0/24,2026-09-14T12:00:00Z,,cgn-block,,32768,65535",
    )
    store(BLOCK.format(20_480, 20_991))
    assert ask(20_480, AT - HOUR).subscriber == "s-1"
    for at in (AT, AT + HOUR):
        assert ask(20_480, at).reasons == {Reason.PORT_OUT_OF_RANGE}


@stored
def test_a_pool_is_part_of_what_a_row_of_the_plan_says() -> None:
    assert state(POOL) == HistoryReport(added=1)
    assert state(POOL) == HistoryReport(known=1)
    assert defects(OPEN + ",,") == [("plan.overlap", "prefix", 2)]
    assert defects(POOL.replace("1024", "2048")) == [("plan.overlap", "prefix", 2)]
    ended = POOL.replace("Z,,cgn", "Z,2026-01-01T00:00:00Z,cgn")
    assert state(ended) == HistoryReport(ended=1)
    assert state("203.0.113.0/24,2026-01-01T00:00:00Z,,cgn-block,,2048,65535") == HistoryReport(added=1)


@pytest.mark.parametrize(
    ("ports", "field"),
    [
        ("1024,", "port_to"),
        (",65535", "port_from"),
        ("1024,65536", "port_to"),
        ("2048,1024", "port_to"),
        ("-1,5", "port_from"),
        ("a,5", "port_from"),
        ("01,5", "port_from"),
        ("1.0,5", "port_from"),
    ],
)
@stored
def test_a_pool_has_a_first_and_a_last_port(ports: str, field: str) -> None:
    assert defects(f"{OPEN},{ports}") == [("plan.ports", field, 2)]


@pytest.mark.parametrize("sharing", ["dedicated", "static", "deterministic", "map"])
@stored
def test_only_what_is_shared_by_logs_has_a_pool(sharing: str) -> None:
    assert defects(POOL.replace("cgn-block", sharing)) == [("plan.pool", "port_from", 2)]
    assert state(POOL.replace("cgn-block", sharing).replace("1024,65535", ",")) == HistoryReport(added=1)


@pytest.mark.parametrize("ports", ["1024, NULL", "NULL, 1024", "2048, 1024", "-1, 5", "1024, 65536"])
@stored
def test_the_database_refuses_a_pool_that_is_none(ports: str) -> None:
    assert_refused(f"'cgn-block', {ports}")


@stored
def test_the_database_refuses_a_pool_of_an_address_that_is_not_shared() -> None:
    assert_refused("'dedicated', 1024, 65535")


def assert_refused(values: str) -> None:
    statement = (
        "INSERT INTO address_plan (prefix, from_at, sharing, port_from, port_to) VALUES (%s, %s, " + values + ")"
    )
    with pytest.raises(IntegrityError, match="port"), transaction.atomic(using=STORE):
        connections[STORE].cursor().execute(statement, ["203.0.113.0/24", AT])
    assert not AddressPlan.objects.using(STORE).exists()


moments = st.integers(0, 9).map(lambda n: AT + n * HOUR)
rows = st.lists(
    st.tuples(
        st.sampled_from(["203.0.113.0/24", "203.0.113.0/28", "203.0.113.7/32", "198.51.100.0/24", "2001:db8::/32"]),
        st.tuples(moments, st.none() | moments).filter(lambda s: s[1] is None or s[0] < s[1]),
        st.none() | st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda p: (min(p), max(p))),
    ),
    max_size=6,
)


@given(rows, st.sampled_from(["203.0.113.7", "203.0.113.200", "198.51.100.1", "2001:db8::1"]), st.integers(1, 21))
def test_a_port_is_unused_exactly_while_a_pool_of_its_address_is_without_it(
    plan: list[tuple[str, tuple[datetime, datetime | None], tuple[int, int] | None]], address: str, port: int
) -> None:
    known = [
        (prefix.partition("/")[0], int(prefix.partition("/")[2]), lo, hi, "cgn-block", None, *(pool or (None, None)))
        for prefix, (lo, hi), pool in plan
    ]
    ip = ip_address(address)
    ground = Pools(known).limit(Ground(), ip.version, int(ip), port)
    for n in range(10):
        at = AT + n * HOUR
        expected = any(
            ip in ip_network(prefix) and lo <= at and (hi is None or at < hi) and not pool[0] <= port <= pool[1]
            for prefix, (lo, hi), pool in plan
            if pool is not None
        )
        assert meets(ground.unused, at, at + timedelta(seconds=1)) == expected

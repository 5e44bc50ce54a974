"""A request about an address behind deterministic NAT, from intake to the opened answer."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from broker.attribution.describe import describe_source
from broker.attribution.mapping_import import import_mappings
from broker.leases.models import AddressPlan
from tests.support.flow import Flow
from tests.support.log_rows import Held, keep

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

SEEN = {"address": "192.0.2.1", "observed_at": "2026-09-18T22:41:10+02:00"}
# 16 insides for each outside address, 4032 ports each from 1024 on: port 5056 begins the second block, 8192 is in it.
NAT = b"""
[[epoch]]
name = "cgn-1"
kind = "deterministic-nat"
from = 2026-01-01T00:00:00Z
inside = ["100.64.0.0/28"]
outside = ["192.0.2.1/32"]
boundary-addresses = true
order = "sequential"
sharing-ratio = 16
"""


def test_the_contract_behind_the_port_is_named_and_without_a_port_nobody(flow: Flow) -> None:
    since = datetime(2024, 1, 1, tzinfo=UTC)
    AddressPlan.objects.create(prefix="192.0.2.1/32", from_at=since, to_at=None, sharing="deterministic")
    describe_source("bng", new=True, realm="homes")
    # Both are subscribers of the demo; they had neighbouring insides.
    keep("bng", Held("100.64.0.0", "s-b07e52d1"), Held("100.64.0.1", "s-4f1c90a7"))
    import_mappings(io.BytesIO(NAT.replace(b"inside =", b'realm = "homes"\ninside =')), now=datetime.now(UTC))
    lines = [{**SEEN, "source_port": port} for port in (8192, 5055, None, 1023)]
    # One request each: an order that names a port says nothing of a line without one.
    answers = [flow.answers(flow.released([line]))[0] for line in lines]
    assert [answer["reason"] for answer in answers] == ["unique", "unique", "port-required", "port-out-of-range"]
    hit = flow.answers(flow.released([{"address": "198.51.100.23", "observed_at": "2026-09-14T21:05:09+02:00"}]))[0]
    named, neighbour, *nobody = (answer["subscriber"] for answer in answers)
    assert named == hit["subscriber"]
    assert named["name"]
    assert neighbour["name"] != named["name"]
    assert nobody == [{}, {}]

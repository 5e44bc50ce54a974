"""The protocol that an order names is looked up and stands in the answer; what the request says of it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker.leases.models import AddressPlan
from tests.support.flow import Flow
from tests.support.log_rows import Held, keep

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

LINE = {"address": "192.0.2.1", "source_port": 20480, "observed_at": "2026-09-18T22:41:10+02:00", "protocol": "tcp"}


def answered(flow: Flow, **order: str) -> dict[str, Any]:
    covered = {"address": LINE["address"], "source_port": 20480, "from": LINE["observed_at"], **order}
    (answer,) = flow.answers(flow.released([LINE], [covered]))
    return answer


def test_who_held_the_port_in_the_protocol_of_the_order_is_named_and_otherwise_nobody(flow: Flow) -> None:
    since = datetime(2024, 1, 1, tzinfo=UTC)
    AddressPlan.objects.create(prefix="192.0.2.1/32", from_at=since, to_at=None, sharing="cgn-session")
    # Both are subscribers of the demo; each had the port, in another protocol.
    port = (20480, 20480)
    keep(
        "nat",
        Held("192.0.2.1", "s-4f1c90a7", ports=port, protocol=6),
        Held("192.0.2.1", "s-b07e52d1", ports=port, protocol=17),
    )
    named = answered(flow, protocol="tcp")
    assert (named["reason"], named["source_port"], named["protocol"]) == ("unique", 20480, "tcp")
    assert named["subscriber"]["name"]
    # The request says tcp all the same; but the order covers all protocols, and two people had the port in them.
    silent = answered(flow)
    assert (silent["reason"], silent["protocol"], silent["subscriber"]) == ("change-in-window", None, {})

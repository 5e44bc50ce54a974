"""A log of flows names a holder where the transport protocol is known; where it is not, every protocol has its say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from broker.attribution.logs.formats import Told
from broker.attribution.services import attribute
from broker.attribution.sources import Observation
from broker.attribution.verdict import Resolution, Verdict
from broker.intake.observation import PROTOCOL_NUMBERS
from tests.support.detail_log import DAY, HOUR, contracts, log, read
from tests.support.lease_files import NOW, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])


def flow(at: datetime, what: str, inner: str, protocol: str, ident: int) -> str:
    """Write one event of conntrack about public port 20480."""
    number = PROTOCOL_NUMBERS[protocol]
    state = {"NEW": "120 ", "UPDATE": "60 "}.get(what, "") + ("ESTABLISHED " if protocol == "tcp" else "")
    return (
        f"[{int(at.timestamp())}.5     ]\t [{what}] {protocol}      {number} {state}src={inner} dst=192.0.2.80 "
        f"sport=40112 dport=443 src=192.0.2.80 dst=203.0.113.7 sport=443 dport=20480 id={ident}\n"
    )


def ask(protocol: str) -> Verdict:
    number = PROTOCOL_NUMBERS.get(protocol)
    observation = Observation("q", "203.0.113.7", 20480, DAY + 10 * HOUR, protocol=number)
    return attribute([observation], tolerance=timedelta(seconds=10), now=NOW)["q"]


def two_behind_one_address(*flows: tuple[str, str]) -> None:
    """Store flows of (inside address, protocol), each held from 02:00 to 20:00."""
    plan(("203.0.113.0/24", "cgn-session"))
    contracts(*(f"user:line-{n},c-{n},2026-01-01T00:00:00Z," for n in (1, 2)))
    hours = range(24)
    inner = [
        packet(DAY + h * HOUR, "Interim-Update" if h else "Start", f"s{n}", f"line-{n}", f"100.64.3.{n}", h * 3600)
        for h in hours
        for n in (1, 2)
    ]
    read(log(*inner), source="radius")
    events = [
        flow(DAY + h * HOUR, "NEW" if h == 2 else "DESTROY" if h == 20 else "UPDATE", address, protocol, ident)
        for h in range(2, 21)
        for ident, (address, protocol) in enumerate(flows)
    ]
    last = flow(DAY + 22 * HOUR, "NEW", "100.64.3.9", "tcp", 99).replace("dport=20480", "dport=30480")
    read(log(*events, last), source="nat", format_name="conntrack", told=Told(device="r1"), place="nat")


def test_a_flow_of_one_protocol_names_its_holder_only_to_whoever_says_which() -> None:
    two_behind_one_address(("100.64.3.1", "tcp"))
    assert ask("").outcome == Resolution.AMBIGUOUS
    assert ask("tcp").subscriber == "c-1"
    assert ask("udp").outcome == Resolution.NONE


def test_one_port_in_two_protocols_may_be_two_people() -> None:
    two_behind_one_address(("100.64.3.1", "tcp"), ("100.64.3.2", "udp"))
    assert ask("").outcome == Resolution.AMBIGUOUS
    assert [ask("tcp").subscriber, ask("udp").subscriber] == ["c-1", "c-2"]

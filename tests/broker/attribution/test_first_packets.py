"""A log of first packets names nobody, and what it does not say of a translation is no proof that nobody had a port."""

from __future__ import annotations

import pytest

from broker.attribution.verdict import Resolution
from tests.support.detail_log import DAY, HOUR, ask, log, read
from tests.support.lease_files import plan

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

PUBLIC, SERVER = "203.0.113.7", "198.51.100.80:443"


def packet(hour: float, inner: int, port: int, chain: str = "srcnat", states: str = "new", shown: bool = True) -> str:
    """The line of a packet of 100.64.3.inner that leaves by a public port. shown: the line says which."""
    own = f"100.64.3.{inner}:40112"
    translated = f", NAT ({own}->{PUBLIC}:{port})->{SERVER}" if shown else ""
    return (
        f"{DAY + hour * HOUR:%Y-%m-%dT%H:%M:%SZ} r1 firewall,info {chain}: in:br1 out:wan, connection-state:{states} "
        f"proto TCP (SYN), {own}->{SERVER}{translated}, len 60\n"
    )


def read_packets(*lines: str) -> None:
    """Read a log from 00:00 to 20:00 with these lines between."""
    plan(("203.0.113.0/24", "cgn-block"))
    found = [packet(hour, 9, 1024) for hour in range(21)]
    read(log(*sorted([*found, *lines])), source="nat", format_name="cgn-mikrotik", place="nat")


@pytest.mark.parametrize(
    "line",
    [
        packet(10, 2, 30_720, shown=False),
        packet(10, 2, 30_720, "forward", "new,snat"),
        packet(10, 2, 30_720, "forward", "established,snat"),
    ],
    ids=["untranslated-yet", "second-packet", "later-packet"],
)
def test_a_flow_whose_first_packet_does_not_show_its_port_is_not_answered_with_nobody(line: str) -> None:
    read_packets(line)
    assert ask(PUBLIC, DAY + 8 * HOUR, 30_720).outcome is Resolution.NONE
    assert ask(PUBLIC, DAY + 10 * HOUR, 30_720).outcome is Resolution.INCOMPLETE


def test_first_packets_of_one_host_do_not_show_that_it_had_the_port_between_them() -> None:
    read_packets(packet(10, 2, 30_720), packet(11, 2, 30_720))
    for hours in (10, 10.5, 11):
        assert ask(PUBLIC, DAY + hours * HOUR, 30_720).outcome is Resolution.AMBIGUOUS

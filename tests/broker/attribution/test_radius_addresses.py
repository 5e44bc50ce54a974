"""All that an accounting packet says of addresses counts: routes, masks, and values that stand for no address."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Resolution
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])


@pytest.fixture(autouse=True)
def _lines(db: None) -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")


def day(address: str, *attributes: str) -> list[str]:
    """line-1 from 02:00 to 19:00 with these attributes in every packet; somebody else shows that the log goes on."""
    more = "".join(f"\t{attribute}\n" for attribute in attributes)
    found = []
    for hour in range(24):
        at = DAY + hour * HOUR
        found.append(packet(at, "Interim-Update", f"o{hour}", "line-9", "198.51.100.200", 60))
        if 2 <= hour < 20:
            status = {2: "Start", 19: "Stop"}.get(hour, "Interim-Update")
            own = packet(at, status, "s1", "line-1", address, (hour - 2) * 3600 or None)
            found.append(own.replace("\tTimestamp", f"{more}\tTimestamp"))
    return found


def named(addresses: Sequence[str], hours: float = 10.5) -> list[str | None]:
    return [ask(address, DAY + hours * HOUR).subscriber for address in addresses]


def test_a_block_that_is_routed_to_a_subscriber_is_held_by_him() -> None:
    routes = (
        'Framed-Route = "198.51.100.40/29 198.51.100.7 1"',
        'Framed-Route += "198.51.100.64/30 0.0.0.0 1"',
        'Framed-IPv6-Route = "2001:db8:600::/48 :: 1"',
    )
    report = read(log(*day("198.51.100.7", *routes)))
    assert not report.rejected
    inside = ("198.51.100.7", "198.51.100.40", "198.51.100.47", "198.51.100.66", "2001:db8:600:1::9")
    assert named(inside) == ["c-1"] * len(inside)
    for address in ("198.51.100.48", "198.51.100.68", "2001:db8:601::1"):
        assert ask(address, DAY + 10.5 * HOUR).outcome is Resolution.NONE
    assert ask("198.51.100.42", DAY + 19.5 * HOUR).outcome is Resolution.NONE


def test_somebody_else_inside_a_routed_block_is_a_doubt() -> None:
    other = [packet(DAY + n * HOUR, "Interim-Update", "s2", "line-2", "198.51.100.42", n * 3600) for n in range(24)]
    routed = 'Framed-Route = "198.51.100.40/29 198.51.100.7 1"'
    read(log(*sorted(day("198.51.100.7", routed) + other, key=lambda record: record[-12:])))
    assert ask("198.51.100.42", DAY + 10.5 * HOUR).outcome is Resolution.AMBIGUOUS
    assert named(("198.51.100.41",)) == ["c-1"]


@pytest.mark.parametrize("route", ["0.0.0.0/1 198.51.100.7 1", "198.51.100.40 198.51.100.7 1"])
def test_a_route_whose_extent_is_not_said_names_nobody_and_is_counted(route: str) -> None:
    report = read(log(*day("198.51.100.7", f'Framed-Route = "{route}"')))
    assert report.rejected == {"EVENT_WITHOUT_ADDRESS": 18}
    assert named(("198.51.100.42",)) == [None]


@pytest.mark.parametrize(
    "attribute",
    [
        "Delegated-IPv6-Prefix = ::/0",
        "Framed-IPv6-Prefix = ::/0",
        "Framed-IPv6-Prefix = ::/64",
        "Framed-IPv6-Address = ::",
        'Framed-Route = "0.0.0.0/0 198.51.100.7 1"',
        'Framed-IPv6-Route = "::/0 :: 1"',
    ],
)
def test_an_attribute_that_was_not_filled_in_says_nothing_beside_others(attribute: str) -> None:
    report = read(log(*day("198.51.100.7", attribute)))
    assert not report.rejected
    # At the very moment of such a record.
    assert named(("198.51.100.7",), 10) == ["c-1"]
    assert ask("198.51.100.42", DAY + 10 * HOUR).outcome is Resolution.NONE


def addressless(*statuses: str) -> list[str]:
    """Beside line-1 on 198.51.100.7, all day, line-2 shows these at 10:30, 10:40 ... and has no address yet."""
    own = [
        packet(DAY + (10.5 + n / 6) * HOUR, status, "s2", "line-2", NO_ADDRESS, None if status == "Start" else 60)
        for n, status in enumerate(statuses)
    ]
    return sorted([*day("198.51.100.7"), *own], key=lambda record: record[-12:])


NO_ADDRESS = "0.0.0.0"  # noqa: S104 - no socket is bound


def test_a_start_whose_address_is_not_known_yet_is_no_loss() -> None:
    report = read(log(*addressless("Start")))
    assert (report.rejected, report.ignored) == ({}, 1)
    assert named(("198.51.100.7",), 10.5) == ["c-1"]


def test_an_interim_that_says_there_is_no_address_leaves_its_moment_out() -> None:
    report = read(log(*addressless("Start", "Interim-Update")))
    assert report.rejected == {"EVENT_WITHOUT_ADDRESS": 1}
    at = DAY + 10.5 * HOUR + HOUR / 6
    assert ask("198.51.100.7", at).outcome is Resolution.INCOMPLETE
    assert named(("198.51.100.7",), 10.5) == named(("198.51.100.7",), 10.75) == ["c-1"]


def test_a_stop_that_names_no_address_is_a_loss_whatever_its_attribute_holds() -> None:
    report = read(log(*addressless("Start", "Stop")))
    assert report.rejected == {"ADDRESS_MISSING": 1}
    # What it ended may have been held until then.
    assert ask("198.51.100.42", DAY + 10.5 * HOUR + HOUR / 6).outcome is Resolution.INCOMPLETE


MASK = "Framed-IP-Netmask = 255.255.255.248"


def test_a_netmask_is_not_read_before_it_is_said_what_it_means() -> None:
    report = read(log(*day("198.51.100.41", MASK)))
    assert report.rejected == {"NETMASK_UNCLEAR": 18}
    assert read(log(*day("198.51.100.50", "Framed-IP-Netmask = 255.255.255.255")), place="other").rejected == {}


def test_the_rest_of_a_network_is_the_subscribers_by_the_operators_word_only() -> None:
    read(log(*day("198.51.100.41", MASK)), told=Told(netmask="network"))
    assert named(("198.51.100.41", "198.51.100.40", "198.51.100.47")) == ["c-1"] * 3
    assert ask("198.51.100.48", DAY + 10.5 * HOUR).outcome is Resolution.NONE


def test_a_netmask_that_only_configures_a_host_says_nothing_of_others() -> None:
    read(log(*day("198.51.100.41", MASK)), told=Told(netmask="host"))
    assert named(("198.51.100.41",)) == ["c-1"]
    assert ask("198.51.100.42", DAY + 10.5 * HOUR).outcome is Resolution.NONE


@pytest.mark.parametrize(
    ("address", "refused"),
    [("255.255.255.254", 18), ("255.255.255.255", 18), ("0.0.0.0", 0)],  # noqa: S104 - no socket is bound
    ids=str,
)
def test_an_address_that_is_none_does_not_hide_the_others_of_its_packet(address: str, refused: int) -> None:
    # The first two say that there is an address which the packet does not tell (RFC 2865 5.8); zero says that there is
    # none yet.
    report = read(log(*day(address, "Delegated-IPv6-Prefix = 2001:db8:500::/56")))
    assert report.rejected.total() == report.rejected["EVENT_WITHOUT_ADDRESS"] == refused
    assert named(("2001:db8:500::1",)) == ["c-1"]


def test_an_export_of_the_table_is_read_alike() -> None:
    header = (
        "acctuniqueid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,acctsessiontime,"
        "framedipaddress,delegatedipv6prefix\n"
    )
    rows = [
        f"u{n},{user},192.0.2.9,{DAY + first * HOUR},{DAY + last * HOUR},{DAY + last * HOUR},{(last - first) * 3600},"
        f"{address},{prefix}\n"
        for n, (user, first, last, address, prefix) in enumerate(
            [
                ("line-1", 2, 19, "255.255.255.254", "2001:db8:500::/56"),
                ("line-9", 0, 23, "198.51.100.200", ""),
            ]
        )
    ]
    report = read(log(header, *rows), format_name="radacct", told=Told(address_fixed=True))
    assert report.rejected == {"EVENT_WITHOUT_ADDRESS": 2}
    assert named(("2001:db8:500::1",)) == ["c-1"]


@pytest.mark.parametrize(
    ("address", "prefix"),
    [(NO_ADDRESS, "2001:db8:500::/56"), ("198.51.100.7", "::/0"), ("198.51.100.7", "::")],
)
def test_a_column_of_the_table_that_was_not_filled_in_says_nothing_beside_others(address: str, prefix: str) -> None:
    header = (
        "acctuniqueid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,acctsessiontime,"
        "framedipaddress,delegatedipv6prefix\n"
    )
    row = f"u1,line-1,192.0.2.9,{DAY + 2 * HOUR},{DAY + 19 * HOUR},,61200,{address},{prefix}\n"
    other = f"u2,line-9,192.0.2.9,{DAY},{DAY + 23 * HOUR},,82800,198.51.100.200,\n"
    report = read(log(header, row, other), format_name="radacct", told=Told(address_fixed=True))
    assert not report.rejected
    held = "2001:db8:500::1" if address == NO_ADDRESS else address
    assert named((held,), 2 + 1 / 60) == ["c-1"]


def test_a_row_of_the_table_without_any_address_is_no_loss() -> None:
    header = "acctuniqueid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,framedipaddress\n"
    rows = [
        f"u1,line-2,192.0.2.9,{DAY + 2 * HOUR},,,{NO_ADDRESS}\n",
        f"u2,line-1,192.0.2.9,{DAY},{DAY + 23 * HOUR},,198.51.100.7\n",
    ]
    report = read(log(header, *rows), format_name="radacct", told=Told(address_fixed=True))
    assert (report.rejected, report.ignored) == ({}, 2)
    assert named(("198.51.100.7",)) == ["c-1"]

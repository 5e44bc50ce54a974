"""What an operator says of a log decides what its records mean: it is asked for, kept, and held to."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from broker.attribution.logs.formats import Told
from broker.errors import InputError, Problem
from broker.leases.models import LogProgress
from tests.support.detail_log import DAY, HOUR, ask, contracts, log, read
from tests.support.lease_files import OURS, plan

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MADRID, ISTANBUL = ZoneInfo("Europe/Madrid"), ZoneInfo("Europe/Istanbul")
HEADER = (
    "acctuniqueid,acctsessionid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,"
    "acctsessiontime,framedipaddress,acctterminatecause\n"
)


def row(name: str, user: str, start: datetime, stop: datetime, address: str) -> str:
    seconds = int((stop - start).total_seconds())
    return f"{name},{name},{user},192.0.2.9,{start},{stop},{stop},{seconds},{address},User-Request\n"


def block(true: datetime, event: str, host: int, first: int) -> str:
    """A line of a device that writes the local time of Madrid."""
    stamp = f"{true.astimezone(MADRID):%Y %b %d %H:%M:%S}"
    ports = f"{first} {first + 511}"
    return f"<134>1 {stamp} 192.0.2.1 - - NAT44 - [{event} - 100.64.3.{host} - - 203.0.113.7 - {ports} - -]\n"


def refused(*records: str, **changes: object) -> Problem:
    with pytest.raises(InputError) as caught:
        read(log(*records), **changes)
    (problem,) = caught.value.problems
    return problem


def test_an_export_of_radacct_is_refused_without_the_word_that_no_session_changes_its_address() -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-2,c-2,2026-01-01T00:00:00Z,")
    # line-2 had .7 until 08:00 and went on with .8; line-1 was given .7 a minute later and had .9 before.
    rows = [
        HEADER,
        row("u1", "line-1", DAY + 5 * HOUR, DAY + 12 * HOUR, "198.51.100.7"),
        row("u2", "line-2", DAY + 6 * HOUR, DAY + 12 * HOUR, "198.51.100.8"),
        row("u3", "line-9", DAY, DAY + 22 * HOUR, "198.51.100.200"),
    ]
    problem = refused(*rows, source="radius", format_name="radacct")
    assert problem.field == "format"
    assert "BROKER_RADIUS_ADDRESS_FIXED" in problem.message
    assert ask("198.51.100.7", DAY + 7 * HOUR).subscriber is None
    read(log(*rows), source="radius", format_name="radacct", told=Told(address_fixed=True))
    assert ask("198.51.100.7", DAY + 7 * HOUR).subscriber == "c-1"


def test_a_log_is_not_read_on_with_other_options_than_it_was_begun_with() -> None:
    begun = [block(DAY + HOUR, "UserbasedA", 1, 1024), block(DAY + 2 * HOUR, "UserbasedW", 1, 1024)]
    more = [block(DAY + 6 * HOUR, "UserbasedA", 1, 20480), block(DAY + 12 * HOUR, "UserbasedW", 1, 20480)]
    nat = {"source": "nat", "format_name": "cgn-cisco-xr", "place": "nat"}
    read(log(*begun), told=Told(zone=MADRID), **nat)
    for told in (Told(zone=ISTANBUL), Told()):
        problem = refused(*begun, *more, told=told, **nat)
        assert (problem.code, problem.field) == ("log.told", "zone")
        assert "--zone Europe/Madrid" in problem.message
    assert read(log(*begun, *more), told=Told(zone=MADRID), **nat).read == 2


def test_a_log_that_was_read_before_its_options_were_kept_takes_those_it_is_read_on_with() -> None:
    begun = [block(DAY + HOUR, "UserbasedA", 1, 1024)]
    nat = {"source": "nat", "format_name": "cgn-cisco-xr", "place": "nat"}
    read(log(*begun), told=Told(zone=MADRID), **nat)
    LogProgress.objects.update(told=None)
    read(log(*begun, *begun), told=Told(zone=MADRID), **nat)
    assert refused(*begun, *begun, told=Told(), **nat).field == "zone"


def test_a_log_that_was_begun_without_an_option_says_so() -> None:
    record = f"<134>1 {DAY:%Y-%m-%dT%H:%M:%SZ} ax1 - - - NAT-TCP-C: 100.64.3.1:40112<-->203.0.113.7:20480\n"
    nat = {"source": "nat", "format_name": "cgn-a10", "place": "nat"}
    read(log(record), **nat)
    assert "without --zone" in refused(record, record, told=Told(zone=MADRID), **nat).message

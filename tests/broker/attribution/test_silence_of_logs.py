"""That a log shows nobody proves that there was nobody only where it would have shown him."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from broker.attribution.describe import describe_source
from broker.attribution.logs.formats import Told
from broker.attribution.logs.holding import Policy
from broker.attribution.verdict import Reason, Resolution
from broker.errors import InputError
from broker.leases.models import LeaseSource
from tests.support import detail_log
from tests.support.detail_log import DAY, HOUR, ask, contracts, log
from tests.support.lease_files import OURS, plan, store
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

A = "198.51.100.7"
MINUTE = HOUR / 60


@pytest.fixture(autouse=True)
def _ours(db: None) -> None:
    plan(*OURS)
    contracts("user:line-1,c-1,2026-01-01T00:00:00Z,", "user:line-9,c-9,2026-01-01T00:00:00Z,")


def read(*records: str, **changes: Any) -> None:
    detail_log.read(log(*records), shows_within=None, **changes)


def others(first: datetime, last: datetime) -> list[str]:
    """A device without interims: short sessions of somebody else, hour by hour."""
    found = []
    for n in range(int((last - first) / HOUR)):
        at = first + n * HOUR
        found.append(packet(at, "Start", f"o{at:%d%H}", "line-9", "198.51.100.200"))
        found.append(packet(at + 30 * MINUTE, "Stop", f"o{at:%d%H}", "line-9", "198.51.100.200", 1800))
    return found


def assert_nothing_shown(at: datetime, address: str = A) -> None:
    verdict = ask(address, at)
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.AMBIGUOUS, {Reason.NOT_SHOWN})


def test_who_had_an_address_before_the_log_began_may_have_it_still() -> None:
    # The session of line-1 began the day before, goes on for weeks, and its device sends no interims.
    read(*others(DAY, DAY + 24 * HOUR))
    assert_nothing_shown(DAY + 12 * HOUR)
    # What is shown is shown: nobody else can have had this address.
    assert ask("198.51.100.200", DAY + 12 * HOUR + 10 * MINUTE).subscriber == "c-9"


def test_a_log_shows_everybody_once_the_longest_silence_is_over() -> None:
    read(*others(DAY, DAY + 24 * HOUR))
    describe_source("radius", shows_within=4 * HOUR)
    assert_nothing_shown(DAY + 3.9 * HOUR)
    assert ask(A, DAY + 4.1 * HOUR).outcome is Resolution.NONE


def test_after_a_gap_it_takes_as_long_again() -> None:
    read(*others(DAY, DAY + 8 * HOUR), place="first")
    read(*others(DAY + 10 * HOUR, DAY + 24 * HOUR), place="second")
    describe_source("radius", shows_within=2 * HOUR)
    assert ask(A, DAY + 5 * HOUR).outcome is Resolution.NONE
    assert_nothing_shown(DAY + 11 * HOUR)
    assert ask(A, DAY + 13 * HOUR).outcome is Resolution.NONE


def test_what_was_covered_before_anybody_knew_how_it_was_logged_proves_nothing_when_the_log_is_read_on() -> None:
    records = others(DAY, DAY + 24 * HOUR)
    read(*records[:24])
    describe_source("radius", shows_within=2 * HOUR)
    assert ask(A, DAY + 5 * HOUR).outcome is Resolution.NONE
    # As a store of before that was known has it.
    LeaseSource.objects.update(logged="{}")
    read(*records)
    assert_nothing_shown(DAY + 5 * HOUR)
    assert_nothing_shown(DAY + 12 * HOUR)
    assert ask(A, DAY + 14 * HOUR).outcome is Resolution.NONE


def test_a_source_that_had_nothing_to_say_before_shows_everybody_at_once() -> None:
    read(*others(DAY, DAY + 24 * HOUR))
    describe_source("radius", serves_from=DAY)
    assert ask(A, DAY + HOUR / 2).outcome is Resolution.NONE
    # Nor has it when it serves no more.
    describe_source("radius", serves_until=DAY + 48 * HOUR)
    assert ask(A, DAY + 49 * HOUR).outcome is Resolution.NONE


def test_a_table_that_is_cleaned_up_shows_nobody_of_the_past() -> None:
    header = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n"

    def lease(address: str, last: int, granted: datetime) -> str:
        return f"{address},02:00:5e:10:00:{last:02x},,86400,{int(granted.timestamp()) + 86400},1,0,0,,0,\n"

    # Of whoever had .7 from 07:00 to 09:00 nothing is left.
    rows = [lease(f"198.51.100.{n}", n, DAY + hours * HOUR) for n, hours in ((1, 6), (2, 12), (3, 20))]
    told = Told(device="k1", holder="client")
    read(header, *rows, source="kea", format_name="kea-memfile", told=told)
    describe_source("kea", shows_within=timedelta())
    assert_nothing_shown(DAY + 8 * HOUR)


def test_an_export_of_radacct_shows_nobody_who_began_before_its_rows() -> None:
    header = (
        "acctuniqueid,username,nasipaddress,acctstarttime,acctupdatetime,acctstoptime,acctsessiontime,framedipaddress\n"
    )
    rows = [
        f"u{n},line-9,192.0.2.9,{at},{at + MINUTE},{at + 30 * MINUTE},1800,198.51.100.200\n"
        for n, at in ((n, DAY + n * HOUR) for n in range(24))
    ]
    read(header, *rows, format_name="radacct", told=Told(address_fixed=True))
    describe_source("radius", shows_within=timedelta())
    assert_nothing_shown(DAY + 8 * HOUR)
    assert ask("198.51.100.200", DAY + 8 * HOUR + 10 * MINUTE).subscriber == "c-9"


def test_a_file_of_intervals_shows_nobody_unless_it_is_said_to_be_complete() -> None:
    rows = [
        f"198.51.100.{n},,,2026-09-14T0{h}:00:00Z,2026-09-14T0{h}:50:00Z,s-{n}-{h},business"
        for n in range(1, 20)
        for h in range(9)
    ]
    # Sorted by address, and the second half never arrived.
    store(*rows[: len(rows) // 2], source="x", complete_from=None, complete_until=None)
    assert_nothing_shown(DAY + 3 * HOUR + 20 * MINUTE, "198.51.100.15")
    assert ask("198.51.100.2", DAY + 3 * HOUR + 20 * MINUTE).subscriber == "s-2-3"
    store(*rows, source="x", complete_from=None, complete_until=DAY + 9 * HOUR)
    assert_nothing_shown(DAY + 3 * HOUR + 20 * MINUTE, "198.51.100.40")
    store(*rows, rows[0], source="x", complete_from=DAY, complete_until=DAY + 9 * HOUR)
    assert ask("198.51.100.40", DAY + 3 * HOUR + 20 * MINUTE).outcome is Resolution.NONE


def test_the_longest_silence_is_given_in_hours(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("describe_source", "radius", "--new", "--shows-within", "1.5")
    assert "shows every holding within 1.5 h" in capsys.readouterr().out
    for wrong in ("-1", "9000", "soon", "nan", "inf"):
        with pytest.raises(InputError, match="shows-within"):
            call_command("describe_source", "radius", f"--shows-within={wrong}")


def test_no_silence_is_longer_than_the_time_after_which_a_session_is_taken_to_be_over() -> None:
    """Else one of whom no record came for so long would be over, and the same silence would prove nobody there."""
    cap = Policy().cap
    with pytest.raises(InputError) as refused:
        describe_source("radius", new=True, shows_within=cap + timedelta(seconds=1))
    (problem,) = refused.value.problems
    assert (problem.code, problem.field) == ("source.shows-within", "shows-within")
    assert "0 to 720" in problem.message
    assert describe_source("radius", new=True, shows_within=cap).shows_within == cap

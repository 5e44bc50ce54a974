"""Dates that lie too far back or ahead are refused where they stand, and nothing else suffers from them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.attribution.verdict import Resolution
from broker.errors import InputError
from broker.leases.models import Lease, LeaseImport, LogReject, OpenLease
from tests.support.detail_log import DAY, HOUR, ask, log, read, two_sessions
from tests.support.lease_files import NOW, OURS, plan, store
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

GOOD = "198.51.100.23,,,2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-1,business"


@pytest.mark.parametrize(
    ("begin", "end", "field", "code"),
    [
        ("2007-10-01T00:00:00Z", "2007-10-02T00:00:00Z", "valid_from", "lease.too-old"),
        ("1999-09-14T00:00:00Z", "2026-09-15T00:00:00Z", "valid_from", "lease.too-old"),
        ("1971-01-01T00:00:00Z", "", "valid_from", "lease.too-old"),
        ("2026-09-14T00:00:00Z", "2045-11-01T00:00:00Z", "valid_to", "lease.too-far"),
        ("2026-09-14T00:00:00Z", "9998-12-31T00:00:00Z", "valid_to", "lease.too-far"),
    ],
)
def test_a_file_with_a_date_too_far_off_is_refused_by_its_line_and_says_what_to_do(
    begin: str, end: str, field: str, code: str
) -> None:
    with pytest.raises(InputError) as refused:
        store(GOOD, f"198.51.100.24,,,{begin},{end},s-2,business", GOOD)
    assert [(p.line, p.field, p.code) for p in refused.value.problems] == [(3, field, code)]
    assert "19 years" in refused.value.problems[0].message
    assert (Lease.objects.count(), OpenLease.objects.count(), LeaseImport.objects.count()) == (0, 0, 0)


def test_a_lease_of_many_years_is_stored() -> None:
    store("198.51.100.24,,,2023-11-01T00:00:00Z,2026-10-31T00:00:00Z,s-2,business", GOOD)
    assert Lease.objects.filter(address="198.51.100.24").count() == 36
    assert ask("198.51.100.24", DAY).subscriber == "s-2"


@pytest.mark.parametrize("years", [20, 25])
def test_a_session_that_counts_too_many_years_is_a_refusal_and_the_log_is_read_on(years: int) -> None:
    plan(*OURS)
    records = two_sessions()
    long_ago = packet(
        DAY + 7 * HOUR, "Stop", "s9", "line-9", "198.51.100.9", int(timedelta(days=365 * years).total_seconds())
    )
    report = read(log(*records[:2], long_ago, *records[2:]))
    assert dict(report.rejected) == {"EVENT_TOO_OLD": 1}
    assert report.records == 7 == report.events + report.rejected.total()
    assert list(LogReject.objects.values_list("position", "code")) == [
        (len("".join(records[:2])), "EVENT_TOO_OLD"),
    ]
    assert Lease.objects.filter(address="198.51.100.7").exists()


def test_an_old_year_and_a_far_one_in_a_log_are_refusals_and_counted() -> None:
    plan(*OURS)
    wrong = [
        packet(DAY.replace(year=year), "Start", f"s{year}", "line-9", "198.51.100.9") for year in (1999, 2001, 2019)
    ]
    ahead = [packet(DAY.replace(year=year), "Start", f"s{year}", "line-9", "198.51.100.9") for year in (2027, 2226)]
    report = read(log(*wrong, *two_sessions(), *ahead))
    assert dict(report.rejected) == {"TIME_IMPLAUSIBLE": 1, "EVENT_BEFORE_RETENTION": 2, "EVENT_IN_FUTURE": 2}
    assert (report.records, report.events) == (11, 8)
    assert LogReject.objects.count() == 5
    assert ask("198.51.100.9", DAY + 7 * HOUR).outcome is Resolution.NONE
    assert not Lease.objects.filter(valid_from__gt=NOW).exists()

"""An order dated before what it is about is a finding for its clerk, by the day of the court's own place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.orders.matching import Selector, TermsCheck, check_line

MADRID = ZoneInfo("Europe/Madrid")


def check_32(at: datetime, issued_on: date, zone: ZoneInfo | None) -> TermsCheck:
    observed = Selector("198.51.100.23", None, at, at + timedelta(seconds=1))
    return next(check for check in check_line(observed, [], issued_on=issued_on, zone=zone) if check.number == 32)


@pytest.mark.parametrize(
    ("at", "zone", "passed"),
    [
        # Half past one at night of the 15th in Madrid is still the 14th in UTC.
        (datetime(2026, 9, 14, 23, 30, tzinfo=UTC), MADRID, False),
        (datetime(2026, 9, 14, 21, 59, tzinfo=UTC), MADRID, True),
        (datetime(2026, 9, 14, 22, 0, tzinfo=UTC), MADRID, False),
        (datetime(2026, 9, 15, 22, 0, tzinfo=UTC), None, True),
        (datetime(2026, 9, 16, 0, 0, tzinfo=UTC), None, False),
    ],
)
def test_an_order_of_the_14th_is_about_what_happened_by_then_in_its_own_place(
    at: datetime, zone: ZoneInfo | None, passed: bool
) -> None:
    assert check_32(at, date(2026, 9, 14), zone).passed is passed


def test_the_finding_asks_the_clerk_about_the_day_and_quotes_nothing() -> None:
    finding = check_32(datetime(2026, 9, 15, tzinfo=UTC), date(2026, 9, 1), MADRID)
    assert "Is its day typed as it stands in the order?" in finding.detail
    assert "2026" not in finding.detail

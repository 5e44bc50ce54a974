"""A request is assessed in one task, so its lines fall on so many days and no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.errors import Problem
from broker.intake.lines import MOST_DAYS, read_lines


def on_days(count: int) -> list[Problem]:
    """Read two lines for each of so many days and give the problems."""
    problems: list[Problem] = []
    first = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=count)
    lines = [
        {
            "address": "93.184.216.34",
            "source_port": str(port),
            "observed_at": (first + timedelta(days=day)).isoformat(),
            "evidence": "A-1",
        }
        for day in range(count)
        for port in (40000, 40001)
    ]
    read_lines(lines, problems)
    return problems


def test_takes_as_many_days_as_one_task_can_assess() -> None:
    assert on_days(MOST_DAYS) == []


def test_refuses_one_day_more_and_says_what_to_do() -> None:
    [problem] = on_days(MOST_DAYS + 1)
    assert (problem.code, problem.field) == ("lines.days", "lines")
    assert "751 different days in UTC, and a request may have 750. File them as several requests" in problem.message

"""The page of the legal staff shows the protocols of line and order, and marks two that contradict each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from broker.decisions.comparison import LineComparison, compare_line
from broker.intake.models import RequestLine
from broker.orders.matching import Selector

AT = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)
ADDRESS = "198.51.100.23"


def compared(typed: str, ordered: str) -> LineComparison:
    line = RequestLine(
        address=ADDRESS, source_port=50001, protocol=typed, observed_at=AT, unit_seconds=Decimal(1), number=1
    )
    covered = Selector(ADDRESS, 50001, AT, AT + timedelta(seconds=1), ordered)
    return compare_line(line, {ADDRESS: [covered]}, None)


@pytest.mark.parametrize(
    ("typed", "ordered", "label", "agree"),
    [
        ("tcp", "tcp", "port 50001 TCP", True),
        ("tcp", "", "port 50001", True),
        ("", "udp", "port 50001 UDP", True),
        ("tcp", "udp", "port 50001 UDP", False),
    ],
)
def test_two_protocols_that_contradict_each_other_are_marked(typed: str, ordered: str, label: str, agree: bool) -> None:
    seen = compared(typed, ordered)
    assert [near.port_label for near in seen.near] == [label]
    assert (seen.covered, seen.port_differs) == (agree, not agree)


def test_a_protocol_without_a_port_is_shown_too() -> None:
    line = RequestLine(address=ADDRESS, observed_at=AT, unit_seconds=Decimal(1), number=1)
    covered = Selector(ADDRESS, None, AT, AT + timedelta(seconds=1), "tcp")
    assert compare_line(line, {ADDRESS: [covered]}, None).near[0].port_label == "no port TCP"

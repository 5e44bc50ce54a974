"""Whatever an order says and a request asks: nothing outside address, port, interval and categories is released.

The check here reads the lease and subscriber files by itself and shares no code with what it checks.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from broker.intake.models import CATEGORIES, State
from broker.release.models import SealedRelease
from tests.support.flow import DEMO, Flow, civil_terms

pytestmark = [pytest.mark.long, pytest.mark.django_db(databases=["default", "leases", "identities"])]

# Around these instants the demo's leases begin, end, change hands or are shared.
PLACES = [
    ("198.51.100.23", "2026-09-14T19:05:09"),
    ("198.51.100.23", "2026-09-15T04:03:00"),
    ("198.51.100.24", "2026-09-14T19:16:30"),
    ("198.51.100.25", "2026-09-14T19:05:09"),
    ("198.51.100.77", "2026-09-14T04:09:47"),
    ("203.0.113.7", "2026-09-18T20:41:10"),
    ("2001:db8:41:7::5c", "2026-10-02T06:15:30"),
]
PORTS = [None, 20500, 21000, 21600, 40000]
# Listed first is what agrees; a wrong second or hour has to be met often enough as well.
SHIFTS = [timedelta(hours=h, seconds=s) for h, s in [(0, 0), (0, 0), (0, 0), (0, 1), (0, -1), (1, 0), (-2, 0)]]


def shifted(text: str, by: timedelta) -> str:
    return (datetime.fromisoformat(text + "+00:00") + by).isoformat().replace("+00:00", "Z")


@st.composite
def lines_and_terms(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of a request, and lines of an order that agree with them often enough to be interesting."""
    lines, covered = [], []
    for address, instant in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=5, unique=True)):
        port = draw(st.sampled_from(PORTS))
        lines.append({"address": address, "source_port": port, "observed_at": shifted(instant, timedelta(0))})
        begins = draw(st.sampled_from(SHIFTS))
        lasts = draw(st.sampled_from([None, timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=3)]))
        covered.append(
            {
                "address": address if draw(st.integers(0, 5)) else draw(st.sampled_from(PLACES))[0],
                "source_port": draw(st.sampled_from([port, port, port, None, *PORTS])),
                "from": shifted(instant, begins),
                "until": None if lasts is None else shifted(instant, begins + lasts),
            }
        )
    unique = {tuple(line.values()): line for line in covered}
    return lines, list(unique.values())


some = st.lists(st.sampled_from(sorted(CATEGORIES)), min_size=1, unique=True)
# Mostly with the name in it, so that most examples get as far as a release.
categories = st.one_of(some, *[some.map(lambda drawn: sorted({*drawn, "name"}))] * 3)


@given(drawn=lines_and_terms(), requested=categories, ordered=categories)
@settings(
    max_examples=20,
    # An example takes seconds, because it is a whole disclosure; a failure is small enough without shrinking.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_releases_nothing_outside_the_order(
    flow: Flow, drawn: tuple[list[dict[str, Any]], list[dict[str, Any]]], requested: list[str], ordered: list[str]
) -> None:
    lines, covered = drawn
    request = flow.file(lines, categories=requested)
    flow.attach(request, civil_terms(covered, categories=ordered))
    flow.run()
    reviewed = list(request.lines.filter(state=State.UNDER_REVIEW).values_list("id", flat=True))
    event(f"{len(reviewed)} of {len(lines)} lines come to review")
    if not reviewed:
        assert not SealedRelease.objects.filter(tranche__request=request).exists()
        return
    flow.approve(request, reviewed)
    flow.run()
    for answer in flow.answers(request):
        line = lines[answer["line"] - 1]
        orders = [c for c in covered if covers(c, line)]
        assert orders, "a line that no line of the order covers was answered"
        if answer["subscriber"]:
            event("somebody is named")
            assert set(answer["subscriber"]) <= set(requested) & set(ordered)
            assert answer["subscriber"].items() <= holder_of(line, {c["source_port"] for c in orders}).items()


def covers(order: dict[str, Any], line: dict[str, Any]) -> bool:
    instant = datetime.fromisoformat(line["observed_at"])
    begins = datetime.fromisoformat(order["from"])
    ends = datetime.fromisoformat(order["until"]) if order["until"] else begins + timedelta(seconds=1)
    same_port = None in (order["source_port"], line["source_port"]) or order["source_port"] == line["source_port"]
    inside = begins <= instant and instant + timedelta(seconds=1) <= ends
    return order["address"] == line["address"] and same_port and inside


def rows(name: str) -> Iterator[dict[str, str]]:
    with (DEMO / name).open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def holder_of(line: dict[str, Any], ports: set[int | None]) -> dict[str, str]:
    """The one subscriber who held the address, and one of the order's ports, at the instant; fails if several did.

    A renewal may leave a second between two leases of one subscriber, which is no gap (attribution.md 2.4).
    """
    instant = datetime.fromisoformat(line["observed_at"])
    (reference,) = holders(line, ports, instant, timedelta(0)) or holders(line, ports, instant, timedelta(seconds=1))
    return next(row for row in rows("subscribers.csv") if row["subscriber"] == reference)


def holders(line: dict[str, Any], ports: set[int | None], instant: datetime, slack: timedelta) -> set[str]:
    return {
        row["subscriber"]
        for row in rows("leases.csv")
        if row["address"] == line["address"]
        and datetime.fromisoformat(row["valid_from"]) - slack <= instant
        and (not row["valid_to"] or instant < datetime.fromisoformat(row["valid_to"]) + slack)
        and (
            not row["port_from"]
            or any(port is not None and int(row["port_from"]) <= port <= int(row["port_to"]) for port in ports)
        )
    }

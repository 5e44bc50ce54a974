"""Who is shown before and after a time of which records are missing is not shown between, unless it is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import LogInterval, Policy
from broker.attribution.logs.intervals import Fold
from broker.attribution.spans import Span

DAY = datetime(2026, 9, 14, tzinfo=UTC)
POLICY = Policy(expiry_is_certain=False)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return DAY + minutes * MINUTE


def event(kind: Kind, minutes: float, holder: str = "user:a", **more: Any) -> Event:
    values: dict[str, Any] = {"address": "192.0.2.7", "holder": holder, "session": holder, "device": "device-1"} | more
    return Event(0, kind, at(minutes), **values)


def shown(first: float, last: float, step: float = 15, holder: str = "user:a", **more: Any) -> list[Event]:
    """A begin and sights every `step` minutes after it."""
    count = int((last - first) / step)
    later = [event(Kind.ALIVE, first + n * step, holder, **more) for n in range(1, count + 1)]
    return [event(Kind.BEGIN, first, holder, **more), *later]


def sure(fold: Fold, *events: Event) -> list[tuple[float, float]]:
    """Give the whole minutes of which the holder of the address is certain, in the order of their begin."""
    closed, _ = fold.feed(sorted(events, key=lambda one: one.at))
    found: list[LogInterval] = [
        i for i in closed + fold.evidence() if i.holder == "user:a" and i.address == "192.0.2.7"
    ]
    spans = sorted((i.certain_from, i.certain_to) for i in found if i.certain_from < i.certain_to)
    return [(round((lo - DAY) / MINUTE), round((hi - DAY) / MINUTE)) for lo, hi in spans]


def knowing(*gaps: Span, policy: Policy = POLICY) -> Fold:
    fold = Fold(policy)
    fold.silences.know(gaps)
    return fold


GAP = (at(60), at(61))
END = event(Kind.END, 300)


def test_a_holding_is_certain_on_both_sides_of_a_gap() -> None:
    assert sure(knowing(GAP), event(Kind.BEGIN, 0), END) == [(0, 60), (61, 300)]
    assert sure(knowing(GAP, (at(120), at(122))), event(Kind.BEGIN, 0), END) == [(0, 60), (122, 300)]
    assert sure(knowing(), event(Kind.BEGIN, 0), END) == [(0, 300)]


def test_sights_between_two_gaps_count() -> None:
    gaps = GAP, (at(120), at(122))
    assert sure(knowing(*gaps), event(Kind.BEGIN, 0), event(Kind.ALIVE, 90), event(Kind.ALIVE, 100), END) == [
        (0, 60),
        (61, 120),
        (122, 300),
    ]


def test_what_the_device_counts_from_before_the_gap_goes_on_across_it() -> None:
    counted = END._replace(since=at(0))
    assert sure(knowing(GAP), event(Kind.BEGIN, 0), counted) == [(0, 300)]
    # This one began after the last sight: another session of the same name, which may have had another address before.
    assert sure(knowing(GAP), event(Kind.BEGIN, 0), END._replace(since=at(50))) == []


def test_after_a_gap_nothing_is_taken_back_to_it_where_somebody_else_was_seen_since() -> None:
    other = event(Kind.END, 200, "user:b")
    assert sure(knowing(GAP), event(Kind.BEGIN, 0), other, END) == []


def test_an_end_that_names_nobody_does_not_make_a_gap_certain() -> None:
    nobody = event(Kind.END, 300, "", session=None)
    assert sure(knowing(GAP), event(Kind.BEGIN, 0), nobody) == [(0, 60), (61, 300)]


def test_a_sight_or_begin_that_comes_late_does_not_reach_across_a_gap() -> None:
    fold = knowing(GAP)
    fold.feed([event(Kind.ALIVE, 90), event(Kind.ALIVE, 100)])
    assert sure(fold, event(Kind.ALIVE, 30)) == [(90, 100)]
    assert sure(fold, event(Kind.BEGIN, 20)) == [(90, 100)]


@pytest.mark.parametrize("more", [{}, {"expires_at": at(10_000)}])
def test_interims_that_are_missing_make_nobody_the_holder_meanwhile(more: dict[str, Any]) -> None:
    silent = [*shown(0, 120, **more), *(one for one in shown(0, 600, **more) if one.at >= at(480))]
    assert sure(Fold(POLICY), *silent) == [(0, 120), (480, 600)]
    # One that is as late as the device may be is not missing.
    assert sure(Fold(POLICY), *shown(0, 120), event(Kind.ALIVE, 141)) == [(0, 141)]


def test_a_device_teaches_its_rhythm_for_those_that_have_none_yet() -> None:
    others = shown(0, 120, holder="user:b", address="192.0.2.8")
    fold = Fold(POLICY)
    fold.feed(others)
    again = Fold(POLICY, fold.state(), rhythms=fold.silences.rhythms)
    assert sure(again, event(Kind.BEGIN, 119), event(Kind.END, 400)) == []


def test_flows_have_no_rhythm() -> None:
    policy = Policy(expiry_is_certain=False, rhythmic=False)
    assert sure(Fold(policy), *shown(0, 60), event(Kind.END, 300)) == [(0, 300)]


def test_a_device_that_does_not_show_what_it_shows_at_a_rhythm_leaves_a_gap_for_all_it_has() -> None:
    other = [event(Kind.BEGIN, 61, "user:b", address="192.0.2.8"), event(Kind.END, 900, "user:b", address="192.0.2.8")]
    fold = Fold(POLICY)
    sure(fold, *shown(0, 120), other[0], event(Kind.ALIVE, 480), event(Kind.ALIVE, 495), other[1])
    assert fold.unread[0] == (at(120), at(480))


def test_one_interim_that_is_missing_among_others_is_no_gap() -> None:
    fold = Fold(POLICY)
    others = shown(1, 300, step=5, holder="user:b", address="192.0.2.8")
    sure(fold, *(one for one in shown(0, 300) if one.at != at(150)), *others)
    assert fold.unread == []

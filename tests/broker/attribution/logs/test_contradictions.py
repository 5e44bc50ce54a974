"""Records that contradict each other name nobody, in whatever order they come; no clock is believed that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from broker.attribution.logs.clocks import ClockState
from broker.attribution.logs.events import Event, Kind
from broker.attribution.logs.holding import Flag, LogInterval, Policy
from broker.attribution.logs.holdings import State
from broker.attribution.logs.intervals import Fold
from broker.attribution.resolve import Ground, Window, resolve
from broker.attribution.spans import ALWAYS, merge
from broker.attribution.verdict import Resolution
from tests.support.look_ups import evidence

DAY = datetime(2026, 9, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY, OTHER = "192.0.2.1", "192.0.2.2"


def event(hour: float, kind: Kind, holder: str, session: str, address: str = KEY, since: float | None = None) -> Event:
    at, begun = DAY + hour * HOUR, None if since is None else DAY + since * HOUR
    return Event(int(hour * 60), kind, at, "device", address, holder=holder, session=session, since=begun)


def heard(hour: float) -> Event:
    return event(hour, Kind.ALIVE, "user:c", f"c{hour}", "192.0.2.99")


def outcome(fold: Fold, closed: list[LogInterval], hour: float, address: str = KEY) -> Resolution:
    rows = evidence(closed + fold.evidence())[address]
    at = DAY + hour * HOUR
    return resolve(Window(at, at + timedelta(seconds=1), None, Ground(ours=ALWAYS, settled=ALWAYS)), rows).outcome


SESSION = [
    event(6, Kind.BEGIN, "user:a", "s"),
    event(8, Kind.ALIVE, "user:a", "s", since=6),
    event(9, Kind.END, "user:a", "s", since=6),
]
AGAINST = [
    event(6, Kind.BEGIN, "user:b", "s"),
    event(7, Kind.ALIVE, "user:b", "s", since=6),
    event(9, Kind.END, "user:b", "s", since=6),
    event(7, Kind.END, "user:a", "s"),
]


@pytest.mark.parametrize("against", AGAINST, ids=["begin", "alive", "end", "earlier end"])
@pytest.mark.parametrize("hours", [0, 2, 20])
def test_what_contradicts_a_holding_leaves_it_without_a_holder_before_and_after_it_is_given_out(
    against: Event, hours: int
) -> None:
    fold = Fold(Policy())
    closed, _ = fold.feed([*SESSION, *(heard(9 + hour) for hour in range(hours + 1))])
    before = outcome(fold, closed, 7.5)
    more, _ = fold.feed([against, against])
    assert before is Resolution.UNIQUE
    assert outcome(fold, closed + more, 7.5) is Resolution.AMBIGUOUS
    doubts = [i for i in more if i.flags & Flag.CONTESTED]
    assert len(doubts) <= 1
    assert all(not i.holder and i.certain_from == i.certain_to for i in doubts)


def test_a_late_record_of_a_session_at_another_address_leaves_that_address_without_a_holder_too() -> None:
    fold = Fold(Policy())
    theirs = [e._replace(address=OTHER, holder="user:b", session="t") for e in SESSION]
    closed, _ = fold.feed([*sorted([*SESSION, *theirs], key=lambda e: e.at), heard(12)])
    assert outcome(fold, closed, 8, OTHER) is Resolution.UNIQUE
    more, rejects = fold.feed([event(8, Kind.ALIVE, "user:a", "s", OTHER)])
    assert len(rejects) == 1
    assert outcome(fold, closed + more, 8, OTHER) is Resolution.AMBIGUOUS
    assert outcome(fold, closed + more, 8, KEY) is Resolution.AMBIGUOUS


def test_a_refused_end_of_a_session_at_another_address_shows_nobody_there_however_long_it_counts() -> None:
    for other in ("user:a", "user:b"):
        fold = Fold(Policy())
        # Somebody is known to have had that address before and after, and is not bounded by what is not believed.
        theirs = [event(5, Kind.BEGIN, "user:c", "t", OTHER), event(11, Kind.ALIVE, "user:c", "t", OTHER, since=5)]
        _, rejects = fold.feed([*SESSION[:2], *theirs, event(7, Kind.END, other, "s", OTHER, since=6)])
        assert len(rejects) == 1
        closed, _ = fold.feed([heard(13), heard(50)])
        shown = [i for i in closed + fold.evidence() if i.address == OTHER and i.holder == other]
        assert [i.certain_to - i.certain_from for i in shown] == [timedelta()]
        assert outcome(fold, closed, 6.5, OTHER) is Resolution.AMBIGUOUS
        assert outcome(fold, closed, 10, OTHER) is Resolution.UNIQUE


def test_an_address_that_only_the_end_of_a_session_shows_was_not_its_own_for_all_the_time_it_counts() -> None:
    fold = Fold(Policy())
    fold.feed([*SESSION[:2], event(9, Kind.END, "user:a", "s", OTHER, since=6)])
    closed, _ = fold.feed([heard(13)])
    assert outcome(fold, closed, 8.5, OTHER) is Resolution.AMBIGUOUS
    assert outcome(fold, closed, 7, KEY) is Resolution.UNIQUE


def test_a_renewal_that_comes_after_its_lease_was_given_out_leaves_no_time_of_nobody() -> None:
    fold = Fold(Policy(expiry_is_certain=False))
    lease = [event(h, Kind.ALIVE, "user:a", "s")._replace(expires_at=DAY + (h + 2) * HOUR) for h in (6, 7, 8, 9)]
    closed, _ = fold.feed([lease[0], heard(11)])
    assert outcome(fold, closed, 9) is Resolution.NONE
    more, rejects = fold.feed([lease[2], lease[2], lease[1], lease[3]])
    assert len(rejects) + fold.counts.duplicates == 4
    assert {outcome(fold, closed + more, hour) for hour in (7, 9, 10)} == {Resolution.AMBIGUOUS}
    assert outcome(fold, closed + more, 11.5) is Resolution.NONE


def test_a_name_that_is_used_again_says_nothing_against_the_one_before() -> None:
    fold = Fold(Policy())
    closed, _ = fold.feed([*SESSION, heard(12), event(13, Kind.END, "user:b", "s")])
    assert outcome(fold, closed, 7.5) is Resolution.UNIQUE


def test_the_order_of_three_records_of_a_session_names_nobody_else() -> None:
    for order in permutations(SESSION):
        fold = Fold(Policy())
        closed, _ = fold.feed([*order, heard(12)])
        assert outcome(fold, closed, 10) is Resolution.NONE
        assert outcome(fold, closed, 7) in (Resolution.UNIQUE, Resolution.AMBIGUOUS)


@pytest.mark.parametrize("cut", range(1, 5))
def test_what_a_wrong_clock_stamped_is_not_believed_wherever_the_log_is_cut(cut: int) -> None:
    events = [SESSION[0], heard(7), event(40, Kind.ALIVE, "user:a", "s"), heard(8.5), heard(42)]
    unread, state, clocks, newest = [], State(), ClockState(), None
    for part in (events[:cut], events[cut:]):
        fold = Fold(Policy(), state, clocks=ClockState.from_json(clocks.to_json()))
        fold.clocks.newest = newest
        fold.feed(part)
        unread += fold.unread
        state, clocks, newest = fold.state(), fold.clocks.state, fold.clocks.newest
    # From the last stamp before the jump to the first one past all of it.
    assert merge(unread) == [(DAY + 7 * HOUR, DAY + 42 * HOUR)]


@pytest.mark.parametrize("received", [None, 11])
def test_a_stamp_far_behind_is_not_believed_also_if_it_was_received_later(
    received: float | None,
) -> None:
    # Late, or of a clock that was put back: the two look alike.
    fold = Fold(Policy())
    late = SESSION[1]._replace(received_at=None if received is None else DAY + received * HOUR)
    events = [SESSION[0], heard(7), heard(11), late]
    fold.feed(events)
    assert fold.unread == [(DAY + 7 * HOUR, DAY + 11 * HOUR)]


def test_a_device_that_began_by_writing_of_the_future_is_not_heard_before_its_first_right_stamp() -> None:
    fold = Fold(Policy(), not_after=DAY + 9 * HOUR)
    fold.feed([heard(7), heard(30)._replace(device="new")])
    fold.not_after = DAY + 40 * HOUR
    fold.feed([heard(8), heard(31)._replace(device="new")])
    assert fold.unread == [(DAY + 7 * HOUR, DAY + 31 * HOUR)]


def test_a_lease_that_was_given_as_of_the_future_may_last_beyond_the_first_right_stamp() -> None:
    fold = Fold(Policy(), not_after=DAY + 9 * HOUR)
    ahead = event(30, Kind.BEGIN, "user:a", "s")._replace(expires_at=DAY + 32 * HOUR)
    fold.feed([heard(7), ahead])
    fold.feed([heard(8)])
    assert fold.unread == [(DAY + 7 * HOUR, DAY + 10 * HOUR)]


@pytest.mark.parametrize("live", [True, False])
def test_a_clock_that_goes_back_by_more_than_it_had_run_ahead_is_believed_once_it_is_read_in_time(live: bool) -> None:
    fold = Fold(Policy(), not_after=DAY + (7 if live else 15) * HOUR)
    fold.feed([heard(7)])
    # Ahead by 20 hours, then by 17, then behind by three.
    stamps = [7 + n / 4 + (20 if n < 8 else 17 if n < 16 else -3) for n in range(1, 40)]
    for n, stamp in enumerate(stamps, 1):
        fold.not_after = DAY + (7 + n / 4 + 0.1 if live else 18) * HOUR
        fold.feed([heard(stamp)])
    assert fold.unread[-1] == (DAY + 8 * HOUR, DAY + stamps[-1] * HOUR)
    fold.not_after = DAY + 17.5 * HOUR
    fold.feed([heard(17.4)])
    fold.feed([heard(17.45)])
    assert fold.unread == []

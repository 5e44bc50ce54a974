"""The table of attribution.md 2.3, line by line. Times are seconds of one invented day; stamps are whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.attribution.logs.accounting import Refusal
from broker.attribution.logs.events import Event, Kind, Ports
from broker.attribution.logs.holding import Flag, LogInterval, Policy
from broker.attribution.logs.intervals import Fold

DAY = datetime(2026, 9, 14, tzinfo=UTC)
POLICY = Policy(cap=timedelta(seconds=50_000), slack=timedelta(seconds=2))
LATER = 40 * 86_400

Times = tuple[float, float, float, float]


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


def event(kind: Kind, seconds: float, holder: str = "user:a", session: str | None = "s1", **more: Any) -> Event:
    for name in ("since", "expires_at", "received_at"):
        if name in more:
            more[name] = at(more[name])
    values = {"address": "192.0.2.7", "holder": holder, "session": session, "device": "device-1"} | more
    return Event(0, kind, at(seconds), **values)


def begin(seconds: float, *args: Any, **more: Any) -> Event:
    return event(Kind.BEGIN, seconds, *args, **more)


def alive(seconds: float, *args: Any, **more: Any) -> Event:
    return event(Kind.ALIVE, seconds, *args, **more)


def end(seconds: float, *args: Any, **more: Any) -> Event:
    return event(Kind.END, seconds, *args, **more)


def restart(seconds: float) -> Event:
    return Event(0, Kind.RESTART, at(seconds), "device-1")


def fold(*events: Event, policy: Policy = POLICY) -> tuple[list[LogInterval], list[Refusal]]:
    """Fold a log to its end and long beyond; intervals in the order of their events."""
    log = [e._replace(pos=pos) for pos, e in enumerate(events)]
    folded = Fold(policy)
    closed, rejects = folded.feed(log)
    more, _ = folded.feed([restart(LATER)])
    return sorted(closed + more, key=lambda i: (i.pos, i.possible_from)), [r.code for r in rejects]


def times(interval: LogInterval) -> Times:
    """Possible from, certain from, certain to, possible to."""
    order = (interval.possible_from, interval.certain_from, interval.certain_to, interval.possible_to)
    one, two, three, four = ((moment - DAY).total_seconds() for moment in order)
    return one, two, three, four


def only(*events: Event, policy: Policy = POLICY) -> tuple[Times, Flag]:
    intervals, rejects = fold(*events, policy=policy)
    assert rejects == []
    (interval,) = intervals
    return times(interval), interval.flags


def test_start_and_stop_are_certain_but_for_the_unit_of_their_stamps() -> None:
    assert only(begin(100), end(900)) == ((99.5, 101, 899.5, 901), Flag(0))
    assert only(begin(60, unit=timedelta(minutes=1)), end(600)) == ((30, 120, 570, 660), Flag(0))


def test_a_lost_stop_leaves_certain_what_was_seen_and_possible_what_the_next_holder_allows() -> None:
    intervals, _ = fold(begin(100), alive(400), begin(900, "user:b", "s2"), end(1000, "user:b", "s2"))
    assert [times(i) for i in intervals] == [(99.5, 101, 399.5, 901), (899.5, 901, 999.5, 1001)]
    assert intervals[0].flags == Flag.LOST_STOP | Flag.CLOSED_BY_NEXT


def test_a_lost_stop_ends_at_the_restart_of_its_device_or_at_the_cap() -> None:
    flags = Flag.LOST_STOP | Flag.CLOSED_BY_RESTART
    assert only(begin(100), alive(400), restart(700)) == ((99.5, 101, 399.5, 701), flags)
    assert only(begin(100), alive(400)) == ((99.5, 101, 399.5, 50_401), Flag.LOST_STOP)


def test_a_restart_bounds_only_the_holdings_of_its_own_device() -> None:
    log = [begin(100, device="device-2"), restart(400), end(900, device="device-2"), alive(9000, device="device-2")]
    intervals, _ = fold(*log)
    assert times(intervals[0]) == (99.5, 101, 899.5, 901)


def test_a_lost_start_is_certain_from_the_first_sight_and_possible_from_the_count_of_the_device() -> None:
    found = only(alive(500, since=100), end(900))
    assert found == ((97.5, 501, 899.5, 901), Flag.LOST_START)


def test_a_lost_start_is_not_before_the_certain_end_of_the_holder_before() -> None:
    intervals, _ = fold(begin(100), end(300), alive(500, "user:b", "s2", since=50), end(900, "user:b", "s2"))
    assert times(intervals[1]) == (299.5, 501, 899.5, 901)
    intervals, _ = fold(begin(100), end(300), alive(500, "user:b", "s2"), end(900, "user:b", "s2"))
    assert times(intervals[1]) == (299.5, 501, 899.5, 901)


def test_a_lost_start_is_possible_back_to_the_last_sight_of_a_lease_that_expired() -> None:
    intervals, _ = fold(begin(100, expires_at=400), alive(700, "user:b", "s2"), end(900, "user:b", "s2"))
    assert times(intervals[1]) == (99.5, 701, 899.5, 901)


def test_an_end_alone_is_certain_as_far_as_it_says_how_long_this_was_held() -> None:
    alone = end(900, session=None, since=100)
    assert only(alone) == ((97.5, 103, 899.5, 901), Flag.LOST_START | Flag.DERIVED)


def test_a_stop_alone_is_not_certain_for_what_its_session_lasted_which_may_have_had_another_address_before() -> None:
    assert only(end(900, since=100)) == ((97.5, 901, 901, 901), Flag.LOST_START)


def test_a_stop_alone_without_length_shows_nothing_for_certain() -> None:
    assert only(end(900)) == ((900 - 50_000 - 0.5, 901, 901, 901), Flag.LOST_START)


def test_a_lease_lasts_until_its_last_expiry_and_not_longer() -> None:
    found = only(begin(100, expires_at=1000), alive(600, expires_at=1500))
    assert found == ((99.5, 101, 1499.5, 1501), Flag.EXPIRED)


def test_a_lease_of_a_log_that_loses_releases_is_certain_until_its_last_renewal() -> None:
    lossy = Policy(expiry_is_certain=False)
    found = only(begin(100, expires_at=1000), alive(600, expires_at=1500), policy=lossy)
    assert found == ((99.5, 101, 599.5, 1501), Flag.EXPIRED)


def test_a_released_lease_ends_with_its_release() -> None:
    assert only(begin(100, expires_at=1000), end(700)) == ((99.5, 101, 699.5, 701), Flag(0))


def test_a_renewal_after_the_expiry_begins_another_holding() -> None:
    intervals, _ = fold(begin(100, expires_at=1000), alive(1200, expires_at=1500))
    assert [times(i) for i in intervals] == [(99.5, 101, 999.5, 1001), (99.5, 1201, 1499.5, 1501)]


def test_a_lease_given_to_another_before_its_expiry_is_certain_until_its_last_renewal() -> None:
    intervals, _ = fold(begin(100, expires_at=1000), begin(700, "user:b", "s2", expires_at=1700))
    assert times(intervals[0]) == (99.5, 101, 101, 701)


def test_a_lease_granted_again_to_its_holder_leaves_no_hole() -> None:
    intervals, _ = fold(begin(100, expires_at=1000), begin(700, expires_at=1700))
    assert [times(i) for i in intervals] == [(99.5, 101, 701, 701), (699.5, 701, 1699.5, 1701)]


def test_a_renewal_that_arrives_after_the_expiry_it_moved_still_extends_its_lease() -> None:
    intervals, _ = fold(begin(100, expires_at=1000), restart(1100), alive(600, expires_at=1500))
    assert [times(i) for i in intervals] == [(99.5, 101, 1499.5, 1501)]


def test_an_address_changed_inside_a_session_is_possible_for_both_between_the_two_sights() -> None:
    intervals, _ = fold(begin(100), alive(400), alive(700, address="192.0.2.8"), end(900, address="192.0.2.8"))
    assert [times(i) for i in intervals] == [(99.5, 101, 399.5, 701), (399.5, 701, 899.5, 901)]
    assert intervals[0].flags == Flag.LOST_STOP | Flag.ADDRESS_CHANGED
    assert intervals[1].flags == Flag.LOST_START | Flag.ADDRESS_CHANGED


def test_a_lost_release_of_a_block_ends_with_the_next_allocation_of_a_port_of_it() -> None:
    block = {"session": None, "ports": Ports(1024, 1535)}
    for taken in (Ports(1024, 1535), Ports(1500, 1600), Ports(1030, 2000, 10)):
        intervals, _ = fold(begin(100, **block), alive(400, **block), begin(700, "user:b", None, ports=taken))
        assert times(intervals[0]) == (99.5, 101, 399.5, 701)
    intervals, _ = fold(begin(100, **block), begin(700, "user:b", None, ports=Ports(1536, 2047)))
    assert times(intervals[0])[3] == 50_101


def test_scattered_sets_that_interleave_do_not_end_each_other() -> None:
    intervals, _ = fold(
        begin(100, session=None, ports=Ports(1024, 2044, 4)),
        begin(200, "user:b", None, ports=Ports(1025, 2045, 4)),
    )
    assert times(intervals[0])[3] == 50_101


def test_other_protocols_of_a_block_are_other_keys() -> None:
    intervals, _ = fold(begin(100, session=None, protocol=6), begin(200, "user:b", None, protocol=17))
    assert times(intervals[0])[3] == 50_101


def test_holdings_of_no_length_show_nothing_for_certain() -> None:
    assert only(begin(100), end(100)) == ((99.5, 101, 101, 101), Flag(0))


def test_an_end_before_its_begin_makes_no_holding_of_negative_length() -> None:
    intervals, _ = fold(begin(1000), end(900))
    assert all(i.certain_from == i.certain_to for i in intervals)


def test_a_stop_that_two_records_put_at_different_times_is_certain_to_the_first_and_possible_to_the_last() -> None:
    assert only(begin(100), end(900), end(950)) == ((99.5, 101, 899.5, 951), Flag.CONTRADICTED)


def test_a_retransmitted_start_is_one_start() -> None:
    assert only(begin(100), begin(100), end(900)) == ((99.5, 101, 899.5, 901), Flag(0))
    assert only(begin(100), begin(101), end(900)) == ((99.5, 102, 899.5, 901), Flag(0))


def test_a_retransmitted_stop_or_a_late_interim_does_not_reopen_a_session() -> None:
    assert only(begin(100), end(900), end(900), alive(800)) == ((99.5, 101, 899.5, 901), Flag(0))


def test_an_interim_stamped_after_the_stop_is_refused() -> None:
    intervals, rejects = fold(begin(100), end(900), alive(960))
    assert ([times(i) for i in intervals], rejects) == ([(99.5, 101, 899.5, 901)], [Refusal.ALIVE_AFTER_END])


def test_an_end_that_names_another_holder_is_refused_and_leaves_nothing_certain() -> None:
    intervals, rejects = fold(begin(100), alive(400), end(900, "user:b"))
    assert rejects == [Refusal.HOLDER_DIFFERS]
    assert intervals[0].holder == "user:a"
    assert times(intervals[0])[1] == times(intervals[0])[2]
    assert intervals[0].flags & Flag.CONTESTED


def test_a_session_that_two_records_of_one_moment_give_to_two_holders_is_nobodys_for_certain() -> None:
    for first, second in (("user:a", "user:b"), ("user:b", "user:a")):
        intervals, rejects = fold(begin(100, first), begin(100, second), alive(400, first), end(900, first))
        assert rejects == [Refusal.LATE_CHANGE]
        assert [times(i)[1] for i in intervals] == [times(i)[2] for i in intervals]


def test_an_end_that_names_nobody_ends_whoever_holds_the_key() -> None:
    assert only(begin(100), end(900, "", None)) == ((99.5, 101, 899.5, 901), Flag(0))
    assert fold(end(900, "", None)) == ([], [Refusal.END_UNKNOWN])


def test_a_holding_without_a_name_is_only_possible() -> None:
    assert only(begin(100, ""), end(900, ""))[0] == (99.5, 101, 101, 901)


def test_a_session_that_ends_after_the_next_holder_began_is_possible_all_the_time() -> None:
    intervals, _ = fold(begin(100), begin(200, "user:b", "s2"), end(900), end(950, "user:b", "s2"))
    assert [times(i) for i in intervals] == [
        (99.5, 101, 101, 201),
        (199.5, 201, 949.5, 951),
        (199.5, 901, 901, 901),
    ]
    assert [bool(i.flags & Flag.CONTRADICTED) for i in intervals] == [True, False, True]


def test_records_in_the_wrong_order_show_the_same() -> None:
    log = [begin(100), alive(400), end(900), begin(900, "user:b", "s2"), end(1500, "user:b", "s2")]
    usual = [times(i) for i in fold(*log)[0]]
    swapped = [log[0], log[1], log[3], log[2], log[4]]
    assert sorted(times(i) for i in fold(*swapped)[0]) == usual
    assert sorted(times(i) for i in fold(log[0], log[2], log[1], *log[3:])[0]) == usual


def test_a_late_release_ends_the_lease_it_is_about_not_the_next_one_of_the_same_name() -> None:
    intervals, _ = fold(begin(100, expires_at=1000), begin(700, expires_at=1700), end(600))
    assert [times(i) for i in intervals] == [(99.5, 101, 599.5, 601), (699.5, 701, 1699.5, 1701)]


def test_a_release_that_overtakes_the_renewals_before_it_ends_their_lease() -> None:
    lease = [begin(100, expires_at=400), end(900), alive(380, expires_at=700), alive(650, expires_at=1000)]
    assert only(*lease) == ((99.5, 101, 899.5, 901), Flag(0))
    assert only(*lease[:2])[0] == (99.5, 101, 399.5, 901)


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (alive(900, received_at=100), Refusal.FUTURE),
        (alive(300)._replace(address=None), Refusal.NO_ADDRESS),
        (alive(300, expires_at=300), Refusal.EXPIRY),
        (alive(-90_000), Refusal.TOO_LATE),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_code(refused: Event, code: Refusal) -> None:
    intervals, rejects = fold(begin(100), alive(200), refused, end(900))
    assert rejects == [code]
    sure = [(lo, hi) for _, lo, hi, _ in map(times, intervals) if lo < hi]
    # It counts as lost: whose the address was in that time is not known.
    assert (
        sure
        == {
            Refusal.FUTURE: [(101, 199.5)],
            Refusal.NO_ADDRESS: [(101, 299.5), (302, 899.5)],
            Refusal.EXPIRY: [(101, 299.5), (302, 899.5)],
            # Or its clock is wrong until it goes on.
            Refusal.TOO_LATE: [(101, 199.5)],
        }[code]
    )


def test_a_session_that_is_shown_at_two_addresses_at_one_time_has_neither_for_certain() -> None:
    intervals, rejects = fold(begin(100), alive(200), alive(150, address="192.0.2.8"), end(900))
    assert rejects == [Refusal.LATE_CHANGE]
    assert {i.address for i in intervals} == {"192.0.2.8", "192.0.2.7"}
    assert [times(i)[1] for i in intervals] == [times(i)[2] for i in intervals]


def test_an_event_after_the_log_was_read_is_refused() -> None:
    folded = Fold(POLICY, not_after=at(500))
    _, rejects = folded.feed([begin(100), alive(501)])
    assert [r.code for r in rejects] == [Refusal.FUTURE]


def test_a_holding_is_given_out_once_late_records_of_its_device_are_refused() -> None:
    folded = Fold(POLICY)
    assert folded.feed([begin(100), end(900), restart(900 + 3599)])[0] == []
    closed, _ = folded.feed([restart(900 + 3600)])
    assert [times(i) for i in closed] == [(99.5, 101, 899.5, 901)]
    assert [r.code for r in folded.feed([end(901)])[1]] == [Refusal.END_AGAIN]
    assert folded.counts.open == 0


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="memory not shorter than settle"):
        Policy(settle=timedelta(hours=2), memory=timedelta(hours=1))


def test_the_time_of_a_session_that_ends_at_another_address_says_nothing_of_that_one() -> None:
    intervals, _ = fold(
        begin(100), begin(200, "user:b", "s2"), end(300, address="192.0.2.8", since=100), end(400, "user:b", "s2")
    )
    (moved,) = [i for i in intervals if i.address == "192.0.2.8"]
    assert moved.certain_from == moved.certain_to

"""What a row of radacct proves by itself, and what its neighbours take from what is possible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.attribution.radacct_rows import EVER, SLACK, Row, intervals_of
from broker.attribution.resolve import FOREVER, Interval

NOON = datetime(2026, 9, 18, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(**changed: Any) -> Row:
    """A session from noon to two o'clock that ended well, but for what is changed."""
    fields: dict[str, Any] = {
        "id": 1,
        "holder": "line-1",
        "started_at": NOON,
        "updated_at": NOON + 2 * HOUR,
        "stopped_at": NOON + 2 * HOUR,
        "interval": 1800,
        "session_seconds": 7200,
        "cause": "User-Request",
    }
    return Row(**fields | changed)


def only(*rows: Row, address_fixed: bool = True) -> Interval:
    return intervals_of(rows, kind="user", address_fixed=address_fixed)[0]


def possible(interval: Interval) -> tuple[datetime, datetime]:
    return interval.possible_from, interval.possible_to


def certain(interval: Interval) -> tuple[datetime, datetime]:
    return interval.certain_from, interval.certain_to


def test_a_session_that_ended_well_is_certain_from_start_to_stop() -> None:
    found = only(row())
    assert certain(found) == (NOON, NOON + 2 * HOUR)
    assert possible(found) == (NOON - SLACK, NOON + 2 * HOUR)
    assert (found.subscriber, found.source, found.derived, found.ports) == ("user:line-1", "radacct:1", True, None)


def test_an_open_row_is_certain_to_its_last_update_and_possible_without_end() -> None:
    found = only(row(stopped_at=None, updated_at=NOON + HOUR, session_seconds=3600, cause=None))
    assert certain(found) == (NOON, NOON + HOUR)
    assert possible(found) == (NOON - SLACK, FOREVER)


def test_an_open_row_ends_where_the_next_holder_begins() -> None:
    lost = row(stopped_at=None, updated_at=NOON + HOUR, session_seconds=3600, cause=None)
    following = row(id=2, holder="line-2", started_at=NOON + 3 * HOUR, stopped_at=NOON + 5 * HOUR)
    assert only(following, lost).possible_to == NOON + 3 * HOUR


@pytest.mark.parametrize("cause", ["NAS-Reboot", "Lost-Carrier", "Admin-Reset", "NAS-Error", "not known", "", None])
def test_an_end_that_the_nas_did_not_see_is_certain_to_the_last_update_only(cause: str | None) -> None:
    kept = only(row(cause=cause, updated_at=NOON + HOUR))
    assert (kept.certain_to, kept.possible_to) == (NOON + HOUR, NOON + 2 * HOUR)
    # The shipped queries overwrite the last update; its distance from the one before is left.
    assert only(row(cause=cause)).certain_to == NOON + HOUR / 2
    assert only(row(cause=cause, interval=None)).certain_to == NOON


@pytest.mark.parametrize("cause", ["User-Request", "user-request", "Session-Timeout", "Idle-Timeout"])
def test_an_end_that_the_nas_saw_is_certain_to_the_stop(cause: str) -> None:
    assert only(row(cause=cause)).certain_to == NOON + 2 * HOUR


def test_more_seconds_than_the_row_spans_mean_that_the_start_was_lost() -> None:
    found = only(row(session_seconds=3 * 3600))
    assert found.certain_from == NOON
    assert found.possible_from == NOON - HOUR - SLACK


def test_without_a_count_of_seconds_the_start_may_have_been_lost_at_any_time_before() -> None:
    assert only(row(session_seconds=None)).possible_from == EVER
    # Accounting-On counts from the start it finds, so its count proves nothing.
    assert only(row(cause="NAS-Reboot")).possible_from == EVER


def test_a_lost_start_does_not_reach_back_behind_the_holder_before() -> None:
    before = row(id=2, holder="line-2", started_at=NOON - 3 * HOUR, stopped_at=NOON - HOUR)
    late = row(session_seconds=6 * 3600)
    first, second = intervals_of([late, before], kind="user", address_fixed=True)
    assert first.subscriber == "user:line-2"
    assert second.possible_from == NOON - HOUR


def test_an_address_that_may_change_is_shown_at_the_last_packet_only() -> None:
    assert certain(only(row(), address_fixed=False)) == (NOON + 2 * HOUR, NOON + 2 * HOUR)
    open_row = row(stopped_at=None, updated_at=NOON + HOUR)
    assert certain(only(open_row, address_fixed=False)) == (NOON + HOUR, NOON + HOUR)


def test_a_row_that_names_nobody_is_certain_of_nobody_and_like_no_other() -> None:
    for nobody in (None, ""):
        found = intervals_of([row(holder=nobody), row(id=2, holder=nobody)], kind="user", address_fixed=True)
        assert {interval.subscriber for interval in found} == {"unknown:1", "unknown:2"}
        assert all(interval.certain_from == interval.certain_to for interval in found)


def test_a_row_without_any_time_makes_every_time_uncertain() -> None:
    found = only(row(started_at=None, updated_at=None, stopped_at=None))
    assert possible(found) == (EVER, FOREVER)
    assert found.certain_from == found.certain_to


def test_overlapping_rows_are_both_kept_as_they_are() -> None:
    first, second = intervals_of(
        [row(), row(id=2, holder="line-2", started_at=NOON + HOUR, session_seconds=3600)],
        kind="user",
        address_fixed=True,
    )
    assert first.certain_to > second.certain_from


_MOMENTS = st.none() | st.integers(0, 40).map(lambda n: NOON + n * timedelta(minutes=15))
_ROWS = st.builds(
    Row,
    st.integers(1, 9),
    st.sampled_from(["line-1", "line-2", None]),
    _MOMENTS,
    _MOMENTS,
    _MOMENTS,
    st.none() | st.integers(-5, 9000),
    st.none() | st.integers(-5, 90_000),
    st.sampled_from(["User-Request", "NAS-Reboot", None]),
)


@given(st.lists(_ROWS, max_size=6), st.booleans())
def test_any_rows_however_faulty_give_one_interval_each(rows: list[Row], address_fixed: bool) -> None:
    # Interval itself refuses a certain part outside the possible one.
    found = intervals_of(rows, kind="user", address_fixed=address_fixed)
    assert sorted(interval.source for interval in found) == sorted(f"radacct:{row.id}" for row in rows)

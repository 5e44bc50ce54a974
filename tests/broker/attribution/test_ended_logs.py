"""What a log lost at its end is over where that log goes on, under whatever name, and not where another one begins."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Reason
from tests.support.detail_log import DAY, HOUR, ask, log, read
from tests.support.lost_records import MINUTE, PUBLIC, Records, cut, in_order, inner_log, spans, two_lines, xr

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

OTHER = "192.0.2.2"
# One device gives a block to .1 and loses that .2 had it meanwhile; then it goes on.
LOST = in_order(
    [
        xr(DAY + 8 * HOUR, "A", 1, 20_480),
        xr(DAY + 10 * HOUR, "A", 3, 1024),
        cut(xr(DAY + 10 * HOUR + 12 * MINUTE, "W", 1, 20_480)),
        cut(xr(DAY + 10 * HOUR + 13 * MINUTE, "A", 2, 20_480)),
        cut(xr(DAY + 10 * HOUR + 54 * MINUTE, "W", 2, 20_480)),
        cut(xr(DAY + 10 * HOUR + 57 * MINUTE, "A", 1, 20_480)),
    ]
)
GOES_ON = in_order([xr(DAY + 13 * HOUR, "W", 1, 20_480), xr(DAY + 16 * HOUR, "A", 1, 4096)])
# Another one begins to write meanwhile.
BESIDE: Records = [
    xr(DAY + 10 * HOUR + 3 * MINUTE, "A", 9, 2048, OTHER),
    xr(DAY + 10 * HOUR + 48 * MINUTE, "W", 9, 2048, OTHER),
    xr(DAY + 16 * HOUR, "A", 9, 2048, OTHER),
]


@pytest.fixture(autouse=True)
def lines() -> None:
    two_lines()
    inner_log()


def read_device(place: str, records: list[str], at: datetime = DAY + 17 * HOUR, portion: int = 1000) -> None:
    told = Told(zone=ZoneInfo("UTC"))
    read(
        log(*records),
        source="nat",
        format_name="cgn-cisco-xr",
        told=told,
        place=place,
        clock=lambda: at,
        chunk_records=portion,
    )


def check() -> None:
    assert not [span for span in spans() if span[0] < DAY + 13 * HOUR and span[1] > DAY + 10 * HOUR]
    assert ask(PUBLIC, DAY + 10.5 * HOUR, 20_500).reasons == {Reason.COLLECTION_GAP}


@pytest.mark.parametrize("portion", [1, 1000])
def test_the_log_of_another_device_does_not_end_what_a_log_lost(portion: int) -> None:
    read_device("one", LOST, DAY + 11 * HOUR, portion)
    read_device("two", in_order(BESIDE[:2]), DAY + 11 * HOUR, portion)
    read_device("one", LOST + GOES_ON, DAY + 16 * HOUR, portion)
    read_device("two", in_order(BESIDE), DAY + 16 * HOUR, portion)
    check()


@pytest.mark.parametrize("order", [("one", "two", "three"), ("one", "three", "two"), ("two", "one", "three")])
def test_what_a_log_lost_is_over_where_another_one_goes_on_with_its_device(order: tuple[str, ...]) -> None:
    logs = {"one": LOST, "two": in_order(BESIDE), "three": GOES_ON}
    for place in order:
        read_device(place, logs[place])
    check()


@pytest.mark.parametrize("order", [("one", "two", "three"), ("two", "one", "three")])
def test_a_log_of_which_nothing_can_be_read_is_over_where_all_have_gone_on(order: tuple[str, ...]) -> None:
    read_device("zero", LOST[:2])
    logs = {"one": LOST[2:], "two": in_order(BESIDE), "three": GOES_ON}
    for place in order:
        read_device(place, logs[place])
    assert ask(PUBLIC, DAY + 10.5 * HOUR, 20_500).reasons == {Reason.COLLECTION_GAP}


@pytest.mark.parametrize("portion", [1, 1000])
def test_what_a_log_lost_at_its_beginning_was_lost_since_its_device_was_heard(portion: int) -> None:
    read_device("zero", LOST[:2])
    read_device("two", in_order(BESIDE))
    read_device("one", LOST[2:] + GOES_ON, portion=portion)
    check()

"""Observations against stored leases: the answers of `resolve`, in one statement for a batch."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from broker.attribution.resolve import REACH, Ground, Interval, Window, resolve
from broker.attribution.services import attribute
from broker.attribution.sources import SOURCE_TOLERANCE, Observation
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Provenance, Reason, Resolution, Verdict
from broker.leases.models import AddressPlan, LeaseSource, SourceDay
from tests.support.lease_files import NOW, OURS, plan, store

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MINUTE = timedelta(seconds=60)
EVENING = datetime(2026, 9, 18, 20, 41, 10, tzinfo=UTC)


def ask(address: str, at: datetime = EVENING, port: int | None = None, tolerance: timedelta = MINUTE) -> Verdict:
    return attribute([Observation("q", address, port, at)], tolerance=tolerance, now=NOW)["q"]


def test_names_the_holder_of_a_dedicated_address_with_or_without_port() -> None:
    store("198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business")
    for port in (None, 40000):
        verdict = ask("198.51.100.23", port=port)
        assert (verdict.outcome, verdict.subscriber) == (Resolution.UNIQUE, "s-1")
        assert verdict.provenance is Provenance.BUSINESS
        assert (verdict.shared, verdict.margin) == (False, REACH)


def test_finds_ipv6_addresses_in_any_spelling() -> None:
    store("2001:db8:41:7::5c,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-6,business")
    assert ask("2001:0DB8:0041:0007:0:0:0:005c").subscriber == "s-6"


def test_the_window_is_the_instant_its_unit_and_both_tolerances() -> None:
    store("198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business")
    for unit, before, after in ((1, 0.5, 1), (Decimal(60), 30, 60)):
        verdict = attribute([Observation("q", "198.51.100.23", None, EVENING, unit)], tolerance=MINUTE, now=NOW)["q"]
        assert verdict.from_at == EVENING - MINUTE - SOURCE_TOLERANCE - timedelta(seconds=before)
        assert verdict.until_at == EVENING + MINUTE + SOURCE_TOLERANCE + timedelta(seconds=after)


def test_a_clock_is_as_wrong_as_it_was_on_the_day_in_utc_whatever_zone_the_moment_is_written_in() -> None:
    store("198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business")
    source = LeaseSource.objects.using("leases").get()
    for day, seconds in ((18, 4), (19, 0)):
        SourceDay.objects.using("leases").create(
            source=source, day=date(2026, 9, day), largest_offset=timedelta(seconds=seconds), measured_count=1
        )
    # In this zone it is the next day already.
    for at in (EVENING, EVENING.astimezone(timezone(timedelta(hours=14)))):
        assert ask("198.51.100.23", at=at).from_at == EVENING - MINUTE - timedelta(seconds=4 + 1 + 0.5)


def test_a_lease_that_ends_within_the_tolerance_names_nobody() -> None:
    store(
        "198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-18T20:42:00Z,s-1,business",
        "198.51.100.24,,,2026-09-18T00:00:00Z,2026-09-18T20:42:12Z,s-2,business",
    )
    assert ask("198.51.100.23").reasons == {Reason.PARTIAL_COVER}
    # 20:42:12 is the unit and both tolerances after 20:41:10.
    assert ask("198.51.100.24").subscriber == "s-2"


def test_a_window_over_the_end_of_a_month_sees_the_rows_on_both_sides() -> None:
    store(
        "198.51.100.23,,,2026-08-31T00:00:00Z,2026-09-01T00:00:00Z,s-1,business",
        "198.51.100.23,,,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,s-2,business",
        "198.51.100.24,,,2026-07-01T00:00:00Z,2026-10-01T00:00:00Z,s-3,business",
        "203.0.113.7,1024,2047,2026-08-31T00:00:00Z,2026-09-01T00:00:00Z,s-1,business",
        "203.0.113.7,1024,2047,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,s-2,business",
    )
    for moment in (datetime(2026, 8, 31, 23, 59, 50, tzinfo=UTC), datetime(2026, 9, 1, 0, 0, 10, tzinfo=UTC)):
        assert ask("198.51.100.23", at=moment).reasons == {Reason.CHANGE_IN_WINDOW}
        assert ask("203.0.113.7", at=moment, port=1500).reasons == {Reason.CHANGE_IN_WINDOW}
        # The same moment, written in a zone where the month has not ended, or has ended long ago.
        for hours in (-12, 14):
            local = moment.astimezone(timezone(timedelta(hours=hours)))
            assert ask("198.51.100.23", at=local).reasons == {Reason.CHANGE_IN_WINDOW}
        assert ask("198.51.100.24", at=moment).subscriber == "s-3"
    # A window of a whole month reaches into three.
    wide = ask("198.51.100.24", at=datetime(2026, 8, 15, 12, tzinfo=UTC), tolerance=timedelta(days=20))
    assert (wide.subscriber, wide.margin) == ("s-3", REACH)


def test_a_shared_address_needs_the_port() -> None:
    store(
        "203.0.113.7,20480,20991,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business",
        "203.0.113.7,20992,21503,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-2,business",
    )
    verdict = ask("203.0.113.7")
    assert (verdict.outcome, set(verdict.reasons)) == (Resolution.INSUFFICIENT, {Reason.PORT_REQUIRED})
    assert ask("203.0.113.7", port=20991).subscriber == "s-1"
    assert ask("203.0.113.7", port=20992).subscriber == "s-2"
    assert ask("203.0.113.7", port=21504).outcome is Resolution.NONE
    assert ask("203.0.113.7", port=20992).shared is True


def test_the_address_plan_can_say_that_an_address_is_shared() -> None:
    store("203.0.113.9,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business")
    AddressPlan.objects.create(
        prefix="203.0.113.0/24", from_at=datetime(2026, 1, 1, tzinfo=UTC), to_at=EVENING, sharing="shared"
    )
    AddressPlan.objects.create(prefix="2001:db8::/32", from_at=datetime(2026, 1, 1, tzinfo=UTC), sharing="shared")
    assert ask("203.0.113.9").reasons == {Reason.PORT_REQUIRED}
    assert ask("203.0.113.9", port=1500).reasons == {Reason.UNCERTAIN_EDGE}
    assert ask("2001:db8:1::1").reasons == {Reason.PORT_REQUIRED}
    after = ask("203.0.113.9", at=EVENING + timedelta(minutes=10))
    assert after.subscriber == "s-1"
    # Ten minutes, less the half second and the tolerances by which the window begins earlier.
    assert after.margin == timedelta(minutes=10) - timedelta(seconds=61.5)


def test_a_dedicated_prefix_of_the_plan_leaves_the_answer_alone() -> None:
    store("203.0.113.9,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business")
    AddressPlan.objects.create(prefix="203.0.113.0/24", from_at=datetime(2026, 1, 1, tzinfo=UTC), sharing="dedicated")
    assert ask("203.0.113.9").subscriber == "s-1"


def test_overlapping_rows_of_two_subscribers_make_the_window_ambiguous() -> None:
    report = store(
        "198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business",
        "198.51.100.23,,,2026-09-18T20:00:00Z,2026-09-18T21:00:00Z,s-2,business",
    )
    assert report.overlap_lines == (2, 3)
    verdict = ask("198.51.100.23")
    assert (verdict.outcome, verdict.subscriber) == (Resolution.AMBIGUOUS, None)
    assert verdict.reasons == {Reason.CONFLICT, Reason.CHANGE_IN_WINDOW}


def test_answers_nothing_before_retention_or_outside_what_was_delivered() -> None:
    row = "198.51.100.23,,,2024-01-01T00:00:00Z,,s-1,business"
    plan(*OURS)
    assert ask("198.51.100.23").reasons == {Reason.NOT_SETTLED, Reason.COLLECTION_GAP}
    store(row, complete_from=datetime(2026, 2, 1, tzinfo=UTC), complete_until=datetime(2026, 10, 1, tzinfo=UTC))
    assert ask("198.51.100.23").subscriber == "s-1"
    assert ask("198.51.100.23", at=datetime(2026, 10, 1, tzinfo=UTC)).reasons == {Reason.NOT_SETTLED}
    assert ask("198.51.100.23", at=datetime(2026, 2, 1, tzinfo=UTC)).reasons == {Reason.COLLECTION_GAP}
    assert ask("198.51.100.23", at=NOW - timedelta(days=365)).outcome is Resolution.OUTSIDE_RETENTION
    assert ask("198.51.100.99").outcome is Resolution.NONE


def test_one_source_that_is_late_holds_up_all_answers() -> None:
    row = "198.51.100.23,,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-1,business"
    store(row)
    store(
        "203.0.113.7,1024,2047,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,s-2,business",
        source="carrier-nat",
        complete_until=datetime(2026, 9, 18, tzinfo=UTC),
    )
    assert ask("198.51.100.23").reasons == {Reason.NOT_SETTLED}
    store(
        "203.0.113.7,1024,2047,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-2,business",
        source="carrier-nat",
        complete_until=datetime(2026, 9, 20, tzinfo=UTC),
    )
    assert ask("198.51.100.23").subscriber == "s-1"


def test_an_open_lease_is_certain_as_far_as_its_file_and_ends_when_a_later_file_says_so() -> None:
    begun = "198.51.100.23,,,2026-09-10T00:00:00Z"
    store(f"{begun},,s-1,business", complete_until=datetime(2026, 9, 18, tzinfo=UTC))
    assert ask("198.51.100.23", at=datetime(2026, 9, 17, tzinfo=UTC)).subscriber == "s-1"
    store(
        f"{begun},2026-09-18T06:00:00Z,s-1,business",
        "198.51.100.23,,,2026-09-18T07:00:00Z,,s-2,business",
    )
    assert ask("198.51.100.23").subscriber == "s-2"
    assert ask("198.51.100.23", at=datetime(2026, 9, 18, 6, 30, tzinfo=UTC)).outcome is Resolution.NONE


def test_an_open_lease_of_another_source_is_not_ended_by_this_one() -> None:
    begun = "198.51.100.23,,,2026-09-10T00:00:00Z"
    store(f"{begun},,s-1,business", source="a")
    store(f"{begun},2026-09-18T06:00:00Z,s-1,business", source="b")
    assert ask("198.51.100.23").subscriber == "s-1"


def test_blocks_on_one_of_many_addresses_that_should_be_one_subscribers_are_found() -> None:
    day = "2026-09-18T00:00:00Z,2026-09-19T00:00:00Z"
    single = [f"{prefix}.{host}" for prefix in ("198.51.100", "203.0.113") for host in range(1, 101)]
    rows = [f"{address},,,{day},s-{n},business" for n, address in enumerate(single)]
    # At the ends of what is asked, in the middle, and on an address that nobody asks about.
    crowded = {"203.0.113.1", "203.0.113.50", "203.0.113.100"}
    store(*rows, *(f"{address},1024,2047,{day},s-900,business" for address in (*crowded, "203.0.113.200")))
    asked = [Observation(address, address, 40000, EVENING) for address in single]
    verdicts = attribute(asked, tolerance=MINUTE, now=NOW)
    assert {address for address, verdict in verdicts.items() if verdict.shared} == crowded
    assert {address for address, verdict in verdicts.items() if verdict.subscriber is None} == crowded
    # The same where all the others are on a ground without any.
    for address in crowded:
        alone = [Observation(a, a, None, EVENING) for a in (*single[:100], address)]
        verdict = attribute(alone, tolerance=MINUTE, now=NOW)[address]
        assert verdict.outcome is Resolution.INSUFFICIENT
        assert verdict.reasons == {Reason.PORT_REQUIRED}


def test_a_batch_is_a_few_statements_however_long_and_every_question_has_its_own_answer(
    django_assert_num_queries: Any,
) -> None:
    store(*(f"198.51.100.{n},,,2026-09-18T00:00:00Z,2026-09-19T00:00:00Z,s-{n},business" for n in range(1, 200)))
    numbers = random.Random(7).choices(range(1, 250), k=500)
    observations = [
        Observation(i, f"198.51.100.{n}", None, EVENING + timedelta(seconds=i % 7)) for i, n in enumerate(numbers)
    ]
    # Sources; plan, shapes, spans, evidence and holders are one statement more each, on cursors of their own.
    with django_assert_num_queries(1, connection=connections["leases"]):
        verdicts = attribute(observations, tolerance=MINUTE, now=NOW)
    assert list(verdicts) == list(range(500))
    for i, n in enumerate(numbers):
        assert verdicts[i].subscriber == (f"s-{n}" if n < 200 else None)


def test_refuses_two_questions_with_one_key_and_naive_times() -> None:
    twice = [Observation("q", "198.51.100.1", None, EVENING)] * 2
    with pytest.raises(ValueError, match="one key"):
        attribute(twice, tolerance=MINUTE, now=NOW)
    with pytest.raises(ValueError, match="aware"):
        attribute([], tolerance=MINUTE, now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="aware"):
        ask("198.51.100.1", at=EVENING.replace(tzinfo=None))
    with pytest.raises(ValueError, match="tolerance"):
        ask("198.51.100.1", tolerance=-MINUTE)
    assert attribute([], tolerance=MINUTE, now=NOW) == {}


@pytest.mark.parametrize("seed", range(6))
def test_the_statement_finds_all_that_resolve_needs(seed: int) -> None:
    """Compare with `resolve` over all rows, on histories with overlaps, gaps, blocks and sharing."""
    dice = random.Random(seed)
    addresses = ["198.51.100.1", "203.0.113.7", "2001:db8::7"]
    blocks = [None, None, (1024, 2047), (2048, 3071)] if seed % 2 else [None]
    start = datetime(2026, 9, 18, tzinfo=UTC)
    rows: dict[str, list[Interval]] = {address: [] for address in addresses}
    lines = []
    for _ in range(120):
        address, who, ports = dice.choice(addresses), f"s-{dice.randrange(4)}", dice.choice(blocks)
        begin = start + timedelta(seconds=dice.randrange(0, 40_000, 20))
        end = begin + timedelta(seconds=dice.choice([60, 300, 1800, 7200, 20_000]))
        kind = dice.choice(list(Provenance))
        rows[address].append(Interval(who, begin, end, begin, end, ports, kind))
        first, last = ports or ("", "")
        lines.append(f"{address},{first},{last},{begin.isoformat()},{end.isoformat()},{who},{kind}")
    store(*lines)
    plan_from, plan_to = start + timedelta(hours=9), start + timedelta(hours=10)
    AddressPlan.objects.create(prefix="198.51.100.0/30", from_at=plan_from, to_at=plan_to, sharing="shared")
    observations = [
        Observation(
            n,
            dice.choice(addresses),
            dice.choice([None, 1500, 2500, 9999]),
            start + timedelta(seconds=dice.randrange(0, 50_000, 10)),
        )
        for n in range(400)
    ]
    tolerance = timedelta(seconds=20)
    verdicts = attribute(observations, tolerance=tolerance, now=NOW)
    outcomes = set()
    for o in observations:
        lo, hi = o.window(tolerance + SOURCE_TOLERANCE)
        ground = Ground(
            ours=ALWAYS,
            shared=((plan_from, plan_to),) if o.address == addresses[0] else (),
            settled=((datetime(2026, 1, 1, tzinfo=UTC), NOW),),
            retained_from=NOW - timedelta(days=365),
        )
        window = Window(lo, hi, o.port, ground)
        expected = resolve(window, rows[o.address])
        found = verdicts[o.key]
        assert found.subscriber == expected.subscriber
        # Whoever is not named is counted: the store's own numbers stand in for references there.
        assert found.holder_count == expected.holder_count
        assert replace(found, holders=expected.holders) == expected
        outcomes.add(expected.outcome)
    assert {Resolution.UNIQUE, Resolution.AMBIGUOUS, Resolution.NONE} <= outcomes

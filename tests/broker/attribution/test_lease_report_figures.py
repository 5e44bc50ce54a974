"""The figures of the report are those of a history whose faults are known, counted by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from random import Random

import pytest
from django.db import transaction

from broker.leases.models import AddressPlan, LeaseImport, LeaseSource
from broker.leases.report import SourceReport, report_sources
from broker.leases.rows import NewRow, RowFlag
from broker.leases.services import STORE, cover, drop_staged, source_named, stage, store_staged
from tests.support.lease_files import NOW, plan

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8, 9, 10)]
FIRST, UNTIL = MONTHS[0], MONTHS[-1]
HOUR = timedelta(hours=1)


ADDRESSES = ("198.51.100.5", "198.51.100.6", "203.0.113.7", "192.0.2.9", "100.64.0.9", "2001:db8:7::/56")
FAULTS = (RowFlag.LOST_START, RowFlag.LOST_STOP, RowFlag.CONTRADICTED)


def history(seed: int) -> list[NewRow]:
    """Three months of addresses, ports and prefixes: planned or not, in conflict or not, some over a month's end."""
    dice = Random(seed)
    rows: list[NewRow] = []
    open_ones: set[tuple[object, ...]] = set()
    for pos in range(300):
        address = dice.choice(ADDRESSES)
        block = address == "203.0.113.7" or (dice.random() < 0.1 and ":" not in address)
        first = 1024 + 512 * dice.randrange(3)
        ports: tuple[int | None, int | None, int | None] = (first, first + 511, 1) if block else (None, None, None)
        edge = dice.choice(MONTHS[1:-1]) + timedelta(hours=dice.choice([-1, 0, 0, 1]))
        begin = dice.choice([FIRST + dice.random() * (UNTIL - FIRST), edge]).replace(microsecond=0)
        end = begin + timedelta(minutes=dice.choice([7, 50, 400, 60 * 24 * 40]))
        flags = sum(flag for flag in FAULTS if dice.random() < 0.2)
        who = f"s-{dice.randrange(3)}"
        still_open = dice.random() < 0.1
        if still_open and (address, ports, begin, who) in open_ones:
            # A lease that is open twice is one to the store.
            continue
        if still_open:
            open_ones.add((address, ports, begin, who))
        possible_to = None if still_open else min(end, NOW)
        rows.append(
            NewRow(pos, address, *ports, None, "subscriber", who, None, "", begin, possible_to, begin, begin, flags)
        )
    return rows


def keep(rows: list[NewRow], name: str = "all") -> LeaseSource:
    source = source_named(name)
    with transaction.atomic(using=STORE):
        log = LeaseImport.objects.using(STORE).create(source=source, started_at=NOW)
        staged = stage(rows, NOW)
        assert staged is not None
        store_staged(source.pk, log.pk, staged, now=NOW)
        drop_staged()
    cover(source.pk, FIRST, UNTIL, stated=True)
    return source


def parts(row: NewRow) -> list[tuple[datetime, datetime]]:
    """Cut at the ends of months, without the store."""
    end = row.possible_to or NOW
    edges = [row.possible_from, *(m for m in MONTHS if row.possible_from < m < end), end]
    return [(a, b) for a, b in pairwise(edges) if FIRST <= a < UNTIL]


def conflicts(rows: list[NewRow]) -> int:
    """Stretches of time of one address or block, each within a month, in which two holders overlap."""
    by_key: dict[tuple[object, ...], list[tuple[datetime, datetime, str]]] = {}
    for row in rows:
        for begin, end in parts(row):
            month = (row.address, row.port_from, begin.year, begin.month)
            by_key.setdefault(month, []).append((begin, end, row.reference))
    found = 0
    for held in by_key.values():
        stretches: list[list[tuple[datetime, datetime, str]]] = []
        for piece in sorted(held):
            if stretches and piece[0] < max(end for _, end, _ in stretches[-1]):
                stretches[-1].append(piece)
            else:
                stretches.append([piece])
        found += sum(
            any(a[2] != b[2] and a[0] < b[1] and b[0] < a[1] for a, b in combinations(stretch, 2))
            for stretch in stretches
        )
    return found


def the_report(first: datetime = FIRST, until: datetime = UNTIL) -> SourceReport:
    return next(report for report in report_sources("all", first, until))


@pytest.mark.parametrize("seed", range(4))
def test_every_figure_is_that_of_the_history(seed: int) -> None:
    plan(("198.51.100.0/24", "dedicated"), ("203.0.113.0/24", "cgn-block"), ("2001:db8::/32", "dedicated"))
    AddressPlan.objects.filter(prefix="198.51.100.0/24").update(to_at=MONTHS[2])
    AddressPlan.objects.create(prefix="198.51.100.0/24", from_at=MONTHS[2], sharing="cgn-block")
    rows = history(seed)
    keep(rows)
    report = the_report()
    # An open lease is not cut.
    cut = [(row, part) for row in rows for part in (parts(row) if row.possible_to else parts(row)[:1])]
    assert report.rows == len(cut)
    assert report.holdings == len(rows)
    flags = Counter(flag for row in rows for flag in RowFlag if row.flags & flag)
    assert report.lost_starts == flags[RowFlag.LOST_START]
    assert report.lost_stops == flags[RowFlag.LOST_STOP]
    assert report.contradicted == flags[RowFlag.CONTRADICTED]
    assert report.unplanned == sum(row.address == "192.0.2.9" for row, _ in cut)
    assert report.blocks_on_dedicated == sum(
        row.port_from is not None and row.address.startswith("198.51.100.") and begin < MONTHS[2]
        for row, (begin, _) in cut
    )
    assert report.overlaps == conflicts(rows) > 10
    assert len(report.overlap_places) == 10


def test_a_holding_that_is_older_than_the_report_is_counted_once_in_it() -> None:
    keep([
        NewRow(pos, "198.51.100.5", None, None, None, None, "subscriber", "s-1", None, "", begin, end, begin, end, 0)
        for pos, begin, end in (
            (1, MONTHS[0] + HOUR, MONTHS[2] + HOUR),
            (2, MONTHS[2] + HOUR, MONTHS[2] + 2 * HOUR),
            (3, MONTHS[2], MONTHS[2] + HOUR),
        )
    ])  # fmt: skip
    assert (the_report().rows, the_report().holdings) == (5, 3)
    assert (the_report(MONTHS[1]).rows, the_report(MONTHS[1]).holdings) == (4, 3)
    assert (the_report(MONTHS[2]).rows, the_report(MONTHS[2]).holdings) == (3, 3)


def test_gaps_and_an_overlap_with_another_source_are_those_of_the_source() -> None:
    held = [MONTHS[1] + n * HOUR for n in range(6)]

    def row(who: str, begin: datetime, end: datetime) -> NewRow:
        return NewRow(1, "198.51.100.5", None, None, None, None, "subscriber", who, None, "", begin, end, begin, end, 0)

    keep([row("s-1", held[0], held[4])])
    keep([row("s-2", held[3], held[5])], "other")
    keep([row("s-3", held[5], held[5] + HOUR)], "third")
    cover(source_named("all").pk, UNTIL + HOUR, UNTIL + 2 * HOUR, stated=True)
    reports = {report.name: report for report in report_sources(None, FIRST, UNTIL)}
    assert {name: report.overlaps for name, report in reports.items()} == {"all": 1, "other": 1, "third": 0}
    assert reports["all"].gaps == [(UNTIL, UNTIL + HOUR)]
    assert reports["other"].gaps == []

"""What the store finds and what `resolve` says over all rows agree, whatever the rows are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from random import Random

import pytest
from django.db import connections, transaction

from broker.attribution.resolve import Ground, Interval, Window, resolve
from broker.attribution.services import attribute
from broker.attribution.sources import SOURCE_TOLERANCE, Observation
from broker.attribution.spans import ALWAYS, FOREVER
from broker.attribution.verdict import Provenance, Resolution
from broker.leases import queries
from broker.leases.models import BlockShape, LeaseImport, LeaseSource, OddBlock, OpenLease, PortBlock
from broker.leases.rows import PROVENANCE_CODES, NewRow, RowFlag
from broker.leases.services import STORE, cover, drop_staged, source_named, stage, store_staged
from tests.support.lease_files import NOW, plan

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

# Around the end of a month, where intervals are cut.
START = datetime(2026, 8, 31, 12, tzinfo=UTC)
KNOWN = (START - timedelta(days=40), NOW)
# The plan says of CROWDED that it is one subscriber's, like V4, and the evidence that it is not.
V4, CROWDED, SHARED = "198.51.100.5", "198.51.100.6", "203.0.113.7"
PREFIXES = ("2001:db8:41::/48", "2001:db8:41:700::/56", "2001:db8:41:700::/64", "2001:db8:41:700::5/128")
V6 = "2001:db8:41:700::5"
BLOCKS = [
    *((first, first + 511, 1) for first in (1024, 1536, 2048)),
    (1024, 2044, 4),
    (1025, 2045, 4),
    (3000, 3999, 1),
    (3000, 3000, 1),
    # Shapes that are too many to get a probe each.
    *((4000 + n, 4400 + 3 * n, 1) for n in range(12)),
]
LENGTHS = [timedelta(seconds=n) for n in (90, 900, 7200, 40_000, 200_000, 3_000_000)]


def rows(dice: Random, number: int) -> list[NewRow]:
    found = []
    for pos in range(number):
        target = dice.choice([V4, CROWDED, SHARED, SHARED, *PREFIXES])
        ports = dice.choice([*BLOCKS, *([None] * (1 if target == SHARED else len(BLOCKS)))])
        ports = ports if target in (CROWDED, SHARED) else None
        begin = START + timedelta(seconds=dice.randrange(-200_000, 200_000, 10))
        end = begin + dice.choice(LENGTHS)
        cut = sorted(begin + (end - begin) * dice.choice([0.0, 0.0, 0.2, 0.5, 1.0, 1.0]) for _ in range(2))
        sure = [datetime.fromtimestamp(int(moment.timestamp()), UTC) for moment in cut]
        still_open = dice.random() < 0.1
        flags = PROVENANCE_CODES[dice.choice(list(Provenance))] | (RowFlag.DERIVED if dice.random() < 0.2 else 0)
        address = target.removesuffix("/128")
        first, last, step = ports or (None, None, None)
        protocol = dice.choice([None, None, 6, 17]) if ports else None
        found.append(
            NewRow(
                pos,
                address,
                first,
                last,
                step,
                protocol,
                "subscriber",
                f"s-{dice.randrange(4)}",
                None,
                "",
                begin,
                None if still_open else end,
                sure[0],
                sure[1],
                flags,
            )
        )
    return found


def interval(row: NewRow) -> Interval:
    """Read a row as the design does, without the store."""
    network = ip_network(row.address)
    return Interval(
        row.reference,
        row.possible_from,
        row.possible_to or FOREVER,
        row.certain_from,
        row.certain_to,
        None if row.port_from is None or row.port_to is None else (row.port_from, row.port_to),
        tuple(Provenance)[row.flags & 3],
        step=row.port_step or 1,
        protocol=row.protocol,
        width=network.prefixlen,
        derived=bool(row.flags & RowFlag.DERIVED),
    )


def keep(found: list[NewRow], source: LeaseSource) -> None:
    with transaction.atomic(using=STORE):
        log = LeaseImport.objects.using(STORE).create(source=source, started_at=NOW)
        staged = stage(found, NOW)
        assert staged is not None
        store_staged(source.pk, log.pk, staged, now=NOW)
        drop_staged()
        cover(source.pk, *KNOWN, stated=True)


@pytest.mark.parametrize("seed", range(8))
def test_the_store_and_the_pure_meaning_agree(seed: int) -> None:
    dice = Random(seed)
    plan(("198.51.100.0/24", "dedicated"), ("203.0.113.0/24", "cgn-block"), ("2001:db8:41::/48", "dedicated"))
    source = source_named("all")
    everything: list[NewRow] = []
    for number in (40, 60):
        # In two portions: the second finds shapes, widths and holders of the first.
        portion = rows(dice, number)
        keep(portion, source)
        everything += portion
    assert BlockShape.objects.count() <= queries.MOST_SHAPES
    for table in (PortBlock, OddBlock, OpenLease):
        assert table.objects.exists()
    questions = [
        Observation(
            n,
            dice.choice([V4, CROWDED, SHARED, SHARED, V6, "2001:db8:41:700::6", "2001:db8:41:7ff::1"]),
            dice.choice([None, *range(1020, 1034), 1535, 1536, 2044, 2045, 3000, 3500, 4200, 9999]),
            START + timedelta(seconds=dice.randrange(-210_000, 260_000, 7)),
            protocol=dice.choice([None, None, 6, 17]),
        )
        for n in range(300)
    ]
    tolerance = timedelta(seconds=20)
    answers = attribute(questions, tolerance=tolerance, now=NOW)
    seen = set()
    for question in questions:
        address = ip_address(question.address)
        evidence = [interval(row) for row in everything if address in ip_network(row.address)]
        shared = ALWAYS if question.address == SHARED else ()
        ground = Ground(ours=ALWAYS, shared=shared, settled=(KNOWN,), retained_from=NOW - timedelta(days=365))
        window = Window(*question.window(tolerance + SOURCE_TOLERANCE), question.port, ground, question.protocol)
        expected = resolve(window, evidence)
        answer = answers[question.key]
        assert answer.subscriber == expected.subscriber, question
        assert answer.holder_count == expected.holder_count, question
        assert replace(answer, holders=expected.holders) == expected, question
        seen.add(expected.outcome)
    assert {Resolution.UNIQUE, Resolution.AMBIGUOUS} <= seen


def test_a_block_is_found_by_any_of_its_ports_and_by_no_other() -> None:
    plan(("203.0.113.0/24", "cgn-block"))
    source = source_named("all")
    base = rows(Random(1), 1)[0]._replace(address=SHARED, protocol=None, flags=0)
    end = START + timedelta(days=2)
    whole = base._replace(possible_from=START, possible_to=end, certain_from=START, certain_to=end)
    blocks = [(1027, 1047, 4), (1024, 1044, 4), (2000, 2009, 1), (0, 0, 1), (65535, 65535, 1)]
    keep(
        [
            whole._replace(pos=n, port_from=a, port_to=b, port_step=step, reference=f"s-{n}")
            for n, (a, b, step) in enumerate(blocks)
        ],
        source,
    )
    seen = START + timedelta(days=1)
    ports = [*range(1020, 1052), *range(1998, 2012), 65535]
    answers = attribute([Observation(p, SHARED, p, seen) for p in ports], tolerance=timedelta(seconds=1), now=NOW)
    expected = {1027 + 4 * n: "s-0" for n in range(6)} | {1024 + 4 * n: "s-1" for n in range(6)}
    expected |= dict.fromkeys(range(2000, 2010), "s-2") | {65535: "s-4"}
    assert {p: answer.subscriber for p, answer in answers.items() if answer.subscriber} == expected


@pytest.mark.parametrize("protocol", [None, 6, 17])
def test_a_block_of_one_protocol_shares_its_address_whichever_is_asked_about(protocol: int | None) -> None:
    plan(("198.51.100.0/24", "dedicated"))
    end = START + timedelta(days=2)
    whole = rows(Random(1), 1)[0]._replace(
        address=V4, flags=0, possible_from=START, possible_to=end, certain_from=START, certain_to=end
    )
    lease = whole._replace(port_from=None, port_to=None, port_step=None, protocol=None, reference="a")
    beside = whole._replace(pos=1, port_from=5000, port_to=5000, port_step=1, protocol=17, reference="b")
    keep([lease, beside], source_named("all"))
    seen = START + timedelta(days=1)
    asked = [Observation(port, V4, port, seen, protocol=protocol) for port in (None, 5000, 40000)]
    answers = attribute(asked, tolerance=timedelta(seconds=1), now=NOW)
    assert [answer.subscriber for answer in answers.values()] == [None, None, None]
    assert all(answer.shared for answer in answers.values())


def test_a_statement_that_is_cut_short_stores_nothing() -> None:
    plan(("198.51.100.0/24", "dedicated"))
    with connections[STORE].cursor() as cursor:
        # A row that loses its holder on the way would be lost with it.
        cursor.execute("CREATE RULE lost AS ON INSERT TO lease_holder DO INSTEAD NOTHING")
    source = source_named("all")
    with pytest.raises(RuntimeError, match="20 rows staged"):
        keep(rows(Random(3), 20), source)
    assert not OpenLease.objects.exists()

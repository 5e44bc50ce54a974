"""The short way to an answer gives what the long way gives: a row said twice says no more, and takes the long way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

from broker.attribution.resolve import REACH, Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS
from broker.attribution.verdict import Resolution

LO = datetime(2026, 9, 14, 12, tzinfo=UTC)
HI = LO + timedelta(seconds=123)
# How far from the window something begins or ends: just short of what anybody looks at, exactly there, beyond.
SECOND = timedelta(seconds=1)
EDGES = (REACH - SECOND, REACH, REACH + SECOND)
PORTS = (None, (1024, 2047, 1), (1024, 2048, 4))


def test_one_row_is_judged_as_the_same_row_twice() -> None:
    outcomes = set()
    for before, after, ports, port in product(EDGES, EDGES, PORTS, (None, 1500, 1501, 3000)):
        block = None if ports is None else ports[:2]
        ends = LO - before, HI + after
        row = Interval("a", *ends, *ends, ports=block, step=1 if ports is None else ports[2], derived=True)
        far = ((LO - timedelta(days=1), HI + timedelta(days=1)),)
        for shared, settled, suspect, kept in product(
            ((), ALWAYS, ((HI + SECOND, HI + 9 * SECOND),)),
            (ALWAYS, far, ((LO - before, HI + after),)),
            ((), ((HI + 2 * SECOND, HI + 9 * SECOND),)),
            (None, LO - REACH, LO - SECOND, LO + SECOND),
        ):
            window = Window(LO, HI, port, Ground(far, shared, settled, suspect, kept))
            verdict = resolve(window, [row])
            assert verdict == resolve(window, [row, row])
            outcomes.add((verdict.outcome, verdict.shared, verdict.margin == REACH))
    assert {(Resolution.UNIQUE, False, True), (Resolution.UNIQUE, True, True)} < outcomes

"""The short way to an answer gives what the long way gives: a row said twice says no more, and takes the long way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

from broker.attribution.resolve import REACH, Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS

LO = datetime(2026, 9, 14, 12, tzinfo=UTC)
HI = LO + timedelta(seconds=123)
# How far from the window a row begins or ends: inside it, at its ends, just short of what anybody looks at, and beyond.
SECOND = timedelta(seconds=1)
EDGES = (-SECOND, timedelta(), 5 * SECOND, REACH - SECOND, REACH, REACH + SECOND)
PORTS = (None, (1024, 2047, 1), (1024, 2048, 4))


def test_one_row_is_judged_as_the_same_row_twice() -> None:
    margins = set()
    for before, after, ports, port, unsure in product(
        EDGES, EDGES, PORTS, (None, 1500, 1501, 3000), (timedelta(), SECOND)
    ):
        block = None if ports is None else ports[:2]
        ends = LO - before, HI + after
        possible = ends[0] - unsure, ends[1] + 2 * unsure
        row = Interval("a", *possible, *ends, ports=block, step=1 if ports is None else ports[2], derived=True)
        far = ((LO - timedelta(days=1), HI + timedelta(days=1)),)
        for shared, settled, suspect, kept in product(
            ((), ALWAYS, ((HI + SECOND, HI + 9 * SECOND),)),
            (far, ((LO - before, HI + after),)),
            ((), ((HI + 2 * SECOND, HI + 9 * SECOND),)),
            (None, LO - SECOND, LO + SECOND),
        ):
            window = Window(LO, HI, port, Ground(far, shared, settled, suspect, kept))
            verdict = resolve(window, [row])
            assert verdict == resolve(window, [row, row])
            if verdict.margin is not None:
                margins.add((verdict.shared, verdict.margin))
    assert margins >= {(shared, edge) for shared in (False, True) for edge in (timedelta(), 5 * SECOND, REACH)}

"""Ask who held what in an invented history, of what its log proves, and compare with the truth."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import reduce
from random import Random

from broker.attribution.logs.clocks import ClockState
from broker.attribution.logs.events import Event, Ports
from broker.attribution.logs.holding import LogInterval, Policy
from broker.attribution.logs.intervals import Fold
from broker.attribution.resolve import Ground, Interval, Window, resolve
from broker.attribution.spans import ALWAYS, Span, merge, without
from broker.attribution.verdict import Resolution, join
from tests.support.histories import History

# What a request may be wrong by, on top of the drift of the source.
TOLERANCE = timedelta(seconds=2)
Question = tuple[str, Ports | None, datetime]
# Gives the moments that the words of a request can mean; none if they are refused.
Reading = Callable[[datetime], list[datetime]]


def policy(history: History) -> Policy:
    # A log that loses releases proves no lease beyond its last renewal.
    return Policy(cap=timedelta(days=4), expiry_is_certain=history.faults.lossless)


def read_as_one_log(
    history: History, portion: int = 500, *, live: bool = False
) -> tuple[list[LogInterval], list[Span]]:
    """Fold a history's log in portions; gives what it proves, and the time of which its clocks let nothing be said.

    live: each portion is read when its last event has arrived, and not all of it later.
    """
    fold = Fold(policy(history))
    closed: list[LogInterval] = []
    unread: list[Span] = []
    for start in range(0, len(history.events), portion):
        events = history.events[start : start + portion]
        if live:
            fold.not_after = history.arrived_at[start + len(events) - 1] + fold.policy.ahead
        closed += fold.feed(events)[0]
        unread = merge([*unread, *fold.unread])
        clocks = ClockState.from_json(json.loads(json.dumps(fold.clocks.state.to_json())))
        newest = fold.clocks.newest
        fold = Fold(fold.policy, fold.state(), clocks=clocks, rhythms=fold.silences.rhythms)
        fold.clocks.newest = newest
        fold.silences.know(unread)
    return closed + fold.evidence(), unread


def folded(history: History, events: Iterable[Event] | None = None, given: Policy | None = None) -> list[LogInterval]:
    """Fold a history's log, or what was read of it in another form."""
    fed = history.events if events is None else list(events)
    fold = Fold(given or policy(history))
    closed, rejects = fold.feed(fed)
    assert fold.counts.events == len(fed)
    assert sum(fold.counts.rejected.values()) == len(rejects)
    return closed + fold.evidence()


def evidence(intervals: list[LogInterval]) -> dict[str, list[Interval]]:
    rows = defaultdict(list)
    for i in intervals:
        ports = None if i.ports is None else (i.ports.first, i.ports.last)
        span = (i.possible_from, i.possible_to, i.certain_from, i.certain_to)
        rows[i.address].append(Interval(i.holder, *span, ports))
    return rows


def questions(history: History, number: int, random: Random, around: datetime | None = None) -> Iterator[Question]:
    """Half of them anywhere, or around a moment; half around a moment at which a key passed on."""
    keys = sorted(history.by_key, key=str)
    stays = history.stays
    reach = timedelta(hours=2)
    if around is not None:
        stays = [s for s in stays if s.start < around + reach and around - reach < s.end] or stays
    for i in range(number):
        if i % 2:
            moment = history.start + random.random() * (history.end - history.start)
            if around is not None:
                moment = around + random.uniform(-1, 1) * reach
            yield *random.choice(keys), moment
        else:
            stay = random.choice(stays)
            edge = random.choice((stay.start, stay.end)) + timedelta(seconds=random.uniform(-8, 8))
            yield stay.address, stay.ports, min(max(edge, history.start), history.end)


def ask(
    history: History,
    number: int,
    seed: int,
    *,
    intervals: list[LogInterval] | None = None,
    unread: Iterable[Span] = (),
    around: datetime | None = None,
    reading: Reading = lambda moment: [moment],
    unit: timedelta = timedelta(),
) -> Counter[str]:
    """Ask that many questions and count the answers, wrong ones apart.

    intervals: what the log proves; None: of its events as they are. unread: when its records could not be read.
    reading: what the words of a request can mean; all of it is answered and joined. unit: how finely they are written.
    """
    random = Random(seed)
    rows = evidence(folded(history) if intervals is None else intervals)
    drift = timedelta(seconds=history.faults.drift)
    tau = TOLERANCE + drift
    known = (history.start - tau * 2, history.end + tau * 2)
    settled = tuple(without([known], list(unread)))
    answers: Counter[str] = Counter()
    for address, ports, moment in questions(history, number, random, around):
        port = None if ports is None else random.randint(ports.first, ports.last)
        ground = Ground(ours=ALWAYS, shared=() if port is None else ALWAYS, settled=settled, retained_from=known[0])
        verdicts = []
        for meant in reading(moment):
            lo, hi = meant - unit / 2 - tau, meant + unit + tau
            near = [r for r in rows[address] if r.possible_from <= hi + tau and lo - tau <= r.possible_to]
            verdicts.append(resolve(Window(lo, hi, port, ground), near))
        if not verdicts:
            answers["request refused"] += 1
            continue
        answers["request meant two moments"] += len(verdicts) > 1
        verdict = reduce(join, verdicts)
        answers[verdict.outcome] += 1
        # The clock error of the source is part of the window, so the answer is about what lies inside of it.
        held = history.held_by(address, ports, moment - TOLERANCE, moment + TOLERANCE)
        if verdict.outcome is Resolution.UNIQUE and held != {verdict.subscriber}:
            answers["wrong unique"] += 1
        if verdict.outcome is Resolution.NONE and held != {""}:
            answers["wrong none"] += 1
        answers["could be named"] += len(held) == 1 and held != {""}
    return answers

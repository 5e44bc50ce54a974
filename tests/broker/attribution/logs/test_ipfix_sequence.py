"""The numbers that IPFIX messages bear show which of them never came."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.ipfix import Ipfix, between
from broker.attribution.logs.ipfix_nat import Numbering
from tests.support.ipfix_messages import SECONDS, SESSION, TEMPLATES, message, session, template
from tests.support.logs import play


def make() -> Ipfix:
    return Ipfix(Numbering.RFC_8158, "cgn1")


def seconds(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[int, int]]:
    return [(int(lo.timestamp()) - SECONDS, int(hi.timestamp()) - SECONDS) for lo, hi in spans]


def numbered(*numbers: tuple[int, int], rows: int = 2) -> list[tuple[int, int]]:
    """Give the gaps, in seconds, of messages that bear these numbers and were sent at these seconds."""
    log = make()
    data = message(template(256, SESSION), sequence=numbers[0][0], exported=SECONDS + numbers[0][1])
    for number, second in numbers:
        data += message((256, session(4) * rows), sequence=number % 2**32, exported=SECONDS + second)
    play(log, data)
    return seconds(log.missing().gaps)


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ([(0, 1), (2, 5), (4, 9)], []),
        ([(2**32 - 2, 1), (2**32, 5), (2, 9)], []),
        # Lost: two records, and all that is left of a round.
        ([(0, 1), (2, 5), (6, 9)], [(0, 10)]),
        ([(0, 1), (2**31, 5), (2**31 + 2, 9)], [(0, 6)]),
        # A copy; an exporter that does not count; one that counts messages.
        ([(0, 1), (2, 5), (2, 5), (4, 9)], []),
        ([(0, 1), (0, 5), (0, 9)], []),
        ([(7, 1), (8, 5), (9, 9)], []),
        # A loss from one that counts messages may look as if it counted the records of the one before.
        ([(7, 1), (8, 5), (10, 9)], [(0, 10)]),
        ([(7, 1), (8, 5), (9, 9), (11, 13), (12, 17), (13, 21)], [(0, 14), (0, 14)]),
        ([(7, 1), (9, 5), (10, 9), (11, 13)], [(0, 6)]),
        # It counts records, and something else happens that looks like counting messages.
        ([(7, 1), (9, 5), (11, 9), (12, 13), (14, 17), (16, 21)], [(0, 14), (0, 18)]),
        ([(7, 1), (8, 5), (11, 9)], [(0, 10)]),
        # It has begun anew; what it had sent since is not known.
        ([(100, 1), (102, 5), (0, 9), (2, 13)], [(0, 10)]),
        # Out of order: nothing is known of the time in which the order was another one, and all of it afterwards.
        ([(0, 1), (4, 5), (2, 5), (6, 9), (8, 13)], [(0, 6), (0, 6)]),
    ],
)
def test_the_numbers_of_messages_show_which_are_missing(
    numbers: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    # All rows tell of the first second.
    assert numbered(*numbers) == gaps


def test_numbers_are_kept_with_the_place() -> None:
    first = make()
    play(first, message(template(256, SESSION)) + message((256, session(4))))
    other = make()
    other.restore(json.loads(json.dumps(first.state())))
    play(other, message((256, session(5)), sequence=3))
    assert len(other.missing().gaps) == 1


def test_each_domain_has_numbers_of_its_own_and_what_was_refused_is_not_counted() -> None:
    log = make()
    play(log, TEMPLATES + message((256, session(4)), sequence=0) + message((256, session(4)), sequence=40, domain=8))
    play(log, message((256, session(99)), sequence=1) + message((256, session(4)), sequence=2))
    assert not log.missing().gaps


def test_what_is_counted_late_is_checked_then() -> None:
    log = make()
    numbers = [(0, 1), (1, 5), (5, 9)]
    # Three are missing before the last, and all wait; the other domain waits for nothing.
    waiting = b"".join(message((256, session(4)), sequence=n, exported=SECONDS + at) for n, at in numbers)
    waiting += message(domain=8)
    play(log, waiting)
    assert seconds(log.missing().waiting) == [(1, 2), (1, 6), (5, 10), (1, 6), (5, 10)]
    log = make()
    read = message(template(256, SESSION), sequence=6, exported=SECONDS + 13)
    read += message((256, session(4)), sequence=6, exported=SECONDS + 17)
    play(log, waiting + read)
    missing = log.missing()
    assert (seconds(missing.gaps), missing.waiting) == ([(0, 10)], [])


def test_after_what_is_given_up_anything_may_be_missing() -> None:
    log = make()
    data = message(template(256, SESSION)) + message((300, b"\1"), sequence=0)
    data += message((256, session(4)), sequence=9, exported=SECONDS + 5)
    play(log, data)
    assert not log.missing().gaps
    log = make()
    play(log, data + message(sequence=10, exported=SECONDS + 3700))
    assert seconds(log.missing().gaps) == [(1, 2), (0, 6)]


# Between logs: each is what its messages are, as (number, second, records).
Messages = list[tuple[int, int, int]]


def lost_between(*logs: Messages) -> list[tuple[int, int]]:
    """Give the gaps between logs, of which none has gaps of its own."""
    states = []
    for messages in logs:
        log = make()
        data = message(template(256, SESSION), sequence=messages[0][0], exported=SECONDS + messages[0][1])
        for number, second, rows in messages:
            sets = [(256, session(4) * rows)] * (rows > 0)
            data += message(*sets, sequence=number, exported=SECONDS + second)
        play(log, data)
        assert not log.missing().gaps
        states.append(json.loads(json.dumps(log.state())))
    return seconds(between(states))


@pytest.mark.parametrize(
    ("logs", "gaps"),
    [
        ([[(0, 10, 2), (2, 20, 2)], [(4, 30, 2)]], []),
        ([[(0, 10, 2), (2, 20, 2)], [(5, 30, 2)]], [(0, 31)]),
        # Another file in between brings them.
        ([[(0, 10, 2), (2, 20, 2)], [(6, 30, 2)], [(4, 25, 2)]], []),
        # It has begun anew.
        ([[(4, 10, 2), (6, 20, 2)], [(0, 30, 2)]], [(0, 31)]),
        # Two collectors; one of them begins later, and one ends sooner.
        ([[(0, 10, 2), (2, 20, 2), (4, 30, 2)], [(2, 20, 2), (4, 30, 2)]], []),
        ([[(0, 10, 2), (2, 20, 2)], [(0, 10, 2), (2, 20, 2), (4, 30, 2)], [(6, 40, 2)]], []),
        ([[(0, 10, 2), (2, 20, 2)], [(0, 10, 2), (2, 20, 2)], [(6, 40, 2)], [(6, 40, 2), (8, 50, 2)]], [(0, 41)]),
        # An exporter that counts messages.
        ([[(0, 10, 2), (1, 20, 2)], [(2, 30, 2)]], []),
        ([[(0, 10, 2), (1, 20, 3)], [(4, 30, 2)]], [(0, 31)]),
        ([[(0, 10, 2)], [(1, 20, 2), (2, 30, 2)]], []),
        ([[(0, 10, 2)], [(2, 20, 2), (3, 30, 2)]], [(0, 21)]),
        # The last message of the first log, or the first of the second, is of a clock that is wrong.
        ([[(0, 10, 2), (2, 2**30, 2)], [(6, 30, 2)], [(8, 40, 2)]], [(0, 31)]),
        ([[(0, 10, 2), (2, 2**30, 2)], [(4, 30, 2)], [(6, 40, 2)]], []),
        ([[(4, 10, 2), (6, 20, 2)], [(0, -SECONDS, 0), (0, 30, 2), (2, 40, 2)]], [(0, 31)]),
    ],
)
def test_the_numbers_of_messages_show_which_are_missing_between_logs(
    logs: list[Messages], gaps: list[tuple[int, int]]
) -> None:
    for order in permutations(logs):
        # All rows tell of the first second.
        assert lost_between(*order) == gaps


def test_how_an_exporter_counts_is_known_in_its_next_log() -> None:
    before, log = make(), make()
    play(before, message(template(256, SESSION), sequence=7) + message((256, session(4) * 2), sequence=7))
    play(before, message((256, session(4) * 2), sequence=8))
    log.inherit([before.state()])
    data = message(template(256, SESSION), sequence=9, exported=SECONDS + 5)
    data += message((256, session(4) * 2), sequence=10, exported=SECONDS + 9)
    play(log, data + message((256, session(4)), sequence=12, exported=SECONDS + 13))
    assert seconds(log.missing().gaps) == [(0, 14)]


@settings(max_examples=200)
@given(st.data())
def test_no_message_is_lost_without_a_gap_wherever_a_log_is_cut(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=12), label="rows")
    lost = data.draw(st.sets(st.sampled_from(range(1, len(rows))), max_size=4), label="lost")
    cuts = sorted(data.draw(st.sets(st.sampled_from(range(len(rows))), max_size=3), label="cuts"))
    template_at = data.draw(st.integers(0, len(rows)), label="template")
    number, logs = 0, [b""]
    for n, count in enumerate(rows):
        sets = [(256, session(4) * count)] * (count > 0)
        logs += [b""] * (n in cuts)
        if n == template_at or n in cuts:
            logs[-1] += message(template(256, SESSION), sequence=number, exported=SECONDS + 10 * n)
        if n not in lost:
            logs[-1] += message(*sets, sequence=number, exported=SECONDS + 10 * n)
        number += count
    gaps: list[tuple[int, int]] = []
    states: list[dict[str, Any]] = []
    for one in logs:
        log = make()
        log.inherit(states)
        play(log, one)
        missing = log.missing()
        gaps += seconds(missing.gaps + missing.waiting)
        states.append(json.loads(json.dumps(log.state())))
    gaps += seconds(between(states))
    last = max((n for n in range(len(rows)) if n not in lost), default=0)
    for n in lost:
        assert n > last or not rows[n] or any(lo <= 10 * n < hi for lo, hi in gaps)
    if not lost and template_at == 0:
        assert not gaps

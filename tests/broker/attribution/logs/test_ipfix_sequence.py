"""The numbers that IPFIX messages bear show which of them never came."""

from __future__ import annotations

import json

import pytest

from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from tests.support.ipfix_messages import SECONDS, SESSION, TEMPLATES, message, session, template
from tests.support.logs import play


def make() -> Ipfix:
    return Ipfix(Numbering.RFC_8158, "cgn1")


def numbered(*numbers: tuple[int, int], rows: int = 2) -> list[tuple[int, int]]:
    """Give the gaps, in seconds, of messages that bear these numbers and were sent at these seconds."""
    log = make()
    data = message(template(256, SESSION), sequence=numbers[0][0], exported=SECONDS + numbers[0][1])
    for number, second in numbers:
        data += message((256, session(4) * rows), sequence=number % 2**32, exported=SECONDS + second)
    play(log, data)
    return [(int(lo.timestamp()) - SECONDS, int(hi.timestamp()) - SECONDS) for lo, hi in log.missing().gaps]


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

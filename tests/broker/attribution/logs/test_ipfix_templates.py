"""Data of IPFIX wait for the template that says how to read them, in bounded memory, and are given up after an hour."""

from __future__ import annotations

import json

import pytest

from broker.attribution.logs.events import Ports
from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from tests.support.ipfix_messages import SECONDS, SESSION, TEMPLATES, message, row, session, template
from tests.support.logs import FIXTURES, play

FILES = FIXTURES / "ipfix"


def make() -> Ipfix:
    return Ipfix(Numbering.RFC_8158, "cgn1")


def test_data_wait_for_their_template_and_keep_their_place() -> None:
    outcomes = play(make(), (FILES / "template-after-data.ipfix").read_bytes())
    assert [[e.pos for e in said] for _, said in outcomes if isinstance(said, list)] == [
        [],
        [],
        [outcomes[0][0].pos, outcomes[1][0].pos],
        [outcomes[3][0].pos],
    ]


def test_what_waits_is_shown() -> None:
    log = make()
    play(log, (FILES / "template-never.ipfix").read_bytes())
    missing = log.missing()
    assert len(missing.waiting) == 1
    assert (missing.gaps, missing.given_up) == ([], [])
    play(log, TEMPLATES)
    assert not log.missing().waiting


@pytest.mark.parametrize("defect", ["template-too-late", "template-does-not-fit"])
def test_what_cannot_be_read_with_its_template_is_given_up_and_takes_no_other_message_with_it(defect: str) -> None:
    log = make()
    said = [said for _, said in play(log, (FILES / f"{defect}.ipfix").read_bytes())]
    assert not any(isinstance(one, str) for one in said)
    assert len(said[-1]) == (defect == "template-does-not-fit")
    missing = log.missing()
    assert (missing.given_up, missing.waiting) == ([(0, "TEMPLATE_LATE")], [])
    assert [(lo.timestamp(), hi.timestamp()) for lo, hi in missing.gaps] == [(SECONDS + 1, SECONDS + 2)]


def test_what_has_waited_for_an_hour_is_given_up_at_its_own_place() -> None:
    log = make()
    play(log, message((300, b"\1")))
    assert log.keeps(0)
    play(log, message(template(256, SESSION), exported=SECONDS + 3602))
    assert not log.keeps(0)
    missing = log.missing()
    assert missing.given_up == [(0, "TEMPLATE_MISSING")]
    assert [(lo.timestamp(), hi.timestamp()) for lo, hi in missing.gaps] == [(SECONDS + 1, SECONDS + 2)]


def test_what_waits_is_bounded_and_the_rest_refused() -> None:
    log = make()
    outcomes = play(log, message((300, bytes(60_000))) * 10)
    assert [said if isinstance(said, str) else "" for _, said in outcomes] == [""] * 4 + ["TEMPLATE_MISSING"] * 6
    log = make()
    assert play(log, message(*[(300, b"\1")] * 13_000))[0][1] == "TEMPLATE_MISSING"
    assert len(json.dumps(log.state())) < 1_000_000


def test_a_template_with_an_error_beside_it_is_learnt_and_what_waited_is_kept() -> None:
    data = message((256, session(4))) + message(template(256, SESSION), (256, session(99))) + message((256, session(5)))
    outcomes = play(make(), data)
    assert [said if isinstance(said, str) else len(said) for _, said in outcomes] == [0, "EVENT_NUMBERING", 2]


def test_domains_have_templates_of_their_own() -> None:
    log = make()
    data = message(template(256, SESSION), domain=1) + message((256, session(4)), domain=2)
    assert [said for _, said in play(log, data)] == [[], []]
    assert log.missing().waiting


def test_a_template_may_be_replaced() -> None:
    other = [SESSION[0], *reversed(SESSION[1:])]
    rest: list[int | str] = ["100.64.3.9", "203.0.113.7", 40_112, 20_480, 6, 1_772_346_611_204]
    data = TEMPLATES + message(template(256, other)) + message((256, row(other, 4, *reversed(rest))))
    said = play(make(), data)[-1][1]
    assert isinstance(said, list)
    assert (said[0].holder, said[0].ports) == ("inner:100.64.3.9", Ports(20_480, 20_480))

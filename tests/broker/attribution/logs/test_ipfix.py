"""IPFIX messages say who got a port or a set of ports, in the numbering that is configured and in no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.attribution.logs.events import Event, Kind, Ports
from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from tests.support.ipfix_messages import BLOCK, SESSION, TEMPLATES, block, message, row, session, template
from tests.support.logs import codes, events, play

AT = datetime(2026, 3, 1, 6, 30, 11, 204_000, tzinfo=UTC)
INNER, INNER6 = "inner:100.64.3.9", "inner:2001:db8:64::9"


def make() -> Ipfix:
    return Ipfix(Numbering.RFC_8158, "cgn1")


def single(data: bytes, numbering: Numbering = Numbering.RFC_8158) -> list[Event] | str:
    """Give what the last message says, after the templates of sessions and blocks."""
    return play(Ipfix(numbering, "cgn1"), TEMPLATES + data)[-1][1]


def test_each_event_is_read_in_the_numbering_of_rfc_8158() -> None:
    found = [(e.kind, e.ports, e.protocol, e.holder) for e in events(make(), "ipfix/good-rfc8158.ipfix")]
    assert found == [
        (Kind.BEGIN, Ports(20480, 20480), 6, INNER),
        (Kind.BEGIN, Ports(20481, 20481), 6, INNER),
        (Kind.BEGIN, Ports(20480, 20991), None, f"{INNER}@5"),
        (Kind.BEGIN, Ports(20482, 20482), 17, INNER6),
        # A scattered set: the last port is the last one that is in it.
        (Kind.BEGIN, Ports(20480, 20604, 4), None, INNER),
        (Kind.END, Ports(20480, 20480), 6, INNER),
        (Kind.END, Ports(20480, 20991), None, INNER),
        (Kind.BEGIN, Ports(20483, 20483), None, f"{INNER}@0102"),
    ]
    assert {(e.device, e.address) for e in events(make(), "ipfix/good-rfc8158.ipfix")} == {("cgn1", "203.0.113.7")}


def test_each_event_is_read_in_the_numbering_of_the_early_drafts() -> None:
    log = Ipfix(Numbering.EARLY_DRAFT, "cgn1")
    assert [(e.kind, e.ports, e.protocol, e.holder) for e in events(log, "ipfix/good-early-draft.ipfix")] == [
        (Kind.BEGIN, Ports(20480, 20480), 6, INNER),
        (Kind.BEGIN, Ports(20481, 20481), 6, INNER),
        (Kind.BEGIN, Ports(20480, 20991), None, INNER),
        (Kind.BEGIN, Ports(20482, 20482), 17, INNER6),
        (Kind.END, Ports(20480, 20480), 6, INNER),
        (Kind.END, Ports(20480, 20991), None, INNER),
    ]


def test_the_numbering_is_never_guessed() -> None:
    with pytest.raises(TypeError):
        Ipfix(device="cgn1")  # type: ignore[call-arg]  # that it is missing is what is tested
    with pytest.raises(ValueError, match="rfc"):
        Ipfix("rfc", "cgn1")  # type: ignore[arg-type]  # that it is no numbering is what is tested


@pytest.mark.parametrize("number", range(256))
def test_a_session_is_read_by_the_table_of_its_numbering_only(number: int) -> None:
    """4, 5, 8 and 9 are NAT44 in the RFC, 1, 2, 6 and 7 in the drafts; exhausted pools and quotas say nothing."""
    expected: dict[Numbering, tuple[set[int], set[int], set[int]]] = {
        Numbering.RFC_8158: ({4, 8}, {5, 9}, {3, 12, 13, 14, 15, 18}),
        Numbering.EARLY_DRAFT: ({1, 6}, {2, 7}, {3, 10, 11, 12, 13}),
    }
    for numbering, (begins, ends, silent) in expected.items():
        said = single(message((256, session(number))), numbering)
        if number in silent:
            assert said == []
        elif number in begins | ends:
            assert isinstance(said, list)
            assert [e.kind for e in said] == [Kind.BEGIN if number in begins else Kind.END]
        else:
            assert said == "EVENT_NUMBERING"


@pytest.mark.parametrize(
    ("name", "numbering"),
    [("good-rfc8158", Numbering.EARLY_DRAFT), ("good-early-draft", Numbering.RFC_8158)],
)
def test_the_wrong_numbering_shows(name: str, numbering: Numbering) -> None:
    assert "EVENT_NUMBERING" in codes(Ipfix(numbering, "cgn1"), f"ipfix/{name}.ipfix")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((20_480, 20_991, 1, 512), Ports(20_480, 20_991)),
        ((20_480, 20_607, 4, 32), Ports(20_480, 20_604, 4)),
        ((20_480, 20_604, 4, 32), Ports(20_480, 20_604, 4)),
        ((20_480, 20_480, 1, 1), Ports(20_480, 20_480)),
        ((20_480, 20_991, 1, 511), "RECORD_CONTRADICTS"),
        ((20_480, 20_991, 4, 512), "RECORD_CONTRADICTS"),
        ((65_000, 65_535, 0, 536), "PORTS_RANGE"),
        ((65_000, 65_535, 1, 0), "PORTS_RANGE"),
    ],
)
def test_a_set_of_ports_is_what_all_its_fields_say(values: tuple[int, int, int, int], expected: Ports | str) -> None:
    said = single(message((257, block(16, *values))))
    assert (said if isinstance(said, str) else said[0].ports) == expected


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ((362,), Ports(20_480, 20_991)),
        ((363,), Ports(20_480, 20_991)),
        ((364,), Ports(20_480, 20_991)),
        ((363, 364), Ports(20_480, 20_991)),
        ((362, 364), "FIELD_MISSING"),
        ((361,), "EVENT_NUMBERING"),
    ],
)
def test_two_fields_of_a_set_may_be_left_out(left_out: tuple[int, ...], expected: Ports | str) -> None:
    fields = [field for field in BLOCK if field[0] not in left_out]
    given: tuple[int | str, ...] = (16, "100.64.3.9", "203.0.113.7", 0, 20_480, 20_991, 1, 512, 1_772_346_611_204)
    values = dict(zip(BLOCK, given, strict=True))
    said = single(message(template(260, fields), (260, row(fields, *(values[field] for field in fields)))))
    assert (said if isinstance(said, str) else said[0].ports) == expected


def test_the_moment_is_that_of_the_event_and_not_of_the_message() -> None:
    said = single(message((256, session(4)), exported=1_772_400_000))
    assert isinstance(said, list)
    assert (said[0].at, said[0].unit, said[0].received_at) == (AT, timedelta(milliseconds=1), None)


def test_a_flow_from_outside_opens_no_port() -> None:
    fields = [*SESSION, (229, 1)]
    inside, outside, unknown = (message((261, session(4) + bytes([origin]))) for origin in (1, 2, 3))
    said = [said for _, said in play(make(), message(template(261, fields)) + inside + outside + unknown)][1:]
    assert [one if isinstance(one, str) else len(one) for one in said] == [1, 0, "EVENT_UNKNOWN"]

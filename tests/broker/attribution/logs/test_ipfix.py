"""IPFIX messages say who got a port or a set of ports, in the numbering that is configured and in no other."""

from __future__ import annotations

import io
import json
import struct
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from netflume import TemplateStore, parse_message

from broker.attribution.logs import ipfix_wire
from broker.attribution.logs.codes import CODES
from broker.attribution.logs.events import Event, Kind, Ports, RecordError
from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from fixtures.logs.ipfix.make_messages import FILES as MADE
from tests.support.ipfix_messages import BLOCK, SECONDS, SESSION, SESSION6, block, message, row, session, template
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, events, play

FILES = FIXTURES / "ipfix"
AT = datetime(2026, 3, 1, 6, 30, 11, 204_000, tzinfo=UTC)
INNER, INNER6 = "inner:100.64.3.9", "inner:2001:db8:64::9"
TEMPLATES = message(template(256, SESSION), template(257, BLOCK), template(258, SESSION6))

DEFECTS: dict[str, list[str]] = {
    "template-after-data": [],
    "template-too-late": ["TEMPLATE_LATE"],
    "template-does-not-fit": ["TEMPLATE_LATE"],
    "template-never": [],
    "template-withdrawn": [],
    "template-cut-off": ["TEMPLATE_SYNTAX"],
    "template-empty-rows": ["TEMPLATE_SYNTAX"],
    "element-twice": ["ATTRIBUTE_SEVERAL"],
    "element-too-long": ["TEMPLATE_SYNTAX"],
    "duplicated": [],
    "cut-short": ["RECORD_INCOMPLETE"],
    "set-too-long": ["RECORD_SYNTAX"],
    "set-of-no-length": ["RECORD_SYNTAX"],
    "set-unknown": ["RECORD_SYNTAX"],
    "row-cut-off": ["RECORD_SYNTAX"],
    "nul-bytes": ["RECORD_SYNTAX"],
    "out-of-step": ["RECORD_SYNTAX"],
    "other-version": ["RECORD_SYNTAX"],
    "event-unknown": ["EVENT_NUMBERING"],
    "families-mixed": ["EVENT_NUMBERING"],
    "range-with-a-binding": ["EVENT_NUMBERING"],
    "block-without-range": ["EVENT_NUMBERING"],
    "port-zero": ["PORTS_RANGE"],
    "ports-reversed": ["PORTS_RANGE"],
    "ports-beyond-the-last": ["RECORD_CONTRADICTS"],
    "step-zero": ["PORTS_RANGE"],
    "count-and-end-disagree": ["RECORD_CONTRADICTS"],
    "moment-missing": ["TIME_MISSING"],
    "clock-not-set": ["TIME_IMPLAUSIBLE"],
    "holder-missing": ["FIELD_MISSING"],
    "public-address-missing": ["FIELD_MISSING"],
}


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


def test_what_has_waited_for_an_hour_is_given_up_at_its_own_place() -> None:
    log = make()
    play(log, message((300, b"\1")))
    assert log.keeps(0)
    play(log, message(template(256, SESSION), exported=SECONDS + 3602))
    assert not log.keeps(0)
    missing = log.missing()
    assert missing.given_up == [(0, "TEMPLATE_MISSING")]
    assert [(lo.timestamp(), hi.timestamp()) for lo, hi in missing.gaps] == [(SECONDS + 1, SECONDS + 2)]


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
        ([(7, 1), (8, 5), (10, 9)], []),
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
    said = single(message(template(256, other)) + message((256, row(other, 4, *reversed(rest)))))
    assert isinstance(said, list)
    assert (said[0].holder, said[0].ports) == (INNER, Ports(20_480, 20_480))


def test_nothing_is_read_once_a_file_is_out_of_step() -> None:
    good = message((256, session(4)))
    data = TEMPLATES + b"x" * 70_000 + good * 3
    said = [said for _, said in play(make(), data)]
    assert said == [[], "RECORD_SYNTAX", "RECORD_SYNTAX"]


def test_what_looks_like_a_message_in_a_file_out_of_step_is_not_read_by_the_next_process_either() -> None:
    # The good message stands where a piece of what is refused ends.
    check_every_stop(make, TEMPLATES + b"x" * 65_536 + TEMPLATES + message((256, session(4))))


def test_a_row_that_is_cut_off_after_a_value_of_any_length_is_refused() -> None:
    shape = ipfix_wire.layout(ipfix_wire.Template(False, ((900, ipfix_wire.VARIABLE), (901, 4))), {900: 0, 901: 0})
    assert list(ipfix_wire.rows(shape, b"\2ab\0\0\0\7")) == [{900: b"ab", 901: b"\0\0\0\7"}]
    with pytest.raises(RecordError):
        list(ipfix_wire.rows(shape, b"\5abcde\0\7"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_message_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"ipfix/{defect}.ipfix") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried_and_every_file_is_the_one_made() -> None:
    assert {file.stem for file in FILES.glob("*.ipfix")} == {"good-rfc8158", "good-early-draft", *DEFECTS} == set(MADE)
    for name, data in MADE.items():
        assert (FILES / f"{name}.ipfix").read_bytes() == data, name


FIELDS = st.lists(
    st.tuples(st.integers(900, 915) | st.integers(0x8001, 0x8005), st.integers(0, 8) | st.just(0xFFFF)),
    min_size=1,
    max_size=8,
    unique_by=lambda field: field[0],
).filter(lambda fields: any(length for _, length in fields))


@settings(max_examples=150)
@given(FIELDS, st.data())
def test_rows_are_cut_as_another_reader_cuts_them(fields: list[tuple[int, int]], data: st.DataObject) -> None:
    """netflume is another implementation, by other people; on what is right the two agree."""
    # An all-zero row could be padding, and netflume reads no value of more than 8 bytes as a number.
    sizes = [st.binary(min_size=1, max_size=8) if n == 0xFFFF else st.binary(min_size=n, max_size=n) for _, n in fields]
    values = data.draw(st.lists(st.tuples(*sizes).filter(lambda r: any(map(any, r))), min_size=1, max_size=5))
    sets = (template(256, fields), (256, b"".join(row(fields, *one) for one in values)))
    store = TemplateStore()
    _, theirs, _ = parse_message(message(*sets), "192.0.2.1", store)
    ((_, shape),) = ipfix_wire.templates(*sets[0])
    assert shape is not None
    names = [element for element, _ in fields if element < 0x8000]
    ours = list(ipfix_wire.rows(ipfix_wire.layout(shape, dict.fromkeys(names)), sets[1][1]))
    wanted = [{name: one.get(f"ie{name}") for name in names} for one in theirs]
    # Nothing in no byte: an empty value is an empty text there.
    assert [
        {n: int.from_bytes(v) if v else one[n] for n, v in mine.items()} for mine, one in zip(ours, wanted, strict=True)
    ] == wanted


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([4, 5, 8, 9]), st.integers(1, 65_535), st.integers(0, 255)), min_size=1))
@example([(4, 1, 0)])
def test_events_are_what_another_reader_shows(flows: list[tuple[int, int, int]]) -> None:
    rows = b"".join(session(event, port, inner=f"100.64.3.{host}") for event, port, host in flows)
    data = message(template(256, SESSION), (256, rows))
    _, theirs, _ = parse_message(data, "192.0.2.1", TemplateStore())
    ((_, said),) = play(make(), data)
    assert isinstance(said, list)
    assert [(e.holder, e.address, e.ports, e.protocol, e.at.timestamp()) for e in said] == [
        (
            f"inner:{one['src_addr']}",
            one["post_nat_src_addr"],
            Ports(one["post_nat_src_port"], one["post_nat_src_port"]),
            one["proto"],
            one["observation_time_ms"] / 1000,
        )
        for one in theirs
    ]


ZEROS = struct.pack("!HH", 1, 0) * 16_000
HOSTILE = {
    "fields-of-no-length": message((2, struct.pack("!HH", 256, 16_001) + ZEROS + struct.pack("!HH", 4, 1)))
    + message((256, b"\1" * 65_000))
    + message(*[(256, b"\1")] * 13_000),
    "fields-of-any-length": message((2, struct.pack("!HH", 256, 16_000) + struct.pack("!HH", 1, 0xFFFF) * 16_000))
    + message((256, bytes(65_000))) * 3,
    "templates": b"".join(
        message((2, b"".join(struct.pack("!HHHH", 256 + n, 1, 1, 1) for n in range(8_000))), domain=domain)
        for domain in range(12)
    ),
    "withdrawals": message((2, struct.pack("!HH", 2, 0) * 16_000)) * 5,
    "data-without-template": message(*[(300, b"\1")] * 13_000) * 10,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_keep_nobody_busy_and_fill_no_memory(name: str) -> None:
    log, began = make(), time.process_time()
    play(log, HOSTILE[name])
    # A hundredth of it on a quiet machine; a reader that visits every field of every row takes minutes.
    assert time.process_time() - began < 10
    assert len(json.dumps(log.state())) < 4_000_000


@settings(max_examples=100)
@given(st.sampled_from(sorted(MADE)), st.data())
def test_reads_and_interruptions_change_nothing(name: str, data: st.DataObject) -> None:
    check_cuts(make, MADE[name], data)
    check_cuts(make, damaged(MADE["good-rfc8158"], data), data)


@pytest.mark.parametrize("name", sorted(MADE))
def test_reading_is_taken_up_again_after_each_message(name: str) -> None:
    check_every_stop(make, MADE[name])
    check_every_stop(make, b"x" * 70_000 + MADE[name])


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_a_reason(data: bytes) -> None:
    play(make(), data)
    play(make(), TEMPLATES + message((256, data + b"\1"), (2, data + b"\1"), (3, data + b"\1")))
    assert list(make().records(io.BytesIO(b""), 0)) == []

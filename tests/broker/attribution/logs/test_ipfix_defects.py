"""What is wrong with IPFIX messages is refused with its reason, whoever made it so and wherever reading is taken up."""

from __future__ import annotations

import io
import json
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.attribution.logs.codes import CODES
from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from fixtures.logs.ipfix.make_messages import FILES as MADE
from tests.support.ipfix_messages import TEMPLATES, message, session
from tests.support.logs import FIXTURES, check_cuts, check_every_stop, codes, damaged, play

FILES = FIXTURES / "ipfix"

DEFECTS: dict[str, list[str]] = {
    "template-after-data": [],
    "template-too-late": [],
    "template-does-not-fit": [],
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


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_message_that_cannot_be_read_is_refused_with_its_reason(defect: str) -> None:
    assert codes(make(), f"ipfix/{defect}.ipfix") == DEFECTS[defect]
    assert set(DEFECTS[defect]) <= CODES.keys()


def test_every_defect_is_tried_and_every_file_is_the_one_made() -> None:
    assert {file.stem for file in FILES.glob("*.ipfix")} == {"good-rfc8158", "good-early-draft", *DEFECTS} == set(MADE)
    for name, data in MADE.items():
        assert (FILES / f"{name}.ipfix").read_bytes() == data, name


def test_nothing_is_read_once_a_file_is_out_of_step() -> None:
    good = message((256, session(4)))
    data = TEMPLATES + b"x" * 70_000 + good * 3
    said = [said for _, said in play(make(), data)]
    assert said == [[], "RECORD_SYNTAX", "RECORD_SYNTAX"]


def test_what_looks_like_a_message_in_a_file_out_of_step_is_not_read_by_the_next_process_either() -> None:
    # The good message stands where a piece of what is refused ends.
    check_every_stop(make, TEMPLATES + b"x" * 65_536 + TEMPLATES + message((256, session(4))))


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

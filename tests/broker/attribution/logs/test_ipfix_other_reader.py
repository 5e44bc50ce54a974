"""Our reader of IPFIX cuts and reads as another one does."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from netflume import TemplateStore, parse_message

from broker.attribution.logs import ipfix_wire
from broker.attribution.logs.events import Ports, RecordError
from broker.attribution.logs.ipfix import Ipfix
from broker.attribution.logs.ipfix_nat import Numbering
from tests.support.ipfix_messages import SESSION, message, row, session, template
from tests.support.logs import play


def make() -> Ipfix:
    return Ipfix(Numbering.RFC_8158, "cgn1")


def test_a_row_that_is_cut_off_after_a_value_of_any_length_is_refused() -> None:
    shape = ipfix_wire.layout(ipfix_wire.Template(False, ((900, ipfix_wire.VARIABLE), (901, 4))), {900: 0, 901: 0})
    assert list(ipfix_wire.rows(shape, b"\2ab\0\0\0\7")) == [{900: b"ab", 901: b"\0\0\0\7"}]
    with pytest.raises(RecordError):
        list(ipfix_wire.rows(shape, b"\5abcde\0\7"))


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

"""MAP is bit arithmetic: the examples of the RFCs, and both directions agreeing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.attribution.mappings.answers import MappingError, Why
from broker.attribution.mappings.map_e import MapRule, PortSets

HOME = IPv6Network("2001:db8:12:3400::/56")
ADDRESS = IPv4Address("192.0.2.18")


def rule(**changed: Any) -> MapRule:
    """The rule of RFC 7597 appendix A, example 1 (and of RFC 7599 appendix A), but for what is changed."""
    fields: dict[str, Any] = {
        "ipv6_prefix": IPv6Network("2001:db8::/40"),
        "ipv4_prefix": IPv4Network("192.0.2.0/24"),
        "ea_bits": 16,
    }
    return MapRule(**fields | changed)


def test_example_1_derives_address_and_ports_from_the_delegated_prefix() -> None:
    answer = rule().forwards(HOME)
    assert not isinstance(answer, Why)
    address, ports = answer
    assert address == IPv4Network("192.0.2.18/32")
    assert len(ports) == 63
    assert [ports[0], ports[1]] == [range(1232, 1236), range(2256, 2260)]
    assert [ports[-2], ports[-1]] == [range(63696, 63700), range(64720, 64724)]
    assert rule().port_sets.psid_of(1232) == 0x34


@pytest.mark.parametrize("port", [1232, 1235, 2256, 64723])
def test_examples_2_and_3_lead_from_a_port_to_the_delegated_prefix(port: int) -> None:
    # Example 2 sends to port 1232 of 192.0.2.18; example 3 comes from there.
    assert rule().backwards(ADDRESS, port) == HOME


def test_example_4_has_no_embedded_bits_and_no_sharing() -> None:
    # The RFC prints rule prefix 192.0.2.1/32 here beside address 192.0.2.18; the rule is what is computed with.
    whole = rule(ipv6_prefix=HOME, ipv4_prefix=IPv4Network("192.0.2.1/32"), ea_bits=0)
    assert whole.forwards(HOME) == (IPv4Network("192.0.2.1/32"), [range(65536)])
    assert whole.backwards(IPv4Address("192.0.2.1"), 80) == HOME


def test_example_5_has_a_psid_provisioned_apart() -> None:
    # The RFC prints PSID 0x20 where it is provisioned and 0x34 where it is used; the ports are those of 0x34.
    lone = rule(ipv6_prefix=HOME, ipv4_prefix=IPv4Network("192.0.2.18/32"), ea_bits=0, psid_length=8, psid=0x34)
    assert lone.forwards(HOME) == (IPv4Network("192.0.2.18/32"), PortSets(8).ports_of(0x34))
    assert lone.backwards(ADDRESS, 64723) == HOME
    # Another set of the same address is another subscriber's, by another rule.
    assert lone.backwards(ADDRESS, 1236) is Why.NOT_OUR_ADDRESS


def test_the_worked_check_of_the_design() -> None:
    # a = 6, k = 8, m = 2: 1234 = 0b000001_00110100_10.
    assert PortSets(8, 6).psid_of(1234) == 0x34


@pytest.mark.parametrize(
    ("sets", "psid", "first_ranges", "last"),
    [
        # R = 1024, a = 4: the system ports and more, below 4096, are nobody's.
        (PortSets(10, 4), 0, [range(4096, 4100), range(8192, 8196)], range(61440, 61444)),
        (PortSets(10, 4), 1, [range(4100, 4104), range(8196, 8200)], range(61444, 61448)),
        (PortSets(10, 4), 1023, [range(8188, 8192), range(12284, 12288)], range(65532, 65536)),
        # R = 64, a = 0: one contiguous block each, and none excluded.
        (PortSets(6, 0), 0, [range(1024)], range(1024)),
        (PortSets(6, 0), 63, [range(64512, 65536)], range(64512, 65536)),
    ],
)
def test_port_sets_of_the_algorithm_of_appendix_b(
    sets: PortSets, psid: int, first_ranges: list[range], last: range
) -> None:
    ports = sets.ports_of(psid)
    assert ports[: len(first_ranges)] == first_ranges
    assert ports[-1] == last


@given(st.integers(0, 16).flatmap(lambda k: st.tuples(st.just(k), st.integers(0, 16 - k))), st.integers(0, 65535))
def test_the_psid_is_that_of_the_formula_of_appendix_b(bits: tuple[int, int], port: int) -> None:
    k, a = bits
    ratio, contiguous = 1 << k, 1 << (16 - a - k)
    psid = PortSets(k, a).psid_of(port)
    if k and a and port < 1 << (16 - a):
        assert psid is Why.PORT_OUT_OF_RANGE
    else:
        assert psid == (port // contiguous) % ratio


@given(st.integers(1, 8), st.integers(0, 8))
def test_every_port_is_in_one_set_or_excluded(k: int, a: int) -> None:
    sets = PortSets(k, a)
    ports = [port for psid in range(1 << k) for ports in sets.ports_of(psid) for port in ports]
    assert len(ports) == len(set(ports))
    excluded = set(range(65536)) - set(ports)
    assert excluded == (set(range(1 << (16 - a))) if a else set())


def test_ports_with_an_empty_offset_are_out_of_range() -> None:
    assert rule().backwards(ADDRESS, 1023) is Why.PORT_OUT_OF_RANGE
    assert rule(psid_offset=0).backwards(ADDRESS, 0) == IPv6Network("2001:db8:12::/56")


def test_what_the_rule_does_not_cover_is_not_ours() -> None:
    assert rule().backwards(IPv4Address("192.0.3.18"), 1232) is Why.NOT_OUR_ADDRESS
    for delegated in ("2001:db8:112:3400::/56", "2001:db8:12:3400::/64"):
        assert rule().forwards(IPv6Network(delegated)) is Why.NOT_OUR_ADDRESS


def test_few_ea_bits_give_a_whole_prefix_of_addresses() -> None:
    prefix = rule(ea_bits=4)
    assert prefix.backwards(IPv4Address("192.0.2.31"), 80) == IPv6Network("2001:db8:10::/44")
    assert prefix.forwards(IPv6Network("2001:db8:10::/44")) == (IPv4Network("192.0.2.16/28"), [range(65536)])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ea_bits": 25}, "ea_bits"),
        ({"psid_length": 7}, "psid_length"),
        ({"psid": 3}, "psid_length"),
        ({"psid_offset": 9}, "psid_offset"),
        ({"ea_bits": 0, "psid_length": 8, "psid": 3}, "ipv4_prefix"),
        ({"ea_bits": 0, "ipv4_prefix": IPv4Network("192.0.2.1/32"), "psid_length": 8}, "psid"),
        ({"ea_bits": 0, "ipv4_prefix": IPv4Network("192.0.2.1/32"), "psid_length": 8, "psid": 256}, "psid"),
        ({"ea_bits": 0, "psid": 0}, "psid"),
    ],
)
def test_refuses_a_rule_that_contradicts_itself(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(MappingError) as refused:
        rule(**changed)
    assert refused.value.field == field


@st.composite
def rules(draw: st.DrawFn) -> MapRule:
    ipv4_length = draw(st.integers(16, 32))
    ea_bits = draw(st.integers(0, 32 - ipv4_length + 12))
    psid_length = max(0, ea_bits - (32 - ipv4_length))
    ipv6_length = draw(st.integers(20, 64 - ea_bits))
    return MapRule(
        IPv6Network((draw(st.integers(0, (1 << ipv6_length) - 1)) << (128 - ipv6_length), ipv6_length)),
        IPv4Network((draw(st.integers(0, (1 << ipv4_length) - 1)) << (32 - ipv4_length), ipv4_length)),
        ea_bits,
        draw(st.integers(0, 16 - psid_length)),
    )


@given(rules(), st.data())
def test_every_port_of_a_delegated_prefix_leads_back_to_it(mapping: MapRule, data: st.DataObject) -> None:
    embedded = data.draw(st.integers(0, (1 << mapping.ea_bits) - 1))
    length = mapping.ipv6_prefix.prefixlen + mapping.ea_bits
    delegated = IPv6Network((int(mapping.ipv6_prefix[0]) | (embedded << (128 - length)), length))
    answer = mapping.forwards(delegated)
    assert not isinstance(answer, Why)
    addresses, ports = answer
    port = data.draw(st.sampled_from(ports))
    for address in (addresses[0], addresses[-1]):
        assert mapping.backwards(address, port[0]) == mapping.backwards(address, port[-1]) == delegated


@given(rules(), st.data())
def test_whatever_prefix_a_port_leads_to_stands_for_that_port(mapping: MapRule, data: st.DataObject) -> None:
    address = data.draw(st.integers(int(mapping.ipv4_prefix[0]), int(mapping.ipv4_prefix[-1])).map(IPv4Address))
    port = data.draw(st.integers(0, 65535))
    delegated = mapping.backwards(address, port)
    if isinstance(delegated, Why):
        assert delegated is Why.PORT_OUT_OF_RANGE
        return
    answer = mapping.forwards(delegated)
    assert not isinstance(answer, Why)
    assert address in answer[0]
    assert any(port in ports for ports in answer[1])

"""Deterministic NAT is arithmetic: the example of RFC 7422, and both directions agreeing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.attribution.mappings.answers import MappingError, Why
from broker.attribution.mappings.deterministic_nat import NOT_COMPUTABLE, DeterministicNat, PortBlock


def nat(**changed: Any) -> DeterministicNat:
    """The configuration of RFC 7422 section 2.3, but for what is changed."""
    fields: dict[str, Any] = {
        "inside": (IPv4Network("198.51.100.0/28"),),
        "outside": (IPv4Network("192.0.2.1/32"),),
        "boundary_addresses": False,
        "order": "sequential",
        "sharing_ratio": 14,
        "dynamic_factor": 2,
    }
    return DeterministicNat(**fields | changed)


OUTSIDE = IPv4Address("192.0.2.1")


# RFC 7422 section 2.3: the table of inside addresses and their outside ports.
@pytest.mark.parametrize(
    ("last_octet", "first_port", "last_port"),
    [(1, 1024, 5055), (2, 5056, 9087), (3, 9088, 13119), (7, 25216, 29247), (13, 49408, 53439), (14, 53440, 57471)],
)
def test_gives_the_blocks_of_the_example_of_rfc_7422(last_octet: int, first_port: int, last_port: int) -> None:
    inside = IPv4Address(f"198.51.100.{last_octet}")
    assert nat().block_size == 4032
    assert nat().forwards(inside) == PortBlock(OUTSIDE, first_port, last_port)
    assert nat().backwards(OUTSIDE, first_port) == nat().backwards(OUTSIDE, last_port) == inside


def test_says_of_the_dynamic_pool_that_only_a_log_can_tell() -> None:
    # RFC 7422 section 2.3: ports 57472 to 65535 are the pool.
    assert nat().backwards(OUTSIDE, 57472) is nat().backwards(OUTSIDE, 65535) is Why.PORT_IN_DYNAMIC_RANGE


def test_reserved_ports_and_ports_left_over_are_nobodys() -> None:
    assert nat().backwards(OUTSIDE, 1023) is nat().backwards(OUTSIDE, 0) is Why.PORT_OUT_OF_RANGE
    without_pool = nat(dynamic_factor=0)
    assert without_pool.block_size == 4608
    assert nat(dynamic_factor=0, ports_per_user=4000).backwards(OUTSIDE, 57024) is Why.PORT_OUT_OF_RANGE


def test_addresses_outside_the_configuration_are_not_ours() -> None:
    assert nat().backwards(IPv4Address("192.0.2.2"), 2000) is Why.NOT_OUR_ADDRESS
    assert nat().forwards(IPv4Address("198.51.100.0")) is Why.NOT_OUR_ADDRESS
    assert nat().forwards(IPv4Address("198.51.100.15")) is Why.NOT_OUR_ADDRESS


def test_whether_boundary_addresses_are_used_moves_everybody_by_one() -> None:
    with_them = nat(boundary_addresses=True, sharing_ratio=16)
    assert with_them.backwards(OUTSIDE, 1024) == IPv4Address("198.51.100.0")
    assert nat().backwards(OUTSIDE, 1024) == IPv4Address("198.51.100.1")


def test_the_next_outside_address_follows_after_c_blocks_and_prefixes_keep_their_order() -> None:
    two = nat(
        inside=(IPv4Network("100.64.9.0/30"), IPv4Network("100.64.1.0/30")),
        outside=(IPv4Network("203.0.113.8/31"), IPv4Network("203.0.113.0/31")),
        boundary_addresses=True,
        sharing_ratio=2,
        dynamic_factor=0,
    )
    firsts = [two.backwards(IPv4Address(f"203.0.113.{last}"), 1024) for last in (8, 9, 0, 1)]
    assert [str(first) for first in firsts] == ["100.64.9.0", "100.64.9.2", "100.64.1.0", "100.64.1.2"]


def test_a_block_that_no_inside_address_is_left_for_is_nobodys() -> None:
    roomy = nat(outside=(IPv4Network("192.0.2.0/31"),), sharing_ratio=8, dynamic_factor=0)
    assert roomy.backwards(OUTSIDE, 1024 + 5 * roomy.block_size) == IPv4Address("198.51.100.14")
    assert roomy.backwards(OUTSIDE, 1024 + 6 * roomy.block_size) is Why.PORT_OUT_OF_RANGE


@pytest.mark.parametrize("order", [*NOT_COMPUTABLE, "no such order"])
def test_refuses_every_other_order_by_its_name(order: str) -> None:
    with pytest.raises(MappingError, match=f"'{order}' is refused") as refused:
        nat(order=order)
    assert (refused.value.code, refused.value.field) == ("mapping.order", "order")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"inside": ()}, "mapping.empty"),
        ({"outside": (IPv4Network("192.0.2.0/24"), IPv4Network("192.0.2.9/32"))}, "mapping.overlap"),
        ({"sharing_ratio": 0}, "mapping.range"),
        ({"sharing_ratio": 13}, "mapping.ratio"),
        ({"ports_per_user": 4609}, "mapping.ports"),
        ({"ports_per_user": 0}, "mapping.range"),
        ({"reserved_ports": 65535}, "mapping.range"),
    ],
)
def test_refuses_a_configuration_that_cannot_be(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(MappingError) as refused:
        nat(**changed)
    assert refused.value.code == code


@st.composite
def configurations(draw: st.DrawFn) -> DeterministicNat:
    def prefixes(base: str, count: int) -> tuple[IPv4Network, ...]:
        taken = draw(st.lists(st.integers(0, 63), min_size=1, max_size=count, unique=True))
        blocks = list(IPv4Network(base).subnets(new_prefix=26))
        return tuple(next(blocks[i].subnets(new_prefix=draw(st.integers(26, 32)))) for i in taken)

    fields: dict[str, Any] = {
        "inside": prefixes("100.64.0.0/20", 4),
        "outside": prefixes("203.0.112.0/20", 3),
        "boundary_addresses": draw(st.booleans()),
        "order": "sequential",
        "sharing_ratio": draw(st.integers(1, 300)),
        "dynamic_factor": draw(st.integers(0, 20)),
        "reserved_ports": draw(st.sampled_from([0, 1024, 4096])),
        "ports_per_user": draw(st.none() | st.integers(1, 300)),
    }
    try:
        return DeterministicNat(**fields)
    except MappingError:
        assume(False)
        raise


@given(configurations(), st.data())
def test_every_port_of_an_inside_address_leads_back_to_it(mapping: DeterministicNat, data: st.DataObject) -> None:
    inside = data.draw(st.sampled_from([address for prefix in mapping.inside for address in prefix]))
    block = mapping.forwards(inside)
    if isinstance(block, Why):
        assert not mapping.boundary_addresses
        return
    for port in (block.first_port, data.draw(st.integers(block.first_port, block.last_port)), block.last_port):
        assert mapping.backwards(block.address, port) == inside


@given(configurations(), st.data())
def test_whoever_a_port_leads_to_owns_that_port(mapping: DeterministicNat, data: st.DataObject) -> None:
    outside = data.draw(st.sampled_from([address for prefix in mapping.outside for address in prefix]))
    port = data.draw(st.integers(0, 65535))
    inside = mapping.backwards(outside, port)
    if isinstance(inside, Why):
        assert inside is not Why.NOT_OUR_ADDRESS
        return
    block = mapping.forwards(inside)
    assert isinstance(block, PortBlock)
    assert block.address == outside
    assert block.first_port <= port <= block.last_port

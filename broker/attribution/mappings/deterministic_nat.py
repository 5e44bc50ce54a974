"""Deterministic NAT: a block of ports of an outside address belongs to one inside address by arithmetic.

Source: RFC 7422 section 2; attribution.md 3.7. The letters are those of the RFC.
Checked on 2026-11-28: blocks in order, and that boundary addresses are left out unless configured, against Juniper,
"Deterministic NAT" (where a block of size 0 means floor(64512 / ceil(inside / outside))). Of the RFC only the abstract
was found: letters, sections and the example in the tests are from memory, unverified.
Not here: the ports of the dynamic pool, which the NAT gives out as needed and has to log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from broker.attribution.mappings.answers import (
    LAST_PORT,
    MappingError,
    Why,
    require_apart,
    require_port,
    require_range,
)

# Assignment algorithms of RFC 7422 section 2 (A). The others are described there too loosely to be computed, or
# depend on what only the device knows.
SEQUENTIAL = "sequential"
NOT_COMPUTABLE = ("staggered", "round-robin", "interlaced", "random", "vendor-specific")


class PortBlock(NamedTuple):
    """Ports first_port to last_port, both included, of one outside address."""

    address: IPv4Address
    first_port: int
    last_port: int


@dataclass(frozen=True, slots=True)
class DeterministicNat:
    """The configuration of one NAT for one time.

    inside, outside: prefixes in the order in which the device takes them; every outside address is used.
    boundary_addresses: whether the first and last address of each inside prefix are used. Devices differ, and
        guessing wrong names the neighbour, so there is no default; a prefix of one or two addresses has none.
    order: the assignment algorithm (A); only `sequential` can be computed: the first block of the first outside
        address goes to the first inside address, the next block to the next; after C blocks the next outside address
        follows.
    sharing_ratio: inside addresses for each outside address (C).
    dynamic_factor: blocks' worth of ports kept back for the dynamic pool (D).
    reserved_ports: the lowest ports are given to nobody (R), this many.
    ports_per_user: size of the block each inside address owns; None: floor((65536 - R) / (C + D)). The RFC's M is
        another number, the most ports somebody may have with those of the pool; it changes no block.

    Raises MappingError for what is contradictory or not computable.
    """

    inside: tuple[IPv4Network, ...]
    outside: tuple[IPv4Network, ...]
    boundary_addresses: bool
    order: str
    sharing_ratio: int
    dynamic_factor: int = 0
    reserved_ports: int = 1024
    ports_per_user: int | None = None

    def __post_init__(self) -> None:
        if self.order != SEQUENTIAL:
            known = "it cannot be computed" if self.order in NOT_COMPUTABLE else "it is not known"
            raise MappingError(
                "mapping.order", "order", f"the order '{self.order}' is refused: {known}; only '{SEQUENTIAL}' can be"
            )
        require_apart("inside", self.inside)
        require_apart("outside", self.outside)
        require_range("sharing_ratio", self.sharing_ratio, 1, LAST_PORT + 1)
        require_range("dynamic_factor", self.dynamic_factor, 0, LAST_PORT + 1)
        require_range("reserved_ports", self.reserved_ports, 0, LAST_PORT)
        require_range("ports_per_user", self.block_size, 1, LAST_PORT + 1)
        if self.reserved_ports + self.sharing_ratio * self.block_size > LAST_PORT + 1:
            raise MappingError("mapping.ports", "ports_per_user", "the blocks of one address end after port 65535")
        places = self.sharing_ratio * sum(prefix.num_addresses for prefix in self.outside)
        if sum(len(addresses) for addresses in self._inside_ranges()) > places:
            raise MappingError(
                "mapping.ratio",
                "sharing_ratio",
                "more inside addresses than sharing_ratio x outside addresses",
            )

    @property
    def block_size(self) -> int:
        """How many ports each inside address owns."""
        if self.ports_per_user is not None:
            return self.ports_per_user
        return (LAST_PORT + 1 - self.reserved_ports) // (self.sharing_ratio + self.dynamic_factor)

    def forwards(self, inside: IPv4Address) -> PortBlock | Why:
        """Say which ports of which outside address an inside address owns."""
        index = _index_of(inside, self._inside_ranges())
        if index is None:
            return Why.NOT_OUR_ADDRESS
        outside, slot = divmod(index, self.sharing_ratio)
        first = self.reserved_ports + slot * self.block_size
        return PortBlock(_address_at(outside, _whole(self.outside)), first, first + self.block_size - 1)

    def backwards(self, outside: IPv4Address, port: int) -> IPv4Address | Why:
        """Say which inside address owns a port of an outside address; raises ValueError for what is no port."""
        require_port(port)
        index = _index_of(outside, _whole(self.outside))
        if index is None:
            return Why.NOT_OUR_ADDRESS
        if port < self.reserved_ports:
            return Why.PORT_OUT_OF_RANGE
        slot = (port - self.reserved_ports) // self.block_size
        if slot >= self.sharing_ratio:
            return Why.PORT_IN_DYNAMIC_RANGE if self.dynamic_factor else Why.PORT_OUT_OF_RANGE
        number = index * self.sharing_ratio + slot
        ranges = self._inside_ranges()
        # The last outside address may have blocks left that are nobody's.
        return _address_at(number, ranges) if number < sum(map(len, ranges)) else Why.PORT_OUT_OF_RANGE

    def block_of(self, port: int) -> tuple[int, int]:
        """Give the first and last port of the block that a port lies in, whoever owns it."""
        first = port - (port - self.reserved_ports) % self.block_size
        return first, first + self.block_size - 1

    def _inside_ranges(self) -> list[range]:
        if self.boundary_addresses:
            return _whole(self.inside)
        return [r[1:-1] if len(r) > 2 else r for r in _whole(self.inside)]


def _whole(prefixes: Sequence[IPv4Network]) -> list[range]:
    return [range(int(prefix[0]), int(prefix[-1]) + 1) for prefix in prefixes]


def _index_of(address: IPv4Address, ranges: Sequence[range]) -> int | None:
    before = 0
    for addresses in ranges:
        if int(address) in addresses:
            return before + int(address) - addresses[0]
        before += len(addresses)
    return None


def _address_at(index: int, ranges: Sequence[range]) -> IPv4Address:
    for addresses in ranges:
        if index < len(addresses):
            return IPv4Address(addresses[index])
        index -= len(addresses)
    raise IndexError("no address has this number")

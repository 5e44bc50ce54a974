"""MAP: outside address and port lead by bit arithmetic to the delegated IPv6 prefix they belong to.

MAP-E (RFC 7597) and MAP-T (RFC 7599) share the rule; lw4o6 (RFC 7596) shares the port sets, with a rule of no EA bits
and a PSID of its own for each subscriber.
Source: RFC 7597 sections 5.1 and 5.2 and appendix B; attribution.md 3.7. Letters are those of the RFC.
Checked on 2026-11-28: examples 1, 4 and 5 of RFC 7597 appendix A against an independent implementation's vectors, and
the port ranges of PSID 0x34 against erratum 5324 of RFC 7599. The text of the RFC itself was not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from broker.attribution.mappings.answers import LAST_PORT, MappingError, Why, require_port, require_range


@dataclass(frozen=True, slots=True)
class PortSets:
    """How the ports of one address are dealt to the PSIDs: bits A (offset) | PSID (length) | M (the rest).

    offset: a; length: k. With a > 0 the ports with A = 0 are nobody's: below 1024 for the default of 6. With k = 0 the
    address is not shared and all ports are its holder's.
    """

    length: int
    offset: int = 6

    def __post_init__(self) -> None:
        require_range("psid_length", self.length, 0, 16)
        require_range("psid_offset", self.offset, 0, 16 - self.length)

    @property
    def _low_bits(self) -> int:
        return 16 - self.offset - self.length

    def psid_of(self, port: int) -> int | Why:
        """Say whose set a port is in; raises ValueError for what is no port."""
        require_port(port)
        if self.length == 0:
            return 0
        if self.offset > 0 and port >> (16 - self.offset) == 0:
            return Why.PORT_OUT_OF_RANGE
        return (port >> self._low_bits) & ((1 << self.length) - 1)

    def block_of(self, port: int) -> tuple[int, int]:
        """Give the first and last of the neighbouring ports that are dealt together with this one."""
        first = 0 if self.length == 0 else port >> self._low_bits << self._low_bits
        return first, LAST_PORT if self.length == 0 else first + (1 << self._low_bits) - 1

    def ports_of(self, psid: int) -> list[range]:
        """List the ports of a PSID as ranges in rising order; raises ValueError for a PSID that cannot be."""
        if not 0 <= psid < 1 << self.length:
            raise ValueError("the PSID does not fit the PSID length")
        if self.length == 0:
            return [range(LAST_PORT + 1)]
        size = 1 << self._low_bits
        starts = (
            (a << (16 - self.offset)) | (psid << self._low_bits) for a in range(min(self.offset, 1), 1 << self.offset)
        )
        return [range(start, start + size) for start in starts]


@dataclass(frozen=True, slots=True)
class MapRule:
    """One mapping rule for one time.

    ipv6_prefix, ipv4_prefix: of the rule. ea_bits: length of the embedded address bits (o). psid_offset: a.
    psid_length: k; None: what the EA bits leave after the IPv4 suffix, o - (32 - r), or nothing. Any other value is
        refused, unless there are no EA bits: then k and `psid` are provisioned apart, for one subscriber each rule.

    Raises MappingError for what is contradictory.
    """

    ipv6_prefix: IPv6Network
    ipv4_prefix: IPv4Network
    ea_bits: int
    psid_offset: int = 6
    psid_length: int | None = None
    psid: int | None = None

    def __post_init__(self) -> None:
        require_range("ea_bits", self.ea_bits, 0, 48)
        # RFC 7597 section 5.2: the delegated prefix leaves the interface identifier alone.
        if self.ipv6_prefix.prefixlen + self.ea_bits > 64:
            raise MappingError("mapping.bits", "ea_bits", "rule IPv6 prefix and EA bits are longer than 64 bits")
        embedded = max(0, self.ea_bits - self._suffix_bits)
        if self.psid_length is None:
            object.__setattr__(self, "psid_length", embedded)
        if self.ea_bits and (self.psid_length != embedded or self.psid is not None):
            raise MappingError(
                "mapping.psid", "psid_length", f"with these EA bits the PSID is embedded and {embedded} bits long"
            )
        PortSets(self._length, self.psid_offset)
        if not self.ea_bits and self._suffix_bits and self._length:
            raise MappingError("mapping.psid", "ipv4_prefix", "a PSID without EA bits needs a single IPv4 address")
        if not self.ea_bits and self._length:
            if self.psid is None:
                raise MappingError("mapping.psid", "psid", "there are no EA bits to hold the PSID: it has to be given")
            require_range("psid", self.psid, 0, (1 << self._length) - 1)
        elif self.psid is not None:
            raise MappingError("mapping.psid", "psid", "a PSID is given, and the address is not shared")

    @property
    def port_sets(self) -> PortSets:
        """How this rule deals ports."""
        return PortSets(self._length, self.psid_offset)

    @property
    def _length(self) -> int:
        return self.psid_length or 0

    @property
    def _suffix_bits(self) -> int:
        return 32 - self.ipv4_prefix.prefixlen

    def forwards(self, delegated: IPv6Network) -> tuple[IPv4Network, list[range]] | Why:
        """Say which IPv4 addresses (one, or a prefix) and ports a delegated prefix stands for."""
        if delegated.prefixlen != self.ipv6_prefix.prefixlen + self.ea_bits or not delegated.subnet_of(
            self.ipv6_prefix
        ):
            return Why.NOT_OUR_ADDRESS
        embedded = (int(delegated.network_address) >> (128 - delegated.prefixlen)) & ((1 << self.ea_bits) - 1)
        if not self.ea_bits:
            return self.ipv4_prefix, self.port_sets.ports_of(self.psid or 0)
        suffix, psid = embedded >> self._length, embedded & ((1 << self._length) - 1)
        length = min(32, self.ipv4_prefix.prefixlen + self.ea_bits)
        address = int(self.ipv4_prefix.network_address) | (suffix << (32 - length))
        return IPv4Network((address, length)), self.port_sets.ports_of(psid)

    def backwards(self, outside: IPv4Address, port: int) -> IPv6Network | Why:
        """Say which delegated prefix a port of an address belongs to; raises ValueError for what is no port."""
        psid = self.port_sets.psid_of(port)
        if outside not in self.ipv4_prefix:
            return Why.NOT_OUR_ADDRESS
        if isinstance(psid, Why):
            return psid
        if self.psid is not None and psid != self.psid:
            return Why.NOT_OUR_ADDRESS
        length = self.ipv6_prefix.prefixlen + self.ea_bits
        suffix = int(outside) & ((1 << self._suffix_bits) - 1)
        # EA bits shorter than the suffix say which IPv4 prefix, not which address of it.
        unsaid = max(0, self._suffix_bits - self.ea_bits)
        embedded = ((suffix >> unsaid) << self._length) | psid if self.ea_bits else 0
        return IPv6Network((int(self.ipv6_prefix.network_address) | (embedded << (128 - length)), length))

    def block_of(self, port: int) -> tuple[int, int]:
        """Give the first and last of the neighbouring ports that are dealt together with this one."""
        return self.port_sets.block_of(port)

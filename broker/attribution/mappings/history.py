"""Which configuration was in force when, and what all of them say of one outside address and port.

Pure. Not here: what comes of it for a window, because logs and the address plan have a say as well (`computed`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import NamedTuple

from broker.attribution.mappings.answers import Why
from broker.attribution.mappings.deterministic_nat import DeterministicNat
from broker.attribution.mappings.map_e import MapRule
from broker.attribution.spans import FOREVER, Span, merge, without


@dataclass(frozen=True, slots=True)
class Epoch:
    """One mapping as it was configured for a time.

    name: of the NAT or rule; its epochs do not overlap. from_at, to_at: half-open, aware; None: until further notice.
    realm: where its inside addresses belong. stated_at: when the operator last said so; what came after is not known.
    """

    name: str
    mapping: DeterministicNat | MapRule
    from_at: datetime
    to_at: datetime | None = None
    realm: str = ""
    stated_at: datetime = FOREVER

    def __post_init__(self) -> None:
        if any(time is not None and time.utcoffset() is None for time in (self.from_at, self.to_at, self.stated_at)):
            raise ValueError("epoch times must be aware")
        if self.to_at is not None and self.from_at >= self.to_at:
            raise ValueError("an epoch must end after it begins")

    @property
    def outside(self) -> tuple[IPv4Network, ...]:
        """The outside prefixes it is about."""
        return (self.mapping.ipv4_prefix,) if isinstance(self.mapping, MapRule) else self.mapping.outside

    @property
    def possible(self) -> Span:
        """When it may have been in force."""
        return self.from_at, self.to_at or FOREVER

    @property
    def known(self) -> Span:
        """When it was in force, as far as the operator has said; empty if it said so before it began."""
        return self.from_at, max(self.from_at, min(self.to_at or FOREVER, self.stated_at))


class Inside(NamedTuple):
    """What one epoch computes. ports: the block that the port lies in."""

    inside: IPv4Address | IPv6Network
    ports: tuple[int, int]
    epoch: Epoch


@dataclass(slots=True)
class Told:
    """What all configurations say of one outside address and port, each for its own time.

    insides: what lies behind it. nobody: when the port was given to nobody. pool: when it was one of those that are
    given out as needed. Both as far as is known; at any other moment no configuration of this address is known.
    doubted: when a configuration that says one of these two may still have been in force, though nobody has said so.
    """

    insides: list[Inside] = field(default_factory=list)
    nobody: list[Span] = field(default_factory=list)
    pool: list[Span] = field(default_factory=list)
    doubted: list[Span] = field(default_factory=list)

    def known(self) -> list[Span]:
        """When what is said of it is all there is: an inside that may be another is a row of evidence of its own."""
        said = merge([*(found.epoch.known for found in self.insides), *self.nobody, *self.pool])
        return without(said, self.doubted)


def told_of(epochs: Iterable[Epoch], outside: IPv4Address, port: int) -> Told:
    """Ask every configuration what lay behind an outside address and port while it was in force.

    Nothing is chosen: where two of them differ, both are told. Raises ValueError for what is no port.
    Source: attribution.md 3.7.
    """
    told = Told()
    for epoch in epochs:
        answer = epoch.mapping.backwards(outside, port)
        if answer in (Why.PORT_OUT_OF_RANGE, Why.PORT_IN_DYNAMIC_RANGE):
            (told.nobody if answer is Why.PORT_OUT_OF_RANGE else told.pool).append(epoch.known)
            told.doubted.append((epoch.known[1], epoch.possible[1]))
        elif not isinstance(answer, Why):
            told.insides.append(Inside(answer, epoch.mapping.block_of(port), epoch))
    return told

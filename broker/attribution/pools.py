"""Which ports of a shared address the operator gives to anybody, as far as the address plan says it. Pure.

A port outside is no subscriber's: asked for, it is a slip or another end's, and a log that has nobody there proves
nothing. Not here: ports of computed mappings, which their configurations tell (`mappings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from broker.attribution.resolve import Ground
from broker.attribution.spans import FOREVER, Span, merge


class Pools:
    """The pools of ports of a batch."""

    def __init__(self, plan: Iterable[Sequence[Any]]) -> None:
        """plan: rows of `queries.PLAN`, of which those without a pool are left out."""
        # (family, shift) -> network -> pools; one look-up for each width that occurs finds all of an address.
        self._pools: dict[tuple[int, int], dict[int, list[tuple[Span, int, int]]]] = {}
        for network, width, from_at, to_at, _, _, first, last in plan:
            if first is not None:
                address = ip_address(network)
                shift = address.max_prefixlen - width
                by_network = self._pools.setdefault((address.version, shift), {})
                span = from_at, to_at or FOREVER
                by_network.setdefault(int(address) >> shift, []).append((span, first, last))

    def limit(self, ground: Ground, version: int, value: int, port: int) -> Ground:
        """Give the ground of an address once it is known when any pool of it was without this port."""
        outside = [
            span
            for (family, shift), by_network in self._pools.items()
            if family == version
            for span, first, last in by_network.get(value >> shift, ())
            if not first <= port <= last
        ]
        return replace(ground, unused=tuple(merge([*ground.unused, *outside]))) if outside else ground

"""What a computed mapping answers when it names nobody, and how it refuses a configuration."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network
from itertools import combinations

LAST_PORT = 65_535


class Why(StrEnum):
    """Why one configuration leads from an outside address and port to no inside."""

    PORT_OUT_OF_RANGE = "PORT_OUT_OF_RANGE"  # the configuration gives this port to nobody
    PORT_IN_DYNAMIC_RANGE = "PORT_IN_DYNAMIC_RANGE"  # given out as needed: only the log of these ports can say to whom
    NOT_OUR_ADDRESS = "NOT_OUR_ADDRESS"  # the address, or this set of its ports, is not of this mapping


class MappingError(ValueError):
    """A configuration that cannot be right, or that cannot be computed; field: the one to look at."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


def require_range(field: str, value: int, low: int, high: int) -> None:
    """Refuse a number outside [low, high]."""
    if not low <= value <= high:
        raise MappingError("mapping.range", field, f"{field} must be a whole number from {low} to {high}")


def require_port(port: int) -> None:
    """Refuse what is no port; raises ValueError."""
    if not 0 <= port <= LAST_PORT:
        raise ValueError(f"a port is a whole number from 0 to {LAST_PORT}")


def require_apart(field: str, prefixes: tuple[IPv4Network, ...]) -> None:
    """Refuse an empty list of prefixes, and overlapping ones: an address would have two places in the order."""
    if not prefixes:
        raise MappingError("mapping.empty", field, f"{field} names no prefix")
    if any(one.overlaps(other) for one, other in combinations(prefixes, 2)):
        raise MappingError("mapping.overlap", field, f"two prefixes of {field} overlap")

"""Address plans for sources that are tested without the lease store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def documentation_plan(addresses: list[str]) -> list[tuple[Any, ...]]:
    """Say that the documentation ranges are the operator's, one subscriber for each address."""
    since = datetime(2020, 1, 1, tzinfo=UTC)
    ranges = (("192.0.2.0", 24), ("198.51.100.0", 24), ("203.0.113.0", 24), ("2001:db8::", 32))
    return [(network, width, since, None, "dedicated", None) for network, width in ranges]

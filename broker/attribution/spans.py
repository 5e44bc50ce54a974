"""Sets of moments as sorted, disjoint, half-open spans of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

# Half-open [from, to) in UTC.
Span = tuple[datetime, datetime]
Spans = tuple[Span, ...]

# The ends of time stand in for "since ever" and "until further notice".
EVER = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)
ALWAYS: Spans = ((EVER, FOREVER),)


def merge(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and join those that overlap or touch; empty ones vanish."""
    merged: list[Span] = []
    for lo, hi in sorted(spans):
        if lo == hi:
            continue
        if merged and lo <= merged[-1][1]:
            if hi > merged[-1][1]:
                merged[-1] = (merged[-1][0], hi)
        else:
            merged.append((lo, hi))
    return merged


def covers(spans: Sequence[Span], lo: datetime, hi: datetime) -> bool:
    """Tell whether every moment of [lo, hi) is in the set."""
    for start, end in spans:  # noqa: SIM110 - asked ten times for each answer, and a generator costs twice as much
        if start <= lo and hi <= end:
            return True
    return False


def meets(spans: Sequence[Span], lo: datetime, hi: datetime) -> bool:
    """Tell whether a moment of [lo, hi) is in the set."""
    for start, end in spans:  # noqa: SIM110 - asked ten times for each answer, and a generator costs twice as much
        if start < hi and lo < end:
            return True
    return False


def without(spans: Sequence[Span], removed: Sequence[Span]) -> list[Span]:
    """Give the moments of one set that are not in the other."""
    left: list[Span] = list(spans)
    for lo, hi in removed:
        left = [
            part for start, end in left for part in ((start, min(end, lo)), (max(start, hi), end)) if part[0] < part[1]
        ]
    return left


def common(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """Give the moments that are in both sets."""
    return merge(
        (max(start, lo), min(end, hi)) for start, end in left for lo, hi in right if max(start, lo) < min(end, hi)
    )

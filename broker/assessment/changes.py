"""What changed between two texts of a pack, as lines to read. Pure; what changed in meaning `legal_rules` says."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def text_changes(before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]) -> str:
    """Write the differences of two lists of (file name, text) as a unified diff; "" where there are none."""
    old, new = dict(_pairs(before)), dict(_pairs(after))
    lines: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        lines += difflib.unified_diff(
            old.get(name, "").splitlines(),
            new.get(name, "").splitlines(),
            f"{name} (before)" if name in old else "no such file before",
            f"{name} (today)" if name in new else "no such file today",
            lineterm="",
            n=2,
        )
    return "\n".join(lines)


def _pairs(texts: Sequence[Sequence[str]]) -> Iterable[tuple[str, str]]:
    return ((name, text) for name, text in texts)

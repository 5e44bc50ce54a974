"""How sure anybody is of a rule: the lowest of its own confidence and that of the sources it depends on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .model import Pack, Rule

WORST = "HML"  # from the best to the worst


@dataclass(frozen=True, slots=True)
class Doubts:
    """The rules of a pack, with what it builds on. by_confidence: "H", "M", "L" -> how many rules."""

    rules: int
    by_confidence: Mapping[str, int]
    verify_with_counsel: int
    unchecked: int


def confidence_of(pack: Pack, rule: Rule) -> str:
    """Give the lowest of the rule's own confidence and that of every source whose dates govern it."""
    governing = [pack.sources[name].confidence for name in rule.cite]
    return max([*governing, *([rule.confidence] if rule.confidence else [])], key=WORST.index)


def needs_counsel(pack: Pack, rule: Rule) -> bool:
    """Say whether the rule, or a source it depends on, is marked verify-with-counsel."""
    return rule.verify_with_counsel or any(pack.sources[name].verify_with_counsel for name in rule.cite)


def doubts_of(pack: Pack) -> Doubts:
    """Count the rules of a pack by confidence. unchecked: rules that depend on a source nobody has read yet."""
    counts = Counter(confidence_of(pack, rule) for rule in pack.rules)
    return Doubts(
        rules=len(pack.rules),
        by_confidence={level: counts[level] for level in WORST},
        verify_with_counsel=sum(needs_counsel(pack, rule) for rule in pack.rules),
        unchecked=sum(any(pack.sources[name].checked is None for name in rule.cite) for rule in pack.rules),
    )

"""The reference meaning: closures over the rules as written, three-valued, one case at a time.

Nothing of `ir.py` or `kernel.py` is used here, so that the two can be compared. Slow and plain on purpose.
A closure takes the known values and returns True, False, or None while open.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from .model import NO_LEGAL_BASIS, NOTHING_TO_GRANT, Pack, Rule
from .phrases import (
    DECISION_DATE,
    All,
    Amount,
    AnyOf,
    Condition,
    Day,
    Holds,
    IsOneOf,
    Leaf,
    Not,
    Term,
    Test,
    Value,
)

Kleene = bool | None
Values = Mapping[str, Value]
Closure = Callable[[Values], Kleene]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the rules say of one case; None wherever it is open."""

    effective: tuple[Kleene, ...]
    grounds: Mapping[str, Kleene]
    outcome: Mapping[str, Kleene]
    granted: Mapping[str, Kleene]
    judged: Mapping[str, Kleene]


def _not(status: Kleene) -> Kleene:
    return None if status is None else not status


def _all(statuses: Iterable[Kleene]) -> Kleene:
    seen = list(statuses)
    return False if False in seen else None if None in seen else True


def _any(statuses: Iterable[Kleene]) -> Kleene:
    return _not(_all(_not(status) for status in statuses))


def _moved(day: date, amount: int, unit: str, closed: Collection[date]) -> date:
    if unit == "days":
        return day + timedelta(amount)
    if unit == "working days":
        left = abs(amount)
        while left:
            day += timedelta(1 if amount > 0 else -1)
            left -= day.isoweekday() < 6 and day not in closed
        return day
    step, year, month = (1 if amount > 0 else -1), day.year, day.month
    for _ in range(abs(amount) * (12 if unit == "years" else 1)):
        month += step
        if month in (0, 13):
            year, month = year + step, 12 if month == 0 else 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _compare(left: int, operator: str, right: int) -> bool:
    if operator == "<":
        return left < right
    if operator == "<=":
        return left < right + 1
    return not _compare(left, {">": "<=", ">=": "<"}[operator], right)


def _test(test: Test, closed: Collection[date]) -> Closure:
    match test:
        case Holds(fact):
            return lambda values: bool(values[fact]) if fact in values else None
        case IsOneOf(fact, allowed):
            return lambda values: any(values[fact] == value for value in allowed) if fact in values else None
        case Amount(fact, operator, bound):
            return lambda values: _compare(cast(int, values[fact]), operator, bound) if fact in values else None
        case Day(fact, operator, anchor, amount, unit):

            def day(values: Values) -> Kleene:
                start = values.get(anchor) if isinstance(anchor, str) else anchor
                left = values.get(fact)
                if not isinstance(left, date) or not isinstance(start, date):
                    return None
                return _compare(left.toordinal(), operator, _moved(start, amount, unit, closed).toordinal())

            return day


def _condition(condition: Condition, closed: Collection[date]) -> Closure:
    match condition:
        case Leaf(test):
            return _test(test, closed)
        case Not(part):
            inner = _condition(part, closed)
            return lambda values: _not(inner(values))
        case Term(_, part):
            return _condition(part, closed)
        case All(parts):
            every = [_condition(part, closed) for part in parts]
            return lambda values: _all(closure(values) for closure in every)
        case AnyOf(parts):
            some = [_condition(part, closed) for part in parts]
            return lambda values: _any(closure(values) for closure in some)


class Interpreter:
    """Decides cases of one pack by walking its rules. closed: public holidays, as the engine is given them."""

    def __init__(self, pack: Pack, closed: Collection[date] = ()) -> None:
        self.pack = pack
        self._when = [_condition(rule.when, closed) for rule in pack.rules]
        self._unless = [_condition(rule.unless, closed) for rule in pack.rules]
        self._needs = [_condition(rule.needs, closed) for rule in pack.rules]

    def decide(self, values: Values, requested: Collection[str], ordered: Mapping[str, Kleene], on: date) -> Reference:
        """Decide one case. values: the known facts only; ordered: for each category, None while open."""
        known = {**values, DECISION_DATE: on}
        rules = self.pack.rules
        found: dict[int, Kleene] = {}
        effective = tuple(self._effective(number, known, found) for number in range(len(rules)))

        def some(kind: str, keep: Callable[[Rule], bool] = lambda rule: True) -> Kleene:
            return _any(
                status for rule, status in zip(rules, effective, strict=True) if rule.kind == kind and keep(rule)
            )

        grantable: dict[str, Kleene] = {}
        for category in self.pack.categories:
            opened = some("basis", lambda rule: category in rule.discloses)  # noqa: B023  # used within this turn only
            taken = some("limit", lambda rule: category not in rule.keeps)  # noqa: B023  # used within this turn only
            grantable[category] = _all([category in requested, ordered[category], opened, _not(taken)])
        grounds: dict[str, list[Kleene]] = {NO_LEGAL_BASIS: [_not(some("basis"))]}
        lacking: list[Kleene] = []
        for number, rule in enumerate(rules):
            if rule.kind == "refuse":
                grounds.setdefault(rule.id, []).append(effective[number])
            if rule.demands:
                unmet = _all([effective[number], _not(self._needs[number](known))])
                if rule.curable:
                    lacking.append(unmet)
                else:
                    grounds.setdefault(rule.id, []).append(unmet)
        grounds[NOTHING_TO_GRANT] = [_not(_any(grantable.values()))]
        refused = _any(status for statuses in grounds.values() for status in statuses)
        incomplete = _all([_not(refused), _any(lacking)])
        conflicts = [
            _all([effective[number], effective[other]])
            for number, rule in enumerate(rules)
            for other, against in enumerate(rules)
            if against.id in rule.opposes
        ]
        weighing = _any([some("weigh"), some("review"), *conflicts])
        judged = _all([_not(refused), _not(_any(lacking)), weighing])
        permitted = _all([_not(refused), _not(_any(lacking)), _not(weighing)])
        return Reference(
            effective,
            {name: _any(statuses) for name, statuses in grounds.items()},
            {"REFUSED": refused, "INCOMPLETE": incomplete, "NEEDS_JUDGEMENT": judged, "PERMITTED": permitted},
            {category: _all([permitted, status]) for category, status in grantable.items()},
            {category: _all([judged, status]) for category, status in grantable.items()},
        )

    def _effective(self, number: int, values: Values, found: dict[int, Kleene]) -> Kleene:
        if number not in found:
            rule = self.pack.rules[number]
            day = values.get(rule.governed_by)
            in_force: Kleene = None
            if isinstance(day, date):
                in_force = rule.since <= day and (rule.until is None or day <= rule.until)
            exceptions = [
                self._effective(other, values, found)
                for other, exception in enumerate(self.pack.rules)
                if rule.id in exception.exception_to or rule.id in exception.despite
            ]
            found[number] = _all(
                [
                    in_force,
                    self._when[number](values),
                    _not(self._unless[number](values)),
                    *map(_not, exceptions),
                ]
            )
        return found[number]

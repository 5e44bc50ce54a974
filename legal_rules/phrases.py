"""The phrases of `rules/1`: a closed list, parsed once to typed conditions.

Not here: what a rule does with its conditions (`model.py`, `ir.py`) and how a text file is read
(`reader.py`). The meaning of a phrase is frozen by the language number; a new phrase needs `rules/2`.
"""

from __future__ import annotations

import calendar
import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, cast

from .errors import PhraseError

LANGUAGE = "rules/1"
DECISION_DATE = "decision-date"  # the day the question is asked for; always known, never declared by a pack
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)  # days a pack or a fact may name
MOST_UNITS = 1200

FactType = Literal["bool", "one-of", "date", "number"]
Operator = Literal["<", "<=", ">", ">="]
Unit = Literal["days", "working days", "months", "years"]
Value = bool | str | int | date

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact a pack asks about. Nothing here ever supplies a default.

    ask: a question in plain language; values: what a one-of may be, in the pack's order, else empty.
    settled_by: "product", "requester", "order", "legal staff", "two people" or "worker".
    known_to: "worker" when nobody can know the fact before the release worker looks, else None.
    burden: what the fact counts as once a person found that it cannot be established; None keeps it open.
    """

    name: str
    ask: str
    type: FactType
    values: tuple[str, ...]
    settled_by: str
    known_to: str | None = None
    burden: Value | None = None

    def in_words(self, value: Value) -> str:
        """Write a value of this fact as people read it: "yes", "national order", "2026-11-01"."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return str(value).replace("-", " ") if self.values else str(value)


@dataclass(frozen=True, slots=True)
class Holds:
    """A bool fact is true."""

    fact: str


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """A one-of fact has one of these values, kept sorted."""

    fact: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number fact compared with a whole number."""

    fact: str
    operator: Operator
    bound: int


@dataclass(frozen=True, slots=True)
class Day:
    """A date fact compared with `anchor` (a day, or the name of a date fact) moved by `amount` units."""

    fact: str
    operator: Operator
    anchor: date | str
    amount: int = 0
    unit: Unit = "days"


Test = Holds | IsOneOf | Amount | Day


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test and the words it was written in."""

    test: Test
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Condition
    text: str = field(compare=False, default="none of")


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; with no part it holds."""

    parts: tuple[Condition, ...]
    text: str = field(compare=False, default="all of")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some part holds; with no part it does not."""

    parts: tuple[Condition, ...]
    text: str = field(compare=False, default="any of")


@dataclass(frozen=True, slots=True)
class Term:
    """A defined word, carrying its definition."""

    name: str
    part: Condition

    @property
    def text(self) -> str:
        return self.name


Condition = Leaf | Not | All | AnyOf | Term


def shift(day: date, amount: int, unit: Unit, closed: Collection[date] = ()) -> date:
    """Move a day by a signed number of units; a month that lacks the day ends on its last day.

    closed: public holidays of the place; they, Saturdays and Sundays are no working days.
    """
    if unit == "days":
        return day + timedelta(days=amount)
    if unit == "working days":
        step = timedelta(days=1 if amount > 0 else -1)
        for _ in range(abs(amount)):
            day += step
            while day.weekday() >= _SATURDAY or day in closed:
                day += step
        return day
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "years" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def facts_of(test: Test) -> tuple[str, ...]:
    """Name the facts a test looks at: one, or two where two dates are compared."""
    if isinstance(test, Day) and isinstance(test.anchor, str):
        return (test.fact, test.anchor)
    return (test.fact,)


def _compared(left: int, operator: Operator, right: int) -> bool:
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def holds(test: Test, values: Mapping[str, Value], closed: Collection[date] = ()) -> bool:
    """Decide a test whose facts are all known and of their type. closed: as in `shift`."""
    match test:
        case Holds(fact):
            return values[fact] is True
        case IsOneOf(fact, allowed):
            return values[fact] in allowed
        case Amount(fact, operator, bound):
            return _compared(cast(int, values[fact]), operator, bound)
        case Day(fact, operator, anchor, amount, unit):
            start = cast(date, values[anchor]) if isinstance(anchor, str) else anchor
            day = shift(start, amount, unit, closed)
            return _compared(cast(date, values[fact]).toordinal(), operator, day.toordinal())


_WORD = NAME.pattern
_DAY = rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_WORD})"
_SPAN = r"(?P<unit>(?:working )?days?|months?|years?) (?P<side>after|before)"
_NUMBER = r"(?P<bound>-?[0-9]{1,9})"
_FORMS = {
    "bare": re.compile(rf"(?P<no>not )?(?P<fact>{_WORD})"),
    "one of": re.compile(rf"(?P<fact>{_WORD}) is one of (?P<values>{_WORD}(?:, {_WORD})*)"),
    "amount": re.compile(
        rf"(?P<fact>{_WORD}) is (?P<how>at least|at most|more than|less than) (?P<bound>-?[0-9]{{1,9}})"
    ),
    "day": re.compile(rf"(?P<fact>{_WORD}) is (?P<how>before|after|on or before|on or after) {_DAY}"),
    "span": re.compile(rf"(?P<fact>{_WORD}) is (?P<how>within|more than) (?P<n>[0-9]{{1,5}}) {_SPAN} {_DAY}"),
    "window": re.compile(rf"(?P<fact>{_WORD}) is between (?P<n>[0-9]{{1,5}}) and (?P<m>[0-9]{{1,5}}) {_SPAN} {_DAY}"),
    "is": re.compile(rf"(?P<fact>{_WORD}) is (?P<no>not )?(?P<values>{_WORD})"),
}
_AMOUNTS: Mapping[str, Operator] = {"at least": ">=", "at most": "<=", "more than": ">", "less than": "<"}
_DAYS: Mapping[str, Operator] = {"before": "<", "after": ">", "on or before": "<=", "on or after": ">="}
UNITS: Mapping[str, Unit] = {"day": "days", "working day": "working days", "month": "months", "year": "years"}
_SATURDAY = 5
_SHAPES = (
    "write: F | not F | F is [not] V | F is one of V, V | F is at least|at most|more than|less than N | "
    "F is [on or] before|after D | F is within|more than N [working] days|months|years after|before D | "
    "F is between N and M [working] days|months|years after|before D"
)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Offer the nearest known name, or the empty string."""
    close = difflib.get_close_matches(name[:80], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Vocabulary:
    """The facts and terms phrases may use; turns one phrase into a condition."""

    def __init__(self, facts: Mapping[str, FactSpec], terms: Mapping[str, Condition]) -> None:
        decision = FactSpec(DECISION_DATE, "For which day is the question asked?", "date", (), "product")
        self.facts: Mapping[str, FactSpec] = {**facts, DECISION_DATE: decision}
        self.terms = terms

    def parse(self, text: str) -> Condition:
        """Parse one phrase. Raises PhraseError with a stable code when it is outside the language."""
        if len(text) > 400:
            raise PhraseError("phrase.too-long", "a phrase has at most 400 characters; define a term for its parts")
        for form, pattern in _FORMS.items():
            if found := pattern.fullmatch(text):
                return self._build(form, found, text)
        raise PhraseError("phrase.unknown", f"phrase {text[:80]!r} is not in {LANGUAGE}; {_SHAPES}")

    def _build(self, form: str, found: re.Match[str], text: str) -> Condition:
        name = found["fact"]
        if form == "bare":
            if name in self.terms:
                term = Term(name, self.terms[name])
                return Not(term, text) if found["no"] else term
            self._typed(name, "bool", text)
            return Not(Leaf(Holds(name), name), text) if found["no"] else Leaf(Holds(name), text)
        if form in ("is", "one of"):
            spec = self._typed(name, "one-of", text)
            values = tuple(sorted(set(found["values"].split(", "))))
            for value in values:
                if value not in spec.values:
                    raise PhraseError(
                        "phrase.unknown-value",
                        f"fact {name!r} is never {value!r}; it is one of {', '.join(spec.values)}"
                        + did_you_mean(value, spec.values),
                    )
            leaf = Leaf(IsOneOf(name, values), text)
            return Not(leaf, text) if form == "is" and found["no"] else leaf
        if form == "amount":
            self._typed(name, "number", text)
            return Leaf(Amount(name, _AMOUNTS[found["how"]], int(found["bound"])), text)
        self._typed(name, "date", text)
        anchor = self._day(found["day"], text)
        if form == "day":
            return Leaf(Day(name, _DAYS[found["how"]], anchor), text)
        unit = UNITS[found["unit"].removesuffix("s")]
        sign = 1 if found["side"] == "after" else -1
        near = int(found["n"]) if form == "window" or found["how"] == "more than" else 0
        far = int(found["m"] if form == "window" else found["n"])
        if far > MOST_UNITS or near > far:
            raise PhraseError("phrase.bad-span", f"{text!r}: spans run upwards and end at {MOST_UNITS} units")
        # Away from the anchor is later for "after" and earlier for "before"; both ends of a span belong to
        # it.
        if form == "span" and found["how"] == "more than":
            return Leaf(Day(name, ">" if sign > 0 else "<", anchor, sign * near, unit), text)
        first = Leaf(Day(name, ">=" if sign > 0 else "<=", anchor, sign * near, unit), text)
        last = Leaf(Day(name, "<=" if sign > 0 else ">=", anchor, sign * far, unit), text)
        return All((first, last), text)

    def _typed(self, name: str, wanted: FactType, text: str) -> FactSpec:
        spec = self.facts.get(name)
        if spec is None:
            known = [*self.facts, *self.terms]
            raise PhraseError(
                "phrase.unknown-name",
                f"{name!r} in {text[:80]!r} is neither a fact nor a term of this pack" + did_you_mean(name, known),
            )
        if spec.type != wanted:
            raise PhraseError("phrase.wrong-type", f"{text[:80]!r} reads {name!r} as {wanted}, but it is {spec.type}")
        return spec

    def _day(self, text: str, phrase: str) -> date | str:
        if not text[0].isdigit():
            self._typed(text, "date", phrase)
            return text
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise PhraseError("phrase.impossible-date", f"{text} in {phrase!r} is not a day of the calendar") from error
        if not EARLIEST <= day <= LATEST:
            raise PhraseError("phrase.impossible-date", f"{text} lies outside {EARLIEST} to {LATEST}")
        return day

"""The graph of a pack as a problem for z3: numbers and days are integers, a one-of is the place of its value.

Months and years: a day moved by them is an integer of its own, within the shortest and longest such span of the
calendar. Where a model moves a day wrongly, the right move is learned for all neighbouring days that move as far,
and the question is asked again; so what is found is a real calendar day, and "impossible" was never too strong.
Working days: without holidays first, learned the same way; then with any holidays whatever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast

from .errors import PackError
from .ir import Atom, Graph, Ordered, Requested
from .phrases import DECISION_DATE, EARLIEST, LATEST, Amount, Day, FactSpec, Holds, IsOneOf, Unit, Value, shift
from .sat import MISSING
from .worlds import World

Move = tuple[str, str, int, Unit]  # z3's name of the moved day, what is moved, by how much
_STRETCHES = 12  # learned on each side of a day that was moved wrongly
_FIRST, _LAST = EARLIEST.toordinal(), LATEST.toordinal()


class Smt:
    """A growing graph in z3, asked under assumptions; a second solver holds the facts alone, for `core`."""

    def __init__(self, graph: Graph, specs: Mapping[str, FactSpec]) -> None:
        """Start the solvers for a graph. Raises PackError when z3-solver is not installed."""
        try:
            import z3
        except ImportError as error:
            raise PackError(MISSING, "prove.no-solver") from error
        self._z3: Any = z3
        self._graph, self._specs = graph, specs
        self._whole: Any = z3.SolverFor("QF_LIA")
        self._facts_only: Any = z3.SolverFor("QF_LIA")
        self._nodes: list[Any] = []
        self._atoms: dict[Atom, Any] = {}
        self._facts: dict[str, Any] = {}
        self._moves: dict[Move, Any] = {}
        self._working: list[tuple[date | str, int, Any]] = []
        self._no_holidays: Any = z3.Bool("no holidays")
        self._asked = 0

    def world(self, literals: Iterable[int], wishes: World | None = None) -> World | None:
        """Find facts with which these literals hold together, or None: there are none.

        wishes: facts to keep to as far as that is possible. The world has `holidays` set when no calendar
        without public holidays will do.
        """
        self._follow()
        wanted = [self._literal(literal) for literal in literals]
        for holidays in (False, True) if self._any_working_days() else (False,):
            assumed = wanted if holidays else [*wanted, self._no_holidays]
            if not self._check(assumed, holidays):
                continue
            if wishes is not None:
                self._grant(self._wishes(wishes), assumed, holidays)
            return self._read(holidays)
        return None

    def _grant(self, wishes: list[Any], assumed: list[Any], holidays: bool) -> None:
        """Leave the last model with as many wishes as can be, those in front first.

        All at once to begin with; the last wish of each clash is given up, and at the end tried once more.
        """
        self._asked += 1
        names = [self._z3.Bool(f"wish {number} of {self._asked}") for number in range(len(wishes))]
        for name, wish in zip(names, wishes, strict=True):
            self._whole.add(self._z3.Implies(name, wish))
        kept = {name.get_id(): name for name in names}
        given_up: list[Any] = []
        while not self._check([*assumed, *kept.values()], holidays):
            clash = {term.get_id() for term in self._whole.unsat_core()}
            last = [number for number in kept if number in clash][-1]
            given_up.append(kept.pop(last))
        for name in given_up:
            if self._check([*assumed, *kept.values(), name], holidays):
                kept[name.get_id()] = name

    def core(self, atoms: Sequence[tuple[Atom, bool]]) -> list[tuple[Atom, bool]] | None:
        """Say which of these atoms cannot come out like this together; None when they all can."""
        self._follow()
        terms = [self._atoms[atom] if holds else self._z3.Not(self._atoms[atom]) for atom, holds in atoms]
        named = {term.get_id(): each for term, each in zip(terms, atoms, strict=True)}
        while self._facts_only.check(terms) == self._z3.sat:
            if not self._learn(self._facts_only.model(), holidays=True):
                return None
        return [named[term.get_id()] for term in self._facts_only.unsat_core()]

    def _check(self, assumed: list[Any], holidays: bool) -> bool:
        """Ask, learn how days really move, and ask again until the model's days are those of the calendar."""
        while True:
            answer = self._whole.check(assumed)
            if answer == self._z3.unknown:
                raise PackError("z3 gave up on a question it should decide; try another z3-solver", "prove.unknown")
            if answer == self._z3.unsat:
                return False
            model = self._whole.model()
            if not self._learn(model, holidays):
                self._model = model
                return True

    def _true(self, term: Any) -> bool:
        return self._z3.is_true(self._model.eval(term, model_completion=True)) is True

    def _literal(self, literal: int) -> Any:
        node = self._nodes[literal >> 1]
        return self._z3.Not(node) if literal & 1 else node

    def _tell(self, term: Any) -> None:
        self._whole.add(term)
        self._facts_only.add(term)

    def _follow(self) -> None:
        """Encode the nodes that were added since the last question, each under a name of its own."""
        z3 = self._z3
        for number in range(len(self._nodes), len(self._graph.nodes)):
            node = self._graph.nodes[number]
            name = z3.Bool(f"node {number}")
            self._nodes.append(name)
            if node.kind == "true":
                self._whole.add(name)
            elif node.kind == "atom":
                atom = self._graph.atoms[node.parts[0]]
                self._atoms[atom] = name
                self._tell(name == self._atom(atom))
            else:
                parts = [self._literal(part) for part in node.parts]
                self._whole.add(name == (z3.And(parts) if node.kind == "and" else z3.Or(parts)))

    def _atom(self, atom: Atom) -> Any:
        match atom:
            case Requested(category):
                return self._z3.Bool(f"requested {category}")
            case Ordered(category):
                return self._z3.Bool(f"ordered {category}")
            case Holds(fact):
                return self._fact(fact)
            case IsOneOf(fact, allowed):
                places = [place for place, value in enumerate(self._specs[fact].values) if value in allowed]
                return self._z3.Or([self._fact(fact) == place for place in places])
            case Amount(fact, operator, bound):
                return _compared(self._fact(fact), operator, bound)
            case Day(fact, operator, anchor, amount, unit):
                return _compared(self._fact(fact), operator, self._moved(anchor, amount, unit))

    def _fact(self, name: str) -> Any:
        """Give the variable of a fact, within what such a fact can be."""
        if name not in self._facts:
            spec = self._specs.get(name)
            if spec is not None and spec.type == "bool":
                self._facts[name] = self._z3.Bool(name)
            else:
                variable = self._facts[name] = self._z3.Int(name)
                if spec is not None and spec.type == "one-of":
                    self._tell(self._z3.And(variable >= 0, variable < len(spec.values)))
                elif spec is None or spec.type == "date":
                    self._tell(self._z3.And(variable >= _FIRST, variable <= _LAST))
        return self._facts[name]

    def _moved(self, anchor: date | str, amount: int, unit: Unit) -> Any:
        if isinstance(anchor, date):
            if unit != "working days" or amount == 0:
                return shift(anchor, amount, unit).toordinal()
        elif unit == "days" or amount == 0:
            return self._fact(anchor) + amount
        move = (f"{anchor} moved by {amount} {unit}", anchor if isinstance(anchor, str) else "", amount, unit)
        if move not in self._moves:
            moved = self._moves[move] = self._z3.Int(move[0])
            start = self._fact(anchor) if isinstance(anchor, str) else anchor.toordinal()
            if unit == "working days":
                # A working day is at least one day; holidays are given from outside, so there is no end to it.
                self._tell(moved >= start + amount if amount >= 0 else moved <= start + amount)
                exact = shift(anchor, amount, unit).toordinal() - start if isinstance(anchor, date) else None
                least, most = _span(amount, unit) if exact is None else (exact, exact)
                within = self._z3.And(moved >= start + least, moved <= start + most)
                self._tell(self._z3.Implies(self._no_holidays, within))
                # From one day, each further working day lies at least one day further on, whatever the holidays.
                for other, steps, there in self._working:
                    if other == anchor:
                        further = moved - there - (amount - steps)
                        self._tell(further >= 0 if amount > steps else further <= 0)
                self._working.append((anchor, amount, moved))
            else:
                least, most = _span(amount, unit)
                self._tell(self._z3.And(moved >= start + least, moved <= start + most))
        return self._moves[move]

    def _any_working_days(self) -> bool:
        return any(unit == "working days" for _, _, _, unit in self._moves)

    def _learn(self, model: Any, holidays: bool) -> bool:
        """Compare each moved day of a model with the calendar; returns whether there was something to learn."""
        learned = False
        for (_, anchor, amount, unit), moved in self._moves.items():
            if not anchor or (unit == "working days" and holidays):
                continue
            start = date.fromordinal(_int(model, self._fact(anchor), _FIRST))
            distance = shift(start, amount, unit) - start
            if _int(model, moved, 0) != (start + distance).toordinal():
                learned = True
                variable = self._fact(anchor)
                for first, last, days in _moves_around(start, amount, unit):
                    lesson = self._z3.Implies(
                        self._z3.And(variable >= first.toordinal(), variable <= last.toordinal()),
                        moved == variable + days,
                    )
                    self._tell(lesson if unit != "working days" else self._z3.Implies(self._no_holidays, lesson))
        return learned

    def _wishes(self, wishes: World) -> list[Any]:
        """Write the facts of a world as things to wish for, the day first."""
        terms = [self._facts[DECISION_DATE] == wishes.on.toordinal()] if DECISION_DATE in self._facts else []
        for name, value in wishes.facts.items():
            spec = self._specs.get(name)
            if name not in self._facts or spec is None:
                continue
            if isinstance(value, bool):
                terms.append(self._fact(name) if value else self._z3.Not(self._fact(name)))
            elif isinstance(value, date):
                terms.append(self._fact(name) == value.toordinal())
            elif isinstance(value, int):
                terms.append(self._fact(name) == value)
            elif value in spec.values:
                terms.append(self._fact(name) == spec.values.index(value))
        for atom, term in self._atoms.items():
            if isinstance(atom, Requested):
                terms.append(term if atom.category in wishes.requested else self._z3.Not(term))
            elif isinstance(atom, Ordered):
                terms.append(term if atom.category in wishes.ordered else self._z3.Not(term))
        return terms

    def _read(self, holidays: bool) -> World:
        """Read the facts of the last model."""
        facts: dict[str, Value] = {}
        for name, variable in self._facts.items():
            spec = self._specs.get(name)
            if spec is not None and spec.type == "bool":
                facts[name] = self._true(variable)
            elif spec is not None and spec.type in ("one-of", "number"):
                number = _int(self._model, variable, 0)
                facts[name] = spec.values[number] if spec.type == "one-of" else number
            else:
                facts[name] = date.fromordinal(_int(self._model, variable, _FIRST))
        on = facts.pop(DECISION_DATE, LATEST)
        named = {kind: set[str]() for kind in (Requested, Ordered)}
        for atom, term in self._atoms.items():
            if isinstance(atom, (Requested, Ordered)) and self._true(term):
                named[type(atom)].add(atom.category)
        # The day of the decision is a date by its specification, which the type of a fact cannot say.
        return World(facts, frozenset(named[Requested]), frozenset(named[Ordered]), cast(date, on), holidays)


def _int(model: Any, variable: Any, default: int) -> int:
    """Read an integer of a model; one that the question does not touch is `default`."""
    found = model[variable]
    return default if found is None else int(found.as_long())


def _compared(left: Any, operator: str, right: Any) -> Any:
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


@lru_cache(maxsize=256)
def _span(amount: int, unit: Unit) -> tuple[int, int]:
    """Give the shortest and the longest of a span of months or years, in days.

    The calendar repeats after 400 years, and within a month only its last days can move differently.
    """
    days = [date(year, month, 1) for year in range(1900, 2301) for month in range(1, 13)]
    ends = [start - timedelta(back) for start in days[1:] for back in (1, 2, 3, 4)]
    distances = [(shift(day, amount, unit) - day).days for day in [*days, *ends]]
    return min(distances), max(distances)


def _moves_alike(start: date, amount: int, unit: Unit) -> tuple[date, date]:
    """Give the first and the last of the days around this one that move by just as many days."""
    distance, first, last, day = shift(start, amount, unit) - start, start, start, timedelta(1)
    while first > EARLIEST and shift(first - day, amount, unit) - (first - day) == distance:
        first -= day
    while last < LATEST and shift(last + day, amount, unit) - (last + day) == distance:
        last += day
    return first, last


@lru_cache(maxsize=1024)
def _moves_around(start: date, amount: int, unit: Unit) -> tuple[tuple[date, date, int], ...]:
    """Give the stretches of days around this one, each with how many days its days move, a few to each side."""
    first, last = _moves_alike(start, amount, unit)
    stretches = [(first, last)]
    for _ in range(_STRETCHES):
        if stretches[0][0] > EARLIEST:
            stretches.insert(0, _moves_alike(stretches[0][0] - timedelta(1), amount, unit))
        if stretches[-1][1] < LATEST:
            stretches.append(_moves_alike(stretches[-1][1] + timedelta(1), amount, unit))
    return tuple((first, last, (shift(first, amount, unit) - first).days) for first, last in stretches)

"""Which open things matter, where there are too many completions to decide them all.

For one open thing at a time the search looks for two completions that differ in it alone and in outcome or grant:

1. While no open path leads from it to a result, it cannot matter here.
2. All its classes are put in at once, one bit each, and everything else stays open. Where two of them differ in
   a known result, the thing matters, whatever the rest turns out to be.
3. Otherwise the open thing is split that meets it first on its way to the results, the most promising class first.

Each step is exact, so a search that ends has the answer; only one that runs out of steps leaves a thing unsure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .completions import Digit, open_nodes, trace
from .kernel import Kernel, Rails

MOST_STEPS = 2_000  # kernel runs of one verdict; about a third of a second

Choice = Mapping[int, int]  # number of a digit -> number of its class


@dataclass
class Search:
    """One case with its open digits; `steps` counts down."""

    kernel: Kernel
    states: Sequence[bool | None]
    digits: Sequence[Digit]
    steps: int = field(default_factory=lambda: MOST_STEPS)
    _places: dict[int, int] = field(init=False)
    _nodes: dict[int, int] = field(init=False)  # atom -> its node
    _digits: dict[int, int] = field(init=False)  # node of an atom -> its digit
    _parts: list[tuple[int, ...]] = field(init=False)
    _parents: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        nodes = self.kernel.program.nodes
        self._places = {atom: place for place, digit in enumerate(self.digits) for atom in digit.classes[0]}
        self._nodes = {node.parts[0]: number for number, node in enumerate(nodes) if node.kind == "atom"}
        self._digits = {self._nodes[atom]: place for atom, place in self._places.items()}
        self._parts = [node.parts if node.kind in ("and", "or") else () for node in nodes]
        self._parents = [[] for _ in nodes]
        for number, parts in enumerate(self._parts):
            for part in parts:
                self._parents[part >> 1].append(number)

    def mattering(self) -> tuple[list[int], bool]:
        """List the digits that matter, and say whether that is exact; a digit left unsure is listed too."""
        found: set[int] = set()
        unsure: set[int] = set()
        for place in range(len(self.digits)):
            if place in found:
                continue
            try:
                witness = self._differing(place)
                if witness is not None:
                    # Where one thing matters most others do as well; one run around the witness shows which.
                    found |= {place, *self._around(self._filled(witness))}
            except _OutOfSteps:
                unsure.add(place)
        return sorted(found | unsure), not unsure - found

    def reaches(self, *literals: int) -> bool | None:
        """Say whether some completion makes all these literals hold; None when out of steps."""
        try:
            return self._reaches({}, literals)
        except _OutOfSteps:
            return None

    def any_completion(self) -> Rails:
        """Run one completion: every digit in its first class."""
        self.steps = max(self.steps, 1)  # where nothing matters there is an answer, whatever the search has cost
        return self._run([self._filled({})])

    def _reaches(self, choice: Choice, literals: Sequence[int]) -> bool:
        rails = self._run([choice])
        statuses = {rails.status(literal) for literal in literals}
        if False in statuses or None not in statuses:
            return False not in statuses
        place = min(self._places[atom] for atom in trace(self.kernel.program, rails, literals))
        return any(self._reaches(more, literals) for more in self._splits(choice, place))

    def _differing(self, place: int, choice: Choice | None = None) -> Choice | None:
        """Find a choice of other digits under which the classes of this one differ in a known result."""
        choice = choice or {}
        without = self._run([choice])
        cone = open_nodes(self.kernel.program, without, self.kernel.program.results)
        start = {self._nodes[atom] for atom in self.digits[place].classes[0]} & cone
        if not start:
            return None
        classes = range(len(self.digits[place].classes))
        rails = self._run([{**choice, place: number} for number in classes])
        if any(rails.known_true(literal) and rails.known_false(literal) for literal in self.kernel.program.results):
            return choice
        nearest = self._nearest(start, cone, {place, *choice})
        for more in () if nearest is None else self._splits(choice, nearest):
            found = self._differing(place, more)
            if found is not None:
                return found
        return None

    def _nearest(self, start: set[int], cone: set[int], taken: Collection[int]) -> int | None:
        """Give the open digit, none of those taken, that is met first on the ways up through these open nodes.

        None: only the thing itself is on those ways, so its classes have been compared in full.
        """
        level, seen = start, set[int]()
        while level:
            seen |= level
            level = {up for node in level for up in self._parents[node] if up in cone} - seen
            below, front = set[int](), set(level)
            while front:
                below |= front
                front = {part >> 1 for node in front for part in self._parts[node] if part >> 1 in cone} - below
            places = {self._digits[node] for node in below if node in self._digits}.difference(taken)
            if places:
                return min(places)
        return None

    def _splits(self, choice: Choice, place: int) -> Iterator[Choice]:
        """Give the choices that split one more digit, those that may still end in PERMITTED first."""
        options = [{**choice, place: number} for number in range(len(self.digits[place].classes))]
        permitted, looked = self.kernel.program.outcome["PERMITTED"], self._run(options)
        hopeless = [looked.status(permitted, number) is False for number in range(len(options))]
        for wanted in (False, True):
            yield from (option for option, is_hopeless in zip(options, hopeless, strict=True) if is_hopeless is wanted)

    def _filled(self, choice: Choice) -> Choice:
        return {place: choice.get(place, 0) for place in range(len(self.digits))}

    def _around(self, choice: Choice) -> set[int]:
        """List the digits whose change alone changes the answer of one completion."""
        changed = [
            (place, {**choice, place: number})
            for place, digit in enumerate(self.digits)
            for number in range(len(digit.classes))
        ]
        rails = self._run([each for _, each in changed])
        here = self._run([choice])
        differing = 0
        for literal in self.kernel.program.results:
            differing |= rails.known_false(literal) if here.status(literal) else rails.known_true(literal)
        return {place for number, (place, _) in enumerate(changed) if differing >> number & 1}

    def _run(self, choices: Sequence[Choice]) -> Rails:
        """Run the kernel on several choices, one bit each."""
        if self.steps <= 0:
            raise _OutOfSteps
        self.steps -= 1
        ones = (1 << len(choices)) - 1
        known = [ones if state is True else 0 for state in self.states]
        denied = [ones if state is False else 0 for state in self.states]
        for atom in self._places:
            known[atom] = denied[atom] = 0
        for number, choice in enumerate(choices):
            for place, chosen in choice.items():
                for atom, state in self.digits[place].classes[chosen].items():
                    rail = known if state else denied
                    rail[atom] |= 1 << number
        return self.kernel.run(known, denied, ones)


class _OutOfSteps(Exception):
    """The search has used up its steps; never leaves this package's verdicts."""

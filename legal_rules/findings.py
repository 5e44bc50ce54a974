"""Build findings from what the kernel said: each rule with its conditions, sources, facts and exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from .assessment import Citation, ConditionNode, Finding, Plain, Reason, StatedFact
from .check import TRACKS, top_tests
from .doubts import WORST, confidence_of, needs_counsel
from .facts import Established, Fact, Reading, Unreadable
from .ir import Program
from .kernel import Rails
from .model import NO_LEGAL_BASIS, NOTHING_TO_GRANT, Pack, Rule, Source
from .phrases import DECISION_DATE, All, AnyOf, Condition, IsOneOf, Leaf, Not, Term, facts_of

STATUS: Mapping[bool | None, str] = {True: "met", False: "unmet", None: "open"}


class Findings:
    """The findings of one case of a run; `case` is its bit."""

    def __init__(
        self,
        pack: Pack,
        program: Program,
        rails: Rails,
        readings: Mapping[str, Reading],
        on: date,
        case: int = 0,
    ) -> None:
        self.pack, self.program, self.rails, self.readings = pack, program, rails, readings
        self.on, self.case = on, case
        self._atoms = {atom: number for number, atom in enumerate(program.atoms)}
        self._literals = {node.parts[0]: 2 * number for number, node in enumerate(program.nodes) if node.kind == "atom"}

    def status(self, literal: int) -> bool | None:
        """Say what is known of a literal in this case."""
        return self.rails.status(literal, self.case)

    def of_kind(self, *kinds: str) -> Iterator[tuple[int, Rule]]:
        """List the rules of these kinds with their position in the pack."""
        return ((number, rule) for number, rule in enumerate(self.pack.rules) if rule.kind in kinds)

    def citations(self, cite: Iterable[str], see: Iterable[str] = ()) -> tuple[Citation, ...]:
        """Cite sources: those a rule depends on, then those it only points to."""
        return tuple(_citation(self.pack.sources[name], True) for name in cite) + tuple(
            _citation(self.pack.sources[name], False) for name in see
        )

    def _stated(self, name: str) -> tuple[StatedFact, ...]:
        if name == DECISION_DATE:
            return (StatedFact(name, self.on.isoformat(), "", "", ""),)
        said = self.readings[name].said
        return tuple(StatedFact(name, shown(fact), fact.source, fact.by, fact.at) for fact in said) or (
            StatedFact(name, None, "", "", ""),
        )

    def conditions(self, condition: Condition) -> tuple[bool | None, ConditionNode]:
        """Evaluate one condition of a rule for showing."""
        match condition:
            case Leaf(test):
                status = self.status(self._literals[self._atoms[test]])
                facts = tuple(fact for name in facts_of(test) for fact in self._stated(name))
                return status, ConditionNode(condition.text, STATUS[status], facts, ())
            case Term(name, part):
                status, node = self.conditions(part)
                return status, ConditionNode(name, STATUS[status], (), node.parts or (node,))
            case Not(part):
                below, node = self.conditions(part)
                status = None if below is None else not below
                facts, parts = (node.facts, node.parts) if isinstance(part, Leaf) else ((), (node,))
                return status, ConditionNode(condition.text, STATUS[status], facts, parts)
            case All(parts) if parts and all(part.text == condition.text for part in parts):
                # One phrase that stands for two comparisons is shown as the one phrase it is.
                nodes = [self.conditions(part) for part in parts]
                both = [status for status, _ in nodes]
                known = False if False in both else None if None in both else True
                return known, ConditionNode(condition.text, STATUS[known], nodes[0][1].facts, ())
            case All(parts) | AnyOf(parts):
                shown_parts = [self.conditions(part) for part in parts]
                statuses = [status for status, _ in shown_parts]
                decisive = isinstance(condition, AnyOf)
                joined = decisive if decisive in statuses else None if None in statuses else not decisive
                return joined, ConditionNode(condition.text, STATUS[joined], (), tuple(node for _, node in shown_parts))

    def finding(self, number: int, status: bool | None) -> Finding:
        """Build the finding of one rule."""
        rule = self.pack.rules[number]
        parts = [*rule.when.parts, *rule.needs.parts]
        exceptions = [self.conditions(part)[1] for part in rule.unless.parts]
        for other, defeating in enumerate(self.pack.rules):
            how = "exception" if rule.id in defeating.exception_to else "yields to"
            if rule.id in (*defeating.exception_to, *defeating.despite):
                text = f"{how} {defeating.id}: {defeating.says}"
                exceptions.append(ConditionNode(text, STATUS[self.status(self.program.effective[other])], (), ()))
        cited = self.citations(rule.cite, rule.see)
        return Finding(
            rule.id,
            rule.kind,
            STATUS[status],
            rule.says,
            cited,
            tuple(self.conditions(part)[1] for part in parts),
            tuple(exceptions),
            rule.instead,
            confidence_of(self.pack, rule),
            needs_counsel(self.pack, rule),
        )

    def bases(self) -> tuple[Finding, ...]:
        """List the bases in force whose track is not another one."""
        found = []
        for number, rule in self.of_kind("basis"):
            tracks = [leaf.test for leaf in top_tests(rule.when) if isinstance(leaf.test, IsOneOf)]
            elsewhere = any(
                test.fact == TRACKS and self.status(self._literals[self._atoms[test]]) is False for test in tracks
            )
            if not elsewhere and self.in_force(rule):
                found.append(self.finding(number, self.status(self.program.effective[number])))
        return tuple(found)

    def in_force(self, rule: Rule) -> bool:
        """Say whether a rule is in force, or may be; the governing day may be a fact that is open."""
        day = self.on if rule.governed_by == DECISION_DATE else self.readings[rule.governed_by].value
        if not isinstance(day, date):
            return True
        return rule.since <= day and (rule.until is None or day <= rule.until)

    def grounds(self) -> tuple[Finding, ...]:
        """List every ground of a refusal that holds; where only one of several must, the open ones."""
        return tuple(self._grounds(True)) or tuple(self._grounds(None))

    def _grounds(self, wanted: bool | None) -> Iterator[Finding]:
        if self.status(self.program.grounds[NO_LEGAL_BASIS]) is wanted:
            closing = self.pack.closing
            cited = self.citations(closing.cite)
            doubts = [each.confidence for each in cited]
            yield Finding(
                NO_LEGAL_BASIS, "closing", STATUS[wanted], closing.says, cited, (), (), closing.instead,
                max(doubts, key=WORST.index, default=""), any(each.verify_with_counsel for each in cited),
            )  # fmt: skip
        for number, rule in self.of_kind("refuse", "require"):
            literal = self.program.effective[number] if rule.kind == "refuse" else self.program.unmet[number]
            if not (rule.demands and rule.curable) and self.status(literal) is wanted:
                yield self.finding(number, wanted)
        # With no basis there is nothing to grant anyway; saying both would say it twice.
        if self.status(self.program.grounds[NOTHING_TO_GRANT]) is wanted and (
            self.status(self.program.grounds[NO_LEGAL_BASIS]) is False
        ):
            says = "Nothing that is requested is both ordered and open to disclosure."
            yield Finding(NOTHING_TO_GRANT, "closing", STATUS[wanted], says, (), (), (), "", "", False)

    def missing(self) -> tuple[Finding, ...]:
        """List the curable requirements that are not there, or may turn out not to be."""
        found = []
        for number, literal in self.program.unmet.items():
            rule, unmet = self.pack.rules[number], self.status(literal)
            if rule.curable and unmet is not False:
                found.append(self.finding(number, None if unmet is None else False))
        return tuple(found)

    def effective(self, kind: str) -> Iterator[tuple[int, Rule, bool | None]]:
        """List rules of a kind that are, or may be, effective."""
        for number, rule in self.of_kind(kind):
            status = self.status(self.program.effective[number])
            if status is not False:
                yield number, rule, status

    def conflicts(self) -> Iterator[tuple[Rule, Rule, bool | None]]:
        """List pairs of duties that say opposite things and are, or may be, effective together."""
        for number, other, literal in self.program.conflicts:
            status = self.status(literal)
            if status is not False:
                yield self.pack.rules[number], self.pack.rules[other], status

    def withheld(
        self,
        requested: Sequence[str],
        ordered: frozenset[str] | None,
        granted: frozenset[str],
        refused: Sequence[str],
    ) -> dict[str, Reason]:
        """Say for each requested category that is not granted why it is not."""
        reasons: dict[str, Reason] = {}
        for category in requested:
            if category in granted:
                continue
            if category not in self.pack.categories:
                reasons[category] = Reason("unknown-category", (), "no rule knows this category")
            elif refused:
                reasons[category] = Reason("refused", tuple(refused), "the request is refused")
            elif ordered is not None and category not in ordered:
                reasons[category] = Reason("not-ordered", (), "the order does not name it")
            elif self.status(self.program.allowed[category]) is False:
                limits = [rule for _, rule, known in self.effective("limit") if known and category not in rule.keeps]
                opened = any(known and category in rule.discloses for _, rule, known in self.effective("basis"))
                if opened and limits:
                    names = tuple(rule.id for rule in limits)
                    reasons[category] = Reason("limited", names, " ".join(rule.says for rule in limits))
                else:
                    reasons[category] = Reason("not-allowed", (), "no basis in force opens it")
            else:
                reasons[category] = Reason("undecided", (), "not decided yet")
        return reasons


def shown(fact: Fact) -> Plain:
    """Show the value of a stated fact: days as ISO 8601, what could not be read as its type only."""
    value = fact.value
    if isinstance(value, Established):
        return value.value
    if isinstance(value, Unreadable):
        return f"unreadable {value.type_name}"
    return value.isoformat() if isinstance(value, date) else value


def _citation(source: Source, governs: bool) -> Citation:
    return Citation(
        source.id, source.cite, source.since, source.until, source.pinpoint, source.pinpoint_checked,
        source.checked, source.confidence, source.verify_with_counsel, source.note, governs,
    )  # fmt: skip

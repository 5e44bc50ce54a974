"""From one located TOML file to facts, sources, terms and rules, with every defect collected.

The shape of a table is checked here (known keys, types, dates, names); that of cases in `case_reader.py`. What needs
the whole pack is in `check.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from .case_reader import read_cases
from .deadlines import WITHIN
from .errors import PhraseError
from .located import Located
from .model import KINDS, NO_LEGAL_BASIS, NOTHING_TO_GRANT, OUTCOMES, Case, Closing, Lasting, Rule, RuleKind, Source
from .phrases import (
    DECISION_DATE,
    NAME,
    All,
    AnyOf,
    Condition,
    FactSpec,
    FactType,
    Not,
    Value,
    Vocabulary,
    did_you_mean,
)
from .tables import MISSING, Tables

SETTLERS = ("product", "requester", "order", "legal staff", "two people")
MOST_RULES = 2_000
MOST_CONDITION_DEPTH = 8
MOST_TERM_DEPTH = 16
# Ten years: more is no hold any more.
MOST_HOLD_DAYS = 3_653

_SHARED = {"id", "says", "cite", "see", "when", "unless", "exception-to", "despite", "governed-by"} | {
    "confidence",
    "verify-with-counsel",
}
_OWN: Mapping[RuleKind, set[str]] = {
    "basis": {"discloses"},
    "refuse": {"instead"},
    "require": {"needs", "if-unmet", "instead"},
    "limit": {"keeps"},
    "weigh": {"between"},
    "review": {"ask", "role"},
    "duty": {"within", "runs-from", "upon", "opposes", "done"},
    "hold": {"days", "at-most", "duty"},
}
_TABLES = {"pack", "category", "source", "fact", "term", "no-legal-basis", "case", *KINDS}


class Reader(Tables):
    """Reads one file on top of what the files below it already defined; problems gather in `problems`."""

    def __init__(
        self,
        located: Located,
        facts: Mapping[str, FactSpec],
        categories: Mapping[str, str],
        sources: Mapping[str, Source],
        terms: Mapping[str, Condition],
    ) -> None:
        super().__init__(located)
        self.facts, self.categories = dict(facts), dict(categories)
        self.sources, self.terms = dict(sources), dict(terms)
        self.closing: Closing | None = None
        self.rules: list[Rule] = []
        self.cases: list[Case] = []

    def read(self, pack_id: str) -> None:
        """Read every table of the file."""
        for table in self.located.data:
            if table not in _TABLES:
                line = self.located.line(table)
                self.problem(line, "table.unknown", f"no table {table!r} in a pack" + did_you_mean(table, _TABLES))
        self.each("category", self._category)
        self.each("source", self._source)
        self.each("fact", self._fact)
        self._terms()
        self._closing()
        total = 0
        for kind in KINDS:
            for index, rule in enumerate(self.array(kind)):
                total += 1
                if total > MOST_RULES:
                    self.problem(self.located.line(kind, index), "pack.too-many-rules", f"more than {MOST_RULES} rules")
                    return
                self._rule(kind, index, rule, pack_id)
        self.cases = read_cases(self, self.facts)

    def _category(self, name: str, entry: Any, line: int) -> None:
        if name in self.categories:
            self.problem(line, "name.twice", f"category {name!r} is already declared by a pack below")
        elif not isinstance(entry, str):
            self.problem(line, "key.type", f"category {name!r} needs its plain name as a string")
        else:
            self.categories[name] = entry

    def _source(self, name: str, entry: Any, line: int) -> None:
        keys = {"cite", "from", "until", "pinpoint", "pinpoint-checked", "checked", "confidence", "note"}
        if not isinstance(entry, dict):
            self.problem(line, "table.shape", f"source {name!r} is a table: {{ cite = ..., from = ... }}")
            return
        if name in self.sources:
            self.problem(line, "name.twice", f"source {name!r} is already declared by a pack below")
            return
        self.known(entry, keys | {"verify-with-counsel"}, line, "a source")
        since, until, checked = entry.get("from"), entry.get("until"), entry.get("checked")
        dated = self.is_day(since, line, "from")
        dated = (until is None or self.is_day(until, line, "until")) and dated
        if checked is not None:
            self.is_day(checked, line, "checked")
        if dated and since is not None and until is not None and until < since:
            self.problem(line, "source.dates", f"source {name!r} ends before it begins")
        confidence = self.take(entry, "confidence", str, line)
        if confidence not in ("H", "M", "L"):
            self.problem(line, "source.confidence", "confidence is H, M or L")
        if dated and since is not None:
            self.sources[name] = Source(
                id=name,
                cite=self.take(entry, "cite", str, line),
                since=since,
                until=until,
                pinpoint=self.take(entry, "pinpoint", str, line, ""),
                pinpoint_checked=self.take(entry, "pinpoint-checked", bool, line, False),
                checked=checked,
                confidence=confidence,
                verify_with_counsel=self.take(entry, "verify-with-counsel", bool, line, False),
                note=self.take(entry, "note", str, line, ""),
            )

    def _fact(self, name: str, entry: Any, line: int) -> None:
        if not isinstance(entry, dict):
            self.problem(line, "table.shape", f"fact {name!r} is a table: {{ ask = ..., settled-by = ... }}")
            return
        if name in self.facts or name in (DECISION_DATE, "ordered"):
            self.problem(line, "name.twice", f"fact {name!r} is already declared, or reserved")
            return
        self.known(entry, {"ask", "type", "one-of", "settled-by", "known-to", "burden"}, line, "a fact")
        values = self.strings(entry, "one-of", line, [])
        kind: FactType = "one-of" if values else self.take(entry, "type", str, line, "bool")
        if kind not in ("bool", "date", "number", "one-of") or (kind == "one-of" and not values):
            self.problem(line, "fact.type", "a fact is bool, date, number, or has a one-of list")
        for value in values:
            if not NAME.fullmatch(value) or values.count(value) > 1:
                self.problem(line, "fact.values", f"value {value!r} is no name, or is given twice")
        worker = entry.get("known-to")
        if worker not in (None, "worker"):
            self.problem(line, "fact.known-to", 'known-to is "worker" or left out')
        settled_by = self.take(entry, "settled-by", str, line, "worker" if worker else MISSING)
        if (settled_by in SETTLERS) == bool(worker):
            self.problem(line, "fact.settled-by", f"settled-by is one of {', '.join(SETTLERS)}, or known-to worker")
        burden: Value | None = entry.get("burden")
        if burden is not None and (type(burden) is not _PYTHON.get(kind) or (values and burden not in values)):
            self.problem(line, "fact.burden", "burden must be a value of the fact")
        elif kind == "date" and burden is not None:
            self.is_day(burden, line, "burden")
        ask = self.take(entry, "ask", str, line)
        self.facts[name] = FactSpec(name, ask, kind, values, settled_by, worker, burden)

    def _terms(self) -> None:
        """Define terms in any order; a term that reaches itself is a problem."""
        tables = self.located.data.get("term", {})
        if not isinstance(tables, dict):
            self.problem(self.located.line("term"), "table.shape", "write [term] once, one line for each")
            return
        waiting, failed = dict(tables), set[str]()
        for name in list(waiting):
            if not NAME.fullmatch(name) or name in self.facts or name in self.terms or name == DECISION_DATE:
                self.problem(self.located.line("term", 0, name), "name.twice", f"{name!r} is taken, or no name")
                del waiting[name]
        depth = 0
        while waiting:
            unknown, depth = set(waiting) | failed, depth + 1
            ready = [name for name, parts in waiting.items() if not _mentions(parts, unknown)]
            if ready and depth > MOST_TERM_DEPTH:
                line = self.located.line("term", 0, ready[0])
                self.problem(line, "term.too-deep", f"terms build on terms at most {MOST_TERM_DEPTH} deep in one file")
                return
            for name in ready:
                line = self.located.line("term", 0, name)
                condition = self._conditions(waiting.pop(name), "term", 0, name, line)
                self.terms[name] = All(condition, name)
            if not ready:
                for name in waiting:
                    line = self.located.line("term", 0, name)
                    self.problem(line, "term.cycle", f"term {name!r} is defined by itself, or by one that is")
                return

    def _closing(self) -> None:
        entry = self.located.data.get("no-legal-basis")
        if entry is None:
            return
        line = self.located.line("no-legal-basis")
        if not isinstance(entry, dict):
            self.problem(line, "table.shape", "write [no-legal-basis] once")
            return
        self.known(entry, {"says", "cite", "instead"}, line, "no-legal-basis")
        cite = self._cites(entry, "cite", line)
        self.closing = Closing(self.take(entry, "says", str, line), cite, self.take(entry, "instead", str, line, ""))

    def _cites(self, table: Mapping[str, Any], key: str, line: int, default: Any = MISSING) -> tuple[str, ...]:
        names = self.strings(table, key, line, default)
        for name in names:
            if name not in self.sources:
                message = f"no source {name!r} in this pack" + did_you_mean(name, self.sources)
                self.problem(line, "source.unknown", message)
        return tuple(name for name in names if name in self.sources)

    def _conditions(
        self, parts: Any, table: str, index: int, key: str, line: int, depth: int = 0
    ) -> tuple[Condition, ...]:
        """Read a list of phrases and nested any/none tables."""
        if not isinstance(parts, list) or depth > MOST_CONDITION_DEPTH:
            self.problem(
                line,
                "conditions.shape",
                f"{key!r} is a list of phrases, nested {MOST_CONDITION_DEPTH} deep at most",
            )
            return ()
        conditions: list[Condition] = []
        for part in parts:
            if isinstance(part, str):
                try:
                    conditions.append(Vocabulary(self.facts, self.terms).parse(part))
                except PhraseError as error:
                    self.problem(self.located.line(table, index, key, containing=part), error.code, str(error))
            elif isinstance(part, dict) and len(part) == 1 and set(part) <= {"any", "none", "all"}:
                ((how, inner),) = part.items()
                below = self._conditions(inner, table, index, key, line, depth + 1)
                if not below:
                    self.problem(line, "conditions.empty", f"{how!r} needs at least one phrase")
                elif how == "all":
                    conditions.append(All(below))
                else:
                    conditions.append(AnyOf(below) if how == "any" else Not(AnyOf(below)))
            else:
                self.problem(line, "conditions.shape", f"{key!r} holds phrases, {{ any = [...] }}, {{ none = [...] }}")
        return tuple(conditions)

    def _rule(self, kind: RuleKind, index: int, table: dict[str, Any], pack_id: str) -> None:
        at = self.located.line
        line = at(kind, index)
        before = len(self.problems)
        self.known(table, _SHARED | _OWN[kind], line, f"a {kind}")
        name = self.take(table, "id", str, line)
        if not NAME.fullmatch(name) or name in (NO_LEGAL_BASIS, NOTHING_TO_GRANT):
            self.problem(line, "rule.id", f"a rule's id is a name, and not {NO_LEGAL_BASIS} or {NOTHING_TO_GRANT}")
        cite = self._cites(table, "cite", at(kind, index, "cite"))
        if not table.get("cite", True):
            self.problem(line, "rule.no-source", f"{kind} {name!r} cites no source of this pack")
        see = self._cites(table, "see", at(kind, index, "see"), [])
        governed_by = self.take(table, "governed-by", str, line, DECISION_DATE)
        if not self._is_date(governed_by):
            self.problem(line, "rule.governed-by", f"governed-by {governed_by!r} is no date fact")
        confidence = self.take(table, "confidence", str, line, "")
        if confidence not in ("", "H", "M", "L"):
            self.problem(line, "source.confidence", "confidence is H, M or L")
        when = self._conditions(table.get("when", []), kind, index, "when", at(kind, index, "when"))
        unless = self._conditions(table.get("unless", []), kind, index, "unless", at(kind, index, "unless"))
        needs: tuple[Condition, ...] = ()
        if kind == "require":
            needs = self._conditions(table.get("needs", []), kind, index, "needs", at(kind, index, "needs"))
            if not needs:
                self.problem(line, "rule.no-needs", f"require {name!r} needs nothing")
            if table.get("if-unmet") not in ("ask", "refuse"):
                self.problem(line, "rule.if-unmet", 'if-unmet is "ask" (curable) or "refuse"')
        within = self.take(table, "within", str, line, "")
        if within and not WITHIN.fullmatch(within):
            self.problem(line, "duty.within", "within is a number of hours, days, working days, months or years")
        runs_from = self.take(table, "runs-from", str, line, "")
        if runs_from and (not within or not self._is_date(runs_from)):
            self.problem(line, "duty.runs-from", f"runs-from names {DECISION_DATE} or a date fact, beside within")
        upon = self.strings(table, "upon", line, [])
        if "done" in table:
            # A duty to be done before release demands the fact that it is done; it cannot wait for an outcome.
            needs = self._conditions([table["done"]], kind, index, "done", at(kind, index, "done"))
            if upon:
                self.problem(line, "duty.upon", "what has to be done before release is due whatever the outcome")
        if not set(upon) <= set(OUTCOMES):
            self.problem(line, "duty.upon", f"upon holds outcomes: {', '.join(OUTCOMES)}")
        lists = {key: self.strings(table, key, line) for key in ("discloses", "keeps", "between") if key in _OWN[kind]}
        for key in ("discloses", "keeps"):
            for category in lists.get(key, ()):
                if category not in self.categories:
                    message = f"no category {category!r}" + did_you_mean(category, self.categories)
                    self.problem(at(kind, index, key), "category.unknown", message)
        if kind == "weigh" and len(lists["between"]) != 2:
            self.problem(line, "weigh.between", "a weigh names exactly two principles")
        says = self.take(table, "says", str, line)
        asked = {key: self.take(table, key, str, line) for key in ("ask", "role") if kind == "review"}
        counsel = self.take(table, "verify-with-counsel", bool, line, False)
        lasting = self._lasting(table, index) if kind == "hold" else None
        if len(self.problems) > before:
            return
        ends = [end for source in cite if (end := self.sources[source].until) is not None]
        since, until = max(self.sources[source].since for source in cite), min(ends, default=None)
        if until is not None and until < since:
            self.problem(line, "rule.never-in-force", f"the sources of {name!r} are never in force together")
            return
        self.rules.append(
            Rule(
                kind=kind, id=name, says=says, cite=cite, since=since, until=until, pack=pack_id,
                file=self.located.file, line=line, when=All(when), unless=AnyOf(unless), see=see,
                exception_to=self.strings(table, "exception-to", line, []),
                despite=self.strings(table, "despite", line, []), opposes=self.strings(table, "opposes", line, []),
                governed_by=governed_by, confidence=confidence, verify_with_counsel=counsel,
                discloses=lists.get("discloses", ()), keeps=lists.get("keeps", ()),
                needs=All(needs), curable=table.get("if-unmet") != "refuse",
                upon=upon, within=within, runs_from=runs_from,
                instead=self.take(table, "instead", str, line, ""), between=lists.get("between", ()),
                ask=asked.get("ask", ""), role=asked.get("role", ""), lasting=lasting,
            )
        )  # fmt: skip

    def _lasting(self, table: Mapping[str, Any], index: int) -> Lasting | None:
        """Read how long a hold lasts: `days` a number, or "none"; `at-most` with extensions; `duty`, made unasked."""
        at = self.located.line
        days, most = table.get("days"), table.get("at-most")
        duty = self.take(table, "duty", bool, at("hold", index, "duty"), False)
        number = days if type(days) is int else None
        if days not in (None, "none") and not (number and 1 <= number <= MOST_HOLD_DAYS):
            text = f'days is a number from 1 to {MOST_HOLD_DAYS}, or "none" where no source states a length'
            self.problem(at("hold", index, "days"), "hold.days", text)
        elif "at-most" in table and not (number and type(most) is int and number < most <= MOST_HOLD_DAYS):
            text = f"at-most is a number of days above `days`, up to {MOST_HOLD_DAYS}; a hold with no length has none"
            self.problem(at("hold", index, "at-most"), "hold.at-most", text)
        elif duty and not number:
            text = "a hold that nobody is asked about says its length in `days`"
            self.problem(at("hold", index, "duty"), "hold.duty", text)
        elif days is not None:
            return Lasting(number, most or number, duty)
        return None

    def _is_date(self, name: str) -> bool:
        return name == DECISION_DATE or (name in self.facts and self.facts[name].type == "date")


_PYTHON: Mapping[str, type] = {"bool": bool, "one-of": str, "number": int, "date": date}


def _mentions(parts: Any, names: Collection[str]) -> bool:
    """Say whether nested phrases use one of these names as a bare word."""
    if isinstance(parts, str):
        return parts.removeprefix("not ") in names
    if isinstance(parts, list):
        return any(_mentions(part, names) for part in parts)
    return isinstance(parts, dict) and any(_mentions(part, names) for part in parts.values())

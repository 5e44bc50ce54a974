"""Run the cases a pack carries and say which rules lack a case on one side of their line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .assess import assess
from .assessment import Assessment, Finding
from .errors import FactError, Problem
from .findings import Findings
from .given import read_given
from .kernel import kernel_of
from .model import Case, Pack
from .phrases import did_you_mean

_SETS: Mapping[str, Callable[[Assessment], Collection[str]]] = {
    "grants": lambda found: found.granted,
    "settle": lambda found: [question.fact for question in found.settle],
    "worker-settles": lambda found: [question.fact for question in found.worker_settles],
    "grounds": lambda found: _ids(found.grounds),
    "limits": lambda found: _ids(found.limits),
    "missing": lambda found: _ids(found.missing),
    "duties": lambda found: [duty.id for duty in found.duties if duty.status == "due"],
    "weigh": lambda found: [weighing.id for weighing in found.weigh],
    "holds": lambda found: [hold.text for hold in found.holds],
}


@dataclass(frozen=True, slots=True)
class Tally:
    """Which sides of a rule the cases have reached. A side is "met", "unmet", "defeated" or "needs unmet"."""

    rule: str
    file: str
    line: int
    wanted: frozenset[str]
    reached: frozenset[str]


def _ids(findings: Collection[Finding]) -> list[str]:
    return [finding.id for finding in findings]


def run_cases(pack: Pack) -> list[Problem]:
    """Assess every case of the pack's own file; returns one problem for each expectation that is not met."""
    return [
        Problem(case.file, case.line, "case.fails", f"{case.name}: {text}")
        for case in pack.cases
        for text in failing(pack, case)
    ]


def failing(pack: Pack, case: Case) -> list[str]:
    """Assess one case; returns one text for each expectation that is not met."""
    try:
        found = assess(pack, case.facts, requested=case.requested, ordered=case.ordered, on=case.on)
        return _differences(case.expect, found, {rule.id for rule in pack.rules}, *_under(pack, case))
    except FactError as error:
        return [str(error)]


def _differences(
    expect: Mapping[str, Any],
    found: Assessment,
    rules: Collection[str],
    unmet: Collection[str],
    effective: Collection[str],
) -> list[str]:
    differences = []
    if expect["outcome"] != found.outcome.value:
        differences.append(f"expected {expect['outcome']}, found {found.outcome.value}")
    sets = {key: read(found) for key, read in _SETS.items()} | {"unmet": unmet}
    for key, names in sets.items():
        if key in expect and sorted(expect[key]) != sorted(names):
            differences.append(f"{key}: expected {sorted(expect[key])}, found {sorted(names)}")
    if absent := set(expect.get("effective", ())) - set(effective):
        differences.append(f"effective: expected {sorted(absent)} too, found {sorted(effective)}")
    if unknown := [name for name in expect.get("not-effective", ()) if name not in rules]:
        differences += [f"not-effective: no rule {name!r}" + did_you_mean(name, rules) for name in unknown]
    if present := set(expect.get("not-effective", ())) & set(effective):
        differences.append(f"not-effective: {sorted(present)} is effective")
    if "hold" in expect and expect["hold"] is not found.hold_allowed:
        differences.append(f"hold: expected {expect['hold']}, found {found.hold_allowed}")
    if "instead" in expect and expect["instead"] is not bool(found.instead):
        differences.append(f"instead: expected {expect['instead']}, found {bool(found.instead)}")
    for category, code in expect.get("withheld", {}).items():
        reason = found.withheld.get(category)
        if reason is None or reason.code != code:
            differences.append(f"withheld {category}: expected {code}, found {reason.code if reason else 'granted'}")
    return differences


def _run(pack: Pack, case: Case) -> Findings:
    """Run the kernel on a case and give access to the status of every rule."""
    kernel = kernel_of(pack)
    ordered = None if case.ordered is None else frozenset(case.ordered)
    given = read_given(pack, kernel.program, case.facts, case.requested, ordered, case.on)
    return Findings(pack, kernel.program, kernel.run_cases([given.states]), given.readings, case.on)


def _under(pack: Pack, case: Case) -> tuple[list[str], list[str]]:
    """List what lies under the outcome: the rules whose demand is unmet, and all that are effective."""
    found = _run(pack, case)
    unmet = [pack.rules[number].id for number, literal in found.program.unmet.items() if found.status(literal)]
    effective = [
        pack.rules[number].id for number, literal in enumerate(found.program.effective) if found.status(literal)
    ]
    return unmet, effective


def coverage(pack: Pack) -> list[Tally]:
    """Say for each rule of the pack's own file which sides its cases have reached.

    Every rule needs a case in which it is effective and one in which it is not; a rule with exceptions one
    in which its conditions hold and an exception defeats it; a require one in which what it needs is missing.
    """
    own = {case.file for case in pack.cases} or {f"{pack.id}.toml"}
    reached: list[set[str]] = [set() for _ in pack.rules]
    excepted = {name for rule in pack.rules for name in (*rule.exception_to, *rule.despite)}
    for case in pack.cases:
        found = _run(pack, case)
        for number, rule in enumerate(pack.rules):
            effective = found.status(found.program.effective[number])
            if effective is None:
                continue
            reached[number].add("met" if effective else "unmet")
            if not effective and found.in_force(rule) and found.conditions(rule.when)[0]:
                reached[number].add("defeated")
            if rule.demands and found.status(found.program.unmet[number]):
                reached[number].add("needs unmet")
    tallies = []
    for rule, sides in zip(pack.rules, reached, strict=True):
        if rule.file not in own:
            continue
        wanted = {"met", "unmet"}
        if rule.unless.parts or rule.id in excepted:
            wanted.add("defeated")
        if rule.demands:
            wanted.add("needs unmet")
        if _always(pack, rule.id):
            wanted.discard("unmet")
        tallies.append(Tally(rule.id, rule.file, rule.line, frozenset(wanted), frozenset(sides)))
    return tallies


def _always(pack: Pack, name: str) -> bool:
    """Say whether a rule is effective whatever the facts and the day: nothing lies on its other side."""
    places = [number for number, rule in enumerate(pack.rules) if rule.id == name]
    return kernel_of(pack).program.effective[places[0]] == 0


def uncovered(pack: Pack) -> list[Problem]:
    """List the rules whose cases miss a side."""
    return [
        Problem(tally.file, tally.line, "case.side-missing", f"{tally.rule!r} has no case where it is {side}")
        for tally in coverage(pack)
        for side in sorted(tally.wanted - tally.reached)
    ]

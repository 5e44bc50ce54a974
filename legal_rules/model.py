"""A pack in memory: facts, sources, rules. Immutable; made by `pack.load_pack` and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from .phrases import DECISION_DATE, All, AnyOf, Condition, FactSpec

RuleKind = Literal["basis", "refuse", "require", "limit", "weigh", "review", "duty", "hold"]
KINDS: tuple[RuleKind, ...] = ("basis", "refuse", "require", "limit", "weigh", "review", "duty", "hold")
OUTCOMES = ("REFUSED", "INCOMPLETE", "NEEDS_JUDGEMENT", "PERMITTED")  # for complete facts, first match wins
ALWAYS, NEVER = All(()), AnyOf(())
NO_LEGAL_BASIS, NOTHING_TO_GRANT = "no-legal-basis", "nothing-to-grant"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from, from which day to which day (both included), and how sure we are of it.

    pinpoint: paragraphs or articles within; pinpoint_checked: somebody compared them with the official text.
    checked: the day the source was read; None when it was not. confidence: "H", "M" or "L".
    """

    id: str
    cite: str
    since: date
    until: date | None = None
    pinpoint: str = ""
    pinpoint_checked: bool = False
    checked: date | None = None
    confidence: str = "L"
    verify_with_counsel: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long a hold lasts, as its sources state it; days are calendar days, that on which it is made not counted.

    days: of one hold; None where no source states a length, so that a person has to say one, with a reason.
    at_most: days in all from the first one, extensions included; equal to `days` where it is not extended.
    duty: the law has it made on receipt, so nobody is asked first.
    """

    days: int | None = None
    at_most: int | None = None
    duty: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in one version. Which of the last fields matter depends on `kind`.

    A rule is effective when its sources are in force on the `governed_by` day, `when` holds, `unless` does
    not, no effective rule names it in `exception_to` (it does not apply), and none in `despite` (it yields).
    discloses: categories a basis opens; keeps: categories a limit leaves; needs and curable: of a require, or
    of a duty to be done before release; upon: outcomes at which a duty arises; within: its deadline, counted
    from runs_from (a date fact, or "decision-date"; empty: from an event no fact tells); opposes: duties that
    say the opposite; instead: the right instrument or desk; between: the two principles of a weigh; ask and
    role: of a review; lasting: of a hold, None in texts from before a hold could say it.
    """

    kind: RuleKind
    id: str
    says: str
    cite: tuple[str, ...]
    since: date
    until: date | None
    pack: str
    file: str
    line: int
    when: All = ALWAYS
    unless: AnyOf = NEVER
    exception_to: tuple[str, ...] = ()
    despite: tuple[str, ...] = ()
    opposes: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    governed_by: str = DECISION_DATE
    confidence: str = ""
    verify_with_counsel: bool = False
    discloses: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    needs: All = ALWAYS
    curable: bool = True
    upon: tuple[str, ...] = ()
    within: str = ""
    runs_from: str = ""
    instead: str = ""
    between: tuple[str, ...] = ()
    ask: str = ""
    role: str = ""
    lasting: Lasting | None = None

    @property
    def demands(self) -> bool:
        """Whether the rule needs something to be there before anything is released."""
        return bool(self.needs.parts)


@dataclass(frozen=True, slots=True)
class Closing:
    """What is said when no basis is effective: the sentence and citations of `no-legal-basis`."""

    says: str = "No rule in force allows this disclosure, and silence refuses."
    cite: tuple[str, ...] = ()
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """An embedded case: what a lawyer expects of some facts. Values are as TOML gave them."""

    name: str
    facts: Mapping[str, Any]
    requested: tuple[str, ...]
    ordered: tuple[str, ...] | None
    on: date
    expect: Mapping[str, Any]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Pack:
    """The law of one place as rules, with everything it builds on merged in.

    files: name and text of each file, the pack's own last.
    text_hash: SHA-256 (hex) over the bytes of all files; meaning_hash: over what the rules mean.
    status: "draft" until counsel of the jurisdiction signed it, then "reviewed".
    permits: the proceedings in which PERMITTED can be reached at all, written down to be proved; never another.
    """

    id: str
    title: str
    status: str
    jurisdiction: str
    language: str
    permits: tuple[str, ...]
    facts: Mapping[str, FactSpec]
    categories: Mapping[str, str]
    sources: Mapping[str, Source]
    terms: Mapping[str, Condition]
    rules: tuple[Rule, ...]
    closing: Closing
    cases: tuple[Case, ...]
    builds_on: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    text_hash: str
    meaning_hash: str

"""Read what was typed into the grading form, and give it back as it was; the services judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.decisions.balancing.factors import FACTORS, Factor
from broker.decisions.balancing.models import GRADES
from broker.decisions.balancing.services import Given
from broker.decisions.balancing.words import GRADE_QUESTIONS, choices_of

# Rows for milder means on the form; more than these can be named in one row.
MEANS_ROWS = 4


@dataclass(frozen=True, slots=True)
class GradeField:
    """One grade on the form. choices: (value, words, chosen); none is chosen before somebody does."""

    name: str
    question: str
    choices: tuple[tuple[str, str, bool], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class FactorField:
    """One factor on the form. computed: what the rows say by themselves, for those that software may compute."""

    factor: Factor
    says: str
    page: str
    computed: str


@dataclass(frozen=True, slots=True)
class GradingForm:
    """The form with what was typed so far; of a fresh one everything is empty."""

    suitable: str
    suitable_reason: str
    means: tuple[tuple[int, str, str], ...]
    necessary_reason: str
    grades: tuple[GradeField, ...]
    factors: tuple[FactorField, ...]


def grading_form(typed: Mapping[str, str], computed: Mapping[str, str]) -> GradingForm:
    """Show the form with what was typed."""
    return GradingForm(
        suitable=typed.get("suitable", ""),
        suitable_reason=typed.get("suitable_reason", ""),
        means=tuple(
            (row, typed.get(f"means-{row}", ""), typed.get(f"rejected-{row}", "")) for row in range(1, MEANS_ROWS + 1)
        ),
        necessary_reason=typed.get("necessary_reason", ""),
        grades=tuple(
            GradeField(
                name,
                GRADE_QUESTIONS[name],
                tuple((value, words, typed.get(name) == value) for value, words in choices_of(name)),
                typed.get(f"{name}_reason", ""),
            )
            for name in GRADES
        ),
        factors=tuple(
            FactorField(
                factor, typed.get(factor.id, ""), typed.get(f"page-{factor.id}", ""), computed.get(factor.id, "")
            )
            for factor in FACTORS
        ),
    )


def read_grading(typed: Mapping[str, str]) -> Given:
    """Read the form; rows and factors left empty are left out."""
    rows = [(typed.get(f"means-{row}", ""), typed.get(f"rejected-{row}", "")) for row in range(1, MEANS_ROWS + 1)]
    factors = {factor.id: (typed.get(factor.id, ""), typed.get(f"page-{factor.id}", "")) for factor in FACTORS}
    return Given(
        suitable=read_verdict(typed.get("suitable")),
        suitable_reason=typed.get("suitable_reason", ""),
        means=tuple(row for row in rows if any(text.strip() for text in row)),
        necessary_reason=typed.get("necessary_reason", ""),
        grades={name: int(typed[name]) for name in GRADES if typed.get(name) in ("1", "2", "4")},
        reasons={name: typed.get(f"{name}_reason", "") for name in GRADES},
        factors={name: texts for name, texts in factors.items() if any(text.strip() for text in texts)},
    )


def read_verdict(text: str | None) -> bool | None:
    """Read yes or no; None for anything else."""
    return {"yes": True, "no": False}.get(text or "")

"""Problems as a page lists them: where, what, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.errors import Problem

# A page with ten thousand rows of problems helps nobody; the rest is counted.
_LISTED = 200


def shown_problems(problems: Sequence[Problem]) -> dict[str, Any]:
    """Context for `portal/problems.html`: rows of (line, field, message), and how many are not listed."""
    rows = [(_line(problem), _field(problem.field), problem.message) for problem in problems]
    return {"problems": rows[:_LISTED], "more_problems": max(0, len(rows) - _LISTED)}


def _line(problem: Problem) -> str:
    if problem.line is None:
        return ""
    # Where the text could not be read as a table, rows are counted from the top, header included.
    return f"row {problem.line} of the text" if problem.field == "file" else f"line {problem.line}"


def _field(name: str) -> str:
    return name.removeprefix("facts.").removeprefix("findings.").replace("_", " ")

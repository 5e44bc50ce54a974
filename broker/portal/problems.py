"""Problems as a page lists them: where, what, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from broker.errors import InputError, Problem

T = TypeVar("T")
Lines = list[dict[str, str]]

# A page with ten thousand rows of problems helps nobody; the rest is counted.
_LISTED = 200


def shown_problems(problems: Sequence[Problem]) -> dict[str, Any]:
    """Context for `portal/problems.html`: rows of (line, field, message), and how many are not listed."""
    rows = [(_line(problem), _field(problem.field), problem.message) for problem in problems]
    return {"problems": rows[:_LISTED], "more_problems": max(0, len(rows) - _LISTED)}


def send_lines(read: Callable[[], Lines], send: Callable[[Lines | None], T]) -> T:
    """Read lines and send them with the rest; when they cannot be read, report the defects of the rest as well.

    send: calls a service, which refuses None for lines.
    """
    try:
        lines = read()
    except InputError as broken:
        try:
            send(None)
        except InputError as error:
            # What the service says about missing lines is said better by the reader of the text.
            others = [problem for problem in error.problems if problem.field != "lines"]
            raise InputError([*others, *broken.problems]) from None
        raise
    return send(lines)


def _line(problem: Problem) -> str:
    if problem.line is None:
        return ""
    # Where the text could not be read as a table, rows are counted from the top, header included.
    return f"row {problem.line} of the text" if problem.field == "file" else f"line {problem.line}"


def _field(name: str) -> str:
    return name.removeprefix("facts.").removeprefix("findings.").replace("_", " ")

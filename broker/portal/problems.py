"""Problems as a page lists them: where, what, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from broker.errors import InputError, Problem
from broker.portal.fields import PlainForm

T = TypeVar("T")
Lines = list[dict[str, str]]

# A page with ten thousand rows of problems helps nobody; the rest is counted.
_LISTED = 200


def shown_problems(problems: Sequence[Problem], form: PlainForm) -> dict[str, Any]:
    """Context for `portal/problems.html`: rows of (line, field, message), and how many are not listed.

    Each problem of a field is put beside it as well.
    """
    form.show(problems)
    rows = [(_line(problem), form.label_of(problem), form.message_of(problem)) for problem in problems[:_LISTED]]
    return {"problems": rows, "more_problems": max(0, len(problems) - _LISTED)}


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

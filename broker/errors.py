"""The root of everything the broker raises when it could not do its work.

A legal "no" is a value with a reason and never an exception. Messages name ids and fields, never
a person, an address or the text of an order.
"""

from __future__ import annotations


class BrokerError(Exception):
    """Our work could not be done; `code` is stable and safe to show to anybody."""

    code = "broker.error"


class InputError(BrokerError):
    """What somebody sent cannot be used; nothing was stored.

    problems: one entry for each defect, so that all of them can be fixed at once.
    """

    code = "input.invalid"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s): {', '.join(sorted({p.code for p in problems}))}")
        self.problems = problems


class Problem:
    """One defect of an input: where it is, what was expected there, what to do."""

    __slots__ = ("code", "field", "line", "message")

    def __init__(self, code: str, field: str, message: str, line: int | None = None) -> None:
        self.code = code
        self.field = field
        self.message = message
        self.line = line

    def as_dict(self) -> dict[str, str | int]:
        """Give the shape that API answers and pages share; `line` only where there are lines."""
        where: dict[str, str | int] = {} if self.line is None else {"line": self.line}
        return where | {"field": self.field, "code": self.code, "message": self.message}


class NotAllowed(BrokerError):
    """The person is known and may not do this; strangers get NotFound instead."""

    code = "not-allowed"


class NotFound(BrokerError):
    """There is nothing with this id that the person may see."""

    code = "not-found"


class TransitionConflict(BrokerError):
    """Fewer lines were in the expected state than asked: somebody else was first."""

    code = "state.conflict"


class ConfigurationError(BrokerError):
    """A setting, key file or database is missing or unsafe; the process must not start."""

    code = "configuration"

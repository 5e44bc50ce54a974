"""What can go wrong with a pack, a fact or a stored assessment. A legal "no" is never one of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One defect of a pack, at the line where its author has to look.

    file: name of the file without its folder; line: counted from 1, 0 where no line can be named.
    """

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} [{self.code}]"


class PackError(Exception):
    """Root of this package: a pack cannot be used. `problems` says where and what to do."""

    code = "pack.invalid"

    def __init__(self, problems: Sequence[Problem] | str, code: str | None = None) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            text = problems
        else:
            self.problems = tuple(problems)
            text = "\n".join(str(problem) for problem in self.problems)
            if self.problems:
                self.code = self.problems[0].code
        if code is not None:
            self.code = code
        super().__init__(text)


class FactError(PackError):
    """The caller named a fact the pack does not know, or passed an argument that is none."""

    code = "facts.invalid"


class ReplayError(PackError):
    """A stored assessment cannot be replayed with this pack or by this engine."""

    code = "replay.invalid"


class PhraseError(ValueError):
    """A phrase outside the language. The reader of the pack adds file and line to it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)

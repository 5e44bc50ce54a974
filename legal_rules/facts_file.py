"""A file of facts for the command line; every complaint about it names file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .errors import FactError, PackError, Problem
from .facts import Fact
from .located import Located

_KEYS = {"facts", "requested", "ordered", "on"}
_SHAPE = "write [facts], requested = [...], ordered = [...] once there is an order, and on (or give --as-of)"
# A fact in quotation marks, or a key of the file in backquotes: what a message of the engine is about.
_ABOUT = re.compile(r"'([^']*)'|`(on|requested|ordered)`")


class FactsFile:
    """One file: [facts] (value, or { value, source, by, at }), requested, perhaps ordered and on.

    Raises FactError, located, for what cannot be read or is of another form. has_day: whether the day comes from
    elsewhere, so that `on` may be missing.
    """

    def __init__(self, path: Path, *, has_day: bool) -> None:
        self.name = path.name
        try:
            if path.exists() and not path.is_file():
                raise OSError("a pipe or a device would be waited for, perhaps for ever")
            content = path.read_bytes()
        except (OSError, ValueError) as error:
            raise self._error(0, "no such file of facts can be read") from error
        try:
            self._located = Located(path.name, content)
        except PackError as error:
            raise FactError(error.problems) from error
        data = self._located.data
        facts = data.get("facts")
        for key in data:
            if key not in _KEYS:
                # A misspelt table stands in its own line, a key in the first table's.
                line = self._located.line(key) if isinstance(data[key], dict) else self._located.line("", key=key)
                raise self._error(line, f"no {key!r} in a file of facts; {_SHAPE}")
        if not isinstance(facts, dict) or "requested" not in data or not (has_day or "on" in data):
            raise self._error(1, _SHAPE)
        # What the engine itself checks, and whatever type it has.
        self.requested: Any = data["requested"]
        self.ordered: Any = data.get("ordered")
        self.on: Any = data.get("on")
        self.facts = {name: self._fact(name, value) for name, value in facts.items()}

    def locate(self, error: FactError) -> FactError:
        """Say where in this file the engine's complaint comes from."""
        about = _ABOUT.search(str(error))
        if about is None:
            line = 1
        else:
            line = self._located.line("facts", key=about[1]) if about[1] else self._located.line("", key=about[2])
        return FactError([Problem(self.name, line, error.code, str(error))])

    def _fact(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if "value" not in value or set(value) - {"value", "source", "by", "at"}:
            line = self._located.line("facts", key=name)
            raise self._error(line, f"fact {name!r}: a table has value and, if known, source, by and at")
        return Fact(value["value"], *(str(value.get(key, "")) for key in ("source", "by", "at")))

    def _error(self, line: int, message: str) -> FactError:
        return FactError([Problem(self.name, line, "facts.file", message)])

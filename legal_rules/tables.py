"""Small checks on TOML tables; failures are located problems. What tables mean is read in `reader.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from .errors import Problem
from .located import Located
from .phrases import EARLIEST, LATEST, NAME, did_you_mean

MISSING: Any = object()
_NAMES = {str: "a string", list: "a list", dict: "a table", bool: "true or false", date: "a day"}


class Tables:
    """The tables of one located file, and the problems found in them so far."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.problems: list[Problem] = []

    def problem(self, line: int, code: str, message: str) -> None:
        """Note one defect at its line."""
        self.problems.append(Problem(self.located.file, line, code, message))

    def array(self, name: str) -> list[dict[str, Any]]:
        """Give the tables written as [[name]], the empty list when they are written otherwise."""
        tables = self.located.data.get(name, [])
        if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
            return tables
        self.problem(self.located.line(name), "table.shape", f"write each {name} as [[{name}]]")
        return []

    def each(self, name: str, read: Callable[[str, Any, int], None]) -> None:
        """Read each entry of the one table [name], names checked."""
        tables = self.located.data.get(name, {})
        if not isinstance(tables, dict):
            self.problem(self.located.line(name), "table.shape", f"write [{name}] once, one line for each")
            return
        for key, entry in tables.items():
            line = self.located.line(name, 0, key)
            if not NAME.fullmatch(key):
                self.problem(line, "name.shape", f"{key!r} is no name: lower case, digits and single hyphens")
            else:
                read(key, entry, line)

    def take(self, table: Mapping[str, Any], key: str, kind: type, line: int, default: Any = MISSING) -> Any:
        """Take a value of one type; a missing or wrong one is a problem and gives the type's empty value."""
        value = table.get(key, default)
        if value is MISSING:
            self.problem(line, "key.missing", f"{key!r} is missing")
        elif value is default or (type(value) is kind):
            return value
        else:
            self.problem(line, "key.type", f"{key!r} must be {_NAMES[kind]}")
        return default if default is not MISSING else (date.max if kind is date else kind())

    def strings(self, table: Mapping[str, Any], key: str, line: int, default: Any = MISSING) -> tuple[str, ...]:
        """Take a list of strings; anything else is a problem and gives the empty tuple."""
        values = self.take(table, key, list, line, default)
        if not values:
            return ()
        if not all(isinstance(value, str) for value in values):
            self.problem(line, "key.type", f"{key!r} must be a list of strings")
            return ()
        return tuple(values)

    def known(self, table: Mapping[str, Any], keys: Collection[str], line: int, what: str) -> None:
        """Note keys that a table does not have."""
        for key in table:
            if key not in keys:
                self.problem(line, "key.unknown", f"{what} has no {key!r}" + did_you_mean(key, keys))

    def is_day(self, value: Any, line: int, key: str) -> bool:
        """Say whether a value is a day the packs may name; note it when it is not."""
        if type(value) is date and EARLIEST <= value <= LATEST:
            return True
        self.problem(line, "key.type", f"{key!r} must be a day such as 2015-01-01, within {EARLIEST} to {LATEST}")
        return False

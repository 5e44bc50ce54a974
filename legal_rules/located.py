"""A TOML text with its limits checked and its lines known, so that every message can name file and line.

`tomllib` reads the values; it gives no positions, so a plain scan of the lines remembers where tables and
keys begin.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from .errors import PackError, Problem

MOST_BYTES = 1 << 20
MOST_LINE = 4_000
MOST_DEPTH = 16

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-\"']+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_\-]+|\"[^\"]*\"|'[^']*')\s*[=.]")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class Located:
    """One parsed file. `data` is what TOML says; `line()` finds where it says it."""

    def __init__(self, file: str, content: bytes) -> None:
        """Parse. Raises PackError, located, for anything over a limit or outside TOML."""
        self.file = file
        self.content = content
        if len(content) > MOST_BYTES:
            raise self.error(self._longest_line(content), "file.too-large", f"more than {MOST_BYTES} bytes")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise self.error(line, "file.not-utf-8", "the text is not UTF-8") from error
        self.lines = text.removesuffix("\n").split("\n")  # as TOML counts them
        self._headers: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        self._scan()
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found else len(self.lines)
            what = _AT_LINE.sub("", str(error)).strip()
            raise self.error(line, "file.not-toml", f"not TOML: {what}") from error
        except (RecursionError, ValueError) as error:
            # The scan above stops deep nesting first; this is for what it does not see.
            raise self.error(0, "file.not-toml", "the text cannot be read as TOML") from error

    def error(self, line: int, code: str, message: str) -> PackError:
        """Make the error that carries one located problem."""
        return PackError([Problem(self.file, line, code, message)])

    def line(self, table: str, index: int = 0, key: str = "", containing: str = "") -> int:
        """Find the line of a key of the index-th table of that name; of the table, else 1, when unknown."""
        dotted = (line for (name, _), line in self._headers.items() if name.startswith(f"{table}."))
        start = self._headers.get((table, index)) or next(dotted, 1)
        if key:
            start = self._keys.get((table, index, key), self._headers.get((f"{table}.{key}", 0), start))
        if containing:
            for number, line in enumerate(self.lines[max(start - 1, 0) : start + 200], max(start, 1)):
                if containing in line:
                    return number
        return start

    @staticmethod
    def _longest_line(content: bytes) -> int:
        lines = content.split(b"\n", 100_000)
        return max(range(len(lines)), key=lambda number: len(lines[number])) + 1

    def _scan(self) -> None:
        """Remember where tables and keys begin; stop at long lines and deep nesting."""
        counts: dict[str, int] = {}
        table, index, depth, multiline = "", 0, 0, ""
        for number, line in enumerate(self.lines, 1):
            if len(line) > MOST_LINE:
                raise self.error(number, "file.long-line", f"a line has at most {MOST_LINE} characters")
            if not multiline and depth == 0:
                if header := _HEADER.match(line):
                    table = header[2].replace('"', "").replace("'", "")
                    index = counts.get(table, 0) if header[1] == "[[" else 0
                    counts[table] = index + 1
                    self._headers.setdefault((table, index), number)
                    continue
                if key := _KEY.match(line):
                    self._keys.setdefault((table, index, key[1].strip("\"'")), number)
            depth, multiline = self._nesting(line, depth, multiline, number)

    def _nesting(self, line: str, depth: int, multiline: str, number: int) -> tuple[int, str]:
        """Count brackets outside strings and comments; returns depth and the open multi-line quote."""
        position = 0
        while position < len(line):
            if multiline:
                end = line.find(multiline, position)
                if end < 0:
                    return depth, multiline
                position, multiline = end + 3, ""
                continue
            character = line[position]
            if character == "#":
                break
            if line.startswith(('"""', "'''"), position):
                multiline = line[position : position + 3]
                position += 3
                continue
            if character in "\"'":
                position += 1
                while position < len(line) and line[position] != character:
                    position += 2 if line[position] == "\\" and character == '"' else 1
            elif character in "[{":
                depth += 1
                if depth > MOST_DEPTH:
                    raise self.error(number, "file.too-deep", f"brackets nest at most {MOST_DEPTH} deep")
            elif character in "]}":
                depth = max(0, depth - 1)
            position += 1
        return depth, ""

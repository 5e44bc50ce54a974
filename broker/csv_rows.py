"""Read CSV files row by row, strictly, with every defect located by its line.

UTF-8 (a byte order mark is allowed), commas, a header that is checked. Defects are collected so that all can
be fixed at once; whoever stores rows calls `Problems.refuse()` before committing, so that a file is stored
whole or not at all. Not here: what the columns mean.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from broker.errors import InputError, Problem

LISTED = 50
MAX_LINE_BYTES = 65_536
_CHUNK_BYTES = 2**20


class Problems:
    """The defects of one file: the first 50 in full, the others counted."""

    def __init__(self) -> None:
        self.count = 0
        self._listed: list[Problem] = []

    def add(self, code: str, field: str, message: str, line: int | None = None) -> None:
        """Note one defect; `field` is a column, or "file" for the file as a whole."""
        self.append(Problem(code, field, message, line))

    def append(self, problem: Problem) -> None:
        """Note one defect that is already described."""
        self.count += 1
        if len(self._listed) < LISTED:
            self._listed.append(problem)

    def refuse(self) -> None:
        """Raise InputError if there is any defect."""
        if not self.count:
            return
        listed = list(self._listed)
        if (more := self.count - len(listed)) > 0:
            listed.append(Problem("csv.more", "file", f"{more} further problems are not listed."))
        raise InputError(listed)


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: the line it begins on, counted from 1, and its values by column."""

    line: int
    values: dict[str, str]


class CsvFile:
    """A CSV file that can be digested and then read once, row by row.

    file: opened in binary mode and seekable.
    columns: the names the header must begin with, in this order.
    further: names that may follow, in any order.
    ended: the last line needs its end. Where the last column may be empty or hold any words, a file that was cut off
        in it looks whole.
    """

    def __init__(
        self, file: BinaryIO, columns: tuple[str, ...], further: Collection[str] = (), *, ended: bool = False
    ) -> None:
        self._file, self._ended = file, ended
        self._columns = columns
        self._further = frozenset(further)
        self.row_count = 0

    def sha256(self) -> str:
        """Digest the whole file, as hex."""
        self._file.seek(0)
        digest = hashlib.sha256()
        while chunk := self._file.read(_CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def rows(self, problems: Problems) -> Iterator[CsvRow]:
        """Yield the rows that have the right number of values; everything else goes to `problems`.

        Empty lines are no rows. `row_count` counts all rows, also the defective ones.
        """
        self._file.seek(0)
        self.row_count = 0
        reader = csv.reader(_lines(self._file, problems, ended=self._ended), strict=True)
        header: list[str] | None = None
        line = 1
        try:
            for values in reader:
                if header is None:
                    if not self._header_fits(values, problems):
                        return
                    header = values
                elif values:
                    self.row_count += 1
                    if len(values) == len(header):
                        yield CsvRow(line, dict(zip(header, values, strict=True)))
                    else:
                        problems.add(
                            "csv.columns",
                            "file",
                            f"This row has {len(values)} values and the header {len(header)}. Put values "
                            "that contain a comma in double quotes.",
                            line,
                        )
                line = reader.line_num + 1
        except csv.Error:
            # The reader cannot find the next row after broken quotes, so this is the last defect we can name.
            problems.add(
                "csv.quoting",
                "file",
                "The row cannot be read. Close every double quote, double those inside a value, and end "
                "lines with LF or CRLF.",
                line,
            )
            return
        if header is None and not problems.count:
            self._header_fits([], problems)

    def _header_fits(self, values: list[str], problems: Problems) -> bool:
        expected = ",".join(self._columns)
        more = values[len(self._columns) :]
        if tuple(values[: len(self._columns)]) == self._columns and self._further.issuperset(more):
            if len(set(more)) == len(more):
                return True
            problems.add("csv.header", "file", "A column is named twice in the header.", 1)
        elif len(values) == 1 and (other := _other_delimiter(values[0])):
            problems.add("csv.delimiter", "file", f"Values must be separated by commas, here it is the {other}.", 1)
        else:
            optional = f" It may go on with: {', '.join(sorted(self._further))}." if self._further else ""
            problems.add("csv.header", "file", f"The first line must be: {expected}.{optional}", 1)
        return False


def _other_delimiter(header: str) -> str | None:
    for sign, name in ((";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")):
        if sign in header:
            return name
    return None


def _lines(file: BinaryIO, problems: Problems, *, ended: bool) -> Iterator[str]:
    """Decode line by line, so that a wrong byte is reported with its line.

    A line that cannot be decoded is replaced by an empty one: the file is refused anyway, and the lines
    after it are still checked and still counted right.
    """
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                problems.add("csv.encoding", "file", "The file is UTF-16. Save it as UTF-8.", 1)
                return
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if len(raw) > MAX_LINE_BYTES:
            problems.add("csv.line", "file", f"The line is longer than {MAX_LINE_BYTES} bytes.", number)
            return
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.add(
                "csv.encoding",
                "file",
                f"Byte {error.start + 1} of the line is not UTF-8. Save the file as UTF-8 (spreadsheets call "
                'it "CSV UTF-8").',
                number,
            )
            yield "\n"
            continue
        if ended and number > 1 and not text.endswith("\n"):
            problems.add(
                "csv.cut",
                "file",
                "The last line has no end, so the file may be cut off in it. Write it again whole, with a line end.",
                number,
            )
            return
        if "\0" in text:
            problems.add("csv.encoding", "file", "The line contains a NUL byte; this is no text file.", number)
            return
        yield text

"""Take IPFIX messages apart: sets, templates, rows of fields. Strict and bounded; what the fields mean is not here.

Why this is code of ours: nothing in the log may be lost without a word, and the libraries there are do lose it.
`netflume` 0.6 (the one that is kept up; the tests compare with it) skips a set that is cut off or has a wrong length,
drops data whose template comes later and does not say how far it read, and a small message with a hostile template
keeps it busy for minutes. `netflow` 0.12 (2023) gives up a whole message for one unknown template and takes all lengths
as fixed; `ipfix` 0.9.7 is of 2014.
Source: RFC 7011 3 (messages, sets, templates, padding), 7 (variable lengths), 8.1 (withdrawal of templates).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from broker.attribution.logs.events import RecordError

MESSAGE = struct.Struct("!HHIII")
VERSION = 10
TEMPLATES, OPTIONS = 2, 3
FIRST_DATA = 256
VARIABLE = 0xFFFF

_SET = struct.Struct("!HH")
_WORD = struct.Struct("!HH")
_ENTERPRISE = 0x8000
# Elements of enterprises are none of ours; one number stands for all of them.
_FOREIGN = 0


class Message(NamedTuple):
    """exported: seconds since 1970 by the exporter. sequence: its count of data records. sets: id and body of each."""

    exported: int
    sequence: int
    domain: int
    sets: list[tuple[int, bytes]]


class Template(NamedTuple):
    """The fields of a row in order: element id (0 for an enterprise's) and length in bytes, or VARIABLE."""

    options: bool
    fields: tuple[tuple[int, int], ...]


class Layout(NamedTuple):
    """Where in a row the wanted elements stand.

    least: the fewest bytes of a row, and all of them if `steps` is empty. fixed: element, offset, length. steps, for
    rows with variable lengths: bytes to pass over, and the element that follows with its own length.
    """

    least: int
    fixed: list[tuple[int, int, int]]
    steps: list[tuple[list[tuple[int, int, int]], int, int]]


def message(data: bytes) -> Message:
    """Split a message into its sets; RECORD_SYNTAX unless they fill it exactly."""
    version, length, exported, sequence, domain = MESSAGE.unpack_from(data)
    if version != VERSION or length != len(data):
        raise RecordError("RECORD_SYNTAX")
    sets: list[tuple[int, bytes]] = []
    offset = MESSAGE.size
    while offset < length:
        if length - offset < _SET.size:
            raise RecordError("RECORD_SYNTAX")
        set_id, size = _SET.unpack_from(data, offset)
        if size <= _SET.size or offset + size > length or (set_id < FIRST_DATA and set_id not in (TEMPLATES, OPTIONS)):
            raise RecordError("RECORD_SYNTAX")
        sets.append((set_id, data[offset + _SET.size : offset + size]))
        offset += size
    return Message(exported, sequence, domain, sets)


def templates(set_id: int, body: bytes) -> Iterator[tuple[int, Template | None]]:
    """Read the templates of a set; None with an id withdraws that template, None with the set's own id all of them."""
    offset, options = 0, set_id == OPTIONS
    while len(body) - offset >= _WORD.size:
        template_id, count = _WORD.unpack_from(body, offset)
        if template_id == 0 and not any(body[offset:]):
            return
        offset += _WORD.size
        if count == 0 and (template_id >= FIRST_DATA or template_id == set_id):
            yield template_id, None
            continue
        if template_id < FIRST_DATA or count == 0:
            raise RecordError("TEMPLATE_SYNTAX")
        if options:
            # How many of the fields are the scope.
            if not 0 < int.from_bytes(body[offset : offset + 2]) <= count:
                raise RecordError("TEMPLATE_SYNTAX")
            offset += 2
        fields: list[tuple[int, int]] = []
        for _ in range(count):
            if len(body) - offset < _WORD.size:
                raise RecordError("TEMPLATE_SYNTAX")
            element, length = _WORD.unpack_from(body, offset)
            offset += _WORD.size
            if element & _ENTERPRISE:
                if len(body) - offset < 4:
                    raise RecordError("TEMPLATE_SYNTAX")
                offset += 4
                element = _FOREIGN
            fields.append((element, length))
        least = sum(1 if length == VARIABLE else length for _, length in fields)
        if not 0 < least < VARIABLE:
            raise RecordError("TEMPLATE_SYNTAX")
        yield template_id, Template(options, tuple(fields))
    if any(body[offset:]):
        raise RecordError("TEMPLATE_SYNTAX")


def layout(template: Template, wanted: Mapping[int, object]) -> Layout:
    """Find the wanted elements in the rows of a template; ATTRIBUTE_SEVERAL if one of them stands there twice."""
    seen = [element for element, _ in template.fields if element in wanted]
    if len(set(seen)) != len(seen):
        raise RecordError("ATTRIBUTE_SEVERAL")
    steps: list[tuple[list[tuple[int, int, int]], int, int]] = []
    fixed: list[tuple[int, int, int]] = []
    offset = least = 0
    for element, length in template.fields:
        if length == VARIABLE:
            steps.append((fixed, offset, element if element in wanted else _FOREIGN))
            fixed, offset, least = [], 0, least + 1
            continue
        if element in wanted:
            fixed.append((element, offset, length))
        offset, least = offset + length, least + length
    if steps:
        # What follows the last variable field has no such field after it.
        steps.append((fixed, offset, -1))
        fixed = []
    return Layout(least, fixed, steps)


def rows(shape: Layout, body: bytes) -> Iterator[dict[int, bytes]]:
    """Cut a data set into rows, each with the wanted elements; RECORD_SYNTAX unless only zeros are left over."""
    offset, end = 0, len(body)
    if end < shape.least:
        raise RecordError("RECORD_SYNTAX")
    while end - offset >= shape.least:
        if not shape.steps:
            yield {element: body[offset + at : offset + at + length] for element, at, length in shape.fixed}
            offset += shape.least
            continue
        row: dict[int, bytes] = {}
        for fixed, size, element in shape.steps:
            for name, at, length in fixed:
                row[name] = body[offset + at : offset + at + length]
            offset += size
            if element >= 0:
                start, stop = _variable(body, offset)
                if element != _FOREIGN:
                    row[element] = body[start:stop]
                offset = stop
        if offset > end:
            raise RecordError("RECORD_SYNTAX")
        yield row
    if any(body[offset:]):
        raise RecordError("RECORD_SYNTAX")


def _variable(body: bytes, offset: int) -> tuple[int, int]:
    """Give where a value of variable length begins and ends: its length is one byte, or 255 and two bytes."""
    if offset >= len(body):
        raise RecordError("RECORD_SYNTAX")
    length, start = body[offset], offset + 1
    if length == 255:
        length, start = int.from_bytes(body[start : start + 2]), start + 2
    if start + length > len(body):
        raise RecordError("RECORD_SYNTAX")
    return start, start + length

"""Lines as the forms take them: text in a box, or a CSV file whose text then stands in the box."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from broker.csv_rows import CsvFile, Problems
from broker.intake.api import CSV_MAX_BYTES
from broker.orders.terms import LINE_FURTHER, LINE_HEADER


def sent_lines(text: str, upload: UploadedFile[bytes] | None) -> bytes:
    """The bytes to read lines from: the file where one was sent, else the box. One byte too many marks a long file."""
    return text.encode() if upload is None else upload.read(CSV_MAX_BYTES + 1)


def shown_lines(content: bytes) -> str:
    """The same lines for the box, so that they can be mended there; what is no UTF-8 is shown as a question mark."""
    return content.decode("utf-8-sig", errors="replace").replace("\x00", "\ufffd")


def order_lines(text: str) -> list[dict[str, str]]:
    """Read the lines an order covers from the box; raises InputError for another header or shape."""
    problems = Problems()
    rows = [row.values for row in CsvFile(io.BytesIO(text.encode()), LINE_HEADER, LINE_FURTHER).rows(problems)]
    problems.refuse()
    return [{name: value.strip() for name, value in row.items()} for row in rows]


def order_lines_text(lines: Iterable[Mapping[str, Any]]) -> str:
    """Write the lines an order covers as the box takes them."""
    rows = [dict(line) for line in lines]
    further = [name for name in LINE_FURTHER if any(row.get(name) for row in rows)]
    out = io.StringIO()
    writer = csv.DictWriter(out, (*LINE_HEADER, *further), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()

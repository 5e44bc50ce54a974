"""Files made to use up time or memory get their refusal, in time and within the memory allowed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from broker.orders.models import CourtOrder
from broker.orders.services import attach_order
from broker.orders.verification import MAX_BYTES
from broker.orders.walls import MEMORY_BYTES
from broker.outbox.models import OutboxRow
from tests.support.cases import cover, file_lines, make_desk, make_line, order_terms
from tests.support.court import SIGNED_AT

SECONDS = 20
AT = SIGNED_AT + timedelta(hours=1)
# Examine a file, and say what came of it and how much memory the examination had at most.
EXAMINE = """
import json, resource, sys
from datetime import datetime
from pathlib import Path
from broker.orders.sandbox import run_verification
from broker.orders.trust import CourtTrust
verdict = run_verification(Path(sys.argv[1]).read_bytes(), CourtTrust(), datetime.fromisoformat(sys.argv[2]))
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([verdict.passed, verdict.failure.number, verdict.failure.code, most]))
"""


def with_table(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Write a PDF of these objects, numbered from 1, with a classical table."""
    body, rows = bytearray(b"%PDF-1.7\n"), [b"0000000000 65535 f "]
    for number, content in enumerate(objects, start=1):
        rows.append(b"%010d 00000 n " % len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n%s\n" % (len(rows), b"\n".join(rows))
    body += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(rows), trailer, start)
    return bytes(body)


def with_stream(entries: bytes, objects: bytes, extra: bytes = b"", filters: bytes = b"/FlateDecode") -> bytes:
    """Write a PDF whose table is a stream, number 1; entries are its packed bytes, of 1, 4 and 2 bytes each."""
    head = b"%PDF-1.7\n" + objects
    dictionary = b"<</Type/XRef/W[1 4 2]/Root 2 0 R/Filter[%s]/Length %d%s>>" % (filters, len(entries), extra)
    return head + b"1 0 obj\n%s\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        dictionary,
        entries,
        len(head),
    )


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[]/Count 0>>"


def deep_nesting() -> bytes:
    return with_table([CATALOG, b"[" * 200_000 + b"]" * 200_000])


def deep_dictionaries() -> bytes:
    return with_table([CATALOG, b"<</A" * 100_000 + b" 1" + b">>" * 100_000])


def looping_tables() -> bytes:
    pdf = with_table([CATALOG, PAGES])
    table = int(pdf.split(b"startxref\n")[1].split()[0])
    return pdf.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %d>>" % table)


def many_objects() -> bytes:
    return with_table([CATALOG, PAGES, *[b"[]"] * 200_000])


def million_rows() -> bytes:
    # As many as fit into the size allowed, all of them the same object.
    rows = b"0000000009 00000 n \n" * 1_000_000
    body = b"%PDF-1.7\n1 0 obj\n" + CATALOG + b"\nendobj\n"
    pdf = body + b"xref\n0 1000000\n" + rows + b"trailer\n<</Size 1000000/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return pdf.replace(b"%d\n%%%%EOF", b"%d\n%%%%EOF" % len(body)).replace(b"%%%%", b"%%")


def million_packed_objects() -> bytes:
    entries = b"\x01\0\0\0\x09\0\0" * 1_000_000
    return with_stream(zlib.compress(entries, 9), b"", b"/Size 1000000")


def table_without_end() -> bytes:
    return with_stream(zlib.compress(b"\x01\0\0\0\x09\0\0"), b"", b"/Size 4294967295/Index[0 4294967295]")


def nested_filters() -> bytes:
    data = b"\0" * 100_000_000
    for _ in range(3):
        data = zlib.compress(data, 9)
    return with_stream(data, b"", b"/Size 9", b"/FlateDecode" * 3)


def thousand_filters() -> bytes:
    return with_stream(zlib.compress(b"x"), b"", b"/Size 9", b"/FlateDecode" * 100_000)


def page_that_unpacks() -> bytes:
    data = zlib.compress(b"\0" * 300_000_000, 9)
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R>>"
    stream = b"<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (len(data), data)
    return with_table([CATALOG, PAGES, page, stream])


def metadata_that_unpacks() -> bytes:
    data = zlib.compress(b"\0" * 300_000_000, 9)
    stream = b"<</Type/Metadata/Subtype/XML/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (len(data), data)
    return with_table([CATALOG, PAGES, stream])


def quine() -> bytes:
    """An object stream that holds itself: to read it one has to have read it."""
    entries = b"".join(
        (
            b"\0\0\0\0\0\xff\xff",
            b"\x01\0\0\0\x09\0\0",
            b"\x02\0\0\0\x03\0\0",
            b"\x02\0\0\0\x03\0\x01",
        )
    )
    return with_stream(zlib.compress(entries), b"", b"/Size 4")


def length_of_itself() -> bytes:
    return with_table([CATALOG, PAGES, b"<</Length 3 0 R>>\nstream\nx\nendstream"])


BOMBS: list[Callable[[], bytes]] = [
    deep_nesting,
    deep_dictionaries,
    looping_tables,
    many_objects,
    million_rows,
    million_packed_objects,
    table_without_end,
    nested_filters,
    thousand_filters,
    page_that_unpacks,
    metadata_that_unpacks,
    quine,
    length_of_itself,
]


@pytest.mark.parametrize("build", BOMBS, ids=lambda build: build.__name__)
def test_gets_its_refusal_in_time_and_within_the_memory_allowed(build: Callable[[], bytes], tmp_path: Path) -> None:
    file = tmp_path / "order.pdf"
    pdf = build()
    assert len(pdf) <= MAX_BYTES, "refused for its size, so it tries nothing"
    file.write_bytes(pdf)
    started = time.monotonic()
    command = [sys.executable, "-c", EXAMINE, str(file), AT.isoformat()]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    passed, number, code, memory = json.loads(done.stdout)
    assert not passed
    assert number in {0, 2, 3, 4}, code
    assert memory <= MEMORY_BYTES
    # The limit, and what starting two interpreters on a busy machine takes.
    assert time.monotonic() - started < SECONDS + 10


@pytest.mark.django_db
def test_whoever_uploads_a_bomb_is_answered_before_anybody_opens_it() -> None:
    desk = make_desk()
    request = file_lines(desk)
    order = attach_order(desk.clerk, request, "DP 118/2026", nested_filters(), order_terms(desk, [cover(make_line(1))]))
    assert order.state == CourtOrder.State.RECEIVED
    assert OutboxRow.objects.filter(kind="check-order", subject_id=order.id, done=False).exists()

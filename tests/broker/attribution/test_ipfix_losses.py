"""IPFIX messages that never came, or cannot be read, leave a gap in what their source answers for."""

from __future__ import annotations

import io

import pytest

from broker.attribution.log_counts import LogReport
from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Reason, Resolution
from broker.leases.models import LogReject
from tests.support.detail_log import DAY, HOUR, ask, read
from tests.support.ipfix_messages import BLOCK, message, template
from tests.support.ipfix_messages import row as row_of
from tests.support.lost_records import PUBLIC, inner_log, spans, two_lines

pytestmark = pytest.mark.django_db(databases=["default", "leases"])


@pytest.fixture(autouse=True)
def lines() -> None:
    two_lines()
    inner_log()


def blocks(hour: float, event: int, inner: int, first: int, sequence: int, *, number: int = 257) -> bytes:
    """A message of one row: somebody gets (16) or gives back (17) a block."""
    at = DAY + hour * HOUR
    values = (event, f"100.64.3.{inner}", PUBLIC, 0, first, first + 511, 1, 512, int(at.timestamp() * 1000))
    return message((number, row_of(BLOCK, *values)), exported=int(at.timestamp()) + 1, sequence=sequence)


def read_messages(*messages: bytes, portion: int = 1000) -> LogReport:
    told = Told(device="n1", numbering="rfc8158")
    stream = io.BytesIO(b"".join([message(template(257, BLOCK), exported=int(DAY.timestamp())), *messages]))
    return read(stream, source="nat", format_name="ipfix", told=told, place="nat", chunk_records=portion)


@pytest.mark.parametrize("portion", [1, 1000])
def test_messages_that_never_came_leave_a_gap(portion: int) -> None:
    # Numbers 1 to 6 gave the block to line-2 and took it back.
    read_messages(
        blocks(2, 16, 1, 20_480, 0), blocks(12, 17, 1, 20_480, 7), blocks(20, 16, 2, 1024, 8), portion=portion
    )
    for port in (20_500, 30_800):
        assert ask(PUBLIC, DAY + 6 * HOUR, port).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 15 * HOUR, 20_500).outcome is Resolution.NONE


@pytest.mark.parametrize("portion", [1, 1000])
def test_data_whose_template_never_comes_are_refused_after_an_hour(portion: int) -> None:
    others = [blocks(h, 16 + h % 2, 1, 20_480, n + (h > 3) + (h > 9)) for n, h in enumerate(range(2, 22))]
    unknown = [
        blocks(h + 0.5, kind, 2, 30_720, h - 1 + n, number=300) for n, (h, kind) in enumerate(((3, 16), (9, 17)))
    ]
    report = read_messages(*others[:2], unknown[0], *others[2:8], unknown[1], *others[8:], portion=portion)
    assert (report.rejected, report.ignored) == ({"TEMPLATE_MISSING": 2}, 1)
    assert LogReject.objects.count() == 2
    assert ask(PUBLIC, DAY + 3.5 * HOUR, 30_800).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 9.5 * HOUR, 30_800).reasons == {Reason.COLLECTION_GAP}


def test_data_whose_template_comes_later_are_read_and_leave_no_gap() -> None:
    first, last = blocks(2, 16, 1, 20_480, 0), blocks(4, 17, 1, 20_480, 2)
    waiting = blocks(3, 16, 2, 30_720, 1, number=300)
    late = message(template(300, BLOCK), exported=int((DAY + 3 * HOUR).timestamp()) + 60, sequence=2)
    before = read_messages(first, waiting)
    assert (before.events, before.ignored, before.rejected) == (1, 1, {})
    report = read_messages(first, waiting, late, last, blocks(12, 16, 1, 1024, 3))
    assert (report.events, report.ignored, report.rejected) == (4, 1, {})
    assert spans() == [(DAY + 2 * HOUR, DAY + 11 * HOUR)]

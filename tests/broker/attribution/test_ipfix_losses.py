"""IPFIX messages that never came, or cannot be read, leave a gap in what their source answers for."""

from __future__ import annotations

import io

import pytest

from broker.attribution.log_counts import LogReport
from broker.attribution.logs.formats import Told
from broker.attribution.verdict import Reason, Resolution
from broker.leases.models import LogProgress, LogReject
from tests.support.detail_log import DAY, HOUR, ask, read
from tests.support.ipfix_messages import BLOCK, message, template
from tests.support.ipfix_messages import row as row_of
from tests.support.lost_records import PUBLIC, inner_log, spans, two_lines

pytestmark = pytest.mark.django_db(databases=["default", "leases"])


@pytest.fixture(autouse=True)
def lines() -> None:
    two_lines()
    inner_log()


def row(hour: float, event: int, inner: int, first: int) -> bytes:
    """Somebody gets (16) or gives back (17) a block."""
    at = int((DAY + hour * HOUR).timestamp() * 1000)
    return row_of(BLOCK, event, f"100.64.3.{inner}", PUBLIC, 0, first, first + 511, 1, 512, at)


def blocks(hour: float, event: int, inner: int, first: int, sequence: int, *, number: int = 257) -> bytes:
    """A message of one row."""
    sent_at = int((DAY + hour * HOUR).timestamp()) + 1
    return message((number, row(hour, event, inner, first)), exported=sent_at, sequence=sequence)


def templates(hour: float, *numbers: int, sequence: int = 0) -> bytes:
    sets = [template(number, BLOCK) for number in numbers]
    return message(*sets, exported=int((DAY + hour * HOUR).timestamp()), sequence=sequence)


def read_file(place: str, *messages: bytes, portion: int = 1000, device: str = "n1") -> LogReport:
    told = Told(device=device, numbering="rfc8158")
    stream = io.BytesIO(b"".join(messages))
    return read(stream, source="nat", format_name="ipfix", told=told, place=place, chunk_records=portion)


def read_messages(*messages: bytes, portion: int = 1000) -> LogReport:
    return read_file("nat", templates(0, 257), *messages, portion=portion)


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
    late = templates(3 + 1 / 60, 300, sequence=2)
    before = read_messages(first, waiting)
    assert (before.events, before.ignored, before.rejected) == (1, 1, {})
    report = read_messages(first, waiting, late, last, blocks(12, 16, 1, 1024, 3))
    assert (report.events, report.ignored, report.rejected) == (4, 1, {})
    assert spans() == [(DAY + 2 * HOUR, DAY + 11 * HOUR)]


@pytest.mark.parametrize("portion", [1, 2, 1000])
def test_messages_that_never_came_while_others_waited_for_their_template_leave_a_gap(portion: int) -> None:
    # Numbers 2 to 7 gave the block to line-2 and took it back.
    waiting = [blocks(2, 16, 1, 20_480, 0), blocks(2.02, 16, 2, 1024, 1), blocks(2.6, 16, 2, 8192, 8)]
    rest = [blocks(2.71, 17, 2, 8192, 9), blocks(13, 17, 1, 20_480, 10), blocks(20, 16, 1, 4096, 11)]
    report = read_file("nat", *waiting, templates(2.7, 257, sequence=9), *rest, portion=portion)
    assert (report.events, report.rejected.total()) == (6, 0)
    assert ask(PUBLIC, DAY + 2.3 * HOUR, 20_500).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 4 * HOUR, 20_500).subscriber == "c-1"


@pytest.mark.parametrize("portion", [1, 1000])
def test_data_that_are_given_up_do_not_take_a_sound_message_with_them(portion: int) -> None:
    both = message(
        template(300, BLOCK),
        (257, row(4, 16, 1, 30_720)),
        exported=int((DAY + 4 * HOUR).timestamp()) + 1,
        sequence=2,
    )
    late = blocks(2.5, 16, 2, 8192, 1, number=300)
    report = read_messages(
        blocks(2, 16, 1, 20_480, 0),
        late,
        both,
        blocks(9, 17, 1, 30_720, 3),
        blocks(12, 16, 2, 1024, 4),
        portion=portion,
    )
    assert (report.events, report.rejected) == (4, {"TEMPLATE_LATE": 1})
    assert ask(PUBLIC, DAY + 6 * HOUR, 30_800).subscriber == "c-1"
    assert ask(PUBLIC, DAY + 2.5 * HOUR, 33_000).reasons == {Reason.COLLECTION_GAP}


F1 = (templates(0, 257), blocks(2, 16, 1, 20_480, 0), blocks(9.99, 16, 2, 1024, 1))


@pytest.mark.parametrize("portion", [1, 1000])
@pytest.mark.parametrize("files", [1, 2])
def test_messages_that_never_came_between_two_files_leave_a_gap(files: int, portion: int) -> None:
    # Numbers 2 to 5 gave the block to line-2 and took it back.
    rest = [templates(10.05, 257, sequence=6), blocks(10.06, 17, 2, 1024, 6)]
    rest += [blocks(13, 17, 1, 20_480, 7), blocks(20, 16, 1, 4096, 8)]
    if files == 1:
        read_file("one", *F1, *rest, portion=portion)
    else:
        read_file("one", *F1, portion=portion)
        read_file("two", *rest, portion=portion)
    assert ask(PUBLIC, DAY + 10.03 * HOUR, 20_500).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 10.03 * HOUR, 33_000).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 9 * HOUR, 20_500).subscriber == "c-1"
    assert ask(PUBLIC, DAY + 12 * HOUR, 20_500).subscriber == "c-1"


def test_what_another_exporter_sends_fills_no_gap() -> None:
    read_file("one", *F1)
    rest = [blocks(10.06, 17, 2, 1024, 6), blocks(13, 17, 1, 20_480, 7), blocks(20, 16, 1, 4096, 8)]
    read_file("two", templates(10.05, 257, sequence=6), *rest)
    others = [templates(0, 257), *(blocks(h + 0.5, 16 + h % 2, 2, 40_960, h) for h in range(21))]
    read_file("three", *others, device="n2")
    assert ask(PUBLIC, DAY + 10.03 * HOUR, 20_500).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 12 * HOUR, 20_500).subscriber == "c-1"


def test_a_file_that_is_read_further_after_the_next_one_was_begun_leaves_no_gap() -> None:
    last = blocks(10, 17, 2, 1024, 2)
    rest = [templates(10.05, 257, sequence=3), blocks(10.06, 16, 2, 1024, 3), blocks(13, 17, 1, 20_480, 4)]
    read_file("one", *F1)
    read_file("two", *rest[:2])
    read_file("one", *F1, last)
    read_file("two", *rest, blocks(20, 16, 1, 4096, 5))
    assert spans() == [(DAY + 2 * HOUR, DAY + 19 * HOUR)]


def test_a_file_goes_on_with_the_templates_of_the_one_before() -> None:
    read_file("one", *F1)
    report = read_file("two", blocks(10.01, 17, 2, 1024, 2), blocks(13, 17, 1, 20_480, 3), blocks(20, 16, 1, 4096, 4))
    assert (report.events, report.rejected.total()) == (3, 0)
    assert spans() == [(DAY + 2 * HOUR, DAY + 19 * HOUR)]
    assert ask(PUBLIC, DAY + 12 * HOUR, 20_500).subscriber == "c-1"


@pytest.mark.parametrize(
    ("hour", "sequence"),
    [
        # Messages are missing; it has begun anew; it is long after.
        (10.01, 3),
        (10.01, 0),
        (11.1, 2),
    ],
)
def test_a_file_that_does_not_go_on_there_waits_for_templates_of_its_own(hour: float, sequence: int) -> None:
    read_file("one", *F1)
    first = blocks(hour, 17, 2, 1024, sequence)
    assert read_file("two", first).events == 0
    # It reads them with other templates than those of the file before.
    assert read_file("two", first, templates(hour + 0.1, 257, sequence=sequence + 1)).events == 1


@pytest.mark.parametrize("portion", [1, 1000])
def test_what_waits_at_the_end_of_a_file_is_given_up_when_the_next_one_has_gone_on_for_an_hour(portion: int) -> None:
    waiting = blocks(10, 16, 2, 30_720, 2, number=300)
    rest = [*(blocks(h, 16 + h % 2, 2, 1024, h - 8) for h in range(11, 21)), blocks(21, 17, 1, 20_480, 13)]
    read_file("one", *F1, waiting, portion=portion)
    read_file("two", templates(10.5, 257, sequence=3), portion=portion)
    assert LogReject.objects.count() == 0
    read_file("two", templates(10.5, 257, sequence=3), *rest, portion=portion)
    (reject,) = LogReject.objects.all()
    first, second = LogProgress.objects.filter(format="ipfix").order_by("pk")
    assert (reject.log_id, reject.position, reject.code) == (first.pk, sum(map(len, F1)), "TEMPLATE_MISSING")
    assert (first.counts["rejected"], first.counts["waiting"]) == ({"TEMPLATE_MISSING": 1}, [])
    assert second.counts["rejected"] == {}
    assert ask(PUBLIC, DAY + 10 * HOUR, 30_800).reasons == {Reason.COLLECTION_GAP}
    assert ask(PUBLIC, DAY + 12 * HOUR, 20_500).subscriber == "c-1"
    # Once.
    read_file("two", templates(10.5, 257, sequence=3), *rest, blocks(22, 16, 2, 1024, 14), portion=portion)
    read_file("one", *F1, waiting, templates(10.1, 300, sequence=3), portion=portion)
    assert LogReject.objects.count() == 1

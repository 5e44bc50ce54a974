"""Standard input that stays open for days: what comes is stored while it comes, and time goes on for it."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.attribution.verdict import Resolution
from broker.leases.models import LogProgress
from tests.support.detail_log import DAY, HOUR, ask, read
from tests.support.lease_files import OURS, plan
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases"])

MINUTE = timedelta(minutes=1)


def test_records_written_after_the_start_are_no_future_and_are_stored_while_the_pipe_is_open() -> None:
    plan(*OURS)
    ours, theirs = os.pipe()
    seen: list[dict[str, int]] = []
    clock = [DAY]

    def record(at: datetime) -> bytes:
        clock[0] = at
        return packet(at, "Interim-Update", f"s{at:%d%H%M}", "line-1", "198.51.100.7", 60).encode()

    def write() -> None:
        with os.fdopen(theirs, "wb", buffering=0) as pipe:
            for n in range(200):
                # The first bytes of a log say which it is; after them one record comes now and then.
                pipe.write(record(DAY + n * MINUTE))
                written.append(n)
                if n > 30 and stored.wait(0.2):
                    break
            for n in range(72):
                pipe.write(record(DAY + 4 * HOUR + n * HOUR / 3))
                written.append(n)

    stored = threading.Event()
    written: list[int] = []

    def progress(report: object) -> None:
        seen.append(LogProgress.objects.get().counts)
        stored.set()

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(ours, "rb") as pipe:
        report = read(pipe, clock=lambda: clock[0], progress=progress)
    writer.join()
    assert (report.records, report.rejected.total()) == (len(written), 0)
    # The first were stored before the last were written.
    assert seen[0]["records"] <= len(written) - 72
    assert ask("198.51.100.9", DAY + 20 * HOUR).outcome is Resolution.NONE


def test_a_file_that_is_read_at_once_is_one_chunk(tmp_path: Path) -> None:
    file = tmp_path / "detail"
    file.write_text("".join(packet(DAY + n * MINUTE, "Start", f"s{n}", "line-1", "198.51.100.7") for n in range(30)))
    chunks: list[int] = []
    with file.open("rb") as stream:
        read(stream, progress=lambda report: chunks.append(report.records))
    assert chunks == [30]

"""`manage.py replay`: every stored answer comes out the same; what does not is named, and nothing else said of it."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from broker.assessment import replaying
from broker.assessment.models import AssessmentRecord, PackVersion
from broker.databases import Process
from broker.row_context import RowContext, acting
from legal_rules import ENGINE, Pack
from tests.legal_rules.test_comparison import AFTER_IT, NEW, OLD, UNDER_THE_PRACTICE, decide, sketch

pytestmark = pytest.mark.django_db


def store(content: bytes, pack: Pack) -> str:
    """Store an answer as the product does, with the text of its pack."""
    PackVersion.objects.get_or_create(
        text_hash=pack.text_hash,
        defaults={"pack": pack.id, "meaning_hash": pack.meaning_hash, "content": json.dumps(pack.files)},
    )
    data = json.loads(content)
    record = AssessmentRecord.objects.create(
        digest=hashlib.sha256(content).hexdigest(),
        pack_version_id=pack.text_hash,
        content=content.decode(),
        outcome=data["outcome"],
        granted=data["granted"],
    )
    return record.digest


def run(*arguments: str) -> tuple[str, int]:
    """Run the command; returns what it printed and its exit status."""
    said = StringIO()
    try:
        call_command("replay", *arguments, stdout=said, stderr=StringIO())
    except SystemExit as end:
        return said.getvalue(), int(str(end.code))
    return said.getvalue(), 0


@pytest.fixture
def todays(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say which pack is today's."""

    def is_today(pack: Pack) -> None:
        monkeypatch.setattr(replaying, "packaged_ids", lambda: (pack.id,))
        monkeypatch.setattr(replaying, "load_pack", lambda name: pack)

    return is_today


def test_every_record_comes_out_byte_for_byte_whatever_todays_files_say() -> None:
    for text in (OLD, NEW):
        for on in (UNDER_THE_PRACTICE, AFTER_IT):
            store(decide(sketch(text), on), sketch(text))
    assert run() == ("4 record(s): 4 the same byte for byte, 0 different.\n", 0)


def test_a_record_whose_bytes_were_altered_is_named_and_nothing_else_of_it() -> None:
    store(decide(sketch(OLD), AFTER_IT), sketch(OLD))
    content = decide(sketch(OLD), UNDER_THE_PRACTICE, **{"ordered-by-court": True})
    altered = store(content.replace(b'"says":"A court may', b'"says":"A judge may'), sketch(OLD))
    said, status = run()
    assert status == 1
    assert said.splitlines() == [
        f"{altered} differs [replay.other-bytes]",
        "2 record(s): 1 the same byte for byte, 1 different.",
    ]


def test_a_record_under_a_text_that_is_not_its_packs_differs() -> None:
    pack = sketch(NEW)
    PackVersion.objects.create(
        text_hash=pack.text_hash, meaning_hash="", pack=pack.id, content=json.dumps([["sketch.toml", OLD]])
    )
    digest = store(decide(pack, AFTER_IT), pack)
    assert run()[0].splitlines()[0] == f"{digest} differs [pack.other-text]"


def test_a_record_of_another_engine_is_reported_as_such_and_not_as_equal() -> None:
    store(decide(sketch(OLD), AFTER_IT), sketch(OLD))
    content = decide(sketch(OLD), UNDER_THE_PRACTICE)
    store(content.replace(f'"engine":"{ENGINE}"'.encode(), b'"engine":"1"'), sketch(OLD))
    said, status = run()
    assert status == 0
    assert said.splitlines() == [
        f"1 record(s) made by engine 1: not replayable by engine {ENGINE}",
        "2 record(s): 1 the same byte for byte, 0 different.",
    ]
    assert json.loads(run("--json")[0])["other_engines"] == {"1": 1}


def test_jobs_may_read_all_that_a_replay_needs() -> None:
    store(decide(sketch(OLD), AFTER_IT), sketch(OLD))
    with acting(RowContext(Process.JOBS, Process.JOBS.value)):
        assert run() == ("1 record(s): 1 the same byte for byte, 0 different.\n", 0)
        assert run("--with-todays-packs")[1] == 0


def test_each_pack_text_is_read_once_and_records_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(1, 8):
        store(decide(sketch(OLD), date(2018, 6, day)), sketch(OLD))
    monkeypatch.setattr(replaying, "CHUNK", 2)
    queries = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    steps: list[tuple[int, int]] = []
    with connection.execute_wrapper(count):
        found = replaying.replay_all(lambda done, total: steps.append((done, total)))
    assert found.equal == 7
    assert steps[-1] == (7, 7)
    assert sum("pack_version" in sql and "content" in sql and "assessment_record" not in sql for sql in queries) == 1


def test_today_reports_the_judgment_that_ended_the_practice(todays: Any) -> None:
    todays(sketch(NEW))
    digest = store(decide(sketch(NEW), UNDER_THE_PRACTICE), sketch(NEW))
    said, status = run("--with-todays-packs", "--on", "2018-05-07")
    assert status == 0
    assert said.splitlines() == [
        "On the day that governed then, today's packs decide otherwise (the encoding changed): 0 of 1 record(s).",
        "",
        "On 2018-05-07, today's packs decide otherwise (the law or its encoding changed, or a time limit ran out): "
        "1 of 1 record(s).",
        "",
        "Pack sketch, 1 record(s) as of 2018-05-06: NEEDS_JUDGEMENT (name) -> REFUSED",
        "  ground of refusal: logs-kept-for-the-police",
        "    before: no effect",
        "    after (met): Logs kept for the police identify nobody in a civil case.",
        "      Source: Østre Landsret, 7 May 2018, B-2451-17; from 2018-05-07; source unchecked, medium confidence",
        "  left to people: secrecy-of-communications",
        "    before (met): The court weighed the claim against the secrecy of communications.",
        "      Source: Practice of the courts; from 2010-01-01 to 2018-05-06; source unchecked, low confidence",
        "    after: no effect",
        f"  records: {digest}",
    ]


def test_an_encoding_that_learnt_of_the_judgment_is_told_from_law_that_changed(todays: Any) -> None:
    todays(sketch(NEW))
    before = store(decide(sketch(OLD), UNDER_THE_PRACTICE), sketch(OLD))
    after = store(decide(sketch(OLD), date(2018, 6, 1)), sketch(OLD))
    found = json.loads(run("--with-todays-packs", "--on", "2018-07-01", "--json")[0])
    assert found["records"] == 2
    by_question: dict[str, list[str]] = {"encoding": [], "today": []}
    for group in found["otherwise"]:
        by_question[group["question"]] += group["digests"]
    assert by_question["encoding"] == [after]
    assert sorted(by_question["today"]) == sorted([before, after])
    encoding = next(group for group in found["otherwise"] if group["question"] == "encoding")
    assert encoding["comparison"]["after"] == "REFUSED"
    assert encoding["comparison"]["rules"][-1]["rule"] == "logs-kept-for-the-police"


def test_records_that_change_in_the_same_way_are_told_once(todays: Any) -> None:
    todays(sketch(NEW))
    for day in range(1, 6):
        store(decide(sketch(OLD), date(2018, 6, day)), sketch(OLD))
    found = replaying.reconsider_all(date(2018, 7, 1))
    assert [(group.question, len(group.digests)) for group in found.otherwise] == [("encoding", 5), ("today", 5)]
    assert "and 2 more" in run("--with-todays-packs", "--on", "2018-07-01")[0]


def test_a_pack_that_is_gone_is_said_and_no_file_of_that_name_is_read(todays: Any) -> None:
    digest = store(decide(sketch(OLD), AFTER_IT), sketch(OLD))
    assert replaying.reconsider_all(AFTER_IT).unusable == {digest: "replay.pack-gone"}


def test_refuses_a_day_that_is_none_and_a_day_for_a_replay() -> None:
    for arguments in (("--with-todays-packs", "--on", "yesterday"), ("--on", "2018-05-07")):
        with pytest.raises(CommandError):
            run(*arguments)

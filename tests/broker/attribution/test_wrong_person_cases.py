"""The documented cases in which the wrong person was named end here in a question, a refusal or no name.

Each case is a file of `fixtures/wrong_person` with its source, and is taken the whole way: filed with its evidence,
questioned, ordered, put before two people, answered by the worker. Source: attribution.md 3.9.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from broker.attribution.logs.formats import Told
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.errors import BrokerError, InputError
from broker.intake.lines import read_csv
from broker.intake.models import DisclosureRequest, LineQuestion, State
from broker.intake.services import withdraw_request
from broker.intake.slip_questions import SentEvidence, answer_question_about_line
from broker.leases.models import Lease, LogReject
from broker.orders.models import OrderCheck
from broker.parties.middleware import context_of
from broker.release.models import SealedRelease
from broker.row_context import acting
from tests.support.detail_log import DAY, HOUR, contracts, log, read, two_sessions
from tests.support.flow import Flow, civil_terms
from tests.support.lease_files import store
from tests.support.log_lines import packet

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

FIXTURES = Path(settings.BASE_DIR) / "fixtures"
CASES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in (FIXTURES / "wrong_person").glob("*.toml")}


def tries(*ends: str) -> Iterator[Any]:
    """The tries of all cases that end so, each named by its case and what is tried."""
    for name, case in sorted(CASES.items()):
        for attempt in case.get("try", ()):
            if attempt["ends"] in ends:
                yield pytest.param(attempt, id=f"{name}: {attempt['says']}")


@pytest.fixture(autouse=True)
def _logs_are_kept(settings: Settings) -> None:
    settings.LEASE_RETENTION_DAYS = 20 * 365


def file(flow: Flow, attempt: dict[str, Any]) -> DisclosureRequest:
    evidence = None
    if "evidence" in attempt:
        evidence = SentEvidence((FIXTURES / "evidence" / attempt["evidence"]).read_bytes())
    return flow.file(attempt["lines"], evidence=evidence)


def order(flow: Flow, request: DisclosureRequest, lines: list[dict[str, Any]]) -> None:
    """Attach an order that covers these lines, made after all of them, and have it checked."""
    yesterday = (timezone.now() - timedelta(days=1)).date().isoformat()
    flow.attach(request, civil_terms(lines, issued_on=yesterday))
    flow.run()


def answered(flow: Flow, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take lines without evidence all the way; give what the recipient reads."""
    request = flow.file(lines)
    flow.run()
    order(flow, request, lines)
    flow.approve(request)
    flow.run()
    return flow.answers(request)


def states(request: DisclosureRequest) -> list[str]:
    return list(request.lines.order_by("number").values_list("state", flat=True))


def nobody_decides(flow: Flow, request: DisclosureRequest, numbers: list[int]) -> None:
    """Neither seat can approve any of these lines, and nothing is answered."""
    for name in ("laura", "pedro"):
        for line in request.lines.filter(number__in=numbers):
            with acting(context_of(flow.person(name))), pytest.raises(BrokerError):
                decide(flow.person(name), request, [line.id], Decision.Verdict.APPROVE, "Compared.")
    flow.run()
    assert not SealedRelease.objects.exists()


def test_every_case_has_its_source_and_date_and_is_tried() -> None:
    assert len(CASES) == 10
    tested = Path(__file__).read_text("utf-8")
    for name, case in CASES.items():
        assert all(case[field] for field in ("title", "source", "date", "happened")), name
        assert case.get("try") or f"def {case['tested'].removesuffix('*')}" in tested, name
        assert all(a["ends"] in ("question", "refused", "not covered", "answer") for a in case.get("try", ())), name


@pytest.mark.parametrize("attempt", list(tries("question")))
def test_a_slip_becomes_a_question_to_its_typist_and_nobody_decides_before(flow: Flow, attempt: dict[str, Any]) -> None:
    request = file(flow, attempt)
    asked = dict(LineQuestion.objects.filter(line__request=request).values_list("line__number", "code"))
    assert [asked.get(number, "") for number in range(1, len(attempt["codes"]) + 1)] == attempt["codes"]
    flow.run()
    order(flow, request, attempt["lines"])
    stand = [State.INCOMPLETE if code else State.UNDER_REVIEW for code in attempt["codes"]]
    assert states(request) == stand
    nobody_decides(flow, request, sorted(asked))
    carla = flow.person("carla")
    with acting(context_of(carla)):
        withdraw_request(carla, request, sorted(asked))
    flow.run()
    assert states(request) == [State.WITHDRAWN if code else State.UNDER_REVIEW for code in attempt["codes"]]


@pytest.mark.parametrize("attempt", list(tries("refused")))
def test_a_time_that_reads_in_two_ways_is_refused_at_its_line_and_nothing_is_filed(
    flow: Flow, attempt: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as refused:
        file(flow, attempt)
    (problem,) = refused.value.problems
    assert ([problem.code], problem.field, problem.line) == (attempt["codes"], "observed_at", 1)
    assert not DisclosureRequest.objects.exists()


@pytest.mark.parametrize("attempt", list(tries("not covered")))
def test_an_address_that_order_and_request_write_differently_is_put_before_nobody(
    flow: Flow, attempt: dict[str, Any]
) -> None:
    request = file(flow, attempt)
    flow.run()
    order(flow, request, attempt["order"])
    failed = OrderCheck.objects.filter(order__request=request, passed=False)
    assert list(failed.values_list("code", flat=True)) == attempt["codes"]
    assert states(request) == [State.AWAITING_ORDER]
    nobody_decides(flow, request, [1])


@pytest.mark.parametrize("attempt", list(tries("answer")))
def test_the_worker_names_the_holder_of_that_moment_or_nobody(flow: Flow, attempt: dict[str, Any]) -> None:
    if "leases" in attempt:
        store(*attempt["leases"])
    answers = answered(flow, attempt["lines"])
    assert [answer["reason"] for answer in answers] == attempt["codes"]
    assert [answer["subscriber"].get("name") for answer in answers if answer["subscriber"]] == attempt.get("names", [])
    for answer, typed in zip(answers, attempt["lines"], strict=True):
        assert answer["address"] == typed["address"]
    if "addresses" in attempt:
        assert [answer["address_is"] for answer in answers] == attempt["addresses"]
        assert all("not" in a["address_note"] for a in answers if a["address_is"] != "contract-and-installation")
        assert all("installation-address" not in answer["subscriber"] for answer in answers)


def test_long_v_insight_one_person_alone_answers_nothing(flow: Flow) -> None:
    """Two people compare the address of the order with that of the line, each for themselves."""
    line = {"address": "198.51.100.23", "observed_at": "2026-09-14T21:05:09+02:00"}
    request = flow.file([line])
    flow.run()
    order(flow, request, [line])
    flow.approve(request, by=["laura"])
    with pytest.raises(BrokerError):
        flow.approve(request, by=["laura"])
    flow.run()
    assert states(request) == [State.UNDER_REVIEW]
    assert not SealedRelease.objects.exists()


def test_whoever_typed_it_may_say_that_it_is_right_and_is_answered_for_what_was_typed(flow: Flow) -> None:
    attempt = CASES["iocco-wrong-day-of-month"]["try"][0]
    request = file(flow, attempt)
    carla, question = flow.person("carla"), LineQuestion.objects.get(line__request=request)
    with acting(context_of(carla)):
        answer_question_about_line(carla, request, question.id, "other-source", "Another log has the fourteenth.")
    lines = [line | {"source_port": None} for line in attempt["lines"]]
    flow.run()
    order(flow, request, lines)
    flow.approve(request)
    flow.run()
    (answer,) = flow.answers(request)
    assert (answer["address"], answer["observed_at"]) == ("198.51.100.23", "2026-09-14T19:05:09Z")


def test_tiscali_the_contract_of_the_line_at_that_time_is_named_and_not_that_of_today(flow: Flow) -> None:
    contracts(
        "user:line-1,s-b07e52d1,2025-01-01T00:00:00Z,2026-09-14T00:00:00Z",
        "user:line-1,s-9a26d3c5,2026-09-14T00:00:00Z,2026-09-20T00:00:00Z",
        "user:line-1,s-71d2a6fb,2026-09-20T00:00:00Z,",
    )
    read(log(*two_sessions()))
    lines = [{"address": "198.51.100.7", "observed_at": (DAY + hours * HOUR).isoformat()} for hours in (7, 9.5)]
    held, between = answered(flow, lines)
    assert (held["reason"], held["subscriber"]["name"]) == ("unique", "Leocadia Nadie de Prueba")
    assert (between["reason"], between["subscriber"]) == ("no-holder", {})


def test_ipco_2017_a_log_that_changes_to_twelve_hours_names_nobody_and_is_reported(flow: Flow) -> None:
    def row(start: datetime, holder: int) -> str:
        return f"198.51.100.200,,,{start:%Y-%m-%dT%H:%M:%SZ},{start + HOUR:%Y-%m-%dT%H:%M:%SZ},s-{holder},business"

    sound = [row(DAY + timedelta(days=day) + hour * HOUR, hour) for day in range(8, 15) for hour in range(24)]
    changed = DAY + timedelta(days=15)
    store(*sound, *(row(changed + hour % 12 * HOUR, hour) for hour in range(24)), source="dhcp")
    lines = [{"address": "198.51.100.200", "observed_at": (changed + h * HOUR).isoformat()} for h in (9.5, 21.5)]
    # Found as the file was taken in: without it the evening would be nobody's.
    assert [answer["reason"] for answer in answered(flow, lines)] == ["clock-suspect", "clock-suspect"]
    said = io.StringIO()
    with pytest.raises(SystemExit, match=r"^1$"):
        call_command("lease_report", "--from", "2026-09-01T00:00:00Z", "--until", "2026-11-01T00:00:00Z", stdout=said)
    assert "clear_drift dhcp 2026-09-29" in said.getvalue()
    call_command("clear_drift", "dhcp", "2026-09-29", verbosity=0)
    assert [answer["reason"] for answer in answered(flow, lines)] == ["change-in-window", "no-holder"]


def test_eircom_a_log_in_local_time_gives_nothing_for_the_hour_that_comes_twice() -> None:
    repeated = io.BytesIO((FIXTURES / "logs" / "kea_forensic" / "repeated-hour.txt").read_bytes())
    told = Told(device="dhcp-1", zone=ZoneInfo("Europe/Madrid"), holder="circuit-id")
    done = read(repeated, source="kea", format_name="kea-forensic", told=told)
    assert (done.records, done.events, dict(done.rejected)) == (1, 0, {"TIME_FOLD": 1})
    assert not Lease.objects.exists()


def test_denmark_2019_as_many_lines_come_out_as_went_in(flow: Flow) -> None:
    rows = [f"198.51.100.{n},,2026-09-14T21:05:09+02:00,A-{n}" for n in (23, 24, 25, 77, 99)]
    lines = read_csv("\n".join(["address,source_port,observed_at,evidence", *rows]).encode())
    answers = answered(flow, lines)
    assert [answer["line"] for answer in answers] == [1, 2, 3, 4, 5]
    assert [answer["address"] for answer in answers] == [line["address"] for line in lines]


def test_denmark_2019_a_file_with_one_defect_is_refused_whole(flow: Flow) -> None:
    row = "198.51.100.{},,,2026-09-14T00:00:00Z,2026-09-15T00:00:00Z,s-1,business"
    before = Lease.objects.count()
    with pytest.raises(InputError):
        store(row.format(201), row.format(999), row.format(202))
    assert Lease.objects.count() == before
    store(row.format(201), row.format(202))
    assert Lease.objects.count() == before + 2


def test_denmark_2019_every_record_of_a_log_is_used_or_kept_by_its_place() -> None:
    damaged = packet(DAY, "Start", "s0", "line-0", "no address")
    records = [*two_sessions(), damaged]
    done = read(log(*records))
    assert done.records == len(records) == done.events + done.ignored + done.rejected.total()
    (reject,) = LogReject.objects.all()
    assert reject.position == len("".join(two_sessions()).encode())


def test_crossed_wires_cannot_be_seen_and_the_readme_says_so() -> None:
    readme = (Path(settings.BASE_DIR) / "README.md").read_text(encoding="utf-8")
    assert "Crossed wires in a street cabinet" in readme.partition("## What is not promised")[2]

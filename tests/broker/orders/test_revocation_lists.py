"""Revocation lists come from the places registered and no others, and what is wrong with one changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from broker import tasks
from broker.databases import Process
from broker.orders import revocation_lists
from broker.orders.models import CourtOrder
from broker.orders.revocation_lists import FetchError, fetch_source
from broker.outbox.models import OutboxRow
from broker.parties.court_trust import RevocationSource, SignaturePolicy
from broker.release.sweep import sweep
from broker.row_context import RowContext, acting
from tests.support.cases import Desk, attach_and_check, cover, file_lines, make_desk, make_line
from tests.support.court import Court
from tests.support.revocation import revocation_list

pytestmark = pytest.mark.django_db

COURT = Court.create("Juzgado de lo Mercantil de ejemplo")
Answer = tuple[int, dict[str, str], bytes]


class Place(BaseHTTPRequestHandler):
    """Answer every path with what `answers` has for it, and remember who was asked."""

    answers: ClassVar[dict[str, Answer]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, content = self.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def place() -> Iterator[str]:
    Place.answers.clear()
    Place.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Place) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def desk() -> Desk:
    made = make_desk()
    SignaturePolicy.objects.create(court=made.court)
    return made


def serve(path: str, content: bytes) -> None:
    Place.answers[path] = (200, {}, content)


def register(desk: Desk, url: str) -> RevocationSource:
    return RevocationSource.objects.create(court=desk.court, url=url)


def fetch_by_sweep() -> None:
    """Do what the relay and a worker do, with the rights they have: ask for what is due, and do it."""
    with acting(RowContext(Process.JOBS, Process.JOBS.value)):
        sweep()
        for row in OutboxRow.objects.filter(kind="fetch-revocation", done=False):
            tasks.fetch_revocation(str(row.id))


def first_failure(order: CourtOrder) -> str:
    return "".join(order.checks.filter(terms=None, passed=False).values_list("code", flat=True))


def test_an_order_is_verified_with_a_list_that_was_fetched_and_refused_without(desk: Desk, place: str) -> None:
    request = file_lines(desk)
    lines = [cover(make_line(1))]
    assert first_failure(attach_and_check(desk, request, lines)) == "order.revocation-unknown"
    source = register(desk, f"{place}/court.crl")
    serve("/court.crl", revocation_list(COURT, timezone.now() - timedelta(hours=1)))
    fetch_by_sweep()
    source.refresh_from_db()
    assert source.fetched_at is not None
    assert attach_and_check(desk, request, lines).state == "VERIFIED"


def test_an_order_of_a_revoked_court_is_refused_once_the_list_says_so(desk: Desk, place: str) -> None:
    now = timezone.now()
    register(desk, f"{place}/court.crl")
    serve("/court.crl", revocation_list(COURT, now, revoked_at=now - timedelta(hours=2)))
    fetch_by_sweep()
    order = attach_and_check(desk, file_lines(desk), [cover(make_line(1))])
    assert first_failure(order) == "order.certificate-revoked"


def test_fetches_each_place_once_an_hour_and_withdrawn_ones_never(desk: Desk, place: str) -> None:
    register(desk, f"{place}/a.crl")
    withdrawn = register(desk, f"{place}/b.crl")
    RevocationSource.objects.filter(id=withdrawn.id).update(withdrawn_at=timezone.now())
    serve("/a.crl", revocation_list(COURT, timezone.now()))
    fetch_by_sweep()
    fetch_by_sweep()
    fetch_source(withdrawn.id)
    assert Place.asked == ["/a.crl"]
    RevocationSource.objects.update(asked_at=timezone.now() - timedelta(hours=1, seconds=1))
    fetch_by_sweep()
    assert Place.asked == ["/a.crl", "/a.crl"]


@pytest.mark.parametrize(
    "answer",
    [
        (404, {}, b""),
        (500, {}, revocation_list(COURT, timezone.now())),
        (200, {}, b""),
        (200, {}, b"<html>not a list</html>"),
        (200, {}, COURT.certificate_der),
        (200, {}, revocation_list(COURT, timezone.now()) + b"more"),
        (200, {}, revocation_list(COURT, timezone.now())[:-3]),
        (302, {"Location": "/good.crl"}, b""),
        (301, {"Location": "file:///etc/passwd"}, b""),
    ],
    ids=["missing", "broken", "empty", "page", "certificate", "longer", "shorter", "elsewhere", "a file"],
)
def test_keeps_the_last_list_when_a_place_answers_with_something_else(desk: Desk, place: str, answer: Answer) -> None:
    source = register(desk, f"{place}/court.crl")
    good = revocation_list(COURT, timezone.now())
    serve("/court.crl", good)
    serve("/good.crl", good)
    fetch_source(source.id)
    Place.answers["/court.crl"] = answer
    with pytest.raises(FetchError), transaction.atomic():
        fetch_source(source.id)
    source.refresh_from_db()
    assert bytes(source.content or b"") == good
    # A redirection leads nowhere, not even to a place that would answer.
    assert "/good.crl" not in Place.asked


def test_refuses_a_list_longer_than_allowed(desk: Desk, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    der = revocation_list(COURT, timezone.now())
    source = register(desk, f"{place}/court.crl")
    serve("/court.crl", der)
    monkeypatch.setattr(revocation_lists, "_MAX_BYTES", len(der))
    fetch_source(source.id)
    monkeypatch.setattr(revocation_lists, "_MAX_BYTES", len(der) - 1)
    with pytest.raises(FetchError, match="more than"):
        fetch_source(source.id)


def test_reads_no_file_whatever_was_registered(desk: Desk) -> None:
    with pytest.raises(FetchError, match="http and https"):
        fetch_source(register(desk, "file:///etc/passwd").id)


def test_a_place_that_does_not_answer_is_tried_again_and_then_an_alarm(desk: Desk) -> None:
    source = register(desk, "http://127.0.0.1:9/court.crl")
    fetch_by_sweep()
    row = OutboxRow.objects.get(kind="fetch-revocation", subject_id=source.id)
    assert (row.done, row.tries, row.last_error) == (False, 1, "revocation.fetch")
    RevocationSource.objects.update(registered_at=timezone.now() - timedelta(hours=2))
    assert sweep()["revocation-list-stale"] == 1


def test_a_list_that_has_run_out_is_an_alarm(desk: Desk, place: str) -> None:
    register(desk, f"{place}/court.crl")
    serve("/court.crl", revocation_list(COURT, timezone.now()))
    fetch_by_sweep()
    assert sweep() == {}
    RevocationSource.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert sweep() == {"revocation-list-stale": 1}


def test_the_command_fetches_all_now_and_says_what_failed(
    desk: Desk, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    register(desk, f"{place}/court.crl")
    serve("/court.crl", revocation_list(COURT, timezone.now()))
    call_command("fetch_revocation")
    register(desk, f"{place}/none.crl")
    with pytest.raises(SystemExit) as stopped:
        call_command("fetch_revocation")
    assert stopped.value.code == 1
    assert "court.crl: fetched" in capsys.readouterr().out


def test_what_an_order_was_held_to_is_never_rewritten(desk: Desk) -> None:
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
        SignaturePolicy.objects.update(revocation_required=False)
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
        SignaturePolicy.objects.all().delete()

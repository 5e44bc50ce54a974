"""A line may say its transport protocol, which is kept, shown and never changed; nobody has to."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from broker.errors import InputError, Problem
from broker.intake.lines import read_csv, read_lines
from broker.intake.models import RequestLine
from broker.intake.observation import ObservationError, parse_protocol, say_port
from tests.support.cases import assess, attach_and_check, cover, file_lines, make_line
from tests.support.parties import api_client, make_cast, page_client

LINE = {"address": "93.184.216.34", "source_port": "50001", "observed_at": "2026-09-14T21:05:09Z", "evidence": "A-1"}


@pytest.mark.parametrize(
    ("text", "protocol"), [("tcp", "tcp"), ("UDP", "udp"), ("Tcp", "tcp"), ("", ""), ("unknown", ""), ("Unknown", "")]
)
def test_reads_the_protocols_that_have_ports(text: str, protocol: str) -> None:
    assert parse_protocol(text) == protocol


@pytest.mark.parametrize("text", ["icmp", "6", "17", "tcp/udp", "tcp ", "sctp", "none"])
def test_refuses_every_other_protocol_and_says_what_to_write(text: str) -> None:
    with pytest.raises(ObservationError, match="tcp or udp") as caught:
        parse_protocol(text)
    assert caught.value.code == "PROTOCOL_SYNTAX"


def test_a_port_is_shown_with_its_protocol() -> None:
    assert [say_port(50001, "tcp"), say_port(50001, ""), say_port(None, "udp"), say_port(None, "")] == [
        "50001 TCP",
        "50001",
        "UDP",
        "",
    ]


def read(*lines: dict[str, Any]) -> tuple[list[str], list[Problem]]:
    problems: list[Problem] = []
    return [line.protocol for line in read_lines(list(lines), problems)], problems


def test_one_port_over_both_protocols_is_two_lines() -> None:
    assert read(LINE | {"protocol": "tcp"}, LINE | {"protocol": "udp"}, LINE | {"protocol": None}) == (
        ["tcp", "udp", ""],
        [],
    )
    _, problems = read(LINE, LINE | {"protocol": "unknown"})
    assert [problem.code for problem in problems] == ["line.duplicate"]


def test_a_wrong_protocol_is_refused_at_its_line() -> None:
    _, problems = read(LINE, LINE | {"protocol": "icmp"})
    assert [(problem.code, problem.field, problem.line) for problem in problems] == [("PROTOCOL_SYNTAX", "protocol", 2)]


def test_a_table_of_lines_may_have_a_column_more() -> None:
    head, row = "address,source_port,observed_at,evidence", "93.184.216.34,50001,2026-09-14T21:05:09Z,A-1"
    assert "protocol" not in read_csv(f"{head}\n{row}\n".encode())[0]
    assert read_csv(f"{head},protocol\n{row},tcp\n".encode())[0]["protocol"] == "tcp"
    with pytest.raises(InputError, match=r"csv\.header"):
        read_csv(f"{head},transport\n{row},tcp\n".encode())


@pytest.mark.django_db
def test_a_protocol_is_shown_wherever_its_line_is() -> None:
    cast = make_cast()
    desk = cast.desk
    request = file_lines(desk, [make_line(1, protocol="tcp"), make_line(2)])
    assess(request)
    order = attach_and_check(desk, request, [cover(make_line(1), protocol="tcp"), cover(make_line(2), protocol="udp")])
    lines = api_client(desk.filer).get(f"/api/v1/requests/{request.id}/lines/").json()["results"]
    assert [line["protocol"] for line in lines] == ["tcp", None]
    page = page_client(desk.filer).get(f"/requests/{request.reference}/").content.decode()
    assert "50001 TCP" in page
    assert "50002 TCP" not in page
    covered = page_client(desk.clerk).get(f"/orders/{order.id}/").content.decode()
    assert "50001 TCP" in covered
    assert "50002 UDP" in covered
    terms = page_client(desk.clerk).get(f"/orders/{order.id}/terms/").content.decode()
    assert "address,source_port,from,until,protocol" in terms


@pytest.mark.django_db
def test_the_answer_to_a_filing_gives_the_protocol_back() -> None:
    cast = make_cast()
    desk = cast.desk
    data = {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(desk.court.id),
        "legal_relation": "Licensee.",
        "purpose": "A suit.",
        "categories": ["name"],
        "facts": {"civil-matter": "intellectual-property"},
        "lines": [make_line(1, protocol="UDP"), make_line(2, protocol="unknown")],
    }
    client = api_client(desk.filer)
    filed = client.post("/api/v1/requests/", json.dumps(data), content_type="application/json").json()
    assert [line["protocol"] for line in filed["lines"]] == ["udp", None]


@pytest.mark.django_db
def test_the_database_keeps_the_protocol_of_a_line_and_knows_no_other() -> None:
    file_lines(make_cast().desk, [make_line(1, protocol="tcp")])
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE request_line SET protocol = 'udp'")
    RequestLine.objects.update(protocol="tcp")
    line = RequestLine.objects.get()
    line.pk, line.number, line.protocol = uuid.uuid4(), 2, "xyz"
    with pytest.raises(IntegrityError, match="request_line_protocol_known"), transaction.atomic():
        line.save(force_insert=True)

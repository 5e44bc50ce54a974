"""The name that somebody gives an uploaded file is read by nobody: no path, no header, no row comes of it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from broker.intake.models import DisclosureRequest
from broker.orders.models import CourtOrder
from tests.support.cases import Desk, cover, file_lines, make_desk, make_line, order_terms
from tests.support.parties import api_client, page_client

pytestmark = pytest.mark.django_db

MARK = "zqxj"  # stands in every name, so that a trace of one can be found
NASTY = [
    f"../../../../etc/{MARK}",
    f"..\\..\\{MARK}.pdf",
    f"/etc/{MARK}",
    f"{MARK}\0.pdf",
    f'{MARK}.pdf"\r\nX-Evil: {MARK}',
    f"{MARK}\r\n\r\n<html>",
    f"\u202e{MARK}fdp.exe",
    MARK * 1024,
    f"{MARK}.pdf; filename*=UTF-8''%2e%2e%2f{MARK}",
    f"CON.{MARK}",
    "",
    ".",
]


@pytest.fixture
def bench() -> tuple[Desk, DisclosureRequest, APIClient]:
    desk = make_desk()
    return desk, file_lines(desk), api_client(desk.clerk)


PIECES = ["..", "/", "\\", "\0", "\r\n", "\u202e", "%2e", '"', ";", MARK]


def body_with(name: bytes, pdf: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    """Write a multipart body by hand: a client library would clean the name."""
    boundary = f"b{uuid.uuid4().hex}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="document"; filename="'.encode()
    parts.append(head + name + b'"\r\nContent-Type: application/pdf\r\n\r\n' + pdf + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def post(client: APIClient, request: DisclosureRequest, body: bytes, kind: str) -> HttpResponse:
    path = f"/api/v1/requests/{request.id}/orders/"
    # The stubs know neither bytes nor what comes back.
    return client.generic("POST", path, body, content_type=kind)  # type: ignore[arg-type]


def traces() -> list[str]:
    """Name the tables of which a row holds the mark, in whatever column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{MARK}%"])
            found += [table] if cursor.fetchone()[0] else []
    return found


def files() -> set[Path]:
    home = Path(settings.HOME)
    return {path for path in home.rglob("*") if "postgres" not in path.parts}


names = st.one_of(
    st.text(max_size=60).map(lambda text: text + MARK),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(["..", "/", "\\", "\0", "\r\n", "\u202e", "%2e", '"', ";", MARK]), max_size=12).map(
        "".join
    ),
).map(lambda text: text.encode("utf-8", errors="surrogatepass"))


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=names)
@example(name=NASTY[0].encode())
@example(name=NASTY[3].encode())
@example(name=NASTY[4].encode())
@example(name=NASTY[7].encode())
def test_no_name_of_a_file_reaches_a_row_a_file_or_a_header(
    bench: tuple[Desk, DisclosureRequest, APIClient], name: bytes
) -> None:
    desk, request, client = bench
    reader = page_client(desk.clerk)
    before, known = files(), set(CourtOrder.objects.values_list("id", flat=True))
    terms = json.dumps(order_terms(desk, [cover(make_line(1))]))
    pdf = f"%PDF-1.7 {uuid.uuid4()}".encode()
    body, kind = body_with(name, pdf, {"file_number": "DP 118/2026", "terms": terms})
    response = post(client, request, body, kind)
    assert response.status_code in {201, 400, 413, 422}, response.content
    assert MARK not in response.content.decode()
    assert MARK not in str(response.headers)
    assert files() == before
    assert traces() == []
    for order in CourtOrder.objects.exclude(id__in=known):
        assert response.status_code == 201
        served = reader.get(f"/orders/{order.id}/document/")
        assert served.content == pdf
        disposition = served.headers["Content-Disposition"]
        assert disposition == f'attachment; filename="order-{order.document_id[:16]}.pdf"'


def test_an_ordinary_name_is_accepted_so_that_the_others_mean_something(
    bench: tuple[Desk, DisclosureRequest, APIClient],
) -> None:
    desk, request, client = bench
    terms = json.dumps(order_terms(desk, [cover(make_line(1))]))
    fields = {"file_number": "DP 118/2026", "terms": terms}
    body, kind = body_with(b"order.pdf", b"%PDF-1.7 an order", fields)
    assert post(client, request, body, kind).status_code == 201
    # And the mark is found where it is: the search would see it in a name as well.
    fields["file_number"] = f"DP {MARK}"
    body, kind = body_with(b"order.pdf", b"%PDF-1.7 another order", fields)
    assert post(client, request, body, kind).status_code == 201
    assert traces() == ["court_order"]

"""A hit, a miss and a late refusal are told apart by the recipient alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from broker.audit.models import Event, StateMove
from broker.intake.models import DisclosureRequest
from broker.release.models import SealedRelease
from tests.support.flow import HIT, MISS, ONLY_RETAINED, PASSWORD, SHARED, Flow

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

CASES = {"hit": HIT, "miss": MISS, "late refusal": ONLY_RETAINED, "shared": SHARED}


@pytest.fixture
def requests(flow: Flow) -> dict[str, DisclosureRequest]:
    return {name: flow.released([line]) for name, line in CASES.items()}


def test_the_recipient_learns_which_it_is(flow: Flow, requests: dict[str, DisclosureRequest]) -> None:
    reasons = {name: flow.answers(request)[0]["reason"] for name, request in requests.items()}
    assert reasons == {
        "hit": "unique",
        "miss": "no-holder",
        "late refusal": "not-permitted",
        "shared": "port-required",
    }
    named = [name for name, request in requests.items() if flow.answers(request)[0]["subscriber"]]
    assert named == ["hit"]


def test_same_states_in_the_same_order(requests: dict[str, DisclosureRequest]) -> None:
    def states(request: DisclosureRequest) -> list[str]:
        line = request.lines.get()
        return list(StateMove.objects.filter(subject_id=line.id).order_by("id").values_list("new_state", flat=True))

    sequences = {tuple(states(request)) for request in requests.values()}
    assert sequences == {("RECEIVED", "AWAITING_ORDER", "UNDER_REVIEW", "APPROVED", "RELEASED")}


def test_same_padded_size(requests: dict[str, DisclosureRequest]) -> None:
    sizes = {SealedRelease.objects.get(tranche__request=r).size_bytes for r in requests.values()}
    assert len(sizes) == 1
    assert sizes.pop() % 4096 == 0


def test_same_events(requests: dict[str, DisclosureRequest]) -> None:
    def events(request: DisclosureRequest) -> list[tuple[str, Any]]:
        subjects = [request.id, *request.tranches.values_list("id", flat=True)]
        found = Event.objects.filter(subject_id__in=subjects).order_by("recorded_at")
        return [(e.kind, _without_ids(json.dumps(e.body, sort_keys=True))) for e in found]

    first, *others = [events(request) for request in requests.values()]
    assert all(other == first for other in others)


def test_same_rows_in_every_table_of_the_case_store(requests: dict[str, DisclosureRequest]) -> None:
    """Whatever the store that web can read holds about a request, it holds as many rows of it for each."""
    counts = set()
    with connection.cursor() as cursor:
        for request in requests.values():
            cursor.execute(
                """
                SELECT (SELECT count(*) FROM line_assessment a JOIN request_line l ON l.id = a.line_id
                         WHERE l.request_id = %(r)s),
                       (SELECT count(*) FROM order_check c JOIN court_order o ON o.id = c.order_id
                         WHERE o.request_id = %(r)s),
                       (SELECT count(*) FROM outbox WHERE subject_id = %(r)s OR subject_id IN
                         (SELECT id FROM tranche WHERE request_id = %(r)s)),
                       (SELECT string_agg(DISTINCT r.outcome, ',') FROM line_assessment a
                          JOIN request_line l ON l.id = a.line_id JOIN assessment_record r ON r.digest = a.record_id
                         WHERE l.request_id = %(r)s)
                """,
                {"r": request.id},
            )
            counts.add(cursor.fetchone())
    assert len(counts) == 1


PORTAL = "/requests/{ref}/"
API = ["/api/v1/requests/{id}/", "/api/v1/requests/{id}/lines/", "/api/v1/requests/{id}/releases/"]
ADMIN = "/admin/broker/disclosurerequest/{id}/change/"


@pytest.mark.parametrize(
    ("who", "paths"),
    [
        ("carla", [PORTAL, *API]),
        ("marta", [PORTAL, *API[:2]]),
        ("laura", [ADMIN, *API[:2]]),
        ("pedro", [ADMIN, *API[:2]]),
    ],
)
def test_same_pages_and_api_answers_for_everybody(
    client: Client, flow: Flow, requests: dict[str, DisclosureRequest], who: str, paths: list[str]
) -> None:
    assert client.login(username=who, password=PASSWORD)
    for path in paths:
        pages = set()
        for name, request in requests.items():
            if name == "shared":
                continue  # Of another day than the others, so its pages differ in what was asked.
            response = client.get(path.format(id=request.id, ref=request.reference))
            assert response.status_code == 200, path
            pages.add(_without_ids(response.content.decode().replace(CASES[name]["address"], "ADDRESS")))
        assert len(pages) == 1, path


def _without_ids(text: str) -> str:
    """Take out what differs between any two requests: ids, references, digests, times, tokens."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"R-\w{4}-\w{4}-\w{4}", "REF", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?UTC|Z|[+-]\d\d:?\d\d)?", "TIME", text)
    text = re.sub(r"\bDP [0-9a-f]{12}\b", "FILE", text)
    # The order documents are different files, as they would be in life.
    text = re.sub(r"[0-9.]+ KB", "SIZE", re.sub(r"\b[0-9a-f]{16}…", "DIGEST", text))
    return re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1TOKEN", text)

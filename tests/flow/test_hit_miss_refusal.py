"""A hit, a miss and a late refusal are told apart by the recipient alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from broker.audit.models import Event, StateMove
from broker.intake.models import DisclosureRequest
from broker.outbox.models import OutboxRow
from broker.parties.authentication import new_api_key
from broker.parties.models import User
from broker.release.models import SealedRelease
from tests.support.accounts import log_in
from tests.support.flow import HIT, MISS, ONLY_RETAINED, SHARED, Flow

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

# The shared one is of another day than the others, so its pages differ in what was asked.
CASES = {"hit": HIT, "miss": MISS, "late refusal": ONLY_RETAINED, "shared": SHARED}


def test_a_hit_a_miss_and_a_late_refusal_look_alike_to_everybody_but_the_recipient(flow: Flow, client: Client) -> None:
    requests = {name: flow.released([line]) for name, line in CASES.items()}
    the_recipient_learns_which_it_is(flow, requests)
    state_size_events_and_rows_are_the_same(requests)
    pages_and_api_answers_are_the_same_for_everybody(client, requests)


def the_recipient_learns_which_it_is(flow: Flow, requests: dict[str, DisclosureRequest]) -> None:
    reasons = {name: flow.answers(request)[0]["reason"] for name, request in requests.items()}
    assert reasons == {
        "hit": "unique",
        "miss": "no-holder",
        "late refusal": "not-permitted",
        "shared": "port-required",
    }
    named = [name for name, request in requests.items() if flow.answers(request)[0]["subscriber"]]
    assert named == ["hit"]


def state_size_events_and_rows_are_the_same(requests: dict[str, DisclosureRequest]) -> None:
    """Everything the case store holds about a request, which web can read."""
    first, *others = [traces(request) for request in requests.values()]
    assert first["states"] == ["RECEIVED", "AWAITING_ORDER", "UNDER_REVIEW", "APPROVED", "RELEASED"]
    assert first["package_bytes"] % 4096 == 0
    assert all(other == first for other in others)


def traces(request: DisclosureRequest) -> dict[str, Any]:
    line = request.lines.get()
    subjects = [request.id, *request.tranches.values_list("id", flat=True)]
    moves = StateMove.objects.filter(subject_id=line.id).order_by("id")
    events = Event.objects.filter(subject_id__in=subjects).order_by("recorded_at")
    return {
        "states": list(moves.values_list("new_state", flat=True)),
        "package_bytes": SealedRelease.objects.get(tranche__request=request).size_bytes,
        "events": [(e.kind, _without_ids(json.dumps(e.body, sort_keys=True))) for e in events],
        "assessments": list(line.assessments.order_by("sequence").values_list("record__outcome", flat=True)),
        "checks": list(request.orders.get().checks.order_by("number").values_list("number", "passed", "detail")),
        "work": list(
            OutboxRow.objects.filter(subject_id__in=subjects)
            .order_by("kind")
            .values_list("kind", "version", "done", "tries", "last_error")
        ),
    }


PORTAL = "/requests/{ref}/"
API = ["/api/v1/requests/{id}/", "/api/v1/requests/{id}/lines/", "/api/v1/requests/{id}/releases/"]
ADMIN = "/admin/broker/disclosurerequest/{id}/change/"
READERS = {
    "carla": [PORTAL, *API],
    "marta": [PORTAL, *API[:2]],
    "laura": [ADMIN, *API[:2]],
    "pedro": [ADMIN, *API[:2]],
}


def pages_and_api_answers_are_the_same_for_everybody(client: Client, requests: dict[str, DisclosureRequest]) -> None:
    for who, paths in READERS.items():
        person = User.objects.get(username=who)
        log_in(client, person)
        key = {"Authorization": f"Bearer {new_api_key(person)}"}
        for path in paths:
            hit, *others = [read(client, path, name, r, key) for name, r in requests.items() if name != "shared"]
            for other in others:
                assert other.splitlines() == hit.splitlines(), f"{who} can tell answers apart at {path}"


def read(client: Client, path: str, name: str, request: DisclosureRequest, key: dict[str, str]) -> str:
    response = client.get(path.format(id=request.id, ref=request.reference), headers=key)
    assert response.status_code == 200, path
    varying = ("Content-Length", "Expires")
    headers = sorted(f"{key}: {value}" for key, value in response.headers.items() if key not in varying)
    return _without_ids("\n".join([*headers, response.content.decode().replace(CASES[name]["address"], "ADDRESS")]))


def _without_ids(text: str) -> str:
    """Take out what differs between any two requests: ids, references, digests, times, tokens."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"R-\w{4}-\w{4}-\w{4}", "REF", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( ?UTC|Z|[+-]\d\d:?\d\d)?", "TIME", text)
    text = re.sub(r"\bDP [0-9a-f]{12}\b", "FILE", text)
    # The order documents are different files, as they would be in life.
    text = re.sub(r"[0-9.]+\sKB", "SIZE", re.sub(r"\b[0-9a-f]{16}…", "DIGEST", text))
    return re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1TOKEN", text)

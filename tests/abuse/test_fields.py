"""Abuse case 14: nobody sets by a further field what is not theirs to set: state, organisation, approver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from broker.crypto.age import new_identity, public_key_of
from broker.decisions.models import Decision
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import CourtOrder
from broker.parties.accounts import invite
from broker.parties.models import ApiKey, RecipientKey, Role, User
from tests.support.accounts import log_in
from tests.support.cases import SEEN_AT, file_lines, line_ids, make_reviewed, order_terms, signed_order
from tests.support.parties import Cast, api_client, make_cast, page_client
from tests.support.routes import routes

pytestmark = pytest.mark.django_db

# What an attacker would like to set. The value of each is a real one.
EXTRA = ("id", "state", "organisation", "filed_by", "approver", "decided_by", "person_id", "role", "user", "is_active")


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def wanted(cast: Cast) -> dict[str, str]:
    values = {
        "state": "APPROVED",
        "organisation": str(cast.stranger.organisation_id),
        "role": "legal",
        "is_active": "true",
    }
    return {name: values.get(name, str(cast.desk.ana.id)) for name in EXTRA}


def request_data(cast: Cast) -> dict[str, Any]:
    line = {"address": "198.51.100.7", "source_port": 50_007, "observed_at": SEEN_AT, "evidence": "A-1"}
    return {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(cast.desk.court.id),
        "legal_relation": "Licensee.",
        "purpose": "A suit.",
        "categories": ["name"],
        "facts": {"civil-matter": "intellectual-property"},
        "lines": [line],
    }


def bodies(cast: Cast) -> Iterator[tuple[User, str, dict[str, Any], str]]:
    """Each operation that takes a body: (who, path, body, format)."""
    desk = cast.desk
    reviewed = make_reviewed(desk)
    order = reviewed.orders.get()
    waiting = file_lines(desk)
    terms = order_terms(desk, [{"address": "198.51.100.1", "source_port": 50_001, "from": SEEN_AT}])
    head = {**request_data(cast), "facts": json.dumps(request_data(cast)["facts"])}
    head.pop("lines")
    csv = SimpleUploadedFile(
        "l.csv", f"address,source_port,observed_at,evidence\n198.51.100.7,50007,{SEEN_AT},A\n".encode()
    )
    pdf = SimpleUploadedFile("o.pdf", signed_order(), "application/pdf")
    upload = {"file_number": "DP 1/2026", "terms": json.dumps(terms), "document": pdf}
    base = "/api/v1/requests/"
    yield desk.filer, base, request_data(cast), "json"
    yield desk.filer, f"{base}csv/", {**head, "file": csv}, "multipart"
    yield desk.filer, f"{base}{waiting.id}/withdraw/", {}, "json"
    answer = {"fact": "suit-prepared", "value": True, "reason": "It is."}
    yield desk.filer, f"{base}{waiting.id}/answers/", answer, "json"
    about_line = {"question": str(waiting.id), "reason": "compared", "explanation": "x"}
    yield desk.filer, f"{base}{waiting.id}/line-questions/", about_line, "json"
    yield desk.clerk, f"{base}{waiting.id}/orders/", upload, "multipart"
    yield desk.clerk, f"/api/v1/orders/{order.id}/terms/", terms, "json"
    yield desk.clerk, f"/api/v1/orders/{order.id}/revoke/", {"reason": "x"}, "json"


def test_the_api_refuses_every_further_field_by_name_and_stores_nothing(cast: Cast) -> None:
    tried = set()
    for user, path, body, kind in bodies(cast):
        before = (DisclosureRequest.objects.count(), CourtOrder.objects.count())
        for name, value in wanted(cast).items():
            for item in body.values():
                if isinstance(item, SimpleUploadedFile):
                    item.seek(0)
            response = api_client(user).post(path, {**body, name: value}, format=kind)
            assert response.status_code == 422, (path, name)
            problems = response.json()["problems"]
            assert {"field.unknown"} == {p["code"] for p in problems if p["field"] == name}, (path, name)
        assert (DisclosureRequest.objects.count(), CourtOrder.objects.count()) == before, path
        tried.add(_shape(path))
    takes_body = {_shape(path) for path, _ in routes() if path.startswith("/api/v1/") and _takes_post(cast, path)}
    assert takes_body == tried, "an operation of the API is not tried here"


def _shape(path: str) -> str:
    parts = path.split("/")
    return "/".join("ID" if len(part) == 36 else part for part in parts)


def _takes_post(cast: Cast, path: str) -> bool:
    return "POST" in api_client(cast.desk.filer).options(path).headers.get("Allow", "")


def test_further_fields_of_a_line_and_of_terms_are_refused_too(cast: Cast) -> None:
    data = request_data(cast)
    data["lines"][0] |= {"state": "APPROVED"}
    response = api_client(cast.desk.filer).post("/api/v1/requests/", data, format="json")
    assert response.status_code == 422
    assert not RequestLine.objects.exists()


def test_pages_take_no_notice_of_further_fields(cast: Cast) -> None:
    extra = wanted(cast)
    client = page_client(cast.desk.filer)
    lines = f"address,source_port,observed_at,evidence\n198.51.100.7,50007,{SEEN_AT},A\n"
    fields = {k: v for k, v in request_data(cast).items() if k not in ("facts", "lines")}
    entered = {**extra, **fields, "facts.es.civil-matter": "intellectual-property", "lines": lines}
    assert client.post("/requests/new/", entered).status_code == 302
    stored = DisclosureRequest.objects.get()
    assert (stored.organisation_id, stored.filed_by_id) == (cast.desk.counsel.id, cast.desk.filer.id)
    assert set(stored.lines.values_list("state", flat=True)) <= {"RECEIVED", "AWAITING_ORDER", "INCOMPLETE"}
    assert client.post("/keys/api/", {**extra, "scopes": ["read"], "days": "30"}).status_code == 200
    assert ApiKey.objects.get().user_id == cast.desk.filer.id


def test_a_key_is_registered_for_ones_own_organisation_whatever_is_sent(cast: Cast) -> None:
    before = set(RecipientKey.objects.filter(organisation=cast.desk.counsel).values_list("id", flat=True))
    sent = {**wanted(cast), "public_key": public_key_of(new_identity()), "organisation": str(cast.desk.counsel.id)}
    assert page_client(cast.stranger).post("/keys/recipient/", sent).status_code == 302
    assert set(RecipientKey.objects.filter(organisation=cast.desk.counsel).values_list("id", flat=True)) == before
    assert RecipientKey.objects.get(organisation=cast.stranger.organisation).registered_by_id == cast.stranger.id


def test_a_decision_is_of_the_person_at_the_session_whoever_is_named(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    (line,) = line_ids(request)
    client = log_in(Client(), cast.desk.ana)
    page = client.get(f"/admin/broker/disclosurerequest/{request.id}/change/").content.decode()
    seen = page.split('name="seen" value="')[1].split('"')[0]
    other = str(cast.desk.luis.id)
    sent = {
        **wanted(cast),
        "action": "approve",
        "scope": "ticked",
        "line": str(line),
        "reason": "Agrees.",
        "seen": seen,
        "decided_by": other,
        "approver": other,
        "person": str(cast.desk.luis.person_id),
        "seat": "2",
        "round": "1",
    }
    assert client.post(f"/admin/broker/disclosurerequest/{request.id}/decide/", sent).status_code == 302
    decision = Decision.objects.get()
    assert (decision.decided_by_id, decision.person) == (cast.desk.ana.id, cast.desk.ana.person_id)
    assert RequestLine.objects.get().state == "UNDER_REVIEW"


def test_an_invitation_gives_no_role_but_those_of_outside(cast: Cast) -> None:
    client = log_in(Client(), cast.desk.ana)
    sent = {
        "username": "second-me",
        "display_name": "Second Me",
        "email": "second@operator.example",
        "organisation": str(cast.desk.operator.id),
        "role": Role.LEGAL.value,
        "is_active": "true",
        "person_id": str(UUID(int=1)),
    }
    assert client.post("/admin/broker/user/invite/", sent).status_code == 422
    # Nor a role that another kind of organisation has.
    sent |= {"organisation": str(cast.desk.court.id)}
    assert client.post("/admin/broker/user/invite/", sent).status_code == 422
    assert not User.objects.filter(username="second-me").exists()
    sent |= {"role": Role.CLERK.value}
    assert client.post("/admin/broker/user/invite/", sent).status_code == 200
    made = User.objects.get(username="second-me")
    assert made.person_id != UUID(int=1)


def test_taking_an_invitation_changes_nothing_but_the_password(cast: Cast) -> None:
    before = User.objects.values("role", "organisation", "person_id", "is_active").get(pk=cast.stranger.pk)
    code = invite(cast.stranger, by=cast.desk.ana)
    new = "a password of their own"
    sent = {**wanted(cast), "code": code, "password1": new, "password2": new, "username": "admin"}
    assert Client().post("/invitation/", sent).status_code == 302
    stored = User.objects.get(pk=cast.stranger.pk)
    assert User.objects.values("role", "organisation", "person_id", "is_active").get(pk=stored.pk) == before
    assert stored.username == "stranger"
    assert stored.check_password(new)

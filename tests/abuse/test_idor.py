"""Abuse case 13: what belongs to one organisation is not there for another, on any page or route, by any method.

Two walls say so: the application narrows its rows, and the database does. Each is shown to hold alone, and both
together to be what holds: without them what is foreign does appear.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection
from django.db.models import Q
from django.http import HttpResponse
from django.test import Client

from broker.assessment.models import LineAssessment
from broker.grants import ROW_SECURITY
from broker.intake.models import DisclosureRequest, LineQuestion
from broker.intake.slip_questions import SentEvidence, answer_question_about_line
from broker.parties import visibility
from broker.parties.middleware import context_of
from broker.parties.models import Organisation, Role, User
from broker.release.models import SealedRelease
from broker.row_context import acting
from tests.support.accounts import log_in
from tests.support.flow import HIT, Flow, civil_terms
from tests.support.parties import api_client
from tests.support.routes import routes
from tests.support.rows import make_user

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

# Nothing there, nothing for this role, no such method, or a body of a form that is looked at before the id.
NOT_THERE = (302, 403, 404, 405, 415)


@dataclass
class Case:
    """An answered request; ids by the names the routes use, and texts that only this case has."""

    request: DisclosureRequest
    ids: dict[str, str]
    markers: list[str]
    mine: dict[str, User]
    foreign: dict[str, User]
    clients: dict[tuple[User, bool], Client] = field(default_factory=dict)

    def client(self, user: User, is_api: bool) -> Client:
        """The program or the browser of a person, the same for every page."""
        if (user, is_api) not in self.clients:
            self.clients[user, is_api] = api_client(user) if is_api else log_in(Client(), user)
        return self.clients[user, is_api]

    def paths(self, ids: dict[str, str]) -> Iterator[str]:
        """Every route that names something of a case, with these ids."""
        without = set(routes(values={}))
        for path, _ in sorted(set(routes(values=ids)) - without):
            if any(value in path for value in ids.values()):
                yield path

    def of_nobody(self) -> dict[str, str]:
        """Ids of the same form under which there is nothing."""
        nothing = str(uuid.uuid4())
        return {name: "R-0000-0000-0000" if name == "reference" else nothing for name in self.ids}


@pytest.fixture
def case(flow: Flow) -> Case:
    # The evidence has another minute, so that there are a question and an answer to be seen.
    request = flow.file([HIT], evidence=SentEvidence(b"2026-09-14T21:06:09+02:00 198.51.100.23 zqxj-evidence"))
    carla, question = flow.person("carla"), LineQuestion.objects.get()
    with acting(context_of(carla)):
        answer_question_about_line(carla, request, question.id, "compared", "zqxj-explanation")
    flow.run()
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    flow.run()
    order = request.orders.get()
    release = SealedRelease.objects.get(tranche__request=request)
    others = {kind: Organisation.objects.create(kind=kind, name=f"Other {kind}", jurisdiction="es")
              for kind in ("counsel", "court", "authority", "auditor")}  # fmt: skip
    ids = {
        "request_id": str(request.id),
        "reference": request.reference,
        "order_id": str(order.id),
        "terms_id": str(order.terms.get().id),
        "release_id": str(release.id),
        "object_id": str(request.id),
    }
    return Case(
        request=request,
        ids=ids,
        markers=[
            request.reference,
            order.file_number,
            order.document_id,
            release.sha256,
            HIT["address"],
            request.evidence_file.sha256,
            "zqxj-explanation",
        ],
        mine={
            "filer": flow.person("carla"),
            "colleague": make_user(request.organisation, Role.COUNSEL),
            "clerk": flow.person("marta"),
            "legal": flow.person("laura"),
        },
        foreign={
            "counsel": make_user(others["counsel"], Role.COUNSEL),
            "clerk": make_user(others["court"], Role.CLERK),
            "authority": make_user(others["authority"], Role.AUTHORITY),
            "engineer": make_user(flow.person("laura").organisation, Role.ENGINEER),
        },
    )


def ask(case: Case, user: User, path: str, method: str = "get") -> HttpResponse:
    is_api = path.startswith("/api/")
    body: dict[str, object] = {}
    if method == "post":
        sent = {} if path.endswith("/withdraw/") else {"reason": "x"}
        body = {"data": sent} | ({"format": "json"} if is_api else {})
    answer: HttpResponse = getattr(case.client(user, is_api), method)(path, **body)
    return answer


def said(answer: HttpResponse, ids: dict[str, str]) -> tuple[int, str]:
    """Status and text, without the ids asked for and without what differs from answer to answer."""
    text = b"" if answer.streaming else answer.content
    plain = re.sub(r'(csrfmiddlewaretoken" value|nonce)="[^"]*"', "", text.decode(errors="replace"))
    for value in sorted(set(ids.values()), key=len, reverse=True):
        plain = plain.replace(value, "")
    return answer.status_code, plain


def shown(case: Case, answer: HttpResponse, path: str) -> list[str]:
    """Which texts of the case are in an answer, beyond what the path itself says."""
    text = answer.content.decode(errors="replace")
    return [marker for marker in case.markers if marker in text and marker not in path]


def foreign_answers(case: Case) -> Iterator[tuple[str, str, HttpResponse]]:
    for who, user in case.foreign.items():
        for path in case.paths(case.ids):
            for method in ("get", "post"):
                yield f"{who} {method}", path, ask(case, user, path, method)


def test_own_ids_answer_and_show_what_is_ones_own(case: Case) -> None:
    seen: dict[str, set[str]] = {name: set() for name in case.mine}
    for who, user in case.mine.items():
        for path in case.paths(case.ids):
            answer = ask(case, user, path)
            saved = answer.has_header("Content-Disposition")
            if answer.status_code == 200 and (saved or shown(case, answer, path)):
                seen[who].add(path)
    assert len(seen["filer"]) >= 6
    assert seen["filer"] == seen["colleague"]
    assert len(seen["clerk"]) >= 6
    assert len(seen["legal"]) >= 3
    everywhere = set(case.paths(case.ids))
    only_posted = {path for path in everywhere if ask(case, case.mine["filer"], path).status_code == 405}
    # Nothing is left out of the crawl: every address that can be read was read by somebody it belongs to.
    unread = everywhere - only_posted - {path for paths in seen.values() for path in paths}
    assert unread == {path for path in unread if _says_nothing_of_the_case(path)}


def _says_nothing_of_the_case(path: str) -> bool:
    """Addresses of the admin that legal staff only post to, or that show records which are everybody's."""
    return path.startswith("/admin/") or path.endswith(("/answers/", "/withdraw/", "/revoke/", "/orders/new/"))


def test_anothers_ids_answer_as_if_there_were_nothing(case: Case) -> None:
    nothing = case.of_nobody()
    unknown = dict(zip(case.paths(case.ids), case.paths(nothing), strict=True))
    checked = 0
    for who, path, answer in foreign_answers(case):
        assert answer.status_code in NOT_THERE, (who, path, answer.status_code)
        assert shown(case, answer, path) == [], (who, path)
        name, method = who.split()
        other = ask(case, case.foreign[name], unknown[path], method)
        assert said(answer, case.ids) == said(other, nothing), (who, path)
        checked += answer.status_code == 404
    assert checked > 30
    case.request.refresh_from_db()
    assert case.request.lines.get().state == "RELEASED"


@pytest.fixture
def unscoped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application forgets to narrow its rows: everybody is shown what legal staff are."""
    monkeypatch.setattr(visibility, "_request_condition", lambda *_: Q())


def foreign_markers(case: Case) -> dict[str, list[str]]:
    found = {}
    for who, path, answer in foreign_answers(case):
        if markers := shown(case, answer, path):
            found[f"{who} {path}"] = markers
    return found


@pytest.mark.long
@pytest.mark.usefixtures("unscoped")
def test_without_the_applications_scoping_still_nothing_foreign_is_shown(case: Case) -> None:
    assert foreign_markers(case) == {}


@pytest.mark.long
@pytest.mark.usefixtures("unscoped")
def test_without_scoping_and_row_level_security_what_is_foreign_appears(case: Case) -> None:
    assert LineAssessment.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ROW_SECURITY:
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    found = foreign_markers(case)
    assert {name.split()[0] for name in found} >= {"counsel", "clerk"}
    assert len(found) >= 8

"""Nobody but independent legal staff has log rows kept, within what the law states: services, pages and database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.assessment.services import newest_assessments
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.databases import Process
from broker.decisions.holds.models import HoldAct, HoldEnd, LineHold
from broker.decisions.holds.services import end_hold, hold
from broker.errors import InputError, NotAllowed, TransitionConflict
from broker.intake.models import DisclosureRequest
from broker.orders.services import attach_order
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.parties.models import Role, User
from broker.row_context import RowContext, acting
from tests.support.accounts import log_in
from tests.support.flow import HIT, MISS, Flow, civil_terms
from tests.support.holds import criminal_terms, filed, held, in_days, kept_rows, reaches_back_to_september, today
from tests.support.rows import make_user

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])

JOBS = RowContext(Process.JOBS, "jobs")
WORKER = RowContext(Process.WORKER, "worker")


@pytest.fixture(autouse=True)
def log(settings: Any) -> None:
    reaches_back_to_september(settings)


@pytest.fixture
def asked(flow: Flow) -> DisclosureRequest:
    """A criminal request whose line may be held for 90 days."""
    return filed(flow, HIT)


def lines_of(request: DisclosureRequest) -> list[uuid.UUID]:
    return list(request.lines.values_list("id", flat=True))


@pytest.mark.parametrize("name", ["carla", "marta", "andres", "ignacio", "alba"])
def test_counsel_clerks_authorities_and_auditors_hold_nothing(
    flow: Flow, client: Client, asked: DisclosureRequest, name: str
) -> None:
    person, lines = flow.person(name), lines_of(asked)
    with acting(context_of(person)), pytest.raises(NotAllowed):
        hold(person, asked, lines, in_days(30), "Please.")
    with acting(context_of(person)), pytest.raises(NotAllowed):
        end_hold(person, asked, lines, "Please.")
    log_in(client, person)
    for page in ("hold", "end_hold"):
        response = client.post(
            reverse(f"admin:broker_disclosurerequest_{page}", args=[asked.id]), {"until": "2027-01-01"}
        )
        assert response.status_code in (302, 403, 404)
        assert "/change/" not in response.headers.get("Location", "")
    assert not HoldAct.objects.exists()
    assert not OutboxRow.objects.filter(kind="hold").exists()


def act_by_sql(request: DisclosureRequest, made_by: User | None, until: date, **changes: Any) -> HoldAct:
    """Write an act and its line as our services do, without their checks."""
    with transaction.atomic():
        event = record("hold:set", "request", request.id, {"lines": 1}, actor=made_by.id if made_by else None)
        act = HoldAct.objects.create(
            **{"request": request, "until_on": until, "reason": "r", "made_by": made_by, "event_id": event} | changes
        )
        line = request.lines.get(number=1)
        LineHold.objects.create(act=act, line=line, assessment=newest_assessments([line])[line.id])
    return act


def test_the_database_takes_what_the_law_states(flow: Flow, asked: DisclosureRequest) -> None:
    laura = flow.person("laura")
    with acting(context_of(laura)):
        act = act_by_sql(asked, laura, in_days(90), made_at="2020-01-01T00:00:00Z")
        act.refresh_from_db()
    assert act.made_at.date() == today()


REFUSED: dict[str, Callable[[Flow, DisclosureRequest], object]] = {
    "a day longer": lambda f, r: act_by_sql(r, f.person("laura"), in_days(91)),
    "through today": lambda f, r: act_by_sql(r, f.person("laura"), today()),
    "no reason": lambda f, r: act_by_sql(r, f.person("laura"), in_days(30), reason=""),
    "another's event": lambda f, r: act_by_sql(r, f.person("laura"), in_days(30), event_id=r.event_id),
    "in a colleague's name": lambda f, r: act_by_sql(r, f.person("pedro"), in_days(30)),
    "in nobody's name": lambda f, r: act_by_sql(r, None, in_days(30)),
    "in counsel's name": lambda f, r: act_by_sql(r, f.person("carla"), in_days(30)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_database_refuses_an_act_of_legal_staff_that_is_none(
    flow: Flow, asked: DisclosureRequest, name: str
) -> None:
    with acting(context_of(flow.person("laura"))), pytest.raises(DatabaseError):
        REFUSED[name](flow, asked)
    assert not HoldAct.objects.exists()


@pytest.mark.parametrize("who", ["carla", "marta", "alba"])
def test_the_database_refuses_others_and_shows_them_nothing(flow: Flow, asked: DisclosureRequest, who: str) -> None:
    held(flow, asked)
    person = flow.person(who)
    with acting(context_of(person)):
        assert not HoldAct.objects.exists()
        assert not LineHold.objects.exists()
        with pytest.raises(DatabaseError):
            act_by_sql(asked, person, in_days(80))


def test_jobs_hold_nothing_that_is_no_duty_and_the_worker_nothing_at_all(flow: Flow, asked: DisclosureRequest) -> None:
    with acting(JOBS), pytest.raises(IntegrityError, match="no longer than the law states"):
        act_by_sql(asked, None, in_days(30), reason="")
    with acting(WORKER), pytest.raises(ProgrammingError, match="permission denied"):
        HoldAct.objects.create(request=asked, until_on=in_days(30), event=asked.event)


def test_jobs_end_no_hold_of_an_open_line(flow: Flow, asked: DisclosureRequest) -> None:
    held(flow, asked)
    with acting(JOBS), transaction.atomic():
        event = record("hold:ended", "request", asked.id, {"holds": 1})
        held_line = LineHold.objects.get()
        with pytest.raises(IntegrityError, match="ended by people"), transaction.atomic():
            HoldEnd.objects.create(line_hold=held_line, why="refused", event_id=event)


def test_a_line_that_the_law_does_not_let_be_held_is_not(flow: Flow) -> None:
    civil = flow.file([HIT])
    flow.run()
    laura = flow.person("laura")
    with acting(context_of(laura)):
        with pytest.raises(TransitionConflict):
            hold(laura, civil, lines_of(civil), in_days(30), "To be sure.")
        with pytest.raises(IntegrityError, match="newest answer"):
            act_by_sql(civil, laura, in_days(30))


def test_an_answer_of_before_allows_nothing_once_there_is_a_newer_one(flow: Flow, asked: DisclosureRequest) -> None:
    line, laura = asked.lines.get(), flow.person("laura")
    older = newest_assessments([line])[line.id]
    flow.attach(asked, criminal_terms([HIT]))
    flow.run()
    with acting(context_of(laura)), transaction.atomic():
        event = record("hold:set", "request", asked.id, {"lines": 1}, actor=laura.id)
        act = HoldAct.objects.create(request=asked, until_on=in_days(9), reason="r", made_by=laura, event_id=event)
        with pytest.raises(IntegrityError, match="newest answer"), transaction.atomic():
            LineHold.objects.create(act=act, line=line, assessment=older)


def test_a_line_of_another_request_is_not_slipped_in(flow: Flow, asked: DisclosureRequest) -> None:
    other = filed(flow, MISS)
    line, laura = other.lines.get(), flow.person("laura")
    with acting(context_of(laura)):
        with pytest.raises(TransitionConflict):
            hold(laura, asked, [line.id], in_days(30), "By mistake.")
        act = act_by_sql(asked, laura, in_days(30))
        with pytest.raises(IntegrityError, match="newest answer"), transaction.atomic():
            LineHold.objects.create(act=act, line=line, assessment=newest_assessments([line])[line.id])


def test_a_colleague_adds_no_line_to_somebody_elses_act(flow: Flow) -> None:
    asked = filed(flow, HIT, MISS)
    laura, pedro = flow.person("laura"), flow.person("pedro")
    with acting(context_of(laura)):
        act = act_by_sql(asked, laura, in_days(30))
    line = asked.lines.get(number=2)
    with acting(context_of(pedro)), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        LineHold.objects.create(act=act, line=line, assessment=newest_assessments([line])[line.id])


def test_ninety_days_are_extended_to_a_hundred_and_eighty_and_no_further(flow: Flow, asked: DisclosureRequest) -> None:
    with pytest.raises(InputError):
        held(flow, asked, in_days(91))
    held(flow, asked, in_days(30))
    age(89)
    held(flow, asked, in_days(90))
    age(2)
    with pytest.raises(InputError):
        held(flow, asked, in_days(90))
    laura = flow.person("laura")
    with acting(context_of(laura)), pytest.raises(IntegrityError, match="no longer than the law states"):
        act_by_sql(asked, laura, in_days(90))
    assert [lapse.date() for _, lapse, _ in kept_rows()] == [in_days(91)]


def age(days: int) -> None:
    """As if every hold had been made so many days earlier; only the owner can say so."""
    with connection.cursor() as cursor:
        # What is checked at the end of a transaction is checked now, or the table could not be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE hold_act DISABLE TRIGGER USER")
        cursor.execute("UPDATE hold_act SET made_at = made_at - make_interval(days => %s)", [days])
        cursor.execute("ALTER TABLE hold_act ENABLE TRIGGER USER")


def test_where_no_rule_states_a_length_a_person_says_one_up_to_a_year(flow: Flow, asked: DisclosureRequest) -> None:
    laura = flow.person("laura")
    unstated(asked)
    with acting(context_of(laura)):
        with pytest.raises(InputError):
            hold(laura, asked, lines_of(asked), None, "No day.")
        with pytest.raises(InputError):
            hold(laura, asked, lines_of(asked), in_days(366), "Too long.")
        with pytest.raises(IntegrityError, match="no longer than the law states"):
            act_by_sql(asked, laura, in_days(366))
        assert hold(laura, asked, lines_of(asked), in_days(365), "The judge said so.").until_on == in_days(365)


def unstated(request: DisclosureRequest) -> None:
    """Have the newest answer of the law be one from before rules could say a length."""
    line = request.lines.get()
    older = newest_assessments([line])[line.id]
    data = json.loads(older.record.content)
    del data["holds"]
    content = json.dumps(data)
    newer = AssessmentRecord.objects.create(
        digest=sha256_hex(content.encode()),
        pack_version=older.record.pack_version,
        content=content,
        outcome=older.record.outcome,
        granted=older.record.granted,
    )
    LineAssessment.objects.create(
        line=line, record=newer, for_study=False, hold_allowed=True, sequence=older.sequence + 1, event=older.event
    )


def test_what_the_log_does_not_reach_back_to_is_not_held(flow: Flow, asked: DisclosureRequest, settings: Any) -> None:
    settings.LEASE_RETENTION_DAYS = 10
    with pytest.raises(TransitionConflict):
        held(flow, asked)
    assert kept_rows() == []


def test_who_brought_the_order_does_not_hold(flow: Flow, asked: DisclosureRequest) -> None:
    laura = flow.person("laura")
    clerk = make_user(flow.person("marta").organisation, Role.CLERK, person_id=laura.person_id)
    with acting(context_of(clerk)):
        attach_order(clerk, asked, "DP 1/2026", flow.signed_order(), criminal_terms([HIT]))
    flow.run()
    with acting(context_of(laura)):
        with pytest.raises(NotAllowed):
            hold(laura, asked, lines_of(asked), in_days(30), "My own order.")
        with pytest.raises(IntegrityError, match="brought its order"):
            act_by_sql(asked, laura, in_days(30))


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001])
def test_a_hold_needs_its_reason(flow: Flow, asked: DisclosureRequest, reason: str) -> None:
    laura = flow.person("laura")
    with acting(context_of(laura)), pytest.raises(InputError):
        hold(laura, asked, lines_of(asked), in_days(30), reason)


def test_a_page_of_legal_staff_holds_extends_and_ends(flow: Flow, client: Client, asked: DisclosureRequest) -> None:
    log_in(client, flow.person("laura"))
    change = reverse("admin:broker_disclosurerequest_change", args=[asked.id])
    page = client.get(change).content.decode()
    assert "Police and prosecutors may have data preserved for 90 days" in page
    assert "90 days, extended to 180 at most" in page
    scope = page.split('name="hold_scope" value="')[1].split('"')[0]
    where = reverse("admin:broker_disclosurerequest_hold", args=[asked.id])
    sent = {"hold_scope": scope, "until": in_days(91).isoformat(), "hold_reason": "The judge is being asked."}
    refused = client.post(where, sent)
    assert refused.status_code == 422
    assert "The judge is being asked." in refused.content.decode()
    stale = client.post(where, sent | {"hold_scope": scope.replace(":1", ":2")})
    assert stale.status_code == 409
    done = client.post(where, sent | {"until": in_days(30).isoformat()}, follow=True).content.decode()
    assert "The worker is about to do this" in done
    flow.run("hold")
    done = client.get(change).content.decode()
    assert "It tells nobody whether there were rows to keep." in done
    assert "Extend the hold of 1 line" in done
    act = HoldAct.objects.get(request=asked)
    end = reverse("admin:broker_disclosurerequest_end_hold", args=[asked.id])
    client.post(end, {"hold_scope": f"{act.id}:1", "hold_reason": "The wrong line."})
    assert HoldEnd.objects.get().why == "person"
    assert "1 no longer: ended by legal staff" in client.get(change).content.decode()


def test_the_queue_shows_a_line_whose_rows_expire_soon(flow: Flow, client: Client, asked: DisclosureRequest) -> None:
    log_in(client, flow.person("laura"))
    queue = reverse("admin:broker_disclosurerequest_changelist")
    assert "1 to hold or let expire" in client.get(queue).content.decode()
    held(flow, asked)
    assert asked.reference not in client.get(queue).content.decode()


def test_a_civil_order_is_no_ground_for_a_hold_in_spain(flow: Flow) -> None:
    civil = flow.file([HIT])
    flow.run()
    flow.attach(civil, civil_terms([HIT]))
    flow.run()
    assert not newest_assessments([civil.lines.get()])[civil.lines.get().id].hold_allowed

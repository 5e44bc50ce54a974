"""The admin is for the operator's legal staff, and for reading; decisions are made through services only."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from broker.assessment.models import AssessmentRecord, PackVersion
from broker.decisions.models import Decision
from broker.intake.models import DisclosureRequest
from broker.parties.models import Organisation, Role, User
from tests.support.accounts import log_in
from tests.support.cases import PASSWORD, Desk, line_ids, make_account, make_reviewed, states

pytestmark = pytest.mark.django_db

PAGE = "admin:broker_disclosurerequest_"


def client_of(user: User) -> Client:
    client = Client()
    log_in(client, user)
    return client


def addresses(request: DisclosureRequest) -> list[str]:
    """Every page of the admin that shows something of a request."""
    order = request.orders.get()
    return [
        reverse("admin:index"),
        reverse(f"{PAGE}changelist"),
        reverse(f"{PAGE}change", args=[request.id]),
        reverse(f"{PAGE}document", args=[order.id]),
        reverse(f"{PAGE}terms", args=[order.terms.get().id]),
        reverse("admin:broker_packversion_changelist"),
        reverse("admin:broker_packversion_change", args=[PackVersion.objects.get().pk]),
        reverse("admin:broker_assessmentrecord_changelist"),
        reverse("admin:broker_assessmentrecord_change", args=[AssessmentRecord.objects.first().pk]),  # type: ignore[union-attr] # there is one
        reverse("admin:broker_sealedrelease_changelist"),
    ]


def outsiders(desk: Desk) -> dict[str, User]:
    authority = Organisation.objects.create(kind="authority", name="Unidad de ejemplo", jurisdiction="es")
    auditor = Organisation.objects.create(kind="auditor", name="Auditora de ejemplo", jurisdiction="es")
    return {
        "counsel": desk.filer,
        "clerk": desk.clerk,
        "authority": make_account(authority, Role.AUTHORITY, "authority", "Aura Authority"),
        "auditor": make_account(auditor, Role.AUDITOR, "auditor", "Abel Auditor"),
        "engineer": make_account(desk.operator, Role.ENGINEER, "engineer", "Enzo Engineer"),
        "former": make_account(desk.operator, Role.LEGAL, "former", "Fina Former", is_active=False),
    }


def test_shows_every_page_to_legal_staff(desk: Desk) -> None:
    request = make_reviewed(desk)
    for address in addresses(request):
        assert client_of(desk.ana).get(address).status_code == 200, address


def test_shows_no_page_to_anybody_else(desk: Desk) -> None:
    request = make_reviewed(desk)
    for name, user in outsiders(desk).items():
        client = client_of(user)
        for address in addresses(request):
            assert client.get(address).status_code in (302, 403, 404), (name, address)


def test_shows_no_page_to_somebody_who_has_not_logged_in(desk: Desk) -> None:
    for address in addresses(make_reviewed(desk)):
        answer = Client().get(address)
        assert answer.status_code == 302, address
        assert answer["Location"] in (f"/admin/login/?next={address}", f"/login/?next={address}")


def test_the_admin_has_no_log_in_of_its_own(desk: Desk) -> None:
    answer = Client().post(reverse("admin:login"), {"username": "ana", "password": PASSWORD})
    assert answer["Location"].startswith("/login/?next=")
    assert client_of(desk.filer).get(reverse("admin:login")).status_code == 403
    assert client_of(desk.ana).get(reverse("admin:login"))["Location"] == reverse("admin:index")
    assert client_of(desk.ana).get(reverse("admin:password_change"))["Location"] == "/account/password/"


def test_logging_out_of_the_admin_leads_to_the_one_log_in(desk: Desk) -> None:
    client = client_of(desk.ana)
    assert client.post(reverse("admin:logout"))["Location"] == "/login/"
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize("model", ["account/emailaddress", "mfa/authenticator", "usersessions/usersession"])
def test_the_factors_of_others_are_nobodys_to_see(desk: Desk, model: str) -> None:
    assert client_of(desk.ana).get(f"/admin/{model}/").status_code == 404


def test_decisions_of_others_are_refused_and_change_nothing(desk: Desk) -> None:
    request = make_reviewed(desk)
    entries = {"action": "approve", "scope": "ticked", "line": line_ids(request), "reason": "me", "seen": "1"}
    for user in outsiders(desk).values():
        answer = client_of(user).post(reverse(f"{PAGE}decide", args=[request.id]), entries)
        assert answer.status_code in (302, 403, 404)
    assert Client().post(reverse(f"{PAGE}decide", args=[request.id]), entries).status_code == 302
    assert states(request) == ["UNDER_REVIEW"]
    assert not Decision.objects.exists()


def test_refuses_a_decision_without_a_csrf_token(desk: Desk) -> None:
    request = make_reviewed(desk)
    client = Client(enforce_csrf_checks=True)
    log_in(client, desk.ana)
    entries = {"action": "deny", "scope": "ticked", "line": line_ids(request), "reason": "no", "seen": "1"}
    assert client.post(reverse(f"{PAGE}decide", args=[request.id]), entries).status_code == 403
    assert not Decision.objects.exists()


def test_looking_at_an_address_never_decides(desk: Desk) -> None:
    request = make_reviewed(desk)
    client = client_of(desk.ana)
    for name in ("decide", "answer"):
        address = reverse(f"{PAGE}{name}", args=[request.id])
        assert client.get(address, {"action": "approve", "scope": "ticked", "reason": "x"}).status_code == 405
    assert not Decision.objects.exists()


def test_nothing_is_added_changed_or_deleted_in_the_admin(desk: Desk) -> None:
    request = make_reviewed(desk)
    client = client_of(desk.ana)
    subjects = {
        "disclosurerequest": request.pk,
        "packversion": PackVersion.objects.get().pk,
        "assessmentrecord": AssessmentRecord.objects.values_list("pk", flat=True)[0],
        "sealedrelease": request.pk,
    }
    for model, key in subjects.items():
        base = f"/admin/broker/{model}/"
        assert client.get(f"{base}add/").status_code in (403, 404), model
        assert client.post(f"{base}add/", {"pack": "x"}).status_code in (403, 404), model
        assert client.get(f"{base}{key}/delete/").status_code in (302, 403, 404), model
        assert client.post(f"{base}{key}/delete/", {"post": "yes"}).status_code in (302, 403, 404), model
        assert client.post(f"{base}{key}/change/", {"pack": "x"}).status_code in (302, 403, 404, 405), model
        answer = client.post(base, {"action": "delete_selected", "_selected_action": [str(key)], "post": "yes"})
        assert answer.status_code in (200, 302, 403), model
    assert PackVersion.objects.get().pack == "es"
    assert AssessmentRecord.objects.exists()
    assert DisclosureRequest.objects.filter(pk=request.pk).exists()


@pytest.mark.parametrize(
    "model", ["event", "statemove", "invitation", "organisation", "courtorder", "decision", "outboxrow"]
)
def test_other_rows_have_no_pages_of_their_own(desk: Desk, model: str) -> None:
    assert client_of(desk.ana).get(f"/admin/broker/{model}/").status_code == 404


def test_django_groups_are_not_managed_here(desk: Desk) -> None:
    assert client_of(desk.ana).get("/admin/auth/group/").status_code == 404


def test_unknown_request_is_not_found(desk: Desk) -> None:
    address = reverse(f"{PAGE}change", args=["00000000-0000-4000-8000-000000000000"])
    assert client_of(desk.ana).get(address).status_code == 404


def test_pages_carry_nothing_inline_that_the_content_policy_would_drop(desk: Desk) -> None:
    client = client_of(desk.ana)
    for address in addresses(make_reviewed(desk)):
        answer = client.get(address)
        if answer["Content-Type"].startswith("text/html"):
            text = answer.content.decode()
            assert "<style" not in text, address
            assert " style=" not in text, address
            assert "<script>" not in text, address
            assert "onclick" not in text, address


def test_order_is_handed_out_as_received_and_never_opened_in_the_admin(desk: Desk) -> None:
    request = make_reviewed(desk)
    order = request.orders.select_related("document").get()
    answer = client_of(desk.ana).get(reverse(f"{PAGE}document", args=[order.id]))
    assert answer.content == bytes(order.document.content)
    assert answer["Content-Disposition"] == f'attachment; filename="{order.document_id}.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]

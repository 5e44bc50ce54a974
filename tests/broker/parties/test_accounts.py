"""Accounts come by invitation, once; nobody makes a second pair of eyes for themselves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client, override_settings
from django.utils import timezone

from broker.audit.models import Event
from broker.crypto.errors import UnsealError
from broker.crypto.factor_secrets import open_factor_secret, seal_factor_secret
from broker.databases import Process
from broker.decisions.models import Decision
from broker.errors import BrokerError, InputError, NotAllowed
from broker.parties.accounts import accept_invitation, change_role, invite, open_account, set_active
from broker.parties.authentication import new_api_key
from broker.parties.models import Invitation, Role, User
from broker.row_context import RowContext, acting
from tests.support.accounts import TOTP_SECRET, give_app, log_in
from tests.support.cases import PASSWORD, line_ids, make_reviewed
from tests.support.flow import DEMO
from tests.support.parties import Cast, make_cast

pytestmark = pytest.mark.django_db

NEW = "a password of their own"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def refusal(code: str) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as refused:
        accept_invitation(code, NEW)
    return [(problem.code, problem.message) for problem in refused.value.problems]


def test_an_invitation_sets_the_password_once(cast: Cast) -> None:
    code = invite(cast.stranger, by=cast.desk.ana)
    assert accept_invitation(f" {code}\n", NEW) == cast.stranger
    assert User.objects.get(pk=cast.stranger.pk).check_password(NEW)
    assert refusal(code)


def test_every_code_that_does_not_work_is_answered_alike(cast: Cast) -> None:
    used = invite(cast.stranger, by=None)
    accept_invitation(used, NEW)
    late = invite(cast.colleague, by=None)
    Invitation.objects.filter(user=cast.colleague).update(expires_at=timezone.now())
    replaced = invite(cast.other_clerk, by=None)
    invite(cast.other_clerk, by=None)
    closed = invite(cast.auditor, by=None)
    set_active(cast.auditor, False, by=None)
    answers = {str(refusal(code)) for code in (used, late, replaced, closed, "made-up", "", "\x00")}
    assert len(answers) == 1


def test_the_page_of_invitations_answers_every_bad_code_with_the_same_bytes(cast: Cast) -> None:
    used = invite(cast.stranger, by=None)
    accept_invitation(used, NEW)
    pages = set()
    for code in (used, "made-up-made-up-made-up-made-up-made-up-mad"):
        response = Client().post("/invitation/", {"code": code, "password1": NEW, "password2": NEW})
        page = response.content.decode().replace(code, "CODE")
        pages.add((response.status_code, re.sub(r'(nonce|csrfmiddlewaretoken" value)="[^"]+"', "", page)))
    assert len(pages) == 1


def test_a_weak_password_leaves_the_invitation_open(cast: Cast) -> None:
    code = invite(cast.stranger, by=None)
    for weak in ("short", "password1234", ""):
        with pytest.raises(InputError):
            accept_invitation(code, weak)
    assert accept_invitation(code, NEW) == cast.stranger


def test_no_code_is_kept_in_clear(cast: Cast) -> None:
    code = invite(cast.stranger, by=None)
    row = Invitation.objects.values().get()
    assert code not in str(row)
    assert code not in str(list(Event.objects.values_list("body", flat=True)))


def test_the_database_keeps_one_open_invitation_of_an_account(cast: Cast) -> None:
    invite(cast.stranger, by=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.create(user=cast.stranger, digest="0" * 64)


def test_inviting_again_closes_every_way_in_there_was(cast: Cast) -> None:
    give_app(cast.desk.filer)
    client = log_in(Client(), cast.desk.filer)
    key = {"authorization": f"Bearer {new_api_key(cast.desk.filer)}"}
    assert client.get("/requests/").status_code == Client().get("/api/v1/requests/", headers=key).status_code == 200
    invite(cast.desk.filer, by=cast.desk.ana)
    assert client.get("/requests/").status_code == 302
    assert Client().get("/api/v1/requests/", headers=key).status_code == 401
    assert not Authenticator.objects.filter(user=cast.desk.filer).exists()
    page = Client().post("/login/", {"login": "counsel", "password": PASSWORD}).content.decode()
    assert "do not fit together" in page


def test_in_the_browser_nobody_opens_or_takes_over_an_account_of_the_own_staff(cast: Cast) -> None:
    fields = {"username": "me-again", "display_name": "Me", "email": "", "role": Role.LEGAL}
    with pytest.raises(NotAllowed):
        open_account({**fields, "organisation": cast.desk.operator}, by=cast.desk.ana)
    for takeover in (
        lambda: invite(cast.desk.luis, by=cast.desk.ana),
        lambda: invite(cast.engineer, by=cast.desk.ana),
        lambda: change_role(cast.engineer, Role.LEGAL, by=cast.desk.ana),
        lambda: change_role(cast.desk.ana, Role.ENGINEER, by=cast.desk.ana),
        lambda: set_active(cast.desk.ana, False, by=cast.desk.ana),
        lambda: change_role(cast.desk.clerk, Role.LEGAL, by=cast.desk.ana),
    ):
        with pytest.raises(NotAllowed):
            takeover()
    set_active(cast.desk.luis, False, by=cast.desk.ana)
    with pytest.raises(NotAllowed):
        set_active(cast.desk.luis, True, by=cast.desk.ana)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE user_account SET role = 'legal' WHERE username = 'engineer'",
        "UPDATE user_account SET is_active = true WHERE username = 'luis'",
        "UPDATE user_account SET organisation_id = (SELECT id FROM organisation WHERE kind = 'operator')",
        "UPDATE user_account SET person_id = gen_random_uuid()",
        "INSERT INTO user_account SELECT (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid(), "
        "'person_id', gen_random_uuid(), 'username', 'second-me'))).* FROM user_account u WHERE username = 'ana'",
        "DELETE FROM user_account",
        "DELETE FROM invitation",
        "UPDATE invitation SET user_id = made_by_id",
    ],
)
def test_the_database_keeps_web_from_opening_or_raising_own_staff_too(cast: Cast, statement: str) -> None:
    invite(cast.stranger, by=None)
    set_active(cast.desk.luis, False, by=None)
    with (
        acting(RowContext(Process.WEB)),
        pytest.raises(ProgrammingError, match=r"server only|permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_nobody_but_legal_staff_looks_after_accounts(cast: Cast) -> None:
    for user in (cast.desk.filer, cast.desk.clerk, cast.auditor, cast.engineer, cast.authority):
        with pytest.raises(NotAllowed):
            invite(cast.stranger, by=user)
        with pytest.raises(NotAllowed):
            set_active(cast.stranger, False, by=user)
        client = log_in(Client(), user)
        assert client.get("/admin/broker/user/").status_code in (302, 403)
        assert client.post(f"/admin/broker/user/{cast.stranger.id}/close/").status_code in (302, 403)
    assert User.objects.get(pk=cast.stranger.pk).is_active


def test_the_admin_invites_closes_and_opens_people_of_outside(cast: Cast) -> None:
    client = log_in(Client(), cast.desk.ana)
    base = f"/admin/broker/user/{cast.stranger.id}/"
    page = client.post(f"{base}invite/").content.decode()
    link = re.search(r'id="invitation-link">http://testserver/invitation/#([^<]+)<', page)
    assert link is not None
    assert link[1] not in client.get(f"{base}change/").content.decode()
    assert accept_invitation(link[1], NEW) == cast.stranger
    for action, active in (("close", False), ("open", True)):
        assert client.post(f"{base}{action}/").status_code == 302
        assert User.objects.get(pk=cast.stranger.pk).is_active is active
    assert client.get(f"{base}close/").status_code == 405
    assert client.post(f"{base}nonsense/").status_code == 404
    assert client.post(f"/admin/broker/user/{cast.desk.luis.id}/invite/").status_code == 403


def test_accounts_are_changed_under_a_fresh_second_factor_only(cast: Cast) -> None:
    client = log_in(Client(), cast.desk.ana, age=301)
    for action in ("invite", "close", "to-engineer"):
        response = client.post(f"/admin/broker/user/{cast.desk.luis.id}/{action}/")
        assert response.headers["Location"].startswith("/account/confirm/")
    sent = {"username": "x", "display_name": "X", "email": "x@court.example", "role": "clerk"}
    response = client.post("/admin/broker/user/invite/", {**sent, "organisation": cast.desk.court.id})
    assert response.headers["Location"].startswith("/account/confirm/")
    assert not User.objects.filter(username="x").exists()
    luis = User.objects.get(pk=cast.desk.luis.pk)
    assert (luis.is_active, luis.role) == (True, Role.LEGAL)


@pytest.mark.parametrize("age", [0, 301])
def test_decisions_are_made_under_a_fresh_second_factor_only(cast: Cast, age: int) -> None:
    request = make_reviewed(cast.desk)
    client = log_in(Client(), cast.desk.ana, age=age)
    page = client.get(f"/admin/broker/disclosurerequest/{request.id}/change/").content.decode()
    seen = page.split('name="seen" value="')[1].split('"')[0]
    for action in ("approve", "deny", "contest", "recall", "reopen"):
        sent = {"action": action, "scope": "ticked", "line": line_ids(request), "reason": "So.", "seen": seen}
        response = client.post(f"/admin/broker/disclosurerequest/{request.id}/decide/", sent)
        stepped_up = response.status_code != 302 or "/account/confirm/" not in response.headers["Location"]
        assert stepped_up is (age == 0), action
    assert Decision.objects.exists() is (age == 0)


def test_commands_register_and_invite_and_say_each_code_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("register_parties", str(DEMO / "parties.toml"))
    codes = dict(re.findall(r"^  (\w+): (\S+)$", capsys.readouterr().out, re.M))
    assert len(codes) == 8
    assert accept_invitation(codes["laura"], NEW).username == "laura"
    call_command("register_parties", str(DEMO / "parties.toml"))
    assert "Give each" not in capsys.readouterr().out
    call_command("invite", "laura")
    assert accept_invitation(capsys.readouterr().out.strip(), NEW).username == "laura"
    call_command("set_role", "laura", "engineer")
    assert User.objects.get(username="laura").role == Role.ENGINEER
    with pytest.raises(BrokerError):
        call_command("invite", "nobody")


def test_the_code_of_a_demo_person_opens_the_second_step(capsys: pytest.CaptureFixture[str], cast: Cast) -> None:
    give_app(cast.desk.filer)
    with override_settings(EMBEDDED=True):
        call_command("totp", "counsel")
    code, link = capsys.readouterr().out.split()
    assert f"secret={TOTP_SECRET}" in link
    client = Client()
    client.post("/login/", {"login": "counsel", "password": PASSWORD})
    assert client.post("/login/code/", {"code": code}).headers["Location"] == "/"
    with override_settings(EMBEDDED=True), pytest.raises(BrokerError):
        call_command("totp", "clerk")
    with override_settings(EMBEDDED=False), pytest.raises(BrokerError):
        call_command("totp", "counsel")


def test_secrets_of_factors_lie_sealed_in_the_database(cast: Cast) -> None:
    factor = give_app(cast.desk.filer)
    assert TOTP_SECRET not in str(Authenticator.objects.values().get(pk=factor.pk))
    assert open_factor_secret(factor.data["secret"]) == TOTP_SECRET
    sealed = seal_factor_secret("secret")
    assert sealed != seal_factor_secret("secret")
    for broken in (sealed[:-4] + "AAA=", "", "no base64!", sealed[8:]):
        with pytest.raises(UnsealError):
            open_factor_secret(broken)
    with override_settings(SECRET_KEY="another key of the deployment, also long enough"), pytest.raises(UnsealError):
        open_factor_secret(sealed)


def test_an_invitation_that_ran_out_a_moment_ago_is_over(cast: Cast) -> None:
    code = invite(cast.stranger, by=None)
    row = Invitation.objects.get()
    assert timedelta(days=6, hours=23) < row.expires_at - timezone.now() <= timedelta(days=7)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(microseconds=1))
    assert refusal(code)

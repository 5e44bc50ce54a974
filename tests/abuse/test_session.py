"""Abuse case 27: a stolen or forgotten session ends soon, and with everything that makes it wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from broker.audit.models import Event
from broker.crypto.age import new_identity, public_key_of
from broker.parties.accounts import change_role, invite, set_active
from broker.parties.models import Role, User
from tests.support.accounts import give_app, log_in, totp_code
from tests.support.cases import PASSWORD, Desk

# Not in one transaction: what follows the commit of a new factor is part of what is tested.
pytestmark = pytest.mark.django_db(transaction=True)

HOME = "/account/sessions/"


def log_in_fully(user: User) -> Client:
    """Log in through the pages."""
    client = Client(headers={"user-agent": "Browser of a test"})
    client.post("/login/", {"login": user.username, "password": PASSWORD})
    assert client.post("/login/code/", {"code": totp_code()}).status_code == 302
    return client


def is_in(client: Client, path: str = HOME) -> bool:
    return client.get(path).status_code == 200


def key_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def test_the_key_of_a_session_is_new_after_each_step_of_the_log_in(desk: Desk) -> None:
    give_app(desk.filer)
    client = Client()
    client.get("/login/")
    planted = client.session
    planted.save()
    client.cookies["sessionid"] = planted.session_key or ""
    client.post("/login/", {"login": "counsel", "password": PASSWORD})
    half = key_of(client)
    client.post("/login/code/", {"code": totp_code()})
    assert is_in(client)
    assert key_of(client) not in (half, planted.session_key)
    for old in (half, str(planted.session_key)):
        thief = Client()
        thief.cookies["sessionid"] = old
        assert not is_in(thief)


def test_a_session_ends_without_use_and_lives_on_with_it(desk: Desk) -> None:
    client = log_in(Client(), desk.filer)
    row = Session.objects.get(pk=key_of(client))
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=60))
    assert is_in(client)
    row.refresh_from_db()
    left = row.expire_date - timezone.now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_in(client)


def test_looking_at_a_page_keeps_a_session_alive_and_overwrites_nothing_in_it(desk: Desk) -> None:
    client = log_in(Client(), desk.filer)
    client.get("/keys/")
    before = Session.objects.get(pk=key_of(client))
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=60))
    client.get("/keys/")
    after = Session.objects.get(pk=key_of(client))
    assert after.session_data == before.session_data
    assert after.expire_date - timezone.now() > timedelta(minutes=14)


def test_a_session_ends_eight_hours_after_its_log_in_however_busy(desk: Desk) -> None:
    client = log_in(Client(), desk.filer)
    for hours, expected in ((7.9, True), (8.1, False)):
        session = client.session
        session["broker.opened"] -= hours * 3600 if expected else 0.3 * 3600
        session.save()
        assert is_in(client) is expected


def test_a_session_that_says_not_when_it_began_is_over(desk: Desk) -> None:
    client = log_in(Client(), desk.filer)
    session = client.session
    del session["broker.opened"]
    session.save()
    assert not is_in(client)


def test_a_role_taken_away_throws_out_at_the_next_request(desk: Desk) -> None:
    client = log_in(Client(), desk.ana)
    assert is_in(client, "/admin/")
    change_role(desk.ana, Role.ENGINEER, by=desk.luis)
    assert client.get("/admin/").headers["Location"] == "/admin/login/?next=/admin/"
    # Also when somebody else than our service took it away.
    other = log_in(Client(), desk.luis)
    User.objects.filter(pk=desk.luis.pk).update(role=Role.ENGINEER)
    assert not is_in(other, "/admin/")


@pytest.mark.parametrize("how", ["closed", "invited again"])
def test_all_sessions_end_when_the_account_is_no_longer_what_it_was(desk: Desk, how: str) -> None:
    clients = [log_in(Client(), desk.filer) for _ in range(2)]
    assert all(is_in(client) for client in clients)
    if how == "closed":
        set_active(desk.filer, False, by=desk.ana)
    else:
        invite(desk.filer, by=desk.ana)
    assert not any(is_in(client) for client in clients)


@pytest.mark.parametrize("change", ["password", "app", "codes", "recipient key", "API key"])
def test_what_changes_the_way_in_ends_every_other_session(desk: Desk, change: str) -> None:
    other = log_in(Client(), desk.filer)
    mine = log_in(Client(), desk.filer)
    before = key_of(mine)
    _change(mine, change)
    assert is_in(mine)
    assert not is_in(other)
    thief = Client()
    thief.cookies["sessionid"] = before
    assert not is_in(thief), "the session goes on under a new key"


def _change(client: Client, change: str) -> None:
    if change == "password":
        new = "an entirely other one"
        sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        assert client.post("/account/password/", sent).status_code == 302
    elif change == "app":
        # A second factor of another kind stays, or the only one could not be removed.
        _add_passkey_row(client)
        assert client.post("/account/app/remove/").status_code == 302
    elif change == "codes":
        assert client.post("/account/recovery-codes/new/").status_code == 302
    elif change == "recipient key":
        assert client.post("/keys/recipient/", {"public_key": public_key_of(new_identity())}).status_code == 302
    else:
        assert client.post("/keys/api/", {"scopes": ["read"], "days": "30"}).status_code == 200


def _add_passkey_row(client: Client) -> None:
    user = User.objects.get(pk=client.session["_auth_user_id"])
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "x", "credential": {}})


def test_sessions_are_listed_and_ended_from_elsewhere(desk: Desk) -> None:
    give_app(desk.filer)
    first = log_in_fully(desk.filer)
    second = Client(headers={"user-agent": "Another browser"})
    second.post("/login/", {"login": "counsel", "password": PASSWORD})
    assert second.post("/login/code/", {"code": totp_code(step=1)}).status_code == 302
    page = second.get(HOME).content.decode()
    assert ("Browser of a test" in page, "Another browser" in page) == (True, True)
    row = UserSession.objects.get(session_key=key_of(first))
    assert second.post("/account/sessions/end/", {"session": row.pk}).status_code == 302
    assert not is_in(first)
    assert is_in(second)
    assert "Browser of a test" not in second.get(HOME).content.decode()


def test_nobody_ends_the_sessions_of_another(desk: Desk) -> None:
    give_app(desk.filer)
    victim = log_in_fully(desk.filer)
    row = UserSession.objects.get(session_key=key_of(victim))
    for sent in (str(row.pk), "0", "", "x", "-1", "9" * 40):
        assert log_in(Client(), desk.ana).post("/account/sessions/end/", {"session": sent}).status_code == 404, sent
    log_in(Client(), desk.ana).post("/account/sessions/end/", {"session": "others"})
    assert is_in(victim)


def test_the_log_keeps_who_came_and_went_and_no_name(desk: Desk) -> None:
    give_app(desk.filer)
    client = log_in_fully(desk.filer)
    client.post("/logout/")
    kinds = list(Event.objects.filter(subject_id=desk.filer.id).order_by("recorded_at").values_list("kind", flat=True))
    assert kinds[-3:] == ["second-factor:shown", "session:opened", "session:closed"]
    assert "counsel" not in str(list(Event.objects.filter(kind__startswith="session").values_list("body", flat=True)))

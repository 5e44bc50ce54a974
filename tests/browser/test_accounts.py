"""Invitations, passkeys, step-up and sessions in a real browser, with the policy of every page watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, CDPSession, Page, expect

from broker.parties.accounts import change_role, invite, open_account
from broker.parties.models import Role, User
from broker.supervise import Supervisor
from tests.support.accounts import log_in_page, next_code
from tests.support.browser import person, picture, real_hashes
from tests.support.cases import PASSWORD, line_ids, make_desk, make_reviewed, signed_order, states
from tests.support.deployment import add_web

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True, scope="module")
def _order_before_the_browser() -> None:
    # Signing runs an event loop of its own, which cannot be while the browser's runs; once made, the order is kept.
    signed_order()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server on the test databases, by a name that browsers let have passkeys without TLS."""
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        yield add_web(supervisor).replace("127.0.0.1", "localhost")


def add_authenticator(page: Page) -> CDPSession:
    """Plug in a passkey that knows its owner, as a phone or computer does."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "isUserVerified": True, "automaticPresenceSimulation": True}},
    )
    return session


def test_takes_an_invitation_sets_up_a_passkey_and_logs_in_with_it(browser: Browser, address: str) -> None:
    with real_hashes():
        desk = make_desk()
        fields = {"username": "new-clerk", "display_name": "Nora Nueva", "email": "nora@court.example"}
        user = open_account({**fields, "role": Role.CLERK, "organisation": desk.court}, by=desk.ana)
        code = invite(user, by=desk.ana)
    with person(browser) as page:
        add_authenticator(page)
        page.goto(f"{address}/invitation/#{code}")
        expect(page.get_by_label("Code of your invitation")).to_have_value(code)
        assert code not in page.url
        page.get_by_label("New password").fill("short")
        page.get_by_label("The same again").fill("short")
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_text("too short")).to_be_visible()
        picture(page, "invitation")
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        expect(page.get_by_text("Log in as “new-clerk”")).to_be_visible()
        picture(page, "login")
        page.get_by_label("User name").fill("new-clerk")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        # Nothing but the set-up is open before there is a second factor.
        expect(page.get_by_text("Set up a second factor to go on")).to_be_visible()
        picture(page, "set-up")
        page.goto(f"{address}/requests/")
        expect(page).to_have_url(f"{address}/account/")
        page.get_by_role("link", name="Add a passkey").click()
        picture(page, "add-passkey")
        page.get_by_role("button", name="Add the passkey").click()
        expect(page.locator("#recovery-codes li")).to_have_count(10)
        picture(page, "recovery-codes")
        page.goto(f"{address}/requests/")
        expect(page.get_by_role("heading", name="Requests")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("button", name="Log in with a passkey").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        page.goto(f"{address}/account/")
        expect(page.get_by_text("Passkey 1")).to_be_visible()
        picture(page, "account")
        # The only second factor stays.
        page.get_by_role("link", name="Remove", exact=True).click()
        page.get_by_role("button", name="Remove the passkey").click()
        expect(page.get_by_text("your only second factor")).to_be_visible()


def test_approves_under_a_fresh_passkey_and_is_thrown_out_with_the_role(browser: Browser, address: str) -> None:
    with real_hashes():
        desk = make_desk()
    request = make_reviewed(desk)
    with person(browser) as page:
        add_authenticator(page)
        set_up_passkey(page, address, "ana")
        page.goto(f"{address}/admin/broker/disclosurerequest/{request.id}/change/")
        _age_factors(desk.ana)
        page.get_by_label("Line 1", exact=True).check()
        page.get_by_label(re.compile("Your reason")).fill("Address, time and data agree with the signed text.")
        page.get_by_role("button", name="Approve", exact=True).click()
        expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        picture(page, "step-up-passkey")
        assert not request.lines.filter(decisions__isnull=False).exists()
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("Your approval of 1 line is recorded")).to_be_visible()
        picture(page, "approved")
        change_role(User.objects.get(pk=desk.ana.pk), Role.ENGINEER, by=desk.luis)
        page.reload()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert states(request) == ["UNDER_REVIEW"]
    assert len(line_ids(request)) == 1


def set_up_passkey(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/login/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    picture(page, "second-factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{address}/admin/")


def _age_factors(user: User) -> None:
    """Let five minutes pass for the second factors shown in this person's sessions."""
    for row in Session.objects.all():
        data = row.get_decoded()
        if data.get("_auth_user_id") != str(user.pk):
            continue
        for shown in data["account_authentication_methods"]:
            shown["at"] -= 301
        row.session_data = Session.objects.encode(data)
        row.save()


def test_sets_up_an_app_steps_up_for_a_key_and_ends_another_session(browser: Browser, address: str) -> None:
    with real_hashes():
        desk = make_desk()
    with person(browser) as page, person(browser) as other:
        page.goto(f"{address}/login/")
        page.get_by_label("User name").fill("counsel")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.get_by_role("link", name="Set up an app").click()
        secret = page.locator("#totp-secret").inner_text()
        assert re.fullmatch("[A-Z2-7]{32}", secret)
        picture(page, "app")
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Set up the app").click()
        expect(page.get_by_text("does not fit")).to_be_visible()
        page.get_by_label("Code").fill(next_code("counsel", page.locator("#totp-secret").inner_text()))
        page.get_by_role("button", name="Set up the app").click()
        expect(page.locator("#recovery-codes li")).to_have_count(10)
        recovery = page.locator("#recovery-codes li").first.inner_text()
        # Shown once.
        page.reload()
        expect(page.get_by_text("They were shown already")).to_be_visible()
        assert recovery not in page.content()
        log_in_page(other, address, "counsel", PASSWORD)
        page.goto(f"{address}/account/sessions/")
        picture(page, "sessions")
        page.get_by_role("button", name="Log out there").click()
        expect(page.get_by_text("Logged out there")).to_be_visible()
        other.reload()
        expect(other.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(f"{address}/keys/")
        _age_factors(desk.filer)
        page.get_by_label("Download sealed packages").check()
        page.get_by_role("button", name="Make an API key").click()
        expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
        picture(page, "step-up-code")
        page.get_by_label("Code").fill(next_code("counsel"))
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator("#api-key")).to_be_visible()
        picture(page, "keys")
        page.goto(f"{address}/account/password/")
        picture(page, "password")
        # A recovery code takes the place of the lost app, once.
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("User name").fill("counsel")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        # Who has no passkey is not offered to use one.
        expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
        page.get_by_label("Code").fill(recovery)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("heading", name="Requests")).to_be_visible()


def test_every_page_of_the_admin_works_under_the_content_policy(browser: Browser, address: str) -> None:
    with real_hashes():
        desk = make_desk()
    request = make_reviewed(desk)
    order = request.orders.get()
    with person(browser) as page:
        add_authenticator(page)
        set_up_passkey(page, address, "ana")
        for path in (
            "/admin/",
            "/admin/broker/disclosurerequest/",
            f"/admin/broker/disclosurerequest/{request.id}/change/",
            f"/admin/broker/disclosurerequest/terms/{order.terms.get().id}/",
            "/admin/broker/packversion/",
            "/admin/broker/assessmentrecord/",
            "/admin/broker/sealedrelease/",
            "/admin/broker/user/",
            f"/admin/broker/user/{desk.clerk.id}/change/",
            "/admin/broker/user/invite/",
        ):
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 200, path
            page.wait_for_load_state("networkidle")
            picture(page, "admin" + path.replace("/", "-")[6:30])
        page.get_by_label("User name").fill("new-clerk")
        page.get_by_label("Name:", exact=True).fill("Nora Nueva")
        page.get_by_label("E-mail").fill("nora@court.example")
        page.get_by_label("Organisation").select_option(label=desk.court.name)
        page.get_by_label("Role").select_option("clerk")
        page.get_by_role("button", name="Make the invitation").click()
        expect(page.locator("#invitation-link")).to_have_text(re.compile(f"{address}/invitation/#"))
        picture(page, "admin-invited")

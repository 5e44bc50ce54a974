"""Log-in, home, keys, events, help and the pages that say no."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern

from broker.audit.models import Event
from broker.crypto.age import new_identity, public_key_of
from broker.orders.verdict import CODES
from broker.parties.models import ApiKey, RecipientKey
from broker.portal import urls
from broker.release.models import SealedRelease
from broker.release.reasons import EXPLANATIONS
from tests.support.accounts import give_app, totp_code
from tests.support.cases import PASSWORD, file_lines, make_reviewed
from tests.support.flow import HIT, Flow
from tests.support.parties import Cast, make_cast, page_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_logs_in_with_password_and_code_only(cast: Cast) -> None:
    give_app(cast.desk.filer)
    client = Client()
    wrong = client.post("/login/", {"login": "counsel", "password": "wrong"})
    assert "do not fit together" in wrong.content.decode()
    half = client.post("/login/", {"login": "counsel", "password": PASSWORD})
    assert half.headers["Location"] == "/login/code/"
    assert client.get("/requests/").headers["Location"] == "/login/?next=/requests/"
    assert "does not fit" in client.post("/login/code/", {"code": "000000"}).content.decode()
    right = client.post("/login/code/", {"code": totp_code()}, follow=True)
    assert right.redirect_chain == [("/", 302), ("/requests/", 302)]
    assert client.post("/logout/").status_code == 302
    assert client.get("/requests/").headers["Location"] == "/login/?next=/requests/"


def test_takes_each_code_once_also_when_it_is_still_good_a_minute_later(cast: Cast) -> None:
    give_app(cast.desk.filer)
    with connection.cursor() as cursor:
        # Browsers of earlier tests leave counts behind: the table is no model, so nothing empties it.
        cursor.execute("DELETE FROM limit_count", [])
    code = totp_code(step=1)
    for shown, expected in ((code, "/"), (code, None), (f"{code[:3]} {code[3:]}", None)):
        client = Client()
        client.post("/login/", {"login": "counsel", "password": PASSWORD})
        assert client.post("/login/code/", {"code": shown}).headers.get("Location") == expected
        # The library forgets a code after half a minute; a code of the next half minute is good for longer.
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM limit_count WHERE cache_key LIKE '%%allauth.mfa.totp.used%%'", [])
            assert cursor.rowcount == 1


def test_never_leads_to_another_site_after_the_log_in(cast: Cast) -> None:
    give_app(cast.desk.filer)
    client = Client()
    client.post("/login/?next=https://elsewhere.example/", {"login": "counsel", "password": PASSWORD})
    assert client.post("/login/code/", {"code": totp_code()}).headers["Location"] == "/"


def test_sends_each_role_to_its_own_pages(cast: Cast) -> None:
    homes = {
        cast.desk.filer: "/requests/",
        cast.authority: "/requests/",
        cast.desk.clerk: "/requests/",
        cast.auditor: "/events/",
        cast.engineer: "/help/",
        cast.desk.ana: "/admin/",
    }
    for user, home in homes.items():
        assert page_client(user).get("/").headers["Location"] == home


def test_asks_everybody_to_log_in_before_any_page_but_help() -> None:
    public = {"help", "opening-script", "operator-certificate", "invitation", "logout"}
    values = {"reference": "R-2222-2222-2222", "order_id": "0" * 32, "release_id": "0" * 32}
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name in public:
            continue
        for method in ("get", "post"):
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: _sample(found[1], values), str(pattern.pattern))
            response = getattr(Client(), method)(path)
            assert response.status_code in (302, 405), path
            assert response.status_code == 405 or response.headers["Location"].startswith("/login/"), path


def _sample(name: str, values: dict[str, str]) -> str:
    return values[name] if name == "reference" else "00000000-0000-4000-8000-000000000000"


def test_registers_a_recipient_key_and_shows_its_fingerprint(cast: Cast) -> None:
    client = page_client(cast.stranger)
    public = public_key_of(new_identity())
    assert client.post("/keys/recipient/", {"public_key": f"  {public}\n"}).status_code == 302
    stored = RecipientKey.objects.get(organisation=cast.stranger.organisation)
    assert stored.fingerprint in client.get("/keys/").content.decode()
    assert stored.fingerprint not in page_client(cast.desk.filer).get("/keys/").content.decode()


def test_sends_no_secret_key_back_to_the_screen(cast: Cast) -> None:
    secret = new_identity()
    response = page_client(cast.stranger).post("/keys/recipient/", {"public_key": secret})
    assert response.status_code == 422
    assert "SECRET half" in response.content.decode()
    assert secret not in response.content.decode()
    assert not RecipientKey.objects.filter(organisation=cast.stranger.organisation).exists()


def test_lets_clerks_and_auditors_register_no_recipient_key(cast: Cast) -> None:
    public = public_key_of(new_identity())
    for user in (cast.desk.clerk, cast.auditor):
        assert page_client(user).post("/keys/recipient/", {"public_key": public}).status_code == 403
    assert "sealed to" not in page_client(cast.desk.clerk).get("/keys/").content.decode().split("<footer")[0]


def test_shows_an_api_key_once_and_it_opens_the_api(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    made = client.post("/keys/api/", {"scopes": ["read"], "days": "30"})
    found = re.search(r'id="api-key">([^<]+)<', made.content.decode())
    assert found is not None
    assert Client().get("/api/v1/requests/", headers={"Authorization": f"Bearer {found[1]}"}).status_code == 200
    again = client.get("/keys/").content.decode()
    assert found[1].partition(".")[2] not in again
    assert ApiKey.objects.get(user=cast.desk.filer).prefix in again


def test_shows_events_to_auditors_only(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    client = page_client(cast.auditor)
    page = client.get("/events/").content.decode()
    assert "order:verified" in page
    for hidden in ("198.51.100.1", "Carla", "annex 1"):
        assert hidden not in page
    one = client.get(f"/events/?subject={request.id}").content.decode()
    assert "request:filed" in one
    assert "recipient-key:registered" not in one
    assert client.get("/events/?subject=x'--").status_code == 422
    for user in (cast.desk.filer, cast.desk.clerk, cast.engineer, cast.desk.ana):
        assert page_client(user).get("/events/").status_code == 403


def test_pages_through_events(cast: Cast) -> None:
    for _ in range(60):
        file_lines(cast.desk)
    assert Event.objects.count() > 100
    page = page_client(cast.auditor).get("/events/").content.decode()
    assert page.count('data-label="Event"') == 100
    assert 'rel="next"' in page


def test_explains_every_published_code() -> None:
    page = Client().get("/help/").content.decode()
    for code in (*EXPLANATIONS, *CODES):
        assert f"<code>{code}</code>" in page


def test_the_log_in_leads_whoever_was_invited_to_the_page_for_the_code() -> None:
    assert 'href="/invitation/"' in Client().get("/login/").content.decode()


def test_offers_the_opening_script_and_the_operators_certificate() -> None:
    client = Client()
    script = client.get("/help/open_release.sh")
    assert script.content.startswith(b"#!/bin/sh")
    assert script["Content-Disposition"] == 'attachment; filename="open_release.sh"'
    certificate = settings.KEY_DIR / "seal.crt"
    if not certificate.exists():
        assert client.get("/help/operator-certificate.pem").status_code == 404
        call_command("make_keys", verbosity=0)
    assert client.get("/help/operator-certificate.pem").content == certificate.read_bytes()
    assert b"PRIVATE" not in certificate.read_bytes()


@pytest.mark.parametrize("path", ["/login/", "/help/", "/nothing/"])
def test_allows_nothing_inline_and_needs_nothing_inline(path: str) -> None:
    response = Client().get(path)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = response.content.decode()
    nonce = re.search(r"script-src(?: 'nonce-([^']+)')?(?:;|$)", policy)
    assert nonce is not None
    for tag in re.findall(r"<script[^>]*>", page):
        assert 'type="application/json"' in tag or (" src=" in tag and f'nonce="{nonce[1]}"' in tag), tag
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    # Browsers send `Origin: null` under "no-referrer", and every form would be refused.
    assert response["Referrer-Policy"] == "same-origin"


def test_labels_every_field_of_every_form(cast: Cast) -> None:
    request = file_lines(cast.desk)
    for user, path in (
        (cast.desk.filer, "/requests/new/"),
        (cast.desk.filer, "/keys/"),
        (cast.desk.clerk, f"/requests/{request.reference}/orders/new/"),
        (cast.auditor, "/events/"),
    ):
        page = page_client(user).get(path).content.decode()
        for field in re.findall(r"<(?:input|select|textarea)[^>]*>", page):
            if 'type="hidden"' in field:
                continue
            found = re.search(r'\sid="([^"]+)"', field)
            assert found is not None, field
            assert f'for="{found[1]}"' in page, field


@pytest.mark.django_db(databases=["default", "leases", "identities"])
def test_offers_the_sealed_package_to_the_party_and_hides_it_from_the_court(flow: Flow) -> None:
    request = flow.released([HIT])
    release = SealedRelease.objects.get()
    path = f"/requests/{request.reference}/"
    client = page_client(flow.person("carla"))
    page = client.get(path).content.decode()
    assert release.sha256 in page
    assert client.get(f"/releases/{release.id}/package/").content == bytes(release.package)
    assert "Sealed package downloaded" in client.get(path).content.decode()
    clerk = page_client(flow.person("marta"))
    shown = clerk.get(path).content.decode()
    assert "1 answered" in shown
    assert release.sha256 not in shown
    assert "downloaded" not in shown
    assert clerk.get(f"/releases/{release.id}/package/").status_code == 403

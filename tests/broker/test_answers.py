"""What every answer carries, and what is answered when something goes wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from broker.urls import handler400, handler403, handler404, handler500
from tests.support.accounts import log_in
from tests.support.cases import Desk

pytestmark = pytest.mark.django_db

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("198.51.100.7 belongs to Carla")


urlpatterns = [
    path("api/v1/broken/", break_down),
    path("broken/", break_down),
    path("", include("broker.urls")),
]


@pytest.fixture
def broken() -> Iterator[Client]:
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


def test_an_unexpected_error_of_the_api_is_a_problem_without_details(broken: Client) -> None:
    response = broken.get("/api/v1/broken/")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert response.json()["status"] == 500
    assert b"Carla" not in response.content


def test_an_unexpected_error_of_a_page_is_a_page_of_ours_without_details(broken: Client, desk: Desk) -> None:
    log_in(broken, desk.filer)
    response = broken.get("/broken/")
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()
    assert b"Carla" not in response.content
    assert response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/nothing/", "testserver", 404), ("/help/", "elsewhere.example", 400)],
)
def test_pages_and_api_say_no_each_in_its_own_form(path: str, host: str, status: int) -> None:
    page = Client().get(path, headers={"host": host})
    assert (page.status_code, page["Content-Type"]) == (status, "text/html; charset=utf-8")
    api = Client().get(f"/api/v1{path}", headers={"host": host})
    assert api.status_code in (status, 401)
    assert api["Content-Type"] == "application/problem+json"


def test_no_page_may_use_what_a_device_has_but_a_passkey() -> None:
    response = Client().get("/login/")
    allowed = response["Permissions-Policy"]
    for feature in ("camera", "microphone", "geolocation", "usb", "clipboard-read"):
        assert f"{feature}=()" in allowed
    assert "publickey" not in allowed
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_page_without_scripts_lets_none_run_and_the_admin_its_own_files(desk: Desk) -> None:
    assert re.search(r"script-src(;|$)", Client().get("/help/")["Content-Security-Policy"])
    policy = log_in(Client(), desk.ana).get("/admin/")["Content-Security-Policy"]
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert "unsafe" not in policy


def test_nonces_are_new_each_time() -> None:
    found = {re.findall(r"'nonce-([^']+)'", Client().get("/login/")["Content-Security-Policy"])[0] for _ in range(3)}
    assert len(found) == 3


PRINT = """
import json, django
django.setup()
from django.conf import settings
names = ("SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SECURE_HSTS_SECONDS "
         "SECURE_HSTS_PRELOAD TRUSTED_PROXIES SESSION_COOKIE_HTTPONLY SESSION_COOKIE_SAMESITE PASSWORD_HASHERS").split()
print(json.dumps({name: getattr(settings, name) for name in names}))
"""


def settings_of(**environment: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PRINT],
        env={k: v for k, v in os.environ.items() if not k.startswith("BROKER_")}
        | {"DJANGO_SETTINGS_MODULE": "broker.settings", "BROKER_HOME": str(settings.HOME), **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.BASE_DIR,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


SERVER = {
    "BROKER_DATABASE_URL": "postgresql://db.example/broker",
    "BROKER_SECRET_KEY": "x" * 50,
    "BROKER_ALLOWED_HOSTS": "broker.example",
    "BROKER_OPERATOR_ID": "operator",
}


def test_behind_tls_cookies_are_bound_to_the_host_and_http_is_over() -> None:
    found = settings_of(**SERVER)
    assert (found["SESSION_COOKIE_NAME"], found["CSRF_COOKIE_NAME"]) == ("__Host-sessionid", "__Host-csrftoken")
    assert (found["SESSION_COOKIE_SECURE"], found["CSRF_COOKIE_SECURE"]) == (True, True)
    assert (found["SESSION_COOKIE_HTTPONLY"], found["SESSION_COOKIE_SAMESITE"]) == (True, "Strict")
    assert found["SECURE_HSTS_SECONDS"] == 63_072_000
    assert found["TRUSTED_PROXIES"] == 1


def test_on_this_machine_cookies_go_over_plain_http_and_no_proxy_is_believed() -> None:
    found = settings_of()
    assert (found["SESSION_COOKIE_NAME"], found["SESSION_COOKIE_SECURE"]) == ("sessionid", False)
    assert (found["SECURE_HSTS_SECONDS"], found["TRUSTED_PROXIES"]) == (0, 0)
    assert str(found["PASSWORD_HASHERS"]).startswith("['django.contrib.auth.hashers.Argon2")


def test_a_cookie_over_tls_can_be_set_with_the_prefix_of_its_host(desk: Desk) -> None:
    names = {"SESSION_COOKIE_NAME": "__Host-sessionid", "SESSION_COOKIE_SECURE": True}
    with override_settings(**names, SECURE_HSTS_SECONDS=60, SECURE_HSTS_PRELOAD=True):
        client = log_in(Client(), desk.filer)
        response = client.get("/keys/", secure=True)
        cookie = client.cookies["__Host-sessionid"]
    assert response.status_code == 200
    assert response["Strict-Transport-Security"].startswith("max-age=60")
    # What the prefix demands of a browser: Secure, the whole host, and no domain.
    assert (cookie["secure"], cookie["path"], cookie["domain"] or "") == (True, "/", "")

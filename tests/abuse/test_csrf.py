"""Abuse case 15: no other site makes a person's browser do anything here, and none shows our pages in a frame."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve

from broker.parties.authentication import new_api_key
from tests.support.accounts import is_logged_in, log_in
from tests.support.cases import PASSWORD, Desk
from tests.support.routes import routes

pytestmark = pytest.mark.django_db

OTHER_SITE = "https://elsewhere.example"
REFUSED = "did not come from a page of yours"


def page_routes() -> list[str]:
    """Every page, ours, the admin's and the library's; the API is apart."""
    found = sorted({path for path, _ in routes() if not path.startswith("/api/")})
    assert len(found) > 40
    return found


class Browsers:
    """Browsers that are checked like real ones: one of each person, and a new one where nobody is logged in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._of: dict[str, Client] = {}

    def on(self, path: str) -> tuple[Client, str]:
        """The browser of who belongs on a page, and a token of a page of its own."""
        if path.startswith(("/login/", "/invitation/")):
            client = Client(enforce_csrf_checks=True)
            client.get("/login/")
        else:
            user = self._desk.ana if path.startswith("/admin/") else self._desk.filer
            client = self._of.setdefault(user.username, Client(enforce_csrf_checks=True))
            # The form of some pages ends the session.
            if not is_logged_in(client):
                log_in(client, user)
                # Every page with a form hands a token out; help has the log-out's.
                client.get("/help/")
        return client, client.cookies["csrftoken"].value


def refused(response: HttpResponse) -> bool:
    return response.status_code == 403 and REFUSED in response.content.decode()


def test_every_unsafe_route_is_closed_to_other_sites_with_and_without_a_token(desk: Desk) -> None:
    unsafe = 0
    browsers = Browsers(desk)
    for path in page_routes():
        client, token = browsers.on(path)
        answers = {
            "no token": client.post(path, {"x": "1"}),
            "no token, other site": client.post(path, {"x": "1"}, headers={"origin": OTHER_SITE}),
            "token, other site": client.post(path, {"csrfmiddlewaretoken": token}, headers={"origin": OTHER_SITE}),
            "token, nowhere": client.post(path, {"csrfmiddlewaretoken": token}, headers={"origin": "null"}),
            "made-up token": client.post(path, {"csrfmiddlewaretoken": "a" * 64}),
        }
        for what, response in answers.items():
            assert refused(response) or response.status_code == 405, (path, what, response.status_code)  # type: ignore[arg-type] # a response
        # And the very same form from our own page is not refused for that.
        own = client.post(path, {"csrfmiddlewaretoken": token}, headers={"origin": "http://testserver"})
        assert not refused(own), path  # type: ignore[arg-type] # a response
        unsafe += own.status_code != 405
    assert unsafe > 15


def test_other_unsafe_methods_are_closed_as_well(desk: Desk) -> None:
    browsers = Browsers(desk)
    for path in page_routes():
        client, _ = browsers.on(path)
        for method in ("put", "patch", "delete"):
            status = getattr(client, method)(path, headers={"origin": OTHER_SITE}).status_code
            assert status in (403, 405), (path, method)


def test_the_api_does_nothing_for_a_cookie(desk: Desk) -> None:
    client = log_in(Client(), desk.filer)
    for path, _ in routes():
        if path.startswith("/api/v1/"):
            for method in ("get", "post"):
                response = getattr(client, method)(path, headers={"origin": OTHER_SITE})
                assert response.status_code == 401, (path, method)
                assert "session" not in json.dumps(response.json())


def test_no_answer_lets_another_site_read_or_frame_it(desk: Desk) -> None:
    key = {"authorization": f"Bearer {new_api_key(desk.filer)}", "origin": OTHER_SITE}
    browsers = Browsers(desk)
    for path in [*page_routes(), "/api/v1/courts/"]:
        client, _ = browsers.on(path)
        response = client.get(path, headers=key)
        assert not [name for name in response.headers if name.startswith("Access-Control-")], path
        assert "frame-ancestors 'none'" in response["Content-Security-Policy"], path
        assert response["X-Frame-Options"] == "DENY", path
        assert response["Cross-Origin-Resource-Policy"] == "same-origin", path


def test_the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(desk: Desk) -> None:
    client = Client()
    client.get("/login/")
    client.post("/login/", {"login": "counsel", "password": PASSWORD})
    for name in ("sessionid", "csrftoken"):
        cookie = client.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/"), name


def test_every_route_is_one_that_django_finds() -> None:
    for path, _ in routes():
        resolve(path)

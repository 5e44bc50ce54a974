"""API keys: what each may do, how long, and that a bad one is told nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from broker.api_input import ApiView, NothingHere
from broker.errors import InputError, NotFound
from broker.parties.accounts import set_active
from broker.parties.authentication import new_api_key, revoke_api_key
from broker.parties.models import ApiKey, Scope
from tests.support.accounts import log_in
from tests.support.cases import file_lines
from tests.support.parties import Cast, make_cast
from tests.support.routes import SOME_ID, routes

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def call(key: str, path: str = "/api/v1/courts/", method: str = "get") -> int:
    response = getattr(Client(), method)(path, headers={"authorization": f"Bearer {key}"})
    return int(response.status_code)


def test_every_operation_names_the_scope_of_every_method() -> None:
    views = [
        getattr(get_resolver().resolve(path).func, "view_class", None) or get_resolver().resolve(path).func.cls  # type: ignore[attr-defined] # DRF's
        for path, _ in routes()
        if path.startswith("/api/v1/")
    ]
    views = [view for view in views if view is not NothingHere]
    assert len(views) > 10
    for view in views:
        assert issubclass(view, ApiView)
        methods = {m.upper() for m in view.http_method_names if hasattr(view, m)} - {"OPTIONS", "HEAD"}
        assert methods == set(view.scopes), view.__name__
        assert set(view.scopes.values()) <= set(Scope.values)


@pytest.mark.parametrize("scope", Scope.values)
def test_a_key_does_what_its_scope_names_and_no_more(cast: Cast, scope: str) -> None:
    request = file_lines(cast.desk)
    base = f"/api/v1/requests/{request.id}/"
    operations = {
        Scope.READ: [("get", "/api/v1/requests/"), ("get", base), ("get", f"{base}releases/")],
        Scope.FILE: [("post", "/api/v1/requests/"), ("post", f"{base}withdraw/"), ("post", f"{base}answers/")],
        Scope.UPLOAD: [("post", f"{base}orders/"), ("post", f"/api/v1/orders/{SOME_ID}/terms/")],
        Scope.DOWNLOAD: [("get", f"/api/v1/releases/{SOME_ID}/package/")],
    }
    key = new_api_key(cast.desk.filer, [scope])
    for needed, calls in operations.items():
        for method, path in calls:
            response = getattr(Client(), method)(path, headers={"authorization": f"Bearer {key}"})
            lacks = response.status_code == 403 and f"the scope '{needed}'" in response.content.decode()
            assert lacks is (needed != scope), (path, response.status_code)


def test_every_bad_key_is_answered_with_the_same_bytes(cast: Cast) -> None:
    keys = {name: new_api_key(cast.desk.filer) for name in ("revoked", "expired")}
    rows = {name: ApiKey.objects.filter(prefix=key.partition(".")[0]) for name, key in keys.items()}
    rows["revoked"].update(revoked_at=timezone.now())
    rows["expired"].update(expires_at=timezone.now() - timedelta(seconds=1))
    good = new_api_key(cast.colleague)
    keys["closed account"] = new_api_key(cast.stranger)
    set_active(cast.stranger, False, by=None)
    keys |= {
        "wrong secret": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "unknown prefix": "0123456789abcdef.x",
        "no secret": good.partition(".")[0],
        "empty secret": good.partition(".")[0] + ".",
        "nothing": "",
        "NUL": "\x00.\x00",
        "long": "a" * 5000,
        "other letters": "ñ.ü",
    }
    answers = {}
    for name, key in keys.items():
        response = Client().get("/api/v1/courts/", headers={"authorization": f"Bearer {key}"})
        answers[name] = (response.status_code, response.content, sorted(response.headers.items()))
    assert answers["revoked"][0] == 401
    for name, answer in answers.items():
        assert answer == answers["revoked"], name
    assert call(good) == 200


@pytest.mark.parametrize(("scopes", "days"), [([], 30), (["everything"], 30), (["read"], 0), (["read"], 3650)])
def test_refuses_a_key_for_nothing_or_for_ever(cast: Cast, scopes: list[str], days: int) -> None:
    with pytest.raises(InputError):
        new_api_key(cast.desk.filer, scopes, days)
    client = log_in(Client(), cast.desk.filer)
    assert client.post("/keys/api/", {"scopes": scopes, "days": str(days)}).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_by_its_own_person_only(cast: Cast) -> None:
    key = new_api_key(cast.desk.filer)
    prefix = key.partition(".")[0]
    with pytest.raises(NotFound):
        revoke_api_key(cast.colleague, prefix)
    assert log_in(Client(), cast.colleague).post("/keys/api/revoke/", {"prefix": prefix}).status_code == 404
    assert call(key) == 200
    client = log_in(Client(), cast.desk.filer)
    assert client.post("/keys/api/revoke/", {"prefix": prefix}).status_code == 302
    assert call(key) == 401
    assert "Revoked" in client.get("/keys/").content.decode()
    assert client.post("/keys/api/revoke/", {"prefix": "unknown"}).status_code == 404


def test_a_key_works_until_its_day(cast: Cast) -> None:
    key = new_api_key(cast.desk.filer, ["read"], 30)
    row = ApiKey.objects.get()
    assert timedelta(days=29, hours=23) < row.expires_at - timezone.now() <= timedelta(days=30)
    assert call(key) == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert call(key) == 401
    assert "Ended" in log_in(Client(), cast.desk.filer).get("/keys/").content.decode()

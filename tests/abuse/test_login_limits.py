"""Abuse case 28: guessing is slow for each account and each address, and no answer tells what was right."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache, caches
from django.core.cache.backends.db import DatabaseCache
from django.test import Client, override_settings
from rest_framework.throttling import SimpleRateThrottle

from broker.parties.accounts import invite
from broker.parties.models import User
from tests.support.accounts import give_app, totp_code
from tests.support.cases import PASSWORD, Desk

pytestmark = pytest.mark.django_db

WRONG = "wrong"
TOO_MANY = "Too many tries"


def attempt(name: str, password: str = WRONG, address: str = "203.0.113.9", **headers: str) -> str:
    """Try once from an address; give the page."""
    client = Client(REMOTE_ADDR=address, headers=headers)
    return client.post("/login/", {"login": name, "password": password}, follow=True).content.decode()


def addresses() -> list[str]:
    return [f"203.0.113.{number}" for number in range(1, 60)]


def without_token(page: bytes) -> bytes:
    return re.sub(rb'(csrfmiddlewaretoken" value|nonce|script-src)="[^"]+"', b"", page)


def test_counts_are_kept_where_every_process_sees_them() -> None:
    assert isinstance(caches["default"], DatabaseCache)
    cache.set("limit", 1, 60)
    assert caches["default"].get("limit") == 1


def test_five_wrong_passwords_close_an_account_for_a_while_from_everywhere(desk: Desk) -> None:
    pages = [attempt("counsel", address=address) for address in addresses()[:6]]
    assert [TOO_MANY in page for page in pages] == [False] * 5 + [True]
    assert TOO_MANY in attempt("counsel", PASSWORD, address="198.51.100.1")
    assert TOO_MANY not in attempt("clerk", address="198.51.100.1")


def test_an_account_that_is_not_there_closes_in_the_same_way(desk: Desk) -> None:
    pages = [attempt("nobody-here", address=address) for address in addresses()[:6]]
    assert [TOO_MANY in page for page in pages] == [False] * 5 + [True]


def test_ten_wrong_passwords_close_an_address_for_a_while_for_all_accounts(desk: Desk) -> None:
    pages = [attempt(f"name-{number}") for number in range(11)]
    assert [TOO_MANY in page for page in pages] == [False] * 10 + [True]
    assert TOO_MANY not in attempt("counsel", address="198.51.100.1")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_forged_forwarded_header_buys_no_new_address(desk: Desk, count: int) -> None:
    # Behind `count` proxies of our own, each of which appends the address it was called from.
    ours = ", ".join(["203.0.113.9", "10.0.0.2"][:count])
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=count):
        pages = [
            attempt(
                f"name-{number}",
                address="10.0.0.1" if count else "203.0.113.9",
                x_forwarded_for=", ".join(filter(None, [f"192.0.2.{number}", ours])),
            )
            for number in range(11)
        ]
    assert [TOO_MANY in page for page in pages] == [False] * 10 + [True]


def test_behind_a_proxy_each_client_has_its_own_count(desk: Desk) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        for number in range(11):
            attempt(f"name-{number}", address="10.0.0.1", x_forwarded_for="203.0.113.9")
        page = attempt("name", address="10.0.0.1", x_forwarded_for="203.0.113.10")
    assert TOO_MANY not in page


def test_who_comes_round_the_proxy_is_refused(desk: Desk) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=2):
        client = Client(headers={"x-forwarded-for": "192.0.2.1"})
        assert client.post("/login/", {"login": "counsel", "password": "wrong"}).status_code == 403


def test_thirty_log_ins_a_minute_are_enough_for_an_address(desk: Desk) -> None:
    statuses = []
    for _ in range(31):
        client = Client(REMOTE_ADDR="203.0.113.9")
        statuses.append(client.post("/login/", {"login": "counsel", "password": PASSWORD}).status_code)
    assert statuses == [302] * 30 + [429]


def test_five_wrong_codes_close_the_second_step_for_a_while(desk: Desk) -> None:
    give_app(desk.filer)
    pages = []
    for address in addresses()[:6]:
        client = Client(REMOTE_ADDR=address)
        client.post("/login/", {"login": "counsel", "password": PASSWORD})
        pages.append(client.post("/login/code/", {"code": "000000"}).content.decode())
    assert [TOO_MANY in page for page in pages] == [False] * 5 + [True]
    assert TOO_MANY in client.post("/login/code/", {"code": totp_code()}).content.decode()


def test_every_failed_log_in_reads_the_same_byte_for_byte(desk: Desk) -> None:
    closed = (
        User.objects.get(username="colleague") if User.objects.filter(username="colleague").exists() else desk.marta
    )
    User.objects.filter(pk=closed.pk).update(is_active=False)
    invite(desk.clerk, by=None)
    tries = {
        "unknown": ("nobody", PASSWORD),
        "wrong password": ("counsel", "wrong"),
        "closed account": (desk.marta.username, PASSWORD),
        "closed account, wrong password": (desk.marta.username, "wrong"),
        "invited, no password yet": ("clerk", PASSWORD),
    }
    answers = {}
    for number, (what, (name, password)) in enumerate(tries.items()):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        response = client.post("/login/", {"login": name, "password": password})
        headers = {k: v for k, v in response.headers.items() if k not in ("Content-Security-Policy", "Expires")}
        page = without_token(response.content).replace(f'value="{name}"'.encode(), b"")
        answers[what] = (response.status_code, headers.pop("Content-Length", ""), headers, page)
    first = answers.pop("unknown")
    assert b"do not fit together" in first[3]
    for what, answer in answers.items():
        assert (answer[0], answer[3]) == (first[0], first[3]), what
        assert answer[2] == first[2], what


def test_a_closed_account_with_a_right_code_stays_out(desk: Desk) -> None:
    give_app(desk.filer)
    client = Client()
    client.post("/login/", {"login": "counsel", "password": PASSWORD})
    User.objects.filter(pk=desk.filer.pk).update(is_active=False)
    client.post("/login/code/", {"code": totp_code()})
    assert client.get("/requests/").headers["Location"].startswith("/login/")


def test_guessing_codes_of_invitations_is_limited_too() -> None:
    sent = {"code": "x", "password1": "long enough to be", "password2": "long enough to be"}
    statuses = [Client(REMOTE_ADDR="203.0.113.9").post("/invitation/", sent).status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Bearer 0123456789abcdef.wrong"])
def test_calls_of_the_api_are_limited_by_address_with_a_bad_key_too(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "address", "3/min")
    client = Client(REMOTE_ADDR="203.0.113.9", headers={"authorization": key})
    answers = [client.get("/api/v1/courts/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert int(answers[-1]["Retry-After"]) > 0

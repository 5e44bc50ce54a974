"""Logging in, in one place: for test clients a session as after a full log-in, for browsers the real thing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.test import Client
from playwright.sync_api import Page, expect

from broker.crypto.factor_secrets import open_factor_secret
from broker.parties.models import User
from broker.parties.second_factor import note_shown

# One secret for everybody who is given an app in tests.
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def give_app(user: User) -> Authenticator:
    """Set up an app with TOTP_SECRET for this person, as if they had done it."""
    factor: Authenticator = TOTP.activate(user, TOTP_SECRET).instance
    return factor


def totp_code(secret: str = TOTP_SECRET, step: int = 0) -> str:
    """The six digits of RFC 6238 for now, or `step` half minutes later; written out as a check on the library."""
    counter = struct.pack(">Q", int(time.time()) // 30 + step)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    number = struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def log_in(client: Client, user: User, *, age: float = 0) -> Client:
    """Log a test client in with a second factor that was shown `age` seconds ago."""
    client.force_login(user)
    session = client.session
    request = HttpRequest()
    request.session, request.user = session, user
    factor = Authenticator.objects.filter(user=user).first() or give_app(user)
    note_shown(request, factor)
    for shown in session["account_authentication_methods"]:
        shown["at"] -= age
    session.save()
    return client


def log_in_with_password_only(client: Client, user: User) -> Client:
    """Log a test client in as after the first step, with no second factor shown."""
    client.force_login(user)
    return client


def is_logged_in(client: Client) -> bool:
    """Whether the session of a test client is still that of somebody: a page may have ended it."""
    return SESSION_KEY in client.session


_last_counter: dict[str, int] = {}


def next_code(name: str, secret: str = "") -> str:
    """A code of this person's app that was not shown before: each is taken once, and the next one is taken early.

    secret: of an app that is being set up; else that of the app which is.
    """
    if not secret:
        factor = Authenticator.objects.get(user__username=name, type=Authenticator.Type.TOTP)
        secret = open_factor_secret(factor.data["secret"])
    counter = max(int(time.time()) // 30, _last_counter.get(name, 0) + 1)
    while counter > int(time.time()) // 30 + 1:
        time.sleep(0.5)
    _last_counter[name] = counter
    return totp_code(secret, counter - int(time.time()) // 30)


def log_in_page(page: Page, address: str, name: str, password: str) -> None:
    """Log in as a person does: user name, password, the code of the app."""
    page.goto(address + "/login/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page).to_have_url(re.compile("/login/code/"))
    page.get_by_label("Code").fill(next_code(name))
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page).not_to_have_url(re.compile("/login/"))

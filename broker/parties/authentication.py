"""API keys: `Authorization: Bearer PREFIX.SECRET`. Every failure says the same."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from django.db import transaction
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.parties.middleware import ask_for
from broker.parties.models import ApiKey, User

_REFUSED = "This key does not open anything. Check it, or make a new one on the keys page."


def new_api_key(user: User) -> str:
    """Make a key and return its text, which is shown once and kept nowhere."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(user=user, digest=sha256_hex(secret.encode()))
        record("api-key:made", "user", user.id, {"prefix": key.prefix}, actor=user.id)
    return f"{key.prefix}.{secret}"


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticate by key; no header means that another way may be tried."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        prefix, _, secret = text.strip().partition(".")
        key = ApiKey.objects.select_related("user__organisation").filter(prefix=prefix[:16]).first()
        # The digest is compared also for an unknown prefix, so that both failures take the same way.
        known = hmac.compare_digest(key.digest if key else "0" * 64, sha256_hex(secret.encode()))
        if key is None or not known or key.revoked_at is not None or not key.user.is_active:
            raise AuthenticationFailed(_REFUSED)
        ask_for(key.user)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def api_user(request: Request) -> User:
    """The authenticated user of an API request, with its type."""
    user: Any = request.user
    if not isinstance(user, User):
        raise AuthenticationFailed(_REFUSED)
    return user

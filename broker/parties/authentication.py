"""API keys: `Authorization: Bearer PREFIX.SECRET`. Every failure says the same."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotFound, Problem
from broker.parties.middleware import ask_for
from broker.parties.models import ApiKey, Scope, User

if TYPE_CHECKING:
    from rest_framework.views import APIView

_REFUSED = "This key does not open anything. Check it, or make a new one on the keys page."

_PREFIX = re.compile("[0-9a-f]{16}")

# For how many days a key may be made.
KEY_DAYS = (30, 90, 365)


def new_api_key(user: User, scopes: Collection[str] = tuple(Scope.values), days: int = 90) -> str:
    """Make a key and return its text, which is shown once and kept nowhere.

    days: one of KEY_DAYS. Raises InputError for no scope, an unknown one, or another length of time.
    """
    problems = []
    if not scopes or not set(scopes) <= set(Scope.values):
        problems.append(Problem("key.scopes", "scopes", "Choose what the key may do, from the list."))
    if days not in KEY_DAYS:
        problems.append(Problem("key.days", "days", "Choose from the list."))
    if problems:
        raise InputError(problems)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            digest=sha256_hex(secret.encode()),
            scopes=sorted(set(scopes)),
            expires_at=timezone.now() + timedelta(days=days),
        )
        facts = {"prefix": key.prefix, "scopes": key.scopes, "days": days}
        record("api-key:made", "user", user.id, facts, actor=user.id)
    return f"{key.prefix}.{secret}"


def revoke_api_key(user: User, prefix: str) -> None:
    """Revoke one key of this person; doing it twice changes nothing. Raises NotFound for anybody else's."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().filter(user=user, prefix=prefix).first()
        if key is None:
            raise NotFound("You have no such key.")
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            record("api-key:revoked", "user", user.id, {"prefix": key.prefix}, actor=user.id)


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticate by key; no header means that another way may be tried."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        prefix, _, secret = text.strip().partition(".")
        rows = ApiKey.objects.select_related("user__organisation")
        key = rows.filter(prefix=prefix).first() if _PREFIX.fullmatch(prefix) else None
        # The digest is compared also for an unknown prefix, so that both failures take the same way.
        known = hmac.compare_digest(key.digest if key else "0" * 64, sha256_hex(secret.encode()))
        if key is None or not known or not key.works or not key.user.is_active:
            raise AuthenticationFailed(_REFUSED)
        ask_for(key.user)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """Let a key do what its scopes name: each view says in `scopes` which one a method needs, and silence refuses."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        needed: str | None = getattr(view, "scopes", {}).get(method)
        if needed is None:
            # No such method, or no such address; that is said to whoever has a key.
            return method not in view.allowed_methods
        if needed not in request.auth.scopes:
            raise PermissionDenied(f"This key has not the scope '{needed}'. Make one that has on the keys page.")
        return True


def api_user(request: Request) -> User:
    """The authenticated user of an API request, with its type."""
    user: Any = request.user
    if not isinstance(user, User):
        raise AuthenticationFailed(_REFUSED)
    return user

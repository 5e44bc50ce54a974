"""What we want otherwise than django-allauth does it: invitations only, no e-mail, no password as a step-up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from broker.audit.services import record
from broker.crypto.factor_secrets import open_factor_secret, seal_factor_secret
from broker.parties.models import User
from broker.parties.second_factor import MAIN_FACTORS, has_factor, is_fresh

WRONG_LOGIN = "This user name and password do not fit together. Try again, or ask the operator."
_NOBODY = UUID(int=0)


class AccountAdapter(DefaultAccountAdapter):
    """Log-in by user name and password or by passkey; accounts are made by invitation."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG_LOGIN,
        "too_many_login_attempts": "Too many tries. Wait five minutes, or log in with a passkey.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        # Reached with a passkey only; the same words as for any other log-in that fails.
        messages.error(request, WRONG_LOGIN)
        return redirect("account_login")

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Show the library's refusals; its compliments, which name the user, are left out."""
        if (message := kwargs.get("message")) and level >= messages.WARNING:
            messages.add_message(request, level, message)

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        # Web may write no other column but a few; the library would write all.
        user.save(update_fields=["password"])

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the failure under the account, if there is one; both cases do the same work."""
        found = User.objects.filter(username=credentials.get("username", "")).values_list("id", flat=True).first()
        with transaction.atomic():
            record("session:refused", "user", found or _NOBODY, {"factor": "password"})

    def get_client_ip(self, request: HttpRequest) -> str:
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured:
            # Fewer addresses than proxies: this came round them, and could claim any address.
            raise PermissionDenied from None

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """One rule for all: a second factor of the last minutes. Who has none yet is setting the first one up."""
        return has_factor(self.request.user) and not is_fresh(self.request)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, str]]:
        """The ways to show a second factor, the best first. The password is none of them."""
        types = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        methods = []
        if Authenticator.Type.WEBAUTHN in types:
            methods.append(_method("mfa_reauthenticate_webauthn", "Use a passkey"))
        if types & {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}:
            methods.append(_method("mfa_reauthenticate", "Enter a code"))
        return methods


def _method(name: str, description: str) -> dict[str, str]:
    return {"id": name, "description": description, "url": reverse(name)}


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are sealed at rest, and the last one cannot be taken away."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code or passkey does not fit. Try again with a new one.",
        "cannot_delete_authenticator": "This is your only second factor. Set up another one first.",
    }

    def encrypt(self, text: str) -> str:
        return seal_factor_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_factor_secret(encrypted_text)

    def get_totp_issuer(self) -> str:
        return "Disclosure broker"

    def _get_user_identifier(self, user: User) -> str:
        return user.username

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        others = Authenticator.objects.filter(user=authenticator.user, type__in=MAIN_FACTORS)
        return bool(others.exclude(pk=authenticator.pk).exists())

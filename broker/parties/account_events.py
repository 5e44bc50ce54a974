"""What happens around log-ins, heard from Django and django-allauth: record it, and end sessions that must end."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from broker.audit.services import record
from broker.parties.models import User
from broker.parties.second_factor import MAIN_FACTORS, note_shown
from broker.parties.sessions import end_other_sessions, mark_opened


def _record(kind: str, user: User, **facts: Any) -> None:
    with transaction.atomic():
        record(kind, "user", user.id, facts, actor=user.id)


@receiver(user_logged_in)
def on_log_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    mark_opened(request)
    # Sessions nobody came back to are of no use to anybody but a thief.
    request.session.clear_expired()
    _record("session:opened", user)


@receiver(user_logged_out)
def on_log_out(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        _record("session:closed", user)


@receiver(password_changed)
def on_password_changed(user: User, **kwargs: Any) -> None:
    # The other sessions end by themselves: they are bound to the old password.
    _record("password:changed", user)


@receiver(mfa.authenticator_added)
def on_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second-factor:added", user, factor=str(authenticator.type))
    if authenticator.type in MAIN_FACTORS:
        _end_others(request, user)
        note_shown(request, authenticator)


@receiver(mfa.authenticator_removed)
def on_factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second-factor:removed", user, factor=str(authenticator.type))
    _end_others(request, user)


@receiver(mfa.authenticator_reset)
def on_codes_replaced(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("second-factor:replaced", user, factor=str(authenticator.type))
    _end_others(request, user)


@receiver(mfa.authenticator_used)
def on_factor_used(user: User, authenticator: Authenticator, reauthenticated: bool, **kwargs: Any) -> None:
    _record("second-factor:shown", user, factor=str(authenticator.type), again=reauthenticated)


@receiver(mfa.authentication_failed)
def on_factor_refused(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record("session:refused", user, factor=str(authenticator.type))


def _end_others(request: HttpRequest, user: User) -> None:
    end_other_sessions(request, User.objects.get(pk=user.pk))

"""Sessions: when they end, and ending them from elsewhere.

A session ends 15 minutes after its last request (the store's expiry), 8 hours after its log-in (here), and when
password, role or stamp of the account change (`User._get_session_auth_hash`).
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from broker.parties.models import User

_OPENED = "broker.opened"


def mark_opened(request: HttpRequest) -> None:
    """Note the log-in's time in its session."""
    request.session[_OPENED] = time.time()


def is_too_old(request: HttpRequest) -> bool:
    """Say whether a session has lasted its 8 hours; one without a mark has."""
    opened = request.session.get(_OPENED)
    return opened is None or not 0 <= time.time() - opened < settings.SESSION_ABSOLUTE_SECONDS


def keep_alive(request: HttpRequest) -> None:
    """Count the 15 minutes anew, without writing the session's content.

    Writing it with each request, as Django would, lets a slow page overwrite what another has just put there, such as
    a second factor that was shown meanwhile.
    """
    if not request.session.modified and request.session.session_key:
        end = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        Session.objects.filter(pk=request.session.session_key).update(expire_date=end)


def end_sessions(user: User) -> None:
    """End every session of an account, at their next request."""
    user.session_stamp = uuid.uuid4()
    user.save(update_fields=["session_stamp"])


def end_other_sessions(request: HttpRequest, user: User) -> None:
    """End every session of the account but this one, which goes on under a new key."""
    end_sessions(user)
    before = request.session.session_key
    request.user = user
    update_session_auth_hash(request, user)
    request.session.save()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)

"""Who is acting in the admin."""

from __future__ import annotations

from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from broker.parties.models import User


def acting_user(request: HttpRequest) -> User:
    """The person behind a request to the admin; raises PermissionDenied for everybody but legal staff."""
    # The request's own user is a lazy stand-in, which the database router cannot tell the store of.
    user = get_user(request)
    if not isinstance(user, User) or not user.is_staff:
        raise PermissionDenied
    return user

"""The admin shows and links; it never writes rows. Events themselves are the auditor's, and have no page here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from broker.parties.models import User

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page for a model, for reading only; what changes rows is a service with a form of its own."""

    actions = None
    list_per_page = 50
    # Counting every row of a table for the sake of a number nobody needs is slow on large ones.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def acting_user(request: HttpRequest) -> User:
    """The person behind a request to the admin; raises PermissionDenied for everybody but legal staff."""
    # The request's own user is a lazy stand-in, which the database router cannot tell the store of.
    user = get_user(request)
    if not isinstance(user, User) or not user.is_staff:
        raise PermissionDenied
    return user

"""The admin shows and links; it never writes rows. Events themselves are the auditor's, and have no page here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page for a model, for reading only; what changes rows is a service with a form of its own."""

    actions = None
    # Without the link to Django's own history, which records what its forms change: nothing, here.
    change_form_template = "admin/broker/read_only.html"
    list_per_page = 50
    # Counting every row of a table for the sake of a number nobody needs is slow on large ones.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404

"""Which sealed packages were made, when, for whom. Their bytes are the recipient's and are never loaded here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker.parties.acting import acting_user
from broker.parties.admin import ReadOnlyAdmin
from broker.parties.visibility import visible_to
from broker.release.models import SealedRelease


@admin.register(SealedRelease)
class SealedReleaseAdmin(ReadOnlyAdmin):
    """Hit, miss and late refusal look alike here: a digest, a padded size, a time."""

    list_display = ["id", "reference", "recipient", "size_bytes", "sealed_at"]
    fields = ["id", "reference", "recipient", "recipient_fingerprint", "size_bytes", "sha256", "sealed_at"]
    readonly_fields = ["reference", "recipient"]
    search_fields = ["tranche__request__reference", "sha256__startswith"]
    ordering = ["-sealed_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SealedRelease]:
        rows = super().get_queryset(request).defer("package").select_related("tranche__request__organisation")
        return visible_to(acting_user(request), rows)

    @admin.display(description="Request", ordering="tranche__request__reference")
    def reference(self, release: SealedRelease) -> SafeString:
        request = release.tranche.request
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:broker_disclosurerequest_change", args=[request.pk]), request
        )

    @admin.display(description="Recipient", ordering="tranche__request__organisation__name")
    def recipient(self, release: SealedRelease) -> str:
        return release.tranche.request.organisation.name

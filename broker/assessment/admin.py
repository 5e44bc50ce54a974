"""What the rules engine was asked to apply and what it answered, verbatim."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broker.assessment.enabling import review_of
from broker.assessment.models import AssessmentRecord, PackVersion
from broker.parties.admin import ReadOnlyAdmin
from legal_rules import explain


@admin.register(PackVersion)
class PackVersionAdmin(ReadOnlyAdmin):
    """The text of each rule pack that an assessment rests on. Law is public: no party's rows are in it."""

    list_display = ["pack", "text_hash"]
    list_filter = ["pack"]
    fields = ["pack", "text_hash", "text"]
    readonly_fields = ["text"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).order_by("pack", "text_hash")

    @admin.display(description="Text")
    def text(self, version: PackVersion) -> SafeString:
        return format_html('<pre class="verbatim">{}</pre>', version.content)

    class Media:
        css = {"all": ["decisions/decision.css"]}


@admin.register(AssessmentRecord)
class AssessmentRecordAdmin(ReadOnlyAdmin):
    """One answer of the engine: as text to read, and byte for byte as it is stored and can be replayed."""

    list_display = ["digest", "outcome", "pack_version"]
    list_filter = ["outcome"]
    search_fields = ["digest__startswith"]
    fields = ["digest", "outcome", "pack_version", "review", "as_text", "verbatim"]
    readonly_fields = ["review", "as_text", "verbatim"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("pack_version").order_by("digest")

    @admin.display(description="Rules")
    def review(self, answer: AssessmentRecord) -> str:
        return review_of(answer.pack_version.pack, answer.pack_version.meaning_hash).text

    @admin.display(description="Answer")
    def as_text(self, answer: AssessmentRecord) -> SafeString:
        return format_html('<pre class="verbatim">{}</pre>', explain.as_text(json.loads(answer.content)))

    @admin.display(description="As stored")
    def verbatim(self, answer: AssessmentRecord) -> SafeString:
        return format_html('<pre class="verbatim">{}</pre>', answer.content)

    class Media:
        css = {"all": ["decisions/decision.css"]}

"""The queue of requests, and the addresses of the page on which legal staff decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from broker.decisions import admin_views
from broker.decisions.balancing import views as balancing_views
from broker.decisions.queue import Standing, for_legal_staff, standings, with_due, with_line_in
from broker.decisions.words import SHORT_WORDS
from broker.intake.models import DisclosureRequest, State
from broker.parties.acting import acting_user
from broker.parties.admin import ReadOnlyAdmin
from broker.parties.visibility import visible_to


class DueFilter(admin.SimpleListFilter):
    """By the day on which the order expires."""

    title = "due"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("overdue", "Overdue"),
            ("week", "Within 7 days"),
            ("later", "Later"),
            ("none", "Nothing due"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = timezone.now().date()
        within = today + timedelta(days=7)
        conditions: dict[str, dict[str, Any]] = {
            "overdue": {"due_on__lt": today},
            "week": {"due_on__range": (today, within)},
            "later": {"due_on__gt": within},
            "none": {"due_on": None},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


class StateFilter(admin.SimpleListFilter):
    """By the state of any line; without a choice the list shows what needs legal staff."""

    title = "state of any line"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        # States that read alike are one choice; the worker's own steps after an approval are nobody's business here.
        words = {SHORT_WORDS[state]: state for state in reversed(State.values)}
        return [("all", "Every request"), *((state, text.capitalize()) for text, state in reversed(words.items()))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            if choice["display"] == "All":
                choice = {**choice, "display": "Needs legal staff"}
            yield choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        # Who searches for a reference wants that request, whatever its state.
        if chosen == "all" or (chosen is None and request.GET.get(SEARCH_VAR)):
            return queryset
        if chosen in State.values:
            return with_line_in(queryset, [s for s in State.values if SHORT_WORDS[s] == SHORT_WORDS[chosen]])
        return for_legal_staff(queryset)


class QueueChangeList(ChangeList):
    """Reads how the lines stand for one page of requests at once."""

    def get_ordering_field_columns(self) -> dict[int, Literal["desc", "asc"]]:
        # Without a choice the queue is in order of due days; the model's own order is not what is shown.
        chosen = super().get_ordering_field_columns()
        return chosen if ORDER_VAR in self.params else {self.list_display.index("due"): "asc"}

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        found = standings(acting_user(request), [row.pk for row in rows])
        for row in rows:
            row.standing = found.get(row.pk, Standing())
        self.result_list = rows


@admin.register(DisclosureRequest)
class DisclosureRequestAdmin(ReadOnlyAdmin):
    """The queue. The page of a request is `admin_views.decision_page`."""

    list_display = [
        "reference",
        "due",
        "next_step",
        "line_counts",
        "organisation",
        "kind",
        "filed",
    ]
    list_filter = [DueFilter, StateFilter, "proceeding", "jurisdiction"]
    list_select_related = ["organisation"]
    search_fields = ["reference", "orders__file_number"]
    search_help_text = "Reference of the request or file number of the order"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DisclosureRequest]:
        rows = with_due(DisclosureRequest.objects.select_related("organisation"))
        return visible_to(acting_user(request), rows).order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [F("due_on").asc(nulls_last=True), "filed_at"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return QueueChangeList

    def get_urls(self) -> list[URLPattern]:
        """Only pages that exist: no add, change, delete or history of Django's own."""
        wrap = self.admin_site.admin_view
        name = "broker_disclosurerequest"
        view = admin_views
        judged = "<uuid:request_id>/balancing/<str:digest>/<int:place>/"
        balancing = balancing_views
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<uuid:request_id>/change/", wrap(view.decision_page), name=f"{name}_change"),
            path("<uuid:request_id>/decide/", wrap(view.decide_page), name=f"{name}_decide"),
            path("<uuid:request_id>/answer/", wrap(view.answer_page), name=f"{name}_answer"),
            path(judged, wrap(balancing.balancing_page), name=f"{name}_balancing"),
            path(f"{judged}grade/", wrap(balancing.grade_page), name=f"{name}_grade"),
            path(f"{judged}review/", wrap(balancing.review_page), name=f"{name}_review"),
            path(f"{judged}conclude/", wrap(balancing.conclude_page), name=f"{name}_conclude"),
            path("<uuid:request_id>/hold/", wrap(view.hold_page), name=f"{name}_hold"),
            path("<uuid:request_id>/hold/end/", wrap(view.end_hold_page), name=f"{name}_end_hold"),
            path("<uuid:request_id>/evidence/", wrap(view.evidence), name=f"{name}_evidence"),
            path("orders/<uuid:order_id>/document/", wrap(view.document), name=f"{name}_document"),
            path("terms/<uuid:terms_id>/", wrap(view.terms_page), name=f"{name}_terms"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Requests", **(extra_context or {})})

    @admin.display(description="Due", ordering="due_on")
    def due(self, row: Any) -> SafeString | str:
        if row.due_on is None:
            return "–"
        days = (row.due_on - timezone.now().date()).days
        urgency = "overdue" if days < 0 else "soon" if days <= 7 else "later"
        return format_html(
            '<span class="due-day {}">{}</span> <span class="quiet">{}</span>', urgency, row.due_on, _in_days(days)
        )

    @admin.display(description="Next")
    def next_step(self, row: Any) -> str:
        return str(row.standing.next_step())

    @admin.display(description="Lines")
    def line_counts(self, row: Any) -> SafeString:
        return format_html_join(
            " ", '<span class="state {}">{} {}</span>', ((s, n, word) for s, word, n in row.standing.words())
        )

    @admin.display(description="Proceeding", ordering="proceeding")
    def kind(self, row: DisclosureRequest) -> str:
        return f"{row.get_proceeding_display()}, {row.jurisdiction}"

    @admin.display(description="Filed", ordering="filed_at")
    def filed(self, row: DisclosureRequest) -> str:
        return row.filed_at.date().isoformat()

    class Media:
        css = {"all": ["decisions/decision.css"]}


def _in_days(days: int) -> str:
    if days < 0:
        return f"{-days} day{'s' if days < -1 else ''} ago"
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")

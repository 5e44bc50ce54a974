"""The auditor's page: every event, read only."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker.audit.models import Event
from broker.parties.models import Role
from broker.parties.visibility import visible_to
from broker.portal.access import page, portal_user

_PAGE_SIZE = 100


@require_safe
@page(Role.AUDITOR)
def list_events(request: HttpRequest) -> HttpResponse:
    """List events, the newest first, all of them or those of one subject: kinds, ids and times."""
    rows = visible_to(portal_user(request), Event.objects.all()).order_by("-recorded_at", "-xid", "id")
    subject = request.GET.get("subject", "").strip()
    wrong = False
    if subject:
        try:
            rows = rows.filter(subject_id=uuid.UUID(subject))
        except ValueError:
            wrong, rows = True, rows.none()
    events = Paginator(rows, _PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request,
        "portal/events.html",
        {
            "page": events,
            "subject": subject,
            "wrong": wrong,
            "query": f"subject={subject}&" if subject and not wrong else "",
        },
        status=422 if wrong else 200,
    )

"""API: the courts registered here. Keys are made and changed in the portal only, under a second factor."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView
from broker.parties.models import Organisation, Scope


class Courts(ApiView):
    """GET: the courts before which a request can be filed."""

    scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        courts = Organisation.objects.filter(kind=Organisation.Kind.COURT).order_by("name")
        return Response([{"id": c.id, "name": c.name, "jurisdiction": c.jurisdiction} for c in courts])

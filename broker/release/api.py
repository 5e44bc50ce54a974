"""API: the sealed releases of a request, and their packages. Nothing here tells a hit from a miss."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView
from broker.intake.selectors import request_of
from broker.parties.authentication import api_user
from broker.parties.models import Scope
from broker.parties.visibility import visible_to
from broker.release.models import SealedRelease
from broker.release.services import download, releases_of


class Releases(ApiView):
    """GET: the releases of a request, for the party they are sealed to."""

    scopes = {"GET": Scope.READ}

    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        user = api_user(request)
        found = request_of(user, request_id)
        rows = visible_to(user, releases_of(user)).filter(tranche__request=found).order_by("sealed_at")
        return Response([_summary(release) for release in rows])


class Package(ApiView):
    """GET: the sealed package, as it is; every fetch is recorded, so there is no HEAD."""

    scopes = {"GET": Scope.DOWNLOAD}

    http_method_names = ("get", "options")

    def get(self, request: Request, release_id: uuid.UUID) -> HttpResponse:
        return package_response(download(api_user(request), release_id))


def package_response(release: SealedRelease) -> HttpResponse:
    """The package as a file to save, named by the release's id."""
    return HttpResponse(
        bytes(release.package),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="release-{release.id}.age"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _summary(release: SealedRelease) -> dict[str, Any]:
    return {
        "id": release.id,
        "sealed_at": release.sealed_at,
        "sha256": release.sha256,
        "recipient_fingerprint": release.recipient_fingerprint,
    }

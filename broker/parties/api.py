"""API: the courts registered here, and the key that answers are sealed to."""

from __future__ import annotations

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from broker.api_input import ApiView, read_object
from broker.crypto.errors import RecipientKeyError
from broker.errors import InputError, Problem
from broker.parties.authentication import api_user
from broker.parties.models import Organisation
from broker.parties.services import register_recipient_key


class Courts(ApiView):
    """GET: the courts before which a request can be filed."""

    def get(self, request: Request) -> Response:
        courts = Organisation.objects.filter(kind=Organisation.Kind.COURT).order_by("name")
        return Response([{"id": c.id, "name": c.name, "jurisdiction": c.jurisdiction} for c in courts])


class RegisterRecipientKey(ApiView):
    """POST {public_key}: seal the answers of the caller's organisation to this age key from now on."""

    def post(self, request: Request) -> Response:
        data = read_object(request.data, ("public_key",))
        try:
            key = register_recipient_key(api_user(request), str(data.get("public_key", "")))
        except RecipientKeyError as error:
            raise InputError([Problem(error.code, "public_key", str(error))]) from None
        return Response(
            {"fingerprint": key.fingerprint, "registered_at": key.registered_at},
            status=status.HTTP_201_CREATED,
        )

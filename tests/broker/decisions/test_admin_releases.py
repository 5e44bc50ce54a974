"""Sealed packages are listed by digest, size and time; their bytes are the recipient's and are not read."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from broker.audit.services import record
from broker.release.models import SealedRelease
from tests.support.accounts import log_in
from tests.support.rows import make_approved, make_tranche, make_world

pytestmark = pytest.mark.django_db


def test_lists_and_shows_releases_without_reading_their_bytes() -> None:
    world = make_world()
    request = make_approved(world)
    tranche = make_tranche(world, request)
    release = SealedRelease.objects.create(
        id=uuid.uuid4(),
        tranche=tranche,
        package=b"sealed bytes of nobody's business",
        sha256="a" * 64,
        size_bytes=4096,
        recipient_fingerprint=tranche.recipient_key.fingerprint,
        event_id=record("release:sealed", "tranche", tranche.id),
    )
    client = Client()
    log_in(client, world.first)
    pages = [
        reverse("admin:broker_sealedrelease_changelist"),
        reverse("admin:broker_sealedrelease_changelist") + f"?q={request.reference}",
        reverse("admin:broker_sealedrelease_change", args=[release.pk]),
    ]
    with CaptureQueriesContext(connection) as queries:
        for address in pages:
            answer = client.get(address)
            assert answer.status_code == 200
            assert request.reference in answer.content.decode()
            assert "nobody" not in answer.content.decode()
    assert not [query for query in queries.captured_queries if '"package"' in query["sql"]]

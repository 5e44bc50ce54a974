"""Releases over the API: the recipient fetches the sealed package, and nobody else learns that there is one."""

from __future__ import annotations

import hashlib

import pytest

from broker.audit.models import Event
from broker.intake.models import DisclosureRequest
from broker.parties.models import Organisation, Role
from broker.release.models import SealedRelease
from tests.support.cases import make_account
from tests.support.flow import HIT, Flow
from tests.support.parties import api_client

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


@pytest.fixture
def answered(flow: Flow) -> DisclosureRequest:
    return flow.released([HIT])


def test_hands_the_package_to_the_recipient_as_it_was_sealed(flow: Flow, answered: DisclosureRequest) -> None:
    client = api_client(flow.person("carla"))
    listed = client.get(f"/api/v1/requests/{answered.id}/releases/").json()
    stored = SealedRelease.objects.get()
    assert [release["sha256"] for release in listed] == [stored.sha256]
    response = client.get(f"/api/v1/releases/{stored.id}/package/")
    assert response.status_code == 200
    assert hashlib.sha256(response.content).hexdigest() == stored.sha256
    assert response["Content-Disposition"] == f'attachment; filename="release-{stored.id}.age"'
    assert (response["X-Content-Type-Options"], response["Cache-Control"]) == ("nosniff", "no-store")
    assert Event.objects.filter(kind="release:downloaded", actor=flow.person("carla").id).count() == 1


def test_hides_the_package_from_court_and_strangers_and_refuses_legal_staff(
    flow: Flow, answered: DisclosureRequest
) -> None:
    stored = SealedRelease.objects.get()
    stranger = make_account(
        Organisation.objects.create(kind="counsel", name="Bufete Otro Ejemplo", jurisdiction="es"),
        Role.COUNSEL,
        "stranger",
        "Sten Stranger",
    )
    for user, status in ((stranger, 404), (flow.person("marta"), 404), (flow.person("laura"), 403)):
        assert api_client(user).get(f"/api/v1/releases/{stored.id}/package/").status_code == status
    assert api_client(flow.person("marta")).get(f"/api/v1/requests/{answered.id}/releases/").json() == []
    assert not Event.objects.filter(kind="release:downloaded").exists()


def test_records_no_download_for_a_mere_look_at_the_headers(flow: Flow, answered: DisclosureRequest) -> None:
    response = api_client(flow.person("carla")).head(f"/api/v1/releases/{SealedRelease.objects.get().id}/package/")
    assert response.status_code == 405
    assert not Event.objects.filter(kind="release:downloaded").exists()

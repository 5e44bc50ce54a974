"""Everybody who may meet at one request: its parties, their colleagues, and strangers of the same kind.

Made around the desk of `tests.support.cases`; all log in with its PASSWORD.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.test import Client
from rest_framework.test import APIClient

from broker.parties.authentication import new_api_key
from broker.parties.models import Organisation, Role, User
from tests.support.accounts import log_in
from tests.support.cases import Desk, make_account, make_desk


@dataclass(frozen=True)
class Cast:
    """The desk, and those around it.

    colleague: of the filer's organisation. stranger, other_clerk: the same roles elsewhere.
    """

    desk: Desk
    colleague: User
    stranger: User
    other_clerk: User
    authority: User
    auditor: User
    engineer: User


def make_organisation(kind: str, name: str) -> Organisation:
    """Register an organisation in Spain."""
    return Organisation.objects.create(kind=kind, name=name, jurisdiction="es")


def make_cast() -> Cast:
    """Make the desk and everybody around it."""
    desk = make_desk()
    other_counsel = make_organisation("counsel", "Bufete Otro Ejemplo")
    other_court = make_organisation("court", "Juzgado de Otro Lugar")
    return Cast(
        desk=desk,
        colleague=make_account(desk.counsel, Role.COUNSEL, "colleague", "Cora Colleague"),
        stranger=make_account(other_counsel, Role.COUNSEL, "stranger", "Sten Stranger"),
        other_clerk=make_account(other_court, Role.CLERK, "other-clerk", "Otto Other"),
        authority=make_account(
            make_organisation("authority", "Unidad Ejemplo"), Role.AUTHORITY, "authority", "Aura Authority"
        ),
        auditor=make_account(make_organisation("auditor", "Auditores Ejemplo"), Role.AUDITOR, "auditor", "Aida Audit"),
        engineer=make_account(desk.operator, Role.ENGINEER, "engineer", "Enzo Engineer"),
    )


def page_client(user: User) -> Client:
    """A browser in which this person is logged in; forms are sent without their CSRF tokens."""
    return log_in(Client(), user)


def api_client(user: User) -> APIClient:
    """A program that sends this person's API key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {new_api_key(user)}")
    return client

"""Whole cases up to the desk of the operator's legal staff, made by the real services.

A case has one operator with three lawyers, one court with a registered certificate, one counsel with a key.
Orders are real PDFs, signed by the court and examined in the sandbox.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from pyrage import x25519

from broker.assessment.services import assess_request
from broker.intake.models import DisclosureRequest, RequestLine
from broker.intake.services import file_request
from broker.orders.models import CourtOrder
from broker.orders.services import attach_order, check_document
from broker.parties.court_trust import SignaturePolicy
from broker.parties.models import Organisation, Role, User
from broker.parties.services import register_court_certificate, register_recipient_key
from tests.support.answers import FINDINGS, STATEMENTS, answer_as_staff
from tests.support.court import Court, order_pdf
from tests.support.packs import enable_packs

PASSWORD = "correct horse battery staple"
SEEN_AT = "2026-09-14T21:05:09+02:00"
COVERED = {"from": "2026-09-14T21:05:00+02:00", "until": "2026-09-14T21:06:00+02:00"}


@dataclass(frozen=True)
class Desk:
    """Everybody around one operator."""

    operator: Organisation
    court: Organisation
    counsel: Organisation
    clerk: User
    filer: User
    ana: User
    luis: User
    marta: User


def make_account(organisation: Organisation, role: Role, username: str, name: str, **fields: Any) -> User:
    """Make an account that can log in with PASSWORD."""
    return User.objects.create_user(
        username, PASSWORD, display_name=name, organisation=organisation, role=role, **fields
    )


def make_desk() -> Desk:
    """Make operator, court and counsel with their people, the court's certificate and counsel's key."""
    operator = Organisation.objects.create(kind="operator", name="Telecable Ejemplo S.A.", jurisdiction="es")
    court = Organisation.objects.create(kind="court", name="Juzgado de lo Mercantil de ejemplo", jurisdiction="es")
    counsel = Organisation.objects.create(kind="counsel", name="Asociación Fonográfica Ejemplo", jurisdiction="es")
    filer = make_account(counsel, Role.COUNSEL, "counsel", "Carla Counsel")
    register_court_certificate(court, _court().certificate_der)
    SignaturePolicy.objects.create(court=court, revocation_required=False)
    register_recipient_key(filer, str(x25519.Identity.generate().to_public()))
    ana = make_account(operator, Role.LEGAL, "ana", "Ana Arroyo")
    enable_packs(ana)
    return Desk(
        operator=operator,
        court=court,
        counsel=counsel,
        clerk=make_account(court, Role.CLERK, "clerk", "Clara Clerk"),
        filer=filer,
        ana=ana,
        luis=make_account(operator, Role.LEGAL, "luis", "Luis Lago"),
        marta=make_account(operator, Role.LEGAL, "marta", "Marta Monte"),
    )


def file_lines(desk: Desk, lines: Sequence[dict[str, Any]] | None = None, **fields: Any) -> DisclosureRequest:
    """File a civil request of the counsel; one line with a port unless others are given.

    answered: whether Ana and Luis have answered what the law asks the operator's legal staff; they have.
    """
    as_of, answered = fields.pop("as_of", None), fields.pop("answered", True)
    data = {
        "proceeding": "civil",
        "jurisdiction": "es",
        "measure": "disclosure",
        "court": str(desk.court.id),
        "legal_relation": "Exclusive licensee of the recordings listed in annex 1.",
        "purpose": "Preparing a suit for infringement of intellectual property.",
        "categories": ["name", "postal-address", "email"],
        "facts": dict(STATEMENTS),
        "lines": list(lines) if lines is not None else [make_line(1)],
        **fields,
    }
    filed = file_request(desk.filer, data, as_of=as_of)
    if answered:
        answer_as_staff(filed, [desk.ana, desk.luis])
    return filed


def make_line(number: int, **fields: Any) -> dict[str, Any]:
    """Make the number-th of many lines: an address of its own, the same instant."""
    return {
        "address": f"2001:db8:41:{number:x}::1" if number > 200 else f"198.51.100.{number}",
        "source_port": 50_000 + number % 10_000,
        "observed_at": SEEN_AT,
        "evidence": f"A-{number}",
        **fields,
    }


def cover(line: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make the line of an order's terms that covers a line of a request."""
    return {"address": line["address"], "source_port": line["source_port"], **COVERED, **fields}


def order_terms(desk: Desk, lines: Sequence[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Write terms as the clerk would; they hold against a request of `file_lines`."""
    today = timezone.now().date()
    return {
        "order_by": "court",
        "proceeding": "civil",
        "judge": "Ilma. Sra. Ejemplo",
        "issued_on": (today - timedelta(days=10)).isoformat(),
        "expires_on": (today + timedelta(days=20)).isoformat(),
        "addressee": desk.operator.name,
        "legal_basis": "LEC art. 256.1.11",
        "categories": ["name", "postal-address"],
        "recipient": desk.counsel.name,
        "use_terms": "Only for the suit named in the order.",
        "notice_terms": "The subscriber is told by the operator.",
        "findings": FINDINGS,
        "lines": list(lines),
        **fields,
    }


def attach_and_check(
    desk: Desk,
    request: DisclosureRequest,
    lines: Sequence[dict[str, Any]],
    *,
    document: bytes | None = None,
    **terms: Any,
) -> CourtOrder:
    """Attach an order of the court, signed unless another document is given, and have it checked."""
    order = attach_order(
        desk.clerk, request, "DP 118/2026", document or signed_order(), order_terms(desk, lines, **terms)
    )
    with transaction.atomic():
        check_document(order.id)
    order.refresh_from_db()
    return order


def assess(request: DisclosureRequest) -> None:
    """Do what jobs do for a request that is to be assessed."""
    with transaction.atomic():
        assess_request(request.id)


def make_reviewed(desk: Desk, count: int = 1, **fields: Any) -> DisclosureRequest:
    """Make a request with `count` lines, all under review under a verified order."""
    lines = [make_line(number) for number in range(1, count + 1)]
    request = file_lines(desk, lines, **fields)
    attach_and_check(desk, request, [cover(line) for line in lines])
    assess(request)
    return request


def line_ids(request: DisclosureRequest) -> list[uuid.UUID]:
    """All ids of a request's lines by number."""
    return list(request.lines.order_by("number").values_list("id", flat=True))


def states(request: DisclosureRequest) -> list[str]:
    """The states of a request's lines by number."""
    return list(RequestLine.objects.filter(request=request).order_by("number").values_list("state", flat=True))


@functools.cache
def _court() -> Court:
    return Court.create("Juzgado de lo Mercantil de ejemplo")


@functools.cache
def signed_order(title: str = "Auto de ejemplo (ejemplo ficticio)") -> bytes:
    """Make one signed order; the same title gives the same bytes."""
    return _court().sign(order_pdf(title, ["Se ordena la identificación del usuario. Ejemplo ficticio."]))

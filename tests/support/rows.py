"""Rows made without the stages' services, for tests that try to break the database's own rules."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from broker.assessment.models import AssessmentRecord, LineAssessment, PackVersion
from broker.audit.services import record
from broker.decisions.models import Decision, Tranche, TrancheLine
from broker.intake.models import DisclosureRequest, RequestLine
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument, OrderTerms
from broker.parties.models import Organisation, RecipientKey, Role, User
from broker.release.models import SealedRelease
from tests.support.packs import enable_meaning

OBSERVED_AT = datetime(2026, 9, 14, 19, 5, 9, tzinfo=UTC)


@dataclass
class World:
    """One operator, court and counsel, with the people of each."""

    operator: Organisation
    court: Organisation
    counsel: Organisation
    clerk: User
    filer: User
    first: User
    second: User
    third: User


def make_user(organisation: Organisation, role: Role, **fields: object) -> User:
    name = f"{role}-{uuid.uuid4().hex[:8]}"
    user = User(username=name, display_name=name, organisation=organisation, role=role, **fields)
    user.set_unusable_password()
    user.save()
    return user


def make_world() -> World:
    operator = Organisation.objects.create(kind="operator", name="Operator", jurisdiction="es")
    court = Organisation.objects.create(kind="court", name="Court", jurisdiction="es")
    counsel = Organisation.objects.create(kind="counsel", name="Counsel", jurisdiction="es")
    return World(
        operator=operator,
        court=court,
        counsel=counsel,
        clerk=make_user(court, Role.CLERK),
        filer=make_user(counsel, Role.COUNSEL),
        first=make_user(operator, Role.LEGAL),
        second=make_user(operator, Role.LEGAL),
        third=make_user(operator, Role.LEGAL),
    )


def make_request(world: World, lines: int = 1) -> DisclosureRequest:
    identifier = uuid.uuid4()
    request = DisclosureRequest.objects.create(
        id=identifier,
        organisation=world.counsel,
        filed_by=world.filer,
        court=world.court,
        proceeding="civil",
        jurisdiction="es",
        measure="disclosure",
        legal_relation="rights holder",
        purpose="test",
        categories=["name"],
        event_id=record("request:filed", "request", identifier),
    )
    ids = [uuid.uuid4() for _ in range(lines)]
    received = record("line:received", "request", identifier, new_state="RECEIVED", members=ids)
    RequestLine.objects.bulk_create(
        RequestLine(
            id=line,
            request=request,
            number=number,
            address="198.51.100.23",
            observed_at=OBSERVED_AT,
            observed_text="2026-09-14T21:05:09+02:00",
            unit_seconds=1,
            evidence="A-1",
            state="RECEIVED",
            event_id=received,
        )
        for number, line in enumerate(ids, start=1)
    )
    return request


def make_order(world: World, request: DisclosureRequest, *, verified: bool = True) -> OrderTerms:
    content = uuid.uuid4().bytes
    document = OrderDocument.objects.create(
        sha256=hashlib.sha256(content).hexdigest(), content=content, size_bytes=len(content)
    )
    identifier = uuid.uuid4()
    order = CourtOrder.objects.create(
        id=identifier,
        request=request,
        court=world.court,
        file_number=identifier.hex,
        document=document,
        uploaded_by=world.clerk,
        state="RECEIVED",
        event_id=record("order:received", "order", identifier, new_state="RECEIVED", members=[identifier]),
    )
    terms = OrderTerms.objects.create(
        order=order,
        version=1,
        order_by="court",
        proceeding="civil",
        judge="judge",
        issued_on=date(2026, 10, 20),
        expires_on=date(2036, 10, 20),
        addressee="Operator",
        legal_basis="LEC 256.1.11",
        categories=["name"],
        recipient="Counsel",
        use_terms="use",
        notice_terms="notice",
        entered_by=world.clerk,
        event_id=record("order:terms-entered", "order", identifier),
    )
    if verified:
        OrderCheck.objects.create(order=order, number=1, code="order.passed", title="all", passed=True)
        event = record("order:verified", "order", identifier, new_state="VERIFIED", members=[identifier])
        CourtOrder.objects.filter(id=identifier).update(
            state="VERIFIED", event_id=event, signed_identity=hashlib.sha256(identifier.bytes).hexdigest()
        )
    return terms


def assess_as(
    request: DisclosureRequest,
    terms: OrderTerms | None,
    outcome: str = "CONDITIONAL",
    *,
    for_study: bool = False,
    enabled: bool = True,
) -> None:
    """Give every line of a request an assessment with this outcome, under rules of no text that are enabled or not."""
    pack, _ = PackVersion.objects.get_or_create(
        text_hash="0" * 64, defaults={"pack": "es", "meaning_hash": "0" * 64, "content": ""}
    )
    if enabled:
        enable_meaning("es", pack.meaning_hash, pack.text_hash)
    content = json.dumps({"outcome": outcome, "granted": []})
    stored, _ = AssessmentRecord.objects.get_or_create(
        digest=hashlib.sha256(content.encode()).hexdigest(),
        defaults={"pack_version": pack, "content": content, "outcome": outcome, "granted": []},
    )
    event = record("assessment:made", "request", request.id)
    for line in request.lines.all():
        LineAssessment.objects.create(
            line=line,
            record=stored,
            terms=terms,
            for_study=for_study,
            sequence=line.assessments.count() + 1,
            event_id=event,
        )


def move(request: DisclosureRequest, state: str) -> uuid.UUID:
    """Move all lines of a request by SQL-like update, with the event it needs."""
    ids = list(request.lines.values_list("id", flat=True))
    event = record("line:moved", "request", request.id, new_state=state, members=ids)
    RequestLine.objects.filter(id__in=ids).update(state=state, event_id=event)
    return event


def decide_as(line: RequestLine, user: User, seat: int, verdict: str = "approve", round: int = 1) -> Decision:
    return Decision.objects.create(
        line=line,
        round=round,
        seat=seat,
        person=user.person_id,
        decided_by=user,
        verdict=verdict,
        reason="reason",
        assessment=line.assessments.latest("sequence"),
        event_id=record("decision:made", "request", line.request_id),
    )


def make_approved(world: World) -> DisclosureRequest:
    """A request with one line, approved by two people under a verified order."""
    request = make_request(world)
    assess_as(request, make_order(world, request))
    move(request, "UNDER_REVIEW")
    line = request.lines.get()
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    move(request, "APPROVED")
    return request


def make_tranche(world: World, request: DisclosureRequest) -> Tranche:
    key = RecipientKey.objects.filter(organisation=request.organisation).first() or RecipientKey.objects.create(
        organisation=request.organisation, public_key="age1", fingerprint="f" * 64, registered_by=world.filer
    )
    identifier = uuid.uuid4()
    tranche = Tranche.objects.create(
        id=identifier,
        request=request,
        terms=OrderTerms.objects.get(order__request=request),
        recipient_key=key,
        event_id=record("tranche:made", "tranche", identifier),
    )
    for line in request.lines.filter(state="APPROVED"):
        TrancheLine.objects.create(tranche=tranche, line=line)
    return tranche


def execute(statement: str, *values: str | uuid.UUID) -> int:
    """Run one statement in a block of its own and give the number of rows it changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        changed: int = cursor.rowcount
        return changed


def refused(message: str, statement: str, *values: str | uuid.UUID) -> None:
    """Expect the database to refuse a statement, with a message that matches."""
    with pytest.raises(IntegrityError, match=message):
        execute(statement, *values)


SET_STATE = "UPDATE request_line SET state = %s, event_id = %s WHERE request_id = %s"


def event_for(request: DisclosureRequest, state: str, members: list[uuid.UUID] | None = None) -> uuid.UUID:
    """Record a move of all lines of a request, or of `members`, without making it."""
    ids = list(request.lines.values_list("id", flat=True)) if members is None else members
    return record("line:moved", "request", request.id, new_state=state, members=ids)


def make_under_review(world: World) -> tuple[DisclosureRequest, RequestLine]:
    request = make_request(world)
    assess_as(request, make_order(world, request))
    move(request, "UNDER_REVIEW")
    return request, request.lines.get()


def make_request_with_order(world: World) -> DisclosureRequest:
    request = make_request(world)
    make_order(world, request)
    return request


def seal(tranche: Tranche, fingerprint: str = "f" * 64) -> SealedRelease:
    """Insert a release that holds nothing."""
    return SealedRelease.objects.create(
        tranche=tranche,
        package=b"x",
        sha256="0" * 64,
        size_bytes=1,
        recipient_fingerprint=fingerprint,
        event_id=record("release:sealed", "tranche", tranche.id),
    )

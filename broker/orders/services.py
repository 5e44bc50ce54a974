"""Attach court orders, correct their terms, and check both.

1. `attach_order` and `correct_terms` are the clerk's: they store what came in and ask for checks.
2. `check_document` is done by jobs: the signature gate once per document, the terms once per version.
3. Whatever comes out, the request is assessed anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from broker.audit.models import StateMove
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import advance
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.intake.places import court_zone
from broker.intake.selectors import decision_under_way
from broker.intake.slip_questions import question_lines_after_order
from broker.orders.matching import (
    LINE_COVERED,
    ORDER_AFTER_EVENT,
    Asked,
    Selector,
    Terms,
    TermsCheck,
    check_line,
    check_terms,
)
from broker.orders.material import court_trust
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument, OrderTerms, TermsLine
from broker.orders.sandbox import run_verification
from broker.orders.terms import NewTerms, check_size, json_bytes, read_terms
from broker.orders.verdict import NOT_REACHED, PASSED, TITLES, Check, DocumentVerdict
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Organisation, Role, User

# While a line is in one of these states, an order can still be attached or its terms corrected.
_OPEN_TO_ORDERS = (State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW)


def attach_order(
    user: User, request: DisclosureRequest, file_number: str, document: bytes, terms: Mapping[str, Any]
) -> CourtOrder:
    """Attach an order to a request, with its terms, and ask for its checks.

    document: the PDF as received. terms: order_by, proceeding, judge, issued_on, expires_on, addressee, legal_basis,
    categories, recipient, use_terms, notice_terms, findings, lines ({address, source_port, from, until, protocol}).

    Raises NotAllowed for anybody but a clerk of the request's court and for a request that is closed, InputError
    naming every defect, also for an order that was attached before.
    """
    require_clerk(user, request)
    problems: list[Problem] = []
    file_number = file_number.strip() if isinstance(file_number, str) else ""
    if not file_number.isprintable() or not 1 <= json_bytes(file_number) <= 100:
        problems.append(Problem("file_number.text", "file_number", "Give the court's file number, up to 100 bytes."))
    check_size(document, problems)
    read = read_terms(request, terms, problems)
    if read is None or problems:
        raise InputError(problems)
    digest = sha256_hex(document)
    with transaction.atomic():
        reopened = _require_open(request)
        if decision_under_way(RequestLine.objects.filter(request=request)):
            raise NotAllowed("A decision on this request is under way. Ask the operator to end its round first.")
        # Another court may have brought the same file, which this one does not see: then it is there, and stays.
        stored = OrderDocument(sha256=digest, content=document, size_bytes=len(document))
        OrderDocument.objects.bulk_create([stored], ignore_conflicts=True)
        identifier = uuid.uuid4()
        event = record(
            "order:received",
            "order",
            identifier,
            {"request": str(request.id), "document": digest, "size_bytes": len(document)},
            actor=user.id,
            new_state=CourtOrder.State.RECEIVED,
            members=[identifier],
        )
        try:
            with transaction.atomic():
                order = CourtOrder.objects.create(
                    id=identifier,
                    request=request,
                    court_id=user.organisation_id,
                    file_number=file_number,
                    document=stored,
                    uploaded_by=user,
                    state=CourtOrder.State.RECEIVED,
                    event_id=event,
                )
        except IntegrityError:
            raise InputError(
                [
                    Problem(
                        "order.replayed",
                        "document",
                        "This order was attached before, here or to another request. An order is used once; "
                        "to mend its terms, correct them on the order's page.",
                    )
                ]
            ) from None
        _store_terms(user, order, read, version=1)
        if reopened:
            advance("order-again", request.id, reopened, actor=user.id)
        ask(OutboxRow.Kind.CHECK_ORDER, order.id)
    return order


def correct_terms(user: User, order: CourtOrder, terms: Mapping[str, Any]) -> OrderTerms:
    """Enter the terms of an order anew, as its next version; the earlier versions stay.

    Raises NotAllowed for others than the court's clerks, for a rejected order, and once somebody has decided on a
    line: what was decided on must not change under the decision. Raises InputError naming every defect.
    """
    require_clerk(user, order.request)
    problems: list[Problem] = []
    read = read_terms(order.request, terms, problems)
    if read is None or problems:
        raise InputError(problems)
    with transaction.atomic():
        _require_open(order.request)
        locked = CourtOrder.objects.select_for_update(of=("self",)).get(id=order.id)
        if locked.state not in (CourtOrder.State.RECEIVED, CourtOrder.State.VERIFIED):
            raise NotAllowed("The document of this order was rejected or revoked; attach the right one.")
        if decision_under_way(RequestLine.objects.filter(request=order.request)):
            raise NotAllowed("A decision on this request is under way. Ask the operator to end its round first.")
        newest = OrderTerms.objects.filter(order=order).latest("version").version
        stored = _store_terms(user, order, read, version=newest + 1)
        ask(OutboxRow.Kind.CHECK_ORDER, order.id)
    return stored


def check_document(order_id: uuid.UUID) -> None:
    """Make the checks that are still to be made for an order: its document once, each version of its terms once."""
    order = CourtOrder.objects.select_for_update(of=("self",)).select_related("document", "request").get(id=order_id)
    if order.state == CourtOrder.State.RECEIVED:
        _check_document(order)
    for terms in OrderTerms.objects.filter(order=order, checks=None):
        OrderCheck.objects.bulk_create(
            OrderCheck(
                order=order,
                terms=terms,
                line_id=line_id,
                number=check.number,
                code=check.code,
                title=check.title,
                passed=check.passed,
                detail="" if check.passed else check.detail,
            )
            for line_id, check in terms_checks(terms)
        )
        record(
            "order:terms-checked",
            "order",
            order.id,
            {"version": terms.version, "failed": terms.checks.filter(passed=False).count()},
        )
        if CourtOrder.objects.filter(id=order.id, state=CourtOrder.State.VERIFIED).exists():
            # A line that this order does not cover waits for one of its own, which may be later.
            covered = terms.checks.filter(code=LINE_COVERED, passed=True)
            early = terms.checks.filter(code=ORDER_AFTER_EVENT, passed=False, line__in=covered.values("line_id"))
            question_lines_after_order(order.request, list(early.values_list("line_id", flat=True)))
    ask(OutboxRow.Kind.ASSESS, order.request_id)


def _check_document(order: CourtOrder) -> None:
    verdict = run_verification(bytes(order.document.content), court_trust(order.court_id), timezone.now())
    checks = (*verdict.checks, _not_attached_before(order, verdict))
    OrderCheck.objects.bulk_create(
        OrderCheck(
            order=order,
            number=check.number,
            code=check.code,
            title=check.title,
            passed=check.passed,
            detail=check.detail[:500],
        )
        for check in checks
    )
    failure = next((check for check in checks if check.passed is False), None)
    state = CourtOrder.State.VERIFIED if failure is None else CourtOrder.State.REJECTED
    event = record(
        "order:verified" if failure is None else "order:rejected",
        "order",
        order.id,
        {} if failure is None else {"check": failure.number, "code": failure.code},
        new_state=state,
        members=[order.id],
    )
    # Should another worker verify the same order at this very moment, the database refuses the second; its work
    # is tried again, and then finds the first.
    identity = verdict.identity if failure is None else None
    CourtOrder.objects.filter(id=order.id).update(state=state, event_id=event, signed_identity=identity)


def _not_attached_before(order: CourtOrder, verdict: DocumentVerdict) -> Check:
    """Make check 9: no other order has this one's identity, in whatever file, under whatever number."""
    if not verdict.passed:
        return Check(9, NOT_REACHED, None, TITLES[9], "")
    if CourtOrder.objects.filter(signed_identity=verdict.identity).exists():
        return Check(9, "order.replayed", False, TITLES[9], "Its first signature is that of an order already here.")
    return Check(9, PASSED, True, TITLES[9], "")


def terms_checks(terms: OrderTerms) -> list[tuple[uuid.UUID | None, TermsCheck]]:
    """Make all checks of one version of an order's terms: the general ones, then two for each line."""
    request = terms.order.request
    general = check_terms(
        Terms(
            addressee=terms.addressee,
            recipient=terms.recipient,
            proceeding=terms.proceeding,
            issued_on=terms.issued_on,
            expires_on=terms.expires_on,
            categories=frozenset(terms.categories),
            court_place=terms.order.court.jurisdiction,
            findings=terms.findings,
        ),
        Asked(
            operator=Organisation.objects.get(kind=Organisation.Kind.OPERATOR).name,
            party=request.organisation.name,
            proceeding=request.proceeding,
            categories=frozenset(request.categories),
            place=request.jurisdiction,
        ),
        today=timezone.now().date(),
    )
    covered, zone = covered_selectors(terms), court_zone(request.court.jurisdiction)
    by_line: list[tuple[uuid.UUID | None, TermsCheck]] = [
        (line.id, check)
        for line in request.lines.all()
        for check in check_line(
            line_selector(line), covered.get(line.address, []), issued_on=terms.issued_on, zone=zone
        )
    ]
    return [*((None, check) for check in general), *by_line]


def covered_selectors(terms: OrderTerms) -> dict[str, list[Selector]]:
    """What an order covers, by address, so that 10,000 lines are matched in one pass."""
    by_address: dict[str, list[Selector]] = {}
    for line in terms.lines.all():
        by_address.setdefault(line.address, []).append(
            Selector(line.address, line.source_port, line.from_at, line.until_at, line.protocol)
        )
    return by_address


def line_selector(line: RequestLine) -> Selector:
    """A line's address, port, protocol and instant as an interval of its own granularity."""
    until = line.observed_at + timedelta(seconds=float(line.unit_seconds))
    return Selector(line.address, line.source_port, line.observed_at, until, line.protocol)


def require_clerk(user: User, request: DisclosureRequest) -> None:
    """Refuse everybody but the clerks of the court that the request is addressed to."""
    if user.role != Role.CLERK or user.organisation_id != request.court_id:
        raise NotAllowed("Orders are attached, corrected and revoked by a clerk of the court that made them.")


def _require_open(request: DisclosureRequest) -> list[uuid.UUID]:
    """Lock the lines an order can still change, and give the ids of those that only a new order reopens."""
    # The lock orders this against decisions and withdrawals of the same lines.
    lines = RequestLine.objects.select_for_update(of=("self",)).filter(request=request)
    waiting = list(lines.filter(state__in=_OPEN_TO_ORDERS).values_list("id", flat=True))
    reopened = closed_by_an_order(request)
    if not waiting and not reopened:
        raise NotAllowed("Every line of this request is refused, decided or answered; an order changes nothing now.")
    return reopened


def closed_by_an_order(request: DisclosureRequest) -> list[uuid.UUID]:
    """The refused lines of a request that were refused after an order had come, and so perhaps because of it.

    What the law refuses in spite of any order is refused again as soon as the new one has been checked.
    """
    first = request.orders.order_by("uploaded_at").select_related("event").first()
    if first is None:
        return []
    refusals = StateMove.objects.filter(
        subject_id__in=request.lines.filter(state=State.REFUSED).values("id"),
        new_state=State.REFUSED,
        event__recorded_at__gt=first.event.recorded_at,
    )
    return list(refusals.values_list("subject_id", flat=True).distinct())


def _store_terms(user: User, order: CourtOrder, read: NewTerms, *, version: int) -> OrderTerms:
    event = record(
        "order:terms-entered",
        "order",
        order.id,
        {"version": version, "lines": len(read.lines)},
        actor=user.id,
    )
    terms = OrderTerms.objects.create(order=order, version=version, entered_by=user, event_id=event, **read.columns)
    TermsLine.objects.bulk_create(
        TermsLine(
            terms=terms,
            number=number,
            address=line.address,
            source_port=line.source_port,
            protocol=line.protocol,
            from_at=line.from_at,
            until_at=line.until_at,
        )
        for number, line in enumerate(read.lines, start=1)
    )
    return terms

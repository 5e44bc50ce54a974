"""Attach court orders, correct their terms, and check both.

1. `attach_order` and `correct_terms` are the clerk's: they store what came in and ask for checks.
2. `check_document` is done by jobs: the signature gate once per document, the terms once per version.
3. Whatever comes out, the request is assessed anew.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from broker.audit.models import StateMove
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import advance
from broker.intake.models import CATEGORIES, DisclosureRequest, Proceeding, RequestLine, State
from broker.intake.observation import ObservationError, parse_address, parse_instant, parse_port
from broker.intake.questions import read_facts
from broker.orders.matching import Asked, Selector, Terms, TermsCheck, check_line, check_terms
from broker.orders.models import CourtOrder, OrderCheck, OrderDocument, OrderTerms, TermsLine
from broker.orders.sandbox import run_verification
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Organisation, Role, User
from legal_rules import load_pack

# While a line is in one of these states, an order can still be attached or its terms corrected.
_OPEN_TO_ORDERS = (State.RECEIVED, State.INCOMPLETE, State.AWAITING_ORDER, State.UNDER_REVIEW)

# Facts of the pack that come from the order's own rows, so that the clerk is not asked for them again.
COMPUTED_ORDER_FACTS = frozenset({"order-by", "order-verified", "order-date", "order-names-further-data"})

LINE_HEADER = ("address", "source_port", "from", "until")


@dataclass(frozen=True, slots=True)
class _NewTerms:
    """Terms as read: column values, and the lines covered."""

    columns: dict[str, Any]
    lines: list[Selector]


def attach_order(
    user: User, request: DisclosureRequest, file_number: str, document: bytes, terms: Mapping[str, Any]
) -> CourtOrder:
    """Attach an order to a request, with its terms, and ask for its checks.

    document: the PDF as received. terms: order_by, proceeding, judge, issued_on, expires_on, addressee, legal_basis,
    categories, recipient, use_terms, notice_terms, findings, lines ({address, source_port, from, until}).

    Raises NotAllowed for anybody but a clerk of the request's court and for a request that is closed, InputError
    naming every defect, also for an order that was attached before.
    """
    _require_clerk(user, request)
    problems: list[Problem] = []
    file_number = file_number.strip() if isinstance(file_number, str) else ""
    if not file_number.isprintable() or not 1 <= json_bytes(file_number) <= 100:
        problems.append(Problem("file_number.text", "file_number", "Give the court's file number, up to 100 bytes."))
    _check_size(document, problems)
    read = _read_terms(request, terms, problems)
    if read is None or problems:
        raise InputError(problems)
    digest = sha256_hex(document)
    with transaction.atomic():
        reopened = _require_open(request)
        stored, _ = OrderDocument.objects.get_or_create(
            sha256=digest, defaults={"content": document, "size_bytes": len(document)}
        )
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
    _require_clerk(user, order.request)
    problems: list[Problem] = []
    read = _read_terms(order.request, terms, problems)
    if read is None or problems:
        raise InputError(problems)
    with transaction.atomic():
        _require_open(order.request)
        locked = CourtOrder.objects.select_for_update().get(id=order.id)
        if locked.state not in (CourtOrder.State.RECEIVED, CourtOrder.State.VERIFIED):
            raise NotAllowed("The document of this order was rejected or revoked; attach the right one.")
        if order.request.lines.filter(decisions__isnull=False, state=State.UNDER_REVIEW).exists():
            raise NotAllowed("A decision on this request is under way. Ask the operator to end its round first.")
        newest = OrderTerms.objects.filter(order=order).latest("version").version
        stored = _store_terms(user, order, read, version=newest + 1)
        ask(OutboxRow.Kind.CHECK_ORDER, order.id)
    return stored


def check_document(order_id: uuid.UUID) -> None:
    """Make the checks that are still to be made for an order: its document once, each version of its terms once."""
    order = CourtOrder.objects.select_for_update().select_related("document", "request").get(id=order_id)
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
    ask(OutboxRow.Kind.ASSESS, order.request_id)


def _check_document(order: CourtOrder) -> None:
    verdict = run_verification(bytes(order.document.content), registered_certificates(order.court_id), timezone.now())
    OrderCheck.objects.bulk_create(
        OrderCheck(
            order=order,
            number=check.number,
            code=check.code,
            title=check.title,
            passed=check.passed,
            detail=check.detail[:500],
        )
        for check in verdict.checks
    )
    state = CourtOrder.State.VERIFIED if verdict.passed else CourtOrder.State.REJECTED
    failure = verdict.failure
    event = record(
        "order:verified" if verdict.passed else "order:rejected",
        "order",
        order.id,
        {} if failure is None else {"check": failure.number, "code": failure.code},
        new_state=state,
        members=[order.id],
    )
    CourtOrder.objects.filter(id=order.id).update(state=state, event_id=event)


def registered_certificates(court_id: uuid.UUID) -> list[bytes]:
    """The certificates (DER) that orders of this court must chain to, withdrawn ones left out."""
    court = Organisation.objects.get(id=court_id)
    return [bytes(c.der) for c in court.certificates.filter(withdrawn_at=None)]


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
        ),
        Asked(
            operator=Organisation.objects.get(kind=Organisation.Kind.OPERATOR).name,
            party=request.organisation.name,
            proceeding=request.proceeding,
            categories=frozenset(request.categories),
        ),
        today=timezone.now().date(),
    )
    covered = covered_selectors(terms)
    by_line: list[tuple[uuid.UUID | None, TermsCheck]] = [
        (line.id, check)
        for line in request.lines.all()
        for check in check_line(line_selector(line), covered.get(line.address, []), issued_on=terms.issued_on)
    ]
    return [*((None, check) for check in general), *by_line]


def covered_selectors(terms: OrderTerms) -> dict[str, list[Selector]]:
    """What an order covers, by address, so that 10,000 lines are matched in one pass."""
    by_address: dict[str, list[Selector]] = {}
    for line in terms.lines.all():
        by_address.setdefault(line.address, []).append(
            Selector(line.address, line.source_port, line.from_at, line.until_at)
        )
    return by_address


def line_selector(line: RequestLine) -> Selector:
    """A line's address, port and instant as an interval of its own granularity."""
    until = line.observed_at + timedelta(seconds=float(line.unit_seconds))
    return Selector(line.address, line.source_port, line.observed_at, until)


def _require_clerk(user: User, request: DisclosureRequest) -> None:
    if user.role != Role.CLERK or user.organisation_id != request.court_id:
        raise NotAllowed("Orders are attached by a clerk of the court that made them.")


def _require_open(request: DisclosureRequest) -> list[uuid.UUID]:
    """Lock the lines an order can still change, and give the ids of those that only a new order reopens."""
    # The lock orders this against decisions and withdrawals of the same lines.
    lines = RequestLine.objects.select_for_update().filter(request=request)
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


def _check_size(document: bytes, problems: list[Problem]) -> None:
    limit = settings.ORDER_MAX_BYTES
    if not document:
        problems.append(Problem("order.empty", "document", "The file is empty. Choose the signed PDF of the order."))
    elif len(document) > limit:
        problems.append(
            Problem("order.too-large", "document", f"The file is larger than {limit} bytes. Ask for a smaller one.")
        )
    elif not document.startswith(b"%PDF-"):
        problems.append(
            Problem("order.not-a-pdf", "document", "The file is not a PDF. Upload the PDF that the court signed.")
        )


def _store_terms(user: User, order: CourtOrder, read: _NewTerms, *, version: int) -> OrderTerms:
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
            from_at=line.from_at,
            until_at=line.until_at,
        )
        for number, line in enumerate(read.lines, start=1)
    )
    return terms


# Limits in bytes of UTF-8, because these texts go into a package whose size must not depend on them.
_TEXTS = {"judge": 200, "addressee": 200, "legal_basis": 480, "recipient": 200, "use_terms": 960, "notice_terms": 960}


def _read_terms(request: DisclosureRequest, terms: Mapping[str, Any], problems: list[Problem]) -> _NewTerms | None:
    columns: dict[str, Any] = {}
    for field, limit in _TEXTS.items():
        value = terms.get(field)
        columns[field] = value.strip() if isinstance(value, str) else ""
        if not columns[field].isprintable() or not 1 <= json_bytes(columns[field]) <= limit:
            problems.append(
                Problem(f"{field}.text", field, f"Give one paragraph of 1 to {limit} bytes, without line breaks.")
            )
    for field, values in (("order_by", OrderTerms.OrderBy.values), ("proceeding", Proceeding.values)):
        columns[field] = terms.get(field)
        if columns[field] not in values:
            problems.append(Problem(f"{field}.unknown", field, f"Name one of: {', '.join(values)}."))
    for field in ("issued_on", "expires_on"):
        columns[field] = _read_day(terms.get(field), field, problems)
    categories = terms.get("categories")
    if (
        not isinstance(categories, list)
        or not categories
        or not all(isinstance(c, str) and c in CATEGORIES for c in categories)
    ):
        problems.append(Problem("categories.unknown", "categories", f"Name one or more of: {', '.join(CATEGORIES)}."))
    else:
        columns["categories"] = sorted(set(categories))
    findings = terms.get("findings") or {}
    columns["findings"] = read_facts(load_pack(request.jurisdiction), findings, "order", problems)
    for fact in COMPUTED_ORDER_FACTS & set(columns["findings"]):
        problems.append(
            Problem("facts.computed", f"findings.{fact}", "This is read from the order itself; leave it out.")
        )
    lines = _read_lines(terms.get("lines"), problems)
    return None if problems else _NewTerms(columns, lines)


def json_bytes(text: str) -> int:
    """How long a text is when JSON quotes it in UTF-8, without the quotation marks around it; 0 if it is empty."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2


def _read_day(value: object, field: str, problems: list[Problem]) -> date | None:
    try:
        return value if type(value) is date else date.fromisoformat(str(value))
    except ValueError:
        problems.append(Problem(f"{field}.day", field, "Give a day that exists, as YYYY-MM-DD."))
        return None


def _read_lines(value: object, problems: list[Problem]) -> list[Selector]:
    limit = settings.REQUEST_MAX_LINES
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= limit:
        problems.append(Problem("lines.count", "lines", f"Give 1 to {limit} lines that the order covers."))
        return []
    lines: dict[Selector, int] = {}
    for number, item in enumerate(value, start=1):
        selector = _read_line(item, number, problems)
        if selector in lines:
            problems.append(
                Problem("line.duplicate", "lines", f"The same as line {lines[selector]}. Remove one of them.", number)
            )
        elif selector is not None:
            lines[selector] = number
    return list(lines)


def _read_line(item: object, number: int, problems: list[Problem]) -> Selector | None:
    if not isinstance(item, Mapping) or set(item) - set(LINE_HEADER):
        problems.append(
            Problem("line.shape", "lines", f"A line has the fields {', '.join(LINE_HEADER)} and no others.", number)
        )
        return None
    now = timezone.now()

    def text(field: str) -> str:
        return "" if item.get(field) is None else str(item[field]).strip()

    def instant(field: str) -> tuple[datetime, datetime]:
        read = parse_instant(text(field), now)
        return read.value, read.value + timedelta(seconds=float(read.unit))

    field = "address"
    try:
        address = str(parse_address(text(field), allow_documentation=settings.ALLOW_DOCUMENTATION_ADDRESSES))
        field = "source_port"
        port = parse_port(text(field)) if text(field) else None
        field = "from"
        from_at, until_at = instant(field)
        if text("until"):
            field = "until"
            until_at, _ = instant(field)
    except ObservationError as error:
        problems.append(Problem(error.code, field, str(error), number))
        return None
    if until_at <= from_at:
        problems.append(Problem("line.interval", "until", "The end must be after the beginning.", number))
        return None
    return Selector(address, port, from_at, until_at)

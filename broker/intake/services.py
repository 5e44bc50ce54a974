"""File and withdraw requests.

Bad input is reported whole, each defect with its line and field, and nothing is stored; the sender mends it and
sends it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from django.db import transaction

from broker.audit.services import record
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import TRANSITIONS, advance
from broker.intake.lines import read_lines
from broker.intake.models import CATEGORIES, DisclosureRequest, Measure, Proceeding, RequestLine, State
from broker.intake.questions import read_facts
from broker.intake.slip_questions import (
    SentEvidence,
    find_slips,
    put_questions,
    read_sent_evidence,
    store_evidence,
)
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Organisation, Role, User
from legal_rules import PackError, load_pack, packaged_ids

FILERS = (Role.COUNSEL, Role.AUTHORITY)


def file_request(
    user: User, data: Mapping[str, Any], *, as_of: date | None = None, evidence: SentEvidence | None = None
) -> DisclosureRequest:
    """File a request, question what looks mistyped, and ask for the assessment.

    data: proceeding, jurisdiction, measure, court (id), legal_relation, purpose, categories (list of ids), facts
    ({question of the pack: answer}), lines (list of {address, source_port, observed_at, evidence, protocol}).
    as_of: a past day whose law is applied, for study and the demo only; such a request can never be approved.
    evidence: the file the lines were typed from. What differs becomes a question, and refuses nothing.

    Raises NotAllowed for people who do not file requests and InputError naming every defect.
    """
    if user.role not in FILERS:
        raise NotAllowed("Requests are filed by counsel or by an authority.")
    problems: list[Problem] = []
    head = _read_head(data, problems)
    lines = read_lines(data.get("lines"), problems)
    read = read_sent_evidence(evidence, problems)
    findings = [] if problems else find_slips(lines, read, problems)
    if problems:
        raise InputError(problems)
    with transaction.atomic():
        identifier = uuid.uuid4()
        filed = record(
            "request:filed",
            "request",
            identifier,
            {"lines": len(lines), "proceeding": head["proceeding"], "jurisdiction": head["jurisdiction"]},
            actor=user.id,
        )
        request = DisclosureRequest.objects.create(
            id=identifier,
            organisation_id=user.organisation_id,
            filed_by=user,
            as_of=as_of,
            event_id=filed,
            **head,
        )
        ids = [uuid.uuid4() for _ in lines]
        received = record(
            "line:received",
            "request",
            identifier,
            {"lines": len(lines)},
            actor=user.id,
            new_state=State.RECEIVED,
            members=ids,
        )
        RequestLine.objects.bulk_create(
            RequestLine(
                id=line_id,
                request=request,
                number=number,
                address=line.address,
                source_port=line.source_port,
                protocol=line.protocol,
                observed_at=line.observed_at,
                observed_text=line.observed_text,
                unit_seconds=line.unit_seconds,
                evidence=line.evidence,
                state=State.RECEIVED,
                event_id=received,
            )
            for number, (line_id, line) in enumerate(zip(ids, lines, strict=True), start=1)
        )
        if read is not None:
            store_evidence(user, request, read)
        put_questions(request, findings, dict(enumerate(ids, start=1)))
        ask(OutboxRow.Kind.ASSESS, identifier)
    return request


def withdraw_request(user: User, request: DisclosureRequest, numbers: Collection[int] | None = None) -> None:
    """Withdraw what has not been decided yet; the lines stay as a record.

    numbers: of the lines to withdraw, all of them by default. Raises NotAllowed for anybody but the requesting party,
    or when nothing is left to withdraw.
    """
    if user.organisation_id != request.organisation_id or user.role not in FILERS:
        raise NotAllowed("Only the party that filed a request withdraws it.")
    with transaction.atomic():
        lines = request.lines.select_for_update(of=("self",)).filter(state__in=TRANSITIONS["withdraw"].old)
        ids = list((lines if numbers is None else lines.filter(number__in=numbers)).values_list("id", flat=True))
        if not ids and numbers is None:
            raise NotAllowed("Every line of this request has been decided or answered; nothing is left.")
        if not ids:
            raise NotAllowed("None of these lines can be withdrawn: they are decided, answered or not there.")
        advance("withdraw", request.id, ids, actor=user.id)


def _read_head(data: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "proceeding": read_choice(data, "proceeding", Proceeding.values, problems),
        "measure": read_choice(data, "measure", Measure.values, problems),
        "legal_relation": _text(data, "legal_relation", 500, problems),
        "purpose": _text(data, "purpose", 2000, problems),
    }
    categories = data.get("categories")
    if not isinstance(categories, list) or not categories or not _all_known(categories):
        expected = ", ".join(CATEGORIES)
        problems.append(Problem("categories.unknown", "categories", f"Name one or more of: {expected}."))
    else:
        head["categories"] = sorted(set(categories))
    head["court"] = _court(data.get("court"), problems)
    jurisdiction = data.get("jurisdiction")
    try:
        pack = load_pack(jurisdiction) if isinstance(jurisdiction, str) and jurisdiction in jurisdictions() else None
    except PackError:
        pack = None
    if pack is None:
        problems.append(Problem("jurisdiction.unknown", "jurisdiction", f"Name one of: {', '.join(jurisdictions())}."))
    else:
        head["jurisdiction"] = jurisdiction
        head["facts"] = read_facts(pack, data.get("facts") or {}, "requester", problems)
    return head


@lru_cache(maxsize=1)
def jurisdictions() -> tuple[str, ...]:
    """The places whose law can be applied, by id: packs that no other pack builds on.

    The others are layers, such as the law of the Union: nobody's own law, and no disclosure rests on them alone.
    """
    packs = [load_pack(name) for name in packaged_ids()]
    layers = {layer for pack in packs for layer in pack.builds_on}
    return tuple(sorted(pack.id for pack in packs if pack.id not in layers))


def _all_known(categories: list[object]) -> bool:
    return all(isinstance(category, str) and category in CATEGORIES for category in categories)


def read_choice(data: Mapping[str, Any], field: str, values: Sequence[str], problems: list[Problem]) -> str:
    """Read one of some values; what is none of them becomes a problem."""
    value = data.get(field)
    if value not in values:
        problems.append(Problem(f"{field}.unknown", field, f"Name one of: {', '.join(values)}."))
    return str(value)


def _text(data: Mapping[str, Any], field: str, limit: int, problems: list[Problem]) -> str:
    value = data.get(field)
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > limit or "\x00" in text:
        problems.append(Problem(f"{field}.text", field, f"Give a text of 1 to {limit} characters."))
    return text


def _court(value: object, problems: list[Problem]) -> Organisation | None:
    try:
        identifier = uuid.UUID(str(value))
    except ValueError:
        identifier = uuid.UUID(int=0)
    court = Organisation.objects.filter(id=identifier, kind=Organisation.Kind.COURT).first()
    if court is None:
        problems.append(
            Problem("court.unknown", "court", "Give the id of a court registered here; see the list of courts.")
        )
    return court

"""File and withdraw requests.

Bad input is reported whole, each defect with its line and field, and nothing is stored; the sender mends it and
sends it again.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from broker.audit.services import record
from broker.errors import InputError, NotAllowed, Problem
from broker.intake.lifecycle import TRANSITIONS, advance
from broker.intake.models import CATEGORIES, DisclosureRequest, Measure, Proceeding, RequestLine, State
from broker.intake.observation import ObservationError, parse_address, parse_instant, parse_port
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import Organisation, Role, User
from legal_rules import PackError, load_pack

CSV_HEADER = ("address", "source_port", "observed_at", "evidence")
FILERS = (Role.COUNSEL, Role.AUTHORITY)


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line as it was read: address normalised, instant in UTC, granularity in seconds."""

    address: str
    source_port: int | None
    observed_at: datetime
    observed_text: str
    unit_seconds: Decimal
    evidence: str


def file_request(user: User, data: Mapping[str, Any], *, as_of: date | None = None) -> DisclosureRequest:
    """File a request and ask for its assessment.

    data: proceeding, jurisdiction, measure, court (id), legal_relation, purpose, categories (list of ids), facts
    ({question of the pack: answer}), lines (list of {address, source_port, observed_at, evidence}).
    as_of: a past day whose law is applied, for study and the demo only; such a request can never be approved.

    Raises NotAllowed for people who do not file requests and InputError naming every defect.
    """
    if user.role not in FILERS:
        raise NotAllowed("Requests are filed by counsel or by an authority.")
    problems: list[Problem] = []
    head = _read_head(data, problems)
    lines = read_lines(data.get("lines"), problems)
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
                observed_at=line.observed_at,
                observed_text=line.observed_text,
                unit_seconds=line.unit_seconds,
                evidence=line.evidence,
                state=State.RECEIVED,
                event_id=received,
            )
            for number, (line_id, line) in enumerate(zip(ids, lines, strict=True), start=1)
        )
        ask(OutboxRow.Kind.ASSESS, identifier)
    return request


def withdraw_request(user: User, request: DisclosureRequest) -> None:
    """Withdraw what has not been decided yet; the lines stay as a record.

    Raises NotAllowed for anybody but the requesting party, or when nothing is left to withdraw.
    """
    if user.organisation_id != request.organisation_id or user.role not in FILERS:
        raise NotAllowed("Only the party that filed a request withdraws it.")
    with transaction.atomic():
        ids = list(
            request.lines.select_for_update()
            .filter(state__in=TRANSITIONS["withdraw"].old)
            .values_list("id", flat=True)
        )
        if not ids:
            raise NotAllowed("Every line of this request has been decided or answered; nothing is left.")
        advance("withdraw", request.id, ids, actor=user.id)


def read_csv(content: bytes) -> list[dict[str, str]]:
    """Read lines from a CSV file into the shape of `file_request`; the values are checked there.

    content: UTF-8 (a BOM is fine), comma-separated, header as CSV_HEADER in any order, at most REQUEST_MAX_LINES rows.
    Raises InputError for another encoding, delimiter, header or number of fields.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            [Problem("csv.encoding", "file", "The file must be UTF-8. Save it as CSV UTF-8 and send it again.", line)]
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if sorted(header) != sorted(CSV_HEADER):
            raise InputError([_header_problem(header)])
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise InputError(
                    [
                        Problem(
                            "csv.fields",
                            "file",
                            f"This row has {len(row)} fields and the header {len(header)}. Quote fields with commas.",
                            reader.line_num,
                        )
                    ]
                )
            rows.append(dict(zip(header, (cell.strip() for cell in row), strict=True)))
    except csv.Error:
        raise InputError(
            [Problem("csv.syntax", "file", "Quotes do not match here. Check the row.", reader.line_num)]
        ) from None
    return rows


def _header_problem(header: Sequence[str]) -> Problem:
    expected = ",".join(CSV_HEADER)
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        return Problem("csv.delimiter", "file", f"Fields must be separated by commas; the header is {expected}.", 1)
    return Problem("csv.header", "file", f"The first row must be: {expected}.", 1)


def _read_head(data: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "proceeding": _choice(data, "proceeding", Proceeding.values, problems),
        "measure": _choice(data, "measure", Measure.values, problems),
        "legal_relation": _text(data, "legal_relation", 500, problems),
        "purpose": _text(data, "purpose", 2000, problems),
    }
    categories = data.get("categories")
    if not isinstance(categories, list) or not categories or any(c not in CATEGORIES for c in categories):
        expected = ", ".join(CATEGORIES)
        problems.append(Problem("categories.unknown", "categories", f"Name one or more of: {expected}."))
    else:
        head["categories"] = sorted(set(categories))
    head["court"] = _court(data.get("court"), problems)
    jurisdiction = data.get("jurisdiction")
    try:
        # Only packs that decide are offered; the baseline they build on is nobody's jurisdiction.
        pack = load_pack(jurisdiction) if jurisdiction in JURISDICTIONS else None
    except PackError:
        pack = None
    if pack is None:
        problems.append(
            Problem("jurisdiction.unknown", "jurisdiction", f"Name one of: {', '.join(JURISDICTIONS)}.")
        )
    else:
        head["jurisdiction"] = jurisdiction
        head["facts"] = read_facts(pack, data.get("facts") or {}, "requester", problems)
    return head


# The places whose packs decide. A pack appears here once it has cases on both sides of each rule.
JURISDICTIONS: tuple[str, ...] = ("es",)


def read_facts(pack: Any, given: object, settled_by: str, problems: list[Problem]) -> dict[str, Any]:
    """Check answers to the pack's questions for one role: known fact, right type; missing stays open."""
    if not isinstance(given, Mapping):
        problems.append(Problem("facts.shape", "facts", "Give facts as {question id: answer}."))
        return {}
    asked = {name: spec for name, spec in pack.facts.items() if spec.settled_by == settled_by}
    facts: dict[str, Any] = {}
    for name, value in given.items():
        spec = asked.get(name)
        if spec is None:
            problems.append(
                Problem("facts.unknown", f"facts.{name}"[:80], f"You are asked for: {', '.join(asked) or 'nothing'}.")
            )
        elif value in (None, ""):
            continue
        elif (answer := read_answer(spec, value)) is None:
            problems.append(Problem("facts.value", f"facts.{name}", f"{spec.ask} Answer {expected_answer(spec)}."))
        else:
            facts[name] = answer
    return facts


def expected_answer(spec: Any) -> str:
    """Say in words what a question takes for an answer."""
    return {"bool": "true or false", "date": "a day as YYYY-MM-DD", "number": "a whole number"}.get(
        spec.type, "one of: " + ", ".join(spec.values)
    )


def read_answer(spec: Any, value: object) -> bool | int | str | None:
    """Read one answer as JSON or as a form gives it; None when it does not fit the question. Days stay text."""
    text = str(value).strip()
    if spec.type == "bool":
        return {"true": True, "false": False}.get(text.lower())
    if spec.type == "number":
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    if spec.type == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            return None
    return text if text in spec.values else None


def _choice(data: Mapping[str, Any], field: str, values: Sequence[str], problems: list[Problem]) -> str:
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


def read_lines(value: object, problems: list[Problem]) -> list[NewLine]:
    """Read the lines of a request strictly; every defect is reported with its line number, none is mended."""
    limit = settings.REQUEST_MAX_LINES
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        problems.append(Problem("lines.count", "lines", f"Give 1 to {limit} lines."))
        return []
    now = timezone.now()
    lines: list[NewLine] = []
    seen: dict[tuple[object, ...], int] = {}
    for number, item in enumerate(value, start=1):
        line = _read_line(item, number, now, problems)
        if line is None:
            continue
        key = (line.address, line.source_port, line.observed_at)
        if key in seen:
            problems.append(
                Problem("line.duplicate", "lines", f"The same as line {seen[key]}. Remove one of them.", number)
            )
        seen.setdefault(key, number)
        lines.append(line)
    return lines


def _read_line(item: object, number: int, now: datetime, problems: list[Problem]) -> NewLine | None:
    if not isinstance(item, Mapping) or set(item) - set(CSV_HEADER):
        problems.append(
            Problem("line.shape", "lines", f"A line has the fields {', '.join(CSV_HEADER)} and no others.", number)
        )
        return None
    before = len(problems)

    def read(field: str, parse: Any) -> Any:
        try:
            return parse()
        except ObservationError as error:
            problems.append(Problem(error.code, field, str(error), number))
            return None

    def text(field: str) -> str:
        value = item.get(field)
        return "" if value is None else str(value).strip()

    address = read(
        "address",
        lambda: parse_address(text("address"), allow_documentation=settings.ALLOW_DOCUMENTATION_ADDRESSES),
    )
    port = read("source_port", lambda: parse_port(text("source_port")) if text("source_port") else None)
    instant = read("observed_at", lambda: parse_instant(text("observed_at"), now))
    evidence = text("evidence")
    if not evidence or len(evidence) > 200:
        problems.append(
            Problem("evidence.text", "evidence", "Name the evidence in 1 to 200 characters, such as A-17.", number)
        )
    if len(problems) > before:
        return None
    return NewLine(
        address=str(address),
        source_port=port,
        observed_at=instant.value,
        observed_text=text("observed_at"),
        unit_seconds=Decimal(str(instant.unit)),
        evidence=evidence,
    )

"""An order as a clerk sends it: the file's outer form, and the terms; every defect is named, nothing is mended.

Not here: what the document is worth (`verification`), and whether the terms fit the request (`matching`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from broker.errors import Problem
from broker.intake.models import CATEGORIES, DisclosureRequest, Proceeding
from broker.intake.observation import ObservationError, parse_address, parse_instant, parse_port, parse_protocol
from broker.intake.places import court_zone
from broker.intake.questions import read_facts
from broker.orders.matching import Selector, is_after
from broker.orders.models import OrderTerms
from legal_rules import load_pack

# Facts of the pack that come from the order's own rows, so that the clerk is not asked for them again.
COMPUTED_ORDER_FACTS = frozenset({"order-by", "order-verified", "order-date", "order-names-further-data"})

LINE_HEADER = ("address", "source_port", "from", "until")
# What may follow.
LINE_FURTHER = ("protocol",)


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Terms as read: column values, and the lines covered."""

    columns: dict[str, Any]
    lines: list[Selector]


def check_size(document: bytes, problems: list[Problem]) -> None:
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


# Limits in bytes of UTF-8, because these texts go into a package whose size must not depend on them.
_TEXTS = {"judge": 200, "addressee": 200, "legal_basis": 480, "recipient": 200, "use_terms": 960, "notice_terms": 960}


def read_terms(request: DisclosureRequest, terms: Mapping[str, Any], problems: list[Problem]) -> NewTerms | None:
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
    if columns["issued_on"] is not None:
        zone = court_zone(request.court.jurisdiction)
        problems += (
            Problem(
                "line.after-order",
                "from",
                "By its date the order was made before this, in the court's time. Are its day and this moment typed "
                "as they stand in the order? If so, leave the line out: what happens after an order is monitoring.",
                number,
            )
            for selector, number in lines.items()
            if is_after(selector, columns["issued_on"], zone)
        )
    return None if problems else NewTerms(columns, list(lines))


def json_bytes(text: str) -> int:
    """How long a text is when JSON quotes it in UTF-8, without the quotation marks around it; 0 if it is empty."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2


def _read_day(value: object, field: str, problems: list[Problem]) -> date | None:
    try:
        return value if type(value) is date else date.fromisoformat(str(value))
    except ValueError:
        problems.append(Problem(f"{field}.day", field, "Give a day that exists, as YYYY-MM-DD."))
        return None


def _read_lines(value: object, problems: list[Problem]) -> dict[Selector, int]:
    """Read the lines an order covers, each with its number as sent."""
    limit = settings.REQUEST_MAX_LINES
    if not isinstance(value, Sequence) or isinstance(value, str) or not 1 <= len(value) <= limit:
        problems.append(Problem("lines.count", "lines", f"Give 1 to {limit:,} lines that the order covers."))
        return {}
    lines: dict[Selector, int] = {}
    for number, item in enumerate(value, start=1):
        selector = _read_line(item, number, problems)
        if selector in lines:
            problems.append(
                Problem("line.duplicate", "lines", f"The same as line {lines[selector]}. Remove one of them.", number)
            )
        elif selector is not None:
            lines[selector] = number
    return lines


def _read_line(item: object, number: int, problems: list[Problem]) -> Selector | None:
    known = (*LINE_HEADER, *LINE_FURTHER)
    if not isinstance(item, Mapping) or set(item) - set(known):
        problems.append(
            Problem("line.shape", "lines", f"A line has the fields {', '.join(known)} and no others.", number)
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
        field = "protocol"
        protocol = parse_protocol(text(field))
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
    return Selector(address, port, from_at, until_at, protocol)

"""Put a request and the terms of an order side by side: each row says whether the two agree. Reads given rows only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from broker.intake.models import CATEGORIES, DisclosureRequest, RequestLine
from broker.intake.observation import say_port
from broker.intake.places import offset_text, say_moment
from broker.orders.matching import Selector, covering
from broker.orders.models import OrderTerms
from broker.orders.services import line_selector
from legal_rules import load_pack

# How many selectors of an order are shown beside a line that none of them covers.
MOST_NEAR = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that both say. differs: they contradict each other, or a check of the order says so."""

    title: str
    request: str
    order: str
    differs: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant for showing: in UTC, and in the court's zone with its offset ("" where no zone is known)."""

    utc: str
    local: str


@dataclass(frozen=True, slots=True)
class CoveredBy:
    """One selector of the order beside a line, with what does not fit."""

    address: str
    port_label: str
    interval: Moment
    port_differs: bool
    time_differs: bool


@dataclass(frozen=True, slots=True)
class LineComparison:
    """What the order says of one line. covered: exactly one selector, and no doubt; near: what comes closest."""

    observed: Moment
    covered: bool
    near: tuple[CoveredBy, ...]

    @property
    def port_differs(self) -> bool:
        """No selector of this address has the line's port."""
        return bool(self.near) and all(selector.port_differs for selector in self.near)

    @property
    def time_differs(self) -> bool:
        """No selector of this address has the line's instant."""
        return bool(self.near) and all(selector.time_differs for selector in self.near)


def show_moment(at: datetime, zone: ZoneInfo | None) -> Moment:
    """Write an aware instant in UTC and in the court's zone, to the second or finer if it is finer."""
    return Moment(*say_moment(at, zone))


def show_interval(from_at: datetime, until_at: datetime, zone: ZoneInfo | None) -> Moment:
    """Write an interval like an instant; the end repeats the day only where it is another one."""
    return Moment(
        f"{_from(from_at.astimezone(UTC), until_at.astimezone(UTC))} UTC",
        ""
        if zone is None
        else f"{_from(from_at.astimezone(zone), until_at.astimezone(zone))} {offset_text(until_at.astimezone(zone))}",
    )


def _from(start: datetime, end: datetime) -> str:
    changed = "" if start.utcoffset() == end.utcoffset() else f" {offset_text(start)}"
    until = _text(end) if start.date() != end.date() else _text(end).partition(" ")[2]
    return f"{_text(start)}{changed} to {until}"


def _text(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds" if at.microsecond else "seconds")


def compare_heads(request: DisclosureRequest, terms: OrderTerms, operator: str, failed: Iterable[str]) -> list[Row]:
    """Compare what request and order say of themselves. failed: codes of the checks of these terms that failed."""
    codes = frozenset(failed)
    asked, ordered = frozenset(request.categories), frozenset(terms.categories)
    unordered, unasked = _names(asked - ordered), _names(ordered - asked)
    categories = [f"not ordered: {unordered}"] if unordered else []
    categories += [f"ordered, not asked for: {unasked}"] if unasked else []
    return [
        Row(
            "Proceeding",
            request.get_proceeding_display(),
            terms.get_proceeding_display(),
            "terms.proceeding" in codes,
        ),
        Row("Made by", "", f"{terms.get_order_by_display()}: {terms.judge}"),
        Row(
            "Court",
            request.court.name,
            terms.order.court.name,
            "terms.court-place" in codes or request.court_id != terms.order.court_id,
        ),
        Row(
            "Who receives the answer",
            request.organisation.name,
            terms.recipient,
            "terms.recipient" in codes,
        ),
        Row("Addressee", operator, terms.addressee, "terms.addressee" in codes),
        Row(
            "Data",
            _names(asked),
            _names(ordered),
            "terms.categories" in codes or asked != ordered,
            "; ".join(categories),
        ),
        Row("Legal ground", request.legal_relation, terms.legal_basis),
        Row("Purpose and use", request.purpose, terms.use_terms),
        Row("Telling the subscriber", "", terms.notice_terms),
        Row("Findings", "", describe_findings(terms)),
        Row(
            "Days",
            f"filed {request.filed_at.astimezone(UTC):%Y-%m-%d}",
            f"issued {terms.issued_on}, in force until {terms.expires_on}",
            bool({"terms.issued", "terms.in-force"} & codes),
        ),
    ]


def describe_terms(terms: OrderTerms) -> list[tuple[str, str]]:
    """Write one version of an order's terms as titles and texts."""
    return [
        ("Made by", f"{terms.get_order_by_display()}: {terms.judge}"),
        ("Proceeding", terms.get_proceeding_display()),
        ("Issued on", terms.issued_on.isoformat()),
        ("In force until", terms.expires_on.isoformat()),
        ("Addressee", terms.addressee),
        ("Legal basis", terms.legal_basis),
        ("Data", _names(terms.categories)),
        ("Recipient", terms.recipient),
        ("Use", terms.use_terms),
        ("Telling the subscriber", terms.notice_terms),
        ("Findings", describe_findings(terms)),
        ("Entered", f"{terms.entered_by}, {terms.entered_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
    ]


def describe_findings(terms: OrderTerms) -> str:
    """Write what the order finds, a line each, as the questions the clerk answered."""
    facts = load_pack(terms.order.request.jurisdiction).facts
    return "\n".join(
        f"{facts[name].ask} {facts[name].in_words(value)}" if name in facts else f"{name} {value}"
        for name, value in terms.findings.items()
    )


def _names(categories: Iterable[str]) -> str:
    wanted = frozenset(categories)
    return ", ".join(label for category, label in CATEGORIES.items() if category in wanted)


def covered_by_address(terms: OrderTerms, addresses: Iterable[str]) -> dict[str, list[Selector]]:
    """Read what an order covers for some addresses; one query."""
    found: dict[str, list[Selector]] = {}
    for line in terms.lines.filter(address__in=set(addresses)):
        found.setdefault(line.address, []).append(
            Selector(line.address, line.source_port, line.from_at, line.until_at, line.protocol)
        )
    return found


def compare_line(line: RequestLine, covered: Mapping[str, Sequence[Selector]], zone: ZoneInfo | None) -> LineComparison:
    """Compare one line with what the order covers; the same reading as the order's own checks."""
    observed = line_selector(line)
    candidates = covered.get(line.address, [])
    match = covering(observed, candidates)
    near = [match] if match is not None else sorted(candidates, key=lambda s: _distance(observed, s))[:MOST_NEAR]
    return LineComparison(
        observed=show_moment(line.observed_at, zone),
        covered=match is not None,
        near=tuple(_beside(observed, selector, zone) for selector in near),
    )


def _distance(observed: Selector, selector: Selector) -> tuple[bool, timedelta]:
    late, early = observed.until_at - selector.until_at, selector.from_at - observed.from_at
    return _port_differs(observed, selector), max(late, early, timedelta())


def _port_differs(observed: Selector, selector: Selector) -> bool:
    """Whether the ports are not the same, or both name a protocol and not the same; without one an order covers all."""
    protocols = {observed.protocol, selector.protocol} - {""}
    return observed.source_port != selector.source_port or len(protocols) > 1


def _port_label(selector: Selector) -> str:
    if selector.source_port is None:
        return f"no port {selector.protocol.upper()}".strip()
    return f"port {say_port(selector.source_port, selector.protocol)}"


def _beside(observed: Selector, selector: Selector, zone: ZoneInfo | None) -> CoveredBy:
    return CoveredBy(
        address=selector.address,
        port_label=_port_label(selector),
        interval=show_interval(selector.from_at, selector.until_at, zone),
        port_differs=_port_differs(observed, selector),
        time_differs=not (selector.from_at <= observed.from_at and observed.until_at <= selector.until_at),
    )

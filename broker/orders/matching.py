"""Compare the terms of an order with the request it is attached to. Pure: values in, numbered checks out.

The order's terms are what is executed: where the order names a port, that port is looked up; where it names none,
none is, whatever the request says. The same goes for the transport protocol: an order that names none covers all of
them, and all are looked up.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from broker.intake.places import MEMBER_STATES


@dataclass(frozen=True, slots=True)
class TermsCheck:
    """One numbered check of an order's terms; `detail` says what to do when it failed."""

    number: int
    code: str
    title: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the terms say of the order as a whole. Days are calendar days, both ends included.

    court_place: the place the court is registered for. findings: what the order finds, {fact of the pack: value}.
    """

    addressee: str
    recipient: str
    proceeding: str
    issued_on: date
    expires_on: date
    categories: frozenset[str]
    court_place: str
    findings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the request says of itself, and who the operator is. place: the one whose law decides."""

    operator: str
    party: str
    proceeding: str
    categories: frozenset[str]
    place: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Address, port (None: not named), interval [from_at, until_at) in UTC, and protocol ("": not named)."""

    address: str
    source_port: int | None
    from_at: datetime
    until_at: datetime
    protocol: str = ""


LINE_COVERED = "line.covered"
ORDER_AFTER_EVENT = "line.order-after-event"
FIRST_TERMS_CHECK = 21
FIRST_LINE_CHECK = 31


def check_terms(terms: Terms, asked: Asked, *, today: date) -> tuple[TermsCheck, ...]:
    """Check what an order says of itself against the request and the day. Numbers 21 to 27."""
    return (
        TermsCheck(
            21,
            "terms.addressee",
            "The order is addressed to this operator",
            _same(terms.addressee, asked.operator),
            f"The order must name {asked.operator} as the addressee.",
        ),
        TermsCheck(
            22,
            "terms.recipient",
            "The order names the requesting party as the recipient",
            _same(terms.recipient, asked.party),
            f"The recipient must be {asked.party}, as the request has it.",
        ),
        TermsCheck(
            23,
            "terms.proceeding",
            "The order was made in the same kind of proceeding",
            terms.proceeding == asked.proceeding,
            "Civil and criminal orders are never exchanged; file a request of the right kind.",
        ),
        TermsCheck(
            24,
            "terms.issued",
            "The order was issued, and not in the future",
            terms.issued_on <= today,
            "Check the day the order was issued.",
        ),
        TermsCheck(
            25,
            "terms.in-force",
            "The order has not expired",
            terms.issued_on <= terms.expires_on >= today,
            "An expired order is not executed; ask the court to renew it.",
        ),
        TermsCheck(
            26,
            "terms.categories",
            "The order covers at least one of the data categories asked for",
            bool(terms.categories & asked.categories),
            "Nothing that was asked for was ordered; compare the categories.",
        ),
        TermsCheck(
            27,
            "terms.court-place",
            "The court sits where an order of this kind comes from",
            _sits_where_it_should(terms.court_place, asked.place, terms.findings),
            "This court is not of the place whose law decides, or not of the state the findings name. Enter which kind "
            "of order it is, as it stands there; an order of this kind from this court does not count here.",
        ),
    )


def _sits_where_it_should(court: str, place: str, findings: Mapping[str, object]) -> bool:
    """Whether the court's place agrees with the kind of order; whether that kind binds here, the pack says.

    The kinds are the answers to `instrument` in the packs. Where nobody stated one, only a court of the place itself
    will do; a kind that is not known here will never do.
    """
    match findings.get("instrument"):
        case "epoc" | "epoc-pr":
            return findings.get("epoc-issuing-state") in (None, _issuing_state(court, place))
        case "member-state-order":
            return _issuing_state(court, place) in ("another-bound-state", "denmark")
        case "third-country-order":
            return _issuing_state(court, place) == "not-a-member-state"
        case "national-order" | None:
            return court == place
        case _:
            return False


def _issuing_state(court: str, place: str) -> str:
    """Say of a court's place what the packs ask of the state that issued a European production order."""
    if court == place:
        return "this-state"
    if court == "dk":
        return "denmark"
    return "another-bound-state" if court in MEMBER_STATES else "not-a-member-state"


def check_line(
    observed: Selector, covered: Sequence[Selector], *, issued_on: date, zone: ZoneInfo | None = None
) -> tuple[TermsCheck, ...]:
    """Check that an order covers one line, and was made after what it is about. Numbers 31 and 32.

    zone: in which the court reads its days; None where it is not known.
    """
    return (
        TermsCheck(
            31,
            LINE_COVERED,
            "The order covers this address, port and instant",
            covering(observed, covered) is not None,
            "Compare address, port, protocol and time with the order; correct the terms if they were mistyped.",
        ),
        TermsCheck(
            32,
            ORDER_AFTER_EVENT,
            "The order was issued after the instant it asks about",
            not is_after(observed, issued_on, zone),
            "By its date the order was made before this happened, in the court's time. Is its day typed as it stands "
            "in the order? If so, the instant is wrong, or the order is about the future, which is monitoring.",
        ),
    )


def is_after(selector: Selector, issued_on: date, zone: ZoneInfo | None) -> bool:
    """Tell whether what an order of this day is about begins only after that day, wherever the court may be."""
    # The order's day is that of the court's place, the instant is UTC: without a zone, a day of slack covers every one.
    begins_on = selector.from_at.astimezone(zone).date() if zone else selector.from_at.date() - timedelta(days=1)
    return begins_on > issued_on


def covering(observed: Selector, covered: Sequence[Selector]) -> Selector | None:
    """Find the one selector of the order that a line falls under; None when there is none or more than one port.

    A line falls under a selector when the addresses are equal, the whole instant as written lies inside the
    interval, and neither ports nor protocols contradict each other. Two selectors that would look up different ports
    or protocols make the line's meaning doubtful, and doubt is not resolved here.
    """
    fitting = [
        s
        for s in covered
        if s.address == observed.address
        and s.from_at <= observed.from_at
        and observed.until_at <= s.until_at
        and (None in (s.source_port, observed.source_port) or s.source_port == observed.source_port)
        and ("" in (s.protocol, observed.protocol) or s.protocol == observed.protocol)
    ]
    exact = [s for s in fitting if s.source_port == observed.source_port] or fitting
    exact = [s for s in exact if s.protocol == observed.protocol] or exact
    return exact[0] if len({(s.source_port, s.protocol) for s in exact}) == 1 else None


def _same(one: str, other: str) -> bool:
    return _normal(one) == _normal(other)


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

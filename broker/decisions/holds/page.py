"""What the decision page shows about holds: which lines may be held and how long, and what is held by whom.

That the worker has done its part is shown; whether it found rows is not known here.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from django.utils import timezone

from broker.decisions.holds.models import HoldAct, HoldEnd, LineHold
from broker.decisions.holds.selectors import HOLDABLE, Holdable, holdable
from broker.intake.models import DisclosureRequest, RequestLine
from broker.outbox.models import OutboxRow
from broker.outbox.services import MAX_TRIES
from legal_rules import explain


@dataclass(frozen=True, slots=True)
class HoldRule:
    """A rule that allows the hold, and its length in words."""

    id: str
    says: str
    length: str
    citations: tuple[explain.Cited, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Lines that can be held alike. key: names them in a form. latest: the last day an act may name today.

    suggested: the day the form begins with; None where no rule states a length. rows_until: the earliest day after
    which rows of one of them may be dropped.
    """

    key: str
    lines: tuple[RequestLine, ...]
    rules: tuple[HoldRule, ...]
    stated: bool
    held_until: date | None
    latest: date
    suggested: date | None
    rows_until: date

    @property
    def scope(self) -> str:
        return f"{self.key}:{len(self.lines)}"

    @property
    def heading(self) -> str:
        numbers = numbers_of(self.lines)
        return numbers.capitalize() if "line" in numbers else f"Line{'s' if len(self.lines) > 1 else ''} {numbers}"

    @property
    def can_extend(self) -> bool:
        return self.held_until is None or self.latest > self.held_until


@dataclass(frozen=True, slots=True)
class Standing:
    """One act with its lines that are still held, and why others are not. over: its day has passed."""

    act: HoldAct
    lines: tuple[RequestLine, ...]
    ended: tuple[tuple[str, int], ...]
    over: bool

    @property
    def numbers(self) -> str:
        return numbers_of(self.lines)

    @property
    def scope(self) -> str:
        return f"{self.act.id}:{len(self.lines)}"


def numbers_of(lines: Sequence[RequestLine]) -> str:
    """The numbers of a few lines, or how many they are."""
    return ", ".join(str(line.number) for line in lines) if len(lines) <= 12 else f"{len(lines)} lines"


def offers_of(request: DisclosureRequest) -> list[Offer]:
    """The lines that may be held now, in groups that can be held alike."""
    today = timezone.now().astimezone(UTC).date()
    groups: dict[tuple[str, date | None, date | None], list[Holdable]] = defaultdict(list)
    for each in holdable(list(RequestLine.objects.filter(request=request, state__in=HOLDABLE))):
        signature = "|".join(f"{rule['id']} {rule['days']} {rule['at_most']}" for rule in each.terms.rules)
        groups[signature, each.first_on, each.held_until].append(each)
    return [_offer(key, members, today) for key, members in groups.items()]


def _offer(key: tuple[str, date | None, date | None], members: Sequence[Holdable], today: date) -> Offer:
    terms = members[0].terms
    latest = min(each.terms.latest(today, each.first_on) for each in members)
    return Offer(
        key=hashlib.sha256(repr(key).encode()).hexdigest()[:16],
        lines=tuple(each.line for each in members),
        rules=tuple(_rule(rule) for rule in terms.rules),
        stated=terms.days is not None,
        held_until=members[0].held_until,
        latest=latest,
        suggested=None if terms.days is None else latest,
        rows_until=min(each.rows_until for each in members),
    )


def _rule(rule: Mapping[str, Any]) -> HoldRule:
    length = "no length stated"
    if rule["days"] is not None:
        more = "" if rule["at_most"] == rule["days"] else f", extended to {rule['at_most']} at most"
        length = f"{rule['days']} days{more}"
    return HoldRule(rule["id"], rule["says"], length, tuple(explain.citation(each) for each in rule["citations"]))


def standings_of(request: DisclosureRequest) -> list[Standing]:
    """Every act of a request, the newest first."""
    today = timezone.now().astimezone(UTC).date()
    live: dict[uuid.UUID, list[RequestLine]] = defaultdict(list)
    ended: dict[uuid.UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = LineHold.objects.filter(act__request=request).select_related("line", "end").order_by("line__number")
    for each in rows:
        end = getattr(each, "end", None)
        if end is None:
            live[each.act_id].append(each.line)
        else:
            ended[each.act_id][HoldEnd.Why(end.why).label] += 1
    acts = HoldAct.objects.filter(request=request).select_related("made_by").order_by("-made_at")
    return [Standing(act, tuple(live[act.id]), tuple(ended[act.id].items()), act.until_on < today) for act in acts]


def hold_context(request: DisclosureRequest) -> dict[str, Any]:
    """The part of the decision page's context about holds. hold_work: where the worker's part stands, in words."""
    standing = standings_of(request)
    return {
        "hold_offers": offers_of(request),
        "holds": standing,
        "hold_work": _work(request) if standing else "",
        "tomorrow": timezone.now().astimezone(UTC).date() + timedelta(days=1),
    }


def _work(request: DisclosureRequest) -> str:
    row = OutboxRow.objects.filter(kind=OutboxRow.Kind.HOLD, subject_id=request.id).first()
    if row is None or (row.done and not row.last_error):
        return "The worker has done what is said here. It tells nobody whether there were rows to keep."
    if row.tries >= MAX_TRIES:
        return "The worker could not do this. An engineer has to look: nothing may be relied on until then."
    return "The worker is about to do this; load the page again in a moment."

"""What the queue of requests shows beyond their columns: when they are due, how their lines stand, who is next."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Count, DateField, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from broker.decisions.holds.selectors import urgent_lines, with_urgent_hold
from broker.decisions.models import Decision
from broker.decisions.words import SHORT_WORDS
from broker.intake.lifecycle import OPEN
from broker.intake.models import DisclosureRequest, Measure, RequestLine, State
from broker.orders.models import CourtOrder, OrderTerms
from broker.parties.models import User

# States in which legal staff have something to do or to look after, in the order of urgency.
FOR_LEGAL_STAFF: tuple[State, ...] = (
    State.UNDER_REVIEW,
    State.CONTESTED,
    State.NEEDS_ATTENTION,
    State.INCOMPLETE,
)


@dataclass(slots=True)
class Standing:
    """How the lines of one request stand. mine, others: lines under review approved once, by the viewer or not.

    to_hold: lines whose log rows expire soon, or whose keeping is what is asked, and that the law lets be held.
    only_kept: the request asks for nothing more.
    """

    counts: dict[str, int] = field(default_factory=dict)
    mine: int = 0
    others: int = 0
    to_hold: int = 0
    only_kept: bool = False

    def words(self) -> list[tuple[str, str, int]]:
        """(state, word, count) in the order of the way through."""
        return [(state, SHORT_WORDS[state], self.counts[state]) for state in State.values if state in self.counts]

    def next_step(self) -> str:
        """Who has to do what next, seen by the viewer."""
        # Of what is only to be kept, holding it is the decision.
        fresh = self.counts.get(State.UNDER_REVIEW, 0) - self.mine - self.others - self.to_hold * self.only_kept
        steps = [
            (self.to_hold, "to hold or let expire"),
            (fresh, "to decide"),
            (self.others, "for the second seat"),
            (self.mine, "wait for another person's second seat"),
            (self.counts.get(State.NEEDS_ATTENTION, 0), "for an engineer"),
            (self.counts.get(State.CONTESTED, 0), "before the court"),
            (self.counts.get(State.INCOMPLETE, 0), "with open questions"),
            (self.counts.get(State.AWAITING_ORDER, 0), "for the court"),
        ]
        return "; ".join(f"{count} {words}" for count, words in steps if count > 0) or "nothing"


def with_due(requests: QuerySet[DisclosureRequest]) -> QuerySet[DisclosureRequest]:
    """Annotate due_on: the last day in force of the order that expires first, by the newest version of its terms.

    None without an order that counts, and once nothing of the request is open any more. The law's own deadlines
    are duties of the assessment and shown there.
    """
    newer = OrderTerms.objects.filter(order=OuterRef("order"), version__gt=OuterRef("version"))
    expiry = (
        OrderTerms.objects.filter(
            ~Exists(newer),
            order__request=OuterRef("pk"),
            order__state__in=[CourtOrder.State.RECEIVED, CourtOrder.State.VERIFIED],
        )
        .order_by("expires_on")
        .values("expires_on")[:1]
    )
    # What is kept by now lapses with its hold, not with the order.
    still_open = RequestLine.objects.filter(request=OuterRef("pk"), state__in=[s for s in OPEN if s != State.HELD])
    return requests.annotate(
        due_on=Case(When(Exists(still_open), then=Subquery(expiry)), default=Value(None), output_field=DateField())
    )


def with_line_in(requests: QuerySet[DisclosureRequest], states: Sequence[str]) -> QuerySet[DisclosureRequest]:
    """Keep requests that have at least one line in one of the states."""
    return requests.filter(Exists(RequestLine.objects.filter(request=OuterRef("pk"), state__in=list(states))))


def for_legal_staff(requests: QuerySet[DisclosureRequest]) -> QuerySet[DisclosureRequest]:
    """Keep requests in which legal staff have something to do, or rows that expire unless somebody holds them."""
    line = Exists(RequestLine.objects.filter(request=OuterRef("pk"), state__in=FOR_LEGAL_STAFF))
    return requests.filter(line | with_urgent_hold())


def standings(user: User, request_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """Read how the lines of some requests stand; a few queries for all of them."""
    found: dict[uuid.UUID, Standing] = defaultdict(Standing)
    lines = RequestLine.objects.filter(request__in=request_ids).order_by()
    counted = lines.values_list("request_id", "state", "request__measure").annotate(count=Count("id"))
    for request_id, state, measure, count in counted:
        found[request_id].counts[state] = count
        found[request_id].only_kept = measure == Measure.PRESERVATION
    holds = urgent_lines().filter(line__request__in=request_ids).order_by().values_list("line__request_id")
    for request_id, count in holds.annotate(count=Count("id")):
        found[request_id].to_hold = count
    later = Decision.objects.filter(line=OuterRef("line")).filter(
        Q(round__gt=OuterRef("round")) | Q(round=OuterRef("round"), seat__gt=OuterRef("seat"))
    )
    waiting = (
        Decision.objects.filter(
            ~Exists(later),
            line__request__in=request_ids,
            line__state=State.UNDER_REVIEW,
            verdict=Decision.Verdict.APPROVE,
        )
        .order_by()
        .values_list("line__request_id", "person")
    )
    for request_id, person, count in waiting.annotate(count=Count("id")):
        if person == user.person_id:
            found[request_id].mine += count
        else:
            found[request_id].others += count
    return found

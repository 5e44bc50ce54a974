"""Read which lines may be held and which are; nothing here knows whether there are rows to keep."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from broker.assessment.models import LineAssessment
from broker.assessment.services import newest_assessments
from broker.decisions.holds.models import LineHold
from broker.decisions.holds.terms import Terms, read_terms
from broker.intake.models import Measure, RequestLine, State

# States of a line that may still be answered, or whose refusal itself points to a hold.
HOLDABLE = (
    State.RECEIVED,
    State.REFUSED,
    State.INCOMPLETE,
    State.AWAITING_ORDER,
    State.UNDER_REVIEW,
    State.CONTESTED,
    State.HELD,
    State.APPROVED,
    State.WAITING,
    State.NEEDS_ATTENTION,
)
# Legal staff are called to a line whose rows expire within this time; a hold is longer in the making than a click.
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Holdable:
    """A line that may be held. held_until: the last day of the hold it has, if any; first_on: when it was first held.

    rows_until: the last day on which its log rows are sure to be there without a hold.
    """

    line: RequestLine
    assessment: LineAssessment
    terms: Terms
    held_until: date | None
    first_on: date | None
    rows_until: date


def lapses_at(until_on: date) -> datetime:
    """The instant at which a hold through a day lapses: its last midnight, UTC."""
    return datetime.combine(until_on + timedelta(days=1), time(), UTC)


def expired(line: RequestLine, now: datetime) -> bool:
    """Whether the log does not reach back to the line any more, so that nothing is left to keep."""
    return line.observed_at <= now - timedelta(days=settings.LEASE_RETENTION_DAYS)


def live_holds(line_ids: Iterable[uuid.UUID]) -> QuerySet[LineHold]:
    """The holds of these lines that have not been ended and whose day has not passed."""
    today = timezone.now().astimezone(UTC).date()
    return LineHold.objects.filter(line__in=list(line_ids), end=None, act__until_on__gte=today)


def holdable(lines: Sequence[RequestLine]) -> list[Holdable]:
    """Those of these lines that the law lets be held now, with what is held already, by number."""
    now = timezone.now()
    open_lines = [line for line in lines if line.state in HOLDABLE]
    held: dict[uuid.UUID, date] = {}
    for line_id, until in live_holds(line.id for line in open_lines).values_list("line_id", "act__until_on"):
        held[line_id] = max(until, held.get(line_id, until))
    # What is held is extended although the log itself does not reach back to it any more.
    open_lines = [line for line in open_lines if line.id in held or not expired(line, now)]
    newest = {
        line: found
        for line, found in newest_assessments(open_lines).items()
        if found.hold_allowed and not found.for_study
    }
    read = {found.record_id: read_terms(found.record.content) for found in newest.values()}
    first: dict[uuid.UUID, date] = {}
    every = LineHold.objects.filter(line__in=list(newest)).order_by("-act__made_at")
    for line_id, made_at in every.values_list("line_id", "act__made_at"):
        first[line_id] = made_at.astimezone(UTC).date()
    kept = timedelta(days=settings.LEASE_RETENTION_DAYS)
    return [
        Holdable(
            line=line,
            assessment=newest[line.id],
            terms=read[newest[line.id].record_id],
            held_until=held.get(line.id),
            first_on=first.get(line.id),
            rows_until=(line.observed_at + kept).astimezone(UTC).date() - timedelta(days=1),
        )
        for line in sorted(open_lines, key=lambda line: line.number)
        if line.id in newest
    ]


def urgent_lines() -> QuerySet[LineAssessment]:
    """The newest assessments of lines that may be held, are not, and whose rows expire soon or that ask for a hold."""
    now = timezone.now()
    floor = now - timedelta(days=settings.LEASE_RETENTION_DAYS)
    later = LineAssessment.objects.filter(line=OuterRef("line"), sequence__gt=OuterRef("sequence"))
    live = LineHold.objects.filter(line=OuterRef("line"), end=None, act__until_on__gte=now.astimezone(UTC).date())
    rows = LineAssessment.objects.filter(
        ~Exists(later),
        ~Exists(live),
        hold_allowed=True,
        for_study=False,
        line__state__in=HOLDABLE,
        line__observed_at__gt=floor,
    )
    soon = rows.filter(line__observed_at__lte=floor + SOON)
    return soon | rows.filter(line__request__measure=Measure.PRESERVATION)


def with_urgent_hold() -> Exists:
    """A condition on requests: some line waits for somebody to say whether its rows are kept."""
    return Exists(urgent_lines().filter(line__request=OuterRef("pk")))

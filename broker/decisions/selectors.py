"""Read what a decision is about: the lines of a request with the engine's answer and the seats already taken.

A request has up to 10,000 lines. They are read in a few queries as plain values, and grouped into batches: lines
in the same state, with an equal answer, decided on so far by the same people in the same way.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from broker.assessment.models import AssessmentRecord, LineAssessment
from broker.decisions.answers import Answer, merge_answers
from broker.decisions.models import Decision
from broker.decisions.words import STATE_WORDS
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.orders.models import OrderTerms

# How a form names all lines under review, whatever their batch.
EVERY_UNDER_REVIEW = "under-review"


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat taken: in which round, by whom, with which verdict."""

    round: int
    seat: int
    verdict: str
    person: uuid.UUID
    name: str


@dataclass(frozen=True, slots=True)
class LineStatus:
    """One line as far as many-at-once decisions need it. record: digest of the newest answer, "" before the first."""

    id: uuid.UUID
    number: int
    state: str
    record: str
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that can only be decided alike. key: stable for what it stands for, so that a form can name it."""

    key: str
    state: str
    answer: Answer | None
    seats: tuple[Seat, ...]
    lines: tuple[LineStatus, ...]

    @property
    def state_label(self) -> str:
        return STATE_WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything about the lines of one request that a decision rests on.

    seen: number of the newest assessment run; a form sends it back, so that nobody decides on what they did not see.
    assessed_terms, newest_terms: the terms the newest answers rest on, and the newest terms of that order; they
    differ while a correction waits for its checks.
    """

    batches: tuple[Batch, ...]
    answers: tuple[Answer, ...]
    seen: int
    assessed_terms: OrderTerms | None
    newest_terms: OrderTerms | None

    @property
    def lines(self) -> list[LineStatus]:
        return sorted((line for batch in self.batches for line in batch.lines), key=lambda line: line.number)

    def batch(self, key: str) -> Batch | None:
        return next((batch for batch in self.batches if batch.key == key), None)

    def groups(self) -> dict[str, tuple[LineStatus, ...]]:
        """The lines of everything a form can name: each batch by its key, and all lines under review."""
        under_review = tuple(line for line in self.lines if line.state == State.UNDER_REVIEW)
        return {batch.key: batch.lines for batch in self.batches} | {EVERY_UNDER_REVIEW: under_review}


def line_statuses(request: DisclosureRequest) -> list[LineStatus]:
    """Read every line of a request with its newest answer's digest and its seats, by number; two queries."""
    seats: dict[uuid.UUID, list[Seat]] = defaultdict(list)
    decisions = Decision.objects.filter(line__request=request).order_by("round", "seat")
    columns = decisions.values_list("line_id", "round", "seat", "verdict", "person", "decided_by__display_name")
    for line_id, round_, seat, verdict, person, name in columns:
        seats[line_id].append(Seat(round_, seat, verdict, person, name))
    newest = LineAssessment.objects.filter(line=OuterRef("pk")).order_by("-sequence").values("record_id")[:1]
    rows = (
        RequestLine.objects.filter(request=request)
        .annotate(newest_record=Subquery(newest))
        .order_by("number")
        .values_list("id", "number", "state", "newest_record")
    )
    return [
        LineStatus(line, number, state, record or "", tuple(seats.get(line, ())))
        for line, number, state, record in rows
    ]


def read_desk(request: DisclosureRequest) -> Desk:
    """Read and group the lines of a request; a handful of queries, whatever the number of lines."""
    lines = line_statuses(request)
    answers = _answers(lines)
    by_digest = {digest: answer for answer in answers for digest in answer.digests}
    newest = (
        LineAssessment.objects.filter(line__request=request)
        .order_by("-sequence")
        .select_related("terms__order")
        .first()
    )
    terms = None if newest is None else newest.terms
    return Desk(
        batches=_batches(lines, by_digest),
        answers=answers,
        seen=0 if newest is None else newest.sequence,
        assessed_terms=terms,
        newest_terms=None if terms is None else OrderTerms.objects.filter(order=terms.order_id).latest("version"),
    )


def _answers(lines: Sequence[LineStatus]) -> tuple[Answer, ...]:
    # The order of first appearance gives the letters, so that line 1 has answer A.
    digests = list(dict.fromkeys(line.record for line in lines if line.record))
    stored = dict(AssessmentRecord.objects.filter(digest__in=digests).values_list("digest", "content"))
    return merge_answers([(digest, stored[digest]) for digest in digests])


def _batches(lines: Sequence[LineStatus], answers: Mapping[str, Answer]) -> tuple[Batch, ...]:
    grouped: dict[tuple[str, str, tuple[Seat, ...]], list[LineStatus]] = defaultdict(list)
    for line in lines:
        answer = answers.get(line.record)
        grouped[line.state, "" if answer is None else answer.signature, line.seats].append(line)
    batches = [
        Batch(_key(state, signature, seats), state, answers.get(members[0].record), seats, tuple(members))
        for (state, signature, seats), members in grouped.items()
    ]
    # What legal staff can act on comes first, then by number of the first line.
    order = {State.UNDER_REVIEW: 0, State.CONTESTED: 1, State.DENIED: 2, State.APPROVED: 3}
    return tuple(sorted(batches, key=lambda batch: (order.get(State(batch.state), 9), batch.lines[0].number)))


def _key(state: str, signature: str, seats: tuple[Seat, ...]) -> str:
    parts = [state, signature, *(f"{s.round}.{s.seat}.{s.verdict}.{s.person}" for s in seats)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

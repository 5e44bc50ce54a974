"""Have log rows kept, for longer, or no longer. Acts and ends are rows; the release worker does what they say.

1. A person confirms (`hold`, also to extend), or the law has it made on receipt (`hold_on_duty`).
2. A person ends it early (`end_hold`), or nothing is left to wait for (`end_idle_holds`); else it lapses by itself.
3. Lines of a request to preserve are HELD by it; `close_lapsed_lines` closes them once no hold is left.
4. Each writes its event and asks for the work; what the worker then does looks the same with and without rows.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, timedelta

from django.db import connection, transaction
from django.utils import timezone

from broker.audit.services import record
from broker.decisions.holds.models import HoldAct, HoldEnd, LineHold
from broker.decisions.holds.selectors import HOLDABLE, Holdable, holdable, live_holds
from broker.decisions.services import require_independent
from broker.errors import InputError, Problem, TransitionConflict
from broker.intake.lifecycle import advance
from broker.intake.models import DisclosureRequest, Measure, RequestLine, State
from broker.outbox.models import OutboxRow
from broker.outbox.services import ask
from broker.parties.models import User

# Holds of lines that nothing is left to wait for: (hold, request, why). A denial may be followed by a second round.
_IDLE = """
SELECT h.id, l.request_id, CASE l.state
       WHEN 'RELEASED' THEN 'answered' WHEN 'WITHDRAWN' THEN 'withdrawn' WHEN 'RECALLED' THEN 'recalled'
       WHEN 'EXPIRED' THEN 'expired' WHEN 'DENIED' THEN 'denied' ELSE 'refused' END
  FROM line_hold h JOIN hold_act a ON a.id = h.act_id JOIN request_line l ON l.id = h.line_id
 WHERE a.until_on >= (now() AT TIME ZONE 'UTC')::date
   AND NOT EXISTS (SELECT 1 FROM hold_end e WHERE e.line_hold_id = h.id)
   AND (l.state IN ('RELEASED', 'WITHDRAWN', 'RECALLED', 'EXPIRED')
        OR (l.state = 'DENIED' AND EXISTS (SELECT 1 FROM decision d WHERE d.line_id = l.id AND d.round = 2))
        OR (l.state = 'REFUSED' AND NOT (SELECT n.hold_allowed FROM line_assessment n WHERE n.line_id = l.id
                                          ORDER BY n.sequence DESC LIMIT 1)))"""


# Lines that are kept by no hold any more, because its day has passed or a person ended it: (line, request).
_LAPSED = """
SELECT l.id, l.request_id FROM request_line l
 WHERE l.state = 'HELD'
   AND NOT EXISTS (SELECT 1 FROM line_hold h JOIN hold_act a ON a.id = h.act_id
                    WHERE h.line_id = l.id AND a.until_on >= (now() AT TIME ZONE 'UTC')::date
                      AND NOT EXISTS (SELECT 1 FROM hold_end e WHERE e.line_hold_id = h.id))"""


def hold(
    user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], until_on: date | None, reason: str
) -> HoldAct:
    """Have the log rows of these lines kept through a day, with one reason; on held lines it is an extension.

    Raises NotAllowed for others than independent legal staff, InputError without lines, day or reason or for a day
    beyond what the law states, TransitionConflict when a line may not be held any more.
    """
    problems = _reason_problems(reason)
    if not line_ids:
        problems.append(Problem("lines.count", "lines", "Choose at least one line."))
    today = _today()
    if until_on is None or until_on <= today:
        problems.append(Problem("hold.until", "until", "Say through which day the rows are kept, after today."))
    if problems or until_on is None:
        raise InputError(problems)
    require_independent(user, request)
    with transaction.atomic():
        found = _locked(request, line_ids)
        latest = min(each.terms.latest(today, each.first_on) for each in found)
        if until_on > latest:
            raise InputError([Problem("hold.too-long", "until", f"These lines can be held through {latest} at most.")])
        if any(each.held_until is not None and each.held_until >= until_on for each in found):
            raise InputError([Problem("hold.not-longer", "until", "They are held through that day already.")])
        return _act(request, found, until_on, reason.strip(), user)


def hold_on_duty(request_id: uuid.UUID) -> None:
    """Make the holds that the law has made on receipt, once a line; called after the request was assessed."""
    lines = RequestLine.objects.filter(request=request_id, state__in=HOLDABLE).order_by("id")
    by_days: dict[int, list[Holdable]] = defaultdict(list)
    for each in holdable(list(lines.select_for_update(of=("self",)))):
        if each.terms.duty is not None and each.first_on is None:
            by_days[each.terms.duty].append(each)
    request = DisclosureRequest.objects.get(id=request_id)
    for days, found in by_days.items():
        _act(request, found, _today() + timedelta(days=days), "", None)


def end_hold(user: User, request: DisclosureRequest, line_ids: Sequence[uuid.UUID], reason: str) -> int:
    """Have the log rows of these lines kept no longer; what has expired meanwhile is gone then. Gives the lines.

    Raises NotAllowed for others than independent legal staff, InputError without a reason, TransitionConflict when
    none of the lines is held.
    """
    problems = _reason_problems(reason)
    if problems:
        raise InputError(problems)
    require_independent(user, request)
    with transaction.atomic():
        list(RequestLine.objects.select_for_update(of=("self",)).filter(request=request).values_list("id"))
        holds = list(live_holds(line_ids).filter(act__request=request))
        if not holds:
            raise TransitionConflict("None of these lines is held any more. Load the page again.")
        _end(request.id, [each.id for each in holds], HoldEnd.Why.PERSON, reason.strip(), user)
        return len({each.line_id for each in holds})


def end_idle_holds() -> None:
    """End the holds of lines that nothing is left to wait for; called by jobs, in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE)
        rows = cursor.fetchall()
    found: dict[tuple[uuid.UUID, str], list[uuid.UUID]] = defaultdict(list)
    for hold_id, request_id, why in rows:
        found[request_id, why].append(hold_id)
    for (request_id, why), ids in found.items():
        _end(request_id, ids, HoldEnd.Why(why), "", None)


def close_lapsed_lines() -> None:
    """Close the lines of requests to preserve that no hold keeps any more; called by jobs, in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LAPSED)
        rows = cursor.fetchall()
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for line_id, request_id in rows:
        found[request_id].append(line_id)
    for request_id, ids in found.items():
        advance("let-go", request_id, ids)


def _locked(request: DisclosureRequest, line_ids: Sequence[uuid.UUID]) -> list[Holdable]:
    ids = set(line_ids)
    rows = RequestLine.objects.select_for_update(of=("self",)).filter(request=request, id__in=ids).order_by("id")
    found = holdable(list(rows))
    if len(found) != len(ids):
        raise TransitionConflict(
            f"{len(ids) - len(found)} of {len(ids)} line(s) may not be held: the law does not allow it, they are "
            "closed, or the log does not reach back to them any more. Load the page again."
        )
    return found


def _act(
    request: DisclosureRequest, found: Sequence[Holdable], until_on: date, reason: str, user: User | None
) -> HoldAct:
    rules = sorted({rule["id"] for each in found for rule in each.terms.rules})
    facts = {"lines": len(found), "until": until_on.isoformat(), "rules": rules}
    event = record("hold:set", "request", request.id, facts, actor=user.id if user else None)
    act = HoldAct.objects.create(request=request, until_on=until_on, reason=reason, made_by=user, event_id=event)
    LineHold.objects.bulk_create(
        LineHold(act=act, line_id=each.line.id, assessment_id=each.assessment.id) for each in found
    )
    # Lines whose hold is extended are HELD already.
    ids = [each.line.id for each in found if each.line.state == State.UNDER_REVIEW]
    if ids and request.measure == Measure.PRESERVATION:
        move = "keep" if user else "keep-on-duty"
        advance(move, request.id, ids, actor=user.id if user else None, facts={"until": until_on.isoformat()})
    ask(OutboxRow.Kind.HOLD, request.id)
    return act


def _end(
    request_id: uuid.UUID, hold_ids: Sequence[uuid.UUID], why: HoldEnd.Why, reason: str, user: User | None
) -> None:
    facts = {"holds": len(hold_ids), "why": why.value}
    event = record("hold:ended", "request", request_id, facts, actor=user.id if user else None)
    HoldEnd.objects.bulk_create(
        HoldEnd(line_hold_id=each, why=why, reason=reason, ended_by=user, event_id=event) for each in hold_ids
    )
    ask(OutboxRow.Kind.HOLD, request_id)


def _reason_problems(reason: str) -> list[Problem]:
    if 1 <= len(reason.strip()) <= 1000 and "\x00" not in reason:
        return []
    return [Problem("reason.text", "reason", "Give your reason in 1 to 1000 characters.")]


def _today() -> date:
    return timezone.now().astimezone(UTC).date()

"""From a hold the law allows to rows that are kept: answered after the order, gone without it, and nobody can tell."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, time
from typing import Any

import pytest

from broker.audit.models import Event
from broker.databases import Process
from broker.decisions.holds.models import HoldAct, HoldEnd
from broker.decisions.holds.services import end_hold
from broker.errors import InputError, TransitionConflict
from broker.intake.models import DisclosureRequest, State
from broker.intake.services import withdraw_request
from broker.leases.models import Hold
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.release import holds as hold_work
from broker.release.sweep import sweep
from broker.row_context import RowContext, acting
from tests.support.flow import HIT, MISS, ONLY_RETAINED, Flow
from tests.support.holds import (
    answered,
    criminal_terms,
    filed,
    held,
    in_days,
    kept_rows,
    months_pass,
    reaches_back_to_september,
)

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


@pytest.fixture(autouse=True)
def log(settings: Any) -> None:
    reaches_back_to_september(settings)


def swept(flow: Flow) -> None:
    with acting(RowContext(Process.JOBS, "jobs")):
        sweep()
    flow.run("hold")


def test_a_held_line_is_answered_after_its_month_is_gone(flow: Flow, settings: Any) -> None:
    request = filed(flow, HIT)
    assert request.lines.get().state == State.AWAITING_ORDER
    held(flow, request, in_days(60))
    months_pass(settings)
    (answer,) = answered(flow, request, [HIT])
    assert (answer["outcome"], answer["reason"]) == ("identified", "unique")
    assert answer["subscriber"]["name"]


def test_without_a_hold_the_same_line_is_outside_retention(flow: Flow, settings: Any) -> None:
    request = filed(flow, HIT)
    months_pass(settings)
    (answer,) = answered(flow, request, [HIT])
    assert (answer["outcome"], answer["reason"]) == ("not-identified", "outside-retention")


def test_what_is_kept_for_one_request_answers_no_other(flow: Flow, settings: Any) -> None:
    held(flow, filed(flow, HIT))
    other = filed(flow, HIT)
    months_pass(settings)
    (answer,) = answered(flow, other, [HIT])
    assert answer["reason"] == "outside-retention"


def test_a_hold_makes_no_retained_row_answerable_for_less_than_a_serious_offence(flow: Flow, settings: Any) -> None:
    """Held rows keep what they were kept for: a hold launders nothing."""
    request = filed(flow, ONLY_RETAINED)
    held(flow, request)
    months_pass(settings)
    flow.attach(request, criminal_terms([ONLY_RETAINED], **{"offence-serious": False}))
    flow.run()
    flow.approve(request)
    flow.run()
    (answer,) = flow.answers(request)
    assert (answer["outcome"], answer["reason"]) == ("not-identified", "not-permitted")


def test_rows_are_kept_until_the_last_midnight_of_the_day_named(flow: Flow) -> None:
    request = filed(flow, HIT)
    held(flow, request, in_days(30))
    ((case, lapses_at, rows),) = kept_rows()
    assert case == request.lines.get().id
    assert lapses_at == datetime.combine(in_days(31), time(), UTC)
    assert rows == 1


def test_doing_the_work_again_keeps_nothing_twice(flow: Flow) -> None:
    request = filed(flow, HIT, MISS)
    held(flow, request)
    before = kept_rows()
    OutboxRow.objects.filter(kind="hold").update(done=False)
    flow.run("hold")
    assert kept_rows() == before
    assert Hold.objects.count() == 2


def test_a_worker_that_dies_after_the_rows_are_kept_does_it_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    request = filed(flow, HIT)

    def die(step: str) -> None:
        raise RuntimeError(step)

    monkeypatch.setattr(hold_work, "fault_point", die)
    with pytest.raises(AssertionError, match=r"hold failed: hold\.failed"):
        held(flow, request)
    monkeypatch.undo()
    assert not Event.objects.filter(kind="hold:carried-out").exists()
    assert len(kept_rows()) == 1
    OutboxRow.objects.filter(kind="hold").update(tries=0, last_error="", next_at=datetime.now(UTC))
    flow.run()
    assert len(kept_rows()) == Hold.objects.count() == 1
    assert Event.objects.filter(kind="hold:carried-out", subject_id=request.id).count() == 1


def test_an_extension_keeps_the_same_rows_for_longer_also_after_their_month_is_gone(flow: Flow, settings: Any) -> None:
    request = filed(flow, HIT)
    held(flow, request, in_days(20))
    months_pass(settings)
    held(flow, request, in_days(80), by="pedro")
    ((_, lapses_at, rows),) = kept_rows()
    assert (lapses_at.date(), rows) == (in_days(81), 1)
    (answer,) = answered(flow, request, [HIT])
    assert answer["outcome"] == "identified"


def test_nothing_is_held_once_the_line_is_withdrawn(flow: Flow) -> None:
    request = filed(flow, HIT, MISS)
    held(flow, request)
    with acting(context_of(flow.person("carla"))):
        withdraw_request(flow.person("carla"), request, [1])
    swept(flow)
    assert HoldEnd.objects.get().why == "withdrawn"
    ((case, *_),) = kept_rows()
    assert case == request.lines.get(number=2).id


def test_nothing_is_held_once_the_line_is_answered(flow: Flow) -> None:
    request = filed(flow, HIT)
    held(flow, request)
    answered(flow, request, [HIT])
    swept(flow)
    assert HoldEnd.objects.get().why == "answered"
    assert kept_rows() == []
    swept(flow)
    assert HoldEnd.objects.count() == 1


def test_legal_staff_end_a_hold_and_what_has_expired_is_gone_then(flow: Flow, settings: Any) -> None:
    request = filed(flow, HIT)
    held(flow, request)
    months_pass(settings)
    with acting(context_of(flow.person("pedro"))):
        assert end_hold(flow.person("pedro"), request, [request.lines.get().id], "The wrong request.") == 1
    flow.run()
    assert kept_rows() == []
    with acting(context_of(flow.person("pedro"))), pytest.raises(TransitionConflict):
        end_hold(flow.person("pedro"), request, [request.lines.get().id], "Again.")
    (answer,) = answered(flow, request, [HIT])
    assert answer["reason"] == "outside-retention"


def test_a_european_preservation_order_is_held_at_once_and_nobody_is_asked(flow: Flow) -> None:
    request = filed(flow, HIT)
    terms = criminal_terms([HIT], instrument="epoc-pr", **{"epoc-issuing-state": "another-bound-state"})
    flow.attach(request, terms)
    flow.run()
    act = HoldAct.objects.get(request=request)
    assert (act.made_by, act.reason, act.until_on) == (None, "", in_days(60))
    assert Event.objects.get(kind="hold:set").actor is None
    ((_, lapses_at, _),) = kept_rows()
    assert lapses_at.date() == in_days(61)
    flow.run()
    assert HoldAct.objects.filter(request=request).count() == 1
    # Extended by people, to ninety days and no further.
    with pytest.raises(InputError):
        held(flow, request, in_days(91))


TRACES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def traces(request: DisclosureRequest) -> tuple[Any, ...]:
    """Everything the case store holds about a hold, which web can read."""
    events = Event.objects.filter(subject_id=request.id, kind__startswith="hold:").order_by("recorded_at", "kind")
    work = OutboxRow.objects.filter(kind="hold", subject_id=request.id)
    acts = HoldAct.objects.filter(request=request).values_list("until_on", "reason", "made_by__username")
    return (
        [(event.kind, TRACES.sub("ID", json.dumps(event.body, sort_keys=True)), event.actor) for event in events],
        list(work.values_list("version", "done", "tries", "last_error")),
        list(acts),
        [len(list(act.lines.all())) for act in HoldAct.objects.filter(request=request)],
    )


def test_a_hit_and_a_miss_are_held_alike(flow: Flow) -> None:
    hit, miss = filed(flow, HIT), filed(flow, MISS)
    for request in (hit, miss):
        held(flow, request)
    assert [rows for *_, rows in kept_rows()] == [1, 0]
    assert traces(hit) == traces(miss)
    assert traces(hit)[0][-1][0] in ("hold:carried-out", "hold:set")

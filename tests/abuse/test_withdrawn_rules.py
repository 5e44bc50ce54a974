"""Rules that are no longer enabled release nothing, whoever is faster and whatever would have been found."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from broker import tasks
from broker.assessment import enabling
from broker.assessment.enabling import enable, withdraw
from broker.assessment.pack_release import PackRelease
from broker.audit.services import record
from broker.databases import Process
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.errors import NotAllowed
from broker.intake.models import DisclosureRequest, State
from broker.outbox.models import OutboxRow
from broker.parties.middleware import context_of
from broker.release import answers
from broker.release.models import SealedRelease
from broker.release.services import release_tranche
from broker.row_context import RowContext, acting
from legal_rules import load_pack
from tests.abuse.test_races import Beside, until_a_lock_is_waited_for
from tests.support.flow import HIT, MISS, Flow, civil_terms
from tests.support.packs import REVIEWED, enable_packs
from tests.support.rows import execute

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"])


def take_back(flow: Flow) -> None:
    person = flow.person("pedro")
    with acting(context_of(person)):
        withdraw(person, PackRelease.objects.get(withdrawn_at=None).id, "The law was amended.")


def take_back_by_sql(flow: Flow) -> None:
    """Withdraw as the web process could, without our services, so that nothing is recalled."""
    person, release = flow.person("pedro"), PackRelease.objects.get(withdrawn_at=None)
    with transaction.atomic(), acting(context_of(person)):
        execute(
            "UPDATE pack_release SET withdrawn_by_id = %s, withdrawn_at = now(), withdrawn_reason = 'r', "
            "withdrawn_event_id = %s WHERE id = %s",
            person.id,
            record("pack:withdrawn", "pack", release.id),
            release.id,
        )


def reviewed(flow: Flow, line: dict[str, str] = HIT) -> DisclosureRequest:
    request = flow.file([line])
    flow.run()
    flow.attach(request, civil_terms([line]))
    flow.run()
    assert request.lines.get().state == State.UNDER_REVIEW
    return request


def approved(flow: Flow, line: dict[str, str] = HIT) -> DisclosureRequest:
    request = reviewed(flow, line)
    flow.approve(request)
    return request


def work_of(request: DisclosureRequest) -> OutboxRow:
    return OutboxRow.objects.get(kind="release", subject_id=request.tranches.get().id)


def release(request: DisclosureRequest) -> None:
    with acting(RowContext(Process.WORKER, "worker")):
        tasks.release(str(work_of(request).id))


@pytest.mark.parametrize("line", [HIT, MISS], ids=["hit", "miss"])
def test_an_approved_line_is_recalled_with_its_rules_and_not_answered(flow: Flow, line: dict[str, str]) -> None:
    request = approved(flow, line)
    take_back(flow)
    flow.run()
    assert request.lines.get().state == State.RECALLED
    assert not SealedRelease.objects.exists()


@pytest.mark.parametrize("line", [HIT, MISS], ids=["hit", "miss"])
def test_the_worker_looks_nobody_up_under_rules_that_are_not_enabled(
    flow: Flow, line: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved(flow, line)
    take_back_by_sql(flow)
    monkeypatch.setattr(answers, "attribute", lambda *_, **__: pytest.fail("somebody was looked up"))
    release(request)
    assert (work_of(request).tries, work_of(request).last_error) == (1, "release.failed")
    assert request.lines.get().state == State.APPROVED
    assert not SealedRelease.objects.exists()


def test_the_database_takes_no_release_under_rules_that_are_not_enabled_from_a_worker_that_does_not_look(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved(flow)
    review = enabling.review_of_pack(load_pack("es"))
    take_back_by_sql(flow)
    monkeypatch.setattr(answers, "require_enabled", lambda pack: review)
    worker, tranche = RowContext(Process.WORKER, "worker"), request.tranches.get().id
    with acting(worker), pytest.raises(IntegrityError, match="are not enabled here"), transaction.atomic():
        release_tranche(tranche)
    assert not SealedRelease.objects.exists()


def test_rules_that_came_with_an_update_release_nothing_before_they_are_signed(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = approved(flow)
    newer = dataclasses.replace(load_pack("es"), meaning_hash="e" * 64, text_hash="f" * 64)
    with monkeypatch.context() as patch:
        patch.setattr(answers, "load_pack", lambda name: newer)
        release(request)
    assert not SealedRelease.objects.exists()
    release(request)
    assert flow.answers(request)[0]["outcome"] == "identified"


def test_an_answer_waits_for_rules_to_be_enabled_again(flow: Flow) -> None:
    request = approved(flow)
    take_back_by_sql(flow)
    release(request)
    enable_packs()
    release(request)
    assert request.lines.get().state == State.RELEASED


def test_the_letter_says_who_reviewed_the_rules(flow: Flow) -> None:
    request = approved(flow)
    flow.run()
    assert flow.open(request).release["pack"]["review"] == REVIEWED


def test_a_trial_is_said_in_the_letter_as_what_it_is(flow: Flow, settings: Any) -> None:
    settings.EMBEDDED = True
    take_back(flow)
    enabling.enable_for_trial()
    request = approved(flow)
    flow.run()
    said = flow.open(request).release["pack"]["review"]
    assert said == "Draft rules: not reviewed by counsel of this place; enabled for trying out only"


def test_a_withdrawal_waits_for_an_approval_that_is_being_made_and_recalls_it(flow: Flow) -> None:
    request = reviewed(flow)
    flow.approve(request, by=["laura"])
    ids, pedro = list(request.lines.values_list("id", flat=True)), flow.person("pedro")
    with acting(context_of(pedro)), transaction.atomic():
        decide(pedro, request, ids, Decision.Verdict.APPROVE, "agreed")
        withdrawing = Beside(partial(take_back, flow))
        until_a_lock_is_waited_for()
    assert withdrawing.done() is None
    assert request.lines.get().state == State.RECALLED


def test_an_approval_waits_for_a_withdrawal_that_is_being_made_and_is_refused(flow: Flow) -> None:
    request = reviewed(flow)
    flow.approve(request, by=["laura"])
    standing, laura = PackRelease.objects.get(withdrawn_at=None), flow.person("laura")
    with acting(context_of(laura)), transaction.atomic():
        withdraw(laura, standing.id, "The law was amended.")
        approving = Beside(partial(_approve_by_sql, flow, request))
        until_a_lock_is_waited_for()
    with pytest.raises(IntegrityError, match="are not enabled here"):
        approving.done()
    assert request.lines.get().state == State.UNDER_REVIEW


def _approve_by_sql(flow: Flow, request: DisclosureRequest) -> None:
    """Approve past the service's own look at the rules, which happened before the withdrawal."""
    pedro = flow.person("pedro")
    line = request.lines.get()
    with acting(context_of(pedro)), transaction.atomic():
        Decision.objects.create(
            line=line,
            round=1,
            seat=2,
            person=pedro.person_id,
            decided_by=pedro,
            verdict="approve",
            reason="agreed",
            assessment=line.assessments.latest("sequence"),
            event_id=record("decision:made", "request", request.id),
        )


def test_what_was_released_before_stays_and_signing_again_opens_the_way(flow: Flow) -> None:
    before = approved(flow)
    flow.run()
    take_back(flow)
    assert before.lines.get().state == State.RELEASED
    request = reviewed(flow, MISS)
    with pytest.raises(NotAllowed):
        flow.approve(request)
    laura, pack = flow.person("laura"), load_pack("es")
    with acting(context_of(laura)):
        enable(
            laura,
            "es",
            meaning_hash=pack.meaning_hash,
            signed_by="N",
            signed_as="bar",
            signed_on=PackRelease.objects.filter(for_trial=False).latest("enabled_at").signed_on,
        )
    flow.approve(request)
    flow.run()
    assert request.lines.get().state == State.RELEASED

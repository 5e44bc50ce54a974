"""Rules decide once counsel of their place has signed them and legal staff have said so; until then nothing does."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from broker.assessment.enabling import (
    DRAFT,
    PackNotEnabledError,
    enable,
    enable_for_trial,
    require_enabled,
    review_of_pack,
    say_whether_trials_count,
    withdraw,
)
from broker.assessment.models import LineAssessment
from broker.assessment.pack_release import PackRelease
from broker.audit.models import Event
from broker.decisions.models import Decision, Tranche
from broker.decisions.services import decide
from broker.errors import InputError, NotAllowed, NotFound, TransitionConflict
from broker.parties.middleware import context_of
from broker.row_context import acting
from legal_rules import load_pack
from tests.support.cases import Desk, assess, line_ids, make_reviewed, states
from tests.support.packs import REVIEWED, SIGNED_AS, SIGNED_ON, SIGNER, enable_meaning, enable_packs

pytestmark = pytest.mark.django_db

APPROVE, DENY = Decision.Verdict.APPROVE, Decision.Verdict.DENY
SPAIN = load_pack("es")


def sign(desk: Desk, **fields: Any) -> PackRelease:
    """Enable Spain's rules as Ana, in the web process."""
    said: dict[str, Any] = {
        "meaning_hash": SPAIN.meaning_hash,
        "signed_by": SIGNER,
        "signed_as": SIGNED_AS,
        "signed_on": SIGNED_ON,
    }
    with acting(context_of(desk.ana)):
        return enable(desk.ana, "es", **said | fields)


def counts_as_trial_place() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_trial_place()")
        return bool(cursor.fetchone()[0])


def take_back(desk: Desk, release: PackRelease | None = None) -> PackRelease:
    """Withdraw what stands, as Luis, in the web process."""
    standing = release or PackRelease.objects.get(pack="es", withdrawn_at=None)
    with acting(context_of(desk.luis)):
        return withdraw(desk.luis, standing.id, "Art. 256 was amended.")


def other_rules(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Let today's rules of Spain be others than those that were signed."""
    newer = dataclasses.replace(SPAIN, **({"meaning_hash": "e" * 64, "text_hash": "f" * 64} | changes))
    for module in ("broker.assessment.enabling", "broker.assessment.services", "broker.release.answers"):
        monkeypatch.setattr(f"{module}.load_pack", lambda name: newer)


def test_a_pack_of_which_nobody_has_signed_anything_is_a_draft(desk: Desk) -> None:
    take_back(desk)
    assert not review_of_pack(load_pack("eu")).enabled
    assert review_of_pack(load_pack("eu")).text == DRAFT == "Draft rules: not reviewed by counsel of this place"
    with pytest.raises(PackNotEnabledError):
        require_enabled(load_pack("eu"))


def test_who_signed_and_when_is_said_beside_every_answer(desk: Desk) -> None:
    take_back(desk)
    sign(desk)
    review = review_of_pack(SPAIN)
    assert (review.enabled, review.reviewed, review.text) == (True, True, REVIEWED)
    assert REVIEWED == "Reviewed by Lucía Letrada Ejemplo, abogada, colegiada 12.345 (ficticia), on 2026-11-20"


def test_enabling_and_withdrawing_are_events_without_a_name_in_them(desk: Desk) -> None:
    take_back(desk)
    release = sign(desk)
    take_back(desk, release)
    events = {event.kind: event for event in Event.objects.filter(subject_kind="pack", subject_id=release.id)}
    assert set(events) == {"pack:enabled", "pack:withdrawn"}
    assert (events["pack:enabled"].actor, events["pack:withdrawn"].actor) == (desk.ana.id, desk.luis.id)
    assert events["pack:enabled"].body == {
        "pack": "es",
        "meaning_hash": SPAIN.meaning_hash,
        "text_hash": SPAIN.text_hash,
        "signed_on": "2026-11-20",
        "for_trial": False,
    }
    release.refresh_from_db()
    assert (release.withdrawn_by, release.withdrawn_reason) == (desk.luis, "Art. 256 was amended.")
    assert json.loads(release.content) == [list(pair) for pair in SPAIN.files]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signed_by", " "),
        ("signed_by", "x" * 121),
        ("signed_by", "two\nlines"),
        ("signed_by", "\ud800"),
        ("signed_as", ""),
        ("signed_on", None),
        ("signed_on", timezone.now().date() + timedelta(days=1)),
    ],
)
def test_a_signature_has_a_name_a_role_and_a_day_that_has_come(desk: Desk, field: str, value: object) -> None:
    take_back(desk)
    with pytest.raises(InputError) as caught:
        sign(desk, **{field: value})
    assert [problem.field for problem in caught.value.problems] == [field]
    assert not review_of_pack(SPAIN).enabled


def test_only_legal_staff_enable_and_withdraw(desk: Desk) -> None:
    standing = PackRelease.objects.get(pack="es")
    for person in (desk.filer, desk.clerk):
        with pytest.raises(NotAllowed):
            enable(person, "es", meaning_hash="", signed_by="", signed_as="", signed_on=None)
        with pytest.raises(NotAllowed):
            withdraw(person, standing.id, "because")
    assert review_of_pack(SPAIN).enabled


def test_what_is_enabled_is_what_was_seen_once_and_a_place_requests_are_filed_in(desk: Desk) -> None:
    with pytest.raises(TransitionConflict, match="enabled already"):
        sign(desk)
    take_back(desk)
    with pytest.raises(TransitionConflict, match="not those you looked at"):
        sign(desk, meaning_hash="a" * 64)
    with pytest.raises(NotFound):
        enable(desk.ana, "floor", meaning_hash="", signed_by="", signed_as="", signed_on=None)
    with pytest.raises(TransitionConflict, match="withdrawn already"):
        take_back(desk, PackRelease.objects.get(pack="es"))


def test_withdrawing_needs_a_reason(desk: Desk) -> None:
    for reason in (" ", "x" * 1001, "a\x00b"):
        with pytest.raises(InputError):
            withdraw(desk.luis, PackRelease.objects.get(pack="es").id, reason)


def test_a_draft_is_filed_and_assessed_for_information_and_approved_by_nobody(desk: Desk) -> None:
    take_back(desk)
    request = make_reviewed(desk)
    assert states(request) == ["UNDER_REVIEW"]
    assert LineAssessment.objects.filter(line__request=request).exists()
    with pytest.raises(NotAllowed, match="Draft rules: not reviewed by counsel of this place"):
        decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    assert not Decision.objects.exists()
    decide(desk.ana, request, line_ids(request), DENY, "a draft decides nothing, but a person may refuse")
    assert states(request) == ["DENIED"]


def test_withdrawing_stops_the_second_approval(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    take_back(desk)
    with pytest.raises(NotAllowed, match="a review was withdrawn on"):
        decide(desk.marta, request, line_ids(request), APPROVE, "agreed")
    assert states(request) == ["UNDER_REVIEW"]


def test_withdrawing_recalls_what_is_approved_and_not_answered(desk: Desk) -> None:
    request = make_reviewed(desk, 2)
    for person in (desk.ana, desk.marta):
        decide(person, request, line_ids(request)[:1], APPROVE, "covered")
    assert Tranche.objects.exists()
    take_back(desk)
    assert states(request) == ["RECALLED", "UNDER_REVIEW"]
    assert Event.objects.filter(kind="line:rules-withdrawn", actor=desk.luis.id).count() == 1


def test_withdrawing_todays_rules_recalls_what_was_approved_under_earlier_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_reviewed(desk)
    for person in (desk.ana, desk.marta):
        decide(person, request, line_ids(request), APPROVE, "covered")
    earlier = PackRelease.objects.get(pack="es", withdrawn_at=None)
    other_rules(monkeypatch)
    todays = enable_meaning("es", "e" * 64, "f" * 64)
    other = enable_meaning("es", "c" * 64, "c" * 64)
    take_back(desk, other)
    assert states(request) == ["APPROVED"]
    take_back(desk, todays)
    assert states(request) == ["RECALLED"]
    assert PackRelease.objects.get(id=earlier.id).withdrawn_at is None


def test_rules_that_changed_since_they_were_signed_are_a_draft_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_reviewed(desk)
    other_rules(monkeypatch)
    # The answer rests on the signed rules, but the worker would ask today's.
    with pytest.raises(NotAllowed, match="Draft rules"):
        decide(desk.ana, request, line_ids(request), APPROVE, "covered")


def test_another_wording_of_the_same_rules_stays_enabled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    other_rules(monkeypatch, meaning_hash=SPAIN.meaning_hash)
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    assert Decision.objects.count() == 1


def test_an_answer_under_rules_that_are_no_longer_enabled_is_not_approved_under_todays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_back(desk)
    other_rules(monkeypatch, meaning_hash="d" * 64)
    request = make_reviewed(desk)
    monkeypatch.undo()
    enable_packs(desk.ana)
    with pytest.raises(NotAllowed, match="Draft rules"):
        decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    assess(request)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered under the signed rules")


def test_an_approval_under_rules_that_were_withdrawn_since_is_not_completed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), APPROVE, "covered")
    take_back(desk)
    other_rules(monkeypatch)
    enable_meaning("es", "e" * 64, "f" * 64)
    assess(request)
    with pytest.raises(TransitionConflict, match="rules that the first approval rested on"):
        decide(desk.marta, request, line_ids(request), APPROVE, "agreed")


def test_trying_out_needs_the_embedded_default_and_says_so(desk: Desk, settings: LazySettings) -> None:
    take_back(desk)
    settings.EMBEDDED = False
    with pytest.raises(NotAllowed):
        enable_for_trial()
    settings.EMBEDDED = True
    [row] = enable_for_trial()
    assert counts_as_trial_place()
    assert (row.for_trial, row.signed_by, row.signed_on, row.enabled_by) == (True, "Nobody has signed", None, None)
    review = review_of_pack(SPAIN)
    assert (review.enabled, review.reviewed) == (True, False)
    assert review.text == "Draft rules: not reviewed by counsel of this place; enabled for trying out only"
    assert enable_for_trial() == []
    # The same row decides nothing once somebody serves these data with a server of their own.
    settings.EMBEDDED = False
    say_whether_trials_count()
    assert not counts_as_trial_place()
    assert not review_of_pack(SPAIN).enabled
    assert "trying out" not in review_of_pack(SPAIN).text


def test_what_is_signed_takes_the_place_of_a_trial_once_that_is_withdrawn(desk: Desk, settings: LazySettings) -> None:
    take_back(desk)
    settings.EMBEDDED = True
    [trial] = enable_for_trial()
    take_back(desk, trial)
    sign(desk, signed_on=date(2026, 11, 1))
    assert review_of_pack(SPAIN).reviewed

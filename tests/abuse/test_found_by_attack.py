"""What an attack on facts of two people, balancing, enabled packs, forms and replay got through; it stays closed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from broker.assessment import asked, replaying
from broker.assessment.asked import asked_in, asked_of_order
from broker.assessment.enabling import enable, withdraw
from broker.assessment.facts import request_facts
from broker.assessment.models import AssessmentRecord, FactAnswer, PackVersion
from broker.assessment.pack_release import PackRelease
from broker.assessment.replaying import reconsider_all, replay_all, stored_pack
from broker.assessment.services import answer_question
from broker.audit.services import record
from broker.crypto.suites import sha256_hex
from broker.decisions.balancing.models import Grading
from broker.decisions.balancing.services import give_grading
from broker.errors import InputError, NotAllowed
from broker.parties.middleware import context_of
from broker.parties.models import Role, User
from broker.row_context import acting
from legal_rules import Pack, PackError, load_pack
from legal_rules.facts import as_facts
from tests.legal_rules.test_comparison import AFTER_IT, OLD, decide, sketch
from tests.support.cases import Desk, assess, attach_and_check, cover, file_lines, make_account, make_line
from tests.support.judgement import digest_of, given, make_judged
from tests.support.rows import SET_STATE, World, decide_as, event_for, make_under_review, make_user, refused

pytestmark = pytest.mark.django_db


def answer_by_sql(asks: User, request: Any, answered_by: User, settled_by: str = "two people") -> FactAnswer:
    """Add an answer as the web process could without our services, while `asks` is in front of it."""
    with acting(context_of(asks)), transaction.atomic():
        return FactAnswer.objects.create(
            request=request,
            fact="works-sensitive",
            value=False,
            reason="r",
            settled_by=settled_by,
            answered_by=answered_by,
            event_id=record("fact:answered", "request", request.id, actor=asks.id),
        )


def test_nobody_gives_the_second_answer_in_somebody_elses_name(desk: Desk) -> None:
    request = file_lines(desk, answered=False)
    with pytest.raises(ProgrammingError, match="row-level security"):
        answer_by_sql(desk.ana, request, desk.luis)
    answer_by_sql(desk.ana, request, desk.ana)
    assert FactAnswer.objects.get().person == desk.ana.person_id


def test_counsel_adds_no_answer_to_what_two_of_the_staff_are_asked(desk: Desk) -> None:
    request = file_lines(desk, answered=False)
    for word in ("two people", "legal staff", "", "somebody"):
        with pytest.raises(IntegrityError, match="by those it is asked of"):
            answer_by_sql(desk.filer, request, desk.filer, word)
    # Said to be counsel's own question it is a row, and settles nothing: no pack asks it of counsel.
    answer_by_sql(desk.filer, request, desk.filer, "requester")
    answer_by_sql(desk.ana, request, desk.ana)
    facts = request_facts(request, load_pack("es"), request.answers.order_by("id"))
    assert "works-sensitive" not in facts
    answer_by_sql(desk.luis, request, desk.luis)
    facts = request_facts(request, load_pack("es"), request.answers.order_by("id"))
    assert {fact.by for fact in as_facts(facts["works-sensitive"])} == {str(desk.ana.id), str(desk.luis.id)}


def test_the_first_of_two_answers_is_hidden_by_the_database_until_the_second(desk: Desk) -> None:
    request = file_lines(desk, answered=False)
    answer_by_sql(desk.ana, request, desk.ana)

    def seen_by(person: User) -> int:
        with acting(context_of(person)), transaction.atomic():
            return FactAnswer.objects.count()

    assert [seen_by(person) for person in (desk.ana, desk.luis, desk.marta, desk.filer)] == [1, 0, 0, 0]
    answer_by_sql(desk.luis, request, desk.luis)
    assert [seen_by(person) for person in (desk.ana, desk.luis, desk.marta, desk.filer)] == [2, 2, 2, 0]


@pytest.mark.parametrize("fact", ["works-sensitive", "settlement-pattern"])
def test_whoever_brought_the_order_answers_none_of_the_operators_questions(desk: Desk, fact: str) -> None:
    request = file_lines(desk, answered=False)
    attach_and_check(desk, request, [cover(make_line(1))])
    both = make_account(desk.operator, Role.LEGAL, "both", "Clara Clerk", person_id=desk.clerk.person_id)
    with acting(context_of(both)), pytest.raises(NotAllowed, match="brought the order"):
        answer_question(both, request, fact, False, "I know the file.")


def test_a_second_account_of_a_grader_is_told_so_and_learns_nothing(desk: Desk) -> None:
    request = make_judged(desk)
    alias = make_user(desk.operator, Role.LEGAL, person_id=desk.ana.person_id)
    with acting(context_of(desk.ana)):
        give_grading(desk.ana, request, digest_of(request), 0, given())
    with acting(context_of(alias)), pytest.raises(NotAllowed, match="You have graded this already"):
        give_grading(alias, request, digest_of(request), 0, given())
    assert Grading.objects.count() == 1


def test_two_approvals_from_before_a_withdrawal_approve_nothing_after_it(world: World) -> None:
    request, line = make_under_review(world)
    decide_as(line, world.first, 1)
    decide_as(line, world.second, 2)
    pack = line.assessments.get().record.pack_version
    standing = PackRelease.objects.get(pack=pack.pack, meaning_hash=pack.meaning_hash, withdrawn_at=None)
    withdraw(world.first, standing.id, "The law was amended.")
    refused("not enabled here", SET_STATE, "APPROVED", event_for(request, "APPROVED"), request.id)


@pytest.mark.parametrize("text", ["Abogada\u202e1234", "Abogada\u2028Col. 1", "\u200b", "A\u2066B"], ids=ascii)
@pytest.mark.parametrize("field", ["signed_by", "signed_as"])
def test_a_signer_holds_no_sign_that_turns_or_hides_the_sentence_beside_it(desk: Desk, field: str, text: str) -> None:
    withdraw(desk.ana, PackRelease.objects.get(pack="es").id, "r")
    said: dict[str, Any] = {"signed_by": "N", "signed_as": "bar", field: text}
    with pytest.raises(InputError):
        enable(desk.ana, "es", meaning_hash=load_pack("es").meaning_hash, signed_on=date(2026, 1, 1), **said)


def test_a_request_of_very_many_days_does_not_hold_up_the_clerks_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datetime(2026, 9, 14, tzinfo=UTC)
    lines = [make_line(n, observed_at=(first - timedelta(days=n)).isoformat()) for n in range(1, 6)]
    request = file_lines(desk, lines)
    assess(request)
    few = {spec.name for spec in asked_of_order(request)}
    monkeypatch.setattr(asked, "MOST_TRIED", 4)
    monkeypatch.setattr(asked, "assess_lines", lambda *_, **__: pytest.fail("asked line by line"))
    many = {spec.name for spec in asked_of_order(request)}
    assert few <= many == {spec.name for spec in asked_in("es", "civil", "disclosure").order}


def keep(said: bytes, made_with: Pack, /, **columns: Any) -> str:
    """Store a record, and its pack with these columns."""
    row = {"pack": made_with.id, "meaning_hash": made_with.meaning_hash, "content": json.dumps(made_with.files)}
    PackVersion.objects.create(text_hash=made_with.text_hash, **row | columns)
    unspoiled = json.loads(decide(made_with, AFTER_IT))
    return AssessmentRecord.objects.create(
        digest=sha256_hex(said),
        pack_version_id=made_with.text_hash,
        content=said.decode(),
        outcome=unspoiled["outcome"],
        granted=unspoiled["granted"],
    ).digest


def spoiled(data: dict[str, Any]) -> dict[str, bytes]:
    """Stored answers that somebody has spoiled, each in its own way; outcome and grant are as they were."""
    text = json.dumps(data)
    return {
        "without end": f'{text[:-1]},"z":{"[" * 3000}{"]" * 3000}}}'.encode(),
        "huge number": f'{text[:-1]},"z":{"9" * 5000}}}'.encode(),
        "no engine": json.dumps(data | {"replay": dict.fromkeys(data["replay"])}).encode(),
        "engine of another kind": json.dumps(data | {"replay": data["replay"] | {"engine": ["3"]}}).encode(),
        "fact of nobody": json.dumps(
            data | {"inputs": data["inputs"] | {"facts": {"proceedings": [{"value": [], "type": "str"}]}}}
        ).encode(),
    }


@pytest.mark.parametrize("how", list(spoiled({"replay": {}, "inputs": {}})))
def test_a_spoiled_record_is_named_and_stops_no_replay(how: str) -> None:
    pack = sketch(OLD)
    digest = keep(spoiled(json.loads(decide(pack, AFTER_IT)))[how], pack)
    assert replay_all().different == {digest: "replay.invalid"}
    reconsider_all(date(2026, 1, 1))


@pytest.mark.parametrize("spoil", [5, None, [None], [[]], [{}], [{"id": [], "status": "met"}]], ids=repr)
def test_a_record_with_a_spoiled_answer_stops_no_comparison_with_today(
    spoil: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = sketch(OLD)
    digest = keep(json.dumps(json.loads(decide(pack, AFTER_IT)) | {"grounds": spoil}).encode(), pack)
    monkeypatch.setattr(replaying, "_todays", lambda _: pack)
    assert reconsider_all(AFTER_IT).unusable == {digest: "replay.invalid"}


def test_a_spoiled_pack_text_is_named_and_stops_no_replay() -> None:
    pack = sketch(OLD)
    digest = keep(decide(pack, AFTER_IT), pack, content="[" * 3000 + "]" * 3000)
    assert replay_all().different == {digest: "pack.stored-form"}


@pytest.mark.parametrize("columns", [{"meaning_hash": "0" * 64}, {"pack": "es"}])
def test_a_pack_whose_row_says_another_meaning_than_its_text_is_no_replay(columns: dict[str, str]) -> None:
    pack = sketch(OLD)
    digest = keep(decide(pack, AFTER_IT), pack, **columns)
    assert replay_all().different == {digest: "pack.other-row"}
    with pytest.raises(PackError):
        stored_pack(PackVersion.objects.get())

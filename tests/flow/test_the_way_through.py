"""One request from intake to sealed release, and the points at which it has to stop."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from broker.audit.models import Event
from broker.decisions.services import decide, recall
from broker.errors import NotAllowed, TransitionConflict
from broker.intake.models import State
from broker.orders.models import CourtOrder
from broker.orders.services import correct_terms
from broker.outbox.models import OutboxRow
from broker.release.models import SealedRelease
from broker.tasks import release as release_task
from tests.support.flow import HIT, MISS, SHARED, Flow, civil_terms

pytestmark = pytest.mark.django_db(databases=["default", "leases", "identities"])


def states(request: object) -> set[str]:
    return set(request.lines.values_list("state", flat=True))  # type: ignore[attr-defined]  # a DisclosureRequest


def test_releases_name_and_postal_address_only_though_more_was_asked_for(flow: Flow) -> None:
    request = flow.released([HIT])
    (line,) = flow.answers(request)
    assert set(line["subscriber"]) == {"name", "postal-address"}
    assert states(request) == {State.RELEASED}


def test_releases_email_when_it_was_ordered_as_well(flow: Flow) -> None:
    request = flow.released([HIT], terms={"categories": ["name", "postal-address", "email"]})
    assert set(flow.answers(request)[0]["subscriber"]) == {"name", "postal-address", "email"}


def test_does_not_release_what_was_ordered_and_not_asked_for(flow: Flow) -> None:
    request = flow.released([HIT], request={"categories": ["name"]})
    assert set(flow.answers(request)[0]["subscriber"]) == {"name"}


def test_lines_decided_together_travel_in_one_package(flow: Flow) -> None:
    request = flow.released([HIT, MISS, SHARED])
    assert [line["reason"] for line in flow.answers(request)] == ["unique", "no-holder", "port-required"]
    assert SealedRelease.objects.count() == 1


def test_the_port_of_the_order_tells_sharers_apart(flow: Flow) -> None:
    request = flow.released([{**SHARED, "source_port": 20500}])
    assert flow.answers(request)[0]["outcome"] == "identified"


def test_a_port_the_order_does_not_name_is_not_looked_up(flow: Flow) -> None:
    request = flow.released([{**SHARED, "source_port": 20500}], terms_lines=[SHARED])
    assert flow.answers(request)[0]["reason"] == "port-required"


@pytest.mark.parametrize(
    "covered",
    [
        {**HIT, "address": "198.51.100.24"},
        {**HIT, "observed_at": "2026-09-14T21:05:10+02:00"},
        {**HIT, "observed_at": "2026-09-14T20:05:09+02:00"},
        {**HIT, "source_port": 1234, "line_port": 4321},
    ],
    ids=["another address", "another second", "another hour", "another port"],
)
def test_a_line_the_order_does_not_cover_waits_for_an_order(flow: Flow, covered: dict[str, object]) -> None:
    request = flow.file([{**HIT, "source_port": covered.pop("line_port", None)}])
    flow.attach(request, civil_terms([covered]))
    flow.run()
    assert states(request) == {State.AWAITING_ORDER}


def test_corrected_terms_bring_an_uncovered_line_to_review(flow: Flow) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([MISS]))
    flow.run()
    assert states(request) == {State.AWAITING_ORDER}
    correct_terms(flow.person("marta"), order, civil_terms([HIT]))
    flow.run()
    assert states(request) == {State.UNDER_REVIEW}
    assert order.terms.count() == 2


def test_terms_stay_as_they_are_once_somebody_has_decided(flow: Flow) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request, by=["laura"])
    with pytest.raises(NotAllowed, match="under way"):
        correct_terms(flow.person("marta"), order, civil_terms([HIT], categories=["name", "email"]))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"addressee": "Another operator"}, "terms.addressee"),
        ({"recipient": "Somebody else"}, "terms.recipient"),
        ({"proceeding": "criminal"}, "terms.proceeding"),
        ({"expires_on": "2026-10-21"}, "terms.in-force"),
        ({"issued_on": "2036-10-19"}, "terms.issued"),
        ({"categories": ["phone"]}, "terms.categories"),
    ],
)
def test_terms_that_do_not_fit_the_request_keep_it_from_review(
    flow: Flow, changes: dict[str, object], code: str
) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([HIT], **changes))
    flow.run()
    assert list(order.checks.filter(passed=False).values_list("code", flat=True)) == [code]
    assert State.UNDER_REVIEW not in states(request)


def test_nobody_approves_while_corrected_terms_wait_for_their_checks(flow: Flow) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([HIT]))
    flow.run()
    correct_terms(flow.person("marta"), order, civil_terms([HIT], categories=["name"]))
    with pytest.raises(TransitionConflict, match="being checked"):
        flow.approve(request)
    flow.run()
    flow.approve(request)
    flow.run()
    assert set(flow.answers(request)[0]["subscriber"]) == {"name"}


def test_a_forged_order_refuses_and_nothing_is_looked_up(flow: Flow) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([HIT]), b"%PDF-1.7\n%forged\n%%EOF\n")
    flow.run()
    order.refresh_from_db()
    assert order.state == CourtOrder.State.REJECTED
    assert states(request) == {State.REFUSED}


def test_the_right_order_reopens_what_a_rejected_document_closed(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]), b"%PDF-1.7\n%saved again by mistake\n%%EOF\n")
    flow.run()
    assert states(request) == {State.REFUSED}
    flow.attach(request, civil_terms([HIT]))
    assert states(request) == {State.AWAITING_ORDER}
    flow.run()
    assert states(request) == {State.UNDER_REVIEW}


def test_no_order_reopens_what_the_law_refused_by_itself(flow: Flow) -> None:
    request = flow.file([HIT], measure="disconnection")
    flow.run()
    assert states(request) == {State.REFUSED}
    with pytest.raises(NotAllowed, match="changes nothing"):
        flow.attach(request, civil_terms([HIT]))


def test_a_forged_order_does_no_harm_to_a_request_with_a_good_one(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.attach(request, civil_terms([HIT]), b"%PDF-1.7\n%forged\n%%EOF\n")
    flow.run()
    assert states(request) == {State.UNDER_REVIEW}


def test_a_study_of_a_past_day_is_never_approved(flow: Flow) -> None:
    request = flow.file([HIT], as_of=timezone.now().date())
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    with pytest.raises((NotAllowed, TransitionConflict)):
        flow.approve(request)
    assert not SealedRelease.objects.exists()


def test_a_recalled_line_is_not_answered_and_the_others_are(flow: Flow) -> None:
    request = flow.file([HIT, MISS])
    flow.attach(request, civil_terms([HIT, MISS]))
    flow.run()
    flow.approve(request)
    recall(flow.person("teresa"), request, [request.lines.get(number=1).id], "The order was withdrawn for line 1.")
    flow.run()
    assert dict(request.lines.values_list("number", "state")) == {1: State.RECALLED, 2: State.RELEASED}
    assert [line["line"] for line in flow.answers(request)] == [2]


def test_an_order_revoked_after_approval_ends_in_a_late_refusal(flow: Flow) -> None:
    request = flow.file([HIT])
    order = flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    order.request.court.certificates.update(withdrawn_at=timezone.now())
    flow.run()
    (line,) = flow.answers(request)
    assert (line["reason"], line["subscriber"]) == ("order-not-verified", {})


def test_the_same_message_many_times_makes_one_release(flow: Flow) -> None:
    request = flow.released([HIT])
    row = OutboxRow.objects.get(kind="release")
    for _ in range(5):
        release_task(str(row.id))
    OutboxRow.objects.filter(id=row.id).update(done=False)
    release_task(str(row.id))
    assert SealedRelease.objects.filter(tranche__request=request).count() == 1
    assert Event.objects.filter(kind="release:sealed").count() == 1


@pytest.mark.parametrize("message", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_forged_message_does_nothing(flow: Flow, message: str) -> None:
    before = Event.objects.count()
    release_task(message)
    assert Event.objects.count() == before


def test_an_answer_is_not_redirected_by_a_key_registered_after_approval(flow: Flow) -> None:
    from broker.crypto.age import new_identity, public_key_of
    from broker.parties.services import register_recipient_key

    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    register_recipient_key(flow.person("carla"), public_key_of(new_identity()))
    flow.run()
    assert flow.answers(request)[0]["outcome"] == "identified"


def test_one_approval_is_not_enough(flow: Flow) -> None:
    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    ids = list(request.lines.values_list("id", flat=True))
    flow.approve(request, by=["laura"])
    with pytest.raises(NotAllowed, match="second seat"):
        decide(flow.person("laura"), request, ids, "approve", "again")  # type: ignore[arg-type]  # as a form sends it
    flow.run()
    assert states(request) == {State.UNDER_REVIEW}
    assert not SealedRelease.objects.exists()


def test_failures_are_counted_and_end_before_a_person(flow: Flow, tmp_path: object) -> None:
    from django.conf import settings

    request = flow.file([HIT])
    flow.attach(request, civil_terms([HIT]))
    flow.run()
    flow.approve(request)
    key = settings.KEY_DIR / "seal.key"
    hidden = key.with_suffix(".away")
    key.rename(hidden)
    try:
        row = OutboxRow.objects.get(kind="release")
        for _ in range(8):
            release_task(str(row.id))
    finally:
        hidden.rename(key)
    assert states(request) == {State.NEEDS_ATTENTION}
    assert not SealedRelease.objects.exists()


def test_approved_cannot_be_written_around_the_service(flow: Flow) -> None:
    request = flow.file([HIT])
    with pytest.raises(DatabaseError), transaction.atomic():
        request.lines.update(state=State.APPROVED)

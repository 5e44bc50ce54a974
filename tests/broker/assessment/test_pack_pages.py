"""The pages of the rules: what counsel signs, who has, what changed; enabling and withdrawing under a fresh factor."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from broker.assessment.changes import text_changes
from broker.assessment.enabling import review_of_pack
from broker.assessment.pack_release import PackRelease
from broker.parties.models import User
from legal_rules import doubts_of, load_pack
from tests.support.accounts import log_in
from tests.support.cases import Desk, make_reviewed, states
from tests.support.judgement import digest_of, make_judged
from tests.support.packs import REVIEWED, SIGNED_AS, SIGNER, enable_meaning
from tests.support.parties import api_client, page_client

pytestmark = pytest.mark.django_db

SPAIN = load_pack("es")
LIST = reverse("admin:broker_packrelease_changelist")
PAGE = reverse("admin:broker_packrelease_pack", args=["es"])
ENABLE = reverse("admin:broker_packrelease_enable", args=["es"])
DRAFT = "Draft rules: not reviewed by counsel of this place"


def client_of(user: User, age: float = 0) -> Client:
    return log_in(Client(), user, age=age)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def signature(**fields: Any) -> dict[str, Any]:
    said = {"signed_by": SIGNER, "signed_as": SIGNED_AS, "signed_on": "2026-11-20", "meaning_hash": SPAIN.meaning_hash}
    return said | fields


def withdraw(desk: Desk) -> None:
    standing = PackRelease.objects.get(pack="es", withdrawn_at=None)
    address = reverse("admin:broker_packrelease_withdraw", args=[standing.id])
    answer = client_of(desk.luis).post(address, {"reason": "Art. 256 was amended."}, follow=True)
    assert "Withdrawn. Nothing is approved" in text(answer)


def test_the_page_shows_what_counsel_signs(desk: Desk) -> None:
    shown = text(client_of(desk.ana).get(PAGE))
    doubts = doubts_of(SPAIN)
    for part in (SPAIN.title, SPAIN.meaning_hash, SPAIN.text_hash, "draft", REVIEWED):
        assert part in shown
    for level, count in doubts.by_confidence.items():
        assert f'<th scope="row">of confidence {level}</th><td>{count}</td>' in shown
    assert f'<th scope="row">marked verify with counsel</th><td>{doubts.verify_with_counsel}</td>' in shown
    assert "es.toml" in shown
    assert "floor.toml" in shown
    assert "What changed" not in shown
    assert REVIEWED in text(client_of(desk.ana).get(LIST))
    assert reverse("admin:broker_packrelease_changelist") in text(client_of(desk.ana).get(reverse("admin:index")))


def test_legal_staff_withdraw_and_enable_by_naming_who_signed(desk: Desk) -> None:
    withdraw(desk)
    assert f"{DRAFT}; a review was withdrawn on" in text(client_of(desk.ana).get(PAGE))
    answer = client_of(desk.ana).post(ENABLE, signature(), follow=True)
    assert answer.status_code == 200
    assert "Enabled. These rules decide here from now on." in text(answer)
    row = PackRelease.objects.get(pack="es", withdrawn_at=None)
    assert (row.signed_by, row.signed_as, row.enabled_by, row.for_trial) == (SIGNER, SIGNED_AS, desk.ana, False)


def test_both_ask_for_a_factor_shown_lately(desk: Desk) -> None:
    standing = PackRelease.objects.get(pack="es")
    stale = client_of(desk.ana, age=301)
    for address, said in (
        (ENABLE, signature()),
        (reverse("admin:broker_packrelease_withdraw", args=[standing.id]), {"reason": "r"}),
    ):
        answer = stale.post(address, said)
        assert answer.status_code == 302
        assert "/account/confirm/" in answer.headers["Location"]
    assert PackRelease.objects.get(pack="es") == standing
    assert standing.withdrawn_at is None


@pytest.mark.parametrize(
    ("said", "status", "message"),
    [
        ({"signed_by": " "}, 422, "Write this in 1 to 120 characters"),
        ({"signed_as": "x" * 121}, 422, "Write this in 1 to 120 characters"),
        ({"signed_on": "soon"}, 422, "Give the day of the signature"),
        ({"signed_on": (timezone.now() + timedelta(days=1)).date().isoformat()}, 422, "cannot be in the future"),
        ({"meaning_hash": "a" * 64}, 409, "not those you looked at"),
        ({"meaning_hash": ""}, 409, "not those you looked at"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    desk: Desk, said: dict[str, str], status: int, message: str
) -> None:
    withdraw(desk)
    answer = client_of(desk.ana).post(ENABLE, signature(**said))
    assert answer.status_code == status
    assert message in text(answer)
    assert 'value="Lucía Letrada Ejemplo"' in text(answer) or "signed_by" in said
    assert not review_of_pack(SPAIN).enabled


def test_what_changed_since_an_earlier_text_is_shown(desk: Desk) -> None:
    withdraw(desk)
    now, then = "Carry the order out within ten days.", "Carry it out soon."
    older = [[name, body.replace(now, then)] for name, body in SPAIN.files]
    enable_meaning("es", "a" * 64, "b" * 64, json.dumps(older), desk.ana)
    shown = text(client_of(desk.ana).get(PAGE))
    assert "What changed" in shown
    assert "-says = &quot;Carry it out soon.&quot;" in shown
    assert "+says = &quot;Carry the order out within ten days.&quot;" in shown
    assert "--- es.toml (before)" in shown


def test_the_pages_are_there_for_legal_staff_and_packs_of_places_only(desk: Desk) -> None:
    for address in (LIST, PAGE):
        assert Client().get(address).status_code == 302
        for person in (desk.filer, desk.clerk):
            assert client_of(person).get(address).status_code in (302, 403, 404)
    for name in ("floor", "eu", "nowhere"):
        assert client_of(desk.ana).get(reverse("admin:broker_packrelease_pack", args=[name])).status_code == 404
    assert client_of(desk.ana).get(ENABLE).status_code == 405


def test_a_draft_is_said_on_every_page_and_answer_and_offers_no_approval(desk: Desk) -> None:
    withdraw(desk)
    request = make_reviewed(desk)
    decision = text(client_of(desk.ana).get(reverse("admin:broker_disclosurerequest_change", args=[request.id])))
    assert DRAFT in decision
    assert "Nothing here can be approved before these rules are" in decision
    assert 'value="approve"' not in decision
    assert 'value="deny"' in decision
    for reader in (desk.filer, desk.clerk):
        page = text(page_client(reader).get(reverse("portal:request", args=[request.reference])))
        assert f"{DRAFT}; a review was withdrawn on" in page
        assert "Nothing is approved or answered under them." in page
    api = api_client(desk.filer)
    [line] = api.get(f"/api/v1/requests/{request.id}/lines/").json()["results"]
    assert line["rules"].startswith(DRAFT)
    pack = api.get("/api/v1/packs/es/questions/?proceeding=civil").json()
    assert (pack["enabled"], pack["review"].startswith(DRAFT)) == (False, True)
    assert states(request) == ["UNDER_REVIEW"]


def test_a_draft_is_said_where_its_open_questions_are_weighed_and_beside_the_stored_answer(desk: Desk) -> None:
    request = make_judged(desk)
    digest = digest_of(request)
    addresses = (
        reverse("admin:broker_disclosurerequest_balancing", args=[request.id, digest, 0]),
        reverse("admin:broker_assessmentrecord_change", args=[digest]),
    )
    for address in addresses:
        assert REVIEWED in text(client_of(desk.ana).get(address))
    withdraw(desk)
    for address in addresses:
        assert f"{DRAFT}; a review was withdrawn on" in text(client_of(desk.ana).get(address))


def test_who_reviewed_is_said_on_every_page_and_answer(desk: Desk) -> None:
    request = make_reviewed(desk)
    decision = text(client_of(desk.ana).get(reverse("admin:broker_disclosurerequest_change", args=[request.id])))
    assert REVIEWED in decision
    assert "Draft rules" not in decision
    assert 'value="approve"' in decision
    page = text(page_client(desk.filer).get(reverse("portal:request", args=[request.reference])))
    assert REVIEWED in page
    assert "Draft rules" not in page
    api = api_client(desk.filer)
    [line] = api.get(f"/api/v1/requests/{request.id}/lines/").json()["results"]
    assert line["rules"] == REVIEWED
    assert api.get("/api/v1/packs/es/questions/?proceeding=civil").json()["enabled"] is True


def test_changes_are_told_by_file_with_files_that_came_and_went() -> None:
    told = text_changes([["a.toml", "one\ntwo\n"], ["b.toml", "x\n"]], [["a.toml", "one\nthree\n"], ["c.toml", "y\n"]])
    assert told.splitlines() == [
        "--- a.toml (before)",
        "+++ a.toml (today)",
        "@@ -1,2 +1,2 @@",
        " one",
        "-two",
        "+three",
        "--- b.toml (before)",
        "+++ no such file today",
        "@@ -1 +0,0 @@",
        "-x",
        "--- no such file before",
        "+++ c.toml (today)",
        "@@ -0,0 +1 @@",
        "+y",
    ]
    assert text_changes([["a.toml", "one"]], [["a.toml", "one"]]) == ""

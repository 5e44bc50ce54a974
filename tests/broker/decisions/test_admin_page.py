"""The page of a request puts request, order, checks, law and lines side by side."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.decisions.words import SHORT_WORDS, STATE_WORDS
from broker.intake.models import DisclosureRequest
from broker.orders.services import correct_terms
from broker.parties.models import Role, User
from tests.support.accounts import log_in
from tests.support.cases import (
    Desk,
    assess,
    attach_and_check,
    cover,
    file_lines,
    line_ids,
    make_account,
    make_line,
    make_reviewed,
    order_terms,
    signed_order,
)
from tests.support.court import Court, order_pdf
from tests.support.packs import REVIEWED

pytestmark = pytest.mark.django_db


def page(user: User, request: DisclosureRequest, **query: str) -> str:
    """The text of a request's page as one person sees it, entities undone, blanks folded."""
    client = Client()
    log_in(client, user)
    answer = client.get(reverse("admin:broker_disclosurerequest_change", args=[request.id]), query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(answer.content.decode()))


def cell(text: str, title: str) -> str:
    """The row of the comparison with this title."""
    found = re.search(rf'<tr[^>]*> ?<th scope="row">{title}</th>.*?</tr>', text)
    assert found is not None
    return found[0]


def test_shows_what_request_and_order_say_in_one_row(desk: Desk) -> None:
    text = page(desk.ana, make_reviewed(desk))
    assert "Preparing a suit" in cell(text, "Purpose and use")
    assert "Only for the suit named in the order." in cell(text, "Purpose and use")
    assert "LEC art. 256.1.11" in cell(text, "Legal ground")


def test_marks_what_was_asked_for_and_not_ordered(desk: Desk) -> None:
    row = cell(page(desk.ana, make_reviewed(desk)), "Data")
    assert 'class="differs"' in row
    assert "not ordered: E-mail address" in row


def test_marks_a_recipient_that_is_not_the_party(desk: Desk) -> None:
    request = file_lines(desk)
    attach_and_check(desk, request, [cover(make_line(1))], recipient="Somebody Else S.L.")
    assess(request)
    text = page(desk.ana, request)
    assert 'class="differs"' in cell(text, "Who receives the answer")
    assert 'class="differs"' not in cell(text, "Addressee")


def test_shows_an_instant_as_typed_in_utc_and_in_the_courts_zone(desk: Desk) -> None:
    line = make_line(1, observed_at="2026-09-14T19:05:09Z")
    request = file_lines(desk, [line])
    attach_and_check(desk, request, [cover(line)])
    assess(request)
    text = page(desk.ana, request)
    for moment in ("2026-09-14T19:05:09Z", "2026-09-14 19:05:09 UTC", "2026-09-14 21:05:09 +02:00", "Europe/Madrid"):
        assert moment in text


def test_marks_port_interval_and_address_that_differ(desk: Desk) -> None:
    lines = [make_line(number) for number in range(1, 5)]
    request = file_lines(desk, lines)
    attach_and_check(
        desk,
        request,
        [
            cover(lines[0]),
            cover(lines[1], source_port=40_000),
            cover(lines[2], **{"from": "2026-09-14T22:00:00+02:00", "until": "2026-09-14T22:30:00+02:00"}),
        ],
    )
    assess(request)
    text = page(desk.ana, request)
    rows = re.findall(r'<tr class="(?:uncovered)?"> ?<td>.*?</tr>', text)
    assert len(rows) == 4
    assert "<mark" not in rows[0]
    assert "<mark>port 40000</mark>" in rows[1]
    assert "<mark>50002</mark>" in rows[1]
    assert "<mark>2026-09-14 20:00:00 to 20:30:00 UTC</mark>" in rows[2]
    assert '<mark title="as typed">2026-09-14T21:05:09+02:00</mark>' in rows[2]
    assert "This address is not in the order" in rows[3]
    assert "31 The order covers this address, port and instant: fails." in rows[1]


def test_lists_every_numbered_check_and_what_failed(desk: Desk) -> None:
    request = file_lines(desk)
    forger = Court.create("Juzgado de lo Mercantil de ejemplo", seed="forger")
    forged = forger.sign(order_pdf("Auto falso", ["Ejemplo ficticio."]))
    attach_and_check(desk, request, [cover(make_line(1))], document=forged)
    assess(request)
    text = page(desk.ana, request)
    for number in (1, 2, 3, 4, 5, 6, 7, 8, 21, 26, 31, 32):
        assert f'<span class="number">{number}</span>' in text
    assert "order.unknown-signer" in text
    assert "was rejected" in text
    assert "Approve</button>" not in text


def test_shows_the_law_with_sources_doubts_and_what_would_be_told(desk: Desk) -> None:
    text = page(desk.ana, make_reviewed(desk))
    for words in (
        REVIEWED,
        "conditional",
        "civil-identification",
        "LEC art. 256.1.11, by Ley 21/2014",
        "from 2015-01-01; checked",
        "paragraph numbers unchecked",
        "medium confidence",
        "verify with counsel",
        "the order does not name it",
        "Why does the log row still exist?",
        "Carla Counsel (Asociación Fonográfica Ejemplo)",
        "order DP 118/2026, terms version 1, Clara Clerk",
        "answer-civil-order",
        "Within 10 days.",
    ):
        assert words in text, words


def test_lines_that_differ_only_in_a_day_share_one_answer(desk: Desk) -> None:
    lines = [make_line(number, observed_at=f"2026-09-{number:02}T21:05:09+02:00") for number in (1, 2, 3)]
    request = file_lines(desk, lines)
    covered = [
        cover(line, **{"from": line["observed_at"], "until": line["observed_at"].replace(":09+", ":59+")})
        for line in lines
    ]
    attach_and_check(desk, request, covered)
    assess(request)
    assert request.lines.filter(assessments__record__isnull=False).values("assessments__record").distinct().count() == 3
    text = page(desk.ana, request)
    assert text.count('class="answer"') == 1
    assert "differs from line to line, 2026-09-01 to 2026-09-03" in text
    assert "one of 3 that differ only in facts of the line" in text


def test_says_why_nothing_is_offered_to_whoever_brought_the_order(desk: Desk) -> None:
    request = make_reviewed(desk)
    same = make_account(desk.operator, Role.LEGAL, "second-job", "Somebody", person_id=desk.clerk.person_id)
    text = page(same, request)
    assert "You brought the order yourself, so others decide on this request." in text
    assert "Approve</button>" not in text
    assert 'type="checkbox" name="line"' not in text


def test_offers_the_second_seat_to_others_and_says_so_to_the_first(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), Decision.Verdict.APPROVE, "covered")
    mine, others = page(desk.ana, request), page(desk.luis, request)
    assert "Approve</button>" not in mine
    assert "the second seat is somebody else's" in mine
    assert "Approve</button>" in others
    assert "Ana Arroyo approved (round 1, seat 1)" in others


def test_offers_reopening_to_a_third_person_only(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), Decision.Verdict.DENY, "no")
    assert "Reopen</button>" not in page(desk.ana, request)
    assert "Reopen</button>" in page(desk.marta, request)


def test_study_of_a_past_day_offers_no_approval(desk: Desk) -> None:
    request = make_reviewed(desk, as_of=timezone.now().date() - timedelta(days=1))
    text = page(desk.ana, request)
    assert "For study." in text
    assert "Approve</button>" not in text
    assert "Deny</button>" in text


def test_refused_request_shows_ground_and_the_right_instrument(desk: Desk) -> None:
    request = file_lines(desk, as_of=date(2008, 1, 29))
    assess(request)
    text = page(desk.ana, request)
    assert "no-legal-basis" in text
    assert "Right instrument instead" in text
    assert "There is nothing for you to decide here." in text


def test_warns_while_corrected_terms_wait_for_their_checks(desk: Desk) -> None:
    request = make_reviewed(desk)
    correct_terms(desk.clerk, request.orders.get(), order_terms(desk, [cover(make_line(1))]))
    text = page(desk.ana, request)
    assert "The terms of the order were corrected" in text
    assert "Approve</button>" not in text


def test_links_every_version_of_the_terms(desk: Desk) -> None:
    request = make_reviewed(desk)
    correct_terms(desk.clerk, request.orders.get(), order_terms(desk, [cover(make_line(1))], judge="Otra jueza"))
    client = Client()
    log_in(client, desk.ana)
    first, second = request.orders.get().terms.order_by("version")
    text = page(desk.ana, request)
    for version in (first, second):
        address = reverse("admin:broker_disclosurerequest_terms", args=[version.id])
        assert address in text
        shown = client.get(address).content.decode()
        assert version.judge in shown
        assert ("An earlier version." in shown) is (version == first)


def test_shows_a_hundred_lines_a_page_and_every_group(desk: Desk) -> None:
    request = make_reviewed(desk, 130)
    decide(desk.ana, request, line_ids(request)[:5], Decision.Verdict.DENY, "no")
    first = page(desk.luis, request)
    assert first.count('type="checkbox" name="line"') == 100
    assert "Lines 1 to 100 of 130" in first
    assert page(desk.luis, request, page="2").count('type="checkbox" name="line"') == 30
    assert "All 125 lines" in first
    key = re.search(r'\?batch=([0-9a-f]{16})#lines">show only these', first)
    assert key is not None
    assert "of 125 in the chosen group" in page(desk.luis, request, batch=key[1])


def test_needs_as_many_queries_for_many_lines_as_for_one(desk: Desk) -> None:
    few, many = make_reviewed(desk), file_lines(desk, [make_line(number) for number in range(1, 81)])
    attach_and_check(desk, many, [cover(make_line(number)) for number in range(1, 81)], document=signed_order("Auto 2"))
    assess(many)
    page(desk.ana, few)
    with CaptureQueriesContext(connection) as one:
        page(desk.ana, few)
    with CaptureQueriesContext(connection) as eighty:
        page(desk.ana, many)
    assert len(eighty) == len(one)


def test_states_after_an_approval_read_alike_until_the_answer_is_out() -> None:
    for words in (STATE_WORDS, SHORT_WORDS):
        assert len({words[state] for state in ("APPROVED", "WAITING", "RELEASING")}) == 1
    assert STATE_WORDS["RELEASED"] == "Answered; only the recipient can read it"


def test_timeline_names_people_of_the_operator_and_other_sides_by_their_house(desk: Desk) -> None:
    request = make_reviewed(desk)
    decide(desk.ana, request, line_ids(request), Decision.Verdict.DENY, "The judge is not competent.")
    timeline = page(desk.luis, request).partition('id="timeline"')[2]
    assert "Ana Arroyo" in timeline
    assert "The judge is not competent." in timeline
    assert "Asociación Fonográfica Ejemplo" in timeline
    assert "Carla Counsel" not in timeline

"""Counsel's pages: file, read where it stands, answer, withdraw; and what they show to whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from broker.audit.models import Event
from broker.decisions.models import Decision
from broker.decisions.services import decide
from broker.intake.models import DisclosureRequest, RequestLine, State
from broker.release.services import give_up
from tests.support.cases import assess, attach_and_check, cover, file_lines, line_ids, make_line, make_reviewed
from tests.support.packs import REVIEWED
from tests.support.parties import Cast, make_cast, page_client

pytestmark = pytest.mark.django_db

HEADER = "address,source_port,observed_at,evidence\n"
GOOD = HEADER + "198.51.100.7,50000,2026-09-14T21:05:09+02:00,A-1\n"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def typed(cast: Cast, **changes: Any) -> dict[str, Any]:
    return {
        "court": str(cast.desk.court.id),
        "jurisdiction": "es",
        "proceeding": "civil",
        "measure": "disclosure",
        "legal_relation": "Licensee of the recordings in annex 1.",
        "purpose": "To prepare a suit.",
        "categories": ["name", "postal-address"],
        "facts.es.civil-matter": "intellectual-property",
        "facts.es.applicant-holds-rights": "true",
        "facts.es.suit-prepared": "",
        "lines": GOOD,
    } | changes


def test_files_a_request_and_shows_its_page(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    response = client.post("/requests/new/", typed(cast))
    filed = DisclosureRequest.objects.get()
    assert response.headers["Location"] == f"/requests/{filed.reference}/?filed=1"
    assert filed.facts == {"civil-matter": "intellectual-property", "applicant-holds-rights": True}
    assert (filed.filed_by, filed.as_of) == (cast.desk.filer, None)
    shown = client.get(response.headers["Location"]).content.decode()
    assert "1 received" in shown
    assert "198.51.100.7" in shown
    assert REVIEWED in shown


def test_offers_no_as_of_day_and_ignores_one_that_is_sent(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    assert "as_of" not in client.get("/requests/new/").content.decode()
    client.post("/requests/new/", typed(cast, as_of="2008-01-29"))
    assert DisclosureRequest.objects.get().as_of is None


def test_keeps_everything_typed_and_lists_every_problem_with_its_line(cast: Cast) -> None:
    lines = HEADER + "10.0.0.1,443,2026-09-14T21:05:09,A-1\n198.51.100.9,50000,2026-09-14T21:05:09Z,A-2\n"
    response = page_client(cast.desk.filer).post(
        "/requests/new/", typed(cast, purpose="", legal_relation="Keep <b>me</b>", proceeding="", lines=lines)
    )
    assert response.status_code == 422
    assert not DisclosureRequest.objects.exists()
    page = response.content.decode()
    for kept in ("10.0.0.1,443,2026-09-14T21:05:09,A-1", "198.51.100.9,50000", "Keep &lt;b&gt;me&lt;/b&gt;"):
        assert kept in page
    assert f'<option value="{cast.desk.court.id}" selected>' in page
    assert re.search(r'value="postal-address"[^>]*checked', page)
    # Without a proceeding the law asks nothing yet, and what was answered is kept out of sight.
    assert 'type="hidden" name="facts.es.civil-matter" value="intellectual-property"' in page
    rows = re.findall(r'<td data-label="Line">(.*?)</td><td data-label="Field">(.*?)</td>', page)
    assert rows == [
        ("–", "Proceeding"),
        ("–", "Purpose"),
        ("line 1", "address"),
        ("line 1", "source port"),
        ("line 1", "observed at"),
    ]


def test_puts_the_lines_of_a_file_into_the_box_so_that_they_can_be_mended_and_resent(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    content = HEADER + "198.51.100.7,70000,2026-09-14T21:05:09+02:00,A-1\n"
    sent = typed(cast, lines="", file=SimpleUploadedFile("lines.csv", b"\xef\xbb\xbf" + content.encode()))
    page = client.post("/requests/new/", sent)
    assert page.status_code == 422
    assert "198.51.100.7,70000,2026-09-14T21:05:09+02:00,A-1" in page.content.decode()
    mended = typed(cast, lines=content.replace("70000", "50000"))
    assert client.post("/requests/new/", mended).status_code == 302


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "UTF-8"),
        (HEADER.replace(",", ";").encode(), "commas"),
        (b"", "first row must be"),
        (HEADER.encode(), "Give 1 to"),
        (GOOD.encode() + b"\x00", "NUL"),
    ],
)
def test_reports_a_file_that_cannot_be_read_together_with_the_other_problems(
    cast: Cast, content: bytes, says: str
) -> None:
    sent = typed(cast, purpose="", file=SimpleUploadedFile("lines.csv", content))
    response = page_client(cast.desk.filer).post("/requests/new/", sent)
    page = response.content.decode()
    # Django takes an empty file for none, so the box counts then.
    assert response.status_code == 422
    assert says in page or not content
    assert '<td data-label="Field">Purpose</td>' in page


def test_refuses_a_missing_or_forged_csrf_token(cast: Cast) -> None:
    client = page_client(cast.desk.filer)
    client.handler.enforce_csrf_checks = True
    response = client.post("/requests/new/", typed(cast))
    assert (response.status_code, "Please send it again" in response.content.decode()) == (403, True)
    assert not DisclosureRequest.objects.exists()


def test_shows_a_request_to_its_party_and_court_and_a_stranger_the_page_of_any_wrong_address(cast: Cast) -> None:
    request = file_lines(cast.desk)
    path = f"/requests/{request.reference}/"
    for user in (cast.desk.filer, cast.colleague, cast.desk.clerk):
        assert request.reference in page_client(user).get(path).content.decode()
    for user in (cast.stranger, cast.other_clerk, cast.authority):
        client = page_client(user)
        wrong = client.get("/requests/R-2222-2222-2222/")
        seen = client.get(path)
        assert (seen.status_code, _without_tokens(seen)) == (404, _without_tokens(wrong))
        assert request.reference not in client.get("/requests/").content.decode()
        assert client.post(f"{path}withdraw/").status_code in (403, 404)
    assert RequestLine.objects.get().state == State.RECEIVED


def test_turns_people_of_other_roles_away(cast: Cast) -> None:
    request = file_lines(cast.desk)
    for user in (cast.auditor, cast.engineer, cast.desk.ana):
        client = page_client(user)
        for path in ("/requests/", "/requests/new/", f"/requests/{request.reference}/"):
            assert client.get(path).status_code == 403, (user.username, path)


def test_says_why_the_law_refuses_with_citation_and_what_fits_instead(cast: Cast) -> None:
    request = file_lines(cast.desk, [make_line(1), make_line(2)], measure="disconnection")
    assess(request)
    page = page_client(cast.desk.filer).get(f"/requests/{request.reference}/").content.decode()
    assert "Lines 1, 2" in page
    assert "Directive 2001/29/EC" in page
    assert "source unchecked" in page
    assert "What fits instead:" in page
    assert "Withdraw" not in page


def test_takes_an_answer_to_an_open_question_with_its_reason(cast: Cast) -> None:
    request = file_lines(cast.desk, facts={}, answered=False)
    assess(request)
    client = page_client(cast.colleague)
    path = f"/requests/{request.reference}/"
    assert "Which rights does the civil claim rely on?" in client.get(path).content.decode()
    wrong = client.post(f"{path}answers/", {"fact": "civil-matter", "value": "other", "reason": ""})
    assert wrong.status_code == 422
    assert "Give the reason" in wrong.content.decode()
    assert '<option value="other" selected>' in wrong.content.decode()
    right = {"fact": "civil-matter", "value": "intellectual-property", "reason": "Phonograms."}
    assert client.post(f"{path}answers/", right).status_code == 302
    assert request.answers.get().answered_by == cast.colleague
    assert page_client(cast.stranger).post(f"{path}answers/", right).status_code == 404
    assert page_client(cast.desk.clerk).post(f"{path}answers/", right).status_code == 403


def test_withdraws_what_is_undecided(cast: Cast) -> None:
    request = file_lines(cast.desk)
    client = page_client(cast.desk.filer)
    path = f"/requests/{request.reference}/"
    assert "Withdraw for good" in client.get(path).content.decode()
    assert client.get(f"{path}withdraw/").status_code == 405
    assert client.post(f"{path}withdraw/").status_code == 302
    assert RequestLine.objects.get().state == State.WITHDRAWN
    assert "Withdraw for good" not in client.get(path).content.decode()
    assert client.post(f"{path}withdraw/").status_code == 403


def test_pages_through_ten_thousand_lines_in_hundreds(cast: Cast, django_assert_max_num_queries: Any) -> None:
    request = file_lines(cast.desk, [make_line(number) for number in range(1, 10_001)])
    client = page_client(cast.desk.filer)
    with django_assert_max_num_queries(30):
        page = client.get(f"/requests/{request.reference}/?page=100").content.decode()
    assert "10000 received" in page
    assert "Page 100 of 100" in page
    assert page.count('data-label="Evidence"') == 100
    assert len(page) < 200_000


def test_lists_a_few_of_many_problems_and_counts_the_rest(cast: Cast) -> None:
    lines = HEADER + "".join(f"10.0.0.1,{50_000 + n},2026-09-14T21:05:09Z,A\n" for n in range(1_000))
    page = page_client(cast.desk.filer).post("/requests/new/", typed(cast, lines=lines)).content.decode()
    assert "1000 problems to mend" in page
    assert "800 more are not listed" in page
    assert page.count('data-label="Line"') == 200


def test_shows_kinds_and_times_but_no_votes_and_nobody_of_the_operator(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    decide(cast.desk.ana, request, line_ids(request), Decision.Verdict.APPROVE, "Compared by Ana.")
    for user in (cast.desk.filer, cast.desk.clerk):
        page = page_client(user).get(f"/requests/{request.reference}/").content.decode()
        assert "Order document verified" in page
        for hidden in ("Ana", "decision:made", "Compared", "approved by", str(cast.desk.ana.id)):
            assert hidden not in page, hidden


def test_shows_trouble_of_the_worker_as_the_state_before_it(cast: Cast) -> None:
    request = make_reviewed(cast.desk)
    for person in (cast.desk.ana, cast.desk.luis):
        tranche = decide(person, request, line_ids(request), Decision.Verdict.APPROVE, "Compared.")
    assert tranche is not None
    client = page_client(cast.desk.filer)
    before = _without_tokens(client.get(f"/requests/{request.reference}/"))
    give_up(tranche.id, "crypto.unseal-failed")
    assert Event.objects.filter(kind="line:needs-attention").exists()
    assert _without_tokens(client.get(f"/requests/{request.reference}/")) == before


def test_reminds_of_the_key_until_one_is_registered(cast: Cast) -> None:
    client = page_client(cast.stranger)
    assert "No key is registered yet" in client.get("/requests/").content.decode()
    assert "No key is registered yet" not in page_client(cast.desk.filer).get("/requests/").content.decode()


def test_leads_to_the_order_that_was_attached(cast: Cast) -> None:
    request = file_lines(cast.desk)
    order = attach_and_check(cast.desk, request, [cover(make_line(1))])
    page = page_client(cast.colleague).get(f"/requests/{request.reference}/").content.decode()
    assert f'href="/orders/{order.id}/"' in page


def _without_tokens(response: Any) -> str:
    """A page without its CSRF tokens, which differ each time."""
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", response.content.decode())

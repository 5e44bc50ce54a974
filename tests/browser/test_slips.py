"""Counsel sends evidence with a request, is asked about the line that differs, and says why it is right as typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect

from broker.intake.models import DisclosureRequest, State
from broker.supervise import Supervisor
from tests.support.accounts import give_app, log_in_page
from tests.support.answers import answer_as_staff
from tests.support.browser import person, picture, real_hashes
from tests.support.cases import PASSWORD, Desk, assess, make_desk, states
from tests.support.deployment import add_web

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

EVIDENCE = Path(settings.BASE_DIR) / "fixtures" / "evidence" / "address-ends-in-170.log"
LINES = """address,source_port,observed_at,evidence
198.51.100.70,50001,2026-09-14T21:05:09+02:00,A-1
198.51.100.170,50001,2026-09-14T21:05:09+02:00,A-2
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server on the test databases."""
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        yield add_web(supervisor)


@pytest.fixture
def desk() -> Desk:
    with real_hashes():
        made = make_desk()
        for user in (made.filer, made.ana):
            give_app(user)
    return made


def test_a_line_that_differs_from_the_evidence_is_answered_for_by_its_typist(
    browser: Browser, address: str, desk: Desk
) -> None:
    with person(browser) as counsel, person(browser) as ana:
        log_in_page(counsel, address, desk.filer.username, PASSWORD)
        kind = "jurisdiction=es&proceeding=civil&measure=disclosure"
        counsel.goto(f"{address}/requests/new/?{kind}")
        counsel.get_by_label("Court", exact=True).select_option(label=desk.court.name)
        counsel.get_by_label("Rights or offence relied on").fill("Licensee of the recordings in annex 1.")
        counsel.get_by_label("Purpose", exact=True).fill("To prepare a suit.")
        counsel.get_by_label("Name", exact=True).check()
        counsel.get_by_label("Lines", exact=True).fill(LINES)
        counsel.get_by_label("Evidence", exact=True).set_input_files(EVIDENCE)
        picture(counsel, "slips-new-request")
        counsel.get_by_role("button", name="File the request").click()
        expect(counsel.get_by_role("heading", name="Filed. Are these the moments you meant?")).to_be_visible()
        expect(counsel.get_by_role("button", name="Withdraw line 2", exact=True)).to_be_visible()
        expect(counsel.get_by_role("heading", name="Is this what you meant?")).to_be_visible()
        expect(counsel.locator("article.slip")).to_have_count(1)
        picture(counsel, "slips-questions")
        counsel.set_viewport_size({"width": 390, "height": 844})
        picture(counsel, "slips-questions-narrow")
        counsel.set_viewport_size({"width": 1280, "height": 900})
        filed = DisclosureRequest.objects.get()
        answer_as_staff(filed, [desk.ana, desk.luis])
        assess(filed)
        log_in_page(ana, address, desk.ana.username, PASSWORD)
        ana.goto(f"{address}/admin/broker/disclosurerequest/{filed.id}/change/")
        expect(ana.get_by_text("Not answered by who typed it.")).to_be_visible()
        picture(ana, "slips-decision-open")
        counsel.get_by_role("button", name="It is right as typed").click()
        expect(counsel.get_by_text("Choose from the list.")).to_be_visible()
        counsel.get_by_label("It is right as typed, because").select_option(value="compared")
        counsel.get_by_label("What you compared").fill("The server's own log, page 3, says .70 as well.")
        counsel.get_by_role("button", name="It is right as typed").click()
        expect(counsel.get_by_role("heading", name="Is this what you meant?")).to_have_count(0)
        picture(counsel, "slips-answered")
        ana.reload()
        expect(ana.get_by_text("The server's own log, page 3", exact=False)).to_be_visible()
        picture(ana, "slips-decision-answered")
        assert State.UNDER_REVIEW not in states(filed)

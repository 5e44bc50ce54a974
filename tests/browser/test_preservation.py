"""Counsel asks for data to be preserved, the court orders it, legal staff keep them, and each sees how it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from broker.intake.models import DisclosureRequest
from broker.supervise import Supervisor
from tests.support.accounts import give_app, log_in_page
from tests.support.browser import person, picture, real_hashes
from tests.support.cases import (
    PASSWORD,
    SEEN_AT,
    Desk,
    assess,
    attach_and_check,
    cover,
    make_desk,
    make_line,
    signed_order,
    states,
)
from tests.support.deployment import add_web

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True, scope="module")
def _order_before_the_browser() -> None:
    # Signing runs an event loop of its own, which cannot be while the browser's runs; once made, the order is kept.
    signed_order()


@pytest.fixture
def desk() -> Desk:
    with real_hashes():
        made = make_desk()
        for user in (made.filer, made.clerk, made.ana):
            give_app(user)
    return made


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server on the test databases."""
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        yield add_web(supervisor)


def test_it_is_filed_ordered_and_kept(browser: Browser, address: str, desk: Desk) -> None:
    line = make_line(7)
    until = (timezone.now().astimezone(UTC).date() + timedelta(days=60)).isoformat()
    with person(browser) as page:
        log_in_page(page, address, desk.filer.username, PASSWORD)
        page.goto(f"{address}/requests/new/?jurisdiction=es&proceeding=civil&measure=preservation")
        expect(page.get_by_text("A request to preserve is answered by a hold")).to_be_visible()
        expect(page.get_by_text("The law refuses a request of this kind")).to_have_count(0)
        page.get_by_label("Court", exact=True).select_option(label=desk.court.name)
        page.get_by_label("Rights or offence relied on").fill("Producer of phonograms")
        page.get_by_label("Purpose").fill("The rows would have expired before the judge decides.")
        page.get_by_label("Name", exact=True).check()
        page.locator("textarea[name=lines]").fill(
            f"address,source_port,observed_at,evidence\n{line['address']},{line['source_port']},{SEEN_AT},A-1\n"
        )
        picture(page, "preserve-1-form")
        page.get_by_role("button", name="File the request").click()
        expect(page).to_have_url(re.compile(r"/requests/R-[A-Z0-9-]+/\?filed=1$"))
        own = page.url.partition("?")[0]
        filed = DisclosureRequest.objects.get()
        assess(filed)
        page.goto(own)
        expect(page.get_by_text("Log rows can be kept, but only on an order")).to_be_visible()
        picture(page, "preserve-2-awaiting-order")
        attach_and_check(desk, filed, [cover(line)])
        assess(filed)
        assert states(filed) == ["UNDER_REVIEW"]
        with person(browser) as theirs:
            log_in_page(theirs, address, desk.ana.username, PASSWORD)
            theirs.goto(f"{address}/admin/broker/disclosurerequest/{filed.id}/change/")
            expect(theirs.get_by_text("An order to preserve, once verified, is kept by a hold.").first).to_be_visible()
            expect(theirs.get_by_role("button", name=re.compile("^Approve"))).to_have_count(0)
            picture(theirs, "preserve-3-legal")
            theirs.get_by_label(re.compile("^Keep through")).fill(until)
            theirs.get_by_label(re.compile("^Reason for the hold")).fill("The court says so; see the order, page 1.")
            theirs.get_by_role("button", name="Keep the rows of 1 line").click()
            expect(theirs.get_by_role("heading", name=f"held through {until}")).to_be_visible()
            picture(theirs, "preserve-4-held")
        assert states(filed) == ["HELD"]
        page.goto(own)
        expect(page.get_by_text(f"through {until}")).to_be_visible()
        expect(page.get_by_text("Nothing is disclosed on this request.")).to_be_visible()
        picture(page, "preserve-5-kept")
        page.goto(f"{address}/requests/")
        picture(page, "preserve-6-list")

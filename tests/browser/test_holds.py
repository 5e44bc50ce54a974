"""Legal staff have log rows kept from a browser, see that it is done, extend what may be extended, and end it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from broker.supervise import Supervisor
from tests.support.accounts import give_app, log_in_page
from tests.support.cases import PASSWORD, assess, file_lines, make_desk
from tests.support.deployment import add_web
from tests.support.holds import in_days

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# Where to keep pictures of the pages, for people who want to look at them.
PICTURES = os.environ.get("BROKER_TESTS_PICTURES")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"holds-{name}.png", full_page=True)


def test_a_hold_is_made_with_one_click_and_ended_with_a_reason(browser: Browser, tmp_path: Path) -> None:
    # The web server is a real one and knows the real hashes only.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"]):
        desk = make_desk()
    give_app(desk.ana)
    request = file_lines(desk, proceeding="criminal", facts={})
    assess(request)
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        address = add_web(supervisor)
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        log_in_page(page, address, "ana", PASSWORD)
        page.goto(f"{address}/admin/broker/disclosurerequest/{request.id}/change/")
        holds = page.locator("#holds")
        expect(holds.get_by_text("90 days, extended to 180 at most")).to_be_visible()
        expect(holds.locator("input[type=date]")).to_have_value(in_days(90).isoformat())
        picture(page, "offered")
        holds.locator("input[type=date]").fill(in_days(30).isoformat())
        holds.get_by_label("Reason").fill("The judge is being asked for an order.")
        holds.get_by_role("button", name="Keep the rows of 1 line").click()
        expect(page.get_by_text(f"Held through {in_days(30)}: 1 line.")).to_be_visible()
        expect(holds.get_by_text("The worker is about to do this")).to_be_visible()
        expect(holds.get_by_role("button", name="Extend the hold of 1 line")).to_be_visible()
        picture(page, "held")
        holds.get_by_text("End it", exact=True).click()
        holds.get_by_label("Reason. What has expired").fill("The wrong line was held.")
        picture(page, "ending")
        holds.get_by_role("button", name="End the hold of 1 line", exact=True).click()
        expect(page.get_by_text("Held no longer: 1 line.")).to_be_visible()
        expect(holds.get_by_text("1 no longer: ended by legal staff")).to_be_visible()
        picture(page, "ended")
        assert complaints == []

"""Two people grade a sensitive case each alone, they differ, and a third person is called in; each in a browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from broker.intake.models import DisclosureRequest
from broker.supervise import Supervisor
from tests.support.accounts import give_app, log_in_page
from tests.support.cases import PASSWORD, make_desk
from tests.support.deployment import add_web
from tests.support.judgement import AGAINST, FOR, REASONS, make_judged

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

# Where to keep pictures of the pages, for people who want to look at them.
PICTURES = os.environ.get("BROKER_TESTS_PICTURES")


@contextmanager
def judge(browser: Browser, address: str, name: str, request: DisclosureRequest) -> Iterator[Page]:
    """Somebody of legal staff, logged in, at the balancing of the request; nothing may break the content policy."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in_page(page, address, name, PASSWORD)
    page.goto(f"{address}/admin/broker/disclosurerequest/{request.id}/change/")
    expect(page.get_by_role("heading", name="Left to people")).to_be_visible()
    picture(page, f"request-{name}")
    page.locator("#balancing").get_by_role("link", name="Open").click()
    yield page
    context.close()
    assert [said for said in complaints if "status of 422" not in said] == []


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"balancing-{name}.png", full_page=True)


def grade(page: Page, grades: tuple[int, ...], words: str) -> None:
    """Fill in the whole form as a person does; first with a grade forgotten."""
    page.locator("summary", has_text="Scale and volume").click()
    page.locator("#factor-F1").fill("312 works over 40 days, says the expert's report.")
    page.locator("#page-F1").fill("order, page 3; annex 2, page 11")
    page.locator("summary", has_text="Sensitive content").click()
    page.locator("#factor-F9").fill("The titles are of adult films.")
    page.locator("#page-F9").fill("annex 1, pages 1 to 4")
    page.get_by_label("Yes", exact=True).check()
    page.locator("#suitable-reason").fill(words)
    page.locator("#means-1").fill("A notice passed on by the provider")
    page.locator("#rejected-1").fill("Three were sent; the uploads went on.")
    page.locator("#means-2").fill("Preservation of the data only")
    page.locator("#rejected-2").fill("A suit needs a defendant.")
    page.locator("#necessary-reason").fill("Nothing milder leads to a suit.")
    for name, value in zip(REASONS, grades, strict=True):
        if name != "claim_reliability":
            page.locator(f"input[name={name}][value='{value}']").check()
        page.locator(f"#{name}-reason").fill(f"{words} See the order, page 4.")
    page.get_by_role("button", name="Give this grading").click()
    expect(page.get_by_text("Claim reliability: Grade this")).to_be_visible()
    expect(page.locator("#suitable-reason")).to_have_value(words)
    page.locator(f"input[name=claim_reliability][value='{grades[-1]}']").check()
    page.get_by_role("button", name="Give this grading").click()
    expect(page.get_by_text("Your grading is recorded")).to_be_visible()


def test_two_graders_disagree_and_a_third_person_is_called_in(browser: Browser, tmp_path: Path) -> None:
    # The web server is a real one and knows the real hashes only.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"]):
        desk = make_desk()
    for user in (desk.ana, desk.luis, desk.marta):
        give_app(user)
    with transaction.atomic():
        request = make_judged(desk, count=3)
    with Supervisor(tmp_path / "logs", say=lambda _: None) as supervisor:
        address = add_web(supervisor)
        with judge(browser, address, "ana", request) as page:
            expect(page.get_by_text("shared by 3 lines")).to_be_visible()
            picture(page, "fresh")
            grade(page, FOR, "Words of Ana.")
            picture(page, "one-given")
        with judge(browser, address, "luis", request) as page:
            expect(page.get_by_text("One of two people has graded it.")).to_be_visible()
            assert "Words of Ana" not in page.content()
            assert "W =" not in page.content()
            grade(page, AGAINST, "Words of Luis.")
            expect(page.get_by_text(re.compile("Words of Ana")).first).to_be_visible()
            expect(page.get_by_text("a third person has to look at it")).to_be_visible()
            expect(page.get_by_role("button", name="Record this conclusion")).to_have_count(0)
            picture(page, "differ")
        with judge(browser, address, "marta", request) as page:
            expect(page.get_by_role("heading", name="You are the third person")).to_be_visible()
            page.get_by_label("For the disclosure").check()
            page.get_by_label("Reasons").fill("The order itself finds persistence and scale.")
            picture(page, "third")
            page.get_by_role("button", name="Give this review").click()
            expect(page.get_by_text("Your review is recorded")).to_be_visible()
            expect(page.get_by_role("button", name="Record this conclusion")).to_have_count(0)
        with judge(browser, address, "luis", request) as page:
            page.get_by_label("For the disclosure").check()
            page.get_by_label("Reasons").fill("Marta has convinced me.")
            page.get_by_label("When and how the subscriber is told").fill("By post, with the answer.")
            page.get_by_label("What the subscriber is told about remedies").fill("Opposition within five days.")
            page.get_by_role("button", name="Record this conclusion").click()
            expect(page.get_by_text("Concluded for the disclosure.")).to_be_visible()
            picture(page, "concluded")
            page.get_by_role("link", name=request.reference).first.click()
            expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_visible()
            picture(page, "approvable")

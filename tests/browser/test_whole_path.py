"""Five people take one request from filing to the opened answer, each in a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect

from broker.release.envelope import open_package
from tests.support.accounts import log_in_page
from tests.support.answers import ANSWERS_OF_TWO, FINDINGS, STAFF_ANSWERS, STATEMENTS
from tests.support.deployment import add_web, workers
from tests.support.flow import DEMO, HIT, PASSWORD, Flow, load_stores

# How the forms say yes and no.
WORDS: dict[Any, str] = {True: "true", False: "false"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.django_db(transaction=True, databases=["default", "leases", "identities"]),
]


@contextmanager
def logged_in(browser: Browser, address: str, name: str) -> Iterator[Page]:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    log_in_page(page, address, name, PASSWORD)
    yield page
    context.close()
    # A form sent back with its defects is a 422, which Chromium reports like a missing picture.
    assert [e for e in errors if "status of 422" not in e] == [], "the browser complained, perhaps of the policy"


def test_from_filing_to_the_opened_answer(browser: Browser, tmp_path: Path) -> None:
    load_stores()
    # The web server is a real one and knows the real hashes only.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"]):
        flow = Flow.create()
    order = DEMO / "orders" / "case2-civil.pdf"
    with workers(tmp_path / "logs") as supervisor:
        address = add_web(supervisor)
        with logged_in(browser, address, "carla") as page:
            reference = file_request(page, address)
        with logged_in(browser, address, "marta") as page:
            attach_order(page, address, reference, order)
        for name, answers in (("laura", STAFF_ANSWERS | ANSWERS_OF_TWO), ("pedro", ANSWERS_OF_TWO)):
            with logged_in(browser, address, name) as page:
                answer_questions(page, address, reference, answers)
        for name, offered in (("laura", True), ("pedro", True), ("pedro", False)):
            with logged_in(browser, address, name) as page:
                decide(page, address, reference, offered=offered)
        with logged_in(browser, address, "carla") as page:
            package = download(page, address, reference)
    opened = open_package(
        package,
        flow.world.identities["phonograms"].read_text().strip(),
        operator_certificate=(settings.KEY_DIR / "seal.crt").read_bytes(),
    )
    (line,) = opened.release["lines"]
    assert set(line["subscriber"]) == {"name", "postal-address"}
    assert opened.release["request_reference"] == reference


def file_request(page: Page, address: str) -> str:
    page.goto(address + "/requests/new/")
    page.get_by_label("Jurisdiction", exact=True).select_option("es")
    page.get_by_label("Proceeding", exact=True).select_option("civil")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Court", exact=True).select_option(label="Juzgado de lo Mercantil n.º 99 de Madrid (ficticio)")
    page.get_by_label("Rights or offence relied on").fill("Producer of phonograms")
    page.get_by_label("Purpose").fill("To prepare a suit")
    for category in ("Name", "Postal address", "E-mail address"):
        page.get_by_label(category, exact=True).check()
    for fact, value in STATEMENTS.items():
        page.locator(f"[name='facts.es.{fact}']").select_option(WORDS.get(value, value))
    lines = page.locator("textarea[name=lines]")
    # First without an offset: the page says so by line and keeps what was typed.
    lines.fill(f"address,source_port,observed_at,evidence\n{HIT['address']},,2026-09-14T21:05:09,A-17\n")
    page.get_by_role("button", name="File the request").click()
    expect(page.get_by_text(re.compile("offset", re.I)).first).to_be_visible()
    expect(page.get_by_label("Purpose")).to_have_value("To prepare a suit")
    lines.fill(f"address,source_port,observed_at,evidence\n{HIT['address']},,{HIT['observed_at']},A-17\n")
    page.get_by_role("button", name="File the request").click()
    expect(page).to_have_url(re.compile(r"/requests/R-[A-Z0-9-]+/\?filed=1$"))
    reference = page.url.partition("/requests/")[2].partition("/")[0]
    wait_for_state(page, "Awaiting order")
    return reference


def wait_for_state(page: Page, word: str) -> None:
    """Load the page again until its line table says so; jobs works beside us."""
    for _ in range(100):
        if page.locator("table", has_text=re.compile(word, re.I)).count():
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError(f"no line came to say {word!r}")


def attach_order(page: Page, address: str, reference: str, order: Path) -> None:
    page.goto(f"{address}/requests/{reference}/orders/new/")
    page.locator("[name=document]").set_input_files(order)
    page.get_by_label("File number").fill("DP 118/2026")
    page.get_by_label("Made by").select_option("court")
    page.get_by_label("Proceeding", exact=True).select_option("civil")
    for label, text in {
        "Judge": "D.ª Inventada Ejemplar Modelo",
        "Issued on": "2026-10-20",
        "Expires on": "2036-10-20",
        "Addressee": "Telecable Ejemplo S.A.",
        "Recipient": "Asociación Fonográfica Ejemplo",
        "Legal basis": "LEC art. 256.1.11",
        "Terms of use": "Only for the suit.",
        "Notice": "Not deferred.",
    }.items():
        page.get_by_label(label, exact=True).fill(text)
    for category in ("Name", "Postal address"):
        page.get_by_label(category, exact=True).check()
    for field in page.locator("[name^='findings.']").all():
        value = FINDINGS[(field.get_attribute("name") or "").removeprefix("findings.")]
        field.select_option(WORDS.get(value, value))
    page.locator("textarea[name=lines]").fill(
        f"address,source_port,from,until\n{HIT['address']},,{HIT['observed_at']},\n"
    )
    page.locator("main form button[type=submit]").last.click()
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}/$"))
    wait_for_state(page, "registered signer")
    wait_for_state(page, "order has not expired")


def answer_questions(page: Page, address: str, reference: str, answers: Mapping[str, Any]) -> None:
    page.goto(f"{address}/admin/broker/disclosurerequest/?q={reference}")
    page.get_by_role("link", name=reference).click()
    for fact, value in answers.items():
        form = page.locator("#questions form", has=page.locator(f"input[name=fact][value={fact}]"))
        form.locator(f"input[name=value][value={WORDS[value]}]").check()
        form.get_by_label("Reason").fill("Seen in annex 1.")
        form.get_by_role("button", name="Record this answer").click()
        expect(page.locator(".messagelist .success, .messagelist .info").first).to_be_visible()


def decide(page: Page, address: str, reference: str, *, offered: bool) -> None:
    page.goto(f"{address}/admin/broker/disclosurerequest/?q={reference}")
    page.get_by_role("link", name=reference).click()
    expect(page.get_by_role("heading", name=f"Request {reference}")).to_be_visible()
    approve = page.get_by_role("button", name=re.compile("^Approve"))
    if not offered:
        expect(approve).to_have_count(0)
        return
    for _ in range(100):
        # Jobs ask the law once more after the last answer.
        if approve.count():
            break
        page.wait_for_timeout(200)
        page.reload()
    page.get_by_label("Line 1", exact=True).check()
    page.get_by_label(re.compile("Your reason")).fill("Address, time, data and addressee agree with the signed text.")
    approve.click()
    expect(page.locator(".messagelist .success, .messagelist .info").first).to_be_visible()


def download(page: Page, address: str, reference: str) -> bytes:
    page.goto(f"{address}/requests/{reference}/")
    link = page.locator("a[href*='/releases/'], form[action*='/releases/'] button").first
    for _ in range(150):
        if link.count():
            break
        page.wait_for_timeout(200)
        page.reload()
    with page.expect_download() as started:
        link.click()
    return Path(started.value.path()).read_bytes()
